//! Datagrams that nobody asked for at the UDP port.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_proto::socket::ClientMessage;
use boltorezka_sdk::call::{CallConfig, CallCore, CallState};
use boltorezka_sdk::{Gateway, GatewayEvent, RoomSlug};

use crate::server::{Server, resident_bytes};
use crate::{camera, options, receiver, sender, sleep_ms, turn, voice};

/// Datagrams of the run in a usual test; `BOLTOREZKA_FLOOD_DATAGRAMS` sets another number.
const DATAGRAMS: u64 = 300_000;
/// Datagrams before memory is measured first: queues and tables have grown to their working size then.
const WARM_UP: u64 = 50_000;
/// Growth of resident memory that is not a leak.
const GROWTH_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Sent in one go; then the server gets time to read, so that it is the server that drops, not the kernel.
const BURST: u64 = 32;
const ATTACKERS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_that_nobody_asked_for_change_nothing() {
    let _turn = turn().await;
    let datagrams: u64 =
        std::env::var("BOLTOREZKA_FLOOD_DATAGRAMS").ok().map_or(DATAGRAMS, |text| text.parse().expect("a number"));
    let server = Server::start(1).await;
    let room = server.create_room("flood").await;
    let listener = server.join(&room, "listener", options(receiver())).await;
    let speaker = server.join(&room, "speaker", options(sender())).await;
    speaker.call.play(voice()).await.unwrap();
    speaker.call.play(camera("vp8-180.ivf")).await.unwrap();
    let both = |state: &CallState| {
        state.slots.iter().filter(|slot| slot.participant_id == Some(speaker.participant_id)).count() == 2
    };
    listener.call.wait_for("both tracks", Duration::from_secs(10), both).await.unwrap();

    let (gateway, _) = server.enter(&room, "captured").await;
    let captured = Arc::new(capture(&gateway, &room).await);
    println!("captured {} datagrams of a real client", captured.len());
    let media = server.media_pid().unwrap();
    let target = server.media_address(0);

    let warm_up = flood(target, WARM_UP, captured.clone()).await;
    let (resident_before, frames_before) = (resident_bytes(media), frames(&listener).await);
    let began = Instant::now();
    let sent = flood(target, datagrams, captured).await;
    let elapsed = began.elapsed().as_secs_f64();
    sleep_ms(500).await;
    let (resident_after, frames_after) = (resident_bytes(media), frames(&listener).await);
    // The node reports its counters once a second.
    sleep_ms(2_000).await;
    let received = server.metric("boltorezka_media_received_bytes_total").await;
    println!(
        "{datagrams} datagrams in {elapsed:.1} s; memory {} -> {} KiB; the server took {received} of {} bytes; \
         {} frames meanwhile",
        resident_before / 1024,
        resident_after / 1024,
        sent.bytes_sent + warm_up.bytes_sent,
        frames_after - frames_before,
    );
    // Nobody here knows the password of an admitted ufrag.
    assert_eq!((warm_up.answers, sent.answers), (0, 0), "{warm_up:?} {sent:?}");
    assert_eq!(server.media_pid(), Some(media), "the same process");
    assert!(resident_after < resident_before + GROWTH_BYTES_MAX, "{resident_before} -> {resident_after} bytes");
    assert!((frames_after - frames_before) as f64 > elapsed * 60.0, "the call went on");
    let flooded = (sent.bytes_sent + warm_up.bytes_sent) as f64;
    assert!(received > 0.9 * flooded, "the kernel dropped what the server should see: {received} of {flooded} bytes");
}

async fn frames(listener: &crate::server::Person) -> u64 {
    listener.call.stats().await.slots.iter().map(|slot| slot.frames).sum()
}

/// Joins by hand, publishes for a second, and returns all datagrams that it sent.
async fn capture(gateway: &Gateway, room: &RoomSlug) -> Vec<Vec<u8>> {
    let (mut core, sdp) =
        CallCore::new(&CallConfig { audio_slots: 1, video_slots: 1, ..sender() }, Instant::now()).unwrap();
    let mut events = gateway.events();
    gateway.request(ClientMessage::CallOffer { room: room.clone(), sdp }, None).await.unwrap();
    let answer = loop {
        if let GatewayEvent::CallAnswer { sdp, .. } = &*events.recv().await.unwrap() {
            break sdp.clone();
        }
    };
    let run = move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let local = socket.local_addr().unwrap();
        core.accept_answer(&answer, Instant::now()).unwrap();
        core.add_local_address(local, Instant::now());
        core.play_files(voice(), Instant::now()).unwrap();
        core.play_files(camera("vp8-180.ivf"), Instant::now()).unwrap();
        let mut captured = Vec::new();
        let mut buffer = [0; 2000];
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            core.handle_timeout(Instant::now());
            while let Some(transmit) = core.poll_transmit() {
                socket.send_to(&transmit.contents, transmit.destination).unwrap();
                captured.push(transmit.contents.to_vec());
            }
            if let Ok((length, source)) = socket.recv_from(&mut buffer) {
                core.handle_datagram(Instant::now(), source, local, &buffer[..length]);
            }
        }
        assert!(core.stats().rtp_packets_sent > 50, "{:?}", core.stats());
        captured
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[derive(Debug, Default)]
struct Sent {
    answers: u64,
    bytes_sent: u64,
    largest_answer: usize,
}

async fn flood(target: SocketAddr, datagrams: u64, captured: Arc<Vec<Vec<u8>>>) -> Sent {
    tokio::task::spawn_blocking(move || run_flood(target, datagrams, &captured)).await.unwrap()
}

fn run_flood(target: SocketAddr, datagrams: u64, captured: &[Vec<u8>]) -> Sent {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let sockets: Vec<UdpSocket> = (0..ATTACKERS)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        })
        .collect();
    let mut sent = Sent::default();
    let mut buffer = [0; 4096];
    for number in 0..datagrams {
        let datagram = make_datagram(&mut random, captured);
        if sockets[random.below(ATTACKERS)].send_to(&datagram, target).is_ok() {
            sent.bytes_sent += datagram.len() as u64;
        }
        if number % BURST == BURST - 1 || number == datagrams - 1 {
            std::thread::sleep(Duration::from_micros(if number == datagrams - 1 { 300_000 } else { 400 }));
            for socket in &sockets {
                while let Ok((length, source)) = socket.recv_from(&mut buffer) {
                    assert_eq!(source, target);
                    sent.answers += 1;
                    sent.largest_answer = sent.largest_answer.max(length);
                }
            }
        }
    }
    sent
}

/// Garbage; or something that a real client sent: as it was, cut off, or with bits flipped.
fn make_datagram(random: &mut Random, captured: &[Vec<u8>]) -> Vec<u8> {
    let mut real = captured[random.below(captured.len())].clone();
    match random.below(5) {
        0 => {
            let length = random.below(1400);
            (0..length).map(|_| random.next() as u8).collect()
        }
        1 => {
            // Garbage that looks like STUN, DTLS, RTP or RTCP at first.
            let length = 20 + random.below(1200);
            let mut datagram: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
            let starts: [&[u8]; 4] =
                [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], &[22, 254, 253], &[0x80, 96], &[0x80, 200]];
            let start = starts[random.below(starts.len())];
            datagram[..start.len()].copy_from_slice(start);
            if start[0] == 0 {
                let body = (length - 20) & !3;
                datagram[2..4].copy_from_slice(&(body as u16).to_be_bytes());
                datagram.truncate(20 + body);
            }
            datagram
        }
        2 => {
            real.truncate(random.below(real.len()));
            real
        }
        3 => {
            for _ in 0..=random.below(8) {
                let at = random.below(real.len());
                real[at] ^= 1 << random.below(8);
            }
            real
        }
        // Checks of ICE too, which are authentic whoever sends them.
        _ => real,
    }
}

/// xorshift64*: the same datagrams in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 33) as usize) % end.max(1)
    }
}
