//! A client that has UDP, TCP or both, and changes between them, in virtual time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::time::Duration;

use boltorezka_media::egress::Via;
use boltorezka_media::shard::Datagram;
use boltorezka_media::tcp::TcpId;
use boltorezka_proto::call::{ClientCallMessage, MediaPermissions, Publication, ServerCallMessage, TrackSource};
use support::client::Wants;
use support::{Client, World};

const ALL: MediaPermissions = MediaPermissions::ALL;
const SECOND: Duration = Duration::from_secs(1);
const FULL: Wants = Wants { audio_slots: 2, video_slots: 2, channel: true, data: false, rids: &[] };

/// A client with a TCP connection beside UDP.
fn with_tcp(world: &World) -> Client {
    let number = world.clients.len() as u8 + 1;
    let mut client = Client::new(number, world.now, FULL);
    let address = client.tcp_address;
    client.connect_tcp(TcpId(number.into()), address);
    client
}

/// A publisher who has UDP alone, and a client that begins without UDP; both see each other.
fn a_call() -> (World, usize, usize) {
    let mut world = World::new(1);
    let publisher = Client::new(1, world.now, FULL);
    let publisher = world.join(0, ALL, publisher);
    let mut client = with_tcp(&world);
    client.is_udp_blocked = true;
    let client = world.join(0, ALL, client);
    world.clients[publisher].show(20);
    world.clients[client].show(40);
    world.run(2 * SECOND);
    (world, publisher, client)
}

/// What carried the pictures and sounds that a client was sent during `duration`, each once, in order.
fn carriers(world: &mut World, client: usize, duration: Duration) -> Vec<Via> {
    world.watched = Some((client, Vec::new()));
    world.watched_via.clear();
    world.run(duration);
    let (_, datagrams) = world.watched.take().unwrap();
    let is_media = |datagram: &[u8]| matches!(datagram, [128..192, second, ..] if !(192..224).contains(second));
    let media = datagrams.iter().zip(&world.watched_via).filter(|(datagram, _)| is_media(datagram));
    let mut carriers: Vec<Via> = media.map(|(_, via)| *via).collect();
    carriers.dedup();
    carriers
}

fn tcp(world: &World, client: usize) -> Via {
    Via::Tcp(world.clients[client].tcp.unwrap())
}

#[test]
fn a_client_without_udp_sends_receives_and_speaks_over_tcp() {
    let (mut world, publisher, client) = a_call();
    let over_tcp = tcp(&world, client);
    world.watched = Some((client, Vec::new()));
    let publish = Publication {
        mid: world.clients[client].camera.to_string(),
        source: TrackSource::Camera,
        muted: false,
        height: None,
        heights: Vec::new(),
    };
    world.clients[client].say(ClientCallMessage::Publish { rev: 1, tracks: vec![publish] });
    world.clients[publisher].heard.clear();
    world.clients[client].heard.clear();
    world.run(3 * SECOND);
    assert!(world.watched_via.iter().all(|via| *via == over_tcp), "{:?}", world.watched_via);
    let (_, datagrams) = world.watched.take().unwrap();
    // Answers to checks, the data channel in DTLS, media, reports.
    for (kind, range) in [("STUN", 0..4), ("DTLS", 20..64), ("RTP or RTCP", 128..192)] {
        assert!(datagrams.iter().any(|datagram| range.contains(&datagram[0])), "no {kind}");
    }
    assert!(datagrams.iter().any(|datagram| datagram[0] >= 128 && (192..224).contains(&datagram[1])), "no RTCP");
    assert!(world.clients[client].heard_count() > 50, "it sees {}", world.clients[client].heard_count());
    assert!(world.clients[publisher].heard_count() > 50, "it is seen");
    let is_acknowledged = |message: &ServerCallMessage| matches!(message, ServerCallMessage::Ack { .. });
    assert!(world.clients[client].messages.iter().any(is_acknowledged), "it speaks on the channel");
    assert!(world.sent_to_strangers.is_empty());
}

#[test]
fn media_follows_a_client_from_tcp_to_udp_and_back() {
    let (mut world, _, client) = a_call();
    let over_tcp = tcp(&world, client);
    assert_eq!(carriers(&mut world, client, SECOND), [over_tcp]);
    world.clients[client].is_udp_blocked = false;
    assert_eq!(carriers(&mut world, client, 10 * SECOND), [over_tcp, Via::Udp]);
    world.clients[client].is_udp_blocked = true;
    assert_eq!(carriers(&mut world, client, 40 * SECOND), [Via::Udp, over_tcp]);
    world.clients[client].heard.clear();
    world.run(SECOND);
    assert!(world.clients[client].heard_count() > 20);
}

#[test]
fn when_a_tcp_connection_dies_the_other_path_is_used() {
    let (mut world, _, client) = a_call();
    world.clients[client].is_udp_blocked = false;
    world.run(10 * SECOND);
    world.clients[client].is_udp_blocked = true;
    world.run(40 * SECOND);
    let over_tcp = tcp(&world, client);
    assert_eq!(carriers(&mut world, client, SECOND), [over_tcp]);
    // The client chose UDP before. It has said nothing there since; and yet nothing is lost.
    world.clients[client].is_udp_blocked = false;
    world.close_tcp(client);
    world.clients[client].heard.clear();
    assert_eq!(carriers(&mut world, client, SECOND / 5), [Via::Udp]);
    assert!(world.clients[client].heard_count() > 3, "{}", world.clients[client].heard_count());
    let dropped = world.shards[0].counters_mut().packets_dropped.clone();
    assert_eq!(dropped.get("not_sendable"), None, "{dropped:?}");
}

#[test]
fn without_another_path_nothing_is_sent_until_the_client_is_back() {
    let (mut world, _, client) = a_call();
    world.close_tcp(client);
    assert_eq!(carriers(&mut world, client, SECOND), []);
    world.clients[client].connect_tcp(TcpId(77), "198.51.100.9:50001".parse().unwrap());
    world.clients[client].heard.clear();
    world.run(10 * SECOND);
    assert!(world.clients[client].heard_count() > 20, "{}", world.clients[client].heard_count());
    let again = Via::Tcp(TcpId(77));
    assert_eq!(carriers(&mut world, client, SECOND), [again]);
}

#[test]
fn a_client_whose_nat_moves_is_found_by_its_next_report() {
    let mut world = World::new(1);
    let [publisher, client] = [1, 2].map(|number| {
        let client = Client::new(number, world.now, FULL);
        world.join(0, ALL, client)
    });
    world.clients[publisher].show(20);
    world.clients[client].show(40);
    world.run(2 * SECOND);
    // Not a check of it gets through, so nothing but its reports says where it is now.
    let moved = "198.51.100.2:41234".parse().unwrap();
    world.clients[client].loses_checks = true;
    world.clients[client].seen_as = Some(moved);
    for client in &mut world.clients {
        client.heard.clear();
    }
    world.run(SECOND);
    assert!(world.clients[client].heard_count() > 20, "it sees {}", world.clients[client].heard_count());
    assert!(world.clients[publisher].heard_count() > 20, "it is seen: {}", world.clients[publisher].heard_count());

    // Who repeats a report of it from elsewhere gets nothing.
    world.sent_to_strangers.clear();
    let reports = std::mem::take(&mut world.reports).into_iter().filter(|(source, _)| *source == moved);
    let reports: Vec<Vec<u8>> = reports.map(|(_, report)| report).collect();
    assert!(reports.len() > 3, "{}", reports.len());
    for (number, report) in reports.iter().enumerate() {
        let source = ([203, 0, 113, 66], 1000 + number as u16).into();
        let destination = support::shard_address(0);
        world.shards[0]
            .handle_datagrams(world.now, [Datagram { via: Via::Udp, source, destination, contents: report }]);
    }
    world.clients[client].heard.clear();
    world.run(SECOND);
    assert_eq!(world.sent_to_strangers.len(), 0);
    assert!(world.clients[client].heard_count() > 20);
    let dropped = world.shards[0].counters_mut().packets_dropped.clone();
    assert_eq!(dropped.get("not_authentic"), Some(&(reports.len() as u64)), "{dropped:?}");
}

#[test]
fn a_revoked_client_loses_its_tcp_connection() {
    let (mut world, _, client) = a_call();
    let (id, address) = (world.clients[client].tcp.unwrap(), world.clients[client].tcp_address);
    assert!(world.shards[0].knows_tcp(id, address));
    let participant_id = world.clients[client].participant_id;
    world.revoke(0, participant_id);
    assert_eq!(world.shards[0].take_unused_tcp().collect::<Vec<_>>(), [id]);
    assert!(!world.shards[0].knows_tcp(id, address));
}
