//! Rooms with a lobby: who waits sees and holds nothing, until somebody who moderates decides.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::offers::offer;
use crate::common::server::make_room;
use crate::common::{Client, Socket, TestServer};

/// From the moderator's request to the news at who waits.
const AT_ONCE: Duration = Duration::from_millis(200);
const MINUTE_MS: i64 = 60_000;

struct World {
    server: TestServer,
    owner: Client,
    /// Of the owner, who is inside.
    desk: Socket,
}

impl World {
    /// A room "talk" with a lobby.
    async fn new() -> Self {
        let server = TestServer::start().await;
        let owner = server.owner().await;
        make_room(&owner, "talk", "video").await;
        set(&owner, json!({ "lobby": true })).await;
        let (desk, _) = owner.in_room("talk").await;
        Self { server, owner, desk }
    }

    /// The next list that is told and fits.
    async fn told(&mut self, names: &[&str]) {
        loop {
            let update = self.desk.expect("lobby.update").await;
            let waiting = update["waiting"].as_array().unwrap();
            if waiting.iter().map(|waiting| waiting["displayName"].as_str().unwrap()).eq(names.iter().copied()) {
                return;
            }
        }
    }

    async fn grants(&self) -> i64 {
        self.server.count("SELECT count(*) FROM lobby_grants").await
    }
}

async fn set(by: &Client, settings: Value) {
    by.send(Method::PATCH, "/v1/rooms/talk", Some(settings)).await.expect(200);
}

async fn give(by: &Client, who: &Client, role: &str) {
    let path = format!("/v1/rooms/talk/members/{}", who.id);
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await.expect(200);
}

async fn decide(by: &Client, who: &Client, what: &str) -> Answer {
    by.act(&format!("/v1/rooms/talk/lobby/{}/{what}", who.id)).await
}

async fn waiting(by: &Client) -> Vec<String> {
    let page = by.get("/v1/rooms/talk/lobby").await.expect(200);
    let name = |waiting: &Value| waiting["displayName"].as_str().unwrap().to_owned();
    page["items"].as_array().unwrap().iter().map(name).collect()
}

/// Asks to come in: the code of the refusal, if there is one.
async fn ask(socket: &mut Socket) -> Option<String> {
    let id = socket.request("room.join", json!({ "room": "talk" })).await;
    socket.answer(&id).await["code"].as_str().map(str::to_owned)
}

async fn wait_in_lobby(who: &Client) -> Socket {
    let mut socket = who.socket().await;
    assert_eq!(ask(&mut socket).await.as_deref(), Some("lobby"));
    socket
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..160 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 8 s: {what}");
}

#[tokio::test]
async fn who_waits_sees_and_holds_nothing_until_it_is_let_in() {
    let mut world = World::new().await;
    let ann = world.server.user("Ann").await;
    let mut socket = wait_in_lobby(&ann).await;
    world.told(&["Ann"]).await;
    assert_eq!(waiting(&world.owner).await, ["Ann"]);
    for nothing in ["messages", "messages/search?q=hello", "participants", "members", "pins"] {
        ann.get(&format!("/v1/rooms/talk/{nothing}")).await.expect_problem(403, "lobby");
    }
    ann.get("/v1/rooms/talk").await.expect(200);
    ann.get("/v1/rooms/talk/lobby").await.expect_problem(403, "lobby");
    decide(&ann, &ann, "admit").await.expect_problem(403, "lobby");
    let offer = json!({ "room": "talk", "sdp": "v=0" });
    assert_eq!(socket.nack("call.offer", offer).await["code"], "not_joined");
    world.desk.ack_with_key("message.send", json!({ "room": "talk", "text": "secret" }), Some("k")).await;
    let mentioning = json!({ "room": "talk", "text": "secret", "mentions": [ann.id] });
    let id = world.desk.request_with_key("message.send", mentioning, Some("k2")).await;
    assert_eq!(world.desk.answer(&id).await["type"], "nack", "nobody is told in there of what is said here");
    let participants = world.owner.get("/v1/rooms/talk/participants").await.expect(200);
    assert_eq!(participants["items"].as_array().unwrap().len(), 1, "it holds no seat");
    let heard = socket.drain(Duration::from_millis(300)).await;
    assert!(heard.iter().all(|frame| frame["type"] == "ping"), "{heard:?}");

    let asked_at = Instant::now();
    assert_eq!(decide(&world.owner, &ann, "admit").await.status, 204);
    assert_eq!(socket.expect("room.admitted").await, json!({ "room": "talk" }));
    assert!(asked_at.elapsed() < AT_ONCE, "{:?}", asked_at.elapsed());
    world.told(&[]).await;
    assert_eq!(ask(&mut socket).await, None);
    assert_eq!(ann.get("/v1/rooms/talk/messages").await.expect(200)["items"][0]["text"], "secret");
    let kept = world.owner.get("/v1/admin/audit-log?action=rooms.lobby").await.expect(200);
    let [entry] = kept["items"].as_array().unwrap().as_slice() else { panic!("{kept}") };
    assert_eq!((&entry["action"], &entry["address"]), (&json!("rooms.lobby.admit"), &json!("127.0.0.1")));
    assert_eq!(
        (&entry["actor"]["userId"], &entry["target"]),
        (&json!(world.owner.id), &json!(format!("talk {}", ann.id)))
    );
}

#[tokio::test]
async fn who_was_let_in_comes_back_without_waiting() {
    let world = World::new().await;
    let ann = world.server.user("Ann").await;
    let mut socket = wait_in_lobby(&ann).await;
    decide(&world.owner, &ann, "admit").await;
    assert_eq!(ask(&mut socket).await, None);
    // A connection that broke, another device, and a server that was started again.
    socket.vanish();
    assert_eq!(ask(&mut ann.socket().await).await, None);
    let World { server, owner, .. } = world;
    server.clock.advance_ms(60 * MINUTE_MS);
    let server = server.restart().await;
    let (ann, owner) = (ann.at(server.address), owner.at(server.address));
    let mut socket = ann.socket().await;
    assert_eq!(ask(&mut socket).await, None, "it was inside all the time");
    socket.ack("room.leave", json!({ "room": "talk" })).await;
    assert_eq!(ask(&mut socket).await, None, "it left a moment ago");
    socket.ack("room.leave", json!({ "room": "talk" })).await;
    server.clock.advance_ms(9 * MINUTE_MS);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(ask(&mut socket).await, None);
    socket.ack("room.leave", json!({ "room": "talk" })).await;
    server.clock.advance_ms(10 * MINUTE_MS);
    eventually("it waits again", async || ann.get("/v1/rooms/talk/messages").await.status == 403).await;
    assert_eq!(ask(&mut socket).await.as_deref(), Some("lobby"));
    assert_eq!(waiting(&owner).await, ["Ann"]);
}

#[tokio::test]
async fn who_is_refused_is_told_and_asks_again_after_a_minute() {
    let mut world = World::new().await;
    let ann = world.server.user("Ann").await;
    let mut socket = wait_in_lobby(&ann).await;
    world.told(&["Ann"]).await;
    assert_eq!(decide(&world.owner, &ann, "refuse").await.status, 204);
    assert_eq!(socket.expect("room.refused").await, json!({ "room": "talk", "reason": "refused" }));
    world.told(&[]).await;
    let nack = socket.nack("room.join", json!({ "room": "talk" })).await;
    assert_eq!(nack["code"], "refused");
    assert!((50_000..=60_000).contains(&nack["retryAfterMs"].as_u64().unwrap()), "{nack}");
    assert!(waiting(&world.owner).await.is_empty());
    for what in ["refuse", "admit"] {
        decide(&world.owner, &ann, what).await.expect_problem(409, "conflict");
    }
    let nobody = Client::new(world.server.address);
    world
        .owner
        .act("/v1/rooms/talk/lobby/01890000-0000-7000-8000-000000000000/admit")
        .await
        .expect_problem(404, "not_found");
    decide(&nobody, &ann, "admit").await.expect_problem(401, "unauthenticated");
    world.server.clock.advance_ms(MINUTE_MS);
    assert_eq!(ask(&mut socket).await.as_deref(), Some("lobby"));
    assert_eq!(world.server.count("SELECT count(*) FROM audit WHERE action = 'rooms.lobby.refuse'").await, 1);
    assert_eq!(world.grants().await, 1, "the owner's");
}

#[tokio::test]
async fn all_are_let_in_at_once_and_moderators_never_wait() {
    let mut world = World::new().await;
    let (ann, bob, cid) =
        (world.server.user("Ann").await, world.server.user("Bob").await, world.server.user("Cid").await);
    give(&world.owner, &cid, "moderator").await;
    let (mut of_cid, _) = cid.in_room("talk").await;
    let mut sockets = [wait_in_lobby(&ann).await, wait_in_lobby(&bob).await];
    world.told(&["Ann", "Bob"]).await;
    of_cid.expect("lobby.update").await;
    let page = cid.get("/v1/rooms/talk/lobby?limit=1").await.expect(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = cid.get(&format!("/v1/rooms/talk/lobby?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["nextCursor"]), (1, &Value::Null));
    let key = world.server.api_key().await;
    assert_eq!(key.act("/v1/rooms/talk/lobby/admit").await.status, 204);
    for socket in &mut sockets {
        socket.expect("room.admitted").await;
        assert_eq!(ask(socket).await, None);
        // Who does not moderate is not told who waits.
        let mut other = wait_in_lobby(&world.server.user(&format!("U{}", sockets_made())).await).await;
        let told = socket.drain(Duration::from_millis(250)).await;
        assert!(told.iter().all(|frame| frame["type"] != "lobby.update"), "{told:?}");
        other.ack("room.leave", json!({ "room": "talk" })).await;
    }
    assert_eq!(key.act("/v1/rooms/talk/lobby/admit").await.status, 204, "nobody waits");
    assert_eq!(world.server.count("SELECT count(*) FROM audit WHERE action = 'rooms.lobby.admit'").await, 2);
    // Who comes to moderate is told who waits.
    let late = world.server.user("Late").await;
    let _waiting = wait_in_lobby(&late).await;
    sockets[0].drain(Duration::from_millis(250)).await;
    give(&world.owner, &ann, "moderator").await;
    assert_eq!(sockets[0].expect("lobby.update").await["waiting"][0]["displayName"], "Late");
}

fn sockets_made() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static MADE: AtomicU32 = AtomicU32::new(0);
    MADE.fetch_add(1, Ordering::Relaxed)
}

#[tokio::test]
async fn who_is_sent_out_waits_again() {
    let world = World::new().await;
    let (ann, bob) = (world.server.user("Ann").await, world.server.user("Bob").await);
    let mut stays = Vec::new();
    for who in [&ann, &bob] {
        let mut socket = wait_in_lobby(who).await;
        decide(&world.owner, who, "admit").await;
        let joined = socket.ack("room.join", json!({ "room": "talk" })).await;
        stays.push((socket, joined["participantId"].as_str().unwrap().to_owned()));
    }
    for ((socket, id), what) in stays.iter_mut().zip(["kick", "ban"]) {
        assert_eq!(world.owner.act(&format!("/v1/rooms/talk/participants/{id}/{what}")).await.status, 204);
        socket.expect("call.ended").await;
    }
    assert_eq!(ask(&mut stays[0].0).await.as_deref(), Some("lobby"));
    assert_eq!(ask(&mut stays[1].0).await.as_deref(), Some("banned"));
    world.owner.send(Method::DELETE, &format!("/v1/rooms/talk/bans/{}", bob.id), None).await;
    assert_eq!(ask(&mut stays[1].0).await.as_deref(), Some("lobby"));
}

#[tokio::test]
async fn who_waits_is_sent_away_by_a_ban() {
    let world = World::new().await;
    let ann = world.server.user("Ann").await;
    let mut waiting = wait_in_lobby(&ann).await;
    let path = format!("/v1/rooms/talk/bans/{}", ann.id);
    assert_eq!(world.owner.send(Method::PUT, &path, None).await.status, 204);
    assert_eq!(waiting.expect("room.refused").await, json!({ "room": "talk", "reason": "revoked" }));
    assert_eq!(ask(&mut waiting).await.as_deref(), Some("banned"));
}

#[tokio::test]
async fn a_lobby_begins_and_ends_while_people_are_there() {
    let mut world = World::new().await;
    set(&world.owner, json!({ "lobby": false })).await;
    let (ann, bob) = (world.server.user("Ann").await, world.server.user("Bob").await);
    let (mut of_ann, stay) = ann.in_room("talk").await;
    set(&world.owner, json!({ "lobby": true })).await;
    let again = of_ann.ack("room.join", json!({ "room": "talk" })).await;
    assert_eq!(again["participantId"], stay.as_str(), "who is inside stays");
    let mut of_bob = wait_in_lobby(&bob).await;
    set(&world.owner, json!({ "title": "T" })).await;
    assert_eq!(waiting(&world.owner).await, ["Bob"], "what concerns something else lets nobody in");
    set(&world.owner, json!({ "lobby": false })).await;
    of_bob.expect("room.admitted").await;
    world.told(&[]).await;
    assert_eq!(ask(&mut of_bob).await, None);
    assert_eq!(world.grants().await, 0);
}

#[tokio::test]
async fn what_becomes_of_a_room_or_of_a_right_ends_the_wait() {
    let mut world = World::new().await;
    let server = &world.server;
    let (ann, bob, cid) = (server.user("Ann").await, server.user("Bob").await, server.user("Cid").await);
    let (eve, fay) = (server.user("Eve").await, server.user("Fay").await);
    let mut of_ann = wait_in_lobby(&ann).await;
    give(&world.owner, &ann, "moderator").await;
    of_ann.expect("room.admitted").await;
    assert_eq!(ask(&mut of_ann).await, None);

    let of_bob = wait_in_lobby(&bob).await;
    world.told(&["Bob"]).await;
    world.owner.act(&format!("/v1/admin/users/{}/block", bob.id)).await.expect(200);
    world.told(&[]).await;
    assert_eq!(of_bob.close_code().await, 4004);

    let mut of_eve = wait_in_lobby(&eve).await;
    let promote = format!("/v1/admin/users/{}/promote", eve.id);
    world.owner.post(&promote, json!({ "role": "admin" })).await.expect(200);
    of_eve.expect("room.admitted").await;

    let mut of_cid = wait_in_lobby(&cid).await;
    set(&world.owner, json!({ "hidden": true })).await;
    assert_eq!(of_cid.expect("room.refused").await, json!({ "room": "talk", "reason": "revoked" }));
    assert_eq!(ask(&mut of_cid).await.as_deref(), Some("not_found"));

    set(&world.owner, json!({ "hidden": false })).await;
    let mut of_fay = wait_in_lobby(&fay).await;
    assert_eq!(world.owner.send(Method::DELETE, "/v1/rooms/talk", None).await.status, 204);
    assert_eq!(of_fay.expect("room.refused").await, json!({ "room": "talk", "reason": "room_deleted" }));
    assert_eq!(ask(&mut of_fay).await.as_deref(), Some("not_found"));
    assert_eq!(world.grants().await, 0);
}

#[tokio::test]
async fn an_account_waits_once_and_not_for_long_without_a_socket() {
    let mut world = World::new().await;
    let ann = world.server.user("Ann").await;
    let (mut first, second) = (wait_in_lobby(&ann).await, wait_in_lobby(&ann).await);
    assert_eq!(waiting(&world.owner).await, ["Ann"]);
    assert_eq!(ask(&mut first).await.as_deref(), Some("lobby"), "asked twice is asked once");
    first.ack("room.leave", json!({ "room": "talk" })).await;
    assert_eq!(first.nack("room.leave", json!({ "room": "talk" })).await["code"], "not_joined");
    assert_eq!(waiting(&world.owner).await, ["Ann"], "its other socket waits");
    second.vanish();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(waiting(&world.owner).await, ["Ann"], "it may come back");
    world.server.clock.advance_ms(30_000);
    world.told(&["Ann"]).await;
    world.told(&[]).await;
    assert!(waiting(&world.owner).await.is_empty());
    decide(&world.owner, &ann, "admit").await.expect_problem(404, "not_found");
    // Let in while it was away for a moment, it comes in when it is back.
    wait_in_lobby(&ann).await.vanish();
    assert_eq!(decide(&world.owner, &ann, "admit").await.status, 204);
    assert_eq!(ask(&mut ann.socket().await).await, None);
}

#[tokio::test]
async fn the_first_of_two_moderators_decides_and_the_second_is_told() {
    let world = World::new().await;
    let bob = world.server.user("Bob").await;
    give(&world.owner, &bob, "moderator").await;
    let mut admitted = 0;
    for round in 0..12 {
        let ann = world.server.user(&format!("Ann{round}")).await;
        let mut socket = wait_in_lobby(&ann).await;
        let (first, second) = (&world.owner, &bob);
        let (admit, refuse) = if round % 2 == 0 {
            tokio::join!(decide(first, &ann, "admit"), decide(second, &ann, "refuse"))
        } else {
            let (refuse, admit) = tokio::join!(decide(second, &ann, "refuse"), decide(first, &ann, "admit"));
            (admit, refuse)
        };
        let (told, won, lost) = match (admit.status, refuse.status) {
            (204, 409) => ("room.admitted", admit, refuse),
            (409, 204) => ("room.refused", refuse, admit),
            other => panic!("{other:?}"),
        };
        assert_eq!(won.status, 204);
        lost.expect_problem(409, "conflict");
        socket.expect(told).await;
        let later = socket.drain(Duration::from_millis(30)).await;
        assert!(later.iter().all(|frame| !frame["type"].as_str().unwrap().starts_with("room.")), "{later:?}");
        let is_in = ask(&mut socket).await.is_none();
        assert_eq!(is_in, told == "room.admitted");
        admitted += u32::from(is_in);
    }
    let kept = world.server.count("SELECT count(*) FROM audit WHERE action LIKE 'rooms.lobby.%'").await;
    assert_eq!((kept, world.grants().await), (12, i64::from(admitted) + 1), "each is decided once");
}

#[tokio::test]
async fn who_cancels_while_it_is_let_in_waits_no_more() {
    let world = World::new().await;
    let (mut both, mut late) = (0, 0);
    for round in 0..12 {
        let ann = world.server.user(&format!("Ann{round}")).await;
        let mut socket = wait_in_lobby(&ann).await;
        let cancel = async {
            tokio::time::sleep(Duration::from_micros(round * 300)).await;
            let id = socket.request("room.leave", json!({ "room": "talk" })).await;
            socket.answer(&id).await["code"].as_str().map(str::to_owned)
        };
        let (admit, cancelled) = tokio::join!(decide(&world.owner, &ann, "admit"), cancel);
        match (admit.status, cancelled.as_deref()) {
            (204, Some("not_joined")) => both += 1,
            (404, None) => late += 1,
            other => panic!("{other:?}"),
        }
        assert!(waiting(&world.owner).await.is_empty());
        assert_eq!(world.server.count("SELECT count(*) FROM participants").await, 1);
    }
    assert_eq!(world.grants().await, 1 + both);
    assert_eq!(both + late, 12);
}

#[tokio::test]
async fn encoders_wait_by_asking_again() {
    let world = World::new().await;
    let _node = world.server.node().await;
    world.server.linked().await;
    let key = world.server.api_key().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    for front in ["/v1/whip/talk", "/v1/whep/talk"] {
        let answer = offer(&camera, front).await;
        assert_eq!(answer.headers["retry-after"], "5");
        answer.expect_problem(403, "lobby");
    }
    assert_eq!(waiting(&world.owner).await, ["camera"]);
    let listed = world.owner.get("/v1/rooms/talk/lobby").await.expect(200);
    let id = listed["items"][0]["userId"].as_str().unwrap().to_owned();
    world.server.clock.advance_ms(20_000);
    offer(&camera, "/v1/whip/talk").await.expect_problem(403, "lobby");
    world.server.clock.advance_ms(20_000);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(waiting(&world.owner).await, ["camera"], "it asked meanwhile");
    assert_eq!(world.owner.act(&format!("/v1/rooms/talk/lobby/{id}/admit")).await.status, 204);
    assert_eq!(offer(&camera, "/v1/whip/talk").await.status, 201);
    // One that stays away is forgotten, one that was refused is told.
    let other = key.join_token("talk", "other", Value::Null).await;
    offer(&other, "/v1/whep/talk").await.expect_problem(403, "lobby");
    let listed = world.owner.get("/v1/rooms/talk/lobby").await.expect(200);
    let id = listed["items"][0]["userId"].as_str().unwrap().to_owned();
    assert_eq!(world.owner.act(&format!("/v1/rooms/talk/lobby/{id}/refuse")).await.status, 204);
    offer(&other, "/v1/whep/talk").await.expect_problem(403, "refused");
}

#[tokio::test]
async fn a_token_may_pass_and_a_lobby_takes_a_hundred() {
    let world = World::new().await;
    let _node = world.server.node().await;
    world.server.linked().await;
    let key = world.server.api_key().await;
    let token = async |identity: &str, passes: bool| {
        let body = json!({ "room": "talk", "identity": identity, "displayName": "T", "passesLobby": passes });
        let made = key.post("/v1/join-tokens", body).await.expect(201);
        key.with_bearer(made["token"].as_str().unwrap())
    };
    assert_eq!(ask(&mut token("one", true).await.socket().await).await, None);
    assert_eq!(offer(&token("two", true).await, "/v1/whip/talk").await.status, 201);
    let mut socket = wait_in_lobby(&token("three", false).await).await;
    // With a token that passes, its other socket comes in, and this one need not wait.
    assert_eq!(ask(&mut token("three", true).await.socket().await).await, None);
    socket.expect("room.admitted").await;
    for number in 0..100 {
        offer(&token(&format!("n{number}"), false).await, "/v1/whep/talk").await.expect_problem(403, "lobby");
    }
    let answer = offer(&token("last", false).await, "/v1/whep/talk").await;
    assert!(answer.headers.contains_key("retry-after"));
    answer.expect_problem(429, "rate_limited");
    let ann = world.server.user("Ann").await;
    assert_eq!(ask(&mut ann.socket().await).await.as_deref(), Some("rate_limited"));
    assert_eq!(waiting(&world.owner).await.len(), 50, "a page");
    // A moderator brings somebody in by moving it there.
    make_room(&world.owner, "other", "video").await;
    let (mut of_ann, stay) = ann.in_room("other").await;
    let path = format!("/v1/rooms/other/participants/{stay}/move");
    assert_eq!(world.owner.post(&path, json!({ "room": "talk" })).await.status, 204);
    of_ann.expect("room.moved").await;
    assert_eq!(ask(&mut of_ann).await, None);
}
