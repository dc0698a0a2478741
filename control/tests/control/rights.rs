//! The matrix of roles and actions, over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, Socket, TestServer};

/// What each caller gets, in the order of [`CALLERS`].
type Expected = [u16; 8];

const CALLERS: [&str; 8] = ["nobody", "listener", "member", "moderator", "owner", "admin", "super_admin", "api_key"];

/// `{member}` is a user with a role of its own in the room, `{participant}` a member who is in it.
const ACTIONS: &[(&str, &str, &str, Expected)] = &[
    ("GET", "/v1/rooms", "", [401, 200, 200, 200, 200, 200, 200, 200]),
    ("POST", "/v1/rooms", r#"{"slug":"new-room","title":"N","kind":"text"}"#, [401, 403, 403, 403, 403, 201, 201, 201]),
    ("GET", "/v1/rooms/talk", "", [401, 200, 200, 200, 200, 200, 200, 200]),
    ("GET", "/v1/rooms/nowhere", "", [401, 404, 404, 404, 404, 404, 404, 404]),
    ("PATCH", "/v1/rooms/talk", r#"{"title":"T"}"#, [401, 403, 403, 403, 200, 200, 200, 200]),
    ("DELETE", "/v1/rooms/spare", "", [401, 403, 403, 403, 204, 204, 204, 204]),
    ("GET", "/v1/rooms/talk/messages", "", [401, 200, 200, 200, 200, 200, 200, 200]),
    ("GET", "/v1/rooms/talk/members", "", [401, 200, 200, 200, 200, 200, 200, 200]),
    ("PUT", "/v1/rooms/talk/members/{member}", r#"{"role":"member"}"#, [401, 403, 403, 403, 200, 200, 200, 200]),
    ("DELETE", "/v1/rooms/talk/members/{member}", "", [401, 403, 403, 403, 204, 204, 204, 204]),
    ("GET", "/v1/rooms/talk/participants", "", [401, 200, 200, 200, 200, 200, 200, 200]),
    ("POST", "/v1/rooms/talk/participants/{participant}/kick", "", [401, 403, 403, 204, 204, 204, 204, 204]),
    ("POST", "/v1/rooms/talk/participants/{participant}/ban", "", [401, 403, 403, 204, 204, 204, 204, 204]),
    ("POST", "/v1/rooms/talk/participants/{participant}/mute", "", [401, 403, 403, 204, 204, 204, 204, 204]),
    (
        "POST",
        "/v1/join-tokens",
        r#"{"room":"talk","identity":"i","displayName":"I"}"#,
        [401, 403, 403, 403, 403, 403, 403, 201],
    ),
    ("GET", "/v1/admin/media", "", [401, 403, 403, 403, 403, 200, 200, 403]),
    // There is no node here to be emptied.
    ("POST", "/v1/admin/media/drain", "", [401, 403, 403, 403, 403, 503, 503, 403]),
    ("POST", "/v1/admin/media/undrain", "", [401, 403, 403, 403, 403, 503, 503, 403]),
    ("POST", "/v1/auth/ws-ticket", "", [401, 201, 201, 201, 201, 201, 201, 403]),
    ("GET", "/v1/admin/users", "", [401, 403, 403, 403, 403, 200, 200, 403]),
    ("POST", "/v1/admin/users/{member}/promote", r#"{"role":"admin"}"#, [401, 403, 403, 403, 403, 403, 200, 403]),
    ("POST", "/v1/admin/users/{member}/promote", r#"{"role":"super_admin"}"#, [401, 403, 403, 403, 403, 403, 400, 403]),
];

struct World {
    server: TestServer,
    callers: Vec<Client>,
    super_admin: Client,
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let super_admin = server.owner().await;
        make_room(&super_admin, "talk", "video").await;
        let (listener, member) = (server.user("Listener").await, server.user("Member").await);
        let (moderator, owner) = (server.user("Moderator").await, server.user("Holder").await);
        let admin = server.user("Admin").await;
        promote(&super_admin, &admin.id).await.expect(200);
        for (client, role) in [(&listener, "listener"), (&moderator, "moderator"), (&owner, "owner")] {
            set_role(&super_admin, "talk", &client.id, role).await;
        }
        let callers = vec![
            server.anybody(),
            listener,
            member,
            moderator,
            owner,
            admin,
            super_admin.clone(),
            server.api_key().await,
        ];
        Self { server, callers, super_admin }
    }

    /// Fresh objects for one try: a room to delete, a user with a role, a participant. Returns ids and its socket.
    async fn fresh(&self, number: usize) -> (String, String, Socket) {
        let user = self.server.user(&format!("Target{number}")).await;
        set_role(&self.super_admin, "talk", &user.id, "member").await;
        self.super_admin.send(Method::DELETE, "/v1/rooms/spare", None).await;
        self.super_admin.send(Method::DELETE, "/v1/rooms/new-room", None).await;
        make_room(&self.super_admin, "spare", "text").await;
        for (caller, role) in [(1, "listener"), (3, "moderator"), (4, "owner")] {
            set_role(&self.super_admin, "spare", &self.callers[caller].id, role).await;
        }
        let (socket, participant_id) = user.in_room("talk").await;
        (user.id, participant_id, socket)
    }
}

async fn set_role(by: &Client, room: &str, user_id: &str, role: &str) {
    let path = format!("/v1/rooms/{room}/members/{user_id}");
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await.expect(200);
}

async fn promote(by: &Client, user_id: &str) -> crate::common::client::Answer {
    by.post(&format!("/v1/admin/users/{user_id}/promote"), json!({ "role": "admin" })).await
}

#[tokio::test]
async fn everybody_may_do_exactly_this() {
    let world = World::new().await;
    let mut number = 0;
    let mut wrong = Vec::new();
    for (method, path, body, expected) in ACTIONS {
        for (caller, expected) in expected.iter().enumerate() {
            number += 1;
            let (member, participant, _socket) = world.fresh(number).await;
            let path = path.replace("{member}", &member).replace("{participant}", &participant);
            let body: Option<Value> = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap());
            let answer = world.callers[caller].send(method.parse().unwrap(), &path, body).await;
            if answer.status != *expected {
                let name = CALLERS[caller];
                wrong.push(format!("{name} {method} {path}: {} not {expected}: {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn nobody_moderates_an_equal_or_themselves() {
    let world = World::new().await;
    let moderate = async |by: &Client, target: &str, what: &str| {
        by.act(&format!("/v1/rooms/talk/participants/{target}/{what}")).await.status
    };
    let (moderator, owner, admin) = (&world.callers[3], &world.callers[4], &world.callers[5]);
    let (_a, of_moderator) = moderator.in_room("talk").await;
    let (_b, of_owner) = owner.in_room("talk").await;
    let (_c, of_admin) = admin.in_room("talk").await;
    let (_d, of_super_admin) = world.super_admin.in_room("talk").await;
    for what in ["mute", "kick", "ban"] {
        assert_eq!(moderate(moderator, &of_moderator, what).await, 403);
        assert_eq!(moderate(moderator, &of_owner, what).await, 403);
        assert_eq!(moderate(owner, &of_admin, what).await, 403);
        assert_eq!(moderate(admin, &of_super_admin, what).await, 403);
        assert_eq!(moderate(&world.super_admin, &of_super_admin, what).await, 403);
        assert_eq!(moderate(&world.callers[7], &of_admin, what).await, 403);
    }
    assert_eq!(moderate(owner, &of_moderator, "mute").await, 204);
    assert_eq!(moderate(admin, &of_owner, "kick").await, 204);
    assert_eq!(moderate(&world.super_admin, &of_admin, "ban").await, 204);
    assert_eq!(moderate(&world.callers[7], &of_moderator, "kick").await, 204);
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
