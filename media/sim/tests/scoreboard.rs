//! The committed scoreboard is what the code comes to.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use boltorezka_sim::host::warm_up;
use boltorezka_sim::scoreboard;

#[test]
fn nobody_is_served_worse_than_the_scoreboard_says() {
    warm_up();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scoreboard.md");
    let committed = scoreboard::read(&std::fs::read_to_string(path).unwrap());
    assert_eq!(committed.len(), scoreboard::profile::PROFILES.len(), "the scoreboard lacks a link: make scoreboard");
    let now = scoreboard::run().unwrap();
    let worse: Vec<_> = now
        .iter()
        .map(|row| {
            let before = committed.iter().find(|before| before.name == row.name);
            before.map_or_else(|| Some(format!("{} is new", row.name)), |before| row.worse_than(before))
        })
        .collect();
    let worse: Vec<_> = worse.into_iter().flatten().collect();
    assert!(worse.is_empty(), "worse than committed (if that is meant: make scoreboard): {worse:#?}");
}
