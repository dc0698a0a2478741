//! What follows from roles beyond the table of permissions: who may be moderated by whom, and who is promoted to what.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

async fn set_role(by: &Client, room: &str, user_id: &str, role: &str) {
    let path = format!("/v1/rooms/{room}/members/{user_id}");
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await.expect(200);
}

async fn promote(by: &Client, user_id: &str) -> crate::common::client::Answer {
    by.post(&format!("/v1/admin/users/{user_id}/promote"), json!({ "role": "admin" })).await
}

#[tokio::test]
async fn nobody_moderates_an_equal_or_themselves() {
    let server = TestServer::start().await;
    let super_admin = server.owner().await;
    let key = server.api_key().await;
    make_room(&super_admin, "talk", "video").await;
    let (moderator, owner) = (server.user("Moderator").await, server.user("Holder").await);
    let admin = server.user("Admin").await;
    promote(&super_admin, &admin.id).await.expect(200);
    set_role(&super_admin, "talk", &moderator.id, "moderator").await;
    set_role(&super_admin, "talk", &owner.id, "owner").await;
    let moderate = async |by: &Client, target: &str, what: &str| {
        by.act(&format!("/v1/rooms/talk/participants/{target}/{what}")).await.status
    };
    let (_a, of_moderator) = moderator.in_room("talk").await;
    let (_b, of_owner) = owner.in_room("talk").await;
    let (_c, of_admin) = admin.in_room("talk").await;
    let (_d, of_super_admin) = super_admin.in_room("talk").await;
    for what in ["mute", "kick", "ban"] {
        assert_eq!(moderate(&moderator, &of_moderator, what).await, 403);
        assert_eq!(moderate(&moderator, &of_owner, what).await, 403);
        assert_eq!(moderate(&owner, &of_admin, what).await, 403);
        assert_eq!(moderate(&admin, &of_super_admin, what).await, 403);
        assert_eq!(moderate(&super_admin, &of_super_admin, what).await, 403);
        assert_eq!(moderate(&key, &of_admin, what).await, 403);
    }
    assert_eq!(moderate(&owner, &of_moderator, "mute").await, 204);
    assert_eq!(moderate(&admin, &of_owner, "kick").await, 204);
    assert_eq!(moderate(&super_admin, &of_admin, "ban").await, 204);
    assert_eq!(moderate(&key, &of_moderator, "kick").await, 204);
}

#[tokio::test]
async fn promotion_goes_to_admin_and_no_further() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let ann = server.user("Ann").await;
    let path = format!("/v1/admin/users/{}/promote", ann.id);
    for role in ["user", "super_admin"] {
        owner.post(&path, json!({ "role": role })).await.expect_problem(400, "malformed");
    }
    owner.post(&path, json!({ "role": "god" })).await.expect_problem(400, "malformed");
    owner.post("/v1/admin/users/nobody/promote", json!({ "role": "admin" })).await.expect_problem(404, "not_found");
    promote(&owner, "01890000-0000-7000-8000-000000000000").await.expect_problem(404, "not_found");
    promote(&owner, &owner.id).await.expect_problem(400, "malformed");
    assert_eq!(promote(&owner, &ann.id).await.expect(200)["user"]["role"], "admin");
    assert_eq!(promote(&owner, &ann.id).await.expect(200)["user"]["role"], "admin");
    assert_eq!(ann.get("/v1/auth/me").await.expect(200)["user"]["role"], "admin");
    promote(&ann, &ann.id).await.expect_problem(403, "forbidden");
    // An identity of an API key is no account.
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let (_socket, _) = key.join_token("talk", "guest", Value::Null).await.in_room("talk").await;
    let guest = key.get("/v1/rooms/talk/participants").await.expect(200)["items"][0]["userId"].clone();
    promote(&owner, guest.as_str().unwrap()).await.expect_problem(404, "not_found");
}
