//! The OpenAPI document. Paths, parameters, bodies and answers stand at the handlers, and handlers become routes only
//! together with them (`routes!`; `clippy.toml` bans the other ways). Here is what all of them share: who may call, and
//! how a refusal looks.

use std::collections::BTreeMap;

use boltorezka_proto::workspaces::OptionalFeature;
use boltorezka_proto::{ErrorCode, Problem};
use serde_json::json;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ArrayItems, ComponentsBuilder, Schema};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Content, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, Tag};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::SESSION_COOKIE;

const PROBLEM: &str = "application/problem+json";

/// The beginning of the document: what is true of every route.
pub fn head() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Boltorezka")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Accounts, workspaces, rooms, chat and calls. `docs/protocol.md` tells it as a whole, with the socket and the calls.\n\n\
             Each path under `/v1` is about the default workspace, or the one of the API key or join token. In front of it any other may be \
             named: `/v1/workspaces/{workspace}/rooms` is `/v1/rooms` there. To those who are no members there is no such workspace (404).",
        ))
        .license(Some(license))
        .build();
    let components = ComponentsBuilder::new()
        .schema(ErrorCode::name(), ErrorCode::schema())
        .schema(Problem::name(), Problem::schema())
        .responses_from_iter(
            problems_by_status().into_iter().map(|(status, codes)| (component(status), problem(&codes))),
        )
        .security_scheme("session", session_scheme())
        .security_scheme("apiKey", bearer_scheme("An API key, as `boltorezka api-key NAME` prints it."))
        .security_scheme("joinToken", bearer_scheme("A join token of `POST /v1/join-tokens`."))
        .build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// A feature's routes under a heading of its own.
pub fn feature(name: &str, description: &str, routes: OpenApiRouter<App>) -> OpenApiRouter<App> {
    let mut routes = routes;
    let document = routes.get_openapi_mut();
    if document.paths.paths.is_empty() {
        return routes;
    }
    document.tags = Some(vec![tag(name, description)]);
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            operation.tags = Some(vec![name.to_owned()]);
        }
    }
    routes
}

/// Adds to each operation the refusals that follow from what it takes, and gives all refusals their form. What is
/// special to an operation stands at its handler.
pub fn complete(mut document: OpenApi) -> OpenApi {
    for (name, schema) in document.components.iter_mut().flat_map(|components| &mut components.schemas) {
        refer_to_items(name, schema);
    }
    for (path, item) in &mut document.paths.paths {
        for (is_safe, operation) in operations(item) {
            operation.request_body.iter_mut().for_each(never_null);
            for status in implied(path, is_safe, operation) {
                let known = Ref::from_response_name(component(status));
                operation.responses.responses.entry(status.to_string()).or_insert(RefOr::Ref(known));
            }
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response
                    && status.starts_with(['4', '5'])
                {
                    response.content.insert(PROBLEM.to_owned(), RefOr::T(problem_content()));
                }
            }
        }
    }
    document
}

/// Pages name their items' schema, where a derive repeats it.
fn refer_to_items(name: &str, schema: &mut RefOr<Schema>) {
    if let Some(item) = name.strip_prefix("Page_")
        && let RefOr::T(Schema::Object(page)) = schema
        && let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items")
    {
        items.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(item).into()));
    }
}

/// A body that may be left out is an empty one, and not `null`.
fn never_null(body: &mut RefOr<RequestBody>) {
    let RefOr::T(body) = body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(either))) = &content.schema
        {
            content.schema = either.items.iter().find(|schema| matches!(schema, RefOr::Ref(_))).cloned();
        }
    }
}

fn implied(path: &str, is_safe: bool, operation: &Operation) -> Vec<u16> {
    let takes = |wanted: ParameterIn| {
        operation.parameters.iter().flatten().any(|parameter| match parameter {
            RefOr::T(parameter) => parameter.parameter_in == wanted,
            RefOr::Ref(_) => false,
        })
    };
    let has_body = operation.request_body.is_some();
    let is_guarded = operation.security.as_ref().is_some_and(|schemes| !schemes.is_empty());
    let rules = [
        (400, has_body || takes(ParameterIn::Query)),
        (401, is_guarded),
        // Of what anybody may ask for, only a foreign page's requests are refused.
        (403, is_guarded || !is_safe),
        (404, takes(ParameterIn::Path) || is_optional(operation)),
        (413, has_body),
        (429, path.starts_with("/v1/")),
        (500, true),
    ];
    rules.into_iter().filter(|(_, applies)| *applies).map(|(status, _)| status).collect()
}

/// Whether a workspace can switch it off.
fn is_optional(operation: &Operation) -> bool {
    let tags = operation.tags.iter().flatten();
    tags.into_iter().any(|tag| OptionalFeature::find(tag).is_some())
}

/// The operations of a path, each with whether it changes nothing.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [(true, get), (false, put), (false, post), (false, delete), (false, patch)];
    all.into_iter().filter_map(|(is_safe, operation)| operation.as_mut().map(|operation| (is_safe, operation)))
}

fn problems_by_status() -> BTreeMap<u16, Vec<ErrorCode>> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in ErrorCode::ALL {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status
}

fn component(status: u16) -> String {
    format!("Problem{status}")
}

fn problem(codes: &[ErrorCode]) -> Response {
    let lines: Vec<String> = codes.iter().map(|code| format!("{}: {}.", json!(code), code.title())).collect();
    ResponseBuilder::new().description(lines.join("\n").replace('"', "`")).content(PROBLEM, problem_content()).build()
}

fn problem_content() -> Content {
    Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name(Problem::name()))))
}

fn session_scheme() -> SecurityScheme {
    let about = "The session that signing in begins. With `Authorization` it does not count.";
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(SESSION_COOKIE, about)))
}

fn bearer_scheme(about: &str) -> SecurityScheme {
    SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build())
}

fn tag(name: &str, description: &str) -> Tag {
    TagBuilder::new().name(name).description(Some(description)).build()
}
