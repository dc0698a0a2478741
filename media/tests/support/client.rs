//! A client that publishes numbered RTP and notes what it receives.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use boltorezka_media::egress::Via;
use boltorezka_media::tcp::TcpId;
use boltorezka_proto::ParticipantId;
use boltorezka_proto::call::{ClientCallMessage, ServerCallMessage, SlotState, TrackInfo, VideoCodec, WantedTrack};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use super::data::{self, DataLog};
use super::descriptor::{RawDescriptor, descriptor_extension};
use super::layered::{Coding, Encoder};
use super::source::Source;

/// What a client offers.
#[derive(Clone, Copy, Default)]
pub struct Wants {
    pub audio_slots: usize,
    pub video_slots: usize,
    pub channel: bool,
    /// Whether to open the channels for data messages.
    pub data: bool,
    /// Names of the camera's encodings; empty without simulcast.
    pub rids: &'static [&'static str],
}

/// A received packet, as far as tests care.
#[derive(Clone, Debug)]
pub struct Heard {
    pub at: Instant,
    pub sequence: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub payload_type: u8,
    pub track: u32,
    pub descriptor: Option<Vec<u8>>,
    pub payload: Vec<u8>,
}

pub struct Client {
    pub participant_id: ParticipantId,
    pub address: SocketAddr,
    pub shard: usize,
    /// The node's description that it took last.
    pub answer: String,
    pub rtc: Rtc,
    pub is_connected: bool,
    pub is_closed: bool,
    pub microphone: Mid,
    pub camera: Mid,
    pub audio_slots: Vec<Mid>,
    pub video_slots: Vec<Mid>,
    pub sources: Vec<Source>,
    pub heard: BTreeMap<String, Vec<Heard>>,
    pub messages: Vec<ServerCallMessage>,
    pub data: DataLog,
    pub keyframe_requests: Vec<Instant>,
    /// The clock of each slot as the node reported it last: a moment of the node's, and the timestamp of that moment.
    pub clocks: BTreeMap<String, (SystemTime, u32)>,
    /// Whether it sends only what is wanted.
    pub follows_wanted: bool,
    pub is_mute_to_the_network: bool,
    pub is_udp_blocked: bool,
    /// The address that its NAT gives it, where that is another.
    pub seen_as: Option<SocketAddr>,
    /// Its checks do not get through.
    pub loses_checks: bool,
    /// Its TCP connection, and the address that it has there.
    pub tcp: Option<TcpId>,
    pub tcp_address: SocketAddr,
    pending: Option<(String, SdpPendingOffer)>,
    channel: Option<ChannelId>,
    unsent: Vec<ClientCallMessage>,
    out: Vec<(Via, SocketAddr, Vec<u8>)>,
    rids: Vec<Rid>,
}

impl Client {
    pub fn new(number: u8, now: Instant, wants: Wants) -> Self {
        Self::of(number, now, wants, Rtc::builder())
    }

    /// A client that sends and takes redundant audio.
    pub fn redundant(number: u8, now: Instant, wants: Wants) -> Self {
        Self::of(number, now, wants, Rtc::builder().enable_opus(true, true))
    }

    /// A client that takes no pictures but VP8.
    pub fn of_vp8(number: u8, now: Instant, wants: Wants) -> Self {
        Self::of(number, now, wants, Rtc::builder().clear_codecs().enable_opus(true, false).enable_vp8(true))
    }

    /// The payload types of Opus and of redundant audio.
    pub fn audio_types(&self) -> (u8, Option<u8>) {
        let params = self.rtc.codec_config().find(|params| params.spec().codec == Codec::Opus).unwrap();
        (*params.pt(), params.red().map(|pt| *pt))
    }

    /// A client that sends and takes the Dependency Descriptor.
    pub fn described(number: u8, now: Instant, wants: Wants) -> Self {
        Self::of(number, now, wants, Rtc::builder().set_extension(9, descriptor_extension()))
    }

    fn of(number: u8, now: Instant, wants: Wants, config: RtcConfig) -> Self {
        let address = SocketAddr::from(([198, 51, 100, number], 40_000));
        let mut rtc = config.set_rtp_mode(true).build(now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).unwrap());
        let mut api = rtc.sdp_api();
        let microphone = api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        let simulcast = (!wants.rids.is_empty()).then(|| Simulcast {
            send: wants.rids.iter().map(|rid| SimulcastLayer::new(rid)).collect(),
            recv: Vec::new(),
        });
        let camera = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, simulcast);
        let mut slots = |kind, count| -> Vec<Mid> {
            (0..count).map(|_| api.add_media(kind, Direction::RecvOnly, None, None, None)).collect()
        };
        let audio_slots = slots(MediaKind::Audio, wants.audio_slots);
        let video_slots = slots(MediaKind::Video, wants.video_slots);
        if wants.channel {
            api.add_channel("boltorezka".to_owned());
        }
        if wants.data {
            data::offer(&mut api);
        }
        let (offer, pending) = api.apply().unwrap();
        Self {
            participant_id: ParticipantId::generate(),
            address,
            seen_as: None,
            loses_checks: false,
            shard: 0,
            answer: String::new(),
            rtc,
            is_connected: false,
            is_closed: false,
            microphone,
            camera,
            audio_slots,
            video_slots,
            sources: Vec::new(),
            heard: BTreeMap::new(),
            messages: Vec::new(),
            data: DataLog::default(),
            keyframe_requests: Vec::new(),
            clocks: BTreeMap::new(),
            follows_wanted: false,
            is_mute_to_the_network: false,
            is_udp_blocked: false,
            tcp: None,
            tcp_address: SocketAddr::from(([198, 51, 100, number], 50_000)),
            pending: Some((offer.to_sdp_string(), pending)),
            channel: None,
            unsent: Vec::new(),
            out: Vec::new(),
            rids: wants.rids.iter().map(|rid| Rid::from(*rid)).collect(),
        }
    }

    /// Opens a TCP connection too, from `address`.
    pub fn connect_tcp(&mut self, id: TcpId, address: SocketAddr) {
        (self.tcp, self.tcp_address) = (Some(id), address);
        let candidate = Candidate::builder().tcp().host(address).tcptype(TcpType::Active).build().unwrap();
        self.rtc.add_local_candidate(candidate).unwrap();
    }

    pub fn address_of(&self, via: Via) -> SocketAddr {
        if via == Via::Udp { self.seen_as.unwrap_or(self.address) } else { self.tcp_address }
    }

    /// Whether what goes over `via` from or to this address comes through to it.
    pub fn is_reached(&self, via: Via, address: SocketAddr) -> bool {
        let is_open = if via == Via::Udp { !self.is_udp_blocked } else { self.tcp.map(Via::Tcp) == Some(via) };
        is_open && self.address_of(via) == address && !self.is_mute_to_the_network
    }

    pub fn offer(&self) -> String {
        self.pending.as_ref().unwrap().0.clone()
    }

    /// The offer, with slots that are to play in step (RFC 5888).
    pub fn offer_in_step(&self, pairs: &[(Mid, Mid)]) -> String {
        let groups: String = pairs.iter().map(|(one, other)| format!("a=group:LS {one} {other}\r\n")).collect();
        self.offer().replacen("a=group:BUNDLE", &(groups + "a=group:BUNDLE"), 1)
    }

    pub fn accept(&mut self, answer: String) {
        let (_, pending) = self.pending.take().unwrap();
        let description = SdpAnswer::from_sdp_string(&answer).unwrap();
        self.rtc.sdp_api().accept_answer(pending, description).unwrap();
        self.answer = answer;
    }

    /// Goes on without the offer that was made last.
    pub fn forget_offer(&mut self) {
        self.pending = None;
    }

    /// Is at another address from now on, and nowhere else.
    pub fn move_to(&mut self, address: SocketAddr) {
        let before = Candidate::host(self.address, Protocol::Udp).unwrap();
        self.rtc.direct_api().invalidate_candidate(&before);
        self.address = address;
        self.rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).unwrap()).unwrap();
    }

    /// Adds slots and makes the offer that asks for them.
    pub fn add_video_slots(&mut self, count: usize) {
        let mut api = self.rtc.sdp_api();
        for _ in 0..count {
            let mid = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
            self.video_slots.push(mid);
        }
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some((offer.to_sdp_string(), pending));
    }

    /// Makes an offer with new ICE credentials, as after a change of network.
    pub fn restart_ice(&mut self) {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply().unwrap();
        self.pending = Some((offer.to_sdp_string(), pending));
    }

    pub fn speak(&mut self, mark: u8, level_dbov: i8) {
        let mid = self.microphone;
        self.sources.retain(|source| source.mid != mid);
        self.sources.push(Source::new(mid, None, Duration::from_millis(20), mark, 60, level_dbov));
    }

    /// Sends the camera's encodings, the first the smallest.
    pub fn show(&mut self, mark: u8) {
        let rids: Vec<_> =
            if self.rids.is_empty() { vec![None] } else { self.rids.iter().copied().map(Some).collect() };
        for (index, rid) in rids.into_iter().enumerate() {
            let bytes = 200 << (2 * index);
            let mark = mark + index as u8;
            self.sources.push(Source::new(self.camera, rid, Duration::from_millis(40), mark, bytes.min(1100), 0));
        }
    }

    /// Shows pictures with layers: `payload_bytes` in a frame of the lowest spatial layer, and twice as many in each above.
    pub fn show_layers(&mut self, mark: u8, coding: Coding, payload_bytes: usize) {
        self.show(mark);
        for source in self.sources.iter_mut().filter(|source| source.mid == self.camera) {
            source.encoder = Some(Encoder::new(coding));
            source.payload_bytes = payload_bytes << (2 * (source.mark - mark));
        }
    }

    pub fn stop(&mut self, mid: Mid) {
        self.sources.retain(|source| source.mid != mid);
    }

    pub fn say(&mut self, message: ClientCallMessage) {
        self.unsent.push(message);
    }

    pub fn slots(&self) -> Vec<SlotState> {
        let slots = self.messages.iter().rev().find_map(|message| match message {
            ServerCallMessage::Slots { slots, .. } => Some(slots.clone()),
            _ => None,
        });
        slots.unwrap_or_default()
    }

    /// The resume tokens that it was given, the latest last.
    pub fn tokens(&self) -> Vec<String> {
        let tokens = self.messages.iter().filter_map(|message| match message {
            ServerCallMessage::Resume { token, .. } => Some(token.clone()),
            _ => None,
        });
        tokens.collect()
    }

    /// What it was told of its camera; `None` when that was nothing.
    pub fn wanted(&self) -> Option<WantedTrack> {
        let tracks = self.messages.iter().rev().find_map(|message| match message {
            ServerCallMessage::Wanted { tracks, .. } => Some(tracks.clone()),
            _ => None,
        });
        tracks?.into_iter().find(|track| *track.mid == *self.camera)
    }

    pub fn tracks(&self) -> Vec<TrackInfo> {
        let tracks = self.messages.iter().rev().find_map(|message| match message {
            ServerCallMessage::Tracks { tracks, .. } => Some(tracks.clone()),
            _ => None,
        });
        tracks.unwrap_or_default()
    }

    /// What arrived in a slot, in the order of arrival.
    pub fn heard_in(&self, mid: Mid) -> &[Heard] {
        self.heard.get(&mid.to_string()).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn heard_count(&self) -> usize {
        self.heard.values().map(Vec::len).sum()
    }

    pub fn produce(&mut self, now: Instant) {
        if !self.is_connected || self.is_mute_to_the_network {
            return;
        }
        let video_pt = self.payload_type(Codec::Vp8);
        let audio_pt = self.payload_type(Codec::Opus);
        let red_pt = self.audio_types().1.map(Pt::from);
        let wanted = self.wanted().filter(|_| self.follows_wanted);
        for source in &mut self.sources {
            if let (Some(wanted), true) = (&wanted, source.is_video) {
                let of_source = wanted.encodings.iter().find(|entry| entry.rid.as_deref() == source.rid.as_deref());
                let is_wanted = of_source.is_some_and(|entry| entry.wanted);
                let falls_back = wanted.codec == Some(VideoCodec::Vp8);
                // What begins anew begins with a keyframe.
                source.wants_keyframe |= is_wanted && !source.was_wanted || falls_back != source.falls_back;
                (source.was_wanted, source.falls_back) = (is_wanted, falls_back);
            }
            if !source.was_wanted {
                continue;
            }
            if source.next.is_some_and(|next| now < next) {
                continue;
            }
            source.next = Some(now + source.period);
            if let Some(encoder) = &mut source.encoder
                && !source.falls_back
            {
                let codec = encoder.codec();
                let pt = self.rtc.codec_config().find(|params| params.spec().codec == codec).unwrap().pt();
                source.write_layers(&mut self.rtc, now, pt);
                continue;
            }
            let pt = if source.is_video {
                video_pt
            } else if source.is_redundant {
                red_pt.unwrap()
            } else {
                audio_pt
            };
            source.block_type = *audio_pt;
            source.write(&mut self.rtc, now, pt);
        }
    }

    pub fn receive(&mut self, now: Instant, via: Via, source: SocketAddr, contents: &[u8]) {
        let address = self.address_of(via);
        if !self.is_reached(via, address) {
            return;
        }
        let protocol = if via == Via::Udp { Protocol::Udp } else { Protocol::Tcp };
        let own = if via == Via::Udp { self.address } else { address };
        let receive = Receive::new(protocol, source, own, contents).unwrap();
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
        self.drain(now);
    }

    /// What it sends, each with what carries it and where it goes.
    pub fn poll(&mut self, now: Instant) -> Vec<(Via, SocketAddr, Vec<u8>)> {
        if let Some(channel) = self.channel {
            for message in std::mem::take(&mut self.unsent) {
                let text = serde_json::to_string(&message).unwrap();
                assert!(self.rtc.channel(channel).unwrap().write(false, text.as_bytes()).unwrap());
            }
        }
        self.data.write(&mut self.rtc);
        if self.rtc.handle_input(Input::Timeout(now)).is_ok() {
            self.drain(now);
        }
        let mut out = std::mem::take(&mut self.out);
        out.retain(|(via, ..)| self.is_reached(*via, self.address_of(*via)));
        out.retain(|(.., contents)| !self.loses_checks || contents[0] >= 4);
        out
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => {
                    let via = if transmit.proto == Protocol::Udp { Some(Via::Udp) } else { self.tcp.map(Via::Tcp) };
                    self.out.extend(via.map(|via| (via, transmit.destination, transmit.contents.to_vec())));
                }
                Output::Event(event) => self.note(now, event),
            }
        }
    }

    fn note(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected => self.is_connected = true,
            Event::Closed => self.is_closed = true,
            Event::ChannelOpen(channel, label) if label == "boltorezka" => self.channel = Some(channel),
            Event::ChannelOpen(channel, label) => self.data.open(channel, &label),
            Event::ChannelData(data) if Some(data.id) != self.channel => self.data.note(now, &data),
            Event::ChannelData(data) => self.messages.push(serde_json::from_slice(&data.data).unwrap()),
            Event::SenderFeedback(feedback) => {
                let info = feedback.sender_info;
                let clock = (info.ntp_time, info.rtp_time.numer() as u32);
                self.clocks.insert(feedback.mid.to_string(), clock);
            }
            Event::KeyframeRequest(request) => {
                self.keyframe_requests.push(now);
                for source in self.sources.iter_mut().filter(|source| source.mid == request.mid) {
                    source.wants_keyframe = true;
                }
            }
            Event::RtpPacket(packet) => {
                let mut direct = self.rtc.direct_api();
                let mid = direct.stream_rx(&packet.header.ssrc).unwrap().mid().to_string();
                assert_eq!(packet.header.csrc_count, 1, "each packet names its track");
                self.heard.entry(mid).or_default().push(Heard {
                    at: now,
                    sequence: *packet.seq_no,
                    timestamp: packet.header.timestamp,
                    marker: packet.header.marker,
                    payload_type: *packet.header.payload_type,
                    descriptor: packet.header.ext_vals.user_values.get().map(|RawDescriptor(raw)| raw.clone()),
                    track: packet.header.csrc[0],
                    payload: packet.payload.to_vec(),
                });
            }
            _ => {}
        }
    }

    fn payload_type(&self, codec: Codec) -> Pt {
        self.rtc.codec_config().find(|params| params.spec().codec == codec).unwrap().pt()
    }
}
