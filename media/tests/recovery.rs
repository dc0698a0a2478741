//! Clients that come back: with new credentials, from another address, by a token alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::time::Duration;

use boltorezka_proto::call::MediaPermissions;
use support::client::Wants;
use support::{Client, World};

const SECOND: Duration = Duration::from_secs(1);
const ALL: MediaPermissions = MediaPermissions::ALL;
const FULL: Wants = Wants { audio_slots: 2, video_slots: 2, channel: true, rids: &[] };
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
