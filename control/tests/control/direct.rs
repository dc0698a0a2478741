//! Two write to each other alone, refuse each other, call each other; nobody else sees anything of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::attachments::upload;
use crate::common::server::make_room;
use crate::common::workspaces::take_in;
use crate::common::{Client, Socket, TestServer};

/// The direct room of two. Returns its slug.
pub async fn begin(by: &Client, with: &Client) -> String {
    let answer = by.post("/v1/direct", json!({ "userId": with.id })).await;
    assert!([200, 201].contains(&answer.status), "{} {}", answer.status, answer.body);
    answer.body["room"].as_str().unwrap().to_owned()
}

async fn say(socket: &mut Socket, room: &str, text: &str) -> Value {
    socket.ack_with_key("message.send", json!({ "room": room, "text": text }), Some(text)).await["message"].clone()
}

async fn code(socket: &mut Socket, kind: &str, payload: Value) -> String {
    let id = socket.request_with_key(kind, payload, Some(kind)).await;
    let answer = socket.answer(&id).await;
    answer["code"].as_str().unwrap_or_else(|| panic!("{kind}: {answer}")).to_owned()
}

async fn entries(client: &Client) -> Vec<Value> {
    client.get("/v1/direct").await.expect(200)["items"].as_array().unwrap().clone()
}

async fn set_block(by: &Client, whom: &Client, on: bool) {
    let method = if on { Method::PUT } else { Method::DELETE };
    let answer = by.send(method, &format!("/v1/blocks/{}", whom.id), None).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
}

#[tokio::test]
async fn two_write_to_each_other_as_in_any_room() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let begun = ann.post("/v1/direct", json!({ "userId": bob.id })).await.expect(201);
    let room = begun["room"].as_str().unwrap().to_owned();
    assert_eq!(begun["user"], json!({ "id": bob.id, "displayName": "Bob", "online": false }));
    assert_eq!((&begun["state"], &begun["unreadCount"]), (&json!("open"), &json!(0)));
    assert_eq!(bob.post("/v1/direct", json!({ "userId": ann.id })).await.expect(200)["room"], room.as_str());
    let (mut of_ann, _) = ann.in_room(&room).await;
    let (mut of_bob, _) = bob.in_room(&room).await;
    let mut elsewhere = bob.socket().await;
    let said = say(&mut of_ann, &room, "hello").await;
    assert_eq!(of_bob.expect("message.new").await["message"], said);
    let told = elsewhere.expect("notification.new").await;
    assert_eq!((&told["notification"]["kind"], &told["unreadCount"]), (&json!("direct"), &json!(1)));
    assert_eq!(told["notification"]["message"], said);
    let entry = &entries(&bob).await[0];
    assert_eq!((&entry["unreadCount"], &entry["user"]["displayName"]), (&json!(1), &json!("Ann")));
    assert_eq!(entry["user"]["online"], true);
    of_bob.ack("message.read", json!({ "room": room, "seq": 1 })).await;
    assert_eq!(entries(&bob).await[0]["unreadCount"], 0);
    let inbox = bob.get("/v1/notifications").await.expect(200);
    assert_eq!((&inbox["unreadCount"], inbox["items"].as_array().unwrap().len()), (&json!(0), 1));
    // All else is as in any room: replies, reactions, edits, files, search, typing, what was missed.
    let answer = json!({ "room": room, "text": "hi Ann", "replyTo": said["id"] });
    let answer = of_bob.ack_with_key("message.send", answer, Some("2")).await["message"].clone();
    of_ann.ack("message.react", json!({ "room": room, "messageId": answer["id"], "emoji": "+", "on": true })).await;
    let edit = json!({ "room": room, "messageId": said["id"], "text": "hello you" });
    of_ann.ack_with_key("message.edit", edit, Some("3")).await;
    of_ann.ack("typing", json!({ "room": room })).await;
    assert_eq!(of_bob.expect("typing").await["userId"], ann.id.as_str());
    let file = upload(&ann, &room, "a.txt", b"the file").await.expect(201);
    let with_file = json!({ "room": room, "text": "look", "attachments": [file["id"]] });
    of_ann.ack_with_key("message.send", with_file, Some("4")).await;
    bob.get(&format!("/v1/attachments/{}", file["id"].as_str().unwrap())).await.expect(200);
    let found = bob.get(&format!("/v1/rooms/{room}/messages/search?q=hello")).await.expect(200);
    assert_eq!(found["items"][0]["id"], said["id"]);
    let delta = of_bob.ack("sync.resume", json!({ "room": room, "seq": 1 })).await;
    assert_eq!(delta["messages"].as_array().unwrap().len(), 3);
    // Its room says who the other one is; nobody moderates, renames or deletes it, and it is in no list of rooms.
    let seen = ann.get(&format!("/v1/rooms/{room}")).await.expect(200);
    assert_eq!((&seen["title"], &seen["kind"], &seen["myRole"]), (&json!("Bob"), &json!("direct"), &json!("member")));
    make_room(&owner, "talk", "text").await;
    for client in [&ann, &owner] {
        let rooms = client.get("/v1/rooms").await.expect(200);
        assert_eq!(rooms["items"].as_array().unwrap().len(), 1);
    }
    assert_eq!(
        code(&mut of_bob, "message.delete", json!({ "room": room, "messageId": said["id"] })).await,
        "forbidden"
    );
    let pin = json!({ "room": room, "messageId": said["id"], "on": true });
    assert_eq!(code(&mut of_bob, "message.pin", pin).await, "forbidden");
    let own = format!("/v1/rooms/{room}");
    ann.send(Method::PATCH, &own, Some(json!({ "title": "ours" }))).await.expect_problem(403, "forbidden");
    ann.send(Method::DELETE, &own, None).await.expect_problem(403, "forbidden");
    ann.act(&format!("{own}/invites")).await.expect_problem(403, "forbidden");
    let member = format!("{own}/members/{}", bob.id);
    ann.send(Method::PUT, &member, Some(json!({ "role": "listener" }))).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn nobody_else_sees_anything_of_it() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let (key, eve) = (server.api_key().await, server.user("Eve").await);
    let room = begin(&ann, &bob).await;
    let (mut of_ann, seat) = ann.in_room(&room).await;
    let (mut of_eve, mut of_owner) = (eve.socket().await, owner.socket().await);
    let message = say(&mut of_ann, &room, "between us").await;
    let id = message["id"].as_str().unwrap();
    let file = upload(&ann, &room, "a.txt", b"the file").await.expect(201);
    let paths = ["", "/members", "/messages", "/messages/search?q=us", "/pins", "/participants", "/bans", "/invites"];
    for client in [&owner, &key, &eve] {
        for path in paths {
            client.get(&format!("/v1/rooms/{room}{path}")).await.expect_problem(404, "not_found");
        }
        let file = format!("/v1/attachments/{}", file["id"].as_str().unwrap());
        client.get(&file).await.expect_problem(404, "not_found");
        let kick = format!("/v1/rooms/{room}/participants/{seat}/kick");
        client.act(&kick).await.expect_problem(404, "not_found");
        client.send(Method::DELETE, &format!("/v1/rooms/{room}"), None).await.expect_problem(404, "not_found");
        let title = Some(json!({ "title": "ours" }));
        client.send(Method::PATCH, &format!("/v1/rooms/{room}"), title).await.expect_problem(404, "not_found");
    }
    for socket in [&mut of_eve, &mut of_owner] {
        assert_eq!(code(socket, "room.join", json!({ "room": room })).await, "not_found");
    }
    let token = json!({ "room": room, "identity": "i", "displayName": "I" });
    key.post("/v1/join-tokens", token).await.expect_problem(404, "not_found");
    owner.get(&format!("/v1/admin/media/inspection?room={room}")).await.expect_problem(404, "not_found");
    make_room(&owner, "talk", "text").await;
    for list in ["/v1/admin/rooms", "/v1/admin/participants", "/v1/rooms", "/v1/direct", "/v1/notifications"] {
        let told = owner.get(list).await.expect(200).to_string();
        assert!(!told.contains(&room) && !told.contains(&seat) && !told.contains("between us"), "{list}: {told}");
    }
    // A participant of another room is not moved there, and nobody gets at its name beforehand.
    let (_in_talk, of_talk) = eve.in_room("talk").await;
    let moving = format!("/v1/rooms/talk/participants/{of_talk}/move");
    owner.post(&moving, json!({ "room": room })).await.expect_problem(404, "not_found");
    let body = json!({ "slug": room.replace('0', "1"), "title": "T", "kind": "text" });
    owner.post("/v1/rooms", body).await.expect_problem(400, "malformed");
    owner
        .post("/v1/rooms", json!({ "slug": "ours", "title": "T", "kind": "direct" }))
        .await
        .expect_problem(400, "malformed");
    // Only what one of the two reports is seen by admins: that message.
    say(&mut of_ann, &room, "another one").await;
    let report = format!("/v1/rooms/{room}/messages/{id}/report");
    eve.post(&report, json!({ "reason": "spam" })).await.expect_problem(404, "not_found");
    owner.post(&report, json!({ "reason": "spam" })).await.expect_problem(404, "not_found");
    assert_eq!(bob.post(&report, json!({ "reason": "spam" })).await.status, 204);
    let reports = owner.get("/v1/reports").await.expect(200);
    assert_eq!((reports["items"].as_array().unwrap().len(), &reports["items"][0]["text"]), (1, &json!("between us")));
    assert!(!reports.to_string().contains("another one"));
    owner.get(&format!("/v1/rooms/{room}/messages")).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn who_is_refused_reads_and_writes_no_more() {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let room = begin(&ann, &bob).await;
    let (mut of_ann, _) = ann.in_room(&room).await;
    let (mut of_bob, _) = bob.in_room(&room).await;
    let said = say(&mut of_bob, &room, "hello").await;
    let offer = json!({ "room": room, "sdp": "v=0" });
    for socket in [&mut of_ann, &mut of_bob] {
        socket.ack("call.offer", offer.clone()).await;
    }
    set_block(&ann, &bob, true).await;
    // Their call ends, and both stay in the room.
    for socket in [&mut of_ann, &mut of_bob] {
        assert_eq!(socket.expect("call.ended").await, json!({ "room": room, "reason": "left" }));
    }
    drop(node);
    for socket in [&mut of_bob, &mut of_ann] {
        for (kind, payload) in [
            ("message.send", json!({ "room": room, "text": "again" })),
            ("message.react", json!({ "room": room, "messageId": said["id"], "emoji": "+", "on": true })),
            ("typing", json!({ "room": room })),
            ("call.offer", offer.clone()),
        ] {
            let expected =
                if kind == "call.offer" { vec!["direct_refused", "media_unavailable"] } else { vec!["direct_refused"] };
            let code = code(socket, kind, payload).await;
            assert!(expected.contains(&code.as_str()), "{kind}: {code}");
        }
    }
    let edit = json!({ "room": room, "messageId": said["id"], "text": "worse" });
    assert_eq!(code(&mut of_bob, "message.edit", edit).await, "direct_refused");
    upload(&bob, &room, "a.txt", b"the file").await.expect_problem(403, "direct_refused");
    // It can be read, reported, and taken back.
    let history = bob.get(&format!("/v1/rooms/{room}/messages")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 1);
    assert_eq!(bob.post("/v1/direct", json!({ "userId": ann.id })).await.expect(200)["state"], "refused");
    assert_eq!(entries(&bob).await[0]["user"]["online"], false, "who refuses is not seen coming");
    let blocks = ann.get("/v1/blocks").await.expect(200);
    assert_eq!(
        (&blocks["items"][0]["displayName"], entries(&ann).await[0]["state"].as_str()),
        (&json!("Bob"), Some("refusing"))
    );
    assert_eq!(ann.get("/v1/auth/me/export").await.expect(200)["blocked"], json!([bob.id]));
    set_block(&ann, &bob, false).await;
    ann.send(Method::DELETE, &format!("/v1/blocks/{}", bob.id), None).await.expect_problem(404, "not_found");
    say(&mut of_bob, &room, "thank you").await;
    let cid = server.user("Cid").await;
    set_block(&cid, &bob, true).await;
    bob.post("/v1/direct", json!({ "userId": cid.id })).await.expect_problem(403, "direct_refused");
}

#[tokio::test]
async fn who_has_gone_is_not_written_to() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let acme = server.tenant(&admin, "acme").await;
    let (ann, bob, guest) = (server.user("Ann").await, server.user("Bob").await, server.user("Guest").await);
    for (who, role) in [(&ann, "member"), (&bob, "member"), (&guest, "guest")] {
        take_in(&admin, "acme", who, role).await;
    }
    let (ann, of_guest) = (ann.within("acme"), guest.within("acme"));
    // Guests answer, and begin nothing.
    of_guest.post("/v1/direct", json!({ "userId": ann.id })).await.expect_problem(403, "forbidden");
    let with_guest = begin(&ann, &guest).await;
    let (mut socket, _) = of_guest.in_room(&with_guest).await;
    say(&mut socket, &with_guest, "I may answer").await;
    let room = begin(&ann, &bob).await;
    let (mut of_ann, _) = ann.in_room(&room).await;
    say(&mut of_ann, &room, "hello").await;
    let leave = format!("/v1/workspaces/acme/members/{}", bob.id);
    assert_eq!(bob.send(Method::DELETE, &leave, None).await.status, 204);
    assert_eq!(code(&mut of_ann, "message.send", json!({ "room": room, "text": "there?" })).await, "recipient_gone");
    assert_eq!(ann.get(&format!("/v1/rooms/{room}/messages")).await.expect(200)["items"].as_array().unwrap().len(), 1);
    bob.within("acme").get(&format!("/v1/rooms/{room}/messages")).await.expect_problem(404, "not_found");
    assert_eq!(entries(&ann).await[0]["state"], "gone");
    let stranger = server.user("Stranger").await;
    for id in [stranger.id.as_str(), ann.id.as_str(), "01890000-0000-7000-8000-000000000000"] {
        ann.post("/v1/direct", json!({ "userId": id })).await.expect_problem(404, "not_found");
    }
    // Blocked by an admin of the server.
    let with_owner = begin(&ann, &acme).await;
    let (mut of_ann, _) = ann.in_room(&with_owner).await;
    admin.act(&format!("/v1/admin/users/{}/block", acme.id)).await.expect(200);
    let said = json!({ "room": with_owner, "text": "there?" });
    assert_eq!(code(&mut of_ann, "message.send", said).await, "recipient_gone");
    assert_eq!(code(&mut of_ann, "typing", json!({ "room": with_owner })).await, "recipient_gone");
}

#[tokio::test]
async fn beginning_is_bounded() {
    let server = TestServer::start_with(|config| {
        config.limits.direct_rooms_per_user = Some(1);
        config.limits.direct_rooms_per_user_per_minute = Some(3);
    })
    .await;
    let (ann, bob, cid) = (server.user("Ann").await, server.user("Bob").await, server.user("Cid").await);
    let with = |who: &Client| json!({ "userId": who.id });
    ann.post("/v1/direct", with(&bob)).await.expect(201);
    ann.post("/v1/direct", with(&cid)).await.expect_problem(403, "forbidden");
    ann.post("/v1/direct", with(&bob)).await.expect(200);
    ann.post("/v1/direct", with(&bob)).await.expect_problem(429, "rate_limited");
    cid.post("/v1/direct", with(&ann)).await.expect(201);
    server.anybody().post("/v1/direct", with(&bob)).await.expect_problem(401, "unauthenticated");
    server.api_key().await.post("/v1/direct", with(&bob)).await.expect_problem(403, "forbidden");
    for body in [json!({}), json!({ "userId": "x" })] {
        cid.post("/v1/direct", body).await.expect_problem(400, "malformed");
    }
    for cursor in ["x", "1.x", "x.01890000-0000-7000-8000-000000000000"] {
        cid.get(&format!("/v1/direct?cursor={cursor}")).await.expect_problem(400, "malformed");
    }
}

#[tokio::test]
async fn a_call_rings_and_is_missed_answered_or_declined() {
    let server = TestServer::start().await;
    let _node = server.node().await;
    server.linked().await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let room = begin(&ann, &bob).await;
    let (mut of_ann, _) = ann.in_room(&room).await;
    // He is in no room.
    let mut of_bob = bob.socket().await;
    let offer = json!({ "room": room, "sdp": "v=0" });
    of_ann.ack("call.offer", offer.clone()).await;
    let ringing = of_bob.expect("call.ringing").await["ringing"].clone();
    assert_eq!((&ringing["room"], &ringing["callerName"]), (&json!(room), &json!("Ann")));
    assert_eq!(entries(&bob).await[0]["ringing"], ringing);
    assert!(of_ann.drain(Duration::from_millis(100)).await.iter().all(|frame| frame["type"] != "call.ringing"));
    of_ann.ack("call.leave", json!({ "room": room })).await;
    let ended = json!({ "room": room, "callId": ringing["callId"], "reason": "missed" });
    assert_eq!(of_bob.expect("call.ring_ended").await, ended);
    let told = of_bob.expect("notification.new").await["notification"].clone();
    let call = json!({ "room": room, "callerId": ann.id, "callerName": "Ann" });
    assert_eq!((&told["kind"], &told["call"], told.get("message")), (&json!("missed_call"), &call, None));
    assert_eq!(bob.get("/v1/notifications").await.expect(200)["items"], json!([told]));
    // Twice in a minute is once. Declined is not missed.
    of_ann.ack("call.offer", offer.clone()).await;
    of_bob.expect("call.ringing").await;
    ann.act(&format!("/v1/rooms/{room}/call/decline")).await.expect_problem(404, "not_found");
    assert_eq!(bob.act(&format!("/v1/rooms/{room}/call/decline")).await.status, 204);
    for socket in [&mut of_bob, &mut of_ann] {
        let mut ended = socket.expect("call.ring_ended").await;
        if ended["reason"] == "missed" {
            ended = socket.expect("call.ring_ended").await;
        }
        assert_eq!(ended["reason"], "declined");
    }
    bob.act(&format!("/v1/rooms/{room}/call/decline")).await.expect_problem(404, "not_found");
    of_ann.ack("call.leave", json!({ "room": room })).await;
    of_ann.ack("call.offer", offer.clone()).await;
    of_bob.expect("call.ringing").await;
    of_bob.ack("room.join", json!({ "room": room })).await;
    of_bob.ack("call.offer", offer.clone()).await;
    assert_eq!(of_bob.expect("call.ring_ended").await["reason"], "answered");
    assert_eq!(server.count("SELECT count(*) FROM notifications").await, 1);
    // A minute after it began it is missed, though the caller waits on; and a server that was away catches up.
    for socket in [&mut of_ann, &mut of_bob] {
        socket.ack("call.leave", json!({ "room": room })).await;
    }
    server.clock.advance_ms(70_000);
    of_ann.ack("call.offer", offer).await;
    of_bob.expect("call.ringing").await;
    let stopped = server.stop().await;
    stopped.2.advance_ms(61_000);
    let server = TestServer::resume(stopped, "UPDATE direct_calls SET began_at = began_at").await;
    for _ in 0..100 {
        if server.count("SELECT count(*) FROM direct_calls").await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let server = server.restart().await;
    assert_eq!(server.count("SELECT count(*) FROM notifications WHERE kind = 'missed_call'").await, 2);
}
