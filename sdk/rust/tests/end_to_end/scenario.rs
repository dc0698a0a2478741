//! A workspace from its making to a feature that is switched off in the middle of a call, by API alone.

use std::time::{Duration, Instant};

use boltorezka_proto::call::SlotState;
use boltorezka_sdk::call::{Call, CallConfig, CallState};
use boltorezka_sdk::rest::{CreateRoomRequest, RoomKind};
use boltorezka_sdk::{
    Client, DisplayName, OptionalFeature, RoomSlug, RoomTitle, TrackSource, WorkspaceRole, WorkspaceSlug,
    WorkspaceTitle,
};

use crate::server::Server;
use crate::{camera, options, receiver, sender, sleep_ms, turn, voice};

/// Time in which tracks have stopped after their feature was switched off.
const STOPPED_WITHIN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_video_off_stops_a_camera_and_nothing_else() {
    let _turn = turn().await;
    let server = Server::start(1).await;

    // An admin of the server makes a workspace: a tenant with rooms, members and features of its own.
    let acme = WorkspaceSlug::new("acme").unwrap();
    server.admin.create_workspace(&acme, &WorkspaceTitle::new("Acme").unwrap()).await.unwrap();

    // Video is on from the start; saying so again changes nothing.
    let video = server.admin.set_feature(&acme, OptionalFeature::Video, true).await.unwrap();
    assert!(video.enabled);

    // Ada and Bob have accounts on the server, and are taken into the workspace.
    let ada = person(&server, &acme, "Ada").await;
    let bob = person(&server, &acme, "Bob").await;

    // A room is made there, and is listed there, with nobody in it. At home, in the default workspace, it is not.
    let room = RoomSlug::new("stand-up").unwrap();
    let request = CreateRoomRequest {
        slug: room.clone(),
        title: RoomTitle::new("Stand-up").unwrap(),
        kind: RoomKind::Video,
        capacity: None,
        settings: Default::default(),
    };
    server.admin.in_workspace(&acme).create_room(&request).await.unwrap();
    assert_eq!(listed(&ada, &room).await, Some(0));
    assert_eq!(listed(&server.admin, &room).await, None);

    // Both enter, and the list counts them.
    let (ada, bob) = (ada.connect().await.unwrap(), bob.connect().await.unwrap());
    let ada_id = ada.join_room(&room).await.unwrap().participant_id;
    bob.join_room(&room).await.unwrap();
    assert_eq!(listed(&server.admin.in_workspace(&acme), &room).await, Some(2));

    // A call: Ada speaks and shows her camera, and Bob hears and sees her.
    let speaker = Call::join(&ada, &room, options(sender())).await.unwrap();
    let viewer = Call::join(&bob, &room, options(CallConfig { ..receiver() })).await.unwrap();
    speaker.play(voice()).await.unwrap();
    speaker.play(camera("vp8-180.ivf")).await.unwrap();
    let shows = |source| {
        move |state: &CallState| {
            let is_it = |slot: &SlotState| slot.participant_id == Some(ada_id) && slot.source == Some(source);
            state.slots.iter().any(is_it) && state.track_of(ada_id, source).is_some()
        }
    };
    for source in [TrackSource::Microphone, TrackSource::Camera] {
        viewer.wait_for("Ada's tracks", PATIENCE, shows(source)).await.unwrap();
    }
    let track_of = |source| viewer.state().track_of(ada_id, source).expect("it is published");
    let (sound, picture) = (track_of(TrackSource::Microphone), track_of(TrackSource::Camera));
    sleep_ms(500).await;
    let arrived = async |track| viewer.stats().await.tracks[&track].last_packet_at.expect("something arrived");
    assert!(arrived(picture).await.elapsed() < STOPPED_WITHIN, "the picture plays");

    // Video is switched off. Within a second no packet of the camera arrives, and Bob is told that the track is gone.
    server.admin.set_feature(&acme, OptionalFeature::Video, false).await.unwrap();
    let switched_at = Instant::now();
    let is_gone = |state: &CallState| state.track_of(ada_id, TrackSource::Camera).is_none();
    viewer.wait_for("the camera is gone", STOPPED_WITHIN, is_gone).await.unwrap();
    sleep_ms(1_500).await;
    let last = arrived(picture).await.saturating_duration_since(switched_at);
    println!("the last packet of the camera came {last:?} after the answer");
    assert!(last < STOPPED_WITHIN, "{last:?}");

    // The call goes on: her voice is heard, and nobody left the room.
    assert!(arrived(sound).await.elapsed() < STOPPED_WITHIN, "the voice plays");
    assert_eq!(listed(&server.admin.in_workspace(&acme), &room).await, Some(2));

    // Switched on again, and without joining again, she shows her camera as before.
    server.admin.set_feature(&acme, OptionalFeature::Video, true).await.unwrap();
    viewer.wait_for("the camera is back", PATIENCE, shows(TrackSource::Camera)).await.unwrap();
}

/// An account that is a member of the workspace, and acts in it.
async fn person(server: &Server, workspace: &WorkspaceSlug, name: &str) -> Client {
    let email = format!("{}@example.org", name.to_lowercase());
    let name = DisplayName::new(name).unwrap();
    let (client, user) = Client::register(&server.url, &email, "a password for tests", name).await.unwrap();
    server.admin.set_workspace_member(workspace, user.id, WorkspaceRole::Member).await.unwrap();
    client.in_workspace(workspace)
}

/// How many are in a room, as the list of rooms has it; none when it is not listed.
async fn listed(client: &Client, room: &RoomSlug) -> Option<u32> {
    client.rooms().await.unwrap().into_iter().find(|it| it.slug == *room).map(|it| it.participant_count)
}
