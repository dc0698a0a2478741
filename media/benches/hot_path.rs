//! What a packet costs on its way through a shard, system calls aside: real str0m clients, real keys, virtual time.
//!
//! Without arguments it prints nanoseconds, which depend on the machine. Under callgrind, with collection toggled at
//! [`collected`], the instructions of one case can be counted, which hardly do: `scripts/instructions.mjs` does that and
//! compares them with `media/benches/instructions.json`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use boltorezka_media::egress::Via;
use boltorezka_media::shard::{Datagram, Offer, ShardCommand, ShardEvent};
use boltorezka_proto::admission::Admitted;
use boltorezka_proto::call::MediaPermissions;
use support::client::Wants;
use support::{Client, World, shard_address};

const SUBSCRIBERS: usize = 20;
const PAYLOAD_BYTES: usize = 1_100;
const STEP: Duration = Duration::from_millis(5);
/// Turns before a case counts: probes, keyframes and first reports are over then.
const WARM_UP: usize = 400;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// A picture's packet alone, to each subscriber: instructions a forward.
    Video,
    /// Four packets of a picture in one turn: instructions a forward.
    VideoBurst,
    /// A packet of a voice: instructions a forward.
    Voice,
    /// A picture's packet that nobody is sent: instructions a packet that comes in.
    Receive,
    /// A subscriber's reports: instructions a datagram.
    Reports,
    /// A subscriber's way in, from its offer to the end of its handshake: instructions a join.
    Join,
}

const CASES: [(&str, Case); 6] = [
    ("forward_video", Case::Video),
    ("forward_video_burst_of_4", Case::VideoBurst),
    ("forward_voice", Case::Voice),
    ("receive_video", Case::Receive),
    ("take_reports", Case::Reports),
    ("join", Case::Join),
];

fn main() {
    // cargo passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (wanted, turns) = match arguments.as_slice() {
        [name, turns] => (Some(name.as_str()), turns.parse().expect("a number of turns")),
        _ => (None, 4_000),
    };
    for (name, case) in CASES.into_iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name)) {
        let (operations, elapsed) = run(case, turns);
        println!("{name} operations={operations} ns={:.0}", elapsed.as_nanos() as f64 / operations as f64);
    }
}

/// Subscribers who join one after the other for a case of so many turns: a join takes as long as a thousand packets.
const TURNS_PER_JOIN: usize = 10;

/// One publisher, [`SUBSCRIBERS`] subscribers where the case has any, `turns` turns; how often the case's operation was done, and how long it took.
fn run(case: Case, turns: usize) -> (u64, Duration) {
    let mut world = World::new(1);
    let publisher = join(&mut world, Wants { audio_slots: 0, video_slots: 0, channel: false, data: false, rids: &[] });
    let subscribers = if case == Case::Receive { 0 } else { SUBSCRIBERS };
    for _ in 0..subscribers {
        join(&mut world, Wants { audio_slots: 1, video_slots: 1, channel: false, data: false, rids: &[] });
    }
    if case == Case::Voice {
        world.clients[publisher].speak(10, -20);
    } else {
        world.clients[publisher].show(20);
    }
    let source = &mut world.clients[publisher].sources[0];
    source.period = Duration::ZERO;
    source.payload_bytes = if case == Case::Voice { 80 } else { PAYLOAD_BYTES };
    let packets = if case == Case::VideoBurst { 4 } else { 1 };
    for _ in 0..WARM_UP {
        turn(&mut world, publisher, packets, |work| work(), |work| work());
    }
    let (mut operations, mut elapsed) = (0, Duration::ZERO);
    if case == Case::Join {
        let joins = turns.div_ceil(TURNS_PER_JOIN);
        return (joins as u64, (0..joins).map(|_| counted_join(&mut world)).sum());
    }
    for _ in 0..turns {
        let before = world.shards[0].counters_mut().clone();
        let reports = if case == Case::Reports {
            turn(&mut world, publisher, packets, |work| work(), |work| elapsed += collected(work))
        } else {
            turn(&mut world, publisher, packets, |work| elapsed += collected(work), |work| work())
        };
        let after = world.shards[0].counters_mut();
        operations += match case {
            Case::Reports => reports as u64,
            Case::Receive => after.packets_received - before.packets_received,
            _ => after.packets_forwarded - before.packets_forwarded,
        };
    }
    (operations, elapsed)
}

fn join(world: &mut World, wants: Wants) -> usize {
    let number = world.clients.len() as u8 + 1;
    let client = Client::new(number, world.now, wants);
    world.join(0, MediaPermissions::ALL, client)
}

/// Brings one more subscriber in and out again, and says how long the shard worked until it was in.
fn counted_join(world: &mut World) -> Duration {
    let wants = Wants { audio_slots: 1, video_slots: 1, channel: false, data: false, rids: &[] };
    let index = world.clients.len();
    world.clients.push(Client::new(index as u8 + 1, world.now, wants));
    let (now, offer) = (world.now, world.clients[index].offer());
    let participant_id = world.clients[index].participant_id;
    let admitted = Admitted { participant_id, room: world.room, permissions: MediaPermissions::ALL };
    let mut elapsed = collected(&mut || {
        let (admitted, offer) = (admitted.clone(), Box::new(Offer::read(&offer).unwrap()));
        world.shards[0].handle_command(now, ShardCommand::Admit { request_id: 0, admitted, offer });
        world.shards[0].handle_timeout(now);
        world.shards[0].poll_outgoing(now);
    });
    let events = std::iter::from_fn(|| world.shards[0].poll_event());
    let answer = events.filter_map(|event| match event {
        ShardEvent::Answer { sdp, .. } => Some(sdp),
        _ => None,
    });
    let answer = answer.last().expect("an answer");
    world.clients[index].accept(answer);
    while !world.clients[index].is_connected {
        world.now += STEP;
        let (now, sent) = (world.now, datagrams_of(world, index));
        elapsed += collected(&mut || take(world, now, &sent));
        deliver(world);
    }
    world.revoke(0, participant_id);
    world.clients.pop();
    elapsed
}

/// One step of time: `forward` runs what the publisher's packets cause, `report` what comes back. Returns how many
/// datagrams came back.
fn turn(
    world: &mut World,
    publisher: usize,
    packets: usize,
    mut forward: impl FnMut(&mut dyn FnMut()),
    mut report: impl FnMut(&mut dyn FnMut()),
) -> usize {
    world.now += STEP;
    let now = world.now;
    for _ in 0..packets {
        world.clients[publisher].produce(now);
    }
    let sent = datagrams_of(world, publisher);
    forward(&mut || take(world, now, &sent));
    deliver(world);
    let mut reports = Vec::new();
    for index in 0..world.clients.len() {
        if index != publisher {
            reports.extend(datagrams_of(world, index).into_iter().filter(|(_, datagram)| datagram[0] >= 128));
            world.clients[index].heard.clear();
        }
    }
    if !reports.is_empty() {
        report(&mut || take(world, now, &reports));
        deliver(world);
    }
    reports.len()
}

fn datagrams_of(world: &mut World, index: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let client = &mut world.clients[index];
    let address = client.address;
    client.poll(world.now).into_iter().map(|(_, _, contents)| (address, contents)).collect()
}

fn take(world: &mut World, now: Instant, datagrams: &[(SocketAddr, Vec<u8>)]) {
    let destination = shard_address(0);
    let datagram = |source, contents| Datagram { via: Via::Udp, source, destination, contents };
    let datagrams = datagrams.iter().map(|(source, contents)| datagram(*source, contents.as_slice()));
    world.shards[0].handle_datagrams(now, datagrams);
    world.shards[0].handle_timeout(now);
    world.shards[0].poll_outgoing(now);
}

/// Gives the clients what the shard sends.
fn deliver(world: &mut World) {
    let source = shard_address(0);
    let mut sent = 0;
    // The first part was made where it is counted; it is all of a turn here.
    let mut is_part = true;
    while is_part {
        for message in world.shards[0].outgoing() {
            sent += message.datagram_count() as u64;
            let client = world.clients.iter_mut().find(|client| client.address == message.path.destination).unwrap();
            message.datagrams().for_each(|datagram| client.receive(world.now, Via::Udp, source, datagram));
        }
        is_part = world.shards[0].poll_outgoing(world.now);
    }
    world.shards[0].counters_mut().datagrams_sent += sent;
}

/// Instructions are counted within this function, by its name.
#[inline(never)]
fn collected(work: &mut dyn FnMut()) -> Duration {
    let began = Instant::now();
    black_box(work)();
    began.elapsed()
}
