//! Taps, subscriptions without a connection, with real str0m clients in virtual time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::time::{Duration, SystemTime};

use boltorezka_media::node::registry::{Output, Registry};
use boltorezka_media::shard::{QUEUE_PACKETS_MIN, Tap, TapPacket, TapWish, tap};
use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::{ClientCallMessage, EndReason, MediaPermissions, SlotMode, SlotWish, TrackSource};
use support::client::Wants;
use support::{Client, World, resume_key};

const ALL: MediaPermissions = MediaPermissions::ALL;
const SECOND: Duration = Duration::from_secs(1);
const PUBLISHER: Wants = Wants { audio_slots: 0, video_slots: 0, channel: true, data: false, rids: &["q", "h", "f"] };
const VOICE: u8 = 7;
const PICTURE: u8 = 10;

/// Somebody on a shard who speaks, and shows what is wanted.
fn publisher(world: &mut World, shard: usize) -> usize {
    let client = Client::new(world.clients.len() as u8 + 1, world.now, PUBLISHER);
    let index = world.join(shard, ALL, client);
    world.clients[index].follows_wanted = true;
    world.clients[index].speak(VOICE, -30);
    world.clients[index].show(PICTURE);
    index
}

fn wish(world: &World) -> TapWish {
    TapWish { room: world.room, tracks: None, height: None, queue_packets: QUEUE_PACKETS_MIN }
}

/// Opens a tap at the node.
fn open(world: &mut World, wish: TapWish) -> (Registry, Tap) {
    let mut registry = Registry::new(resume_key(), world.shards.len(), 100);
    let (link, tap) = tap(wish);
    let mut output = Output::default();
    registry.open_tap(&link, &mut output).unwrap();
    carry_out(world, output);
    (registry, tap)
}

fn carry_out(world: &mut World, output: Output) {
    for (shard, command) in output.commands {
        world.command(shard, command);
    }
}

fn taken(tap: &mut Tap) -> Vec<TapPacket> {
    std::iter::from_fn(|| tap.try_next()).collect()
}

/// What comes in a time, with a consumer that takes all of it.
fn listen(world: &mut World, tap: &mut Tap, time: Duration) -> Vec<TapPacket> {
    let (end, mut all) = (world.now + time, Vec::new());
    while world.now < end {
        world.step();
        all.extend(taken(tap));
    }
    all
}

fn of(packets: &[TapPacket], source: TrackSource) -> Vec<TapPacket> {
    packets.iter().filter(|packet| packet.source == source).cloned().collect()
}

fn is_sent(world: &World, publisher: usize) -> Vec<bool> {
    let wanted = world.clients[publisher].wanted();
    wanted.map_or_else(|| vec![true; 3], |track| track.encodings.iter().map(|encoding| encoding.wanted).collect())
}

#[test]
fn a_tap_hears_and_sees_what_is_published_from_a_keyframe_on() {
    for shard_count in [1, 2] {
        let mut world = World::new(shard_count);
        let a = publisher(&mut world, usize::from(shard_count) - 1);
        world.run(SECOND * 8);
        assert_eq!(is_sent(&world, a), [false; 3], "nobody is there");
        let wish = wish(&world);
        let (_registry, mut tap) = open(&mut world, wish);
        let all = listen(&mut world, &mut tap, SECOND * 8);
        assert!(all.iter().all(|given| given.participant_id == world.clients[a].participant_id && given.missed == 0));

        let voice = of(&all, TrackSource::Microphone);
        assert!(voice.len() >= 390, "{} packets of 400", voice.len());
        assert!(voice.windows(2).all(|pair| pair[1].packet.sequence == pair[0].packet.sequence + 1));
        assert!(voice.iter().all(|given| given.packet.payload[..] == [VOICE; 60]), "as it was sent");
        let picture = of(&all, TrackSource::Camera);
        assert!(picture.len() > 180, "{} packets of 200", picture.len());
        assert!(picture[0].packet.descriptor.keyframe_start, "keyframe first");
        assert!(picture.windows(2).all(|pair| pair[1].packet.sequence == pair[0].packet.sequence + 1));
        assert!(picture.iter().all(|given| given.packet.encoding == 2), "the largest");
        assert_eq!(picture[0].packet.payload.last(), Some(&(PICTURE + 2)));

        // Both are on the sender's clock: what was sent in the same moment is at the same time.
        let at = |given: &TapPacket| -> SystemTime {
            let (clock, rate_hz) = (given.clock.unwrap(), f64::from(given.packet.format.codec.clock_rate_hz()));
            let ticks = given.packet.timestamp.wrapping_sub(clock.timestamp).cast_signed();
            let seconds = Duration::from_secs_f64(f64::from(ticks.unsigned_abs()) / rate_hz);
            if ticks < 0 { clock.at - seconds } else { clock.at + seconds }
        };
        let (last_voice, last_picture) = (voice.last().unwrap(), picture.last().unwrap());
        let apart = last_voice.packet.arrival.max(last_picture.packet.arrival)
            - last_voice.packet.arrival.min(last_picture.packet.arrival);
        let (one, other) = (at(last_voice), at(last_picture));
        let told = one.max(other).duration_since(one.min(other)).unwrap();
        assert!(told.abs_diff(apart) < Duration::from_millis(20), "{told:?} and {apart:?}");

        // What the tap takes is sent, and the lowest as for all who watch; with it goes the last of them.
        assert_eq!(is_sent(&world, a), [true, false, true]);
        drop(tap);
        world.run(SECOND * 8);
        assert_eq!(is_sent(&world, a), [false; 3], "{shard_count} shards");
    }
}

#[test]
fn publishers_of_all_shards_come_heard_or_not_and_tracks_can_be_named() {
    let mut world = World::with_heard(2, 1);
    let publishers = [0, 1, 1].map(|shard| publisher(&mut world, shard));
    // The loudest is heard, and by that one the second.
    world.clients[publishers[2]].speak(VOICE, -60);
    let everything = wish(&world);
    let (_registry, mut tap) = open(&mut world, everything.clone());
    world.run(SECOND);
    taken(&mut tap);
    let all = listen(&mut world, &mut tap, SECOND);
    let not_heard = world.shards[1].counters_mut().packets_dropped.get("not_loudest").copied();
    assert!(not_heard.is_some_and(|count| count >= 50), "{not_heard:?}: the third is heard by nobody else");
    for client in publishers {
        let id = world.clients[client].participant_id;
        let own: Vec<_> = all.iter().filter(|given| given.participant_id == id).cloned().collect();
        let counts = [TrackSource::Microphone, TrackSource::Camera].map(|source| of(&own, source).len());
        assert_eq!(counts, [50, 25], "client {client}");
    }
    let camera = of(&all, TrackSource::Camera)[0].packet.track;
    let named = TapWish { tracks: Some(vec![camera]), height: Some(300), ..everything };
    let (_registry, mut tap) = open(&mut world, named);
    let all = listen(&mut world, &mut tap, SECOND * 2);
    assert!(all.len() > 40 && all.iter().all(|given| given.packet.track == camera), "{}", all.len());
    assert!(all[0].packet.descriptor.keyframe_start && all.iter().all(|given| given.packet.encoding == 1), "360 lines");
}

#[test]
fn a_slow_consumer_misses_whole_packets_and_asks_for_nothing_until_it_takes_some() {
    let mut world = World::new(1);
    let a = publisher(&mut world, 0);
    let wish = wish(&world);
    let (_registry, mut tap) = open(&mut world, wish);
    // 75 packets in a second: the queue is full after less than four.
    world.run(SECOND * 5);
    let dropped = |world: &mut World| world.shards[0].counters_mut().packets_dropped.get("tap_full").copied();
    let at_first = dropped(&mut world).unwrap();
    let asked = world.clients[a].keyframe_requests.len();
    world.run(SECOND * 20);
    assert!(dropped(&mut world).unwrap() > at_first + 900, "its voice goes on");
    assert_eq!(world.clients[a].keyframe_requests.len(), asked, "nobody could take a keyframe");
    let kept = taken(&mut tap);
    assert_eq!(kept.len(), QUEUE_PACKETS_MIN);
    assert!(kept.iter().all(|given| given.missed == 0), "whole, up to where it was full");

    let all = listen(&mut world, &mut tap, SECOND * 3);
    let (voice, picture) = (of(&all, TrackSource::Microphone), of(&all, TrackSource::Camera));
    let missed = voice[0].missed + picture[0].missed;
    assert_eq!(Some(missed), dropped(&mut world), "it is told of each");
    assert!(picture[0].missed > 0 && picture[0].packet.descriptor.keyframe_start);
    assert!(all.iter().skip(2).all(|given| given.missed == 0 || given.packet.descriptor.keyframe_start));
    assert!(picture.len() > 60, "{}", picture.len());
    // One who takes 60 of 75 packets makes nobody send keyframes all the time.
    let asked = world.clients[a].keyframe_requests.len();
    for _ in 0..1_200 {
        world.run(Duration::from_millis(100));
        (0..6).for_each(|_| drop(tap.try_next()));
    }
    let asked = world.clients[a].keyframe_requests.len() - asked;
    assert!((2..=20).contains(&asked), "{asked} requests in two minutes");
}

#[test]
fn nothing_of_somebody_revoked_comes_after_the_order() {
    let mut world = World::new(2);
    let [a, b] = [0, 1].map(|shard| publisher(&mut world, shard));
    let wish = wish(&world);
    let (_registry, mut tap) = open(&mut world, wish);
    let gone = world.clients[a].participant_id;
    let before = listen(&mut world, &mut tap, SECOND * 2);
    assert!(before.iter().any(|given| given.participant_id == gone));
    for shard in 0..2 {
        world.revoke(shard, gone);
    }
    taken(&mut tap);
    let all = listen(&mut world, &mut tap, SECOND * 2);
    assert!(all.iter().all(|given| given.participant_id == world.clients[b].participant_id));
    assert!(all.len() > 140, "the other goes on: {}", all.len());
    // A right that is lost ends its track alone.
    let listener = MediaPermissions { microphone: false, ..ALL };
    let participant_id = world.clients[b].participant_id;
    let command = boltorezka_media::shard::ShardCommand::SetPermissions { participant_id, permissions: listener };
    world.command(1, command);
    taken(&mut tap);
    let all = listen(&mut world, &mut tap, SECOND);
    assert!(all.len() > 20 && all.iter().all(|given| given.source == TrackSource::Camera), "{}", all.len());
}

#[test]
fn a_tap_ends_with_its_room_and_a_room_does_not_end_with_its_people() {
    let mut world = World::new(2);
    let a = publisher(&mut world, 0);
    let wish = wish(&world);
    let (mut registry, mut tap) = open(&mut world, wish);
    world.run(SECOND);
    let id = world.clients[a].participant_id;
    world.revoke(0, id);
    world.run(SECOND);
    taken(&mut tap);
    assert!(!tap.has_ended(), "somebody may come back");
    let b = publisher(&mut world, 1);
    let id = world.clients[b].participant_id;
    assert!(!listen(&mut world, &mut tap, SECOND).is_empty());
    let mut output = Output::default();
    let close = ControlMessage::CloseRoom { rev: 1, room: world.room, reason: EndReason::RoomDeleted };
    registry.handle_control(world.now, close, &mut output);
    carry_out(&mut world, output);
    taken(&mut tap);
    assert!(tap.has_ended());
    world.revoke(1, id);
    world.run(SECOND);
    for shard in &world.shards {
        assert_eq!(shard.leftovers(), None);
    }
}

#[test]
fn who_watches_is_served_as_without_a_tap() {
    let mut world = World::new(2);
    publisher(&mut world, 0);
    let wants = Wants { video_slots: 1, rids: &[], ..PUBLISHER };
    let client = Client::new(2, world.now, wants);
    let viewer = world.join(1, ALL, client);
    let mid = world.clients[viewer].video_slots[0];
    let small =
        SlotWish { mid: mid.to_string(), mode: SlotMode::Auto, track: None, height_max: Some(180), priority: None };
    world.clients[viewer].say(ClientCallMessage::Subscribe { rev: 1, slots: vec![small] });
    let wish = wish(&world);
    let (_registry, mut tap) = open(&mut world, wish);
    let all = listen(&mut world, &mut tap, SECOND * 10);
    assert_eq!(is_sent(&world, 0), [true, false, true], "one for each of them");
    assert!(of(&all, TrackSource::Camera).iter().rev().take(100).all(|given| given.packet.encoding == 2));
    let heard = world.clients[viewer].heard_in(mid);
    assert!(heard.iter().rev().take(100).all(|heard| heard.payload.last() == Some(&PICTURE)), "the smallest");
}
