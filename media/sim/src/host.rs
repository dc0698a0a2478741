//! What the machine tells a simulated thread: the time of the simulation, and random bytes of its seed.
//!
//! `std`'s hash maps, `rand` in the SCTP library and `Instant::now` all come down to two functions of the C library. This
//! program has its own, which answer from the simulation on threads that run one, and ask the kernel on all others. So
//! nothing that a seed does depends on the machine, whatever library asks (the same trick as in madsim and turmoil).
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::time::Duration;

use crate::random::Random;

/// What both clocks show when a simulation begins. Far from zero, since libraries subtract from the first time they see.
const MONOTONIC_AT_FIRST: Duration = Duration::from_secs(1_000_000_000);
const REALTIME_AT_FIRST: Duration = Duration::from_secs(1_800_000_000);

thread_local! {
    static ELAPSED: Cell<Option<Duration>> = const { Cell::new(None) };
    static RANDOM: Cell<Random> = const { Cell::new(Random::new(0)) };
}

/// Runs a simulation on a thread of its own, since what libraries keep in a thread begins with its first random bytes.
///
/// # Errors
/// What the simulation panicked with.
pub fn simulate<T: Send>(seed: u64, run: impl FnOnce() -> T + Send) -> std::thread::Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            RANDOM.set(Random::new(seed));
            ELAPSED.set(Some(Duration::ZERO));
            fastrand::seed(seed);
            let outcome = run();
            ELAPSED.set(None);
            outcome
        });
        thread.join()
    })
}

/// Has libraries set what they set once in a process, so that it does not depend on which simulation comes first.
pub fn warm_up() {
    let warm = simulate(0, || {
        drop(
            str0m::Rtc::builder()
                .set_crypto_provider(crate::dtls::crypto_provider(false))
                .build(std::time::Instant::now()),
        )
    });
    drop(warm);
}

/// Says how much of the simulation's time has passed on this thread.
pub fn set_elapsed(elapsed: Duration) {
    ELAPSED.set(Some(elapsed));
}

/// The C library's source of randomness (getrandom(2)).
///
/// # Safety
/// `buffer` is valid for writes of `length` bytes, as getrandom(2) demands of its callers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
    // Libraries may ask while a thread ends and its variables are gone: that is not part of a simulation.
    let is_simulated = ELAPSED.try_with(|elapsed| elapsed.get().is_some()).unwrap_or(false);
    if !is_simulated || length == 0 {
        // SAFETY: the caller's promise is passed on.
        return unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) } as isize;
    }
    // SAFETY: the caller promises `length` writable bytes; a byte may have any value.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    let mut random = RANDOM.get();
    random.fill(bytes);
    RANDOM.set(random);
    length as isize
}

/// The C library's clocks (clock_gettime(2)).
///
/// # Safety
/// `time` is valid for a write, as clock_gettime(2) demands of its callers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    let elapsed = ELAPSED.try_with(Cell::get).ok().flatten();
    let now = match (elapsed, clock) {
        (Some(elapsed), libc::CLOCK_MONOTONIC) => MONOTONIC_AT_FIRST + elapsed,
        (Some(elapsed), libc::CLOCK_REALTIME) => REALTIME_AT_FIRST + elapsed,
        // SAFETY: the caller's promise is passed on.
        _ => return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) } as c_int,
    };
    let value = libc::timespec { tv_sec: now.as_secs() as libc::time_t, tv_nsec: now.subsec_nanos() as c_long };
    // SAFETY: the caller promises a writable place.
    unsafe { time.write(value) };
    0
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::{Instant, SystemTime};

    use super::*;

    /// What libraries of a simulated thread could tell two runs apart by.
    fn seen(seed: u64) -> (Vec<u32>, SystemTime, Duration, u64) {
        let seen = simulate(seed, || {
            let map: HashMap<u32, ()> = (0..100).map(|key| (key, ())).collect();
            let before = Instant::now();
            set_elapsed(Duration::from_millis(7));
            (map.into_keys().collect(), SystemTime::now(), before.elapsed(), fastrand::u64(..))
        });
        seen.unwrap()
    }

    #[test]
    fn libraries_see_the_seed_and_nothing_else() {
        assert_eq!(seen(1), seen(1));
        assert_ne!(seen(1).0, seen(2).0, "the order of a hash map comes from the seed");
        assert_ne!(seen(1).3, seen(2).3);
        assert_eq!(seen(1).2, Duration::from_millis(7));
    }

    #[test]
    fn other_threads_have_the_machines_clock() {
        let before = Instant::now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(before.elapsed() >= Duration::from_millis(2));
        assert!(SystemTime::now() < SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000));
    }
}
