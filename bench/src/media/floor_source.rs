//! A plan's packets in virtual time: what arrives at a server, when, and how long it is.

use std::time::Duration;

use super::MediaError;
use super::counters::Counters;
use super::sender::{Out, PACE_NS, Sender, SendingParameters};
use super::session::{ExtensionIds, Sending, SendingEncoding};
use super::source;
use super::srtp::Keys;
use super::timers::{Task, Timers};
use crate::plan::Plan;

/// A packet at the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// When, from the beginning.
    pub at_ns: u64,
    /// Whose it is.
    pub seat: u32,
    /// In which room.
    pub room: u32,
    /// How long it is, sealed.
    pub bytes: u32,
}

/// All packets that a server would forward in a time. Of simulcast, the largest encoding's.
///
/// # Errors
/// [`MediaError::Crypto`].
pub fn arrivals(plan: &Plan, parameters: SendingParameters, duration: Duration) -> Result<Vec<Arrival>, MediaError> {
    let keys = Keys::new(&[0; 32], &[0; 12])?;
    let mut counters = Counters::default();
    let publishers: Vec<_> = plan.seats.iter().filter(|seat| seat.publishes()).collect();
    let mut senders: Vec<Sender> = Vec::new();
    let mut timers = Timers::default();
    for (n, seat) in publishers.iter().enumerate() {
        let n = n as u32;
        let sections = [(false, seat.microphone), (true, seat.camera)];
        let sending: Vec<Sending> =
            sections.into_iter().filter(|(_, is_sent)| *is_sent).map(|(v, _)| sending(v)).collect();
        let sender = Sender::new(&sending, parameters, seat.index, 0);
        if sender.has_camera() {
            timers.set(u64::from(n).wrapping_mul(9_876_543) % sender.picture_ns(), n, Task::Picture);
        }
        timers.set(u64::from(n).wrapping_mul(3_141_593) % source::SOUND_NS, n, Task::Sound);
        senders.push(sender);
    }
    let mut all = Vec::new();
    while let Some((at_ns, n, task)) = timers.pop(duration.as_nanos() as u64) {
        let (Some(sender), Some(seat)) = (senders.get_mut(n as usize), publishers.get(n as usize)) else { continue };
        let mut lengths = Lengths { slot: vec![0; 2_048], lengths: Vec::new() };
        match task {
            Task::Picture => {
                if sender.picture(at_ns, &keys, &mut lengths, &mut counters) {
                    timers.set((at_ns / PACE_NS + 1) * PACE_NS, n, Task::Pace);
                }
                timers.set(at_ns + sender.picture_ns(), n, Task::Picture);
            }
            Task::Pace => {
                if sender.pace(at_ns, &keys, &mut lengths, &mut counters) {
                    timers.set(at_ns + PACE_NS, n, Task::Pace);
                }
            }
            _ => {
                sender.sound(at_ns, &keys, &mut lengths, &mut counters);
                timers.set(at_ns + source::SOUND_NS, n, Task::Sound);
            }
        }
        let (seat, room) = (seat.index, seat.room);
        all.extend(lengths.lengths.into_iter().map(|bytes| Arrival { at_ns, seat, room, bytes }));
    }
    Ok(all)
}

struct Lengths {
    slot: Vec<u8>,
    lengths: Vec<u32>,
}

impl Out for Lengths {
    fn slot(&mut self) -> &mut [u8] {
        &mut self.slot
    }

    fn send(&mut self, length: usize) {
        self.lengths.push(length as u32);
    }
}

fn sending(is_video: bool) -> Sending {
    Sending {
        is_video,
        mid: "0".into(),
        payload_type: if is_video { 96 } else { 111 },
        rtx_payload_type: None,
        encodings: vec![SendingEncoding { rid: None, ssrc: 1, rtx_ssrc: 2 }],
        extensions: ExtensionIds { mid: 0, rid: 0, transport_wide: 3, audio_level: if is_video { 0 } else { 1 } },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Command, Options};
    use clap::Parser;

    #[test]
    fn a_webinars_packets_have_its_rate() {
        let line = "boltorezka-bench load --scenario webinar --subscribers 3";
        let Command::Load(options) = Options::parse_from(line.split(' ')).command else { panic!("it is load") };
        let plan = Plan::new(&options.load).unwrap();
        let parameters = SendingParameters { bitrate_bps: 1_000_000, fps: 30, burst: false };
        let all = arrivals(&plan, parameters, Duration::from_secs(10)).unwrap();
        assert!(all.is_sorted_by_key(|arrival| arrival.at_ns));
        let pictures: Vec<_> = all.iter().filter(|arrival| arrival.bytes > 300).collect();
        let bytes: u32 = pictures.iter().map(|arrival| arrival.bytes).sum();
        assert!((1_000_000.0..1_100_000.0).contains(&(f64::from(bytes) * 0.8)), "{bytes}");
        assert!((330..440).contains(&(all.len() - pictures.len())), "sounds with silences between");
    }
}
