//! Redundant audio (RFC 2198) with real str0m clients in virtual time: nobody hears a block of another voice.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::time::Duration;

use boltorezka_proto::call::MediaPermissions;
use support::client::{Heard, Wants};
use support::{Client, World};

const SECOND: Duration = Duration::from_secs(1);
const ONE_VOICE: Wants = Wants { audio_slots: 1, video_slots: 0, channel: false, data: false, rids: &[] };

/// Two who speak with redundancy, of whom the loudest is heard, and two who listen, with redundancy and without.
fn call() -> (World, [usize; 4]) {
    let mut world = World::with_heard(1, 1);
    let mut join = |number, client: fn(u8, std::time::Instant, Wants) -> Client| {
        let client = client(number, world.now, ONE_VOICE);
        world.join(0, MediaPermissions::ALL, client)
    };
    let clients =
        [join(1, Client::redundant), join(2, Client::redundant), join(3, Client::redundant), join(4, Client::new)];
    for (client, level) in [(clients[0], -20), (clients[1], -60)] {
        world.clients[client].speak(10 + client as u8, level);
        world.clients[client].sources[0].is_redundant = true;
    }
    (world, clients)
}

fn heard(world: &World, client: usize) -> &[Heard] {
    world.clients[client].heard_in(world.clients[client].audio_slots[0])
}

#[test]
fn a_block_of_another_voice_is_never_sent() {
    let (mut world, [a, b, with, without]) = call();
    for turn in 0..6 {
        let levels = if turn % 2 == 0 { [-20, -60] } else { [-60, -20] };
        for (client, level) in [a, b].into_iter().zip(levels) {
            world.clients[client].sources[0].level_dbov = level;
        }
        world.run(3 * SECOND);
    }
    let (opus, red) = world.clients[with].audio_types();
    let packets = heard(&world, with);
    let switches = packets.windows(2).filter(|pair| pair[0].track != pair[1].track).count();
    assert!(switches >= 4, "{switches} switches");
    let mut before: Option<&Heard> = None;
    let mut redundant = 0;
    for packet in packets {
        let primary = &packet.payload[packet.payload.len() - 8..];
        if Some(packet.payload_type) == red {
            redundant += 1;
            assert_eq!((packet.payload[0], packet.payload[4]), (0x80 | opus, opus));
            let block = &packet.payload[5..13];
            assert_eq!((block[0], block[1]), (primary[0], primary[1].wrapping_sub(1)), "the packet before it");
            assert_eq!(before.unwrap().track, packet.track, "a block of another voice");
        } else {
            assert_eq!((packet.payload_type, packet.payload.len()), (opus, 8));
            assert!(before.is_none_or(|before| before.track != packet.track), "redundancy was lost without a switch");
        }
        before = Some(packet);
    }
    assert!(redundant > 500 && redundant + switches + 1 == packets.len(), "{redundant} of {}", packets.len());
    let plain = heard(&world, without);
    assert!(plain.len() > 500 && plain.iter().all(|packet| packet.payload.len() == 8));
}

#[test]
fn a_pause_takes_as_long_for_who_listens() {
    let (mut world, [a, _, with, _]) = call();
    world.run(SECOND);
    let source = &mut world.clients[a].sources[0];
    // Discontinuous transmission: 400 ms pass on the sender's clock, and no number is missing.
    source.ticks_paused = 19_200;
    world.run(SECOND);
    let steps = heard(&world, with).windows(2).map(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp));
    let steps: Vec<u32> = steps.filter(|step| *step != 960).collect();
    assert_eq!(steps, [960 + 19_200]);
    assert!(heard(&world, with).windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
}
