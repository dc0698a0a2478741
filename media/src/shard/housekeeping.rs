//! What time brings: measurements, repeats, expiry.

use std::time::{Duration, Instant};

use boltorezka_proto::{ParticipantId, RoomId};

use super::ShardCore;
use super::messages::ShardEvent;
use boltorezka_proto::call::ServerCallMessage;

/// Keyframe requests are repeated, and messages sent at this pace. Fast enough that nobody notices the wait.
const FAST: Duration = Duration::from_millis(50);
/// Active speakers are looked at with this pace: a syllable or two.
const SPEAKERS: Duration = Duration::from_millis(200);
/// Rates are measured over this long: a few pictures, and often enough for a switch of layers.
const RATES: Duration = Duration::from_millis(500);
/// Expiry and counters.
const SLOW: Duration = Duration::from_secs(1);

/// When each kind of work is due.
#[derive(Debug)]
pub struct Intervals {
    fast: Interval,
    speakers: Interval,
    rates: Interval,
    slow: Interval,
}

#[derive(Debug)]
struct Interval {
    period: Duration,
    last: Instant,
}

impl Interval {
    /// The time since the last time, when the period is over.
    fn poll(&mut self, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.last);
        (elapsed >= self.period).then(|| {
            self.last = now;
            elapsed
        })
    }
}

impl Intervals {
    /// Everything is due one period after `now`.
    pub fn new(now: Instant) -> Self {
        let interval = |period| Interval { period, last: now };
        Self { fast: interval(FAST), speakers: interval(SPEAKERS), rates: interval(RATES), slow: interval(SLOW) }
    }

    /// When the last work was done: a time that has passed.
    pub fn last(&self) -> Instant {
        self.fast.last
    }

    /// When the next work is due.
    pub fn next(&self) -> Instant {
        self.fast.last + self.fast.period
    }
}

impl ShardCore {
    /// Does the work that is due.
    pub(super) fn keep_house(&mut self, now: Instant) {
        if self.clock.fast.poll(now).is_some() {
            self.report_statuses();
            self.repeat_keyframe_requests(now);
            self.find_speakable(now);
        }
        if self.clock.speakers.poll(now).is_some() {
            self.look_for_speakers(now);
        }
        if let Some(interval) = self.clock.rates.poll(now) {
            self.measure_rates(now, interval);
        }
        if self.clock.slow.poll(now).is_some() {
            self.expire_connections(now);
            self.unpublish_silent(now);
            self.give_resume_tokens(now);
            self.counters.uptime_us = now.saturating_duration_since(self.started).as_micros() as u64;
            self.counters.connections = self.connections.len() as u64;
            self.events.push_back(ShardEvent::Counters(self.counters.clone()));
        }
    }

    fn measure_rates(&mut self, now: Instant, interval: Duration) {
        self.look_after_taps();
        let local = self.tracks.iter_mut().filter(|(_, track)| track.is_local());
        let measured: Vec<_> = local.map(|(number, track)| (*number, track.measure(now, interval))).collect();
        for (number, fell_silent) in measured {
            if fell_silent {
                self.encodings_changed(now, number);
            } else {
                self.announce(number);
            }
        }
        let watching = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.slots.iter().any(|slot| slot.is_video && slot.track.is_some()));
        for key in watching.map(|(key, _)| key).collect::<Vec<_>>() {
            self.allocate_layers(now, key);
        }
        self.tell_publishers(now);
    }

    fn look_for_speakers(&mut self, now: Instant) {
        let found: Vec<(RoomId, Vec<ParticipantId>)> = self
            .rooms
            .iter()
            .map(|(id, room)| {
                let tracks = room.speakers.speaking(now).into_iter().filter_map(|number| self.tracks.get(&number));
                (*id, tracks.map(|track| track.participant_id).collect())
            })
            .collect();
        for (id, speaking) in found {
            let Some(room) = self.rooms.get_mut(&id) else { continue };
            if room.speaking == speaking {
                continue;
            }
            let is_first = room.interested.trailing_zeros() > u32::from(self.config.shard);
            let order_changed = room.note_speaking(&speaking);
            room.speaking.clone_from(&speaking);
            for key in room.members.clone() {
                if let Some(connection) = self.connections.get_mut(key) {
                    connection.call.say(&ServerCallMessage::Speakers { participant_ids: speaking.clone() });
                }
                self.mark_dirty(key);
            }
            if order_changed {
                self.fill_video_slots(now, id);
            }
            // All shards of a room come to about the same result; the first of them tells control.
            if is_first {
                self.events.push_back(ShardEvent::Speaking { room: id, participant_ids: speaking });
            }
        }
    }
}
