//! What a slot's receiver makes of its packets: a model of libwebrtc's, which shows a frame when it is whole and what it
//! builds on was shown. Then it looks into the payload, as no real decoder could, and says whether that was right.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use boltorezka_media::rtp::dependency::{Dependency, DependencyState};
use str0m::format::Codec;

use super::described::{self, NOISE_BYTES, Promises};
use super::descriptor::Descriptor;
use super::references::References;
use super::truth::Truth;

/// Packets that wait for what is missing.
const WAITING_MAX: usize = 2_000;
/// So long what is missing is waited for, before a keyframe is asked for, and again.
const PATIENCE: Duration = Duration::from_millis(250);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// So long a frame that could be shown waits for one before it that is not whole.
const SKIP_AFTER: Duration = Duration::from_millis(150);
/// Frames that later ones may build on.
const KNOWN_MAX: usize = 64;

/// A packet as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Sequence number with its rollovers counted.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// The track that it names.
    pub track: u32,
    /// Its codec, by its payload type.
    pub codec: Codec,
    /// When it came.
    pub at: Instant,
    /// Later ones came before it.
    pub overtaken: bool,
    /// Its Dependency Descriptor.
    pub dependency: Option<Vec<u8>>,
    /// What it holds.
    pub payload: Vec<u8>,
}

impl Received {
    /// What it says of itself, by its Dependency Descriptor where it has one.
    fn describe(&self, state: &mut DependencyState) -> Option<(Descriptor, Option<Dependency>)> {
        match &self.dependency {
            Some(bytes) => described::read(state, bytes).map(|(descriptor, dependency)| (descriptor, Some(dependency))),
            None => Descriptor::read(self.codec, &self.payload).map(|(descriptor, _)| (descriptor, None)),
        }
    }

    /// What its encoder says of it.
    pub fn truth(&self) -> Option<Truth> {
        if self.codec.is_audio() {
            return Truth::read(&self.payload);
        }
        if self.dependency.is_none() {
            return Truth::read(Descriptor::read(self.codec, &self.payload)?.1);
        }
        let (noise, contents) = self.payload.split_at_checked(NOISE_BYTES)?;
        Truth::read(contents).filter(|truth| described::noise(truth) == noise)
    }
}

/// A frame or a sound that was shown or played.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// When.
    pub at: Instant,
    /// The track that its packets name.
    pub track: u32,
    /// What it is.
    pub truth: Truth,
    /// RTP timestamp.
    pub timestamp: u32,
}

/// A receiver of pictures in one slot.
#[derive(Debug, Default)]
pub struct PictureDecoder {
    packets: BTreeMap<u64, Received>,
    /// The sequence number after the frame that was shown last.
    next: Option<u64>,
    references: References,
    /// What is known of the descriptors up to there.
    dependencies: DependencyState,
    promises: Promises,
    last: Option<Shown>,
    /// The frame that was shown last ended its picture; or some of it came late: the rest may have been left out by then.
    ended: bool,
    newest: u64,
    /// What was shown that later frames may build on.
    known: VecDeque<((u16, u8, u8), u32)>,
    /// Since when it shows somebody.
    since: Option<Instant>,
    blocked_since: Option<Instant>,
    /// A spatial layer that cannot be shown before the next keyframe.
    broken: Option<u8>,
    asked_at: Option<Instant>,
    /// Keyframes that it asked for.
    pub asked: u64,
}

/// A frame all of whose packets are there.
#[derive(Debug)]
struct Whole {
    first: u64,
    last: u64,
    descriptor: Descriptor,
    dependency: Option<Dependency>,
    /// When its last packet came.
    at: Instant,
    /// Nothing is missing between the frame that was shown last and this one.
    follows: bool,
}

impl PictureDecoder {
    /// Takes a packet; appends what can be shown now.
    ///
    /// # Errors
    /// What a viewer would have seen broken.
    pub fn receive(&mut self, packet: Received, shown: &mut Vec<Shown>) -> Result<(), String> {
        if self.next.is_some_and(|next| packet.sequence < next) {
            return Ok(());
        }
        let now = packet.at;
        let packet = Received { overtaken: packet.sequence < self.newest, ..packet };
        self.newest = self.newest.max(packet.sequence);
        self.packets.insert(packet.sequence, packet);
        if self.packets.len() > WAITING_MAX {
            self.packets.pop_first();
        }
        self.show(now, shown)
    }

    /// What was shown last, and since when it is somebody's.
    pub fn showing(&self) -> Option<(Shown, Instant)> {
        self.last.zip(self.since)
    }

    /// Whether a keyframe should be asked for now; appends what need not wait any longer for what is missing.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub fn poll(&mut self, now: Instant, shown: &mut Vec<Shown>) -> Result<bool, String> {
        if !self.packets.is_empty() {
            self.show(now, shown)?;
        }
        if self.packets.is_empty() && self.broken.is_none() {
            self.blocked_since = None;
            return Ok(false);
        }
        let since = *self.blocked_since.get_or_insert(now);
        let is_due = self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= ASK_AGAIN);
        let asks = is_due && (self.broken.is_some() || now.saturating_duration_since(since) >= PATIENCE);
        if asks {
            self.asked_at = Some(now);
            self.asked += 1;
        }
        Ok(asks)
    }

    fn show(&mut self, now: Instant, shown: &mut Vec<Shown>) -> Result<(), String> {
        while let Some(frame) = self.next_frame(now) {
            let rest = self.packets.split_off(&(frame.last + 1));
            let before = std::mem::replace(&mut self.packets, rest);
            self.look_for_broken_layers(&before, &frame);
            let packets: Vec<_> = before.range(frame.first..).map(|(_, packet)| packet).collect();
            let assembled = assemble(&packets)?;
            self.check(&frame, &assembled)?;
            if let Some(dependency) = &frame.dependency {
                self.promises.check(dependency, &assembled.truth, self.next == Some(frame.first))?;
            }
            self.references.note(&frame.descriptor);
            self.next = Some(frame.last + 1);
            let is_late = packets.iter().any(|packet| packet.overtaken);
            self.ended = is_late || packets.last().is_some_and(|packet| packet.marker);
            let is_same = |last: &Shown| last.truth.publisher == assembled.truth.publisher;
            if !self.last.as_ref().is_some_and(is_same) {
                self.since = Some(assembled.at);
            }
            self.last = Some(assembled);
            self.blocked_since = None;
            shown.push(assembled);
        }
        Ok(())
    }

    /// Pictures are shown without their higher spatial layers: what of their base is passed over is missed by all later ones.
    fn look_for_broken_layers(&mut self, packets: &BTreeMap<u64, Received>, frame: &Whole) {
        let mut descriptors = Vec::new();
        for (sequence, packet) in packets {
            let described = packet.describe(&mut self.dependencies);
            descriptors.extend(described.filter(|_| *sequence < frame.first).map(|(descriptor, _)| descriptor));
        }
        let shown = &frame.descriptor;
        if shown.is_keyframe || self.broken.is_some_and(|broken| broken <= shown.spatial) {
            self.broken = None;
        }
        let missed = descriptors.iter().filter(|of| of.spatial > 0 && of.temporal == 0);
        self.broken = self.broken.into_iter().chain(missed.map(|of| of.spatial)).min().filter(|_| !shown.is_keyframe);
    }

    /// The first frame that is whole, builds on what was shown, and need not wait for one before it.
    fn next_frame(&self, now: Instant) -> Option<Whole> {
        let mut expected = self.next;
        let mut follows = true;
        let mut begun: Option<Whole> = None;
        let mut timestamp = 0;
        let mut dependencies = self.dependencies.clone();
        for (&sequence, packet) in &self.packets {
            follows &= expected == Some(sequence);
            if expected != Some(sequence) || packet.timestamp != timestamp {
                begun = None;
            }
            expected = Some(sequence + 1);
            timestamp = packet.timestamp;
            let Some((descriptor, dependency)) = packet.describe(&mut dependencies) else { continue };
            let ends = descriptor.ends || packet.marker;
            if descriptor.starts {
                let (first, last, at) = (sequence, sequence, packet.at);
                begun = Some(Whole { first, last, descriptor, dependency, at, follows });
            }
            let Some(frame) = &mut begun else { continue };
            frame.last = sequence;
            frame.at = frame.at.max(packet.at);
            if ends && let Some(frame) = begun.take() {
                let waited = now.saturating_duration_since(frame.at) >= SKIP_AFTER;
                let may_come_now = frame.follows || frame.descriptor.is_keyframe || waited;
                let is_next = self.next == Some(frame.first);
                if may_come_now && self.references.allow(&frame.descriptor, is_next) {
                    return Some(frame);
                }
            }
        }
        None
    }

    fn check(&mut self, frame: &Whole, shown: &Shown) -> Result<(), String> {
        let truth = shown.truth;
        if truth.needs().next().is_none() {
            self.known.clear();
        }
        if let Some(missing) = truth.needs().find(|frame| !self.known.contains(&(truth.encoder(), *frame))) {
            let last = self.last.map(|last| last.truth);
            return Err(format!("a picture without what it builds on ({missing}): {truth:?} after {last:?}"));
        }
        self.known.push_back((truth.encoder(), truth.frame));
        if self.known.len() > KNOWN_MAX {
            self.known.pop_front();
        }
        let Some(last) = self.last else { return Ok(()) };
        let ticks = shown.timestamp.wrapping_sub(last.timestamp).cast_signed();
        let is_same_encoder = last.truth.encoder() == truth.encoder();
        let is_higher = is_same_encoder && truth.spatial > last.truth.spatial;
        if ticks < 0 || ticks == 0 && !is_higher {
            return Err(format!("time went back by {} ticks: {truth:?} after {:?}", -ticks, last.truth));
        }
        // What is left of a picture when another encoder takes over, or the same one begins anew, is not shown.
        let is_continued = is_same_encoder && !frame.descriptor.is_keyframe;
        if ticks > 0 && is_continued && self.next == Some(frame.first) && !self.ended {
            return Err(format!("a picture without an end: {:?} before {truth:?}", last.truth));
        }
        Ok(())
    }
}

fn assemble(packets: &[&Received]) -> Result<Shown, String> {
    let (Some(first), Some(last)) = (packets.first(), packets.last()) else { return Err("an empty picture".into()) };
    let truths: Option<Vec<Truth>> = packets.iter().map(|packet| packet.truth()).collect();
    let Some(truths) = truths else { return Err("a payload that nobody made".into()) };
    let Some(&truth) = truths.first() else { return Err("an empty picture".into()) };
    for (place, other) in truths.iter().enumerate() {
        if (Truth { packet: 0, ..*other }) != truth || usize::from(other.packet) != place {
            return Err(format!("a picture of parts that do not belong together: {other:?} in {truth:?}"));
        }
    }
    if usize::from(truth.packets) != packets.len() {
        return Err(format!("a picture of {} packets was shown with {}", truth.packets, packets.len()));
    }
    if packets.iter().any(|packet| packet.track != first.track) {
        return Err(format!("a picture under two names: {truth:?}"));
    }
    Ok(Shown { at: last.at, track: first.track, truth, timestamp: first.timestamp })
}

#[cfg(test)]
mod tests {
    use super::super::coding::Coding;
    use super::super::descriptor::Writes;
    use super::*;

    const PLAIN: Coding = Coding::Vp8 { temporal: 1 };

    /// The only frame of a picture, in packets as the encoder makes them.
    fn picture(sequence: u64, frame: u32, builds_on: u32, packets: u8) -> Vec<Received> {
        coded(PLAIN, sequence, frame, builds_on, packets)
    }

    fn coded(coding: Coding, sequence: u64, frame: u32, builds_on: u32, packets: u8) -> Vec<Received> {
        let is_keyframe = builds_on == frame;
        let plan = coding.plan(if is_keyframe { 0 } else { frame })[0];
        let packet = |packet| {
            let (starts, ends) = (packet == 0, packet + 1 == packets);
            let (picture, base_pictures) = (frame, frame / if coding == PLAIN { 1 } else { 4 });
            let mut payload = Writes { plan, picture, base_pictures, starts, ends, is_keyframe }.write(coding);
            let truth = Truth { frame, builds_on: [builds_on; 2], packet, packets, ..Truth::first(1, 0, 0) };
            truth.write(&mut payload, 40);
            let (sequence, timestamp) = (sequence + u64::from(packet), 3_000 * frame);
            let (track, codec, at) = (1, coding.codec(), Instant::now());
            Received {
                sequence,
                timestamp,
                marker: ends,
                track,
                codec,
                at,
                overtaken: false,
                dependency: None,
                payload,
            }
        };
        (0..packets).map(packet).collect()
    }

    fn receive(decoder: &mut PictureDecoder, packets: Vec<Received>) -> Result<usize, String> {
        let mut shown = Vec::new();
        packets.into_iter().try_for_each(|packet| decoder.receive(packet, &mut shown))?;
        Ok(shown.len())
    }

    #[test]
    fn pictures_are_shown_when_whole_and_in_order() {
        let mut decoder = PictureDecoder::default();
        assert_eq!(receive(&mut decoder, picture(10, 4, 3, 1)), Ok(0), "not without a keyframe");
        assert_eq!(receive(&mut decoder, picture(11, 5, 5, 3)), Ok(1));
        assert_eq!(receive(&mut decoder, picture(16, 7, 6, 1)), Ok(0), "one is missing");
        let mut middle = picture(14, 6, 5, 2);
        middle.reverse();
        assert_eq!(receive(&mut decoder, middle), Ok(2));
        assert_eq!(receive(&mut decoder, picture(18, 9, 8, 1)), Ok(0));
        let now = Instant::now();
        let asks: Vec<_> = [Duration::ZERO, PATIENCE, PATIENCE]
            .map(|later| decoder.poll(now + later, &mut Vec::new()))
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(asks, [false, true, false]);
        assert_eq!(receive(&mut decoder, picture(20, 11, 11, 1)), Ok(1), "a keyframe begins anew");
    }

    #[test]
    fn what_nothing_builds_on_is_waited_for_a_moment_only() {
        let coding = Coding::Vp8 { temporal: 3 };
        let mut decoder = PictureDecoder::default();
        assert_eq!(receive(&mut decoder, coded(coding, 10, 8, 8, 1)), Ok(1));
        // 9 is lost; 10 builds on 8.
        assert_eq!(receive(&mut decoder, coded(coding, 12, 10, 8, 1)), Ok(0));
        let mut shown = Vec::new();
        assert_eq!(decoder.poll(Instant::now() + SKIP_AFTER, &mut shown), Ok(false));
        assert_eq!(shown.len(), 1);
        assert_eq!(receive(&mut decoder, coded(coding, 11, 9, 8, 1)), Ok(0), "too late");
        assert_eq!(receive(&mut decoder, coded(coding, 13, 11, 10, 1)), Ok(0), "who knows what it would build on");
        assert_eq!(receive(&mut decoder, coded(coding, 14, 12, 8, 1)), Ok(1), "at once: nothing more can come between");
    }

    #[test]
    fn what_a_node_hides_is_found() {
        let mut decoder = PictureDecoder::default();
        receive(&mut decoder, picture(11, 5, 5, 1)).unwrap();
        // Numbers that follow, over a picture that was left out.
        let mut next = picture(12, 7, 6, 1);
        (next[0].payload[3], next[0].payload[4]) = (6, 6);
        assert!(receive(&mut decoder, next).unwrap_err().contains("without what it builds on"));
        let mut decoder = PictureDecoder::default();
        let mut two = picture(11, 5, 5, 2);
        two.remove(0);
        two[0].payload = picture(11, 5, 5, 2)[0].payload.clone();
        two[0].sequence = 11;
        assert!(receive(&mut decoder, two).unwrap_err().contains("was shown with 1"));
        let mut decoder = PictureDecoder::default();
        let layered = Coding::Vp9 { spatial: 1, temporal: 1, only_key: false };
        let mut first = coded(layered, 11, 5, 5, 1);
        first[0].marker = false;
        receive(&mut decoder, first).unwrap();
        assert!(receive(&mut decoder, coded(layered, 12, 6, 5, 1)).unwrap_err().contains("without an end"));
    }
}
