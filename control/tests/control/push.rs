//! Browsers are pushed to over real HTTP, and open what they get.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use boltorezka_control::Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::push::{Browser, PushService, claims};
use crate::common::server::make_room;
use crate::common::{Client, Socket, TestServer};
use crate::direct::begin;

struct World {
    server: TestServer,
    service: PushService,
    owner: Client,
    /// Has a browser and no page open.
    ann: Client,
    browser: Browser,
    /// The owner's, in the room "talk".
    socket: Socket,
}

impl World {
    async fn new() -> Self {
        Self::new_with(|_| {}).await
    }

    async fn new_with(change: impl FnOnce(&mut Config)) -> Self {
        let service = PushService::start().await;
        let server = TestServer::start_with(|config| {
            config.push_local_services = vec![service.origin()];
            change(config);
        })
        .await;
        let owner = server.owner().await;
        make_room(&owner, "talk", "text").await;
        let ann = server.user("Ann").await;
        let browser = Browser::new(&service, "secret-of-ann");
        browser.subscribe(&ann).await;
        let (socket, _) = owner.in_room("talk").await;
        Self { server, service, owner, ann, browser, socket }
    }

    async fn mention(&mut self, text: &str) -> Value {
        let said = json!({ "room": "talk", "text": text, "mentions": [self.ann.id] });
        self.socket.ack_with_key("message.send", said, Some(text.get(..20).unwrap_or(text))).await["message"].clone()
    }

    async fn texts(&self, count: usize) -> Vec<String> {
        let pushed = self.service.until(count).await;
        pushed.iter().map(|each| self.browser.open(each)["text"].as_str().unwrap().to_owned()).collect()
    }

    async fn browsers(&self) -> usize {
        self.ann.get("/v1/push").await.expect(200)["subscriptions"].as_array().unwrap().len()
    }

    /// Until so many browsers are left.
    async fn until_browsers(&self, count: usize) {
        for _ in 0..300 {
            if self.browsers().await == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("there are {} browsers", self.browsers().await);
    }

    async fn metrics(&self) -> String {
        self.server.anybody().get("/metrics").await.body.as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_mention_is_pushed_encrypted_and_signed() {
    let mut world = World::new_with(|config| config.push_contact = Some("mailto:ops@example.org".to_owned())).await;
    let status = world.ann.get("/v1/push").await.expect(200);
    assert_eq!((&status["available"], &status["enabled"]), (&json!(true), &json!(true)));
    let listed = &status["subscriptions"][0];
    assert_eq!((&listed["current"], &listed["service"]), (&json!(true), &json!("127.0.0.1")));
    assert!(!status.to_string().contains("secret-of-ann"), "{status}");

    world.mention(&format!("@Ann {}", "long ".repeat(100))).await;
    let pushed = world.service.until(1).await.remove(0);
    let notice = world.browser.open(&pushed);
    assert_eq!((&notice["type"], &notice["kind"]), (&json!("message"), &json!("mention")));
    assert_eq!(
        (&notice["workspace"], &notice["room"], &notice["roomTitle"]),
        (&json!("default"), &json!("talk"), &json!("talk"))
    );
    assert_eq!(notice["senderName"], "Owner");
    let text = notice["text"].as_str().unwrap();
    assert!(text.starts_with("@Ann long") && text.ends_with('…') && text.chars().count() == 200, "{text}");
    assert_eq!((pushed.path.as_str(), pushed.headers["urgency"].as_str()), ("secret-of-ann", "normal"));
    let ttl_s: i64 = pushed.headers["ttl"].parse().unwrap();
    assert!((86_300..=86_400).contains(&ttl_s), "{ttl_s}");
    let topic = &pushed.headers["topic"];
    assert!(
        topic.len() == 32 && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "{topic}"
    );
    let claims = claims(&pushed, status["publicKey"].as_str().unwrap());
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!(world.service.origin()), &json!("mailto:ops@example.org")));
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let left_s = claims["exp"].as_u64().unwrap() - now_s;
    assert!((3600..86_400).contains(&left_s), "{left_s}");

    // Once, and again for the next one, which takes its place.
    world.service.only(1).await;
    world.mention("and this").await;
    let pushed = world.service.until(2).await;
    assert_eq!(&pushed[1].headers["topic"], topic);
    assert_ne!(pushed[0].body[..16], pushed[1].body[..16], "another salt");
    assert!(world.metrics().await.contains("boltorezka_push_tries_total{outcome=\"pushed\"} 2"));
    let export = world.ann.get("/v1/auth/me/export").await.expect(200);
    assert_eq!(export["pushSubscriptions"], status["subscriptions"]);
}

#[tokio::test]
async fn a_call_is_pushed_at_once_and_missed_later() {
    let world = World::new().await;
    let _node = world.server.node().await;
    world.server.linked().await;
    let room = begin(&world.owner, &world.ann).await;
    let (mut of_owner, _) = world.owner.in_room(&room).await;
    of_owner.ack("call.offer", json!({ "room": room, "sdp": "v=0" })).await;
    let ringing = world.service.until(1).await.remove(0);
    let notice = world.browser.open(&ringing);
    assert_eq!(
        (&notice["type"], &notice["callerName"], &notice["room"]),
        (&json!("ringing"), &json!("Owner"), &json!(room))
    );
    assert!(notice["endsAt"].is_string() && notice["callId"].is_string());
    assert_eq!(ringing.headers["urgency"], "high");
    let ttl_s: u32 = ringing.headers["ttl"].parse().unwrap();
    assert!((50..=60).contains(&ttl_s), "no longer than it rings: {ttl_s}");
    of_owner.ack("call.leave", json!({ "room": room })).await;
    let missed = world.service.until(2).await.remove(1);
    let notice = world.browser.open(&missed);
    assert_eq!((&notice["type"], &notice["callerName"]), (&json!("missedCall"), &json!("Owner")));
    assert_eq!(missed.headers["topic"], ringing.headers["topic"], "it takes the place of the call");
    // A direct message is another notification.
    of_owner.ack_with_key("message.send", json!({ "room": room, "text": "call me" }), Some("k")).await;
    let said = world.service.until(3).await.remove(2);
    assert_eq!(world.browser.open(&said)["kind"], "direct");
    assert_ne!(said.headers["topic"], ringing.headers["topic"]);
}

#[tokio::test]
async fn who_has_a_page_open_is_told_there() {
    let mut world = World::new().await;
    let mut page = world.ann.socket().await;
    world.mention("first").await;
    page.expect("notification.new").await;
    world.service.only(0).await;
    // She goes before she has read it.
    drop(page);
    world.server.clock.advance_ms(4_000);
    assert_eq!(world.texts(1).await, ["first"]);
    // While it stays open, it was told there.
    let _page = world.ann.socket().await;
    world.mention("second").await;
    world.service.only(1).await;
    world.server.clock.advance_ms(61_000);
    for _ in 0..200 {
        if world.server.count("SELECT count(*) FROM push_deliveries").await == 0 {
            return world.service.only(1).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it waits for ever");
}

#[tokio::test]
async fn rights_and_what_is_there_count_when_it_is_sent() {
    let mut world = World::new().await;
    world.service.answer(503, None);
    let said = world.mention("a secret").await;
    world.service.until(1).await;
    let delete = json!({ "room": "talk", "messageId": said["id"] });
    world.socket.ack_with_key("message.delete", delete, Some("delete")).await;
    world.service.answer(201, None);
    world.server.clock.advance_ms(10_000);
    world.service.only(1).await;

    // Read meanwhile.
    world.service.answer(503, None);
    world.mention("read").await;
    world.service.until(2).await;
    let inbox = world.ann.get("/v1/notifications").await.expect(200);
    world.ann.post("/v1/notifications/read", json!({ "upTo": inbox["items"][0]["id"] })).await.expect(200);
    world.service.answer(201, None);
    world.server.clock.advance_ms(10_000);
    world.service.only(2).await;

    // The room is not hers any more.
    world.service.answer(503, None);
    world.mention("not for her").await;
    world.service.until(3).await;
    let hidden = json!({ "hidden": true });
    world.owner.send(Method::PATCH, "/v1/rooms/talk", Some(hidden)).await.expect(200);
    world.service.answer(201, None);
    world.server.clock.advance_ms(10_000);
    world.service.only(3).await;
    world.owner.send(Method::PATCH, "/v1/rooms/talk", Some(json!({ "hidden": false }))).await.expect(200);

    // The chat is switched off.
    world.service.answer(503, None);
    world.mention("nor is this").await;
    world.service.until(4).await;
    let off = json!({ "enabled": false });
    world.owner.send(Method::PUT, "/v1/workspaces/default/features/chat", Some(off)).await.expect(200);
    world.service.answer(201, None);
    world.server.clock.advance_ms(10_000);
    world.service.only(4).await;
}

#[tokio::test]
async fn what_fails_is_tried_again_after_the_pause_that_was_asked_for() {
    let mut world = World::new().await;
    world.service.answer(429, Some("120"));
    world.mention("patience").await;
    world.service.until(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.service.answer(201, None);
    world.server.clock.advance_ms(60_000);
    world.service.only(1).await;
    world.server.clock.advance_ms(61_000);
    assert_eq!(world.texts(2).await, ["patience", "patience"]);
    world.service.only(2).await;
    // What would fail again is not tried again, and the browser stays.
    for (number, status) in [400, 403, 413].into_iter().enumerate() {
        world.service.answer(status, None);
        world.mention(&format!("refused {number}")).await;
        world.service.until(3 + number).await;
        world.server.clock.advance_ms(10_000);
        world.service.only(3 + number).await;
    }
    assert_eq!(world.browsers().await, 1);
    assert!(world.metrics().await.contains("boltorezka_push_tries_total{outcome=\"failed\"} 4"));
    // A day later nobody needs it.
    world.service.answer(500, None);
    world.mention("too late").await;
    world.service.until(6).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.service.answer(201, None);
    world.server.clock.advance_ms(25 * 3_600_000);
    world.service.only(6).await;
}

#[tokio::test]
async fn a_browser_that_is_gone_goes() {
    for status in [410, 404] {
        let mut world = World::new().await;
        let other = world.server.user("Bob").await;
        Browser::new(&world.service, "of-bob").subscribe(&other).await;
        world.service.answer(status, None);
        world.mention("hello").await;
        world.until_browsers(0).await;
        assert_eq!(other.get("/v1/push").await.expect(200)["subscriptions"].as_array().unwrap().len(), 1);
        world.service.answer(201, None);
        world.mention("is anybody there?").await;
        world.service.only(1).await;
        assert!(world.metrics().await.contains("boltorezka_push_tries_total{outcome=\"gone\"} 1"));
    }
}

/// It is committed, and the server ends before it is pushed.
#[tokio::test]
async fn what_was_not_pushed_before_a_restart_is_pushed_after_it() {
    let mut world = World::new().await;
    let key = world.ann.get("/v1/push").await.expect(200)["publicKey"].clone();
    world.service.answer(503, None);
    world.mention("still").await;
    world.service.until(1).await;
    let server = world.server.restart().await;
    world.service.answer(201, None);
    // Also the lease of a try that was under way has ended by then.
    server.clock.advance_ms(61_000);
    let pushed = world.service.until(2).await;
    assert_eq!(world.browser.open(&pushed[1])["text"], "still");
    let status = world.ann.at(server.address).get("/v1/push").await.expect(200);
    assert_eq!(status["publicKey"], key, "browsers take no other one");
    claims(&pushed[1], key.as_str().unwrap());
}

#[tokio::test]
async fn what_ends_a_session_ends_its_pushes() {
    let mut world = World::new().await;
    let log_in = json!({ "email": "ann@example.org", "password": "a long password" });
    let elsewhere = world.server.anybody();
    elsewhere.post("/v1/auth/login", log_in.clone()).await.expect(200);
    let other = Browser::new(&world.service, "other");
    other.subscribe(&elsewhere).await;
    assert_eq!(world.browsers().await, 2);
    // What waits does not go either.
    world.service.answer(503, None);
    world.mention("before").await;
    world.service.until(2).await;
    let listed = world.ann.get("/v1/auth/sessions").await.expect(200);
    let session = listed["items"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/v1/auth/sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(world.ann.send(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(world.browsers().await, 1);
    assert_eq!(world.ann.act("/v1/auth/logout").await.status, 204);
    world.service.answer(201, None);
    world.server.clock.advance_ms(60_000);
    world.service.only(2).await;
    world.mention("after").await;
    world.service.only(2).await;
    // A block is such an end, and another password of all sessions but its own.
    elsewhere.post("/v1/auth/login", log_in).await.expect(200);
    other.subscribe(&elsewhere).await;
    let block = format!("/v1/admin/users/{}/block", world.ann.id);
    world.owner.act(&block).await.expect(200);
    assert_eq!(world.server.count("SELECT count(*) FROM push_subscriptions").await, 0);
}

#[tokio::test]
async fn a_browser_is_its_users_alone() {
    let mut world = World::new().await;
    let bob = world.server.user("Bob").await;
    let mine = world.ann.get("/v1/push").await.expect(200)["subscriptions"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/push/subscriptions/{mine}");
    bob.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    // Somebody else signs in in this browser: what is for her goes there no more.
    world.browser.subscribe(&bob).await;
    assert_eq!(world.browsers().await, 0);
    world.mention("for Ann").await;
    world.service.only(0).await;
    // The account's switch, and the browser's.
    world.browser.subscribe(&world.ann).await;
    let off = world.ann.send(Method::PATCH, "/v1/push", Some(json!({ "enabled": false }))).await.expect(200);
    assert_eq!((&off["enabled"], off["subscriptions"].as_array().unwrap().len()), (&json!(false), 1));
    world.mention("unwanted").await;
    world.service.only(0).await;
    world.ann.send(Method::PATCH, "/v1/push", Some(json!({ "enabled": true }))).await.expect(200);
    world.mention("wanted").await;
    assert_eq!(world.texts(1).await, ["wanted"]);
    let mine = world.ann.get("/v1/push").await.expect(200)["subscriptions"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/push/subscriptions/{mine}");
    assert_eq!(world.ann.send(Method::DELETE, &path, None).await.status, 204);
    world.ann.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    world.mention("not any more").await;
    world.service.only(1).await;
}

#[tokio::test]
async fn what_cannot_be_pushed_to_is_refused_with_the_reason() {
    let world = World::new_with(|config| {
        config.limits.push_subscribed_per_user_per_minute = Some(20);
        config.limits.push_subscriptions_per_user = Some(2);
    })
    .await;
    let with = |key: &str, value: &str| {
        let mut subscription = world.browser.subscription();
        subscription[key] = json!(value);
        world.ann.clone().subscribed(subscription)
    };
    let elsewhere = PushService::start().await;
    for endpoint in [
        "http://push.example/x",
        "https://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest",
        "https://localhost/x",
        &format!("{}/push/x", elsewhere.origin()),
    ] {
        with("endpoint", endpoint).await.expect_problem(422, "invalid");
    }
    for (key, value) in [("p256dh", "AAAA"), ("auth", "AAAA"), ("auth", "no base64!")] {
        with(key, value).await.expect_problem(422, "invalid");
    }
    // A name that leads into a private network is not asked: that shows when it is sent to. No browser is known by its secret.
    let (mut socket, _) = world.owner.in_room("talk").await;
    let mut named = world.browser.subscription();
    named["endpoint"] = json!("https://localhost.localdomain.localhost/x");
    world.ann.clone().subscribed(named).await.expect(200);
    let said = json!({ "room": "talk", "text": "hello", "mentions": [world.ann.id] });
    socket.ack_with_key("message.send", said, Some("1")).await;
    for attempt in 0.. {
        if world.metrics().await.contains("boltorezka_push_tries_total{outcome=\"failed\"} 1") {
            break;
        }
        assert!(attempt < 300, "{}", world.metrics().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The oldest makes room.
    let log_in = json!({ "email": "ann@example.org", "password": "a long password" });
    for id in ["two", "three"] {
        let session = world.server.anybody();
        session.post("/v1/auth/login", log_in.clone()).await.expect(200);
        Browser::new(&world.service, id).subscribe(&session).await;
    }
    let left = world.ann.get("/v1/push").await.expect(200);
    assert_eq!(left["subscriptions"].as_array().unwrap().len(), 2);
    assert!(left["subscriptions"].as_array().unwrap().iter().all(|each| each["current"] == false), "{left}");
    for _ in 0..20 {
        with("auth", "AAAA").await;
    }
    with("auth", "AAAA").await.expect_problem(429, "rate_limited");
    world.server.anybody().get("/v1/push").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn without_tls_it_says_why_there_is_none() {
    let server = TestServer::start_with(|config| config.public_url = Some("http://talk.example".to_owned())).await;
    let ann = server.user("Ann").await;
    let status = ann.get("/v1/push").await.expect(200);
    assert_eq!(status["available"], false);
    assert!(status["reason"].as_str().unwrap().contains("public_url"), "{status}");
    let body = json!({ "endpoint": "https://push.example/x", "p256dh": "", "auth": "" });
    ann.post("/v1/push/subscriptions", body).await.expect_problem(404, "not_found");
}

impl Client {
    async fn subscribed(self, subscription: Value) -> crate::common::client::Answer {
        self.post("/v1/push/subscriptions", subscription).await
    }
}
