//! 50 headless people in one room on two shards.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use boltorezka_proto::call::LayerReason;
use boltorezka_sdk::call::{CallConfig, CallState, CallStats, Playback, SlotStats};
use boltorezka_sdk::{ParticipantId, SlotMode, SlotWish, TrackSource};

use crate::server::{Person, Server, cpu_time};
use crate::{options, percentile, receiver, simulcast, sleep_ms, turn, voice};

const PEOPLE: usize = 50;
/// People with a camera in three encodings.
const CAMERAS: usize = 6;
/// People whose voices are louder than all others'.
const LOUD: usize = 3;
const VIDEO_SLOTS: usize = 4;
/// Height of the lowest encoding.
const LOW_HEIGHT: u16 = 180;
const SECONDS: u64 = 10;
const LOSS_MAX: f64 = 0.001;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_people_each_see_four_and_hear_the_loudest_three() {
    let _turn = turn().await;
    let server = Server::start(2).await;
    let room = server.create_room("large-room").await;

    let mut people = Vec::new();
    for index in 0..PEOPLE {
        let camera = (index < CAMERAS).then_some(3);
        let config = CallConfig { microphone: true, camera, ..receiver() };
        let person = server.join(&room, &format!("person {index}"), options(config)).await;
        person.call.subscribe(low_pictures(&person)).await.unwrap();
        // The loud are not the ones with cameras, and sit on both shards.
        let is_loud = index >= PEOPLE - LOUD;
        let level = if is_loud { -15 } else { -70 };
        person.call.play(Playback { audio_level_dbov: level, ..voice() }).await.unwrap();
        if camera.is_some() {
            person.call.play(simulcast()).await.unwrap();
        }
        people.push(person);
    }

    let cameras: Vec<ParticipantId> = people[..CAMERAS].iter().map(|person| person.participant_id).collect();
    let loud: Vec<ParticipantId> = people[PEOPLE - LOUD..].iter().map(|person| person.participant_id).collect();
    for (index, person) in people.iter().enumerate() {
        subscribe(person, index, &cameras).await;
    }
    for person in &people {
        let wanted = |state: &CallState| is_filled_as_asked(person, state, &cameras, &loud).is_ok();
        let filled = person.call.wait_for("all slots", Duration::from_secs(20), wanted).await;
        if filled.is_err() {
            let problem = is_filled_as_asked(person, &person.call.state(), &cameras, &loud);
            panic!("{}: {problem:?}; {:#?}", person.participant_id, person.call.state().slots);
        }
    }
    let shards = people_per_shard(&people);
    assert_eq!(shards.values().sum::<usize>(), PEOPLE);
    assert!(shards.len() == 2 && shards.values().all(|count| *count >= PEOPLE / 2), "{shards:?}");

    let media = server.media_pid().unwrap();
    let (before, began, cpu_before) = (all_stats(&people).await, Instant::now(), cpu_time(media));
    let own_cpu_before = cpu_time(std::process::id());
    sleep_ms(SECONDS * 1000).await;
    let (after, elapsed) = (all_stats(&people).await, began.elapsed().as_secs_f64());
    let (cpu, own_cpu) = (cpu_time(media) - cpu_before, cpu_time(std::process::id()) - own_cpu_before);

    let slots = |stats: &[CallStats]| stats.iter().flat_map(|stats| stats.slots.clone()).collect::<Vec<_>>();
    let total = |count: fn(&SlotStats) -> u64| {
        let sum = |stats| slots(stats).iter().map(count).sum::<u64>();
        sum(&after) - sum(&before)
    };
    let (packets, lost) = (total(|slot| slot.packets), total(|slot| slot.packets_lost));
    let mut joins: Vec<Duration> = after.iter().filter_map(|stats| stats.connected_after).collect();
    joins.sort();
    let loss = lost as f64 / (packets + lost) as f64;
    println!(
        "{PEOPLE} people on {shards:?}: {:.0} packets/s forwarded, loss {:.5} %, media {:.2} cores ({:.1} us a packet), \
         clients {:.2} cores, connected after p50 {:?}, p95 {:?}",
        packets as f64 / elapsed,
        loss * 100.0,
        cpu.as_secs_f64() / elapsed,
        cpu.as_secs_f64() * 1e6 / packets as f64,
        own_cpu.as_secs_f64() / elapsed,
        percentile(&joins, 50),
        percentile(&joins, 95),
    );
    for (index, (before, after)) in before.iter().zip(&after).enumerate().take(CAMERAS) {
        let sent = after.frames_sent - before.frames_sent;
        println!("camera {index} sent {:.1} frames/s, sound and three encodings", sent as f64 / elapsed);
    }
    let mut slowest: Vec<u64> = slots(&before)
        .iter()
        .zip(slots(&after))
        .filter(|(_, a)| a.is_video)
        .map(|(b, a)| a.frames - b.frames)
        .collect();
    slowest.sort_unstable();
    println!("pictures in {SECONDS} s: {} at least, {} in the middle", slowest[0], slowest[slowest.len() / 2]);

    let mut estimates: Vec<u64> = people.iter().filter_map(|person| person.call.state().downlink_bps).collect();
    estimates.sort_unstable();
    let estimate = |share: usize| estimates.get(estimates.len() * share / 100).map(|bps| bps / 1000);
    let without_layer =
        |person: &&Person| person.call.state().slots.iter().any(|slot| slot.reason.is_some() && slot.rid.is_none());
    println!(
        "the server's estimates: {:?} kbit/s at least, {:?} in the middle; {} people without a layer in some slot",
        estimate(0),
        estimate(50),
        people.iter().filter(without_layer).count(),
    );

    assert!(loss < LOSS_MAX, "{lost} of {packets} packets were lost");
    for ((person, before), after) in people.iter().zip(&before).zip(&after) {
        assert_eq!(after.decrypt_failures, 0);
        is_filled_as_asked(person, &person.call.state(), &cameras, &loud).unwrap();
        for (slot_before, slot) in before.slots.iter().zip(&after.slots) {
            let frames = slot.frames - slot_before.frames;
            // A loud person hears the two other loud ones; who else is heard changes nothing here.
            let is_spare = !slot.is_video && loud.contains(&person.participant_id);
            let frames_min = if slot.is_video { 20 } else { 40 } * SECONDS;
            assert!(frames > frames_min || is_spare, "{frames} frames in {SECONDS} s: {slot:?}");
            assert_eq!(slot.frame_gaps, slot_before.frame_gaps, "{slot:?}");
            if slot.is_video {
                assert_eq!(slot.height, Some(LOW_HEIGHT), "{slot:?}");
            }
        }
    }
}

/// Any pictures, but small ones: until all cameras are known.
fn low_pictures(person: &Person) -> Vec<SlotWish> {
    let mids = person.call.slot_mids().iter().skip(receiver().audio_slots);
    let wishes = mids.map(|mid| SlotWish {
        mid: mid.clone(),
        mode: SlotMode::Auto,
        track: None,
        height_max: Some(u32::from(LOW_HEIGHT)),
        priority: None,
    });
    wishes.collect()
}

/// Four pins of low pictures of others, different ones for different people.
async fn subscribe(person: &Person, index: usize, cameras: &[ParticipantId]) {
    let all = |state: &CallState| {
        cameras.iter().filter(|id| state.track_of(**id, TrackSource::Camera).is_some()).count()
            == cameras.len() - usize::from(cameras.contains(&person.participant_id))
    };
    let state = person.call.wait_for("all cameras", Duration::from_secs(10), all).await.unwrap();
    let others = (0..cameras.len()).map(|offset| cameras[(index + offset) % cameras.len()]);
    let tracks = others.filter_map(|id| state.track_of(id, TrackSource::Camera)).take(VIDEO_SLOTS);
    let mids = person.call.slot_mids().iter().skip(receiver().audio_slots);
    let wishes = mids.zip(tracks).map(|(mid, track)| SlotWish {
        mid: mid.clone(),
        mode: SlotMode::Pinned,
        track: Some(track),
        height_max: Some(u32::from(LOW_HEIGHT)),
        priority: None,
    });
    let wishes: Vec<_> = wishes.collect();
    assert_eq!(wishes.len(), VIDEO_SLOTS);
    person.call.subscribe(wishes).await.unwrap();
    person.call.wait_for("the wishes to be taken", Duration::from_secs(10), |s| s.subscribe_acked).await.unwrap();
}

/// Four different cameras in their lowest encoding, and all loud people but oneself.
fn is_filled_as_asked(
    person: &Person,
    state: &CallState,
    cameras: &[ParticipantId],
    loud: &[ParticipantId],
) -> Result<(), String> {
    let (audio, video) = state.slots.split_at_checked(receiver().audio_slots).ok_or("the slot map is short")?;
    let mut seen: Vec<ParticipantId> = video.iter().filter_map(|slot| slot.participant_id).collect();
    seen.sort();
    seen.dedup();
    if seen.len() != VIDEO_SLOTS || !seen.iter().all(|id| cameras.contains(id) && *id != person.participant_id) {
        return Err(format!("pictures of {seen:?}"));
    }
    for slot in video {
        if slot.rid.as_deref() != Some("q") || slot.reason == Some(LayerReason::Paused) {
            return Err(format!("layer {:?} for {:?}", slot.rid, slot.reason));
        }
    }
    let heard: Vec<ParticipantId> = audio.iter().filter_map(|slot| slot.participant_id).collect();
    match loud.iter().find(|id| **id != person.participant_id && !heard.contains(id)) {
        Some(missing) => Err(format!("{missing} is not heard")),
        None => Ok(()),
    }
}

/// People by the shard that their microphone's track number names, as the others are told it.
fn people_per_shard(people: &[Person]) -> BTreeMap<u8, usize> {
    let mut shards = BTreeMap::new();
    for (index, person) in people.iter().enumerate() {
        let observer = &people[(index + 1) % people.len()];
        let track = observer.call.state().track_of(person.participant_id, TrackSource::Microphone);
        *shards.entry(track.expect("everybody's microphone is known").shard()).or_insert(0) += 1;
    }
    shards
}

async fn all_stats(people: &[Person]) -> Vec<CallStats> {
    let mut all = Vec::new();
    for person in people {
        all.push(person.call.stats().await);
    }
    all
}
