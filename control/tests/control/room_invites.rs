//! Invites into a room.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::server::make_room;
use crate::common::{Client, TestServer};

async fn invite(by: &Client, body: Value) -> (String, String) {
    let made = by.post("/v1/rooms/talk/invites", body).await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["token"]), text(&made["invite"]["id"]))
}

async fn redeem(who: &Client, token: &str) -> Answer {
    who.post("/v1/room-invites/redeem", json!({ "token": token })).await
}

async fn give(by: &Client, who: &Client, role: &str) {
    let path = format!("/v1/rooms/talk/members/{}", who.id);
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await.expect(200);
}

#[tokio::test]
async fn an_invite_leads_into_a_hidden_room_of_another_workspace() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let owner = server.tenant(&admin, "acme").await;
    make_room(&owner, "talk", "video").await;
    owner.send(Method::PATCH, "/v1/rooms/talk", Some(json!({ "hidden": true }))).await.expect(200);
    let ann = server.user("Ann").await;
    let made = owner.act("/v1/rooms/talk/invites").await.expect(201);
    assert_eq!((&made["invite"]["role"], &made["invite"]["usesMax"]), (&json!("member"), &json!(1)));
    assert_eq!(made["invite"]["createdBy"], owner.id.as_str());
    let of_ann = ann.within("acme");
    of_ann.get("/v1/rooms").await.expect_problem(404, "not_found");
    let redeemed = redeem(&ann, made["token"].as_str().unwrap()).await.expect(200);
    assert_eq!((&redeemed["workspace"], &redeemed["room"]["slug"]), (&json!("acme"), &json!("talk")));
    assert_eq!(redeemed["room"]["myRole"], "member");
    assert_eq!(ann.get("/v1/workspaces/acme").await.expect(200)["myRole"], "guest");
    assert_eq!(of_ann.get("/v1/rooms").await.expect(200)["items"][0]["slug"], "talk");
    of_ann.in_room("talk").await;
    // Again is the same, and the last use is gone for others.
    redeem(&ann, made["token"].as_str().unwrap()).await.expect(200);
    let bob = server.user("Bob").await;
    redeem(&bob, made["token"].as_str().unwrap()).await.expect_problem(401, "invalid_token");
    let listed = owner.get("/v1/rooms/talk/invites").await.expect(200);
    assert_eq!((&listed["items"][0]["uses"], listed["items"][0].get("token")), (&json!(1), None));
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action LIKE 'rooms.invite.%'").await, 2);
}

#[tokio::test]
async fn an_invite_gives_no_more_than_its_maker_has() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    ann.act("/v1/rooms/talk/invites").await.expect_problem(403, "forbidden");
    give(&owner, &ann, "moderator").await;
    ann.post("/v1/rooms/talk/invites", json!({ "role": "owner" })).await.expect_problem(403, "forbidden");
    let (token, _) = invite(&ann, json!({ "role": "moderator", "uses": 2 })).await;
    give(&owner, &ann, "member").await;
    redeem(&bob, &token).await.expect_problem(401, "invalid_token");
    give(&owner, &ann, "moderator").await;
    // Who is inside has the role at once.
    let (mut socket, participant_id) = bob.in_room("talk").await;
    redeem(&bob, &token).await.expect(200);
    socket.sees(&participant_id, |seen| seen["role"] == "moderator").await;
    for bad in [json!({ "uses": 0 }), json!({ "uses": 10_001 }), json!({ "ttlS": 0 }), json!({ "ttlS": 7_776_001 })] {
        owner.post("/v1/rooms/talk/invites", bad).await.expect_problem(422, "invalid");
    }
    owner.post("/v1/rooms/talk/invites", json!({ "role": "king" })).await.expect_problem(400, "malformed");
    owner.post("/v1/rooms/nowhere/invites", json!({})).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_invite_ends_by_time_and_by_being_taken_back() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (expired, _) = invite(&owner, json!({ "ttlS": 60 })).await;
    server.clock.advance_ms(60_000);
    redeem(&ann, &expired).await.expect_problem(401, "invalid_token");
    let (revoked, id) = invite(&owner, json!({})).await;
    let path = format!("/v1/rooms/talk/invites/{id}");
    ann.send(Method::DELETE, &path, None).await.expect_problem(403, "forbidden");
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, 204);
    owner.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    redeem(&ann, &revoked).await.expect_problem(401, "invalid_token");
    redeem(&ann, "a guess").await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn the_banned_and_those_without_an_account_redeem_nothing() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (token, _) = invite(&owner, json!({})).await;
    let (_socket, participant_id) = ann.in_room("talk").await;
    assert_eq!(owner.act(&format!("/v1/rooms/talk/participants/{participant_id}/ban")).await.status, 204);
    redeem(&ann, &token).await.expect_problem(403, "banned");
    redeem(&server.anybody(), &token).await.expect_problem(401, "unauthenticated");
    let key = server.api_key().await;
    redeem(&key, &token).await.expect_problem(403, "forbidden");
    let visitor = key.join_token("talk", "visitor", Value::Null).await;
    redeem(&visitor, &token).await.expect_problem(403, "forbidden");
    // Nothing of it was used up.
    redeem(&server.user("Bob").await, &token).await.expect(200);
}

#[tokio::test]
async fn uses_are_exact_when_many_come_at_once() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (token, _) = invite(&owner, json!({ "uses": 4 })).await;
    let mut people = Vec::new();
    for n in 0..12 {
        people.push(server.user(&format!("User{n}")).await);
    }
    let answers = join_all(people.iter().map(|who| redeem(who, &token))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 4].as_slice(), &[401; 8]].concat());
    assert_eq!(server.count("SELECT count(*) FROM room_members").await, 5, "with the owner");
}
