//! Rewrites sequence numbers, timestamps and picture numbers, so that a slot looks like one stream from one encoder
//! while its source changes and parts of it are left out.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Instant;

use super::Source;
use super::selection::Selection;
use crate::rtp::dependency::DependencyRewrite;
use crate::rtp::{Codec, Packet, Rewrite};

/// Stretches that late packets may belong to, and that packets may be asked for again from: at 60 pictures in a second of
/// which each second one is left out, more than the time that packets are kept. When it is full the oldest go.
const PAST_STRETCHES_MAX: usize = 64;

/// Pictures of which something was left out that are known when the rest of them comes late: packets overtake one another by a
/// few at most.
const LATE_PICTURES_MAX: usize = 4;

/// The rewriting state of one slot.
#[derive(Debug)]
pub struct Munger {
    last: Last,
    stretch: Option<Stretch>,
    /// Ended stretches, the newest at the back.
    past: VecDeque<Stretch>,
    /// Where the running source began.
    source_began: u64,
    /// The newest packet of the running source that was sent or left out.
    highest: u64,
    left_out: LeftOut,
}

/// A packet's numbers as the slot's receiver sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Munged {
    /// Sequence number with its rollovers counted.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// Changes to the payload descriptor.
    pub rewrite: Rewrite,
}

/// The newest numbers that were sent.
#[derive(Debug)]
struct Last {
    sequence: u64,
    timestamp: u32,
    arrival: Option<Instant>,
    picture_id: u16,
    tl0_pic_idx: u8,
    frame_number: u16,
}

/// A stretch of packets from one encoder of which nothing is left out. The offsets are added, wrapping.
#[derive(Clone, Debug)]
struct Stretch {
    source: Source,
    selection: Selection,
    /// First number at the source.
    from: u64,
    /// The number behind the last one; `u64::MAX` while it runs.
    end: u64,
    sequence: u64,
    timestamp: u32,
    picture_id: u16,
    tl0_pic_idx: u8,
    frame_number: u16,
    /// The timestamp with which the source began.
    began: u32,
    /// The packet that came late and ends its picture, since the rest of that was left out.
    ends_picture: Option<u64>,
}

/// What was left out since the running stretch was interrupted.
#[derive(Debug, Default)]
struct LeftOut {
    is_interrupted: bool,
    /// Pictures since then whose numbers are closed up.
    pictures: u16,
    /// The newest of them.
    picture_id: Option<u16>,
    /// The timestamps of the pictures of which something was left out last, the newest first, and what was sent of them.
    of_pictures: [Option<(u32, Selection)>; LATE_PICTURES_MAX],
}

const PICTURE_ID_MASK: u16 = 0x7fff;

impl Munger {
    /// `sequence` and `timestamp` come before the first ones that are sent. They should be random (RFC 3550, section
    /// 5.1); the receiver starts with rollover counter zero, so that `sequence` has 16 bits.
    pub fn new(sequence: u16, timestamp: u32) -> Self {
        let last = Last {
            sequence: u64::from(sequence),
            timestamp,
            arrival: None,
            picture_id: 0,
            tl0_pic_idx: 0,
            frame_number: 0,
        };
        let left_out = LeftOut::default();
        Self { last, stretch: None, past: VecDeque::new(), source_began: 0, highest: 0, left_out }
    }

    /// Begins with another encoder at `packet`: the next number follows the newest one sent, the timestamp moves on by the
    /// time that passed since.
    pub fn start(&mut self, packet: &Packet, selection: Selection) {
        let last = &self.last;
        let elapsed = last.arrival.map_or(0.0, |at| packet.arrival.saturating_duration_since(at).as_secs_f64());
        // A float converts to an integer saturating, and the timestamp wraps by design.
        let ticks = (elapsed * f64::from(packet.format.codec.clock_rate_hz())) as u32;
        let timestamp = last.timestamp.wrapping_add(ticks.max(1));
        let picture_id = packet.descriptor.picture_id.map_or(0, |(id, _)| id);
        let tl0_pic_idx = packet.descriptor.tl0_pic_idx.unwrap_or(0);
        let frame_number = packet.dependency.as_ref().map_or(0, |dependency| dependency.frame_number);
        let stretch = Stretch {
            source: Source::of(packet),
            selection,
            from: packet.sequence,
            end: u64::MAX,
            sequence: last.sequence.wrapping_add(1).wrapping_sub(packet.sequence),
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            picture_id: last.picture_id.wrapping_add(1).wrapping_sub(picture_id),
            tl0_pic_idx: last.tl0_pic_idx.wrapping_add(1).wrapping_sub(tl0_pic_idx),
            frame_number: last.frame_number.wrapping_add(1).wrapping_sub(frame_number),
            began: packet.timestamp,
            ends_picture: None,
        };
        let ended = self.highest.saturating_add(1);
        self.replace(stretch, ended);
        self.source_began = packet.sequence;
        self.highest = packet.sequence.saturating_sub(1);
        self.left_out = LeftOut::default();
    }

    /// Whether a packet with a higher number of the same source was seen before `packet`.
    pub fn is_late(&self, packet: &Packet) -> bool {
        packet.sequence <= self.highest
    }

    /// The numbers for the next packet of the running source, as part of `selection`. Numbers between it and what came
    /// before are kept free: those packets were lost, or come late.
    pub fn pass(&mut self, packet: &Packet, selection: Selection) -> Option<Munged> {
        if self.left_out.is_interrupted {
            self.resume(self.highest.saturating_add(1));
        }
        if self.stretch.as_ref()?.selection != selection {
            let changed =
                self.stretch.clone().map(|running| Stretch { selection, from: packet.sequence, ..running })?;
            self.replace(changed, packet.sequence);
        }
        self.highest = packet.sequence;
        let munged = self.stretch.as_ref()?.numbers(packet);
        self.last = Last {
            sequence: munged.sequence,
            timestamp: munged.timestamp,
            arrival: Some(packet.arrival),
            picture_id: munged.rewrite.picture_id.unwrap_or(self.last.picture_id),
            tl0_pic_idx: munged.rewrite.tl0_pic_idx.unwrap_or(self.last.tl0_pic_idx),
            frame_number: munged.rewrite.dependency.map_or(self.last.frame_number, |new| new.frame_number),
        };
        Some(munged)
    }

    /// Leaves out the next packet of the running source, which is no part of `selection`: the numbers of what follows close up.
    pub fn leave_out(&mut self, packet: &Packet, selection: Selection) {
        let lost_from = self.highest.saturating_add(1);
        if self.left_out.is_interrupted && lost_from < packet.sequence {
            self.resume(lost_from);
        }
        self.left_out.note(packet.timestamp, selection);
        if !self.left_out.is_interrupted {
            if let Some(stretch) = &mut self.stretch {
                stretch.end = packet.sequence;
            }
            self.left_out.is_interrupted = true;
        }
        self.highest = packet.sequence;
        // A VP8 picture is of one temporal layer, and receivers take a gap in its numbers for a loss. The numbers of VP9
        // say where in its pattern a picture is, and count what it refers to: they stay (RFC 9628, section 4.2).
        let id = packet.descriptor.picture_id.map(|(id, _)| id);
        if packet.format.codec == Codec::Vp8 && id.is_some() && id != self.left_out.picture_id {
            self.left_out.picture_id = id;
            self.left_out.pictures = self.left_out.pictures.wrapping_add(1);
        }
    }

    /// The numbers for a packet that comes late; `None` when it was left out, or is older than what is known.
    pub fn pass_late(&mut self, packet: &Packet) -> Option<Munged> {
        if packet.sequence < self.source_began {
            return None;
        }
        let mut newest_first = self.stretch.iter_mut().chain(self.past.iter_mut().rev());
        let stretch = newest_first.find(|stretch| stretch.from <= packet.sequence)?;
        if !stretch.holds(packet) {
            return None;
        }
        // The rest of its picture came first, and was left out: then it is left out too, or may be the end of what is sent.
        if let Some(selection) = self.left_out.of_picture(packet.timestamp) {
            if !selection.includes(packet) {
                // Where nothing has a number behind it, its own is not used up.
                if stretch.end < u64::MAX {
                    stretch.end = stretch.end.min(packet.sequence);
                }
                return None;
            }
            if selection.ends_picture(packet) {
                stretch.ends_picture = Some(packet.sequence);
            }
        }
        Some(stretch.numbers(packet))
    }

    /// Where the packet that left as `sequence` came from: its source, and its number there.
    pub fn origin(&self, sequence: u64) -> Option<(Source, u64)> {
        let stretch = self.stretch_of(sequence)?;
        Some((stretch.source, sequence.wrapping_sub(stretch.sequence)))
    }

    /// The numbers that `packet` left with as `sequence`.
    pub fn numbers_again(&self, sequence: u64, packet: &Packet) -> Option<Munged> {
        let stretch = self.stretch_of(sequence)?;
        // A number that was kept free for a packet that was to be left out stays a gap.
        let is_left_out = self.left_out.of_picture(packet.timestamp).is_some_and(|sent| !sent.includes(packet));
        let munged = (stretch.holds(packet) && !is_left_out).then(|| stretch.numbers(packet))?;
        (munged.sequence == sequence).then_some(munged)
    }

    /// Gives out these numbers again, where they are the newest; nothing left under them. A source must start next.
    pub fn take_back(&mut self, numbers: RangeInclusive<u64>) {
        if *numbers.end() == self.last.sequence {
            self.last.sequence = numbers.start().saturating_sub(1);
        }
    }

    fn stretch_of(&self, sequence: u64) -> Option<&Stretch> {
        let newest_first = self.stretch.iter().chain(self.past.iter().rev());
        newest_first.into_iter().find(|stretch| stretch.first_sequence() <= sequence)
    }

    /// Goes on at the source's number `from`, with the next free number here.
    fn resume(&mut self, from: u64) {
        let Some(ended) = &self.stretch else { return };
        let next = ended.end.wrapping_add(ended.sequence);
        let pictures = std::mem::take(&mut self.left_out.pictures);
        // What was lost meanwhile and comes late builds on what was left out, unless it is of what was sent then (seed 680).
        let newest = self.left_out.of_pictures.iter().flatten().next();
        let selection = newest.map_or(ended.selection, |(_, selection)| *selection);
        let stretch = Stretch {
            selection,
            from,
            end: u64::MAX,
            sequence: next.wrapping_sub(from),
            picture_id: ended.picture_id.wrapping_sub(pictures),
            ..*ended
        };
        let end = ended.end;
        self.left_out.is_interrupted = false;
        self.replace(stretch, end);
    }

    /// Runs `stretch` from now on; the one before it ended at `end` at the latest.
    fn replace(&mut self, stretch: Stretch, end: u64) {
        let Some(mut ended) = self.stretch.replace(stretch) else { return };
        ended.end = ended.end.min(end);
        if ended.from >= ended.end {
            return;
        }
        if self.past.len() == PAST_STRETCHES_MAX {
            self.past.pop_front();
        }
        self.past.push_back(ended);
    }
}

impl LeftOut {
    /// Something of a picture is left out.
    fn note(&mut self, timestamp: u32, selection: Selection) {
        if !matches!(self.of_pictures.first(), Some(Some((newest, _))) if *newest == timestamp) {
            self.of_pictures.rotate_right(1);
        }
        if let Some(newest) = self.of_pictures.first_mut() {
            *newest = Some((timestamp, selection));
        }
    }

    /// What is sent of a picture of which something was left out.
    fn of_picture(&self, timestamp: u32) -> Option<Selection> {
        let known = self.of_pictures.iter().flatten().find(|(known, _)| *known == timestamp);
        known.map(|(_, selection)| *selection)
    }
}

impl Stretch {
    fn first_sequence(&self) -> u64 {
        self.from.wrapping_add(self.sequence)
    }

    fn holds(&self, packet: &Packet) -> bool {
        (self.from..self.end).contains(&packet.sequence) && self.selection.includes(packet)
    }

    fn numbers(&self, packet: &Packet) -> Munged {
        let picture_id = packet.descriptor.picture_id.map(|(id, wide)| {
            let mask = if wide { PICTURE_ID_MASK } else { 0x7f };
            id.wrapping_add(self.picture_id) & mask
        });
        let tl0_pic_idx = packet.descriptor.tl0_pic_idx.map(|id| id.wrapping_add(self.tl0_pic_idx));
        let dependency = packet.dependency.as_ref().map(|dependency| DependencyRewrite {
            frame_number: dependency.frame_number.wrapping_add(self.frame_number),
            active_targets: self.selection.active_targets(dependency),
        });
        // A block of before was never sent under this slot's clock: it would be played in the middle of another voice.
        let strips_redundancy = packet.descriptor.redundancy.is_some_and(|redundancy| {
            let age = packet.timestamp.wrapping_sub(self.began);
            redundancy.oldest_ticks.is_none_or(|oldest| u32::from(oldest) > age)
        });
        Munged {
            sequence: packet.sequence.wrapping_add(self.sequence),
            timestamp: packet.timestamp.wrapping_add(self.timestamp),
            marker: self.selection.ends_picture(packet) || self.ends_picture == Some(packet.sequence),
            rewrite: Rewrite { picture_id, tl0_pic_idx, dependency, strips_redundancy },
        }
    }
}

#[cfg(test)]
mod tests;
