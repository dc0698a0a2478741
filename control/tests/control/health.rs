//! Probes and metrics.

use boltorezka_control::{Config, Control, OpenError};
use boltorezka_proto::admission::{MediaMessage, NodeLoad};
use serde_json::json;

use crate::common::TestServer;
use crate::common::server::make_room;

#[tokio::test]
async fn alive_is_the_process_and_ready_is_what_it_needs() {
    let server = TestServer::start().await;
    let anybody = server.anybody();
    anybody.get("/livez").await.expect(200);
    let answer = anybody.get("/readyz").await;
    assert!(answer.body["detail"].as_str().unwrap().contains("media node"));
    answer.expect_problem(503, "unavailable");
    let node = server.node().await;
    server.linked().await;
    assert_eq!(anybody.get("/readyz").await.expect(200)["media"], "ok");
    node.stop().await;
    for _ in 0..200 {
        if anybody.get("/readyz").await.status == 503 {
            return anybody.get("/livez").await.expect(200).as_object().map(|_| ()).unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("ready without a node");
}

#[tokio::test]
async fn metrics_move() {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let value = async |name: &str| {
        let text = server.anybody().get("/metrics").await.expect(200).as_str().unwrap().to_owned();
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
    };
    let requests =
        r#"boltorezka_http_request_duration_seconds_count{method="GET",route="/v1/rooms/{slug}",status="2xx"}"#;
    let before = value(requests).await.unwrap_or(0.0);
    owner.get("/v1/rooms/talk").await.expect(200);
    assert_eq!(value(requests).await.unwrap(), before + 1.0);
    let unmatched = r#"boltorezka_http_request_duration_seconds_count{method="GET",route="unmatched",status="4xx"}"#;
    owner.get("/nothing").await.expect(404);
    assert_eq!(value(unmatched).await.unwrap(), 1.0);

    assert_eq!(value("boltorezka_realtime_sockets").await.unwrap(), 0.0);
    let (mut socket, _) = owner.in_room("talk").await;
    assert_eq!(value("boltorezka_realtime_sockets").await.unwrap(), 1.0);
    for _ in 0..2 {
        socket.ack_with_key("message.send", json!({ "room": "talk", "text": "x" }), Some("k")).await;
    }
    assert_eq!(value("boltorezka_chat_messages_total").await.unwrap(), 1.0);
    assert!(value("boltorezka_outbox_rows").await.is_some());

    for packets_received in [5, 7] {
        let dropped = [("unknown_source".to_owned(), packets_received)].into();
        let load = NodeLoad { packets_received, packets_dropped: dropped, connections: 2, ..NodeLoad::default() };
        node.say(MediaMessage::Load(load));
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(value("boltorezka_media_packets_received_total").await.unwrap(), 7.0);
    assert_eq!(value("boltorezka_media_packets_forwarded_total").await.unwrap(), 0.0);
    assert_eq!(value("boltorezka_media_connections").await.unwrap(), 2.0);
    let dropped = r#"boltorezka_media_packets_dropped_total{reason="unknown_source"}"#;
    assert_eq!(value(dropped).await.unwrap(), 7.0);
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_with_the_cure() {
    let data = tempfile::tempdir().unwrap();
    let open = async |url: &str| {
        let config = Config { database_url: url.to_owned(), ..Config::new(data.path()) };
        Control::open(config).await.map(|_| ()).unwrap_err()
    };
    let away = open("postgres://user:secret@127.0.0.1:1/db").await.to_string();
    assert!(away.contains("postgres://127.0.0.1:1/db") && !away.contains("secret"), "{away}");
    let unknown = open("postgres://user@localhost/db?schema=x").await;
    assert!(matches!(unknown, OpenError::PostgresAddress(_)) && unknown.to_string().contains("sslmode"));
    assert!(matches!(open("mysql://x").await, OpenError::UnknownScheme(_)));
    assert!(matches!(open("boltorezka.db").await, OpenError::UnknownScheme(_)));
    for no_file in ["sqlite://", "sqlite://:memory:", "sqlite://x.db?mode=ro"] {
        assert!(matches!(open(no_file).await, OpenError::NoFile(_)), "{no_file}");
    }
    assert!(open("sqlite:///nowhere/at/all.db").await.to_string().contains("/nowhere/at/all.db"));
}

#[tokio::test]
async fn nobody_else_of_the_machine_reads_the_data() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let config = Config::new(parent.path().join("data"));
    let _control = Control::open(config.clone()).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&config.data_dir), 0o700);
    for name in ["boltorezka.db", "boltorezka.db-wal"] {
        assert_eq!(mode(&config.data_dir.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn example_rooms_are_made_once() {
    let server = TestServer::start().await;
    assert_eq!(server.control.seed().await.unwrap(), 3);
    assert_eq!(server.control.seed().await.unwrap(), 0);
    let rooms = server.owner().await.get("/v1/rooms").await.expect(200);
    assert_eq!(rooms["items"].as_array().unwrap().len(), 3);
}
