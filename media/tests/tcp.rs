//! A shard's thread and its TCP port, with str0m clients and with strangers, over the loopback.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use boltorezka_media::egress::Via;
use boltorezka_media::net::{TcpListener, UdpSocket};
use boltorezka_media::shard::thread::{EVENT_QUEUE, ShardEnded, ShardHandle, ShardLoop};
use boltorezka_media::shard::{Counters, Offer, ShardCommand, ShardCore, ShardEvent, TcpEndpoint};
use boltorezka_media::tcp::{Deframer, TcpId};
use boltorezka_proto::RoomId;
use boltorezka_proto::admission::Admitted;
use boltorezka_proto::call::MediaPermissions;
use socket2::{Domain, Socket, Type};
use support::client::Wants;
use support::{Client, shard_config};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const WANTS: Wants = Wants { audio_slots: 2, video_slots: 2, channel: true, data: false, rids: &[] };
const PATIENCE: Duration = Duration::from_secs(20);
/// A client that reads nothing lets this much wait in its kernel.
const CLIENT_BUFFER_BYTES: usize = 64 << 10;

/// Tests run one after the other: they measure time, on machines with few cores.
static TURN: Mutex<()> = Mutex::new(());

/// A shard on its own thread.
struct Shard {
    handle: Option<ShardHandle>,
    thread: Option<JoinHandle<Result<(), ShardEnded>>>,
    events: tokio::sync::mpsc::Receiver<(u8, ShardEvent)>,
    address: SocketAddr,
    room: RoomId,
    counters: Counters,
}

impl Shard {
    fn start(ip: IpAddr) -> Self {
        // A port that is free for UDP may be in use for TCP.
        let (socket, listener) = std::iter::repeat_with(|| UdpSocket::bind(Some(ip), 0).unwrap())
            .find_map(|socket| TcpListener::beside(&socket).ok().map(|listener| (socket, listener)))
            .unwrap();
        let address = SocketAddr::new(ip, socket.local_port().unwrap());
        let tcp = TcpEndpoint::new(listener, Instant::now()).unwrap();
        let candidates = vec![address];
        let core = ShardCore::new(shard_config(0, 1, 3, candidates.clone()), Instant::now());
        let (handle, inbox) = ShardHandle::new().unwrap();
        let (sender, events) = tokio::sync::mpsc::channel(EVENT_QUEUE);
        let shards = vec![handle.peer()];
        let shard = ShardLoop { shard: 0, core, socket, tcp, candidates, inbox, shards, events: sender };
        let thread = Some(std::thread::spawn(move || shard.run()));
        let (room, counters) = (RoomId::generate(), Counters::default());
        Self { handle: Some(handle), thread, events, address, room, counters }
    }

    /// The answer to a client's offer.
    fn answer(&mut self, client: &Client) -> String {
        let admitted =
            Admitted { participant_id: client.participant_id, room: self.room, permissions: MediaPermissions::ALL };
        let offer = Box::new(Offer::read(&client.offer()).unwrap());
        self.handle.as_ref().unwrap().command(ShardCommand::Admit { request_id: 1, admitted, offer });
        loop {
            if let (_, ShardEvent::Answer { sdp, .. }) = self.events.blocking_recv().unwrap() {
                return sdp;
            }
        }
    }

    /// The counters as of now: those of an event that is made after this call.
    fn counters(&mut self) -> &Counters {
        self.take_events();
        loop {
            if let (_, ShardEvent::Counters(counters)) = self.events.blocking_recv().unwrap() {
                assert_eq!(counters.imbalance(), (0, 0), "{counters:?}");
                self.counters = counters;
                return &self.counters;
            }
        }
    }

    /// Takes what the shard has said, so that it need not wait.
    fn take_events(&mut self) {
        while let Ok((_, event)) = self.events.try_recv() {
            if let ShardEvent::Counters(counters) = event {
                assert_eq!(counters.imbalance(), (0, 0), "{counters:?}");
                self.counters = counters;
            }
        }
    }

    fn connect(&self) -> TcpStream {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(CLIENT_BUFFER_BYTES).unwrap();
        socket.connect(&self.address.into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.into()
    }

    /// A client in the room, connected over TCP.
    fn join(&mut self, number: u8) -> Person {
        let mut client = Client::new(number, Instant::now(), WANTS);
        client.is_udp_blocked = true;
        let stream = self.connect();
        client.connect_tcp(TcpId(0), stream.local_addr().unwrap());
        let answer = self.answer(&client);
        client.accept(answer);
        let mut person = Person {
            client,
            server: stream.peer_addr().unwrap(),
            stream,
            deframer: Deframer::default(),
            unsent: Vec::new(),
            reads: true,
            bytes_read: 0,
            is_closed: false,
        };
        run(self, &mut [&mut person], PATIENCE, |people| people[0].client.is_connected);
        person
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.handle = None;
        let ended = self.thread.take().unwrap().join();
        assert!(std::thread::panicking() || matches!(ended, Ok(Ok(()))), "{ended:?}");
    }
}

/// A client with its TCP connection.
struct Person {
    client: Client,
    server: SocketAddr,
    stream: TcpStream,
    deframer: Deframer,
    unsent: Vec<u8>,
    reads: bool,
    bytes_read: usize,
    is_closed: bool,
}

impl Person {
    fn turn(&mut self) {
        let now = Instant::now();
        self.client.produce(now);
        for (_, _, datagram) in self.client.poll(now) {
            self.unsent.extend((datagram.len() as u16).to_be_bytes());
            self.unsent.extend(datagram);
        }
        match self.stream.write(&self.unsent) {
            Ok(bytes) => drop(self.unsent.drain(..bytes)),
            Err(error) => self.is_closed |= error.kind() != ErrorKind::WouldBlock,
        }
        let mut buffer = vec![0; 16 << 10];
        while self.reads {
            match self.stream.read(&mut buffer) {
                Ok(0) => return self.is_closed = true,
                Ok(bytes) => {
                    self.bytes_read += bytes;
                    // The server may have closed since.
                    let (client, server) = (&mut self.client, self.server);
                    let take = |frame: &[u8]| client.receive(now, Via::Tcp(TcpId(0)), server, frame);
                    self.deframer.push(&buffer[..bytes], take).unwrap();
                }
                Err(error) => {
                    self.is_closed |= error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }

    /// How many packets of a voice, and of a camera, have come.
    fn heard(&self) -> (usize, usize) {
        let count = |mids: &[str0m::media::Mid]| mids.iter().map(|mid| self.client.heard_in(*mid).len()).sum();
        (count(&self.client.audio_slots), count(&self.client.video_slots))
    }
}

/// Lets people send and receive until `is_reached`; fails after `limit`.
fn run(shard: &mut Shard, people: &mut [&mut Person], limit: Duration, is_reached: impl Fn(&[&mut Person]) -> bool) {
    let end = Instant::now() + limit;
    while !is_reached(people) {
        assert!(Instant::now() < end, "not reached within {limit:?}");
        people.iter_mut().for_each(|person| person.turn());
        shard.take_events();
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn run_for(shard: &mut Shard, people: &mut [&mut Person], duration: Duration) {
    let end = Instant::now() + duration;
    run(shard, people, duration + PATIENCE, |_| Instant::now() >= end);
}

/// How long it takes until the server closes a connection.
fn closed_after(mut stream: &TcpStream) -> Duration {
    let began = Instant::now();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match stream.read(&mut [0; 64]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("a stranger was answered, or kept: {other:?}"),
    }
    began.elapsed()
}

#[test]
fn people_who_have_only_tcp_call_over_both_ip_versions() {
    let _turn = TURN.lock();
    for ip in [LOCALHOST, IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let mut shard = Shard::start(ip);
        let answer = shard.answer(&Client::new(9, Instant::now(), WANTS));
        let port = shard.address.port();
        let candidate = |transport: &str| -> String {
            let is_it = |line: &&str| line.starts_with("a=candidate:") && line.contains(&format!(" 1 {transport} "));
            let mut found = answer.lines().filter(is_it);
            let line = found.next().unwrap_or_else(|| panic!("no {transport} in {answer}"));
            assert!(line.contains(&format!(" {ip} {port} typ host")) && found.next().is_none(), "{answer}");
            line.to_owned()
        };
        let (over_udp, over_tcp) = (candidate("udp"), candidate("tcp"));
        assert!(over_tcp.ends_with(" tcptype passive") || over_tcp.contains(" tcptype passive "), "{over_tcp}");
        let priority = |line: &str| line.split(' ').nth(3).unwrap().parse::<u32>().unwrap();
        assert!(priority(&over_tcp) < priority(&over_udp), "UDP is preferred");

        let (mut a, mut b) = (shard.join(1), shard.join(2));
        for person in [&mut a, &mut b] {
            person.client.speak(10, -20);
            person.client.show(20);
        }
        run(&mut shard, &mut [&mut a, &mut b], PATIENCE, |people| {
            people.iter().all(|person| {
                let (voice, camera) = person.heard();
                voice > 20 && camera > 20 && !person.client.tracks().is_empty()
            })
        });
        let counters = shard.counters();
        assert_eq!(counters.tcp_connections, 2);
        assert_eq!(counters.packets_dropped.get("tcp_queue_full"), None, "{counters:?}");
        drop(a);
        let closed = |shard: &mut Shard| shard.counters().tcp_closed.clone();
        assert_eq!(closed(&mut shard).into_values().sum::<u64>(), 1);
        assert_eq!(shard.counters.tcp_connections, 1);
    }
}

#[test]
fn a_stranger_gets_neither_answer_nor_time() {
    let _turn = TURN.lock();
    let mut shard = Shard::start(LOCALHOST);
    let mut person = shard.join(1);
    let mut stun = vec![0x00, 0x01, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    stun.extend([7; 12]);
    stun.extend(b"\x00\x06\x00\x08nobody:x");
    let frame = |datagram: &[u8]| [&(datagram.len() as u16).to_be_bytes(), datagram].concat();
    let too_long = frame(&[1; 1501]);
    let at_once: [&[u8]; 4] = [&frame(&stun), &frame(&[22; 100]), &frame(&[128; 100]), &too_long];
    for bytes in at_once {
        let mut stranger = shard.connect();
        stranger.write_all(bytes).unwrap();
        assert!(closed_after(&stranger) < Duration::from_secs(3), "{:?}", &bytes[..4]);
    }
    // One that says nothing, one that says what is none, one that never comes to the end of a frame.
    let (silent, mut empty, mut slow) = (shard.connect(), shard.connect(), shard.connect());
    empty.write_all(&[0; 64]).unwrap();
    slow.write_all(&frame(&stun)[..10]).unwrap();
    let waited: Vec<Duration> = [&silent, &empty, &slow].map(closed_after).into();
    assert!(
        waited[0] > Duration::from_secs(4) && waited.iter().sum::<Duration>() < Duration::from_secs(9),
        "{waited:?}"
    );
    let expected = [("frame_too_long", 1), ("no_check", 6)];
    assert_eq!(shard.counters().tcp_closed.clone().into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(shard.counters.tcp_connections, 1);
    assert!(shard.counters.packets_dropped["unknown_ufrag"] == 1, "{:?}", shard.counters);

    // A client too: what is no frame ends its connection.
    person.stream.set_nonblocking(false).unwrap();
    person.stream.write_all(&[0xff; 2]).unwrap();
    run(&mut shard, &mut [&mut person], PATIENCE, |people| people[0].is_closed);
    assert_eq!(shard.counters().tcp_closed["frame_too_long"], 2);
}

#[test]
fn one_address_gets_so_many_places_and_gives_them_back() {
    let _turn = TURN.lock();
    let mut shard = Shard::start(LOCALHOST);
    let crowd: Vec<TcpStream> = (0..300).map(|_| shard.connect()).collect();
    let refused = |shard: &mut Shard| shard.counters().tcp_closed.get("no_place").copied();
    let deadline = Instant::now() + PATIENCE;
    while refused(&mut shard) != Some(44) {
        assert!(Instant::now() < deadline, "{:?}", shard.counters);
    }
    drop(crowd);
    while shard.counters().tcp_connections > 0 {
        assert!(Instant::now() < deadline, "{:?}", shard.counters);
    }
    assert!(shard.join(1).client.is_connected);
}

#[test]
fn who_stops_reading_loses_pictures_before_sound_and_costs_little() {
    let _turn = TURN.lock();
    let mut shard = Shard::start(LOCALHOST);
    let (mut sender, mut receiver) = (shard.join(1), shard.join(2));
    sender.client.speak(10, -20);
    sender.client.show(20);
    let camera = sender.client.camera;
    let source = sender.client.sources.iter_mut().find(|source| source.mid == camera).unwrap();
    // A packet each turn of 2 ms: some 4 Mb/s.
    (source.period, source.payload_bytes) = (Duration::from_millis(1), 1_100);
    run(&mut shard, &mut [&mut sender, &mut receiver], PATIENCE, |people| {
        let (voice, camera) = people[1].heard();
        voice > 10 && camera > 10
    });

    receiver.reads = false;
    let before = shard.counters().clone();
    run_for(&mut shard, &mut [&mut sender, &mut receiver], Duration::from_secs(4));
    let stalled = shard.counters().clone();
    let offered = stalled.packets_forwarded - before.packets_forwarded;
    let dropped = stalled.packets_dropped.get("tcp_queue_full").copied().unwrap_or_default();
    assert!(dropped > 100 && dropped < offered, "{dropped} of {offered} dropped: {stalled:?}");
    assert_eq!(stalled.tcp_connections, 2, "it is given time");

    // What had been let in comes, whole and in order; and then the call goes on.
    receiver.client.heard.clear();
    receiver.bytes_read = 0;
    receiver.reads = true;
    receiver.turn();
    let waited = receiver.bytes_read;
    assert!(waited < 1 << 20, "{waited} bytes waited");
    assert!(receiver.client.messages.iter().all(|message| !format!("{message:?}").is_empty()));
    run(&mut shard, &mut [&mut sender, &mut receiver], PATIENCE, |people| {
        let (voice, camera) = people[1].heard();
        voice > 100 && camera > 1_000
    });
    let missing = |mids: &[str0m::media::Mid]| -> u64 {
        let all = mids.iter().flat_map(|mid| receiver.client.heard_in(*mid).windows(2));
        all.map(|pair| pair[1].sequence.saturating_sub(pair[0].sequence + 1)).sum()
    };
    let (sounds, pictures) = (missing(&receiver.client.audio_slots), missing(&receiver.client.video_slots));
    assert_eq!(sounds, 0, "no sound is lost in four seconds");
    assert!(pictures > 100, "{pictures} packets of pictures are missing");
    assert!(receiver.client.is_connected && !receiver.client.is_closed);
}

#[test]
fn who_reads_nothing_any_more_is_cut_off() {
    let _turn = TURN.lock();
    let mut shard = Shard::start(LOCALHOST);
    let (mut sender, mut receiver) = (shard.join(1), shard.join(2));
    sender.client.show(20);
    let source = sender.client.sources.last_mut().unwrap();
    (source.period, source.payload_bytes) = (Duration::from_millis(1), 1_100);
    receiver.reads = false;
    let began = Instant::now();
    while shard.counters.tcp_closed.get("stalled") != Some(&1) {
        run_for(&mut shard, &mut [&mut sender, &mut receiver], Duration::from_millis(100));
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", shard.counters);
    }
    assert!(began.elapsed() > Duration::from_secs(10));
    // There is no other path: nothing is sent, and it is counted.
    run_for(&mut shard, &mut [&mut sender, &mut receiver], Duration::from_secs(1));
    assert!(shard.counters().packets_dropped["not_sendable"] > 100);
}
