//! Finds the loudest voices of a room.

use std::time::{Duration, Instant};

use boltorezka_proto::TrackNumber;

/// Level below which a voice counts as silent: room noise of a usual microphone.
const SILENCE_DBOV: f32 = -60.0;
/// Level that a sender without the audio-level extension is taken to have.
const UNKNOWN_DBOV: i8 = -40;
/// How fast a voice that pauses loses its place: a second of silence costs as much as 20 dB.
const DECAY_DB_PER_S: f32 = 20.0;
/// Who takes another's place must be this much louder, so that two equal voices do not alternate.
const MARGIN_DB: f32 = 6.0;
/// A place just taken is kept this long.
const HOLD: Duration = Duration::from_millis(400);
/// A sender that says nothing for this long has no level any more. Opus with DTX sends each 400 ms.
const FORGET: Duration = Duration::from_secs(3);

/// The voices of a room, and which of them are heard.
///
/// `chosen` are the loudest `count`. They do not hear themselves, so each of them hears one more: the `reserve`.
#[derive(Debug)]
pub struct Speakers {
    count: usize,
    voices: Vec<Voice>,
    chosen: Vec<Choice>,
    reserve: Option<Choice>,
}

#[derive(Debug)]
struct Voice {
    track: TrackNumber,
    level_dbov: f32,
    updated: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Choice {
    track: TrackNumber,
    since: Instant,
}

impl Voice {
    fn level_at(&self, now: Instant) -> f32 {
        self.level_dbov - DECAY_DB_PER_S * now.saturating_duration_since(self.updated).as_secs_f32()
    }
}

impl Speakers {
    /// Nobody speaks yet; at most `count` will be heard.
    pub fn new(count: usize) -> Self {
        Self { count, voices: Vec::new(), chosen: Vec::new(), reserve: None }
    }

    /// Takes the level of a packet of `track` and says whether others are heard now.
    pub fn update(&mut self, now: Instant, track: TrackNumber, level_dbov: Option<i8>) -> bool {
        let level = f32::from(level_dbov.unwrap_or(UNKNOWN_DBOV));
        let voice = match self.voices.iter_mut().find(|voice| voice.track == track) {
            Some(voice) => voice,
            None => {
                self.voices.push(Voice { track, level_dbov: level, updated: now });
                return self.choose(now, track, level);
            }
        };
        // A voice rises at once and falls slowly, so that the pauses between words do not count.
        let smoothed = voice.level_at(now).max(level);
        voice.level_dbov = smoothed;
        voice.updated = now;
        self.choose(now, track, smoothed)
    }

    /// Forgets a track.
    pub fn remove(&mut self, track: TrackNumber) {
        self.voices.retain(|voice| voice.track != track);
        self.chosen.retain(|choice| choice.track != track);
        self.reserve = self.reserve.filter(|choice| choice.track != track);
        if self.chosen.len() < self.count {
            self.chosen.extend(self.reserve.take());
        }
    }

    /// The loudest `count`, in the order of their places.
    pub fn chosen(&self) -> impl Iterator<Item = TrackNumber> {
        self.chosen.iter().map(|choice| choice.track)
    }

    /// Whether `track` is forwarded to anybody.
    pub fn is_heard(&self, track: TrackNumber) -> bool {
        self.chosen.iter().chain(&self.reserve).any(|choice| choice.track == track)
    }

    /// What someone who publishes `own` hears.
    pub fn heard_by(&self, own: Option<TrackNumber>) -> Vec<TrackNumber> {
        let is_chosen = own.is_some_and(|own| self.chosen().any(|track| track == own));
        let reserve = self.reserve.iter().filter(|_| is_chosen).map(|choice| choice.track);
        self.chosen().chain(reserve).filter(|track| Some(*track) != own).collect()
    }

    /// The tracks that are not silent now, loudest first.
    pub fn speaking(&self, now: Instant) -> Vec<TrackNumber> {
        let mut speaking: Vec<_> = self
            .voices
            .iter()
            .filter(|voice| now.saturating_duration_since(voice.updated) < FORGET)
            .map(|voice| (voice.level_at(now), voice.track))
            .filter(|(level, _)| *level > SILENCE_DBOV)
            .collect();
        speaking.sort_by(|a, b| b.0.total_cmp(&a.0));
        speaking.truncate(self.count);
        speaking.into_iter().map(|(_, track)| track).collect()
    }

    fn level_of(&self, now: Instant, track: TrackNumber) -> f32 {
        let voice = self.voices.iter().find(|voice| voice.track == track);
        voice.map_or(f32::NEG_INFINITY, |voice| voice.level_at(now))
    }

    /// Gives `track` a place where it deserves one.
    fn choose(&mut self, now: Instant, track: TrackNumber, level: f32) -> bool {
        if self.chosen.iter().any(|choice| choice.track == track) {
            return false;
        }
        let newcomer = Choice { track, since: now };
        if self.chosen.len() < self.count {
            self.reserve = self.reserve.filter(|choice| choice.track != track);
            self.chosen.push(newcomer);
            return true;
        }
        let weakest = (0..self.chosen.len())
            .filter_map(|place| self.chosen.get(place).map(|choice| (place, *choice)))
            .map(|(place, choice)| (place, choice, self.level_of(now, choice.track)))
            .min_by(|a, b| a.2.total_cmp(&b.2));
        if let Some((place, holder, holder_level)) = weakest
            && Self::yields(now, holder, holder_level, level)
        {
            if let Some(slot) = self.chosen.get_mut(place) {
                *slot = newcomer;
            }
            self.reserve = Some(Choice { since: now, ..holder });
            return true;
        }
        match self.reserve {
            Some(reserve) if reserve.track == track => false,
            Some(reserve) if !Self::yields(now, reserve, self.level_of(now, reserve.track), level) => false,
            _ => {
                self.reserve = Some(newcomer);
                true
            }
        }
    }

    fn yields(now: Instant, holder: Choice, holder_level: f32, level: f32) -> bool {
        now.saturating_duration_since(holder.since) >= HOLD && level > holder_level + MARGIN_DB
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(n: u32) -> TrackNumber {
        TrackNumber(n)
    }

    fn say(speakers: &mut Speakers, now: Instant, n: u32, level: i8) -> bool {
        speakers.update(now, track(n), Some(level))
    }

    #[test]
    fn the_loudest_are_heard_and_hear_one_more() {
        let mut speakers = Speakers::new(2);
        let mut now = Instant::now();
        for n in 1..=4 {
            say(&mut speakers, now, n, -80);
        }
        now += HOLD;
        say(&mut speakers, now, 4, -20);
        say(&mut speakers, now, 3, -25);
        let chosen: Vec<_> = speakers.chosen().collect();
        assert!(chosen.contains(&track(4)) && chosen.contains(&track(3)));
        assert_eq!(speakers.heard_by(Some(track(1))).len(), 2);
        let heard = speakers.heard_by(Some(track(4)));
        assert!(heard.contains(&track(3)) && !heard.contains(&track(4)));
        assert_eq!(heard.len(), 2, "the reserve fills in for the own voice");
        assert_eq!(speakers.speaking(now), [track(4), track(3)]);
    }

    #[test]
    fn equal_voices_do_not_alternate() {
        let mut speakers = Speakers::new(1);
        let start = Instant::now();
        assert!(say(&mut speakers, start, 1, -30));
        let mut changes = 0;
        for step in 1..500_u64 {
            let now = start + Duration::from_millis(20 * step);
            changes += u32::from(say(&mut speakers, now, 2, -28));
            changes += u32::from(say(&mut speakers, now, 1, -30));
        }
        assert_eq!(changes, 1, "2 became the reserve, once");
        assert_eq!(speakers.chosen().collect::<Vec<_>>(), [track(1)]);
    }

    #[test]
    fn who_falls_silent_loses_the_place_to_the_next() {
        let mut speakers = Speakers::new(1);
        let start = Instant::now();
        say(&mut speakers, start, 1, -20);
        say(&mut speakers, start, 2, -30);
        assert!(!say(&mut speakers, start + Duration::from_millis(300), 2, -30));
        assert!(say(&mut speakers, start + Duration::from_secs(1), 2, -30), "20 dB lost in a second");
        assert_eq!(speakers.chosen().collect::<Vec<_>>(), [track(2)]);
    }

    #[test]
    fn who_leaves_makes_room_for_the_reserve() {
        let mut speakers = Speakers::new(1);
        let now = Instant::now();
        say(&mut speakers, now, 1, -20);
        say(&mut speakers, now, 2, -30);
        speakers.remove(track(1));
        assert_eq!(speakers.chosen().collect::<Vec<_>>(), [track(2)]);
        assert!(!speakers.is_heard(track(1)));
    }
}
