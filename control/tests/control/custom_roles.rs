//! Roles that a workspace makes: who makes them, who holds them, and that nobody gets more by them than they were given.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::server::make_room;
use crate::common::workspaces::take_in;
use crate::common::{Client, Socket, TestServer};

/// Everything that a custom role can give.
pub async fn all_permissions(by: &Client, workspace: &str) -> Vec<String> {
    let listed = by.get(&format!("/v1/workspaces/{workspace}/permissions")).await.expect(200);
    let items = listed["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// Makes a custom role. Returns its id.
pub async fn make_role(by: &Client, workspace: &str, role: Value) -> String {
    let made = by.post(&format!("/v1/workspaces/{workspace}/roles"), role).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

fn held(workspace: &str, who: &Client, role: &str) -> String {
    format!("/v1/workspaces/{workspace}/members/{}/roles/{role}", who.id)
}

/// Gives a custom role.
pub async fn give(by: &Client, workspace: &str, who: &Client, role: &str) {
    let answer = by.send(Method::PUT, &held(workspace, who, role), None).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
}

async fn set_member(by: &Client, who: &Client, role: &str) -> Answer {
    let path = format!("/v1/workspaces/acme/members/{}", who.id);
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await
}

/// The server's owner, a workspace "acme" with an owner and a guest.
async fn acme() -> (TestServer, Client, Client, Client) {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let owner = server.tenant(&admin, "acme").await;
    let guest = server.user("Guest").await;
    take_in(&admin, "acme", &guest, "guest").await;
    (server, admin, owner, guest)
}

async fn says(socket: &mut Socket, key: &str) -> Value {
    let id = socket.request_with_key("message.send", json!({ "room": "talk", "text": "hello" }), Some(key)).await;
    socket.answer(&id).await
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_deleted() {
    let (_server, _, owner, guest) = acme().await;
    let roles = "/v1/workspaces/acme/roles";
    let body = json!({ "name": "Speaker", "permissions": ["chat.message.send", "calls.microphone.publish", "chat.message.send"] });
    let made = owner.post(roles, body.clone()).await.expect(201);
    assert_eq!(made["permissions"], json!(["chat.message.send", "calls.microphone.publish"]), "each once");
    assert_eq!(
        (&made["name"], &made["roomRole"], &made["memberCount"]),
        (&json!("Speaker"), &json!("listener"), &json!(0))
    );
    owner.post(roles, body).await.expect_problem(409, "conflict");
    let id = made["id"].as_str().unwrap();
    give(&owner, "acme", &guest, id).await;
    give(&owner, "acme", &guest, id).await;
    let own = json!([{ "id": id, "name": "Speaker" }]);
    let members = owner.get("/v1/workspaces/acme/members").await.expect(200);
    let of_guest = members["items"].as_array().unwrap().iter().find(|member| member["userId"] == guest.id.as_str());
    assert_eq!(of_guest.unwrap()["customRoles"], own);
    let of_owner = members["items"].as_array().unwrap().iter().find(|member| member["userId"] == owner.id.as_str());
    assert_eq!(of_owner.unwrap()["customRoles"], json!([]));
    let mine = guest.get("/v1/workspaces/acme").await.expect(200);
    assert_eq!(mine["myCustomRoles"], own);
    assert_eq!(mine["myGrantedPermissions"], json!(["calls.microphone.publish", "chat.message.send"]));
    let all = guest.get("/v1/workspaces").await.expect(200);
    let here = |slug: &str| all["items"].as_array().unwrap().iter().find(|it| it["slug"] == slug).unwrap().clone();
    assert_eq!(
        (here("acme")["myCustomRoles"].clone(), here("default")["myCustomRoles"].clone()),
        (own.clone(), json!([]))
    );
    assert_eq!(guest.get("/v1/auth/me/export").await.expect(200)["customRoles"], own);
    let kept = set_member(&owner, &guest, "member").await.expect(200);
    assert_eq!((&kept["role"], &kept["customRoles"]), (&json!("member"), &own), "beside its role");

    let path = format!("{roles}/{id}");
    let other = make_role(&owner, "acme", json!({ "name": "Other" })).await;
    let patch = async |body: Value| owner.send(Method::PATCH, &path, Some(body)).await;
    patch(json!({ "name": "Other" })).await.expect_problem(409, "conflict");
    let renamed = patch(json!({ "name": "Voice" })).await.expect(200);
    assert_eq!(
        (&renamed["name"], &renamed["permissions"], &renamed["memberCount"]),
        (&json!("Voice"), &made["permissions"], &json!(1))
    );
    let raised = patch(json!({ "permissions": [], "roomRole": "moderator" })).await.expect(200);
    assert_eq!(
        (&raised["name"], &raised["permissions"], &raised["roomRole"]),
        (&json!("Voice"), &json!([]), &json!("moderator"))
    );
    let listed = owner.get(roles).await.expect(200);
    let names: Vec<&str> = listed["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Other", "Voice"]);
    for role in [id, &other] {
        assert_eq!(owner.send(Method::DELETE, &format!("{roles}/{role}"), None).await.status, 204);
        owner.send(Method::DELETE, &format!("{roles}/{role}"), None).await.expect_problem(404, "not_found");
    }
    patch(json!({ "name": "Again" })).await.expect_problem(404, "not_found");
    owner.send(Method::PUT, &held("acme", &guest, id), None).await.expect_problem(404, "not_found");
    assert_eq!(guest.get("/v1/workspaces/acme").await.expect(200)["myCustomRoles"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_given_is_not() {
    let (server, admin, owner, guest) = acme().await;
    let chief = server.user("Chief").await;
    take_in(&admin, "acme", &chief, "admin").await;
    let role = make_role(&chief, "acme", json!({ "name": "Empty" })).await;
    let (roles, path) = ("/v1/workspaces/acme/roles".to_owned(), format!("/v1/workspaces/acme/roles/{role}"));
    // Of owners, of the server, of accounts, of roles, and nothing at all: whoever asks.
    let more = [
        "workspaces.workspace.delete",
        "admin.user.promote",
        "accounts.user.delete",
        "workspaces.role.assign",
        "workspaces.role.update",
        "rooms.member.set",
        "webhooks.webhook.create",
        "workspaces",
        "*",
        "",
    ];
    for (number, permission) in more.into_iter().enumerate() {
        for by in [&chief, &owner, &admin] {
            let body = json!({ "name": format!("More {number}"), "permissions": ["chat.message.send", permission] });
            by.post(&roles, body.clone()).await.expect_problem(400, "malformed");
            by.send(Method::PATCH, &path, Some(body)).await.expect_problem(400, "malformed");
        }
    }
    for body in [
        json!({ "name": "" }),
        json!({ "name": "n".repeat(41) }),
        json!({ "name": "two\nlines" }),
        json!({ "name": "x", "roomRole": "god" }),
        json!({ "name": "x", "permissions": "chat.message.send" }),
        json!({}),
    ] {
        owner.post(&roles, body).await.expect_problem(400, "malformed");
    }
    let left = owner.get(&roles).await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "nothing is half done");
    assert_eq!(left["items"][0]["permissions"], json!([]));
    // All that can be given an admin has, and so may give.
    let all = all_permissions(&chief, "acme").await;
    let made = chief.post(&roles, json!({ "name": "All", "permissions": all, "roomRole": "owner" })).await.expect(201);
    assert_eq!(made["permissions"].as_array().unwrap().len(), all.len());
    guest.get("/v1/workspaces/acme/permissions").await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn nobody_gives_themselves_more() {
    let (server, admin, owner, guest) = acme().await;
    let all = all_permissions(&owner, "acme").await;
    let strongest = json!({ "name": "All", "permissions": all, "roomRole": "owner" });
    let role = make_role(&owner, "acme", strongest).await;
    let spare = make_role(&owner, "acme", json!({ "name": "Spare", "roomRole": "owner" })).await;
    let member = server.user("Member").await;
    take_in(&admin, "acme", &member, "member").await;
    for who in [&guest, &member] {
        give(&owner, "acme", who, &role).await;
    }
    // Whoever manages members by it gives no more than its own role, and to nobody as high.
    for (by, give, to, allowed) in [
        (&member, "guest", &guest, true),
        (&member, "member", &guest, true),
        (&member, "member", &member, false),
        (&member, "admin", &member, false),
        (&member, "owner", &member, false),
        (&member, "admin", &guest, false),
        (&member, "member", &owner, false),
        (&member, "guest", &owner, false),
    ] {
        let answer = set_member(by, to, give).await;
        assert_eq!(answer.status, if allowed { 200 } else { 403 }, "{give}: {}", answer.body);
    }
    take_in(&owner, "acme", &guest, "guest").await;
    set_member(&guest, &guest, "member").await.expect_problem(403, "forbidden");
    let out = format!("/v1/workspaces/acme/members/{}", owner.id);
    member.send(Method::DELETE, &out, None).await.expect_problem(403, "forbidden");
    // Custom roles are out of its hands, its own too.
    for by in [&member, &guest] {
        by.post("/v1/workspaces/acme/roles", json!({ "name": "Mine" })).await.expect_problem(403, "forbidden");
        let path = format!("/v1/workspaces/acme/roles/{role}");
        by.send(Method::PATCH, &path, Some(json!({ "roomRole": "owner" }))).await.expect_problem(403, "forbidden");
        by.send(Method::DELETE, &path, None).await.expect_problem(403, "forbidden");
        by.send(Method::PUT, &held("acme", by, &spare), None).await.expect_problem(403, "forbidden");
        by.send(Method::DELETE, &held("acme", by, &role), None).await.expect_problem(403, "forbidden");
        by.get("/v1/workspaces/acme/roles").await.expect_problem(403, "forbidden");
        by.send(Method::DELETE, "/v1/workspaces/acme", None).await.expect_problem(403, "forbidden");
    }
    // Admins do not change each other, nor owners; in the default workspace by their roles on the server.
    let (chief, other) = (server.user("Chief").await, server.user("Other").await);
    take_in(&admin, "acme", &chief, "admin").await;
    take_in(&admin, "acme", &other, "admin").await;
    for to in [&chief, &other, &owner] {
        for method in [Method::PUT, Method::DELETE] {
            chief.send(method, &held("acme", to, &spare), None).await.expect_problem(403, "forbidden");
        }
    }
    give(&chief, "acme", &guest, &spare).await;
    admin.post(&format!("/v1/admin/users/{}/promote", chief.id), json!({ "role": "admin" })).await.expect(200);
    let at_home = make_role(&chief, "default", json!({ "name": "Spare" })).await;
    chief.send(Method::PUT, &held("default", &admin, &at_home), None).await.expect_problem(403, "forbidden");
    give(&chief, "default", &other, &at_home).await;
    // What is of another workspace is nothing here, whoever asks.
    for method in [Method::PUT, Method::DELETE] {
        admin.send(method.clone(), &held("default", &guest, &spare), None).await.expect_problem(404, "not_found");
        owner.send(method, &held("acme", &guest, &at_home), None).await.expect_problem(404, "not_found");
    }
    let path = format!("/v1/workspaces/acme/roles/{at_home}");
    owner.send(Method::PATCH, &path, Some(json!({ "roomRole": "owner" }))).await.expect_problem(404, "not_found");
    owner.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    let stranger = server.user("Stranger").await;
    owner.send(Method::PUT, &held("acme", &stranger, &spare), None).await.expect_problem(404, "not_found");
    owner.send(Method::PUT, "/v1/workspaces/acme/members/x/roles/y", None).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_role_counts_in_open_sockets_and_requests_from_now_on() {
    let (_server, _, owner, guest) = acme().await;
    make_room(&owner, "talk", "text").await;
    let here = guest.within("acme");
    let (mut socket, participant_id) = here.in_room("talk").await;
    let (mut watcher, of_owner) = owner.in_room("talk").await;
    assert_eq!(says(&mut socket, "1").await["code"], "forbidden");
    let make = json!({ "slug": "mine", "title": "Mine", "kind": "text" });
    here.post("/v1/rooms", make.clone()).await.expect_problem(403, "forbidden");
    let permissions = json!(["chat.message.send", "rooms.room.create", "rooms.participant.kick"]);
    let role = make_role(&owner, "acme", json!({ "name": "Writer", "permissions": permissions })).await;
    give(&owner, "acme", &guest, &role).await;
    assert_eq!(says(&mut socket, "2").await["type"], "ack");
    here.post("/v1/rooms", make.clone()).await.expect(201);
    guest.post("/v1/rooms", make).await.expect_problem(403, "forbidden");
    // A permission is no rank; a role in rooms is, and all see it.
    let kick = |id: &str| format!("/v1/rooms/talk/participants/{id}/kick");
    here.act(&kick(&of_owner)).await.expect_problem(403, "forbidden");
    let path = format!("/v1/workspaces/acme/roles/{role}");
    owner.send(Method::PATCH, &path, Some(json!({ "roomRole": "moderator" }))).await.expect(200);
    watcher.sees(&participant_id, |seen| seen["role"] == "moderator").await;
    assert_eq!(here.get("/v1/rooms/talk").await.expect(200)["myRole"], "moderator");
    here.act(&kick(&of_owner)).await.expect_problem(403, "forbidden");
    // A ban counts more than any role.
    owner.act(&format!("/v1/rooms/talk/participants/{participant_id}/ban")).await;
    assert_eq!(says(&mut socket, "3").await["code"], "not_joined");
    here.get("/v1/rooms/talk/messages").await.expect_problem(403, "banned");
    // Who comes back brings nothing along.
    let member = format!("/v1/workspaces/acme/members/{}", guest.id);
    assert_eq!(owner.send(Method::DELETE, &member, None).await.status, 204);
    take_in(&owner, "acme", &guest, "guest").await;
    assert_eq!(here.get("/v1/workspaces/acme").await.expect(200)["myGrantedPermissions"], json!([]));
}

#[tokio::test]
async fn an_invite_of_a_lost_role_is_worth_nothing() {
    let (server, _, owner, guest) = acme().await;
    make_room(&owner, "talk", "text").await;
    let role = json!({ "name": "Host", "permissions": ["rooms.invite.create"] });
    let role = make_role(&owner, "acme", role).await;
    give(&owner, "acme", &guest, &role).await;
    let here = guest.within("acme");
    let invites = "/v1/rooms/talk/invites";
    here.post(invites, json!({ "role": "moderator" })).await.expect_problem(403, "forbidden");
    let made = here.post(invites, json!({ "role": "listener", "uses": 5 })).await.expect(201);
    let token = made["token"].as_str().unwrap().to_owned();
    let redeem = async |who: &Client| who.post("/v1/room-invites/redeem", json!({ "token": token })).await;
    redeem(&server.user("First").await).await.expect(200);
    assert_eq!(owner.send(Method::DELETE, &held("acme", &guest, &role), None).await.status, 204);
    assert_eq!(redeem(&server.user("Second").await).await.status, 401);
}

#[tokio::test]
async fn there_are_bounds() {
    let (_server, _, owner, guest) = acme().await;
    let mut made = Vec::new();
    for number in 0..50 {
        made.push(make_role(&owner, "acme", json!({ "name": format!("Role {number}") })).await);
    }
    let one_more = json!({ "name": "One more" });
    owner.post("/v1/workspaces/acme/roles", one_more.clone()).await.expect_problem(409, "conflict");
    for role in &made[..10] {
        give(&owner, "acme", &guest, role).await;
    }
    owner.send(Method::PUT, &held("acme", &guest, &made[10]), None).await.expect_problem(409, "conflict");
    assert_eq!(owner.send(Method::DELETE, &format!("/v1/workspaces/acme/roles/{}", made[0]), None).await.status, 204);
    give(&owner, "acme", &guest, &made[10]).await;
    owner.post("/v1/workspaces/acme/roles", one_more).await.expect(201);
}

#[tokio::test]
async fn of_changes_at_once_each_is_whole() {
    let (server, _, owner, guest) = acme().await;
    for round in 0..8 {
        let role = make_role(&owner, "acme", json!({ "name": format!("Role {round}") })).await;
        let path = format!("/v1/workspaces/acme/roles/{role}");
        let one = json!({ "name": format!("One {round}"), "permissions": ["rooms.room.create"], "roomRole": "member" });
        let other =
            json!({ "name": format!("Other {round}"), "permissions": ["chat.pin.set"], "roomRole": "moderator" });
        let holding = held("acme", &guest, &role);
        let (first, second, given) = tokio::join!(
            owner.send(Method::PATCH, &path, Some(one.clone())),
            owner.send(Method::PATCH, &path, Some(other.clone())),
            owner.send(Method::PUT, &holding, None),
        );
        assert_eq!((first.status, second.status, given.status), (200, 200, 204));
        let listed = owner.get("/v1/workspaces/acme/roles").await.expect(200);
        let kept = listed["items"].as_array().unwrap().iter().find(|it| it["id"] == role.as_str()).unwrap();
        let is_like = |wanted: &Value| wanted.as_object().unwrap().iter().all(|(key, value)| kept[key] == *value);
        assert!(is_like(&one) || is_like(&other), "{kept}");
        let mine = guest.get("/v1/workspaces/acme").await.expect(200);
        assert_eq!(mine["myGrantedPermissions"], kept["permissions"]);
        // Deleted while it is given again.
        let (gone, again) =
            tokio::join!(owner.send(Method::DELETE, &path, None), owner.send(Method::PUT, &holding, None));
        assert_eq!(gone.status, 204);
        assert!([204, 404].contains(&again.status), "{}", again.body);
        let mine = guest.get("/v1/workspaces/acme").await.expect(200);
        assert_eq!((&mine["myCustomRoles"], &mine["myGrantedPermissions"]), (&json!([]), &json!([])));
    }
    assert_eq!(server.count("SELECT count(*) FROM custom_role_members").await, 0);
}
