//! Clients that come back: with new credentials, from another address, by a token alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::time::Duration;

use boltorezka_media::shard::{ShardCommand, ShardEvent};
use boltorezka_proto::admission::ConnectionState;
use boltorezka_proto::call::{EndReason, MediaPermissions, ServerCallMessage};
use support::client::Wants;
use support::{Client, World};

const SECOND: Duration = Duration::from_secs(1);
const ALL: MediaPermissions = MediaPermissions::ALL;
const FULL: Wants = Wants { audio_slots: 2, video_slots: 2, channel: true, data: false, rids: &[] };
/// Characters of a user fragment that tell shard and run.
const PREFIX: usize = 8;

/// Two who see each other.
fn a_call() -> (World, usize, usize) {
    let mut world = World::new(1);
    let [a, b] = [1, 2].map(|number| {
        let client = Client::new(number, world.now, FULL);
        world.join(0, ALL, client)
    });
    for client in [a, b] {
        world.clients[client].show(20 + client as u8);
    }
    world.run(2 * SECOND);
    assert!(sees(&mut world, a) && sees(&mut world, b));
    (world, a, b)
}

/// Whether a client is shown something in the next second.
fn sees(world: &mut World, client: usize) -> bool {
    world.clients[client].heard.clear();
    world.run(SECOND);
    world.clients[client].heard_count() > 15
}

fn line<'a>(description: &'a str, start: &str) -> &'a str {
    description.lines().find_map(|line| line.strip_prefix(start)).unwrap()
}

#[test]
fn an_ice_restart_from_another_address_keeps_shard_and_run_in_the_fragment() {
    let (mut world, a, b) = a_call();
    let first = world.clients[a].answer.clone();
    let mut seen = vec![line(&first, "a=ice-ufrag:").to_owned()];
    for port in [41_000, 42_000] {
        world.clients[a].restart_ice();
        let id = world.clients[a].participant_id;
        world.offer(a, 0, id, ALL);
        world.clients[a].move_to(format!("198.51.100.77:{port}").parse().unwrap());
        let answer = world.clients[a].answer.clone();
        let ufrag = line(&answer, "a=ice-ufrag:").to_owned();
        assert_eq!(ufrag[..PREFIX], seen[0][..PREFIX], "shard and run");
        assert!(!seen.contains(&ufrag) && ufrag.len() == seen[0].len(), "{ufrag} after {seen:?}");
        assert!(answer.lines().filter(|line| line.starts_with("a=ice-ufrag:")).all(|line| line.ends_with(&ufrag)));
        assert_ne!(line(&answer, "a=ice-pwd:"), line(&first, "a=ice-pwd:"));
        seen.push(ufrag);
        world.run(2 * SECOND);
        assert!(sees(&mut world, a) && sees(&mut world, b), "at port {port}");
    }
}

#[test]
fn a_restart_that_is_refused_changes_nothing() {
    let (mut world, a, b) = a_call();
    world.clients[a].restart_ice();
    let offer = world.clients[a].offer();
    world.clients[a].forget_offer();
    // A section in the place of another that is in use.
    let bad = offer.replace(&*world.clients[a].camera.to_string(), "new");
    let id = world.clients[a].participant_id;
    let refusal = world.admit(0, id, ALL, bad).unwrap_err();
    assert!(refusal.contains("new"), "{refusal}");
    world.watched = Some((a, Vec::new()));
    world.run(30 * SECOND);
    let (_, datagrams) = world.watched.take().unwrap();
    let is_answer = |datagram: &&Vec<u8>| datagram.starts_with(&[0x01, 0x01]);
    let answers = datagrams.iter().filter(is_answer).count();
    assert!(answers > 3, "its checks are answered as before, not {answers} of them");
    assert!(sees(&mut world, a) && sees(&mut world, b));
}

/// What the shard said last of a client.
fn state(world: &World, client: usize) -> Option<ConnectionState> {
    let id = world.clients[client].participant_id;
    world.events.iter().rev().find_map(|event| match event {
        ShardEvent::Status(status) if status.participant_id == id => Some(status.state),
        _ => None,
    })
}

#[test]
fn a_suspended_client_comes_back_from_elsewhere_by_its_token_alone() {
    let (mut world, a, b) = a_call();
    world.clients[a].is_mute_to_the_network = true;
    // 15 s until it is suspended, and nearly all of the 60 s for which its seat is kept.
    world.run(70 * SECOND);
    assert_eq!(state(&world, a), Some(ConnectionState::Suspended));
    assert!(!sees(&mut world, b));
    let token = world.clients[a].tokens().pop().unwrap();
    world.clients[a].restart_ice();
    let answer = world.resume(&token, &world.clients[a].offer()).unwrap();
    assert_eq!(line(&answer, "a=ice-ufrag:")[..PREFIX], line(&world.clients[a].answer, "a=ice-ufrag:")[..PREFIX]);
    world.clients[a].accept(answer);
    world.clients[a].move_to("203.0.113.7:43000".parse().unwrap());
    world.clients[a].is_mute_to_the_network = false;
    world.run(3 * SECOND);
    assert_eq!(state(&world, a), Some(ConnectionState::Connected));
    assert!(sees(&mut world, a) && sees(&mut world, b));
    let left = world.events.iter().filter(|event| matches!(event, ShardEvent::Left { .. })).count();
    assert_eq!(left, 0, "the seat was kept");
}

#[test]
fn tokens_are_renewed_and_old_ones_end() {
    let mut world = World::new(1);
    let client = Client::new(1, world.now, FULL);
    let a = world.join(0, ALL, client);
    world.run(599 * SECOND);
    let tokens = world.clients[a].tokens();
    assert_eq!(tokens.len(), 2, "one at first and one after five minutes");
    world.clients[a].restart_ice();
    let offer = world.clients[a].offer();
    world.resume(&tokens[0], &offer).unwrap();
    world.run(2 * SECOND);
    let refusal = world.resume(&tokens[0], &offer).unwrap_err();
    assert!(refusal.contains("expired"), "{refusal}");
    world.resume(&tokens[1], &offer).unwrap();
}

#[test]
fn a_token_brings_nobody_else_in_and_nobody_back_who_was_revoked() {
    let (mut world, a, b) = a_call();
    let token = world.clients[a].tokens().pop().unwrap();
    let stranger = Client::new(9, world.now, FULL);
    let refusal = world.resume(&token, &stranger.offer()).unwrap_err();
    assert!(refusal.contains("session"), "{refusal}");
    assert!(sees(&mut world, a) && sees(&mut world, b), "the call goes on as it was");
    world.clients[a].restart_ice();
    let offer = world.clients[a].offer();
    let id = world.clients[a].participant_id;
    world.revoke(0, id);
    let refusal = world.resume(&token, &offer).unwrap_err();
    assert!(refusal.contains("ended"), "{refusal}");
    assert!(!sees(&mut world, b));
}

#[test]
fn those_inside_are_told_of_a_drain_and_of_its_end() {
    let (mut world, a, b) = a_call();
    let told = |world: &World, client: usize| -> Vec<Option<u64>> {
        let messages = world.clients[client].messages.iter();
        let drains = messages.filter_map(|message| match message {
            ServerCallMessage::Draining { deadline_ms } => Some(*deadline_ms),
            _ => None,
        });
        drains.collect()
    };
    world.command(0, ShardCommand::Drain { deadline: Some(30 * SECOND) });
    world.run(SECOND);
    assert_eq!((told(&world, a), told(&world, b)), (vec![Some(30_000)], vec![Some(30_000)]));
    // Somebody who was admitted before and opens the channel only now.
    let late = Client::new(3, world.now, FULL);
    let late = world.join(0, ALL, late);
    world.run(SECOND);
    assert!(matches!(told(&world, late)[..], [Some(28_000..30_000)]), "{:?}", told(&world, late));
    world.command(0, ShardCommand::Drain { deadline: None });
    world.run(SECOND);
    assert_eq!(told(&world, a), [Some(30_000), None]);
    assert!(sees(&mut world, a) && sees(&mut world, b), "nobody's call was touched");
    let id = world.clients[a].participant_id;
    world.command(0, ShardCommand::Revoke { participant_id: id, reason: EndReason::Drain });
    world.run(SECOND);
    assert!(world.clients[a].messages.contains(&ServerCallMessage::Ended { reason: EndReason::Drain }));
}

#[test]
fn a_loss_that_cannot_be_made_good_any_more_brings_a_keyframe() {
    let (mut world, a, b) = a_call();
    let asked = |world: &World| world.clients[a].keyframe_requests.len();
    // What is missed is asked for again when the client is heard again. Of half a second all is kept, of more it is not.
    for (missed, requests) in [(SECOND / 2, 0..=0), (SECOND * 3 / 2, 1..=2)] {
        let before = asked(&world);
        world.clients[b].is_mute_to_the_network = true;
        world.run(missed);
        world.clients[b].is_mute_to_the_network = false;
        world.run(SECOND * 5);
        let new = asked(&world) - before;
        assert!(requests.contains(&new), "{new} requests after {missed:?}");
        assert!(sees(&mut world, b));
    }
}

#[test]
fn a_bad_offer_is_refused_and_changes_nothing() {
    let mut world = World::new(1);
    let a = Client::new(1, world.now, FULL);
    let a = world.join(0, ALL, a);
    let b = Client::new(2, world.now, FULL);
    let b = world.join(0, ALL, b);
    world.clients[a].show(20);
    let id = world.clients[a].participant_id;
    for offer in ["", "hello", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"] {
        world.admit(0, id, ALL, offer.to_owned()).unwrap_err();
    }
    let many = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(200);
    let refusal =
        world.admit(0, id, ALL, format!("v=0\r\no=- 5 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{many}")).unwrap_err();
    assert!(refusal.contains("200"), "{refusal}");
    world.run(2 * SECOND);
    let before = world.clients[b].heard_count();
    world.run(SECOND);
    assert!(world.clients[b].heard_count() > before + 10, "the call goes on");
}
