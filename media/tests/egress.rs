//! What leaves towards a client, looked at from outside: each number once under one key, and what was lost again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use boltorezka_proto::call::MediaPermissions;
use support::client::Wants;
use support::{Client, World};

const ALL: MediaPermissions = MediaPermissions::ALL;
const SECOND: Duration = Duration::from_secs(1);
const PLAIN: Wants = Wants { audio_slots: 1, video_slots: 2, channel: false, data: false, rids: &[] };

fn join(world: &mut World) -> usize {
    let client = Client::new(world.clients.len() as u8 + 1, world.now, PLAIN);
    world.join(0, ALL, client)
}

fn offer_again(world: &mut World, client: usize) {
    let participant_id = world.clients[client].participant_id;
    world.offer(client, 0, participant_id, ALL);
    world.run(SECOND);
}

/// What each sealed datagram used of its key: the source, whether it is a report, and the index. Indices of media count
/// rollovers as a receiver does (RFC 3711, appendix A).
fn used(datagrams: &[Vec<u8>]) -> Vec<(u32, bool, u64)> {
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let mut highest: HashMap<u32, u64> = HashMap::new();
    let sealed = datagrams.iter().filter(|datagram| (128..192).contains(&datagram[0]));
    sealed
        .map(|datagram| {
            if (192..224).contains(&datagram[1]) {
                let index = word(&datagram[datagram.len() - 4..]) & 0x7fff_ffff;
                return (word(&datagram[4..8]), true, u64::from(index));
            }
            let (ssrc, sequence) = (word(&datagram[8..12]), u16::from_be_bytes([datagram[2], datagram[3]]));
            let highest = highest.entry(ssrc).or_insert(u64::from(sequence));
            let step = sequence.wrapping_sub(*highest as u16).cast_signed();
            let index = highest.checked_add_signed(step.into()).unwrap();
            *highest = index.max(*highest);
            (ssrc, false, index)
        })
        .collect()
}

#[test]
fn no_number_leaves_twice_under_one_key() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world), join(&mut world));
    world.watched = Some((b, Vec::new()));
    world.clients[a].speak(10, -20);
    world.clients[a].show(20);
    // Also the reports that str0m writes about what this client sends are under the same keys.
    world.clients[b].speak(30, -20);
    world.clients[b].show(40);
    world.run(SECOND);
    world.clients[b].add_video_slots(2);
    offer_again(&mut world, b);
    world.clients[b].restart_ice();
    offer_again(&mut world, b);
    // More packets than there are sequence numbers, with losses, so that some leave again.
    world.lost_each = Some(50);
    let camera = world.clients[a].camera;
    let source = world.clients[a].sources.iter_mut().find(|source| source.mid == camera).unwrap();
    (source.period, source.payload_bytes) = (Duration::ZERO, 20);
    for _ in 0..9_000 {
        for _ in 0..7 {
            let now = world.now;
            world.clients[a].produce(now);
        }
        world.step();
        world.clients.iter_mut().for_each(|client| client.heard.clear());
    }
    world.clients[b].add_video_slots(1);
    offer_again(&mut world, b);

    let (_, datagrams) = world.watched.take().unwrap();
    let used = used(&datagrams);
    let mut seen = HashSet::new();
    for entry in &used {
        assert!(seen.insert(*entry), "left twice under one key: {entry:?} of {}", used.len());
    }
    assert!(used.iter().any(|(_, is_report, index)| !is_report && *index > 0x1_0000), "no number wrapped around");
    let reporters: HashSet<u32> = used.iter().filter(|(_, is_report, _)| *is_report).map(|(ssrc, ..)| *ssrc).collect();
    let sources: HashSet<u32> = used.iter().filter(|(_, is_report, _)| !is_report).map(|(ssrc, ..)| *ssrc).collect();
    assert!(reporters.len() > sources.intersection(&reporters).count(), "str0m's reports have a source of their own");
    assert!(world.shards[0].counters_mut().packets_resent > 100);
}

#[test]
fn what_is_lost_comes_again() {
    let mut world = World::new(1);
    let (a, b) = (join(&mut world), join(&mut world));
    world.clients[a].show(20);
    world.run(SECOND);
    world.clients[b].heard.clear();
    world.lost_each = Some(10);
    world.run(5 * SECOND);
    world.lost_each = None;
    world.run(SECOND);
    let mut sequences: Vec<u64> = world.clients[b].heard.values().flatten().map(|heard| heard.sequence).collect();
    sequences.sort_unstable();
    assert!(sequences.len() > 100, "{} packets", sequences.len());
    let missing: Vec<_> = sequences.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(world.shards[0].counters_mut().packets_resent > 5);
}
