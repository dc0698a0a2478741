//! What a whole node keeps of a population that has come and gone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use boltorezka_sim::host::{simulate, warm_up};
use boltorezka_sim::scenario::{Options, repeat};

/// Seeds with few people, and one with a dozen.
const SEEDS: [u64; 4] = [0, 7, 12, 16];
/// A node remembers whom it may not take again, some ten thousand of them: an id and its places in tables, on each shard and
/// in the registry. A connection that is not let go of has tens of kilobytes.
const BYTES_PER_PERSON_MAX: isize = 1_024;
/// Tables that another population filled a little more are twice as large then.
const TABLES_BYTES_MAX: isize = 16 * 1_024;

struct Counting;

thread_local! {
    /// Bytes that this thread has allocated and not given back.
    static HELD_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn add(bytes: isize) {
    // What a thread gives back while it ends is nobody's any more.
    let _ = HELD_BYTES.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: everything is left to the system's allocator; what is counted changes nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: as the caller has promised.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that a node holds after so many equal populations, and the people of one.
fn held_after(seed: u64, times: usize) -> (isize, usize) {
    let held = simulate(seed, || {
        let before = HELD_BYTES.get();
        let (node, people) = repeat(seed, Options { shards: Some(2), ..Options::default() }, times).unwrap();
        assert!(node.leftovers().is_empty());
        (HELD_BYTES.get() - before, people)
    });
    held.unwrap()
}

#[test]
fn a_second_population_takes_no_more_memory_than_the_first() {
    warm_up();
    for seed in SEEDS {
        let ((first, people), (second, _)) = (held_after(seed, 1), held_after(seed, 2));
        assert!(first > 10_000, "seed {seed}: a node of {first} bytes");
        let growth = second - first;
        let bound = TABLES_BYTES_MAX + BYTES_PER_PERSON_MAX * people as isize;
        assert!(growth < bound, "seed {seed}: {growth} bytes more after {people} people more, from {first}");
    }
}
