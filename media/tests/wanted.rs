//! What publishers are told: encodings that nobody watches, what the best subscriber can take, a codec for all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::time::Duration;

use boltorezka_media::shard::{ShardCommand, ShardEvent};
use boltorezka_proto::call::{
    ClientCallMessage, LayerReason, MediaPermissions, ServerCallMessage, SlotMode, SlotWish, VideoCodec, WantedTrack,
};
use boltorezka_proto::inspection::{Carrier, MediaInspection};
use support::client::Wants;
use support::layered::Coding;
use support::{Client, World};

const ALL: MediaPermissions = MediaPermissions::ALL;
const SECOND: Duration = Duration::from_secs(1);
const PUBLISHER: Wants = Wants { audio_slots: 0, video_slots: 0, channel: true, data: false, rids: &["q", "h", "f"] };
const SINGLE: Wants = Wants { rids: &[], ..PUBLISHER };
const VIEWER: Wants = Wants { audio_slots: 0, video_slots: 1, channel: true, data: false, rids: &[] };

/// A publisher on the first shard that sends what is wanted.
fn publisher(world: &mut World, wants: Wants) -> usize {
    let client = Client::new(1, world.now, wants);
    let index = world.join(0, ALL, client);
    world.clients[index].follows_wanted = true;
    world.clients[index].show(10);
    index
}

/// A viewer on the last shard.
fn viewer(world: &mut World) -> usize {
    let client = Client::new(world.clients.len() as u8 + 1, world.now, VIEWER);
    let last = world.shards.len() - 1;
    world.join(last, ALL, client)
}

fn wish(world: &mut World, client: usize, rev: u32, mode: SlotMode, height_max: u32) {
    let mid = world.clients[client].video_slots[0].to_string();
    let slots = vec![SlotWish { mid, mode, track: None, height_max: Some(height_max), priority: None }];
    world.clients[client].say(ClientCallMessage::Subscribe { rev, slots });
}

fn is_wanted(track: &WantedTrack) -> Vec<bool> {
    track.encodings.iter().map(|encoding| encoding.wanted).collect()
}

/// What was told so far; everything before anything was.
fn told(world: &World, publisher: usize) -> Vec<bool> {
    world.clients[publisher].wanted().map_or_else(|| vec![true; 3], |track| is_wanted(&track))
}

fn rid(world: &World, viewer: usize) -> Option<String> {
    world.clients[viewer].slots()[0].rid.clone()
}

fn packets(world: &mut World) -> u64 {
    world.shards[0].counters_mut().packets_received
}

#[test]
fn what_nobody_watches_is_not_sent_and_comes_when_it_is_wanted() {
    for shard_count in [1, 2] {
        let mut world = World::new(shard_count);
        let a = publisher(&mut world, PUBLISHER);
        world.run(SECOND * 4);
        assert_eq!(world.clients[a].wanted(), None, "not yet");
        world.run(SECOND * 3);
        assert_eq!(told(&world, a), [false; 3], "nobody is there");
        let before = packets(&mut world);
        world.run(SECOND * 4);
        assert_eq!(packets(&mut world), before, "nothing is sent");

        let b = viewer(&mut world);
        let joined = world.now;
        world.run_until(SECOND, |world| !world.clients[b].heard_in(world.clients[b].video_slots[0]).is_empty());
        assert!(world.now - joined < SECOND / 3, "{:?}", world.now - joined);
        wish(&mut world, b, 1, SlotMode::Auto, 180);
        world.run(SECOND * 8);
        assert_eq!((told(&world, a), rid(&world, b)), (vec![true, false, false], Some("q".into())));
        for (rev, (height, expected)) in [(720, "f"), (300, "h")].into_iter().enumerate() {
            wish(&mut world, b, rev as u32 + 2, SlotMode::Auto, height);
            let asked = world.now;
            world.run_until(SECOND * 5, |world| rid(world, b).as_deref() == Some(expected));
            assert!(world.now - asked < SECOND, "{expected}: {:?}", world.now - asked);
            world.run(SECOND * 4);
        }
        // A pause while pages are turned.
        let revisions = |world: &World| world.clients[a].messages.len();
        world.run(SECOND * 6);
        assert_eq!(told(&world, a), [true, true, false], "{shard_count} shards: the lowest is there to fall back on");
        let before = revisions(&world);
        for rev in 4..12 {
            wish(&mut world, b, rev, if rev % 2 == 0 { SlotMode::Off } else { SlotMode::Auto }, 300);
            world.run(SECOND * 2);
        }
        for message in &world.clients[a].messages[before..] {
            if let ServerCallMessage::Wanted { tracks, .. } = message {
                assert_eq!(is_wanted(&tracks[0]), [true, true, false], "nothing is switched off and on");
            }
        }
        wish(&mut world, b, 20, SlotMode::Off, 300);
        world.run(SECOND * 7);
        assert_eq!(told(&world, a), [false; 3]);
    }
}

#[test]
fn an_encoding_that_does_not_come_is_not_waited_for() {
    for shard_count in [1, 2] {
        let mut world = World::new(shard_count);
        let a = publisher(&mut world, PUBLISHER);
        let b = viewer(&mut world);
        wish(&mut world, b, 1, SlotMode::Auto, 300);
        world.run(SECOND * 9);
        assert_eq!(told(&world, a), [true, true, false]);
        // Its encoder has no time for the largest any more.
        let largest = world.clients[a].sources.pop().unwrap();
        wish(&mut world, b, 2, SlotMode::Auto, 720);
        world.run(SECOND * 2);
        assert!(told(&world, a)[2], "asked for");
        assert_eq!(rid(&world, b).as_deref(), Some("h"), "what played plays on");
        world.run(SECOND * 12);
        assert_eq!(told(&world, a), [true, true, true], "it may come when it can");
        assert_eq!(world.clients[b].slots()[0].reason, Some(LayerReason::Best), "of what there is");
        let heard = world.clients[b].heard_count();
        world.run(SECOND);
        assert!(world.clients[b].heard_count() > heard + 20);
        world.clients[a].sources.push(largest);
        world.run(SECOND * 3);
        assert_eq!(rid(&world, b).as_deref(), Some("f"), "{shard_count} shards");
    }
}

#[test]
fn a_publisher_is_told_what_the_best_subscriber_can_take() {
    for shard_count in [1, 2] {
        let mut world = World::new(shard_count);
        let a = publisher(&mut world, SINGLE);
        world.clients[a].sources[0].payload_bytes = 1_100;
        let b = viewer(&mut world);
        world.queued = Some((b, 150_000));
        world.run(SECOND * 12);
        let limit = |world: &World| world.clients[a].wanted().and_then(|track| track.bitrate_bps);
        let narrow = limit(&world).unwrap();
        assert!((40_000..260_000).contains(&narrow), "{narrow}");
        viewer(&mut world);
        world.run(SECOND * 3);
        let wide = limit(&world).unwrap_or(u64::MAX);
        assert!(wide > 700_000, "{wide}");
    }
}

#[test]
fn who_lacks_a_codec_is_told_so_until_the_publisher_sends_another() {
    for shard_count in [1, 2] {
        let mut world = World::new(shard_count);
        let a = publisher(&mut world, SINGLE);
        world.clients[a].sources.clear();
        world.clients[a].show_layers(10, Coding::Vp9, 200);
        world.clients[a].follows_wanted = false;
        let b = viewer(&mut world);
        world.run(SECOND * 3);
        assert_eq!(world.clients[a].wanted().and_then(|track| track.codec), None);
        let client = Client::of_vp8(9, world.now, VIEWER);
        let c = world.join(usize::from(shard_count) - 1, ALL, client);
        world.run(SECOND * 2);
        // A publisher that does not listen: nothing is shown, and it is said why.
        assert_eq!(world.clients[c].slots()[0].reason, Some(LayerReason::Codec));
        assert_eq!(world.clients[c].heard_count(), 0);
        assert_eq!(world.clients[a].wanted().unwrap().codec, Some(VideoCodec::Vp8));

        world.clients[a].follows_wanted = true;
        world.run(SECOND * 2);
        let slot = world.clients[c].slots()[0].clone();
        assert!(slot.reason != Some(LayerReason::Codec) && slot.track.is_some(), "{slot:?}");
        let of_vp8 = world.clients[c].heard_in(world.clients[c].video_slots[0]);
        assert!(of_vp8.len() > 30 && is_vp8_keyframe(&of_vp8[0].payload), "{}", of_vp8.len());
        let of_both = world.clients[b].heard_in(world.clients[b].video_slots[0]);
        let switch = of_both.iter().position(|heard| heard.payload_type != of_both[0].payload_type).unwrap();
        assert!(is_vp8_keyframe(&of_both[switch].payload), "who took both begins anew too");
        assert!(of_both[switch..].len() > 30);

        // When nobody lacks it any more, the publisher goes back to its choice.
        let last = usize::from(shard_count) - 1;
        let id = world.clients[c].participant_id;
        world.revoke(last, id);
        world.run(SECOND * 5);
        assert_eq!(world.clients[a].wanted().unwrap().codec, Some(VideoCodec::Vp8), "not at once");
        world.run(SECOND * 8);
        assert_eq!(world.clients[a].wanted().unwrap().codec, None);
        let of_both = world.clients[b].heard_in(world.clients[b].video_slots[0]);
        assert_eq!(of_both.last().unwrap().payload_type, of_both[0].payload_type, "{shard_count} shards");
        assert!(of_both.last().unwrap().at + SECOND / 5 > world.now, "and it flows");
    }
}

/// As the test's clients write VP8: a payload descriptor of five bytes, then the frame's first byte.
fn is_vp8_keyframe(payload: &[u8]) -> bool {
    payload[0] == 0x90 && payload[6] & 1 == 0
}

#[test]
fn an_operator_sees_what_was_decided_and_why() {
    let mut world = World::new(2);
    let a = publisher(&mut world, PUBLISHER);
    let b = viewer(&mut world);
    wish(&mut world, b, 1, SlotMode::Auto, 300);
    world.run(SECOND * 9);
    let room = world.room;
    let mut inspect = |room| {
        let mut all = MediaInspection::default();
        for shard in 0..2 {
            world.command(shard, ShardCommand::Inspect { request_id: 7, room });
            let found = world.events.iter().rev().find_map(|event| match event {
                ShardEvent::Inspected { request_id: 7, inspection } => Some(inspection.as_ref().clone()),
                _ => None,
            });
            all.add(found.unwrap());
        }
        all
    };
    assert_eq!(inspect(Some(boltorezka_proto::RoomId::generate())), MediaInspection::default());
    let seen = inspect(Some(room));
    assert_eq!((seen.connections.len(), seen.tracks.len(), seen.truncated), (2, 1, false));
    let track = &seen.tracks[0];
    assert_eq!(track.participant_id, world.clients[a].participant_id);
    let states: Vec<_> = track.encodings.iter().map(|encoding| (encoding.sent, encoding.resting)).collect();
    assert_eq!(states, [(true, false), (true, false), (false, true)]);
    assert!(track.encodings[2].bitrate_bps > track.encodings[0].bitrate_bps, "as they were");
    let connection =
        seen.connections.iter().find(|seen| seen.participant_id == world.clients[b].participant_id).unwrap();
    assert_eq!((connection.shard, connection.carrier, connection.has_channel), (1, Some(Carrier::Udp), true));
    assert!(connection.estimate_bps > 300_000);
    let slot = &connection.slots[0];
    assert_eq!((slot.reason, slot.height_max, slot.track), (Some(LayerReason::Size), Some(300), Some(track.track)));
    assert_eq!((slot.chosen, slot.chosen.map(|layer| layer.encoding)), (slot.plays, Some(1)));
    assert_eq!(
        slot.ladder.iter().map(|rung| rung.height).collect::<Vec<_>>(),
        [180, 360, 720],
        "all that could be asked for"
    );
}
