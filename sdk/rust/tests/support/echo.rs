//! A str0m peer in virtual time: it answers a client's offer and sends what the client publishes back into the
//! client's own slots, named by track numbers.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use boltorezka_proto::call::{
    ClientCallMessage, ClientStateKind, MediaPermissions, ServerCallMessage, SlotState, TrackInfo, TrackSource,
};
use boltorezka_proto::data::{self, DataFrom, DataTo};
use boltorezka_proto::{ParticipantId, TrackNumber};
use boltorezka_sdk::call::{CallConfig, CallCore, CallState, SlotFrame};
use str0m::change::SdpOffer;
use str0m::channel::{ChannelData, ChannelId};
use str0m::media::{KeyframeRequestKind, MediaKind, Mid, Rid};
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

pub const AUDIO_TRACK: TrackNumber = TrackNumber(0x0100_0001);
pub const VIDEO_TRACK: TrackNumber = TrackNumber(0x0100_0002);
const DELAY: Duration = Duration::from_millis(5);
const STEP: Duration = Duration::from_millis(1);

/// What the network does to the datagrams towards the client.
pub type Network = Box<dyn FnMut(u64, Vec<u8>) -> Option<Vec<u8>>>;

pub struct Echo {
    pub rtc: Rtc,
    address: SocketAddr,
    slots: Vec<(Mid, MediaKind)>,
    channel: Option<ChannelId>,
    pub received: Vec<ClientCallMessage>,
    pub rids: Vec<Rid>,
    pub rtp_packets: u64,
    participant_id: ParticipantId,
    out: Vec<Vec<u8>>,
    acks: bool,
}

/// A client and its peer, and the time between them.
pub struct Pair {
    pub core: CallCore,
    pub echo: Echo,
    pub now: Instant,
    pub start: Instant,
    client_address: SocketAddr,
    to_client: Vec<(Instant, Vec<u8>)>,
    to_server: Vec<(Instant, Vec<u8>)>,
    pub network: Network,
    datagrams_to_client: u64,
    pub frames: Vec<SlotFrame>,
    pub state: CallState,
}

impl Pair {
    pub fn new(config: &CallConfig) -> Self {
        Self::with(config, true)
    }

    /// With a peer that takes redundant audio, or does not.
    pub fn with(config: &CallConfig, is_redundant: bool) -> Self {
        let start = Instant::now();
        let client_address: SocketAddr = "10.0.0.1:5000".parse().unwrap();
        let address: SocketAddr = "10.0.0.2:7000".parse().unwrap();
        let (mut core, offer) = CallCore::new(config, start).unwrap();
        let mut rtc = Rtc::builder().enable_opus(true, is_redundant).set_ice_lite(true).set_rtp_mode(true).build(start);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(&offer).unwrap()).unwrap();
        assert_eq!(core.accept_answer(&answer.to_sdp_string(), start).unwrap(), [address]);
        core.add_local_address(client_address, start);
        let echo = Echo {
            rtc,
            address,
            slots: vec![],
            channel: None,
            received: vec![],
            rids: vec![],
            rtp_packets: 0,
            participant_id: ParticipantId::generate(),
            out: vec![],
            acks: true,
        };
        Self {
            core,
            echo,
            now: start,
            start,
            client_address,
            to_client: vec![],
            to_server: vec![],
            network: Box::new(|_, datagram| Some(datagram)),
            datagrams_to_client: 0,
            frames: vec![],
            state: CallState::default(),
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// Steps until it is so; fails after 10 s.
    pub fn run_until(&mut self, what: &str, is_so: impl Fn(&Pair) -> bool) {
        let end = self.now + Duration::from_secs(10);
        while !is_so(self) {
            assert!(self.now < end, "waited 10 s for {what}; state: {:?}", self.state);
            self.step();
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let now = self.now;
        let due = |queue: &mut Vec<(Instant, Vec<u8>)>| {
            let split = queue.iter().position(|(at, _)| *at > now).unwrap_or(queue.len());
            queue.drain(..split).map(|(_, datagram)| datagram).collect::<Vec<_>>()
        };
        for datagram in due(&mut self.to_client) {
            self.core.handle_datagram(now, self.echo.address, self.client_address, &datagram);
            self.take(now);
        }
        for datagram in due(&mut self.to_server) {
            self.echo.handle(now, self.client_address, Some(&datagram));
        }
        if self.core.poll_timeout().is_some_and(|at| at <= now) {
            self.core.handle_timeout(now);
        }
        self.take(now);
        self.echo.handle(now, self.client_address, None);
        for datagram in std::mem::take(&mut self.echo.out) {
            self.datagrams_to_client += 1;
            if let Some(datagram) = (self.network)(self.datagrams_to_client, datagram) {
                self.to_client.push((now + DELAY, datagram));
            }
        }
    }

    fn take(&mut self, now: Instant) {
        while let Some(transmit) = self.core.poll_transmit() {
            self.to_server.push((now + DELAY, transmit.contents.to_vec()));
        }
        while let Some(frame) = self.core.poll_frame() {
            self.frames.push(frame);
        }
        if let Some(state) = self.core.poll_state() {
            self.state = state.clone();
        }
    }
}

impl Echo {
    pub fn stop_acks(&mut self) {
        self.acks = false;
    }

    pub fn send(&mut self, message: &ServerCallMessage) {
        let id = self.channel.expect("the channel is open");
        let text = serde_json::to_string(message).unwrap();
        assert!(self.rtc.channel(id).unwrap().write(false, text.as_bytes()).unwrap());
    }

    pub fn request_keyframe(&mut self, rid: Option<Rid>) {
        let mid = self.publishing_video();
        self.rtc.direct_api().stream_rx_by_mid(mid, rid).unwrap().request_keyframe(KeyframeRequestKind::Pli);
    }

    fn publishing_video(&mut self) -> Mid {
        let published = self.received.iter().rev().find_map(|message| match message {
            ClientCallMessage::Publish { tracks, .. } => tracks.iter().find(|track| track.source.is_video()),
            _ => None,
        });
        Mid::from(published.expect("the client publishes a picture").mid.as_str())
    }

    fn handle(&mut self, now: Instant, source: SocketAddr, datagram: Option<&[u8]>) {
        let input = match datagram {
            Some(datagram) => Input::Receive(
                now,
                Receive {
                    proto: Protocol::Udp,
                    source,
                    destination: self.address,
                    contents: DatagramRecv::try_from(datagram).unwrap(),
                },
            ),
            None => Input::Timeout(now),
        };
        self.rtc.handle_input(input).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => self.out.push(transmit.contents.to_vec()),
                Output::Event(event) => self.handle_event(event, now),
            }
        }
    }

    fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::MediaAdded(media) if !media.direction.is_receiving() => self.slots.push((media.mid, media.kind)),
            Event::ChannelOpen(id, label) if label == "boltorezka" => {
                self.channel = Some(id);
                self.welcome();
            }
            Event::ChannelData(data) if Some(data.id) != self.channel => self.send_back(&data),
            Event::ChannelData(data) => self.handle_message(serde_json::from_slice(&data.data).unwrap()),
            Event::RtpPacket(packet) => self.forward(packet, now),
            _ => {}
        }
    }

    /// Sends a data message back, as the server would send it on.
    fn send_back(&mut self, message: &ChannelData) {
        assert!(message.binary);
        let (header, payload): (DataTo, _) = data::read(&message.data).unwrap();
        let from = DataFrom::Message { from: self.participant_id, topic: header.topic };
        let message_back = data::write(&from, payload);
        assert!(self.rtc.channel(message.id).unwrap().write(true, &message_back).unwrap());
    }

    fn welcome(&mut self) {
        let participant_id = self.participant_id;
        self.send(&ServerCallMessage::Welcome { participant_id, permissions: MediaPermissions::ALL });
        let info = |track, source| TrackInfo { track, participant_id, source, muted: false };
        let tracks = vec![info(AUDIO_TRACK, TrackSource::Microphone), info(VIDEO_TRACK, TrackSource::Camera)];
        self.send(&ServerCallMessage::Tracks { rev: 1, tracks });
        let slots = self.slots.iter().map(|(mid, _)| SlotState {
            mid: mid.to_string(),
            track: None,
            participant_id: None,
            source: None,
            rid: None,
            reason: None,
        });
        let slots = slots.collect();
        self.send(&ServerCallMessage::Slots { rev: 1, slots });
    }

    fn handle_message(&mut self, message: ClientCallMessage) {
        let ack = match &message {
            ClientCallMessage::Publish { rev, .. } => Some((ClientStateKind::Publish, *rev)),
            ClientCallMessage::Subscribe { rev, .. } => Some((ClientStateKind::Subscribe, *rev)),
            ClientCallMessage::Ack { .. } => None,
        };
        self.received.push(message);
        if let (Some((of, rev)), true) = (ack, self.acks) {
            self.send(&ServerCallMessage::Ack { of, rev });
        }
    }

    /// Sends a packet back, unchanged but for the track's number. Of a simulcast, the smallest.
    fn forward(&mut self, packet: RtpPacket, now: Instant) {
        self.rtp_packets += 1;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx(&packet.header.ssrc).unwrap();
        let (mid, rid) = (stream.mid(), stream.rid());
        if let Some(rid) = rid {
            if !self.rids.contains(&rid) {
                self.rids.push(rid);
            }
            if &*rid != "q" {
                return;
            }
        }
        let kind = self.rtc.media(mid).unwrap().kind();
        let Some((slot, _)) = self.slots.iter().find(|(_, slot_kind)| *slot_kind == kind) else { return };
        let track = if kind == MediaKind::Audio { AUDIO_TRACK } else { VIDEO_TRACK };
        let header = &packet.header;
        // A fresh receiver takes the first sequence number for one of the first 65,536.
        let write = RtpWrite::new(header.payload_type, packet.seq_no, header.timestamp, now, packet.payload.clone())
            .marker(header.marker)
            .nackable(kind == MediaKind::Video)
            .csrc(&[track.0]);
        self.rtc.direct_api().stream_tx_by_mid(*slot, None).unwrap().write_rtp(write);
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }
}
