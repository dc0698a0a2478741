//! Control and media as two processes: each may die, and the other stays.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod common;

use common::{Place, eventually, free_media_port, is_alive, signal};

#[test]
fn media_outlives_a_killed_server_and_is_kept_by_the_next() {
    let place = Place::new();
    let mut first = place.serve(&[]);
    let media_pid = place.media_pid();
    first.signal("KILL");
    first.wait();
    assert!(is_alive(media_pid), "the media node must outlive its server");

    let mut second = place.serve(&[]);
    second.log_line("is kept");
    assert_eq!(place.media_pid(), media_pid);
    eventually("ready", || ready(&second.origin));

    // The node that was found is watched and ended like one of our own.
    signal(media_pid, "KILL");
    eventually("another node", || place.media_pid() != media_pid);
    let media_pid = place.media_pid();
    eventually("ready again", || ready(&second.origin));
    second.signal("TERM");
    assert_eq!(second.wait().code(), Some(0));
    assert!(!is_alive(media_pid));
}

#[test]
fn a_node_with_other_settings_is_replaced() {
    let mut place = Place::new();
    let mut first = place.serve(&[]);
    let media_pid = place.media_pid();
    first.signal("KILL");
    first.wait();

    place.udp_port = free_media_port();
    let mut second = place.serve(&[]);
    let line = second.log_line("is replaced");
    assert!(line.contains("other settings"), "{line}");
    assert!(!is_alive(media_pid));
    assert_ne!(place.media_pid(), media_pid);
    eventually("ready", || ready(&second.origin));
    second.signal("TERM");
    assert_eq!(second.wait().code(), Some(0));
}

#[test]
fn a_node_that_dies_is_started_again() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    eventually("ready", || ready(&server.origin));
    let media_pid = place.media_pid();
    signal(media_pid, "KILL");
    server.log_line("started again");
    eventually("another node", || place.media_pid() != media_pid && is_alive(place.media_pid()));
    eventually("ready again", || ready(&server.origin));
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_stale_socket_is_no_obstacle() {
    let place = Place::new();
    let mut first = place.serve(&[]);
    let media_pid = place.media_pid();
    first.signal("KILL");
    first.wait();
    signal(media_pid, "KILL");
    eventually("the node's end", || !is_alive(media_pid));
    assert!(place.socket().exists());

    let mut second = place.serve(&[]);
    eventually("ready", || ready(&second.origin));
    second.signal("TERM");
    assert_eq!(second.wait().code(), Some(0));
}

#[test]
fn control_and_media_run_as_two_commands() {
    let place = Place::new();
    let mut media = place.command("media", &[]).stderr(std::process::Stdio::null()).spawn().unwrap();
    eventually("a socket", || place.socket().exists());
    let second = place.command("media", &[]).output().unwrap();
    let message = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{message}");
    assert!(message.contains("another media node"), "{message}");

    signal(media.id(), "TERM");
    assert_eq!(common::wait(&mut media).code(), Some(0));
    assert!(!place.socket().exists());
}

/// Whether `/readyz` says yes.
fn ready(origin: &str) -> bool {
    common::get(&format!("{origin}/readyz")).is_some_and(|response| response.status == 200)
}
