//! What a client sends: pictures and sounds, cut, paced and stamped.

use std::collections::VecDeque;

use super::counters::Counters;
use super::rtcp::SenderInfo;
use super::rtp::{self, Fields};
use super::session::{ExtensionIds, Sending, SendingEncoding};
use super::source::{self, Camera, Microphone};
use super::srtp::Keys;
use super::vp8;

/// Longest packet before it is sealed, as in libwebrtc.
const PACKET_BYTES_MAX: u32 = 1_200;
/// Room that headers take of it, with all extensions.
const HEADER_BYTES_MAX: u32 = 36;
/// Packets of a stream that carry `mid` and `rid`: by then the server knows the stream.
const NAMED_PACKETS: u64 = 256;
/// Packets that can be sent again: a second and more.
const HISTORY_MAX: usize = 512;
/// Between two keyframes, in ns, as in libwebrtc.
const KEYFRAME_NS_MIN: u64 = 300_000_000;
/// Packets that may wait in the pacer; further ones are dropped, as nothing of them would be in time.
const QUEUE_MAX: usize = 4_096;
/// The pacer's tick, and how much faster than the camera it sends.
pub const PACE_NS: u64 = 5_000_000;
const PACE_FACTOR: f64 = 2.5;
/// Shares of the full rate that three encodings have, the smallest first.
const SHARES: [f64; 3] = [0.1, 0.3, 1.0];

/// How everybody sends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SendingParameters {
    /// Of the largest encoding, in bit/s.
    pub bitrate_bps: u32,
    /// Pictures a second.
    pub fps: u32,
    /// Whether a picture's packets leave at once.
    pub burst: bool,
}

/// Where sealed packets go: a buffer for each, and its length when it is ready.
pub trait Out {
    /// Room for a packet.
    fn slot(&mut self) -> &mut [u8];
    /// Sends what is in the slot.
    fn send(&mut self, length: usize);
}

/// A packet that waits, or was sent.
#[derive(Clone, Copy, Debug)]
struct Piece {
    encoding: usize,
    /// With the descriptor.
    bytes: u32,
    timestamp: u32,
    picture_id: u16,
    is_first: bool,
    is_last: bool,
    is_keyframe: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    sequence: u16,
    piece: Piece,
    stamp_ns: u64,
}

#[derive(Debug)]
struct Stream {
    encoding: SendingEncoding,
    /// Extended sequence number of the next packet.
    next: u64,
    next_repair: u64,
    packets: u64,
    bytes: u64,
    camera: Camera,
    picture_id: u16,
    wants_keyframe: bool,
    keyframe_ns: Option<u64>,
    history: VecDeque<Sent>,
}

#[derive(Debug)]
struct Track {
    sending: Sending,
    streams: Vec<Stream>,
}

/// Everything that a client sends.
#[derive(Debug)]
pub struct Sender {
    parameters: SendingParameters,
    camera: Option<Track>,
    microphone: Option<(Track, Microphone)>,
    transport_wide: u16,
    queue: VecDeque<Piece>,
    budget_bytes: f64,
    sounds: u32,
    started_ns: u64,
}

impl Sender {
    /// Of what was agreed on; `seed` makes two clients differ in phase.
    pub fn new(sending: &[Sending], parameters: SendingParameters, seed: u32, now_ns: u64) -> Self {
        let track = |sending: &Sending| {
            let full = f64::from(parameters.bitrate_bps);
            let several = sending.encodings.len() > 1;
            let streams = sending.encodings.iter().zip(SHARES).enumerate().map(|(n, (encoding, share))| {
                let bitrate_bps = if several { (full * share) as u32 } else { parameters.bitrate_bps };
                Stream {
                    encoding: encoding.clone(),
                    next: u64::from(seed.wrapping_mul(0x9e37).wrapping_add(n as u32 * 997) & 0x7fff),
                    next_repair: u64::from(seed & 0x7fff),
                    packets: 0,
                    bytes: 0,
                    camera: Camera::new(bitrate_bps, parameters.fps, (seed as usize).wrapping_mul(7)),
                    picture_id: (seed & 0x7fff) as u16,
                    wants_keyframe: true,
                    keyframe_ns: None,
                    history: VecDeque::new(),
                }
            });
            Track { streams: streams.collect(), sending: sending.clone() }
        };
        let microphone = sending.iter().find(|sending| !sending.is_video);
        Self {
            parameters,
            camera: sending.iter().find(|sending| sending.is_video).map(track),
            microphone: microphone.map(|sending| (track(sending), Microphone::new(seed.wrapping_mul(37) % 250))),
            transport_wide: (seed & 0xffff) as u16,
            queue: VecDeque::new(),
            budget_bytes: 0.0,
            sounds: 0,
            started_ns: now_ns,
        }
    }

    /// Whether it sends pictures.
    pub fn has_camera(&self) -> bool {
        self.camera.is_some()
    }

    /// Whether it sends sounds.
    pub fn has_microphone(&self) -> bool {
        self.microphone.is_some()
    }

    /// Time between two pictures.
    pub fn picture_ns(&self) -> u64 {
        1_000_000_000 / u64::from(self.parameters.fps.max(1))
    }

    /// Takes the camera's next picture: sends it, or has it wait for [`Sender::pace`]. Says whether anything waits.
    pub fn picture(&mut self, now_ns: u64, keys: &Keys, out: &mut impl Out, counters: &mut Counters) -> bool {
        let timestamp = (now_ns.saturating_sub(self.started_ns) as u128 * 90_000 / 1_000_000_000) as u32;
        let Some(track) = &mut self.camera else { return false };
        let most = PACKET_BYTES_MAX - HEADER_BYTES_MAX - vp8::DESCRIPTOR_BYTES as u32;
        for (encoding, stream) in track.streams.iter_mut().enumerate() {
            let may = stream.keyframe_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= KEYFRAME_NS_MIN);
            let is_keyframe = stream.wants_keyframe && may;
            if is_keyframe {
                stream.wants_keyframe = false;
                stream.keyframe_ns = Some(now_ns);
            }
            let picture = stream.camera.picture(is_keyframe);
            stream.picture_id = stream.picture_id.wrapping_add(1) & 0x7fff;
            let picture_id = stream.picture_id;
            let mut pieces = source::cut(picture.bytes, most).peekable();
            let mut is_first = true;
            while let Some(bytes) = pieces.next() {
                let bytes = bytes + vp8::DESCRIPTOR_BYTES as u32;
                let is_last = pieces.peek().is_none();
                if self.queue.len() < QUEUE_MAX {
                    let piece = Piece { encoding, bytes, timestamp, picture_id, is_first, is_last, is_keyframe };
                    self.queue.push_back(piece);
                }
                is_first = false;
            }
        }
        if self.parameters.burst {
            while self.send_next(now_ns, keys, out, counters) {}
        }
        !self.queue.is_empty()
    }

    /// Sends what one tick of the pacer allows. Says whether anything still waits.
    pub fn pace(&mut self, now_ns: u64, keys: &Keys, out: &mut impl Out, counters: &mut Counters) -> bool {
        let shares: f64 = match self.camera.as_ref().map_or(0, |track| track.streams.len()) {
            0 | 1 => 1.0,
            count => SHARES.iter().take(count).sum(),
        };
        let rate_bytes = f64::from(self.parameters.bitrate_bps) * shares * PACE_FACTOR / 8.0;
        // What was not used is not kept, what was overdrawn is.
        self.budget_bytes = self.budget_bytes.min(0.0) + rate_bytes * PACE_NS as f64 / 1e9;
        while self.budget_bytes > 0.0 {
            let Some(bytes) = self.queue.front().map(|piece| piece.bytes) else { break };
            self.send_next(now_ns, keys, out, counters);
            self.budget_bytes -= f64::from(bytes);
        }
        !self.queue.is_empty()
    }

    /// Takes the microphone's next sound, and sends it.
    pub fn sound(&mut self, now_ns: u64, keys: &Keys, out: &mut impl Out, counters: &mut Counters) {
        self.sounds = self.sounds.wrapping_add(1);
        let Some((track, microphone)) = &mut self.microphone else { return };
        let (Some(sound), Some(stream)) = (microphone.sound(), track.streams.first_mut()) else { return };
        let slot = out.slot();
        let mut fields = header(&track.sending, stream, &mut self.transport_wide);
        fields.marker = sound.is_first;
        fields.timestamp = self.sounds.wrapping_mul(source::SOUND_TICKS);
        fields.audio_level = Some((sound.level, sound.is_voice));
        let Some(start) = rtp::write(slot, &fields) else { return };
        let end = start + usize::from(sound.bytes);
        if let Some([first, rest @ ..]) = slot.get_mut(start..end) {
            // Opus, wide band, 20 ms, mono (RFC 6716, section 3.1).
            *first = 0x48;
            rtp::write_stamp(rest, now_ns);
        }
        if let Some(length) = keys.seal_rtp(slot, start, end, stream.encoding.ssrc, stream.next) {
            out.send(length);
            stream.sent(u64::from(sound.bytes));
            counters.sent_audio += 1;
        }
    }

    /// Somebody wants a keyframe of a stream.
    pub fn want_keyframe(&mut self, ssrc: u32) {
        if let Some(stream) = self.streams_mut().find(|stream| stream.encoding.ssrc == ssrc) {
            stream.wants_keyframe = true;
        }
    }

    /// Sends packets again (RFC 4588), as far as they are remembered.
    pub fn repeat(&mut self, ssrc: u32, sequences: &[u16], keys: &Keys, out: &mut impl Out, counters: &mut Counters) {
        let Some(track) = &mut self.camera else { return };
        let Some(payload_type) = track.sending.rtx_payload_type else { return };
        let Some(stream) = track.streams.iter_mut().find(|stream| stream.encoding.ssrc == ssrc) else { return };
        for sequence in sequences {
            let Some(sent) = stream.history.iter().find(|sent| sent.sequence == *sequence).copied() else { continue };
            let mut fields = header(&track.sending, stream, &mut self.transport_wide);
            // A repaired stream's name is of another extension, and long known by then.
            (fields.rid, fields.payload_type) = (None, payload_type);
            (fields.marker, fields.timestamp) = (sent.piece.is_last, sent.piece.timestamp);
            (fields.ssrc, fields.sequence) = (stream.encoding.rtx_ssrc, stream.next_repair as u16);
            let slot = out.slot();
            let Some(start) = rtp::write(slot, &fields) else { return };
            let end = start + 2 + sent.piece.bytes as usize;
            if let Some(payload) = slot.get_mut(start..end)
                && let Some((original, payload)) = payload.split_at_mut_checked(2)
            {
                original.copy_from_slice(&sequence.to_be_bytes());
                sent.piece.write(payload, sent.stamp_ns);
            }
            if let Some(length) = keys.seal_rtp(slot, start, end, fields.ssrc, stream.next_repair) {
                out.send(length);
                stream.next_repair += 1;
                counters.sent_repair += 1;
            }
        }
    }

    /// What is to be reported of each stream that has sent.
    pub fn reports(&self, now_ns: u64, ntp: u64) -> Vec<SenderInfo> {
        let since_ns = u128::from(now_ns.saturating_sub(self.started_ns));
        let ticks = |clock: u128| (since_ns * clock / 1_000_000_000) as u32;
        let infos = |track: &Track, rtp_timestamp: u32| -> Vec<SenderInfo> {
            let sent = track.streams.iter().filter(|stream| stream.packets > 0);
            let info = |stream: &Stream| SenderInfo {
                ssrc: stream.encoding.ssrc,
                ntp,
                rtp_timestamp,
                packets: stream.packets as u32,
                bytes: stream.bytes as u32,
            };
            sent.map(info).collect()
        };
        let mut all = self.camera.as_ref().map(|track| infos(track, ticks(90_000))).unwrap_or_default();
        all.extend(self.microphone.iter().flat_map(|(track, _)| infos(track, ticks(48_000))));
        all
    }

    fn streams_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.camera.iter_mut().flat_map(|track| &mut track.streams)
    }

    fn send_next(&mut self, now_ns: u64, keys: &Keys, out: &mut impl Out, counters: &mut Counters) -> bool {
        let (Some(piece), Some(track)) = (self.queue.pop_front(), &mut self.camera) else { return false };
        let Some(stream) = track.streams.get_mut(piece.encoding) else { return false };
        let mut fields = header(&track.sending, stream, &mut self.transport_wide);
        (fields.marker, fields.timestamp) = (piece.is_last, piece.timestamp);
        let sequence = fields.sequence;
        let slot = out.slot();
        let Some(start) = rtp::write(slot, &fields) else { return false };
        let end = start + piece.bytes as usize;
        if let Some(payload) = slot.get_mut(start..end) {
            piece.write(payload, now_ns);
        }
        if let Some(length) = keys.seal_rtp(slot, start, end, stream.encoding.ssrc, stream.next) {
            out.send(length);
            if stream.history.len() >= HISTORY_MAX {
                stream.history.pop_front();
            }
            stream.history.push_back(Sent { sequence, piece, stamp_ns: now_ns });
            stream.sent(u64::from(piece.bytes));
            counters.sent_video += 1;
        }
        true
    }
}

impl Piece {
    /// Its payload: descriptor, the picture's header and the stamp; the rest is whatever was there before.
    fn write(&self, payload: &mut [u8], stamp_ns: u64) {
        if let Some(start) = vp8::write(payload, self.picture_id, self.is_first, self.is_keyframe)
            && let Some(rest) = payload.get_mut(start..)
        {
            rtp::write_stamp(rest, stamp_ns);
        }
    }
}

impl Stream {
    fn sent(&mut self, bytes: u64) {
        self.next += 1;
        self.packets += 1;
        self.bytes += bytes;
    }
}

fn header<'a>(sending: &'a Sending, stream: &'a Stream, transport_wide: &mut u16) -> Fields<'a> {
    let is_named = stream.packets < NAMED_PACKETS;
    let ids: ExtensionIds = sending.extensions;
    if ids.transport_wide != 0 {
        *transport_wide = transport_wide.wrapping_add(1);
    }
    Fields {
        payload_type: sending.payload_type,
        marker: false,
        sequence: stream.next as u16,
        timestamp: 0,
        ssrc: stream.encoding.ssrc,
        ids,
        mid: is_named.then_some(sending.mid.as_str()),
        rid: stream.encoding.rid.as_deref().filter(|_| is_named),
        transport_wide: *transport_wide,
        audio_level: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sink {
        slot: Vec<u8>,
        sent: Vec<Vec<u8>>,
    }

    impl Out for Sink {
        fn slot(&mut self) -> &mut [u8] {
            &mut self.slot
        }
        fn send(&mut self, length: usize) {
            self.sent.push(self.slot[..length].to_vec());
        }
    }

    fn sender(burst: bool, encodings: usize) -> Sender {
        let encoding = |n: u32| SendingEncoding { rid: Some(format!("r{n}")), ssrc: 10 + n, rtx_ssrc: 20 + n };
        let sending = Sending {
            is_video: true,
            mid: "1".into(),
            payload_type: 96,
            rtx_payload_type: Some(97),
            encodings: (0..encodings as u32).map(encoding).collect(),
            extensions: ExtensionIds { mid: 4, rid: 10, transport_wide: 3, audio_level: 1 },
        };
        let sound = Sending { is_video: false, payload_type: 111, encodings: vec![encoding(9)], ..sending.clone() };
        let parameters = SendingParameters { bitrate_bps: 1_000_000, fps: 30, burst };
        Sender::new(&[sending, sound], parameters, 5, 0)
    }

    fn sink() -> Sink {
        Sink { slot: vec![0; 2048], sent: Vec::new() }
    }

    fn keys() -> Keys {
        Keys::new(&[1; 32], &[2; 12]).unwrap()
    }

    /// Sends for ten seconds and returns the packets of each tick of 5 ms.
    fn run(sender: &mut Sender) -> Vec<Vec<Vec<u8>>> {
        let (keys, mut counters) = (keys(), Counters::default());
        let (mut next_picture, mut ticks) = (0, Vec::new());
        for tick in 0..2000u64 {
            let (now_ns, mut sink) = (tick * PACE_NS, sink());
            while next_picture <= now_ns {
                sender.picture(now_ns, &keys, &mut sink, &mut counters);
                next_picture += sender.picture_ns();
            }
            sender.pace(now_ns, &keys, &mut sink, &mut counters);
            ticks.push(sink.sent);
        }
        ticks
    }

    #[test]
    fn the_pacer_keeps_the_rate_and_spreads_a_picture() {
        let ticks = run(&mut sender(false, 1));
        let bytes: usize = ticks.iter().flatten().map(Vec::len).sum();
        let bps = bytes as f64 * 8.0 / 10.0;
        assert!((1_000_000.0..1_100_000.0).contains(&bps), "{bps}");
        // 2.5 Mb/s in 5 ms are 1,560 bytes: never more than two packets of some 1,050.
        assert!(ticks.iter().all(|tick| tick.len() <= 2));
        let busy = ticks.iter().filter(|tick| !tick.is_empty()).count();
        assert!((700..1200).contains(&busy), "{busy} of 2000 ticks");
    }

    #[test]
    fn a_burst_sends_a_picture_at_once() {
        let ticks = run(&mut sender(true, 1));
        let longest = ticks.iter().skip(20).map(Vec::len).max().unwrap();
        assert!(longest >= 4, "{longest}");
        let bytes: usize = ticks.iter().flatten().map(Vec::len).sum();
        assert!((1_000_000.0..1_100_000.0).contains(&(bytes as f64 * 0.8)));
    }

    #[test]
    fn three_encodings_are_named_at_first_and_differ_in_rate() {
        let ticks = run(&mut sender(false, 3));
        let packets: Vec<_> = ticks.into_iter().flatten().collect();
        let of = |ssrc: u32| packets.iter().filter(move |packet| rtp::parse(packet, 3).unwrap().ssrc == ssrc);
        let bytes = |ssrc| of(ssrc).map(|packet| packet.len() as f64).sum::<f64>();
        assert!((2.5..3.7).contains(&(bytes(12) / bytes(11))) && (2.0..3.7).contains(&(bytes(11) / bytes(10))));
        let first = of(12).next().unwrap();
        assert!(first.windows(3).any(|bytes| bytes == [0xa1, b'r', b'2']), "the restriction id is there");
        let last = of(12).next_back().unwrap();
        assert!(!last[..40].windows(3).any(|bytes| bytes == [0xa1, b'r', b'2']));
        assert!(packets.iter().all(|packet| packet.len() <= 1_216));
    }

    #[test]
    fn packets_open_carry_their_time_and_are_repeated_on_request() {
        let (mut sender, keys, mut counters, mut sink) = (sender(true, 1), keys(), Counters::default(), sink());
        sender.picture(1_000, &keys, &mut sink, &mut counters);
        let first = sink.sent[0].clone();
        let header = rtp::parse(&first, 3).unwrap();
        let mut out = Vec::new();
        let payload = keys.open_rtp(&first, header.bytes, 10, u64::from(header.sequence), &mut out).unwrap().to_vec();
        let start = vp8::parse(&payload).unwrap();
        assert!(start.is_first && start.is_keyframe);
        assert_eq!(rtp::read_stamp(&payload[start.bytes..]), Some(1_000));

        sink.sent.clear();
        sender.repeat(10, &[header.sequence, 9], &keys, &mut sink, &mut counters);
        assert_eq!(sink.sent.len(), 1, "what was never sent is not sent again");
        let repeated = rtp::parse(&sink.sent[0], 3).unwrap();
        assert_eq!((repeated.ssrc, repeated.payload_type), (20, 97));
        let index = u64::from(repeated.sequence);
        let again = keys.open_rtp(&sink.sent[0], repeated.bytes, 20, index, &mut out).unwrap();
        assert_eq!(again[..2], header.sequence.to_be_bytes());
        assert_eq!(vp8::parse(&again[2..]), Some(start));
    }

    #[test]
    fn keyframes_come_on_request_but_not_too_often() {
        let (mut sender, keys, mut counters) = (sender(true, 1), keys(), Counters::default());
        let mut keyframes = Vec::new();
        for picture in 0..60u64 {
            let mut sink = sink();
            sender.want_keyframe(10);
            sender.picture(picture * sender.picture_ns(), &keys, &mut sink, &mut counters);
            if sink.sent.len() > 10 {
                keyframes.push(picture);
            }
        }
        assert_eq!(keyframes, [0, 10, 20, 30, 40, 50]);
    }

    #[test]
    fn sounds_tell_their_level() {
        let (mut sender, keys, mut counters, mut sink) = (sender(true, 1), keys(), Counters::default(), sink());
        (0..100).for_each(|n| sender.sound(n * source::SOUND_NS, &keys, &mut sink, &mut counters));
        assert!(counters.sent_audio > 40 && counters.sent_audio == sink.sent.len() as u64);
        let header = rtp::parse(&sink.sent[0], 3).unwrap();
        assert_eq!((header.payload_type, header.ssrc), (111, 19));
        assert_eq!(sink.sent[0][16], 0x10, "the level comes first");
    }
}
