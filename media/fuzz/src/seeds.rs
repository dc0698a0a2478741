//! Valid inputs of each target: what mutations begin with. `boltorezka-fuzz corpus` writes them into `corpus`.

use boltorezka_media::bwe::FeedbackReport;
use boltorezka_media::rtp::Codec;
use str0m::Rtc;
use str0m::media::{Direction, MediaKind, Simulcast, SimulcastLayer};

use crate::input::write_bytes;
use crate::shard::Happening;

#[path = "../../src/rtp/dependency/testing.rs"]
#[allow(dead_code, missing_docs, reason = "it is written for the tests of the parser")]
mod dependency;
use dependency::{Frame, L1T3, L3T3, Mode};

/// First packets of pictures, and later ones.
const PAYLOADS: [(Codec, &[u8]); 14] = [
    (Codec::Vp8, &[0x90, 0xf0, 0x81, 0x02, 7, 0x20, 0x10, 0, 0]),
    (Codec::Vp8, &[0x90, 0x80, 0x11, 0x01]),
    (Codec::Vp8, &[0x10, 0x00, 0, 0]),
    (Codec::Vp9, &[0xac, 0x81, 0x02, 0x10, 7, 9, 9]),
    (Codec::Vp9, &[0xec, 0x81, 0x02, 0x33, 7, 9, 9]),
    (Codec::Vp9, &[0x8a, 0x81, 0x02, 0x18, 0x02, 0x80, 0x01, 0x68, 1, 0x04, 9]),
    (Codec::H264, &[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1, 0, 2, 0x65, 1]),
    (Codec::H264, &[0x7c, 0x85, 2]),
    (Codec::H264, &[0x41, 1, 2]),
    (Codec::H265, &[0x60, 1, 0, 2, 0x44, 1, 0, 3, 0x26, 1, 9]),
    (Codec::H265, &[0x62, 1, 0x93, 9]),
    (Codec::Av1, &[0x18, 0x0a, 0x0b, 0, 0, 0]),
    (Codec::Av1, &[0x90, 1]),
    (Codec::Opus, &[0xfc, 0xff, 0xfe]),
];

/// In-call messages (`$0` is the first section, see `Peer::say`), and some of the other contracts.
const MESSAGES: [&str; 12] = [
    r#"{"type":"publish","rev":1,"tracks":[{"mid":"$0","source":"microphone","muted":true},{"mid":"$1","source":"camera","muted":false,"height":720}]}"#,
    r#"{"type":"subscribe","rev":1,"slots":[{"mid":"$3","mode":"pinned","track":2,"heightMax":405,"priority":9},{"mid":"$4","mode":"off"}]}"#,
    r#"{"type":"ack","of":"tracks","rev":2}"#,
    r#"{"type":"ack","of":"slots","rev":2}"#,
    r#"{"type":"quality","downlinkBps":2108480,"uplinkLossRatio":0.0,"rttMs":12}"#,
    r#"{"type":"slots","rev":2,"slots":[{"mid":"8","track":2,"participantId":"01a200b8-ef22-77f5-aacc-093d479999a6","source":"camera","rid":"q","reason":"best"},{"mid":"9"}]}"#,
    r#"{"type":"message.send","requestId":"1","idempotencyKey":"k","payload":{"room":"stand-up","text":"Hello","replyTo":"01a200b8-ef22-77f5-aacc-093d479999a6"}}"#,
    r#"{"type":"admit","requestId":1,"admitted":{"participantId":"01a200b8-ef22-77f5-aacc-093d479999a6","room":"01a200b8-ef22-77f5-aacc-093d479999a7","permissions":{"subscribe":true,"microphone":true,"camera":true,"screen":true}},"offer":"v=0"}"#,
    r#"{"type":"hello","version":1,"pid":2,"epoch":3,"rev":4,"participants":[]}"#,
    r#"{"room":"stand-up","identity":"a","displayName":"A","ttlS":60}"#,
    r#""01a200b8-ef22-77f5-aacc-093d479999a6""#,
    r#""2026-11-22T10:00:00.123Z""#,
];

/// The valid inputs of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "payloads" => PAYLOADS.iter().map(|(_, payload)| [&[0x12, 0x34, 0, 9], *payload].concat()).collect(),
        "dependency" => [&L1T3, &L3T3].map(descriptors).to_vec(),
        "redundancy" => vec![
            vec![111, 96, 0x6f, 1, 2, 3],
            vec![111, 96, 0xef, 0x0f, 0x00, 0x03, 0xef, 0x07, 0x80, 0x02, 0x6f, 1, 2, 3, 4, 5, 6],
        ],
        "reports" => reports().into_iter().map(|report| [&[0; 8][..], &report].concat()).collect(),
        "frames" => {
            vec![[&[3][..], &[0, 2, 7, 8, 0, 0, 0, 1, 9, 0]].concat(), [&[9, 5, 0xdc][..], &[1; 1_500]].concat()]
        }
        "offer" => offers(),
        "messages" => MESSAGES.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "strangers" => vec![strangers()],
        "shard" => stories(),
        _ => Vec::new(),
    }
}

fn descriptors(mode: &Mode) -> Vec<u8> {
    let mut out = Vec::new();
    let frames = [Frame::key(1), Frame::new(2, 2), Frame::new(1, 3), Frame::new(2, 4), Frame::new(0, 5)];
    let told = Frame { active_targets: Some(1), ends: true, ..Frame::new(0, 6) };
    let custom =
        Frame { custom_references: vec![1, 20], custom_chains: vec![3; mode.chains as usize], ..Frame::new(0, 7) };
    for frame in frames.into_iter().chain([told, custom]) {
        out.extend([0, 3, 0, 9]);
        write_bytes(&mut out, &frame.write(mode));
    }
    out
}

/// A compound of sender report and description; receiver report; NACK; PLI; FIR; transport-wide feedback; REMB.
fn reports() -> Vec<Vec<u8>> {
    let sender = [&[0x81, 200, 0, 12][..], &[0, 0, 0, 9], &[7; 20], &[0, 0, 0, 1], &[0; 20]].concat();
    let description = [0x81, 202, 0, 2, 0, 0, 0, 9, 1, 1, b'x', 0];
    let feedback = FeedbackReport { sender_ssrc: 9, media_ssrc: 1, number: 1, base_sequence: 1 };
    let arrivals: Vec<Option<i64>> = (0..40).map(|n| (n % 7 != 3).then_some(10_000 + 900 * n * (n % 5))).collect();
    vec![
        [&sender[..], &description].concat(),
        [&[0x81, 201, 0, 7][..], &[0, 0, 0, 9], &[0, 0, 0, 1], &[0; 20]].concat(),
        vec![0x81, 205, 0, 3, 0, 0, 0, 9, 0, 0, 0, 1, 0, 5, 0xff, 0xff],
        vec![0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1],
        vec![0x84, 206, 0, 4, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0],
        feedback.write(&arrivals).0,
        vec![0x8f, 206, 0, 5, 0, 0, 0, 9, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 3, 0xff, 0xff, 0, 0, 0, 1],
    ]
}

/// Offers: of a client as the web client is, and of one without anything special. Fingerprint and credentials are as they
/// come, for a parser they are words.
fn offers() -> Vec<Vec<u8>> {
    let now = std::time::Instant::now();
    let mut rtc = Rtc::builder().enable_opus(true, true).build(now);
    let mut api = rtc.sdp_api();
    let simulcast = Simulcast { send: ["q", "h", "f"].map(SimulcastLayer::new).to_vec(), recv: Vec::new() };
    api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
    api.add_media(MediaKind::Video, Direction::SendOnly, None, None, Some(simulcast));
    api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
    api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    api.add_channel("boltorezka".to_owned());
    let full = api.apply().map(|(offer, _)| offer.to_sdp_string()).unwrap_or_default();
    // Shorter than the longest input that mutations leave whole.
    let plain = full.lines().filter(|line| !line.starts_with("a=rtcp-fb") && !line.starts_with("a=fmtp"));
    vec![full.clone().into_bytes(), plain.map(|line| format!("{line}\r\n")).collect::<String>().into_bytes()]
}

fn stun(user: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    message.extend([7; 12]);
    message.extend([0, 6, 0, user.len() as u8]);
    message.extend(user.as_bytes());
    message.resize(message.len().next_multiple_of(4), 0);
    message.extend([0, 8, 0, 20]);
    message.extend([3; 20]);
    let length = (message.len() - 20) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

fn strangers() -> Vec<u8> {
    let hello = [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 1, 0, 0, 8][..], &[0; 16]].concat();
    let media = [&[0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9][..], &[5; 30]].concat();
    let mut out = Vec::new();
    for datagram in [stun("abcdefgh:client"), hello, media, reports().remove(1), vec![0x40, 0, 0, 4], vec![]] {
        out.extend([1, 2]);
        write_bytes(&mut out, &datagram);
    }
    out
}

/// A thing that happens to or by a client.
fn event(who: u8, what: Happening, rest: &[u8]) -> Vec<u8> {
    [&[who, what as u8][..], rest].concat()
}

fn with_bytes(head: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut out = head.to_vec();
    write_bytes(&mut out, bytes);
    out
}

/// Stories for a shard: somebody speaks and shows, somebody reports, somebody talks on the channel, and all at once.
fn stories() -> Vec<Vec<u8>> {
    let packet = |source: u8, kind: u8, sequence: u8, payload: &[u8]| {
        let head = [0, kind, 0, 0, 0, sequence, 0, 0, sequence, 0, source];
        event(0, Happening::Media, &with_bytes(&head, payload))
    };
    let time = |ms: u8| event(0, Happening::Time, &[ms, 0]);
    let said = |text: &str| event(1, Happening::Message, &with_bytes(&[], text.as_bytes()));
    let reported = |who: u8, report: &[u8]| event(who, Happening::Report, &with_bytes(&report[..2], &report[2..]));
    let show: Vec<Vec<u8>> = (0..12)
        .flat_map(|n| [packet(1, 1, n, &[0x90, 0xe0, 0x80, n, 1, 0x20, u8::from(n > 0), 7, 7]), time(20)])
        .collect();
    let speak: Vec<Vec<u8>> = (0..8).flat_map(|n| [packet(0, 0, n, &[0xfc, n, 9]), time(20)]).collect();
    let talk: Vec<Vec<u8>> = MESSAGES[..4].iter().flat_map(|text| [said(text), time(50)]).collect();
    let report: Vec<Vec<u8>> = reports().iter().flat_map(|text| [reported(1, text), time(10)]).collect();
    let commands = [[3, 2], [3, 0], [1, 7]].map(|rest| event(0, Happening::Command, &rest));
    let others = [
        event(0, Happening::Peer, &[1, 1, 0, 0]),
        event(0, Happening::Peer, &[1, 1, 1, 0, 1, 0, 0, 0, 2, 0xd0, 3, 0]),
        event(0, Happening::Peer, &with_bytes(&[1, 1, 7, 1], &[0x10, 0, 9, 9])),
        event(0, Happening::Peer, &[1, 1, 3, 1]),
        event(0, Happening::Peer, &[1, 1, 4, 0]),
        event(0, Happening::Peer, &[1, 1, 2]),
    ];
    let others: Vec<Vec<u8>> = others.into_iter().flat_map(|other| [other, time(20)]).collect();
    let moved = event(1, Happening::Datagram, &with_bytes(&[1, 2, 3], &stun("abcdefgh:client")));
    let all = [&show[..8], &talk, &report[..6], &others[..6], &[moved], &commands].concat();
    [show, speak, talk, report, others, all].into_iter().map(|story| story.concat()).collect()
}
