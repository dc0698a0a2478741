//! One shard serves as three do.
#![allow(clippy::unwrap_used, clippy::panic)]

use boltorezka_sim::host::{simulate, warm_up};
use boltorezka_sim::scenario::{Options, Outcome, Seen, run};
use boltorezka_sim::trace::Trace;

/// Rooms of two to ten people.
const SEEDS: [u64; 6] = [0, 1, 4, 7, 13, 16];

fn seen(seed: u64, shards: u8) -> Vec<Seen> {
    let options = Options { shards: Some(shards), notes_the_end: true };
    let Outcome { wrong, seen, .. } = simulate(seed, || run(seed, options, Trace::default())).unwrap();
    assert_eq!(wrong, None, "seed {seed} on {shards} shards");
    seen
}

#[test]
fn people_see_and_hear_the_same_on_one_shard_and_on_three() {
    warm_up();
    let mut with_voices = 0;
    for seed in SEEDS {
        let (one, three) = (seen(seed, 1), seen(seed, 3));
        with_voices += usize::from(one.iter().any(|seen| !seen.voices.is_empty()));
        assert_eq!(one, three, "seed {seed}");
    }
    // Sometimes one person is left at the end.
    assert!(with_voices >= SEEDS.len() / 2, "voices in {with_voices} of {} rooms", SEEDS.len());
}
