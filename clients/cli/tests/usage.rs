//! Exit codes and messages of the real program, without a server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::process::{Command, Output};

/// {"alg":"HS256"} . {"room":"stand-up"}
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoic3RhbmQtdXAifQ.c2ln";

fn cli(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boltorezka-cli"));
    command.args(arguments).env_remove("BOLTOREZKA_TOKEN").output().unwrap()
}

fn assert_fails(arguments: &[&str], code: i32, message: &str) {
    let output = cli(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(message), "{arguments:?} should say {message:?}, not {errors:?}");
    assert!(output.stdout.is_empty());
}

#[test]
fn bad_usage_ends_with_2_and_tells_the_cure() {
    let url = "http://127.0.0.1:1";
    assert_fails(&[], 2, "Usage");
    assert_fails(&["join", "--token", TOKEN], 2, "--url");
    assert_fails(&["join", "--url", url], 2, "BOLTOREZKA_TOKEN");
    assert_fails(&["join", "--url", "talk.example", "--token", TOKEN], 2, "https://talk.example");
    assert_fails(&["join", "--url", url, "--token", "opaque"], 2, "--room");
    assert_fails(&["join", "--url", url, "--token", TOKEN, "--room", "A B"], 2, "lower-case");
    assert_fails(&["join", "--url", url, "--token", TOKEN, "--duration", "soon"], 2, "20s");
    assert_fails(&["join", "--url", url, "--token", TOKEN, "--video-slots", "99"], 2, "25");
    assert_fails(&["join", "--url", url, "--token", TOKEN, "--publish", "/nonexistent.ogg"], 2, "/nonexistent.ogg");
    assert_fails(&["join", "--url", url, "--token", TOKEN, "--publish", "/dev/null"], 2, "Opus in Ogg");
}

#[test]
fn a_server_that_is_not_there_ends_with_1() {
    // Port 1 is never listened on here, so that the connection is refused at once.
    assert_fails(&["join", "--url", "http://127.0.0.1:1", "--token", TOKEN], 1, "could not be reached");
}

#[test]
fn the_token_is_never_shown() {
    let output = cli(&["join", "--url", "http://127.0.0.1:1", "--token", TOKEN]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains(TOKEN));
}
