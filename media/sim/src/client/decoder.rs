//! What a slot's receiver makes of its packets: a model of libwebrtc's, which shows a picture when it is whole and what it
//! builds on was shown. Then it looks into the payload, as no real decoder could, and says whether that was right.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::descriptor::{DESCRIPTOR_BYTES, Descriptor};
use super::truth::Truth;

/// Packets that wait for what is missing.
const WAITING_MAX: usize = 2_000;
/// So long what is missing is waited for, before a keyframe is asked for, and again.
const PATIENCE: Duration = Duration::from_millis(250);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// A sound that has not come when so many later ones have is lost.
const SOUND_PATIENCE: u64 = 15;

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
    /// When it came.
    pub at: Instant,
    /// What it holds.
    pub payload: Vec<u8>,
}

/// A picture or a sound that was shown or played.
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
    /// The sequence number after the picture that was shown last.
    next: Option<u64>,
    picture_id: u16,
    last: Option<Shown>,
    blocked_since: Option<Instant>,
    asked_at: Option<Instant>,
    /// Keyframes that it asked for.
    pub asked: u64,
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
        self.packets.insert(packet.sequence, packet);
        if self.packets.len() > WAITING_MAX {
            self.packets.pop_first();
        }
        while let Some(picture) = self.take_picture()? {
            self.check(&picture)?;
            self.last = Some(picture);
            self.blocked_since = None;
            shown.push(picture);
        }
        Ok(())
    }

    /// Whether a keyframe should be asked for now.
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.packets.is_empty() {
            self.blocked_since = None;
            return false;
        }
        let since = *self.blocked_since.get_or_insert(now);
        let is_due = self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= ASK_AGAIN);
        let asks = is_due && now.saturating_duration_since(since) >= PATIENCE;
        if asks {
            self.asked_at = Some(now);
            self.asked += 1;
        }
        asks
    }

    /// The next picture that is whole and builds on what was shown: the one that follows, or a later keyframe.
    fn take_picture(&mut self) -> Result<Option<Shown>, String> {
        let following = self.next.filter(|next| self.packets.contains_key(next));
        let follows = following.and_then(|first| self.whole(first, false));
        let keyframes = self
            .packets
            .iter()
            .filter(|(_, packet)| Descriptor::read(&packet.payload).is_some_and(|header| header.is_keyframe));
        let starts: Vec<u64> = keyframes.map(|(sequence, _)| *sequence).collect();
        let found = follows.or_else(|| starts.into_iter().find_map(|first| self.whole(first, true)));
        let Some((first, last)) = found else { return Ok(None) };
        let rest = self.packets.split_off(&(last + 1));
        let before = std::mem::replace(&mut self.packets, rest);
        let packets: Vec<_> = before.range(first..).map(|(_, packet)| packet).collect();
        self.next = Some(last + 1);
        assemble(&packets, &mut self.picture_id).map(Some)
    }

    /// The range of a picture that begins at `first`, when all of it is there and it may be shown.
    fn whole(&self, first: u64, as_keyframe: bool) -> Option<(u64, u64)> {
        let begin = self.packets.get(&first)?;
        let header = Descriptor::read(&begin.payload)?;
        let continues = header.starts && header.picture_id == self.picture_id.wrapping_add(1) & 0x7fff;
        if !(header.is_keyframe || continues && !as_keyframe) {
            return None;
        }
        let mut last = first;
        loop {
            let packet = self.packets.get(&last)?;
            if packet.timestamp != begin.timestamp {
                return None;
            }
            if packet.marker {
                return Some((first, last));
            }
            last += 1;
        }
    }

    fn check(&self, picture: &Shown) -> Result<(), String> {
        let truth = picture.truth;
        let is_keyframe = truth.builds_on == truth.frame;
        let Some(last) = self.last else {
            return if is_keyframe { Ok(()) } else { Err(format!("the first picture is no keyframe: {truth:?}")) };
        };
        let same_encoder = (last.truth.publisher, last.truth.section, last.truth.encoding)
            == (truth.publisher, truth.section, truth.encoding);
        let follows = same_encoder && last.truth.frame == truth.builds_on;
        if !(is_keyframe || follows) {
            return Err(format!("a picture without what it builds on: {truth:?} after {:?}", last.truth));
        }
        let ticks = picture.timestamp.wrapping_sub(last.timestamp).cast_signed();
        if ticks <= 0 {
            return Err(format!("time went back by {} ticks: {truth:?} after {:?}", -ticks, last.truth));
        }
        Ok(())
    }
}

fn assemble(packets: &[&Received], picture_id: &mut u16) -> Result<Shown, String> {
    let (Some(first), Some(last)) = (packets.first(), packets.last()) else { return Err("an empty picture".into()) };
    let truths = packets.iter().map(|packet| {
        Descriptor::read(&packet.payload)?;
        Truth::read(packet.payload.get(DESCRIPTOR_BYTES..)?)
    });
    let truths: Option<Vec<Truth>> = truths.collect();
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
    *picture_id = Descriptor::read(&first.payload).map_or(*picture_id, |header| header.picture_id);
    Ok(Shown { at: last.at, track: first.track, truth, timestamp: first.timestamp })
}

/// A receiver of sounds in one slot.
#[derive(Debug, Default)]
pub struct SoundDecoder {
    /// Numbers that were passed over and may still come.
    missing: BTreeSet<u64>,
    newest: Option<(u64, Shown)>,
    /// Sounds that came.
    pub received: u64,
    /// Sounds that were passed over for good.
    lost: u64,
}

impl SoundDecoder {
    /// Takes a packet.
    ///
    /// # Errors
    /// What a listener would have heard wrong.
    pub fn receive(&mut self, packet: &Received) -> Result<Option<Shown>, String> {
        let Some(truth) = Truth::read(&packet.payload) else { return Err("a sound that nobody made".into()) };
        let shown = Shown { at: packet.at, track: packet.track, truth, timestamp: packet.timestamp };
        let Some((newest, last)) = self.newest else {
            self.newest = Some((packet.sequence, shown));
            self.received += 1;
            return Ok(Some(shown));
        };
        if packet.sequence <= newest {
            let is_late = self.missing.remove(&packet.sequence);
            self.received += u64::from(is_late);
            return Ok(is_late.then_some(shown));
        }
        if packet.timestamp.wrapping_sub(last.timestamp).cast_signed() <= 0 {
            return Err(format!("sound went back in time: {truth:?} after {:?}", last.truth));
        }
        self.missing.extend(newest + 1..packet.sequence);
        while self.missing.first().is_some_and(|missing| missing + SOUND_PATIENCE <= packet.sequence) {
            self.missing.pop_first();
            self.lost += 1;
        }
        self.received += 1;
        self.newest = Some((packet.sequence, shown));
        Ok(Some(shown))
    }

    /// Sounds that did not come, or have not come yet.
    pub fn lost(&self) -> u64 {
        self.lost + self.missing.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture in packets as the encoder makes them.
    fn picture(sequence: u64, frame: u32, builds_on: u32, packets: u8) -> Vec<Received> {
        (0..packets)
            .map(|packet| {
                let (starts, is_keyframe) = (packet == 0, builds_on == frame);
                let mut payload = Descriptor { starts, picture_id: frame as u16, is_keyframe }.write();
                let (publisher, section, encoding) = (1, 0, 0);
                Truth { publisher, section, encoding, frame, builds_on, packet, packets, made_ms: 0 }
                    .write(&mut payload, 40);
                let marker = packet + 1 == packets;
                let (sequence, timestamp) = (sequence + u64::from(packet), 3_000 * frame);
                Received { sequence, timestamp, marker, track: 1, at: Instant::now(), payload }
            })
            .collect()
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
        assert!(!decoder.poll(now) && decoder.poll(now + PATIENCE) && !decoder.poll(now + PATIENCE));
        assert_eq!(receive(&mut decoder, picture(20, 11, 11, 1)), Ok(1), "a keyframe begins anew");
    }

    #[test]
    fn what_a_node_hides_is_found() {
        let mut decoder = PictureDecoder::default();
        receive(&mut decoder, picture(11, 5, 5, 1)).unwrap();
        // Numbers that follow, over a picture that was left out.
        let mut next = picture(12, 7, 6, 1);
        next[0].payload[3] = 6;
        assert!(receive(&mut decoder, next).unwrap_err().contains("without what it builds on"));
        let mut decoder = PictureDecoder::default();
        let mut two = picture(11, 5, 5, 2);
        two.remove(0);
        two[0].payload = picture(11, 5, 5, 2)[0].payload.clone();
        two[0].sequence = 11;
        assert!(receive(&mut decoder, two).unwrap_err().contains("was shown with 1"));
    }

    #[test]
    fn lost_sounds_are_counted_and_late_ones_are_not() {
        let sound = |sequence: u64| {
            let mut payload = Vec::new();
            let frame = sequence as u32;
            let (publisher, section, encoding, packet, packets) = (1, 0, 0, 0, 1);
            Truth { publisher, section, encoding, frame, builds_on: frame, packet, packets, made_ms: 0 }
                .write(&mut payload, 40);
            Received { sequence, timestamp: 960 * frame, marker: false, track: 1, at: Instant::now(), payload }
        };
        let mut decoder = SoundDecoder::default();
        for sequence in (100..200).filter(|sequence| !matches!(sequence, 150 | 151 | 160)) {
            decoder.receive(&sound(sequence)).unwrap();
            if sequence == 165 {
                decoder.receive(&sound(160)).unwrap();
            }
        }
        assert_eq!((decoder.received, decoder.lost()), (98, 2));
        assert!(decoder.receive(&Received { timestamp: 0, ..sound(200) }).unwrap_err().contains("back in time"));
    }
}
