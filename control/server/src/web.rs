//! The web client, which is part of the executable.

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use boltorezka_proto::{ErrorCode, Problem};
use rust_embed::{EmbeddedFile, RustEmbed};
use tower_http::compression::CompressionLayer;

/// What `npm run build` left behind when this executable was built.
#[derive(RustEmbed)]
#[folder = "../../clients/web/dist"]
#[allow_missing = true]
struct Client;

/// The page of every client route.
const INDEX: &str = "index.html";

/// Folder whose files carry a hash in their names.
const HASHED: &str = "assets/";

/// Shown by an executable that was built without the web client.
const MISSING: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Boltorezka</title>\
<h1>The web client is not part of this build</h1>\
<p>The server runs, and so does its API. To have the page too, build the client first and then the server:</p>\
<pre>npm ci\nnpm run build --workspace clients/web\ncargo build --workspace --bin boltorezka</pre><p>or simply <code>make run</code>.</p>";

/// Only what the page itself brings may run, load or connect.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
font-src 'self'; connect-src 'self'; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; \
base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Headers of everything that the web client's part of the server sends.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Addresses may hold a one-time token.
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(self), display-capture=(self)"),
];

/// Answers everything that no other route takes.
pub fn client() -> Router {
    Router::new().fallback(answer).layer(CompressionLayer::new())
}

async fn answer(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let mut response = if path == "v1" || path.starts_with("v1/") {
        not_found()
    } else if method != Method::GET && method != Method::HEAD {
        problem(ErrorCode::MethodNotAllowed, "Pages are only read")
    } else {
        page(path, headers.get(header::IF_NONE_MATCH))
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A file of the client, or its page for a client route.
fn page(path: &str, known: Option<&HeaderValue>) -> Response {
    if let Some(file) = Client::get(path) {
        return send(&file, path.starts_with(HASHED), known);
    }
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    if is_file || path.starts_with(HASHED) {
        return not_found();
    }
    match Client::get(INDEX) {
        Some(file) => send(&file, false, known),
        None => (StatusCode::NOT_FOUND, Html(MISSING)).into_response(),
    }
}

fn send(file: &EmbeddedFile, hashed: bool, known: Option<&HeaderValue>) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    let tag = format!("W/\"{tag}\"");
    let cache = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CACHE_CONTROL, cache), (header::ETAG, tag.as_str())];
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = [(header::CONTENT_TYPE, file.metadata.mimetype())];
    (headers, kind, file.data.clone()).into_response()
}

fn not_found() -> Response {
    problem(ErrorCode::NotFound, "There is nothing at this address")
}

fn problem(code: ErrorCode, detail: &str) -> Response {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&Problem::new(code, Some(detail.to_owned()))).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}
