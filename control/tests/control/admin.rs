//! What admins see of the whole server.

use boltorezka_proto::admin::{AdminSetting, SettingSource};
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

const LISTS: [&str; 6] = ["audit-log", "rooms", "participants", "outbox", "outbox/dead-letters", "settings"];

async fn items(by: &Client, list: &str) -> Vec<Value> {
    by.get(&format!("/v1/admin/{list}")).await.expect(200)["items"].as_array().unwrap().clone()
}

/// Every page of a list, an item at a time.
async fn one_by_one(by: &Client, list: &str) -> Vec<Value> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = by.get(&format!("/v1/admin/{list}?limit=1{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn only_admins_see_the_whole_server() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let (ann, key) = (server.user("Ann").await, server.api_key().await);
    let tenant = server.tenant(&admin, "acme").await;
    for list in LISTS {
        let path = format!("/v1/admin/{list}");
        server.anybody().get(&path).await.expect_problem(401, "unauthenticated");
        for client in [&ann, &key, &tenant] {
            client.get(&path).await.expect_problem(403, "forbidden");
        }
        admin.get(&path).await.expect(200);
        if list != "settings" {
            for bad in ["cursor=nonsense", "cursor=1", "limit=0", "limit=x"] {
                // A number is a cursor of the outbox.
                if (list, bad) != ("outbox", "cursor=1") {
                    admin.get(&format!("{path}?{bad}")).await.expect_problem(400, "malformed");
                }
            }
        }
    }
    for bad in [
        "actor=me",
        "from=yesterday",
        "until=1",
        "action=",
        &format!("action={}", "a".repeat(101)),
        "action=%00",
        "action=Admin",
        "action=%25",
    ] {
        admin.get(&format!("/v1/admin/audit-log?{bad}")).await.expect_problem(400, "malformed");
    }
}

#[tokio::test]
async fn the_audit_log_says_who_did_what() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let ann = server.user("Ann").await;
    let tenant = server.tenant(&admin, "acme").await;
    make_room(&tenant, "talk", "video").await;
    server.clock.advance_ms(60_000);
    for verb in ["block", "unblock"] {
        admin.act(&format!("/v1/admin/users/{}/{verb}", ann.id)).await.expect(200);
    }
    let log = items(&admin, "audit-log").await;
    let actions: Vec<&str> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..3], ["admin.user.unblock", "admin.user.block", "rooms.room.create"], "the latest first");
    assert_eq!(log[1]["actor"], json!({ "kind": "user", "userId": admin.id, "name": "Owner" }));
    assert_eq!((log[1]["target"].as_str(), log[1]["address"].as_str()), (Some(ann.id.as_str()), Some("127.0.0.1")));
    assert_eq!((log[1]["workspace"].as_str(), log[2]["workspace"].as_str()), (Some("default"), Some("acme")));
    assert_eq!(log.last().unwrap()["actor"], json!({ "kind": "owner_link" }));
    assert_eq!(one_by_one(&admin, "audit-log").await, log);

    let found = async |query: String| items(&admin, &format!("audit-log?{query}")).await;
    assert_eq!(found("action=admin.user".to_owned()).await, log[..2]);
    assert_eq!(found(format!("actor={}", tenant.id)).await, log[2..3]);
    let at = log[1]["createdAt"].as_str().unwrap();
    let since = found(format!("from={at}")).await;
    let before = found(format!("until={at}")).await;
    assert!(since.len() >= 2 && before[0] == log[2], "{since:?} {before:?}");
    assert_eq!(since.len() + before.len(), log.len() + usize::from(since.contains(&log[2])));
}

#[tokio::test]
async fn rooms_of_all_workspaces_are_listed_with_counts() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let tenant = server.tenant(&admin, "acme").await;
    make_room(&admin, "talk", "voice").await;
    make_room(&tenant, "talk", "video").await;
    let (_socket, _) = tenant.in_room("talk").await;
    let rooms = items(&admin, "rooms").await;
    let names: Vec<String> = rooms.iter().map(|room| format!("{} {}", room["workspace"], room["slug"])).collect();
    assert_eq!(names, [r#""acme" "talk""#, r#""default" "talk""#]);
    assert_eq!((&rooms[0]["participantCount"], &rooms[0]["inCallCount"]), (&json!(1), &json!(0)));
    assert_eq!((&rooms[1]["participantCount"], &rooms[1]["memberCount"]), (&json!(0), &json!(1)));
    assert_eq!(one_by_one(&admin, "rooms").await, rooms);
}

#[tokio::test]
async fn live_participants_are_listed_with_what_the_node_tells() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let tenant = server.tenant(&admin, "acme").await;
    make_room(&tenant, "talk", "video").await;
    make_room(&admin, "lobby", "video").await;
    let (_lobby, in_lobby) = server.user("Ann").await.in_room("lobby").await;
    let (mut socket, in_talk) = tenant.in_room("talk").await;
    assert!(items(&admin, "participants").await.iter().all(|seen| seen.get("connection").is_none()), "without a node");
    let node = server.node().await;
    server.linked().await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;

    let seen = items(&admin, "participants").await;
    let of = |id: &str| seen.iter().find(|seen| seen["participantId"] == id).unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!((of(&in_lobby)["workspace"].as_str(), of(&in_lobby)["room"].as_str()), (Some("default"), Some("lobby")));
    assert_eq!((&of(&in_lobby)["inCall"], of(&in_lobby).get("connection")), (&json!(false), None));
    assert_eq!((of(&in_talk)["workspace"].as_str(), &of(&in_talk)["inCall"]), (Some("acme"), &json!(true)));
    let connection = json!({
        "state": "connected", "stateAgeMs": 1500, "carrier": "udp", "rttMs": 42, "estimateBps": 600_000,
        "desiredBps": 2_000_000, "pictures": 0, "picturesLimited": 0, "tracks": [],
    });
    assert_eq!(of(&in_talk)["connection"], connection);
    assert_eq!(one_by_one(&admin, "participants").await, seen);
    // A node that is gone takes its part of the answer along, and not the answer.
    node.stop().await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let seen = items(&admin, "participants").await;
    assert!(seen.len() == 2 && seen.iter().all(|seen| seen.get("connection").is_none()), "{seen:?}");
}

#[tokio::test]
async fn what_the_node_has_not_confirmed_is_in_the_outbox() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    for slug in ["one", "two"] {
        make_room(&admin, slug, "video").await;
        assert_eq!(admin.send(reqwest::Method::DELETE, &format!("/v1/rooms/{slug}"), None).await.status, 204);
    }
    let waiting = items(&admin, "outbox").await;
    let seen: Vec<_> =
        waiting.iter().map(|row| (row["topic"].as_str().unwrap(), row["type"].as_str().unwrap())).collect();
    assert_eq!(seen, [("media", "closeRoom"), ("media", "closeRoom")]);
    assert_eq!(one_by_one(&admin, "outbox").await, waiting);
    let _node = server.node().await;
    server.linked().await;
    for _ in 0..300 {
        if items(&admin, "outbox").await.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("what the node was told still waits");
}

#[tokio::test]
async fn dead_letters_of_a_workspace_are_seen_and_replayed_by_an_admin() {
    let receivers = vec!["http://127.0.0.1:9".to_owned()];
    let server = TestServer::start_with(|config| config.webhooks_local_receivers = receivers).await;
    let admin = server.owner().await;
    let tenant = server.tenant(&admin, "acme").await;
    let body = json!({ "url": "http://127.0.0.1:9/hook?key=1", "events": ["room.created"] });
    let webhook = tenant.post("/v1/webhooks", body).await.expect(201);
    let id = webhook["webhook"]["id"].as_str().unwrap().to_owned();
    make_room(&tenant, "talk", "text").await;
    assert!(items(&admin, "outbox/dead-letters").await.is_empty());
    // As it is after the last try.
    let tried = async || server.count("SELECT count(*) FROM webhook_deliveries WHERE last_error IS NOT NULL").await;
    for _ in 0..500 {
        if tried().await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    server.sql("UPDATE webhook_deliveries SET next_attempt_at = NULL").await;
    let dead = items(&admin, "outbox/dead-letters").await;
    assert_eq!((dead[0]["workspace"].as_str(), dead[0]["webhookId"].as_str()), (Some("acme"), Some(id.as_str())));
    assert_eq!(
        (dead[0]["url"].as_str(), dead[0]["type"].as_str()),
        (Some("http://127.0.0.1:9/hook"), Some("room.created"))
    );
    assert!(dead[0]["lastError"].as_str().is_some_and(|error| !error.is_empty()), "{dead:?}");
    admin.within("acme").act(&format!("/v1/webhooks/{id}/replay")).await.expect(200);
    assert!(items(&admin, "outbox/dead-letters").await.is_empty());
}

#[tokio::test]
async fn settings_are_shown_as_the_server_has_them() {
    let setting = AdminSetting {
        key: "log".to_owned(),
        meaning: "Which log lines are written.".to_owned(),
        values: "info".to_owned(),
        source: SettingSource::Flag,
        origin: Some("flag --log".to_owned()),
        secret: false,
        is_set: true,
        value: Some("debug".to_owned()),
    };
    let shown = setting.clone();
    let server = TestServer::start_with(|config| config.settings = vec![setting]).await;
    let admin = server.owner().await;
    assert_eq!(items(&admin, "settings").await, [serde_json::to_value(shown).unwrap()]);
}
