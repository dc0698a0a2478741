//! Pictures with layers over one shard and over two, with real str0m clients in virtual time: whatever is left out, each
//! frame that arrives can be decoded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::time::Duration;

use boltorezka_proto::call::{ClientCallMessage, MediaPermissions, Publication, SlotMode, SlotWish, TrackSource};
use support::client::{Heard, Wants};
use support::layered::{Coding, NOISE, assert_decodable, frames_per_second};
use support::{Client, World};

const SECOND: Duration = Duration::from_secs(1);
const FULL: Wants = Wants { audio_slots: 1, video_slots: 2, channel: true, data: false, rids: &[] };

/// A publisher and a subscriber, each on its shard.
fn call(shards: u8, publisher: Wants, is_described: bool) -> (World, usize, usize) {
    let mut world = World::new(shards);
    let client = if is_described { Client::described } else { Client::new };
    let a = client(1, world.now, publisher);
    let a = world.join(0, MediaPermissions::ALL, a);
    let b = client(2, world.now, FULL);
    let b = world.join(usize::from(shards) - 1, MediaPermissions::ALL, b);
    (world, a, b)
}

fn wish(world: &mut World, client: usize, rev: u32, height_max: u32) {
    let mid = world.clients[client].video_slots[0].to_string();
    let height_max = Some(height_max);
    let slots = vec![SlotWish { mid, mode: SlotMode::Auto, track: None, height_max, priority: None }];
    world.clients[client].say(ClientCallMessage::Subscribe { rev, slots });
}

fn heard(world: &World, client: usize) -> &[Heard] {
    world.clients[client].heard_in(world.clients[client].video_slots[0])
}

/// Packets of each picture that arrived within the last second.
fn frames_of_picture(world: &World, client: usize) -> usize {
    let recent: Vec<&Heard> = heard(world, client).iter().filter(|heard| heard.at + SECOND >= world.now).collect();
    let pictures = recent.iter().filter(|heard| heard.marker).count();
    (recent.len() + pictures / 2) / pictures.max(1)
}

#[test]
fn a_spatial_layer_of_one_stream_fits_the_size() {
    for (coding, is_described) in [(Coding::Vp9, false), (Coding::Described, true)] {
        for shards in [1, 2] {
            let (mut world, a, b) = call(shards, FULL, is_described);
            world.clients[a].show_layers(20, coding, 200);
            world.run(4 * SECOND);
            assert_eq!(frames_of_picture(&world, b), 3, "{coding:?}: all spatial layers");
            for (rev, (height, frames)) in [(100, 1), (300, 2), (720, 3), (170, 1)].into_iter().enumerate() {
                wish(&mut world, b, rev as u32 + 1, height);
                world.run(3 * SECOND);
                assert_eq!(frames_of_picture(&world, b), frames, "{coding:?}, {height} pixels");
            }
            assert_decodable(heard(&world, b));
            assert_eq!(frames_per_second(heard(&world, b), 20, world.now, 2), 25);
        }
    }
}

#[test]
fn an_encoding_whose_first_keyframe_did_not_come_is_asked_for_another() {
    for shards in [1, 2] {
        let (mut world, a, b) = call(shards, FULL, true);
        world.clients[a].show_layers(20, Coding::DescribedTemporal, 200);
        world.clients[a].sources.iter_mut().for_each(|source| source.wants_keyframe = false);
        world.run(3 * SECOND);
        assert_decodable(heard(&world, b));
        assert_eq!(frames_per_second(heard(&world, b), 20, world.now, 1), 25);
    }
}

#[test]
fn on_a_narrow_link_a_camera_loses_frames_before_its_picture() {
    for coding in [Coding::Vp8, Coding::DescribedTemporal] {
        let simulcast = Wants { rids: &["q", "f"], ..FULL };
        let (mut world, a, b) = call(1, simulcast, coding == Coding::DescribedTemporal);
        // 60 and 240 kb/s, a quarter of the frames of each in the base layer.
        world.clients[a].show_layers(20, coding, 300);
        world.run(6 * SECOND);
        assert_eq!(frames_per_second(heard(&world, b), 21, world.now, 1), 25, "{coding:?}");
        world.narrow = Some((b, 150_000));
        world.run(20 * SECOND);
        let large = frames_per_second(heard(&world, b), 21, world.now, 5);
        let small = frames_per_second(heard(&world, b), 20, world.now, 5);
        assert!((6..=16).contains(&large), "{coding:?}: {large} large frames in a second, {small} small ones");
        assert_eq!(small, 0);
        world.narrow = None;
        world.run(30 * SECOND);
        assert_eq!(frames_per_second(heard(&world, b), 21, world.now, 5), 25, "{coding:?}: back");
    }
}

#[test]
fn on_a_narrow_link_a_screen_loses_frames_and_never_its_resolution() {
    let simulcast = Wants { rids: &["h", "f"], ..FULL };
    let (mut world, a, b) = call(1, simulcast, false);
    let mid = world.clients[a].camera.to_string();
    let tracks =
        vec![Publication { mid, source: TrackSource::Screen, muted: false, height: Some(1080), heights: Vec::new() }];
    world.clients[a].say(ClientCallMessage::Publish { rev: 1, tracks });
    world.run(SECOND);
    world.clients[a].show_layers(20, Coding::Vp8, 300);
    world.run(6 * SECOND);
    assert_eq!(frames_per_second(heard(&world, b), 21, world.now, 1), 25);
    world.narrow = Some((b, 90_000));
    world.run(20 * SECOND);
    let large = frames_per_second(heard(&world, b), 21, world.now, 5);
    assert!((3..=8).contains(&large), "{large} frames in a second: the base layer");
    let small = heard(&world, b).iter().filter(|heard| heard.payload.last() == Some(&20)).count();
    assert_eq!(small, 0);
}

#[test]
fn a_publisher_says_which_encoding_is_the_larger_whatever_their_rates() {
    for (heights, best) in [(vec![1080, 1080], 21), (vec![1080, 540], 20)] {
        let simulcast = Wants { rids: &["l", "f"], ..FULL };
        // Publisher and subscriber on two shards.
        let (mut world, a, b) = call(2, simulcast, false);
        let mid = world.clients[a].camera.to_string();
        let source = TrackSource::Screen;
        let tracks = vec![Publication { mid, source, muted: false, height: None, heights: heights.clone() }];
        world.clients[a].say(ClientCallMessage::Publish { rev: 1, tracks });
        world.clients[a].show_layers(20, Coding::Vp8, 300);
        world.run(6 * SECOND);
        assert_eq!(frames_per_second(heard(&world, b), best, world.now, 1), 25, "{heights:?}");
    }
}

#[test]
fn who_takes_no_descriptor_is_sent_the_same_frames_without() {
    let (mut world, a, b) = call(1, FULL, true);
    let c = Client::new(3, world.now, FULL);
    let c = world.join(0, MediaPermissions::ALL, c);
    world.clients[a].show_layers(20, Coding::Described, 200);
    world.run(4 * SECOND);
    assert!(heard(&world, b).iter().all(|heard| heard.descriptor.is_some()));
    assert!(heard(&world, c).iter().all(|heard| heard.descriptor.is_none()));
    assert_decodable(heard(&world, b));
    assert_decodable(heard(&world, c));
}

#[test]
fn a_payload_beside_a_descriptor_stays_as_it_is() {
    let (mut world, a, b) = call(1, FULL, true);
    world.clients[a].show_layers(20, Coding::DescribedVp8, 200);
    world.run(4 * SECOND);
    assert_decodable(heard(&world, b));
    assert!(heard(&world, b).iter().all(|heard| heard.payload.starts_with(&NOISE)), "it may be encrypted");
}

#[test]
fn a_descriptor_promises_only_what_is_sent() {
    let (mut world, a, b) = call(2, FULL, true);
    world.clients[a].show_layers(20, Coding::Described, 200);
    world.run(4 * SECOND);
    wish(&mut world, b, 1, 300);
    world.run(4 * SECOND);
    let heard = heard(&world, b);
    let number = |heard: &Heard| {
        let raw = heard.descriptor.as_ref().unwrap();
        u16::from_be_bytes([raw[1], raw[2]])
    };
    // Behind 24 bits and 5 flags: nine targets, the highest first. Only keyframes have a structure in between.
    let active = |heard: &Heard| {
        let raw = heard.descriptor.as_ref().unwrap();
        let has_structure = raw[3] & 0x80 != 0;
        (!has_structure).then(|| (u16::from(raw[3] & 7) << 6) | u16::from(raw[4] >> 2))
    };
    let first = &heard[..20];
    assert!(first.iter().filter_map(active).all(|mask| mask == 0b111_111_111));
    let last = &heard[heard.len() - 20..];
    assert!(last.iter().filter_map(active).all(|mask| mask == 0b000_111_111), "{last:?}");
    assert!(heard.windows(2).all(|pair| number(&pair[1]).wrapping_sub(number(&pair[0])) < 10));
    let lengths: Vec<usize> = heard.iter().map(|heard| heard.descriptor.as_ref().unwrap().len()).collect();
    assert!(lengths.iter().any(|length| *length > 16), "a keyframe's needs the long form");
}

#[test]
fn what_is_left_out_is_not_asked_for_and_what_is_lost_comes_again() {
    for coding in [Coding::Vp8, Coding::Vp9] {
        let (mut world, a, b) = call(1, FULL, false);
        world.clients[a].show_layers(20, coding, 200);
        world.run(2 * SECOND);
        wish(&mut world, b, 1, 300);
        world.run(2 * SECOND);
        world.lost_each = Some(10);
        world.run(5 * SECOND);
        world.lost_each = None;
        world.run(SECOND);
        let mut heard = heard(&world, b).to_vec();
        heard.sort_by_key(|heard| heard.sequence);
        assert_decodable(&heard);
        assert!(world.shards[0].counters_mut().packets_resent > 5);
    }
}
