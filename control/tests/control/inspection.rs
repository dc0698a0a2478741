//! What an operator can see of the media node, and who is hidden from others.

use boltorezka_proto::admission::ControlMessage;
use serde_json::{Value, json};

use crate::common::TestServer;
use crate::common::server::make_room;

#[tokio::test]
async fn admins_see_what_the_node_does_and_nobody_else() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    owner.get("/v1/admin/media/inspection").await.expect_problem(503, "media_unavailable");
    let mut node = server.node().await;
    server.linked().await;
    server.anybody().get("/v1/admin/media/inspection").await.expect_problem(401, "unauthenticated");
    server.user("Ann").await.get("/v1/admin/media/inspection").await.expect_problem(403, "forbidden");
    server.api_key().await.get("/v1/admin/media/inspection").await.expect_problem(403, "forbidden");
    owner.get("/v1/admin/media/inspection?room=nowhere").await.expect_problem(404, "not_found");
    let seen = owner.get("/v1/admin/media/inspection").await.expect(200);
    assert_eq!(seen, json!({ "connections": [], "tracks": [], "truncated": false }));
    let room = make_room(&owner, "talk", "video").await;
    owner.get("/v1/admin/media/inspection?room=talk").await.expect(200);
    let id = room["id"].as_str().unwrap().to_owned();
    let is_it = |message: &ControlMessage| matches!(message, ControlMessage::Inspect { room: Some(room), .. } if room.to_string() == id);
    node.hear(is_it).await;
}

#[tokio::test]
async fn who_is_hidden_is_in_no_list() {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let watcher = key.join_token("talk", "watcher", Value::Null).await;
    let (mut of_watcher, _) = watcher.in_room("talk").await;
    of_watcher.expect("presence.update").await;
    let hidden = json!({ "subscribe": true, "microphone": true, "data": true, "hidden": true });
    let recorder = key.join_token("talk", "recorder", hidden).await;
    let (mut of_recorder, id) = recorder.in_room("talk").await;
    of_recorder.expect("presence.update").await;
    of_recorder.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    let permissions = node.served(&id).unwrap().permissions;
    assert!(permissions.hidden && permissions.subscribe && !permissions.may_send_data(), "{permissions:?}");

    let listed = key.get("/v1/rooms/talk/participants").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(key.get("/v1/rooms/talk").await.expect(200)["participantCount"], 1);
    let other = key.join_token("talk", "other", Value::Null).await;
    let (_of_other, other_id) = other.in_room("talk").await;
    let update = of_watcher.expect("presence.update").await;
    assert_eq!(
        (update["joined"].as_array().unwrap().len(), &update["joined"][0]["participantId"]),
        (1, &json!(other_id))
    );
    // It is there, and can be taken out by who knows it.
    key.act(&format!("/v1/rooms/talk/participants/{id}/kick")).await.expect(204);
    of_recorder.expect("call.ended").await;
}
