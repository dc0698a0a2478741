//! A media node is emptied while people talk.

use std::time::Duration;

use boltorezka_proto::ErrorCode;
use boltorezka_proto::rest::{MediaState, ResumeRequest, ResumeResponse};
use boltorezka_sdk::EndReason;
use boltorezka_sdk::call::CallState;

use crate::server::{Person, Server};
use crate::{camera, options, receiver, sender, sleep_ms, turn};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_node_tells_those_inside_takes_nobody_and_comes_back() {
    let _turn = turn().await;
    let server = Server::start(2).await;
    let room = server.create_room("drained").await;
    let listener = server.join(&room, "listener", options(receiver())).await;
    let speaker = server.join(&room, "speaker", options(sender())).await;
    speaker.call.play(camera("vp8-180.ivf")).await.unwrap();
    let shows = |state: &CallState| state.slots.iter().any(|slot| slot.participant_id.is_some());
    listener.call.wait_for("a picture", Duration::from_secs(10), shows).await.unwrap();

    server.admin.drain_media(60).await.unwrap();
    let is_told = |state: &CallState| state.is_draining;
    listener.call.wait_for("the drain", Duration::from_secs(5), is_told).await.unwrap();
    state(&server, |state| state.draining && state.connections == 2).await;
    let (late, _) = server.enter(&room, "late").await;
    let refused = boltorezka_sdk::call::Call::join(&late, &room, options(receiver())).await;
    assert!(refused.is_err(), "nobody new");
    server.admin.undrain_media().await.unwrap();
    listener.call.wait_for("its end", Duration::from_secs(5), |state| !state.is_draining).await.unwrap();
    let call = boltorezka_sdk::call::Call::join(&late, &room, options(receiver())).await.unwrap();
    call.connected().await.unwrap();
    refuses_tokens(&server, &listener).await;

    let before = server.media_pid().expect("a media node runs");
    server.admin.drain_media(1).await.unwrap();
    for ended in [listener.call.ended(), speaker.call.ended(), call.ended()] {
        let reason = tokio::time::timeout(Duration::from_secs(5), ended).await.expect("ended at the deadline");
        assert_eq!(reason, EndReason::Drain);
    }
    for _ in 0..100 {
        if server.media_pid().is_some_and(|pid| pid != before) {
            break;
        }
        sleep_ms(100).await;
    }
    state(&server, |state| state.linked && !state.draining).await;
    let back = server.join(&room, "listener", options(receiver())).await;
    assert_eq!(back.participant_id, listener.participant_id, "the seat was kept");
}

/// Waits until the node is as wanted.
async fn state(server: &Server, wanted: impl Fn(&MediaState) -> bool) {
    let mut last = None;
    for _ in 0..100 {
        let state: MediaState = server.admin.get("/v1/admin/media").await.unwrap();
        if wanted(&state) {
            return;
        }
        last = Some(state);
        sleep_ms(100).await;
    }
    panic!("{last:?}");
}

/// The node believes its own tokens only, and only for the session that has them.
async fn refuses_tokens(server: &Server, person: &Person) {
    let resume = async |token: String| {
        let sdp = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
        let outcome = server.api.post::<ResumeResponse>("/v1/calls/resume", &ResumeRequest { token, sdp }).await;
        outcome.unwrap_err().code()
    };
    let token = person.call.state().resume_token.clone().expect("it was given one");
    assert_eq!(resume(token.clone()).await, Some(ErrorCode::UnacceptableOffer), "another session");
    let forged = token.replace(&token[160..], if token.ends_with("0000") { "1111" } else { "0000" });
    assert_eq!(resume(forged).await, Some(ErrorCode::InvalidToken));
}
