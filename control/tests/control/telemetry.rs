//! The KPIs of `docs/kpi.md`: their metrics, and what clients tell of themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use boltorezka_proto::telemetry::{CallFailure, TELEMETRY_EVENTS_MAX};
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

/// Every sample, by its name and labels.
async fn samples(server: &TestServer) -> BTreeMap<String, f64> {
    let text = server.anybody().get("/metrics").await.expect(200).as_str().unwrap().to_owned();
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    samples.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

/// The PromQL expressions of the document, each with the heading that it stands under.
fn expressions() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kpi.md");
    let document = std::fs::read_to_string(path).unwrap();
    let sections = document.split("\n## ").skip(1);
    let parts = sections.map(|section| {
        let (heading, rest) = section.split_once('\n').unwrap();
        let (_, block) = rest.split_once("```promql\n").unwrap_or_else(|| panic!("{heading} has no expression"));
        (heading.to_owned(), block.split("```").next().unwrap().to_owned())
    });
    parts.collect()
}

/// The selectors of an expression: the metric and its matchers, such as `x{a="b"}`.
fn selectors(expression: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = expression.match_indices("boltorezka_").map(|(at, _)| &expression[at..]);
    let parse = |text: &str| {
        let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap());
        let matchers = rest.strip_prefix('{').map_or("", |rest| rest.split('}').next().unwrap());
        let equal = matchers.split(',').filter_map(|matcher| matcher.split_once("=\""));
        let exact = equal.filter(|(label, _)| label.trim().chars().all(is_name));
        (name.to_owned(), exact.map(|(l, v)| (l.trim().to_owned(), v.trim_end_matches('"').to_owned())).collect())
    };
    starts.map(parse).collect()
}

#[tokio::test]
async fn every_metric_of_the_kpis_is_there() {
    let server = TestServer::start().await;
    server.anybody().get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    let samples = samples(&server).await;
    let expressions = expressions();
    assert_eq!(expressions.len(), 6, "{expressions:?}");
    for (kpi, expression) in expressions {
        let selectors = selectors(&expression);
        assert!(!selectors.is_empty(), "{kpi} has no metric");
        for (name, labels) in selectors {
            let is_meant = |sample: &&String| {
                let (metric, rest) = sample.split_once('{').unwrap_or((sample, ""));
                metric == name && labels.iter().all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")))
            };
            assert!(samples.keys().any(|sample| is_meant(&sample)), "{kpi}: there is no {name} with {labels:?}");
        }
    }
}

#[tokio::test]
async fn labels_are_bounded_from_the_start() {
    let samples = samples(&TestServer::start().await).await;
    let reasons = samples.keys().filter_map(|name| name.strip_prefix("boltorezka_client_calls_failed_total{reason=\""));
    let reasons: BTreeSet<&str> = reasons.map(|rest| rest.trim_end_matches("\"}")).collect();
    assert_eq!(reasons, CallFailure::ALL.map(CallFailure::name).into());
}

async fn send(client: &Client, events: Value) -> crate::common::client::Answer {
    client.post("/v1/telemetry", json!({ "events": events })).await
}

#[tokio::test]
async fn telemetry_is_counted() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let guest = server.api_key().await.join_token("talk", "cid", Value::Null).await;
    let events = [
        ("sessionBegan", "boltorezka_client_sessions_began_total"),
        ("sessionEnded", "boltorezka_client_sessions_ended_total"),
        ("sessionCrashed", "boltorezka_client_sessions_crashed_total"),
        ("reconnectTried", "boltorezka_client_reconnects_tried_total"),
        ("reconnectSucceeded", "boltorezka_client_reconnects_succeeded_total"),
        ("callSetUp", "boltorezka_client_calls_set_up_total"),
        ("iceFailed", "boltorezka_client_ice_failures_total"),
    ];
    for (count, client) in [(1.0, &owner), (2.0, &guest)] {
        for (event, metric) in events {
            send(client, json!([{ "type": event }])).await.expect(204);
            assert_eq!(samples(&server).await[metric], count, "{event}");
        }
        for reason in CallFailure::ALL.map(CallFailure::name) {
            send(client, json!([{ "type": "callFailed", "reason": reason }])).await.expect(204);
            let metric = format!("boltorezka_client_calls_failed_total{{reason=\"{reason}\"}}");
            assert_eq!(samples(&server).await[&metric], count, "{reason}");
        }
    }
}

#[tokio::test]
async fn telemetry_is_bounded_and_of_clients_alone() {
    let server = TestServer::start_with(|config| {
        config.limits.telemetry_per_user_per_minute = Some(3);
        config.limits.telemetry_per_address_per_minute = Some(5);
    })
    .await;
    let began = json!({ "type": "sessionBegan" });
    let many = |count: usize| Value::Array(vec![began.clone(); count]);
    send(&server.anybody(), many(1)).await.expect_problem(401, "unauthenticated");
    send(&server.api_key().await, many(1)).await.expect_problem(403, "forbidden");
    let owner = server.owner().await;
    for bad in [json!([{ "type": "partied" }]), json!([{ "type": "callFailed", "reason": "bad luck" }]), json!({})] {
        send(&owner, bad).await.expect_problem(400, "malformed");
    }
    send(&owner, many(0)).await.expect_problem(422, "invalid");
    send(&owner, many(TELEMETRY_EVENTS_MAX + 1)).await.expect_problem(422, "invalid");
    assert_eq!(samples(&server).await["boltorezka_client_sessions_began_total"], 0.0, "all of a request or nothing");
    send(&owner, many(TELEMETRY_EVENTS_MAX)).await.expect(204);
    send(&owner, many(1)).await.expect_problem(429, "rate_limited");
    // The address has one more: whoever else is behind it waits after that.
    send(&server.user("Ann").await, many(1)).await.expect(204);
    send(&server.user("Ben").await, many(1)).await.expect_problem(429, "rate_limited");
    assert_eq!(samples(&server).await["boltorezka_client_sessions_began_total"], TELEMETRY_EVENTS_MAX as f64 + 1.0);
}

#[tokio::test]
async fn deliveries_are_counted_for_each_socket() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let (mut socket, _) = owner.in_room("talk").await;
    let (mut other, _) = server.user("Ann").await.in_room("talk").await;
    let message = json!({ "room": "talk", "text": "x" });
    socket.ack_with_key("message.send", message.clone(), Some("k")).await;
    other.expect("message.new").await;
    let queued = r#"boltorezka_chat_deliveries_total{outcome="queued"}"#;
    assert_eq!(samples(&server).await[queued], 2.0);

    server.sql("ALTER TABLE messages RENAME TO lost").await;
    assert_eq!(samples(&server).await["boltorezka_chat_sends_failed_total"], 0.0);
    let id = socket.request_with_key("message.send", message, Some("l")).await;
    assert_eq!(socket.answer(&id).await["code"], "internal");
    assert_eq!(samples(&server).await["boltorezka_chat_sends_failed_total"], 1.0);
}
