//! Bans: listed, lifted, and by whom.

use reqwest::Method;
use serde_json::json;

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

async fn ban(by: &Client, who: &Client) {
    let (_socket, participant_id) = who.in_room("talk").await;
    assert_eq!(by.act(&format!("/v1/rooms/talk/participants/{participant_id}/ban")).await.status, 204);
}

async fn give(by: &Client, who: &Client, role: &str) {
    let path = format!("/v1/rooms/talk/members/{}", who.id);
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await.expect(200);
}

fn of(who: &Client) -> String {
    format!("/v1/rooms/talk/bans/{}", who.id)
}

#[tokio::test]
async fn who_was_banned_may_join_again_when_that_is_lifted() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    owner.send(Method::DELETE, &of(&ann), None).await.expect_problem(404, "not_found");
    ban(&owner, &ann).await;
    let mut socket = ann.socket().await;
    assert_eq!(socket.nack("room.join", json!({ "room": "talk" })).await["code"], "banned");
    let bans = owner.get("/v1/rooms/talk/bans").await.expect(200);
    assert_eq!(bans["items"][0]["userId"], ann.id.as_str());
    assert_eq!(bans["items"][0]["displayName"], "Ann");
    assert!(bans["items"][0]["bannedAt"].is_string());
    assert_eq!(owner.send(Method::DELETE, &of(&ann), None).await.status, 204);
    owner.send(Method::DELETE, &of(&ann), None).await.expect_problem(404, "not_found");
    socket.ack("room.join", json!({ "room": "talk" })).await;
    assert_eq!(owner.get("/v1/rooms/talk/bans").await.expect(200), json!({ "items": [] }));
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'rooms.ban.lift'").await, 1);
}

#[tokio::test]
async fn who_is_elsewhere_can_be_banned_and_who_is_inside_goes() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let put = async |by: &Client, who: &Client| by.send(Method::PUT, &of(who), None).await;
    give(&owner, &bob, "moderator").await;
    assert_eq!(put(&bob, &ann).await.status, 204);
    assert_eq!(put(&bob, &ann).await.status, 204, "it is banned already");
    let mut socket = ann.socket().await;
    assert_eq!(socket.nack("room.join", json!({ "room": "talk" })).await["code"], "banned");
    ann.get("/v1/rooms/talk/messages").await.expect_problem(403, "banned");

    // Nobody bans whom it does not stand above, itself, or who is not there.
    let cid = server.user("Cid").await;
    put(&cid, &ann).await.expect_problem(403, "forbidden");
    put(&bob, &owner).await.expect_problem(403, "forbidden");
    put(&bob, &bob).await.expect_problem(403, "forbidden");
    let nobody = format!("/v1/rooms/talk/bans/{}", uuid::Uuid::now_v7());
    bob.send(Method::PUT, &nobody, None).await.expect_problem(404, "not_found");

    let (mut inside, _) = cid.in_room("talk").await;
    assert_eq!(put(&owner, &cid).await.status, 204);
    assert_eq!(inside.expect("call.ended").await, json!({ "room": "talk", "reason": "banned" }));
    assert_eq!(inside.nack("room.join", json!({ "room": "talk" })).await["code"], "banned");
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'rooms.participant.ban'").await, 3);
}

#[tokio::test]
async fn nobody_lifts_the_ban_of_an_equal() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (ann, bob, cid) = (server.user("Ann").await, server.user("Bob").await, server.user("Cid").await);
    for moderator in [&ann, &bob] {
        give(&owner, moderator, "moderator").await;
    }
    for who in [&ann, &cid] {
        ban(&owner, who).await;
    }
    ann.send(Method::DELETE, &of(&ann), None).await.expect_problem(403, "banned");
    ann.get("/v1/rooms/talk/bans").await.expect_problem(403, "banned");
    bob.send(Method::DELETE, &of(&ann), None).await.expect_problem(403, "forbidden");
    assert_eq!(bob.send(Method::DELETE, &of(&cid), None).await.status, 204);
    cid.send(Method::DELETE, &of(&ann), None).await.expect_problem(403, "forbidden");
    cid.get("/v1/rooms/talk/bans").await.expect_problem(403, "forbidden");
    assert_eq!(owner.send(Method::DELETE, &of(&ann), None).await.status, 204);
}
