//! Edits, deletions, reactions, pins, reading and writing, as clients see them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, Socket, TestServer};

async fn say(socket: &mut Socket, text: &str, key: &str) -> Value {
    let sent = socket.ack_with_key("message.send", json!({ "room": "talk", "text": text }), Some(key)).await;
    sent["message"].clone()
}

fn of(message: &Value, more: Value) -> Value {
    let mut payload = json!({ "room": "talk", "messageId": message["id"] });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    payload
}

async fn code(socket: &mut Socket, kind: &str, payload: Value, key: Option<&str>) -> String {
    let id = socket.request_with_key(kind, payload, key).await;
    socket.answer(&id).await["code"].as_str().unwrap_or("acked").to_owned()
}

async fn talk() -> (TestServer, Client, Client, Socket, Socket) {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let ann = server.user("Ann").await;
    let (of_owner, _) = owner.in_room("talk").await;
    let (of_ann, _) = ann.in_room("talk").await;
    (server, owner, ann, of_owner, of_ann)
}

#[tokio::test]
async fn a_change_is_told_to_all_with_its_number() {
    let (_server, owner, _ann, mut of_owner, mut of_ann) = talk().await;
    let hello = say(&mut of_ann, "hello", "1").await;
    assert_eq!(hello["seq"], 1);
    let edit = of(&hello, json!({ "text": "hello, all", "mentions": [owner.id] }));
    let edited = of_ann.ack_with_key("message.edit", edit.clone(), Some("2")).await;
    assert_eq!((&edited["message"]["changedSeq"], &edited["message"]["text"]), (&json!(2), &json!("hello, all")));
    assert!(edited["message"]["editedAt"].is_string());
    let again = of_ann.ack_with_key("message.edit", edit, Some("2")).await;
    assert_eq!((&again["duplicate"], &again["message"]), (&json!(true), &edited["message"]));
    let reacted = of_owner.ack("message.react", of(&hello, json!({ "emoji": "👍", "on": true }))).await;
    assert_eq!(reacted["message"]["reactions"], json!([{ "emoji": "👍", "count": 1, "userIds": [owner.id] }]));
    let pinned = of_owner.ack("message.pin", of(&hello, json!({ "on": true }))).await;
    assert_eq!(owner.get("/v1/rooms/talk/pins").await.expect(200)["items"], json!([pinned["message"]]));
    let deleted = of_owner.ack_with_key("message.delete", of(&hello, json!({})), Some("3")).await;
    for socket in [&mut of_owner, &mut of_ann] {
        assert_eq!(socket.expect("message.new").await["message"], hello);
        for change in [&edited, &reacted, &pinned, &deleted] {
            assert_eq!(socket.expect("message.changed").await["message"], change["message"]);
        }
    }
    let left = &deleted["message"];
    assert_eq!((&left["seq"], &left["changedSeq"], &left["senderName"]), (&json!(1), &json!(5), &json!("Ann")));
    for gone in ["text", "reactions", "mentions", "pinnedAt", "editedAt"] {
        assert!(left[gone].is_null(), "{gone}");
    }
    assert_eq!(owner.get("/v1/rooms/talk/messages").await.expect(200)["items"], json!([left]));
    assert_eq!(owner.get("/v1/rooms/talk/pins").await.expect(200)["items"], json!([]));
    let again = of_ann.ack_with_key("message.send", json!({ "room": "talk", "text": "hello" }), Some("1")).await;
    assert_eq!((&again["duplicate"], &again["message"]), (&json!(true), left));
}

#[tokio::test]
async fn what_may_not_be_changed_is_refused() {
    let (server, owner, ann, mut of_owner, mut of_ann) = talk().await;
    let hello = say(&mut of_ann, "hello", "1").await;
    let of_admin = say(&mut of_owner, "mine", "1").await;
    let edit = of(&of_admin, json!({ "text": "not mine" }));
    assert_eq!(code(&mut of_ann, "message.edit", edit.clone(), Some("a")).await, "forbidden");
    assert_eq!(code(&mut of_ann, "message.delete", of(&of_admin, json!({})), Some("b")).await, "forbidden");
    assert_eq!(code(&mut of_ann, "message.pin", of(&hello, json!({ "on": true })), None).await, "forbidden");
    assert_eq!(code(&mut of_ann, "message.edit", of(&hello, json!({ "text": "x" })), None).await, "malformed");
    assert_eq!(code(&mut of_ann, "message.delete", of(&hello, json!({})), None).await, "malformed");
    for emoji in ["", "two words", "much too long to be one"] {
        let react = of(&hello, json!({ "emoji": emoji, "on": true }));
        assert_eq!(code(&mut of_ann, "message.react", react, None).await, "malformed");
    }
    let nobody = json!({ "room": "talk", "messageId": "01890000-0000-7000-8000-000000000000" });
    assert_eq!(code(&mut of_ann, "message.delete", nobody, Some("c")).await, "not_found");
    let many = vec![owner.id.clone(); 21];
    let crowd = json!({ "room": "talk", "text": "all", "mentions": many });
    assert_eq!(code(&mut of_ann, "message.send", crowd, Some("d")).await, "malformed");
    let stranger = json!({ "room": "talk", "text": "you", "mentions": ["01890000-0000-7000-8000-000000000000"] });
    assert_eq!(code(&mut of_ann, "message.send", stranger, Some("e")).await, "not_found");
    // A moderator does not stand above an admin; an admin stands above a moderator.
    let member = format!("/v1/rooms/talk/members/{}", ann.id);
    owner.send(Method::PUT, &member, Some(json!({ "role": "moderator" }))).await.expect(200);
    assert_eq!(code(&mut of_ann, "message.delete", of(&of_admin, json!({})), Some("f")).await, "forbidden");
    assert_eq!(code(&mut of_owner, "message.delete", of(&hello, json!({})), Some("f")).await, "acked");
    assert_eq!(code(&mut of_ann, "message.edit", of(&hello, json!({ "text": "x" })), Some("g")).await, "not_found");
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'chat.message.moderate'").await, 1);
    let outside = &mut ann.socket().await;
    for kind in ["sync.resume", "typing", "message.read"] {
        assert_eq!(code(outside, kind, json!({ "room": "talk", "seq": 0 }), None).await, "not_joined");
    }
}

#[tokio::test]
async fn what_is_unread_is_counted() {
    let (server, owner, ann, mut of_owner, mut of_ann) = talk().await;
    make_room(&owner, "zoo", "text").await;
    let unread = async |client: &Client| {
        let rooms = client.get("/v1/rooms").await.expect(200);
        let room = &rooms["items"][0];
        let one = client.get("/v1/rooms/talk").await.expect(200);
        ["lastSeq", "readSeq", "unreadCount", "mentionCount"].map(|key| {
            assert_eq!(room[key], one[key]);
            room[key].as_u64().unwrap()
        })
    };
    assert_eq!(unread(&ann).await, [0, 0, 0, 0]);
    let mention = json!({ "room": "talk", "text": "@Ann", "mentions": [ann.id, ann.id] });
    of_owner.ack_with_key("message.send", mention, Some("1")).await;
    say(&mut of_owner, "two", "2").await;
    say(&mut of_ann, "three", "3").await;
    assert_eq!(unread(&ann).await, [3, 0, 2, 1]);
    assert_eq!(unread(&owner).await, [3, 0, 1, 0]);
    assert_eq!(of_ann.ack("message.read", json!({ "room": "talk", "seq": 2 })).await["seq"], 2);
    assert_eq!(unread(&ann).await, [3, 2, 0, 0]);
    assert_eq!(of_ann.ack("message.read", json!({ "room": "talk", "seq": 1 })).await["seq"], 2);
    let key = server.api_key().await;
    assert!(key.get("/v1/rooms/talk").await.expect(200)["unreadCount"].is_null());
}

#[tokio::test]
async fn who_writes_is_told_to_the_others() {
    let server = TestServer::start_with(|config| config.limits.typing_per_user_per_s = Some(1)).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let ann = server.user("Ann").await;
    let (mut of_owner, _) = owner.in_room("talk").await;
    let (mut of_ann, _) = ann.in_room("talk").await;
    of_ann.ack("typing", json!({ "room": "talk" })).await;
    assert_eq!(of_owner.expect("typing").await, json!({ "room": "talk", "userId": ann.id, "displayName": "Ann" }));
    let own = of_ann.drain(Duration::from_millis(200)).await;
    assert!(own.iter().all(|frame| frame["type"] != "typing"), "{own:?}");
    let mut refused = 0;
    for _ in 0..8 {
        refused += u32::from(code(&mut of_ann, "typing", json!({ "room": "talk" }), None).await == "rate_limited");
    }
    assert!(refused >= 3, "{refused}");
}
