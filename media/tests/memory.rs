//! What a shard keeps of those who have been there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use boltorezka_proto::call::MediaPermissions;
use support::client::Wants;
use support::{Client, World};

/// Joins after which all that is set up once is there, and those that are counted.
const WARM_UP_JOINS: u8 = 40;
const JOINS: u8 = 200;
/// A shard remembers whom it may not take again, some ten thousand of them: an id and its places in tables. A connection that
/// is not let go of has tens of kilobytes.
const BYTES_PER_JOIN_MAX: isize = 512;

struct Counting;

static ALLOCATED_BYTES: AtomicIsize = AtomicIsize::new(0);

// SAFETY: everything is left to the system's allocator; what is counted changes nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED_BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED_BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as the caller has promised.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A client joins, speaks and shows for a moment beside the one before it, and is taken out; the test forgets it.
fn come_and_go(world: &mut World, number: u8) {
    let wants = Wants { audio_slots: 2, video_slots: 2, channel: true, data: false, rids: &["q", "h"] };
    let client = Client::new(number, world.now, wants);
    let index = world.join(0, MediaPermissions::ALL, client);
    world.clients[index].speak(number, -30);
    world.clients[index].show(number);
    world.run(Duration::from_millis(100));
    if index > 0 {
        let oldest = world.clients[0].participant_id;
        world.revoke(0, oldest);
        world.clients.remove(0);
    }
}

/// Bytes that are allocated when everybody is gone.
fn when_all_are_gone(world: &mut World) -> isize {
    while let Some(client) = world.clients.pop() {
        world.revoke(0, client.participant_id);
    }
    world.run(Duration::from_secs(2));
    world.events = Vec::new();
    world.checks = Vec::new();
    world.reports = Vec::new();
    world.sent_to_strangers = Vec::new();
    assert_eq!(world.shards[0].leftovers(), None);
    ALLOCATED_BYTES.load(Ordering::Relaxed)
}

#[test]
fn who_has_left_takes_no_memory() {
    let mut world = World::new(1);
    (1..=WARM_UP_JOINS).for_each(|number| come_and_go(&mut world, number));
    let start = when_all_are_gone(&mut world);
    (1..=JOINS).for_each(|number| come_and_go(&mut world, number));
    let growth = when_all_are_gone(&mut world) - start;
    let bound = BYTES_PER_JOIN_MAX * isize::from(JOINS);
    assert!(growth < bound, "{growth} bytes more after {JOINS} joins and leaves, from {start}");
}
