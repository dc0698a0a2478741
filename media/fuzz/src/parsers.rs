//! Parsers of what clients send, one by one.

use boltorezka_media::bwe::Feedback;
use boltorezka_media::egress::rtcp::{self, Feedback as Report};
use boltorezka_media::rtp::dependency::{DESCRIPTOR_BYTES_MAX, DependencyRewrite, DependencyState};
use boltorezka_media::rtp::{Codec, Descriptor, Layer, Rewrite, red, vp8, vp9};
use boltorezka_media::shard::Offer;
use boltorezka_media::tcp::Deframer;

use crate::input::Reader;

const CODECS: [Codec; 6] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1];

/// Payload descriptors of all codecs, and the rewriting of their numbers.
pub fn payloads(input: &[u8]) {
    let mut reader = Reader(input);
    let numbers = reader.word();
    let rewrite = Rewrite {
        picture_id: Some((numbers >> 16) as u16 & 0x7fff),
        tl0_pic_idx: Some(numbers as u8),
        ..Rewrite::default()
    };
    for codec in CODECS {
        let before = Descriptor::parse(codec, reader.0);
        let mut payload = reader.0.to_vec();
        match codec {
            Codec::Vp8 => vp8::rewrite(&mut payload, rewrite),
            Codec::Vp9 => vp9::rewrite(&mut payload, rewrite),
            _ => continue,
        }
        // Whatever is rewritten, it says the same of frames and layers, and says the new numbers where it had any.
        let after = Descriptor::parse(codec, &payload);
        let is_wide = before.picture_id.is_some_and(|(_, is_wide)| is_wide);
        let picture_id = rewrite.picture_id.map(|number| if is_wide { number } else { number & 0x7f });
        let expected = Descriptor {
            picture_id: before.picture_id.and(picture_id.map(|number| (number, is_wide))),
            tl0_pic_idx: before.tl0_pic_idx.and(rewrite.tl0_pic_idx),
            ..before
        };
        assert_eq!(after, expected, "{codec:?}");
    }
}

/// Dependency Descriptors of one encoding, one after the other, and what is written for receivers.
pub fn dependency(input: &[u8]) {
    let mut reader = Reader(input);
    let (mut state, mut receiver) = (DependencyState::default(), DependencyState::default());
    while !reader.is_empty() {
        let number = reader.word();
        let Some(dependency) = state.read(reader.bytes()) else { continue };
        let _ = (dependency.starts_sequence(), dependency.structure.best_target(Layer::default(), number));
        let rewrite = DependencyRewrite {
            frame_number: number as u16,
            active_targets: (number >> 16) & dependency.structure.all_targets(),
        };
        let mut out = [0; DESCRIPTOR_BYTES_MAX];
        let length = dependency.write(rewrite, &mut out);
        if length == 0 || !dependency.has_structure {
            continue;
        }
        // What we write we can read, and it says the same.
        let read = receiver.read(&out[..length]).expect("what was written with its structure can be read");
        assert_eq!(read.frame_number, rewrite.frame_number);
        assert_eq!(
            (read.layer, read.starts_frame, read.ends_frame),
            (dependency.layer, dependency.starts_frame, dependency.ends_frame)
        );
        assert_eq!(read.starts_sequence(), dependency.starts_sequence());
    }
}

/// Redundant audio (RFC 2198).
pub fn redundancy(input: &[u8]) {
    let mut reader = Reader(input);
    let (primary, receivers) = (reader.byte() & 0x7f, reader.byte() & 0x7f);
    let Some(found) = red::parse(reader.0, primary) else { return };
    assert!(usize::from(found.primary_at) <= reader.0.len());
    let mut payload = reader.0.to_vec();
    red::set_types(&mut payload, receivers);
    let again = red::parse(&payload, receivers).expect("new types leave the blocks where they are");
    assert_eq!(again.primary_at, found.primary_at);
}

/// RTCP as it is after decryption, and the transport-wide feedback in it.
pub fn reports(input: &[u8]) {
    let mut reader = Reader(input);
    let now_ntp = (u64::from(reader.word()) << 32) | u64::from(reader.word());
    let mut named = 0;
    rtcp::read_compound(reader.0, |report| match report {
        Report::Report(report) => drop(report.round_trip_time(now_ntp)),
        Report::Nack { pairs, .. } => named += rtcp::nacked(pairs).count(),
        Report::TransportWide(packet) => {
            if let Ok(feedback) = Feedback::parse(packet) {
                let _ = (feedback.base_sequence(), feedback.reference_us());
                named += feedback.statuses().count();
            }
        }
        Report::KeyframeRequest { .. } | Report::Other => {}
    });
    // A report cannot make more work than its own size accounts for: 17 packets in 4 bytes of NACK, 2^13 in 2 of feedback.
    assert!(named <= 4096 * (1 + reader.0.len()));
}

/// Frames on a TCP connection, in pieces.
pub fn frames(input: &[u8]) {
    let mut reader = Reader(input);
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    let step = 1 + reader.below(64);
    let mut deframer = Deframer::default();
    let is_whole = deframer.push(reader.0, |frame| whole.push(frame.to_vec())).is_ok();
    let mut deframer = Deframer::default();
    let cut = reader.0.chunks(step).all(|piece| deframer.push(piece, |frame| pieces.push(frame.to_vec())).is_ok());
    assert_eq!((is_whole, whole), (cut, pieces));
}

/// A client's offer.
pub fn offer(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = Offer::read(&text);
}
