//! `docs/openapi.json` is what the routes say, and the routes are what it says.
//! `UPDATE=1 cargo test -p boltorezka-control openapi` writes it.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use crate::common::TestServer;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

#[test]
fn openapi_is_up_to_date() {
    let mut generated = boltorezka_control::openapi().unwrap();
    generated.push('\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "{} is stale: run UPDATE=1 cargo test -p boltorezka-control openapi",
        path.display()
    );
}

#[tokio::test]
async fn openapi_names_every_method_of_every_path() {
    let server = TestServer::start().await;
    // To strangers no workspace is there, whatever the method.
    let anybody = server.api_key().await;
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 25, "{} paths", paths.len());
    for (template, item) in paths {
        let path = template.replace("{workspace}", "default").replace(['{', '}'], "");
        for method in METHODS {
            let answer = anybody.send(method.to_uppercase().parse::<Method>().unwrap(), &path, None).await;
            if item.get(method).is_some() {
                let no_route =
                    answer.body["detail"].as_str().is_some_and(|detail| detail.starts_with("there is no route"));
                assert!(answer.status != 405 && !no_route, "{method} {template}: {}", answer.body);
            } else {
                answer.expect_problem(405, "method_not_allowed");
            }
        }
    }
}

#[test]
fn openapi_is_whole() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with(['1', '2', '3'])), "{method} {path}");
            for (status, answer) in answers.iter().filter(|(status, _)| status.as_str() >= "400") {
                let answer = answer["$ref"].as_str().map_or(answer, |reference| resolve(&document, reference));
                assert!(answer["content"]["application/problem+json"].is_object(), "{method} {path} {status}");
            }
        }
    }
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 30, "{references:?}");
    for reference in references {
        assert!(!resolve(&document, &reference).is_null(), "{reference} is nowhere");
    }
}

fn document() -> Value {
    serde_json::from_str(&boltorezka_control::openapi().unwrap()).unwrap()
}

fn resolve<'a>(document: &'a Value, reference: &str) -> &'a Value {
    document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null)
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    if let Some(reference) = value["$ref"].as_str() {
        found.insert(reference.to_owned());
    }
    match value {
        Value::Object(fields) => fields.values().for_each(|field| collect_references(field, found)),
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

/// `UPDATE=1 cargo test -p boltorezka-control contracts` writes `docs/features`.
#[test]
fn contracts_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/features");
    let pages = boltorezka_control::features();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &pages {
            std::fs::write(folder.join(format!("{name}.md")), text).unwrap();
        }
    }
    let files = std::fs::read_dir(&folder).map(|files| files.count()).unwrap_or_default();
    assert_eq!(files, pages.len(), "a page for each feature, and the index");
    for (name, text) in pages {
        let committed = std::fs::read_to_string(folder.join(format!("{name}.md"))).unwrap_or_default();
        assert!(committed == text, "{name}.md is stale: run UPDATE=1 cargo test -p boltorezka-control contracts");
    }
}
