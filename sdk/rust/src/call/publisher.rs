//! Plays a file at its own pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::media::{Codec, FileFrame, MediaFile};

/// Lag from which on a player does not catch up but goes on from now: a burst of older frames helps nobody.
const LAG_MAX: Duration = Duration::from_millis(500);
/// Shortest time between two jumps to a keyframe: requests that came meanwhile are answered by the first.
const KEYFRAME_INTERVAL_MIN: Duration = Duration::from_millis(250);
/// Opus packets of at most this many bytes carry no sound (RFC 6716, section 2.1.9).
const DTX_BYTES_MAX: usize = 2;

/// A frame whose time has come.
pub(super) struct DueFrame {
    /// In ticks of the codec's clock since the player was started.
    pub(super) time: u64,
    /// When it was due.
    pub(super) due: Instant,
    /// Whether silence came before it.
    pub(super) starts_talkspurt: bool,
    pub(super) data: Arc<[u8]>,
}

/// Where a player is in its file. All times come from outside.
pub(super) struct Player {
    file: Arc<MediaFile>,
    repeat: bool,
    start: Instant,
    next: usize,
    /// Added to a frame's time in the file; negative after a jump back to the front.
    offset: i64,
    last_jump: Option<Instant>,
    in_silence: bool,
}

impl Player {
    /// A player that begins now. Times count from `start`, which all players of a call share, so that a receiver can
    /// keep sound and picture together.
    pub(super) fn new(file: Arc<MediaFile>, repeat: bool, start: Instant, now: Instant) -> Self {
        let next = file.keyframe_at_or_after(0);
        let mut player = Self { file, repeat, start, next, offset: 0, last_jump: None, in_silence: true };
        player.go_on_at(now);
        player
    }

    /// When the next frame is due; `None` at the end of a file that is not repeated.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.file.frames.get(self.next).map(|frame| self.due(self.time_of(frame)))
    }

    /// The next frame, when its time has come. Call until it returns `None`.
    pub(super) fn poll_frame(&mut self, now: Instant) -> Option<DueFrame> {
        loop {
            let due = self.poll_timeout()?;
            if due > now {
                return None;
            }
            if now.duration_since(due) > LAG_MAX {
                self.go_on_at(now);
                continue;
            }
            let frame = self.file.frames.get(self.next)?;
            let (time, data) = (self.time_of(frame), frame.data.clone());
            self.advance();
            if self.file.codec == Codec::Opus && data.len() <= DTX_BYTES_MAX {
                self.in_silence = true;
                continue;
            }
            let starts_talkspurt = std::mem::take(&mut self.in_silence);
            return Some(DueFrame { time, due, starts_talkspurt, data });
        }
    }

    /// Makes the next frame a keyframe, at the time of the frame that would have come.
    pub(super) fn request_keyframe(&mut self, now: Instant) {
        if self.last_jump.is_some_and(|at| now.saturating_duration_since(at) < KEYFRAME_INTERVAL_MIN) {
            return;
        }
        let Some(frame) = self.file.frames.get(self.next) else { return };
        if frame.keyframe {
            return;
        }
        let time = self.time_of(frame);
        self.next = self.file.keyframe_at_or_after(self.next);
        self.set_time_of_next(time);
        self.last_jump = Some(now);
    }

    fn advance(&mut self) {
        self.next += 1;
        if self.next >= self.file.frames.len() && self.repeat {
            self.next = 0;
            self.offset += self.file.duration.cast_signed();
        }
    }

    fn time_of(&self, frame: &FileFrame) -> u64 {
        frame.time.saturating_add_signed(self.offset)
    }

    fn due(&self, time: u64) -> Instant {
        self.start + Duration::from_secs_f64(time as f64 / f64::from(self.file.codec.clock_hz()))
    }

    fn go_on_at(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start);
        self.set_time_of_next((elapsed.as_secs_f64() * f64::from(self.file.codec.clock_hz())) as u64);
    }

    fn set_time_of_next(&mut self, time: u64) {
        if let Some(frame) = self.file.frames.get(self.next) {
            self.offset = time.cast_signed() - frame.time.cast_signed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_MS: u64 = 40;

    /// A keyframe every 5 frames of 40 ms; the first byte is the frame's number.
    fn video(count: u8) -> Arc<MediaFile> {
        let frames = (0..count)
            .map(|i| FileFrame { time: u64::from(i) * 3600, keyframe: i % 5 == 0, data: vec![i; 10].into() })
            .collect();
        Arc::new(MediaFile { codec: Codec::Vp8, frames, duration: u64::from(count) * 3600, height: None })
    }

    /// Frame number, time stamp and send time in ms of everything that is played until `end_ms`.
    fn play(player: &mut Player, start: Instant, from_ms: u64, end_ms: u64) -> Vec<(u8, u64, u64)> {
        let mut played = Vec::new();
        for ms in from_ms..end_ms {
            while let Some(frame) = player.poll_frame(start + Duration::from_millis(ms)) {
                played.push((frame.data[0], frame.time, ms));
            }
        }
        played
    }

    #[test]
    fn frames_are_paced_and_the_file_repeats() {
        let start = Instant::now();
        let mut player = Player::new(video(10), true, start, start);
        let played = play(&mut player, start, 0, 12 * FRAME_MS);
        let expected: Vec<_> = (0..12).map(|i| ((i % 10) as u8, i * 3600, i * FRAME_MS)).collect();
        assert_eq!(played, expected);
    }

    #[test]
    fn a_file_that_is_not_repeated_ends() {
        let start = Instant::now();
        let mut player = Player::new(video(3), false, start, start);
        assert_eq!(play(&mut player, start, 0, 1000).len(), 3);
        assert_eq!(player.poll_timeout(), None);
    }

    #[test]
    fn a_request_jumps_to_the_next_keyframe_and_keeps_the_pace() {
        let start = Instant::now();
        let mut player = Player::new(video(10), true, start, start);
        play(&mut player, start, 0, 2 * FRAME_MS);
        player.request_keyframe(start + Duration::from_millis(80));
        let played = play(&mut player, start, 80, 4 * FRAME_MS);
        assert_eq!(played, [(5, 2 * 3600, 80), (6, 3 * 3600, 120)]);
        player.request_keyframe(start + Duration::from_millis(160));
        assert_eq!(play(&mut player, start, 160, 200), [(7, 4 * 3600, 160)], "too soon after the last jump");
        player.request_keyframe(start + Duration::from_millis(400));
        let played = play(&mut player, start, 200, 240);
        assert_eq!(played, [(0, 5 * 3600, 200)], "the front of the file, without a step back in time");
    }

    #[test]
    fn after_a_stall_it_goes_on_from_now_in_step_with_time() {
        let start = Instant::now();
        let mut player = Player::new(video(10), true, start, start);
        play(&mut player, start, 0, 40);
        assert_eq!(play(&mut player, start, 2000, 2040), [(1, 180_000, 2000)]);
    }

    #[test]
    fn a_player_that_starts_late_is_in_step_with_the_others() {
        let start = Instant::now();
        let mut player = Player::new(video(10), true, start, start + Duration::from_secs(3));
        assert_eq!(play(&mut player, start, 3000, 3040), [(0, 270_000, 3000)]);
    }

    #[test]
    fn silence_is_not_sent_and_speech_after_it_is_marked() {
        let data = [&[0xf8u8, 1, 2, 3][..], &[0xf8], &[0xf8], &[0xf8, 4, 5, 6], &[0xf8, 4, 5, 6]];
        let frames = (0u64..)
            .zip(data)
            .map(|(i, data)| FileFrame { time: i * 960, keyframe: true, data: data.into() })
            .collect();
        let file = Arc::new(MediaFile { codec: Codec::Opus, frames, duration: 5 * 960, height: None });
        let start = Instant::now();
        let mut player = Player::new(file, false, start, start);
        let mut played = Vec::new();
        for ms in (0..200).step_by(10) {
            while let Some(frame) = player.poll_frame(start + Duration::from_millis(ms)) {
                played.push((frame.time, frame.starts_talkspurt));
            }
        }
        assert_eq!(played, [(0, true), (3 * 960, true), (4 * 960, false)]);
    }
}
