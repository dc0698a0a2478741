//! Sound and picture in step, and publishers that are not all asked in the same moment.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use boltorezka_media::router::JITTER_MAX;
use boltorezka_proto::call::MediaPermissions;
use support::client::{Heard, Wants};
use support::{Client, World};

const SECOND: Duration = Duration::from_secs(1);
const ALL: MediaPermissions = MediaPermissions::ALL;
const FULL: Wants = Wants { audio_slots: 2, video_slots: 2, channel: true, data: false, rids: &[] };
/// What people notice between a voice and its lips (ITU-R BT.1359: 125 ms late, 45 ms early are noticed; more is a nuisance).
const SKEW_MAX_S: f64 = 0.150;

#[test]
fn slots_that_the_offer_groups_are_of_one_stream() {
    let mut world = World::new(1);
    let client = Client::new(1, world.now, FULL);
    let pair = (client.audio_slots[0], client.video_slots[1]);
    let offer = client.offer_in_step(&[pair]);
    let alone = [client.audio_slots[1], client.video_slots[0]];
    let answer = world.admit(0, client.participant_id, ALL, offer).unwrap();
    let stream = |mid: &str| {
        let section = answer.split("m=").find(|section| section.contains(&format!("a=mid:{mid}\r\n"))).unwrap();
        section.lines().find_map(|line| line.strip_prefix("a=msid:")).unwrap().split(' ').next().unwrap().to_owned()
    };
    assert_eq!(stream(&pair.0), stream(&pair.1));
    let others: BTreeSet<_> = alone.iter().map(|mid| stream(mid)).chain([stream(&pair.0)]).collect();
    assert_eq!(others.len(), 3, "the others go their own way");
    // It is an answer that a client takes, and its slots work.
    let mut client = client;
    client.accept(answer);
    world.clients.push(client);
    let publisher = Client::new(2, world.now, FULL);
    let publisher = world.join(0, ALL, publisher);
    world.clients[publisher].show(20);
    world.run(2 * SECOND);
    assert!(world.clients[0].heard_count() > 20);
}

/// How far the clock of a slot, as its sender reports tell it, is from the moment in which a packet was captured; the same
/// for all slots that are in step.
fn offset_s(
    world: &World,
    began: (std::time::Instant, SystemTime),
    slot: &str,
    packet: &Heard,
    rate: f64,
) -> Option<f64> {
    let (reported, timestamp) = *world.clients[0].clocks.get(slot)?;
    // The network has no delay: it was captured when it came.
    let captured_s = (packet.at - began.0).as_secs_f64();
    let reported_s = reported
        .duration_since(began.1)
        .map_or_else(|early| -early.duration().as_secs_f64(), |late| late.as_secs_f64());
    let media_s = f64::from(packet.timestamp.wrapping_sub(timestamp).cast_signed()) / rate;
    Some(reported_s + media_s - captured_s)
}

#[test]
fn voices_and_faces_in_floating_slots_stay_in_step() {
    let mut world = World::new(1);
    let viewer = Client::new(1, world.now, FULL);
    let viewer = world.join(0, ALL, viewer);
    let began = (world.now, SystemTime::now());
    let publishers: Vec<usize> = (0..4)
        .map(|number| {
            let client = Client::new(10 + number, world.now, FULL);
            let index = world.join(0, ALL, client);
            world.clients[index].speak(10 + number, -50);
            world.clients[index].show(20 + number);
            // They begin at different times, so that their clocks have nothing in common.
            world.run(Duration::from_millis(130 + 170 * u64::from(number)));
            index
        })
        .collect();
    let (mut worst, mut measured, mut faces) = (0.0_f64, 0, BTreeSet::new());
    for turn in 0..60 {
        // Somebody else speaks each two seconds: voices and faces change their slots.
        for (place, &index) in publishers.iter().enumerate() {
            world.clients[index].sources[0].level_dbov = if place == (turn / 10) % 4 { -15 } else { -50 };
        }
        world.run(SECOND / 5);
        if turn < 10 {
            continue;
        }
        let mut offsets: HashMap<u8, [Option<f64>; 2]> = HashMap::new();
        for (slot, heard) in &world.clients[viewer].heard {
            let Some(last) = heard.last().filter(|last| last.at + SECOND / 10 > world.now) else { continue };
            let mark = *last.payload.last().unwrap();
            let (is_video, rate) = if mark >= 20 { (1, 90_000.0) } else { (0, 48_000.0) };
            offsets.entry(mark % 10).or_default()[is_video] = offset_s(&world, began, slot, last, rate);
        }
        for (who, offsets) in offsets {
            if let [Some(voice), Some(face)] = offsets {
                worst = worst.max((voice - face).abs());
                measured += 1;
                faces.insert(who);
            }
        }
    }
    assert!(measured > 30 && faces.len() > 2, "{measured} measurements of {faces:?}");
    assert!(worst <= SKEW_MAX_S, "{worst} s");
}

#[test]
fn publishers_are_not_all_asked_in_the_same_moment() {
    let mut world = World::new(2);
    let publishers: Vec<usize> = (0..12)
        .map(|number| {
            let client = Client::new(10 + number, world.now, Wants { channel: true, ..Wants::default() });
            let index = world.join(usize::from(number) % 2, ALL, client);
            world.clients[index].show(20 + number);
            index
        })
        .collect();
    world.run(2 * SECOND);
    let before: Vec<usize> = publishers.iter().map(|index| world.clients[*index].keyframe_requests.len()).collect();
    let viewer = Client::new(1, world.now, Wants { video_slots: 12, ..FULL });
    let viewer = world.join(0, ALL, viewer);
    world.run_until(SECOND, |world| {
        let asked = publishers.iter().zip(&before);
        asked.into_iter().all(|(index, before)| world.clients[*index].keyframe_requests.len() > *before)
    });
    let asked: Vec<_> = publishers
        .iter()
        .zip(&before)
        .map(|(index, before)| world.clients[*index].keyframe_requests[*before])
        .collect();
    let moments: BTreeSet<_> = asked.iter().collect();
    let spread = **moments.last().unwrap() - **moments.first().unwrap();
    assert!(moments.len() >= 4, "{} moments for twelve", moments.len());
    assert!(spread <= JITTER_MAX + Duration::from_millis(10), "{spread:?}");
    world.run(SECOND);
    assert!(world.clients[viewer].slots().iter().filter(|slot| slot.track.is_some()).count() >= 12, "all are shown");
}
