//! What somebody sees of a camera, over time.

use std::time::{Duration, Instant};

use super::decoder::Shown;

/// Pictures that are counted to tell the frame rate.
const RECENT: usize = 64;

/// What is shown of one section of one publisher.
#[derive(Debug)]
pub struct View {
    /// The frame or sound that was shown last.
    pub last: Shown,
    /// Pictures so far.
    pub pictures: u64,
    /// Changes of resolution so far.
    pub switches: u64,
    /// The longest time without a new picture, up to the last one.
    pub freeze_max: Duration,
    /// Times without a new picture of more than [`FREEZE`].
    pub freezes: u64,
    recent: std::collections::VecDeque<Instant>,
    /// Encoding and spatial layer of the last picture so far, and of the one before.
    level: (u8, u8),
    before: (u8, u8),
}

/// People notice when a picture stands for so long.
pub const FREEZE: Duration = Duration::from_millis(500);

impl View {
    /// It begins with this.
    pub fn new(shown: Shown) -> Self {
        let level = (shown.truth.encoding, shown.truth.spatial);
        Self {
            last: shown,
            pictures: 1,
            switches: 0,
            freeze_max: Duration::ZERO,
            freezes: 0,
            recent: [shown.at].into(),
            level,
            before: level,
        }
    }

    /// The next frame is shown.
    pub fn note(&mut self, shown: Shown) {
        let level = (shown.truth.encoding, shown.truth.spatial);
        let is_same_picture = shown.timestamp == self.last.timestamp && shown.track == self.last.track;
        let pause = shown.at.saturating_duration_since(self.last.at);
        self.last = shown;
        if is_same_picture {
            self.level = self.level.max(level);
            return;
        }
        self.switches += u64::from(self.level != self.before);
        self.before = std::mem::replace(&mut self.level, level);
        self.pictures += 1;
        self.freeze_max = self.freeze_max.max(pause);
        self.freezes += u64::from(pause > FREEZE);
        self.recent.push_back(shown.at);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Encoding and spatial layer of the last picture that is whole.
    pub fn whole_level(&self) -> (u8, u8) {
        self.before
    }

    /// Pictures since a moment, as far as they are remembered.
    pub fn pictures_since(&self, since: Instant) -> usize {
        self.recent.iter().filter(|at| **at >= since).count()
    }
}
