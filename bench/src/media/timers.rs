//! What is to be done when, for all clients.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Task {
    /// Check the path, or keep up consent.
    Check,
    /// Let DTLS send again.
    Dtls,
    /// Tell arrivals, ask again for what is missing.
    Feedback,
    /// Report.
    Report,
    /// Take the camera's next picture.
    Picture,
    /// Send what waits in the pacer.
    Pace,
    /// Take the microphone's next sound.
    Sound,
}

/// Times in ns of the engine's clock. A client that is gone leaves its entries behind; they are ignored when due.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<(u64, u32, Task)>>);

impl Timers {
    /// Has a task of a client done at a time.
    pub fn set(&mut self, at_ns: u64, client: u32, task: Task) {
        self.0.push(Reverse((at_ns, client, task)));
    }

    /// The next task that is due.
    pub fn pop(&mut self, now_ns: u64) -> Option<(u64, u32, Task)> {
        self.0.peek().filter(|next| next.0.0 <= now_ns)?;
        self.0.pop().map(|next| next.0)
    }

    /// When the next one is due.
    pub fn next_ns(&self) -> Option<u64> {
        self.0.peek().map(|next| next.0.0)
    }
}
