//! Calls over one shard and over three, with real str0m clients in virtual time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::time::Duration;

use boltorezka_media::egress::Via;
use boltorezka_media::shard::{Datagram, ShardCommand, ShardEvent};
use boltorezka_proto::admission::ConnectionState;
use boltorezka_proto::call::{
    ClientCallMessage, ClientStateKind, EndReason, MediaPermissions, Publication, ServerCallMessage, SlotMode,
    SlotWish, TrackSource,
};
use support::client::{Heard, Wants};
use support::{Client, World, shard_address};

const SECOND: Duration = Duration::from_secs(1);
const ALL: MediaPermissions = MediaPermissions::ALL;
const PLAIN: Wants = Wants { audio_slots: 4, video_slots: 4, channel: false, data: false, rids: &[] };
const FULL: Wants = Wants { audio_slots: 4, video_slots: 4, channel: true, data: false, rids: &[] };
const SIMULCAST: Wants = Wants { channel: true, data: false, rids: &["q", "h", "f"], ..PLAIN };

fn join(world: &mut World, shard: usize, wants: Wants) -> usize {
    let number = world.clients.len() as u8 + 1;
    let client = Client::new(number, world.now, wants);
    world.join(shard, ALL, client)
}

/// The marks of the sources that a client received in its slots within the last `duration`.
fn marks(world: &World, client: usize, duration: Duration) -> Vec<u8> {
    let recent = |heard: &&Heard| heard.at + duration >= world.now;
    let all = world.clients[client].heard.values().flatten().filter(recent);
    let mut marks: Vec<_> = all.map(|heard| *heard.payload.last().unwrap()).collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

fn assert_continuous(heard: &[Heard]) {
    assert!(heard.len() > 10, "only {} packets", heard.len());
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "a gap, or a number twice");
        assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) < 90_000, "time leapt");
        assert_ne!(pair[1].timestamp, pair[0].timestamp);
    }
}

#[test]
fn plain_clients_see_and_hear_each_other() {
    for shards in [1, 3] {
        let mut world = World::new(shards);
        let clients: Vec<_> = (0..3).map(|n| join(&mut world, n % usize::from(shards), PLAIN)).collect();
        for &client in &clients {
            world.clients[client].speak(10 + client as u8, -30);
            world.clients[client].show(20 + client as u8);
        }
        world.run(3 * SECOND);
        for &client in &clients {
            let own = [10 + client as u8, 20 + client as u8];
            let expected: Vec<u8> = [10, 11, 12, 20, 21, 22].into_iter().filter(|mark| !own.contains(mark)).collect();
            assert_eq!(marks(&world, client, SECOND), expected, "client {client}, {shards} shards");
            for heard in world.clients[client].heard.values() {
                assert_continuous(heard);
                let first = &heard[0].payload;
                assert!(first.len() < 100 || first[6] & 1 == 0, "a picture starts with a keyframe");
            }
        }
        assert!(world.sent_to_strangers.is_empty());
    }
}

#[test]
fn who_speaks_the_protocol_is_told_everything() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world, 0, FULL), join(&mut world, 0, FULL));
    world.clients[a].show(20);
    world.run(2 * SECOND);
    let a_id = world.clients[a].participant_id;
    assert!(matches!(world.clients[b].messages[0], ServerCallMessage::Welcome { permissions: ALL, .. }));
    let tracks = world.clients[b].tracks();
    assert_eq!(tracks.len(), 1);
    assert_eq!((tracks[0].participant_id, tracks[0].source), (a_id, TrackSource::Camera));
    let slots = world.clients[b].slots();
    assert_eq!(slots.len(), 8);
    let shown: Vec<_> = slots.iter().filter(|slot| slot.track.is_some()).collect();
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].participant_id, shown[0].track), (Some(a_id), Some(tracks[0].track)));
    let slot = world.clients[b].video_slots.iter().find(|mid| ***mid == *shown[0].mid).copied().unwrap();
    let heard = world.clients[b].heard_in(slot);
    assert!(heard.iter().all(|heard| heard.track == tracks[0].track.0));
}

#[test]
fn a_client_names_what_it_publishes_and_mutes_it() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world, 0, FULL), join(&mut world, 0, FULL));
    let (camera, microphone) = (world.clients[a].camera.to_string(), world.clients[a].microphone.to_string());
    let publish = |rev, muted| ClientCallMessage::Publish {
        rev,
        tracks: vec![
            Publication {
                mid: camera.clone(),
                source: TrackSource::Screen,
                muted: false,
                height: Some(1080),
                heights: Vec::new(),
            },
            Publication {
                mid: microphone.clone(),
                source: TrackSource::Microphone,
                muted,
                height: None,
                heights: Vec::new(),
            },
        ],
    };
    world.clients[a].say(publish(1, false));
    world.clients[a].speak(10, -30);
    world.clients[a].show(20);
    world.run(2 * SECOND);
    let sources: Vec<_> = world.clients[b].tracks().iter().map(|track| track.source).collect();
    assert!(sources.contains(&TrackSource::Screen) && sources.contains(&TrackSource::Microphone));
    assert_eq!(marks(&world, b, SECOND), [10, 20]);

    world.clients[a].say(publish(2, true));
    world.run(SECOND);
    assert_eq!(marks(&world, b, SECOND / 2), [20], "the microphone is muted, whatever it sends");
    assert!(world.clients[b].tracks().iter().any(|track| track.muted));

    world.clients[a].say(publish(3, false));
    world.clients[a].say(publish(2, true));
    world.run(SECOND);
    assert_eq!(marks(&world, b, SECOND / 2), [10, 20], "the older revision does not count");
    let audio = world.clients[b].audio_slots.clone();
    let heard: Vec<_> =
        audio.iter().map(|mid| world.clients[b].heard_in(*mid)).filter(|heard| !heard.is_empty()).collect();
    assert_eq!(heard.len(), 1);
    for pair in heard[0].windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "what was muted is no loss");
    }

    world.clients[a].say(ClientCallMessage::Publish { rev: 4, tracks: vec![] });
    world.run(SECOND);
    assert!(world.clients[b].tracks().is_empty());
    assert!(marks(&world, b, SECOND / 2).is_empty());
}

#[test]
fn what_is_not_allowed_is_refused_with_a_reason() {
    let mut world = World::new(1);
    let permissions = MediaPermissions { camera: false, ..ALL };
    let client = Client::new(1, world.now, FULL);
    let a = world.join(0, permissions, client);
    let b = join(&mut world, 0, FULL);
    let camera = world.clients[a].camera.to_string();
    let publication =
        Publication { mid: camera, source: TrackSource::Camera, muted: false, height: None, heights: Vec::new() };
    world.clients[a].say(ClientCallMessage::Publish { rev: 1, tracks: vec![publication] });
    world.clients[a].show(20);
    world.run(2 * SECOND);
    let refused = world.clients[a]
        .messages
        .iter()
        .any(|message| matches!(message, ServerCallMessage::Refused { of: Some(ClientStateKind::Publish), rev: Some(1), message } if message.contains("Camera")));
    assert!(refused, "{:?}", world.clients[a].messages);
    assert_eq!(world.clients[b].heard_count(), 0);
}

#[test]
fn a_slot_gets_the_layer_that_its_size_needs() {
    for shards in [1, 2] {
        let mut world = World::new(shards);
        let a = join(&mut world, 0, SIMULCAST);
        let b = join(&mut world, usize::from(shards) - 1, FULL);
        world.clients[a].show(20);
        world.run(6 * SECOND);
        assert_eq!(marks(&world, b, SECOND), [22], "the best layer");
        let mid = world.clients[b].video_slots[0];
        let wish = |rev, height_max| ClientCallMessage::Subscribe {
            rev,
            slots: vec![SlotWish {
                mid: mid.to_string(),
                mode: SlotMode::Auto,
                track: None,
                height_max,
                priority: None,
            }],
        };
        world.clients[b].say(wish(1, Some(100)));
        world.run(2 * SECOND);
        assert_eq!(marks(&world, b, SECOND), [20], "a thumbnail");
        world.clients[b].say(wish(2, Some(300)));
        world.run(2 * SECOND);
        assert_eq!(marks(&world, b, SECOND), [21]);
        assert_continuous(world.clients[b].heard_in(mid));
        let rid = world.clients[b].slots().into_iter().find_map(|slot| slot.rid);
        assert_eq!(rid.as_deref(), Some("h"));
    }
}

#[test]
fn slots_are_pinned_switched_off_and_added() {
    let mut world = World::new(1);
    let publishers: Vec<_> = (0..3).map(|_| join(&mut world, 0, PLAIN)).collect();
    for &client in &publishers {
        world.clients[client].show(20 + client as u8);
    }
    let b = join(&mut world, 0, Wants { video_slots: 2, ..FULL });
    world.run(2 * SECOND);
    assert_eq!(marks(&world, b, SECOND), [20, 21], "by order of arrival");

    let third = world.clients[publishers[2]].participant_id;
    let track = world.clients[b].tracks().into_iter().find(|track| track.participant_id == third).unwrap().track;
    let mids: Vec<_> = world.clients[b].video_slots.iter().map(|mid| mid.to_string()).collect();
    let slot = |mid: &String, mode, track| SlotWish { mid: mid.clone(), mode, track, height_max: None, priority: None };
    let slots = vec![slot(&mids[0], SlotMode::Off, None), slot(&mids[1], SlotMode::Pinned, Some(track))];
    world.clients[b].say(ClientCallMessage::Subscribe { rev: 1, slots });
    world.run(2 * SECOND);
    assert_eq!(marks(&world, b, SECOND), [22]);
    assert_continuous(world.clients[b].heard_in(world.clients[b].video_slots[1]));

    world.clients[b].add_video_slots(1);
    let id = world.clients[b].participant_id;
    world.offer(b, 0, id, ALL);
    world.run(2 * SECOND);
    assert_eq!(marks(&world, b, SECOND), [20, 22], "a new slot, the connection as before");
}

#[test]
fn only_the_loudest_three_are_heard() {
    for shards in [1, 3] {
        let mut world = World::new(shards);
        let clients: Vec<_> = (0..8).map(|n| join(&mut world, n % usize::from(shards), FULL)).collect();
        for (&client, level) in clients.iter().zip([-60, -20, -58, -24, -62, -28, -55, -65]) {
            world.clients[client].speak(10 + client as u8, level);
        }
        world.run(5 * SECOND);
        for &client in &clients {
            let heard = marks(&world, client, SECOND);
            assert_eq!(heard.len(), 3, "client {client} hears {heard:?}, {shards} shards");
            let loudest: Vec<u8> = [11, 13, 15].into_iter().filter(|mark| *mark != 10 + client as u8).collect();
            assert!(loudest.iter().all(|mark| heard.contains(mark)), "client {client} hears {heard:?}");
        }
        let speakers = world.clients[0].messages.iter().rev().find_map(|message| match message {
            ServerCallMessage::Speakers { participant_ids } => Some(participant_ids.clone()),
            _ => None,
        });
        assert_eq!(speakers.unwrap()[0], world.clients[1].participant_id);
    }
}

#[test]
fn all_are_heard_where_nothing_limits_it() {
    for shards in [1, 3] {
        let mut world = World::with_heard(shards, usize::MAX);
        let clients: Vec<_> = (0..5).map(|n| join(&mut world, n % usize::from(shards), FULL)).collect();
        for (&client, level) in clients.iter().zip([-60, -20, -58, -24, -28]) {
            world.clients[client].speak(10 + client as u8, level);
        }
        world.run(5 * SECOND);
        for &client in &clients {
            let heard = marks(&world, client, SECOND);
            assert_eq!(heard.len(), 4, "client {client} hears {heard:?}, {shards} shards");
        }
    }
}

#[test]
fn a_revoked_participant_neither_sends_nor_receives() {
    for shards in [1, 2] {
        let mut world = World::new(shards);
        let a = join(&mut world, 0, FULL);
        let b = join(&mut world, usize::from(shards) - 1, FULL);
        for client in [a, b] {
            world.clients[client].speak(10 + client as u8, -30);
            world.clients[client].show(20 + client as u8);
        }
        world.run(2 * SECOND);
        let id = world.clients[a].participant_id;
        world.revoke(0, id);
        let (heard_by_a, heard_by_b) = (world.clients[a].heard_count(), world.clients[b].heard_count());
        world.run(2 * SECOND);
        assert_eq!(world.clients[a].heard_count(), heard_by_a);
        assert_eq!(world.clients[b].heard_count(), heard_by_b);
        let told = ServerCallMessage::Ended { reason: EndReason::Kicked };
        assert!(world.clients[a].messages.contains(&told) && world.clients[a].is_closed);
        assert!(world.clients[b].tracks().is_empty());
        assert!(world.events.iter().any(|event| matches!(event,
            ShardEvent::Left { participant_id, reason: EndReason::Kicked, .. } if *participant_id == id)));
    }
}

#[test]
fn a_lost_right_withdraws_its_track() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world, 0, PLAIN), join(&mut world, 0, FULL));
    world.clients[a].speak(10, -30);
    world.clients[a].show(20);
    world.run(2 * SECOND);
    let participant_id = world.clients[a].participant_id;
    let permissions = MediaPermissions { microphone: false, ..ALL };
    world.command(0, ShardCommand::SetPermissions { participant_id, permissions });
    world.run(SECOND);
    assert_eq!(marks(&world, b, SECOND / 2), [20]);
    world.command(0, ShardCommand::SetPermissions { participant_id, permissions: ALL });
    world.run(SECOND);
    assert_eq!(marks(&world, b, SECOND / 2), [10, 20]);
    let b_id = world.clients[b].participant_id;
    let deaf = MediaPermissions { subscribe: false, ..ALL };
    world.command(0, ShardCommand::SetPermissions { participant_id: b_id, permissions: deaf });
    world.run(SECOND);
    assert!(marks(&world, b, SECOND / 2).is_empty());
}

#[test]
fn a_silent_connection_is_suspended_then_removed() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world, 0, FULL), join(&mut world, 0, FULL));
    world.clients[a].show(20);
    world.run(2 * SECOND);
    let state = |world: &World, client: usize| {
        let id = world.clients[client].participant_id;
        world.events.iter().rev().find_map(|event| match event {
            ShardEvent::Status(status) if status.participant_id == id => Some(status.state),
            _ => None,
        })
    };
    assert_eq!(state(&world, a), Some(ConnectionState::Connected));
    world.clients[a].is_mute_to_the_network = true;
    world.run(17 * SECOND);
    assert_eq!(state(&world, a), Some(ConnectionState::Suspended));
    assert!(world.clients[b].tracks().is_empty());

    world.clients[a].is_mute_to_the_network = false;
    world.run(3 * SECOND);
    assert_eq!(state(&world, a), Some(ConnectionState::Connected));
    assert_eq!(marks(&world, b, SECOND), [20], "back as if nothing had been");

    world.clients[a].is_mute_to_the_network = true;
    world.run(77 * SECOND);
    let id = world.clients[a].participant_id;
    assert!(world.events.iter().any(|event| matches!(event,
        ShardEvent::Left { participant_id, reason: EndReason::Timeout, .. } if *participant_id == id)));
}

#[test]
fn a_reload_takes_the_place_of_the_old_connection() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world, 0, FULL), join(&mut world, 0, FULL));
    world.clients[a].show(20);
    world.run(2 * SECOND);
    let mut again = Client::new(9, world.now, FULL);
    again.participant_id = world.clients[a].participant_id;
    let c = world.join(0, ALL, again);
    world.clients[c].show(40);
    world.run(2 * SECOND);
    assert_eq!(marks(&world, b, SECOND), [40]);
    assert!(world.clients[a].messages.contains(&ServerCallMessage::Ended { reason: EndReason::Replaced }));
    let left = world.events.iter().filter(|event| matches!(event, ShardEvent::Left { .. })).count();
    assert_eq!(left, 0, "the participant stayed");
}

#[test]
fn keyframe_requests_are_merged() {
    let mut world = World::new(1);
    let a = join(&mut world, 0, FULL);
    world.clients[a].show(20);
    world.run(SECOND);
    let before = world.clients[a].keyframe_requests.len();
    for _ in 0..5 {
        join(&mut world, 0, FULL);
    }
    world.run(2 * SECOND);
    let requests = &world.clients[a].keyframe_requests[before..];
    assert!((1..=5).contains(&requests.len()), "{} requests", requests.len());
    for pair in requests.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(390));
    }
}

#[test]
fn a_packet_that_is_too_long_to_forward_harms_nobody() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world, 0, FULL), join(&mut world, 0, FULL));
    world.clients[a].speak(10, -30);
    world.clients[a].show(20);
    world.run(SECOND);
    for bytes in [1_360, 1_500, 1_900, 1_960] {
        world.clients[a].sources[1].payload_bytes = bytes;
        world.run(SECOND / 5);
    }
    let longest = world.clients[b].heard.values().flatten().map(|heard| heard.payload.len()).max();
    assert!(longest.unwrap() < 1_360);
    world.clients[a].sources[1].payload_bytes = 500;
    world.run(2 * SECOND);
    assert_eq!(marks(&world, b, SECOND), [10, 20]);
}

#[test]
fn rights_of_a_suspended_participant_do_not_bring_its_tracks_back() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world, 0, FULL), join(&mut world, 0, FULL));
    let mid = world.clients[a].camera.to_string();
    let publication = Publication { mid, source: TrackSource::Camera, muted: false, height: None, heights: Vec::new() };
    world.clients[a].say(ClientCallMessage::Publish { rev: 1, tracks: vec![publication] });
    world.clients[a].show(20);
    world.run(2 * SECOND);
    world.clients[a].is_mute_to_the_network = true;
    world.run(17 * SECOND);
    let participant_id = world.clients[a].participant_id;
    let permissions = MediaPermissions { screen: false, ..ALL };
    world.command(0, ShardCommand::SetPermissions { participant_id, permissions });
    world.run(SECOND);
    assert!(world.clients[b].tracks().is_empty());
    world.clients[a].is_mute_to_the_network = false;
    world.run(3 * SECOND);
    assert_eq!(marks(&world, b, SECOND), [20]);
    let heard = world.clients[b].heard_in(world.clients[b].video_slots[0]);
    assert!(heard.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1), "the pause is no loss");
}

#[test]
fn an_offer_that_contradicts_itself_harms_nobody_else() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world, 0, FULL), join(&mut world, 0, FULL));
    world.clients[a].show(20);
    let offer = Client::new(9, world.now, FULL).offer();
    let payload_type = |name: &str| {
        let line = offer.lines().find(|line| line.starts_with("a=rtpmap:") && line.contains(name)).unwrap();
        line.trim_start_matches("a=rtpmap:").split(' ').next().unwrap().to_owned()
    };
    // One payload type for sound in one section and for pictures in the next.
    let (opus, vp8) = (payload_type("opus"), payload_type("VP8"));
    let contradiction = offer.replace(&format!(":{opus} "), &format!(":{vp8} "));
    let contradiction = contradiction.replace(&format!("SAVPF {opus}"), &format!("SAVPF {vp8}"));
    // Refused or answered without the contradiction: either will do, as long as only the newcomer is concerned.
    let _ = world.admit(0, boltorezka_proto::ParticipantId::generate(), ALL, contradiction);
    world.run(2 * SECOND);
    assert_eq!(marks(&world, b, SECOND), [20], "the others never noticed");
}

#[test]
fn strangers_get_no_answer() {
    let mut world = World::new(1);
    let a = join(&mut world, 0, FULL);
    world.run(SECOND);
    let source = "203.0.113.66:6666".parse().unwrap();
    let stun = |username: &str| {
        let mut message = vec![0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend([7; 12]);
        message.extend([0x00, 0x06, 0, username.len() as u8]);
        message.extend(username.as_bytes());
        message.resize(message.len().next_multiple_of(4), 0);
        let length = (message.len() - 20) as u16;
        message[2..4].copy_from_slice(&length.to_be_bytes());
        message
    };
    // The fragment is not secret, the password is: without its integrity a request is nobody's.
    let answer_ufrag = world.clients[a].rtc.direct_api().local_ice_credentials().ufrag;
    let datagrams =
        [stun("nobody:x"), stun(&format!("{answer_ufrag}:x")), vec![22; 200], vec![0x80; 100], vec![], vec![0]];
    for contents in &datagrams {
        let datagram = Datagram { via: Via::Udp, source, destination: shard_address(0), contents };
        world.shards[0].handle_datagrams(world.now, [datagram]);
        world.settle();
    }
    world.run(SECOND);
    assert!(world.sent_to_strangers.is_empty());
}

#[test]
fn a_check_that_somebody_overheard_moves_nothing() {
    let mut world = World::new(1);
    let a = join(&mut world, 0, PLAIN);
    let b = join(&mut world, 0, PLAIN);
    world.clients[a].show(20);
    world.run(5 * SECOND);
    assert!(world.checks.len() > 2, "{} checks", world.checks.len());
    let source = "203.0.113.66:6666".parse().unwrap();
    for contents in world.checks.clone() {
        let datagram = Datagram { via: Via::Udp, source, destination: shard_address(0), contents: &contents };
        world.shards[0].handle_datagrams(world.now, [datagram]);
        world.settle();
    }
    world.run(SECOND);
    assert!(world.sent_to_strangers.is_empty(), "{} datagrams", world.sent_to_strangers.len());
    assert_eq!(marks(&world, b, SECOND / 2), [20], "the call goes on where it was");
}
