//! What the audit keeps: who did what, to whom or to what, when, and from where.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::server::make_room;
use crate::common::{Client, TestServer};
use crate::custom_roles::{give, make_role};

#[derive(Debug)]
struct Entry {
    actor_kind: String,
    actor_id: Option<Uuid>,
    action: String,
    target: String,
    address: String,
    created_at_ms: i64,
}

async fn audit(server: &TestServer) -> Vec<Entry> {
    let query = "SELECT actor_kind, actor_id, action, target, address, created_at FROM audit ORDER BY created_at, id";
    let rows: Vec<(String, Option<Uuid>, String, String, String, i64)> = server.rows(query).await;
    let entry = |(actor_kind, actor_id, action, target, address, created_at_ms)| Entry {
        actor_kind,
        actor_id,
        action,
        target,
        address,
        created_at_ms,
    };
    rows.into_iter().map(entry).collect()
}

/// Everything that is kept, done once by `by` to `target`. Returns names with what their entries must name.
async fn act(by: &Client, room: &str, target: &Client) -> Vec<(&'static str, Vec<String>)> {
    let slug = || vec![room.to_owned()];
    let of_target = |word: &str| vec![room.to_owned(), target.id.clone(), word.to_owned()];
    let id = make_room(by, room, "video").await["id"].as_str().unwrap().to_owned();
    by.send(Method::PATCH, &format!("/v1/rooms/{room}"), Some(json!({ "title": "T" }))).await.expect(200);
    let member = format!("/v1/rooms/{room}/members/{}", target.id);
    by.send(Method::PUT, &member, Some(json!({ "role": "listener" }))).await.expect(200);
    assert_eq!(by.send(Method::DELETE, &member, None).await.status, 204);
    for what in ["mute", "unmute", "kick", "ban"] {
        let (_socket, participant_id) = target.in_room(room).await;
        let verb = what.trim_start_matches("un");
        let body = if what == "unmute" { json!({ "muted": false }) } else { json!({}) };
        let path = format!("/v1/rooms/{room}/participants/{participant_id}/{verb}");
        assert_eq!(by.post(&path, body).await.status, 204);
    }
    assert_eq!(by.send(Method::DELETE, &format!("/v1/rooms/{room}"), None).await.status, 204);
    let body = json!({ "url": format!("https://{room}.example/"), "events": ["room.created"] });
    let made = by.post("/v1/webhooks", body).await.expect(201);
    let webhook = made["webhook"]["id"].as_str().unwrap().to_owned();
    by.act(&format!("/v1/webhooks/{webhook}/replay")).await.expect(200);
    assert_eq!(by.send(Method::DELETE, &format!("/v1/webhooks/{webhook}"), None).await.status, 204);
    vec![
        ("rooms.room.create", slug()),
        ("rooms.room.update", slug()),
        ("rooms.member.set", vec![id.clone(), target.id.clone(), "Listener".to_owned()]),
        ("rooms.member.delete", vec![id, target.id.clone()]),
        ("rooms.participant.mute", of_target("Microphone")),
        ("rooms.participant.unmute", of_target("Microphone")),
        ("rooms.participant.kick", of_target("")),
        ("rooms.participant.ban", of_target("")),
        ("rooms.room.delete", slug()),
        ("webhooks.webhook.create", vec![webhook.clone()]),
        ("webhooks.webhook.replay", vec![webhook.clone()]),
        ("webhooks.webhook.delete", vec![webhook]),
    ]
}

#[tokio::test]
async fn every_act_of_power_is_kept_with_its_actor() {
    let started_at_ms = now_ms();
    let server = TestServer::start().await;
    let super_admin = server.owner().await;
    let (admin, target) = (server.user("Admin").await, server.user("Target").await);
    let other = server.user("Other").await;
    let key = server.api_key().await;
    let keys: Vec<(Uuid,)> = server.rows("SELECT id FROM api_keys").await;
    let (key_id,) = keys[0];
    let promote = format!("/v1/admin/users/{}/promote", admin.id);
    super_admin.post(&promote, json!({ "role": "admin" })).await.expect(200);
    for verb in ["block", "unblock"] {
        super_admin.act(&format!("/v1/admin/users/{}/{verb}", other.id)).await.expect(200);
    }
    for (path, created) in [("invites", "invite"), ("api-keys", "apiKey")] {
        let made = super_admin.post(&format!("/v1/admin/{path}"), json!({ "name": "shop" })).await.expect(201);
        let id = made[created]["id"].as_str().unwrap();
        let path = format!("/v1/admin/{path}/{id}");
        assert_eq!(super_admin.send(Method::DELETE, &path, None).await.status, 204);
    }
    server.sql("UPDATE users SET pending_since = 1 WHERE display_name = 'Other'").await;
    super_admin.act(&format!("/v1/admin/users/{}/approve", other.id)).await.expect(200);
    let link = format!("/v1/admin/users/{}/links", other.id);
    super_admin.post(&link, json!({ "kind": "reset_password" })).await.expect(201);
    let _node = server.node().await;
    server.linked().await;
    for verb in ["drain", "undrain"] {
        assert_eq!(super_admin.act(&format!("/v1/admin/media/{verb}")).await.status, 202);
    }
    let role = make_role(&super_admin, "default", json!({ "name": "Speaker" })).await;
    let path = format!("/v1/workspaces/default/roles/{role}");
    let change = json!({ "permissions": ["chat.message.send"], "roomRole": "moderator" });
    super_admin.send(Method::PATCH, &path, Some(change)).await.expect(200);
    give(&super_admin, "default", &other, &role).await;
    let held = format!("/v1/workspaces/default/members/{}/roles/{role}", other.id);
    assert_eq!(super_admin.send(Method::DELETE, &held, None).await.status, 204);
    assert_eq!(super_admin.send(Method::DELETE, &path, None).await.status, 204);
    let by_admin = act(&admin, "of-admin", &target).await;
    let by_key = act(&key, "of-key", &target).await;

    let id_of = |client: &Client| Some(client.id.parse::<Uuid>().unwrap());
    let mut expected = vec![
        ("owner_link", None, ("server.set_up", vec![super_admin.id.clone()])),
        ("owner_link", None, ("admin.api_key.create", vec![key_id.to_string()])),
        ("user", id_of(&super_admin), ("admin.user.promote", vec![admin.id.clone(), "admin".to_owned()])),
    ];
    for action in ["admin.user.block", "admin.user.unblock"] {
        expected.push(("user", id_of(&super_admin), (action, vec![other.id.clone()])));
    }
    for action in ["admin.invite.create", "admin.invite.revoke", "admin.api_key.create", "admin.api_key.revoke"] {
        expected.push(("user", id_of(&super_admin), (action, Vec::new())));
    }
    expected.push(("user", id_of(&super_admin), ("admin.user.approve", vec![other.id.clone()])));
    let link = vec![other.id.clone(), "reset_password".to_owned()];
    expected.push(("user", id_of(&super_admin), ("admin.link.create", link)));
    expected.push(("user", id_of(&super_admin), ("admin.media.drain", vec!["600 s".to_owned()])));
    expected.push(("user", id_of(&super_admin), ("admin.media.undrain", Vec::new())));
    let of_role = |words: &[&str]| [&[role.as_str()], words].concat().into_iter().map(str::to_owned).collect();
    for (action, words) in [
        ("workspaces.role.create", of_role(&["Speaker"])),
        ("workspaces.role.update", of_role(&["Speaker", "moderator", "chat.message.send"])),
        ("workspaces.role.assign", of_role(&[&other.id, "Speaker"])),
        ("workspaces.role.unassign", of_role(&[&other.id, "Speaker"])),
        ("workspaces.role.delete", of_role(&["Speaker"])),
    ] {
        expected.push(("user", id_of(&super_admin), (action, words)));
    }
    expected.extend(by_admin.into_iter().map(|act| ("user", id_of(&admin), act)));
    expected.extend(by_key.into_iter().map(|act| ("api_key", Some(key_id), act)));
    let kept = audit(&server).await;
    assert_eq!(kept.len(), expected.len(), "{kept:#?}");
    let permissions = boltorezka_control::permissions();
    for (entry, (actor_kind, actor_id, (action, words))) in kept.iter().zip(expected) {
        assert_eq!((entry.actor_kind.as_str(), entry.actor_id), (actor_kind, actor_id), "{entry:?}");
        assert_eq!(entry.action, action);
        assert!(words.iter().all(|word| entry.target.contains(word)), "{entry:?} does not name {words:?}");
        assert_eq!(entry.address, "127.0.0.1");
        assert!((started_at_ms..=now_ms()).contains(&entry.created_at_ms), "{entry:?}");
        let is_permission = permissions.contains(&format!("| `{action}` |"));
        assert!(is_permission || action == "server.set_up", "{action} is no permission");
    }
}

#[tokio::test]
async fn what_is_refused_is_not_kept() {
    let server = TestServer::start().await;
    let super_admin = server.owner().await;
    make_room(&super_admin, "talk", "video").await;
    let before = audit(&server).await.len();
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let (_socket, participant_id) = bob.in_room("talk").await;
    let body = Some(json!({ "slug": "mine", "title": "M", "kind": "text" }));
    ann.send(Method::POST, "/v1/rooms", body).await.expect_problem(403, "forbidden");
    ann.send(Method::DELETE, "/v1/rooms/talk", None).await.expect_problem(403, "forbidden");
    for what in ["kick", "ban", "mute"] {
        let path = format!("/v1/rooms/talk/participants/{participant_id}/{what}");
        ann.act(&path).await.expect_problem(403, "forbidden");
    }
    let promote = format!("/v1/admin/users/{}/promote", ann.id);
    ann.post(&promote, json!({ "role": "admin" })).await.expect_problem(403, "forbidden");
    server
        .anybody()
        .send(Method::DELETE, "/v1/rooms/talk", Some(Value::Null))
        .await
        .expect_problem(401, "unauthenticated");
    assert_eq!(audit(&server).await.len(), before);
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}
