//! Data messages, and hidden participants.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::time::Duration;

use boltorezka_media::shard::ShardCommand;
use boltorezka_proto::call::{
    ClientCallMessage, MediaPermissions, Publication, ServerCallMessage, SlotMode, SlotWish, TrackSource,
};
use boltorezka_proto::data::{DataFrom, DataKind, DataRefusal};
use support::client::Wants;
use support::{Client, World};

const ALL: MediaPermissions = MediaPermissions::ALL;
const LISTENER: MediaPermissions =
    MediaPermissions { subscribe: true, microphone: false, camera: false, screen: false, data: false, hidden: false };
const WANTS: Wants = Wants { audio_slots: 1, video_slots: 1, channel: true, data: true, rids: &[] };
const SECOND: Duration = Duration::from_secs(1);
const BOTH: [DataKind; 2] = [DataKind::Reliable, DataKind::Lossy];

fn join(world: &mut World, shard: usize, permissions: MediaPermissions) -> usize {
    let number = world.clients.len() as u8 + 1;
    let client = Client::new(number, world.now, WANTS);
    let index = world.join(shard, permissions, client);
    world.run_until(SECOND * 2, |world| world.clients[index].data.is_open());
    index
}

fn refusals(client: &Client) -> Vec<(DataRefusal, u32)> {
    let refused = client.messages.iter().filter_map(|message| match message {
        ServerCallMessage::DataRefused { reason, count, .. } => Some((*reason, *count)),
        _ => None,
    });
    refused.collect()
}

fn dropped(world: &mut World, reason: &str) -> u64 {
    let counts = world.shards.iter_mut().map(|shard| shard.counters_mut().packets_dropped.get(reason).copied());
    counts.flatten().sum()
}

#[test]
fn data_reaches_the_room_or_those_who_are_named() {
    for shard_count in [1, 3] {
        let mut world = World::new(shard_count);
        let last = usize::from(shard_count) - 1;
        let ann = join(&mut world, 0, ALL);
        let bob = join(&mut world, last, ALL);
        let cid = join(&mut world, last / 2, LISTENER);
        let deaf = join(&mut world, last, MediaPermissions { subscribe: false, ..ALL });
        let ids: Vec<_> = world.clients.iter().map(|client| client.participant_id).collect();
        for kind in BOTH {
            world.clients[ann].send_data(kind, None, Some("cursor"), &[0, 255, 7]);
            world.clients[ann].send_data(kind, Some(vec![ids[cid], ids[deaf]]), None, b"for Cid");
            world.clients[bob].send_data(kind, Some(vec![ids[ann]]), None, b"back");
        }
        world.run(SECOND);
        let heard = |who: usize, kind, from: usize| -> Vec<Vec<u8>> {
            world.clients[who].data.of(kind, ids[from]).map(|arrived| arrived.payload.clone()).collect()
        };
        for kind in BOTH {
            assert_eq!(heard(bob, kind, ann), [vec![0, 255, 7]], "{shard_count} shards");
            assert_eq!(heard(cid, kind, ann), [vec![0, 255, 7], b"for Cid".to_vec()]);
            assert_eq!(heard(ann, kind, bob), [b"back".to_vec()]);
        }
        assert!(world.clients[deaf].data.arrived.is_empty(), "without the right to receive");
        assert_eq!(world.clients[ann].data.arrived.len(), 2, "not its own");
        let first = &world.clients[bob].data.arrived[0];
        assert_eq!(first.from, DataFrom::Message { from: ids[ann], topic: Some("cursor".into()) });
    }
}

#[test]
fn rights_hold_from_the_moment_on_at_which_they_change() {
    let mut world = World::new(2);
    let ann = join(&mut world, 0, LISTENER);
    let bob = join(&mut world, 1, ALL);
    let id = world.clients[ann].participant_id;
    world.clients[ann].send_data(DataKind::Lossy, None, None, b"may not");
    world.run(SECOND * 2);
    assert_eq!(refusals(&world.clients[ann]), [(DataRefusal::Forbidden, 1)]);
    let set = |permissions| ShardCommand::SetPermissions { participant_id: id, permissions };
    world.command(0, set(MediaPermissions { data: true, ..LISTENER }));
    world.clients[ann].send_data(DataKind::Lossy, None, None, b"may");
    world.run(SECOND);
    // On its way already when the right is taken away.
    world.clients[ann].send_data(DataKind::Lossy, None, None, b"late");
    world.shards[0].handle_command(world.now, set(MediaPermissions { data: true, hidden: true, ..LISTENER }));
    world.run(SECOND);
    let heard: Vec<_> = world.clients[bob].data.arrived.iter().map(|arrived| arrived.payload.clone()).collect();
    assert_eq!(heard, [b"may"]);
    assert_eq!(dropped(&mut world, "data_forbidden"), 2);
}

#[test]
fn what_goes_beyond_the_limits_is_refused_and_said_once_a_second() {
    let mut world = World::new(1);
    let ann = join(&mut world, 0, ALL);
    let bob = join(&mut world, 0, ALL);
    world.clients[ann].send_data(DataKind::Lossy, None, None, &[1; 901]);
    world.run(SECOND * 2);
    world.clients[ann].send_raw_data(DataKind::Reliable, b"hello".to_vec());
    world.run(SECOND * 2);
    for _ in 0..300 {
        world.clients[ann].send_data(DataKind::Reliable, None, None, b"x");
    }
    world.run(SECOND * 2);
    let refused = refusals(&world.clients[ann]);
    let kinds: Vec<_> = refused.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(kinds[..3], [DataRefusal::TooLarge, DataRefusal::Malformed, DataRefusal::TooFast]);
    assert!(refused.len() <= 5, "{refused:?}");
    let arrived = world.clients[bob].data.arrived.len();
    assert!((200..230).contains(&arrived), "{arrived}");
    let of_rate: u32 = refused[2..].iter().map(|(_, count)| count).sum();
    assert_eq!(of_rate as usize + arrived, 300, "each is told or arrives");
    assert_eq!((dropped(&mut world, "data_malformed"), dropped(&mut world, "data_rate")), (2, u64::from(of_rate)));
    // Burst of bytes: eight of the largest.
    world.run(SECOND * 2);
    for _ in 0..12 {
        world.clients[ann].send_data(DataKind::Reliable, None, None, &[2; 16 * 1024]);
    }
    world.run(SECOND * 4);
    let large = world.clients[bob].data.arrived.iter().filter(|arrived| arrived.payload.len() == 16 * 1024).count();
    assert!((7..=9).contains(&large), "{large}");
}

#[test]
fn a_receiver_that_takes_nothing_misses_what_it_is_told_and_holds_up_nobody() {
    let mut world = World::new(2);
    let ann = join(&mut world, 0, ALL);
    let slow = join(&mut world, 1, ALL);
    let bob = join(&mut world, 1, ALL);
    let id = world.clients[ann].participant_id;
    world.clients[slow].is_mute_to_the_network = true;
    for number in 0..60_u8 {
        world.clients[ann].send_data(DataKind::Reliable, None, None, &[number; 8 * 1024]);
        world.clients[ann].send_data(DataKind::Lossy, None, None, &[number]);
        world.run(SECOND / 12);
    }
    let numbers = |world: &World, who: usize, kind| -> Vec<u8> {
        world.clients[who].data.of(kind, id).map(|arrived| arrived.payload[0]).collect()
    };
    let all: Vec<u8> = (0..60).collect();
    for kind in BOTH {
        assert_eq!(numbers(&world, bob, kind), all, "{kind:?}");
    }
    world.clients[slow].is_mute_to_the_network = false;
    world.run(SECOND * 20);
    let reliable = numbers(&world, slow, DataKind::Reliable);
    let missed = world.clients[slow].data.missed();
    assert!((10..40).contains(&missed), "{missed}");
    assert_eq!(reliable.len() + missed as usize, 60, "each arrives or is told to be missing: {reliable:?}");
    assert!(reliable.is_sorted(), "{reliable:?}");
    let lossy = numbers(&world, slow, DataKind::Lossy);
    assert!((1..=40).contains(&lossy.len()) && lossy.contains(&59), "the newest: {lossy:?}");
    assert_eq!(dropped(&mut world, "data_reliable_full"), u64::from(missed));
    let dropped_lossy = dropped(&mut world, "data_lossy_full") as usize;
    assert!(
        (56 - lossy.len()..=60 - lossy.len()).contains(&dropped_lossy),
        "{dropped_lossy}, but for those on the way"
    );
    // What comes from here on arrives again.
    world.clients[ann].send_data(DataKind::Reliable, None, None, &[99]);
    world.run(SECOND);
    assert_eq!(numbers(&world, slow, DataKind::Reliable).last(), Some(&99));
}

#[test]
fn bulk_data_does_not_delay_the_call() {
    let mut world = World::new(1);
    let ann = join(&mut world, 0, ALL);
    let slow = join(&mut world, 0, ALL);
    let bob = join(&mut world, 0, ALL);
    world.queued = Some((slow, 600_000));
    let microphone = world.clients[bob].microphone.to_string();
    let mut delays = Vec::new();
    for second in 0..20_u32 {
        for _ in 0..10 {
            world.clients[ann].send_data(DataKind::Reliable, None, None, &[7; 12 * 1024]);
            world.run(SECOND / 10);
        }
        let muted = second % 2 == 0;
        let mid = microphone.clone();
        let track = Publication { mid, source: TrackSource::Microphone, muted, height: None, heights: Vec::new() };
        world.clients[bob].say(ClientCallMessage::Publish { rev: second + 1, tracks: vec![track] });
        let said = world.now;
        let limit = SECOND * 20;
        world.run_until(limit, |world| world.clients[slow].tracks().iter().any(|track| track.muted == muted));
        delays.push(world.now - said);
    }
    assert!(delays.iter().all(|delay| *delay < SECOND / 2), "{delays:?}");
    assert!(dropped(&mut world, "data_reliable_full") > 0, "there was more than the link takes");
}

#[test]
fn nothing_of_somebody_revoked_is_sent_on() {
    let mut world = World::new(2);
    let ann = join(&mut world, 0, ALL);
    let bob = join(&mut world, 1, ALL);
    let id = world.clients[ann].participant_id;
    world.clients[bob].is_mute_to_the_network = true;
    for number in 0..14_u8 {
        world.clients[ann].send_data(DataKind::Reliable, None, None, &[number; 8 * 1024]);
    }
    world.run(SECOND);
    for shard in 0..2 {
        world.revoke(shard, id);
    }
    world.clients[bob].is_mute_to_the_network = false;
    world.run(SECOND * 10);
    let arrived = world.clients[bob].data.of(DataKind::Reliable, id).count();
    assert!(arrived <= 3, "what was on its way, and no more: {arrived}");
}

#[test]
fn who_is_hidden_receives_and_is_not_told_to_others() {
    for shard_count in [1, 2] {
        let mut world = World::new(shard_count);
        let ann = join(&mut world, 0, ALL);
        world.clients[ann].speak(1, -20);
        let eve = join(&mut world, usize::from(shard_count) - 1, MediaPermissions { hidden: true, ..ALL });
        let microphone = world.clients[eve].microphone.to_string();
        let track = Publication {
            mid: microphone,
            source: TrackSource::Microphone,
            muted: false,
            height: None,
            heights: Vec::new(),
        };
        world.clients[eve].say(ClientCallMessage::Publish { rev: 1, tracks: vec![track] });
        world.clients[eve].speak(2, -10);
        world.clients[eve].show(3);
        world.clients[eve].send_data(DataKind::Reliable, None, None, b"boo");
        world.clients[ann].send_data(DataKind::Reliable, None, None, b"hello");
        // Whatever track it would have.
        let mid = world.clients[ann].video_slots[0].to_string();
        let track = Some(boltorezka_proto::TrackNumber(1));
        let wish = SlotWish { mid, mode: SlotMode::Pinned, track, height_max: None, priority: None };
        world.clients[ann].say(ClientCallMessage::Subscribe { rev: 1, slots: vec![wish] });
        world.run(SECOND * 3);
        let told = format!("{:?}", world.clients[ann].messages);
        assert!(!told.contains(&world.clients[eve].participant_id.to_string()), "{told}");
        assert_eq!((world.clients[ann].heard_count(), world.clients[ann].data.arrived.len()), (0, 0));
        assert!(world.clients[eve].heard_count() > 100, "it hears");
        assert_eq!(world.clients[eve].data.arrived.len(), 1);
        let is_refusal = |message: &&ServerCallMessage| matches!(message, ServerCallMessage::Refused { .. });
        assert_eq!(world.clients[eve].messages.iter().filter(is_refusal).count(), 1);
    }
}
