//! WHIP and WHEP: what their clients are told, and how a session and its seat live and end.

use std::time::Duration;

use boltorezka_proto::TrackNumber;
use boltorezka_proto::admission::{ConnectionState, ControlMessage, MediaMessage, PublishedTrack};
use boltorezka_proto::call::{EndReason, MediaPermissions, TrackSource};
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::node::Manner;
use crate::common::server::make_room;
use crate::common::{Client, TestNode, TestServer};

const SENDS: &str = "v=0\r\no=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
    a=fingerprint:sha-256 00:11\r\na=setup:passive\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n";
const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const SAME_ICE: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    a=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n";

fn receives() -> String {
    SENDS.replace("sendonly", "recvonly")
}

fn other_ice(ufrag: &str) -> String {
    format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n")
}

/// A server with its node, a room to talk in, and an API key.
async fn talking() -> (TestServer, TestNode, Client, Client) {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let key = server.api_key().await;
    (server, node, owner, key)
}

async fn post(client: &Client, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = client.request(Method::POST, path).header("content-type", content_type);
    client.finish(request.body(body)).await
}

async fn publish(client: &Client) -> Answer {
    post(client, "/v1/whip/talk", SDP, SENDS).await
}

/// Publishes, and returns the session's address.
async fn published(client: &Client) -> String {
    let answer = publish(client).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.headers["location"].to_str().unwrap().to_owned()
}

async fn patch(client: &Client, session: &str, if_match: Option<&str>, fragment: &str) -> Answer {
    let mut request = client.request(Method::PATCH, session).header("content-type", FRAGMENT);
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    client.finish(request.body(fragment.to_owned())).await
}

async fn delete(client: &Client, session: &str) -> Answer {
    client.send(Method::DELETE, session, None).await
}

async fn participants(by: &Client) -> Vec<Value> {
    by.get("/v1/rooms/talk/participants").await.expect(200)["items"].as_array().unwrap().clone()
}

/// Waits until the room has this many participants.
async fn until_participants(by: &Client, count: usize) -> Vec<Value> {
    for _ in 0..400 {
        let found = participants(by).await;
        if found.len() == count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not {count} participants within 4 s: {:?}", participants(by).await);
}

#[tokio::test]
async fn a_publisher_is_answered_and_sits_in_the_room_like_anyone() {
    let (_server, mut node, owner, key) = talking().await;
    let (mut watcher, _) = owner.in_room("talk").await;
    let camera = key.join_token("talk", "camera-1", Value::Null).await;
    let answer = publish(&camera).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], SDP);
    assert_eq!(answer.headers["etag"], "\"1\"");
    assert_eq!(answer.headers["accept-patch"], FRAGMENT);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.headers.get("link").is_none(), "there are no ICE servers");
    let location = answer.headers["location"].to_str().unwrap();
    let secret = location.strip_prefix("/v1/whip/talk/").unwrap();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{location}");

    let (_, admit) = node.hear(|message| matches!(message, ControlMessage::Admit { .. })).await;
    let ControlMessage::Admit { admitted, offer, .. } = admit else { unreachable!() };
    assert_eq!(admitted.permissions, MediaPermissions { subscribe: false, data: false, ..MediaPermissions::ALL });
    assert_eq!(answer.body, format!("answer to {offer}"));
    assert!(!offer.contains("4489045141692799359"), "a session id of our own: {offer}");
    let id = admitted.participant_id.to_string();
    let track = PublishedTrack { track: TrackNumber(1), source: TrackSource::Microphone, muted: false };
    node.say_status(&id, ConnectionState::Connected, vec![track]);
    let seen = watcher.sees(&id, |seen| seen["call"] == "connected").await;
    assert_eq!((&seen["displayName"], &seen["publishing"]), (&json!("camera-1"), &json!(["microphone"])));
    let listed = participants(&owner).await;
    assert!(listed.iter().any(|one| one["participantId"] == *id && one["displayName"] == "camera-1"), "{listed:?}");
}

#[tokio::test]
async fn a_subscriber_may_only_receive() {
    let (_server, mut node, _, key) = talking().await;
    let viewer = key.join_token("talk", "viewer", Value::Null).await;
    let answer = post(&viewer, "/v1/whep/talk", SDP, receives()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.headers["location"].to_str().unwrap().starts_with("/v1/whep/talk/"));
    let (_, admit) = node.hear(|message| matches!(message, ControlMessage::Admit { .. })).await;
    let ControlMessage::Admit { admitted, .. } = admit else { unreachable!() };
    assert_eq!(admitted.permissions, MediaPermissions { subscribe: true, ..MediaPermissions::default() });
    // The address says which protocol it is of.
    let session = answer.headers["location"].to_str().unwrap().replace("/whep/", "/whip/");
    delete(&viewer, &session).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn who_may_not_is_told_why() {
    let (server, _node, owner, key) = talking().await;
    make_room(&owner, "other", "video").await;
    make_room(&owner, "text", "text").await;
    let anybody = server.anybody();
    let nobody = publish(&anybody).await;
    assert_eq!(nobody.headers["www-authenticate"], "Bearer");
    nobody.expect_problem(401, "unauthenticated");
    publish(&anybody.with_bearer("nonsense")).await.expect_problem(401, "invalid_token");
    // Cookies and API keys are for other routes.
    publish(&owner).await.expect_problem(401, "unauthenticated");
    publish(&key).await.expect_problem(403, "forbidden");
    let camera = key.join_token("talk", "camera", Value::Null).await;
    post(&camera, "/v1/whip/other", SDP, SENDS).await.expect_problem(403, "forbidden");
    post(&camera, "/v1/whip/nowhere", SDP, SENDS).await.expect_problem(403, "forbidden");
    let rights =
        |publish: bool| json!({ "subscribe": !publish, "microphone": publish, "camera": false, "screen": false });
    let listener = key.join_token("talk", "listener", rights(false)).await;
    publish(&listener).await.expect_problem(403, "forbidden");
    let deaf = key.join_token("talk", "deaf", rights(true)).await;
    post(&deaf, "/v1/whep/talk", SDP, receives()).await.expect_problem(403, "forbidden");
    let texts = key.join_token("text", "camera", Value::Null).await;
    post(&texts, "/v1/whip/text", SDP, SENDS).await.expect_problem(403, "forbidden");
    assert_eq!(server.count("SELECT count(*) FROM participants").await, 0, "nobody who was refused keeps a seat");
    let gone = key.join_token("other", "camera", Value::Null).await;
    owner.send(Method::DELETE, "/v1/rooms/other", None).await.expect(204);
    post(&gone, "/v1/whip/other", SDP, SENDS).await.expect_problem(404, "not_found");
    server.clock.advance_ms(3_601_000);
    publish(&camera).await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_body_that_is_no_offer_is_refused_by_what_is_wrong_with_it() {
    let server = TestServer::start_with(|config| config.limits.body_bytes = Some(4096)).await;
    let node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let key = server.api_key().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let whip = async |content_type: &str, body: Vec<u8>| post(&camera, "/v1/whip/talk", content_type, body).await;
    let unsupported = whip("application/json", SENDS.into()).await;
    assert_eq!(unsupported.headers["accept-post"], SDP);
    unsupported.expect_problem(415, "unsupported_media_type");
    whip(SDP, b"hello".to_vec()).await.expect_problem(400, "malformed");
    whip(SDP, vec![0xff, 0xfe]).await.expect_problem(400, "malformed");
    whip(SDP, vec![b'a'; 5000]).await.expect_problem(413, "too_large");
    whip(SDP, receives().into()).await.expect_problem(422, "unacceptable_offer");
    post(&camera, "/v1/whep/talk", SDP, SENDS).await.expect_problem(422, "unacceptable_offer");
    let empty = post(&camera, "/v1/whep/talk", SDP, "").await;
    assert!(empty.body["detail"].as_str().unwrap().contains("the client offers here"), "{}", empty.body);
    empty.expect_problem(400, "malformed");
    camera.get("/v1/whip/talk").await.expect_problem(405, "method_not_allowed");
    node.answers(Manner::Refuse);
    whip(SDP, SENDS.into()).await.expect_problem(422, "unacceptable_offer");
    assert_eq!(server.count("SELECT count(*) FROM participants").await, 0, "nobody who was refused keeps a seat");
    node.answers(Manner::Answer);
    let with_parameter = format!("{SDP}; charset=utf-8");
    assert_eq!(whip(&with_parameter, SENDS.into()).await.status, 201);
}

#[tokio::test]
async fn pages_of_any_site_may_use_it() {
    let (server, _node, _, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let preflight = server
        .anybody()
        .request(Method::OPTIONS, "/v1/whip/talk")
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let answer = server.anybody().finish(preflight).await;
    assert!(answer.status == 200 || answer.status == 204, "{answer:?}");
    let header = |answer: &Answer, name: &str| answer.headers[name].to_str().unwrap().to_lowercase();
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    assert_eq!(header(&answer, "accept-post"), SDP);
    for method in ["post", "patch", "delete"] {
        assert!(header(&answer, "access-control-allow-methods").contains(method), "{answer:?}");
    }
    for name in ["authorization", "content-type", "if-match"] {
        assert!(header(&answer, "access-control-allow-headers").contains(name), "{answer:?}");
    }
    let foreign = |client: &Client| {
        let request = client.request(Method::POST, "/v1/whip/talk").header("content-type", SDP).body(SENDS);
        request.header("origin", "https://elsewhere.example").header("sec-fetch-site", "cross-site")
    };
    let answer = camera.finish(foreign(&camera)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    for name in ["location", "etag", "link", "retry-after"] {
        assert!(header(&answer, "access-control-expose-headers").contains(name), "{answer:?}");
    }
    // Errors can be read there too.
    let refused = camera.finish(foreign(&server.anybody())).await;
    assert_eq!(header(&refused, "access-control-allow-origin"), "*");
    refused.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_session_is_deleted_once_and_by_its_own_client() {
    let (server, mut node, owner, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let session = published(&camera).await;
    let id = participants(&owner).await[0]["participantId"].as_str().unwrap().to_owned();
    let other = key.join_token("talk", "somebody else", Value::Null).await;
    delete(&other, &session).await.expect_problem(404, "not_found");
    delete(&key, &session).await.expect_problem(401, "invalid_token");
    delete(&server.anybody(), &session).await.expect_problem(401, "unauthenticated");
    patch(&other, &session, Some("*"), SAME_ICE).await.expect_problem(404, "not_found");
    assert_eq!(participants(&owner).await.len(), 1);
    // A stream may outlast its token.
    server.clock.advance_ms(3_601_000);
    delete(&camera, &session).await.expect(200);
    let is_revoked = |message: &ControlMessage| matches!(message, ControlMessage::Revoke { participant_id, reason: EndReason::Left, .. } if participant_id.to_string() == id);
    node.hear(is_revoked).await;
    assert!(participants(&owner).await.is_empty());
    delete(&camera, &session).await.expect_problem(404, "not_found");
    patch(&camera, &session, Some("*"), SAME_ICE).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_session_ends_with_its_media() {
    let (_server, node, owner, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let session = published(&camera).await;
    let id = participants(&owner).await[0]["participantId"].as_str().unwrap().to_owned();
    node.say_status(&id, ConnectionState::Suspended, vec![]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(participants(&owner).await[0]["call"], "suspended");
    let admitted = node.served(&id).unwrap();
    let (participant_id, room) = (admitted.participant_id, admitted.room);
    node.say(MediaMessage::Left { participant_id, room, reason: EndReason::Timeout });
    until_participants(&owner, 0).await;
    delete(&camera, &session).await.expect_problem(404, "not_found");
    // The same when the node lost everything.
    let session = published(&camera).await;
    node.forget_everybody();
    node.cut();
    until_participants(&owner, 0).await;
    delete(&camera, &session).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn moderation_ends_or_mutes_a_session() {
    let (_server, mut node, owner, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let act = async |what: &str, body: Value| {
        let id = participants(&owner).await[0]["participantId"].as_str().unwrap().to_owned();
        owner.post(&format!("/v1/rooms/talk/participants/{id}/{what}"), body).await.expect(204);
    };
    let session = published(&camera).await;
    act("mute", json!({ "source": "camera" })).await;
    let is_mute = |message: &ControlMessage| {
        matches!(message, ControlMessage::SetPermissions { permissions, .. }
            if *permissions == MediaPermissions { microphone: true, screen: true, ..MediaPermissions::default() })
    };
    node.hear(is_mute).await;
    act("kick", json!({})).await;
    node.hear(|message| matches!(message, ControlMessage::Revoke { reason: EndReason::Kicked, .. })).await;
    delete(&camera, &session).await.expect_problem(404, "not_found");
    let session = published(&camera).await;
    act("ban", json!({})).await;
    node.hear(|message| matches!(message, ControlMessage::Revoke { reason: EndReason::Banned, .. })).await;
    delete(&camera, &session).await.expect_problem(404, "not_found");
    publish(&camera).await.expect_problem(403, "banned");
}

#[tokio::test]
async fn a_session_takes_a_seat_of_its_own() {
    let (_server, _node, owner, key) = talking().await;
    owner.send(Method::PATCH, "/v1/rooms/talk", Some(json!({ "capacity": 1 }))).await.expect(200);
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let session = published(&camera).await;
    let second = key.join_token("talk", "second", Value::Null).await;
    publish(&second).await.expect_problem(429, "room_full");
    let mut socket = second.socket().await;
    assert_eq!(socket.nack("room.join", json!({ "room": "talk" })).await["code"], "room_full");
    delete(&camera, &session).await.expect(200);
    published(&second).await;
}

#[tokio::test]
async fn one_identity_is_in_a_room_in_one_way() {
    let (_server, _node, owner, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let first = published(&camera).await;
    let id = participants(&owner).await[0]["participantId"].clone();
    // An encoder that comes back takes its own place.
    let second = published(&camera).await;
    assert_eq!(participants(&owner).await[0]["participantId"], id);
    delete(&camera, &first).await.expect_problem(404, "not_found");
    post(&camera, "/v1/whep/talk", SDP, receives()).await.expect_problem(409, "conflict");
    let mut socket = camera.socket().await;
    assert_eq!(socket.nack("room.join", json!({ "room": "talk" })).await["code"], "conflict");
    delete(&camera, &second).await.expect(200);
    socket.ack("room.join", json!({ "room": "talk" })).await;
    publish(&camera).await.expect_problem(409, "conflict");
    socket.ack("room.leave", json!({ "room": "talk" })).await;
    published(&camera).await;
}

#[tokio::test]
async fn a_refused_offer_leaves_the_session_before_it() {
    let (_server, node, owner, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let session = published(&camera).await;
    node.answers(Manner::Refuse);
    publish(&camera).await.expect_problem(422, "unacceptable_offer");
    assert_eq!(participants(&owner).await.len(), 1);
    delete(&camera, &session).await.expect(200);
}

#[tokio::test]
async fn without_a_node_that_answers_it_is_to_be_tried_again() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let key = server.api_key().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let refused = publish(&camera).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.expect_problem(503, "media_unavailable");
    let node = server.node().await;
    server.linked().await;
    node.answers(Manner::Silent);
    publish(&camera).await.expect_problem(503, "media_unavailable");
    assert!(participants(&owner).await.is_empty(), "no seat without a session");
}

#[tokio::test]
async fn candidates_are_acknowledged_under_the_ice_session_that_they_are_of() {
    let (_server, _node, _, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let session = published(&camera).await;
    patch(&camera, &session, Some("\"1\""), SAME_ICE).await.expect(204);
    patch(&camera, &session, Some("\"1\""), "a=mid:0\r\na=end-of-candidates\r\n").await.expect(204);
    patch(&camera, &session, None, SAME_ICE).await.expect_problem(428, "precondition_required");
    patch(&camera, &session, Some("\"7\""), SAME_ICE).await.expect_problem(412, "precondition_failed");
    patch(&camera, &session, Some("\"1\""), "hello").await.expect_problem(400, "malformed");
    patch(&camera, &session, Some("\"1\""), "").await.expect_problem(400, "malformed");
    let wrong = camera.request(Method::PATCH, &session).header("content-type", SDP).header("if-match", "*");
    camera.finish(wrong.body(SENDS)).await.expect_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn an_ice_session_begins_anew_on_the_same_connection() {
    let (_server, mut node, owner, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let session = published(&camera).await;
    let (_, first) = node.hear(|message| matches!(message, ControlMessage::Admit { .. })).await;
    let ControlMessage::Admit { offer: first, .. } = first else { unreachable!() };
    let id = participants(&owner).await[0]["participantId"].clone();
    let answer = patch(&camera, &session, Some("*"), &other_ice("efgh")).await;
    assert_eq!((answer.status, &answer.headers["etag"]), (200, &"\"2\"".parse().unwrap()), "{}", answer.body);
    assert_eq!(answer.headers["content-type"], FRAGMENT);
    let fragment = answer.body.as_str().unwrap();
    assert!(fragment.contains("a=ice-ufrag:efgh\r\n") && !fragment.contains("a=fingerprint"), "{fragment}");
    let is_second =
        |message: &ControlMessage| matches!(message, ControlMessage::Admit { offer, .. } if *offer != first);
    let (_, second) = node.hear(is_second).await;
    let ControlMessage::Admit { offer: second, .. } = second else { unreachable!() };
    let expected = first.replace("abcdefghijklmnopqrstuv", "0123456789012345678901").replace("abcd\r", "efgh\r");
    assert_eq!(second, expected);
    assert_eq!(participants(&owner).await[0]["participantId"], id);
    // The tag of before is worthless now, and so are its credentials.
    patch(&camera, &session, Some("\"1\""), SAME_ICE).await.expect_problem(412, "precondition_failed");
    patch(&camera, &session, Some("\"2\""), &other_ice("efgh")).await.expect(204);
    assert_eq!(patch(&camera, &session, Some("\"2\""), &other_ice("ijkl")).await.headers["etag"], "\"3\"");
    // A restart that the node refuses changes nothing.
    node.answers(Manner::Refuse);
    patch(&camera, &session, Some("*"), &other_ice("mnop")).await.expect_problem(422, "unacceptable_offer");
    patch(&camera, &session, Some("\"3\""), &other_ice("ijkl")).await.expect(204);
}

#[tokio::test]
async fn sessions_outlast_a_restart_of_control() {
    let (server, node, owner, key) = talking().await;
    let camera = key.join_token("talk", "camera", Value::Null).await;
    let session = published(&camera).await;
    let server = server.restart().await;
    server.linked().await;
    let (owner, camera) = (owner.at(server.address), camera.at(server.address));
    assert_eq!(participants(&owner).await.len(), 1);
    patch(&camera, &session, Some("\"1\""), SAME_ICE).await.expect(204);
    assert_eq!(patch(&camera, &session, Some("*"), &other_ice("efgh")).await.status, 200);
    delete(&camera, &session).await.expect(200);
    drop(node);
}

#[tokio::test]
async fn sessions_are_limited_as_sockets_are() {
    let server = TestServer::start_with(|config| {
        config.limits.sockets_per_user = Some(2);
        config.limits.tickets_per_user_per_minute = Some(5);
    })
    .await;
    let _node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    let key = server.api_key().await;
    let mut clients = Vec::new();
    for room in ["one", "two", "three"] {
        make_room(&owner, room, "video").await;
        clients.push((key.join_token(room, "camera", Value::Null).await, format!("/v1/whip/{room}")));
    }
    let open = async |at: usize| post(&clients[at].0, &clients[at].1, SDP, SENDS).await;
    assert_eq!((open(0).await.status, open(1).await.status), (201, 201));
    open(2).await.expect_problem(429, "rate_limited");
    // Its own place may be taken again.
    assert_eq!((open(0).await.status, open(1).await.status), (201, 201));
    let too_often = open(0).await;
    assert!(too_often.headers.contains_key("retry-after"));
    too_often.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn requests_of_an_address_are_limited_and_pages_can_read_it() {
    let server = TestServer::start_with(|config| config.limits.requests_per_address_per_s = Some(1)).await;
    let anybody = server.anybody();
    let mut last = publish(&anybody).await;
    for _ in 0..20 {
        last = publish(&anybody).await;
    }
    assert_eq!(last.headers["access-control-allow-origin"], "*");
    assert!(last.headers.contains_key("retry-after"));
    last.expect_problem(429, "rate_limited");
}
