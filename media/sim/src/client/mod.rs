//! A participant: a real str0m peer that publishes simulated media and looks closely at what it gets.

mod carrier;
mod channels;
pub mod coding;
pub mod decoder;
pub mod described;
mod descriptor;
pub mod encoder;
#[path = "../../../tests/support/descriptor.rs"]
#[allow(missing_docs, reason = "it is written for the tests of the media plane")]
mod extension;
mod references;
pub mod sound;
pub mod truth;
pub mod view;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_proto::call::{
    CHANNEL_LABEL, ClientCallMessage, EndReason, Publication, ServerCallMessage, ServerStateKind, SlotState, TrackInfo,
    TrackSource,
};
use boltorezka_proto::{ParticipantId, TrackNumber};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::crypto::CryptoProvider;
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Event, Input, Output, Rtc, RtcError};

use crate::random::Random;
use crate::rights::Arrived;
use carrier::add_candidate;
use channels::DataChannels;
use coding::Coding;
use decoder::{PictureDecoder, Received, Shown};
use encoder::{Encoder, Kind};
use extension::{RawDescriptor, descriptor_extension};
use sound::SoundDecoder;
use truth::Truth;
use view::View;

/// What a participant is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habits {
    /// Receiving sections for sound.
    pub audio_slots: usize,
    /// Receiving sections for pictures.
    pub video_slots: usize,
    /// It opens the in-call channel; plain WebRTC stacks do not.
    pub channel: bool,
    /// Bits per second of each encoding of its camera, smallest first; none without a camera.
    pub camera_bps: &'static [u64],
    /// How it codes them.
    pub coding: Coding,
    /// Pictures a second.
    pub fps: u32,
    /// How loud it speaks; `None` without a microphone.
    pub voice_dbov: Option<i8>,
}

/// What only some participants have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extras {
    /// It sends and takes data messages.
    pub data: bool,
    /// UDP is blocked for it: it comes over TCP.
    pub tcp: bool,
}

const RIDS: [&str; 3] = ["q", "h", "f"];
/// The number of the Dependency Descriptor among this client's header extensions.
const DEPENDENCY_ID: u8 = 9;
/// What a packet has besides its payload: IPv4, UDP, RTP with a CSRC and extensions, and the SRTP tag.
const HEADER_BYTES: usize = 28 + 16 + 20 + 16;

/// A participant.
pub struct Client {
    /// Its place in the world.
    pub index: usize,
    /// Under which control admitted it.
    pub participant_id: ParticipantId,
    /// Where it sends from.
    pub address: SocketAddr,
    /// What carries what it sends and receives.
    pub protocol: Protocol,
    /// What that looks like from outside.
    pub external: SocketAddr,
    /// What it is like.
    pub habits: Habits,
    /// What it publishes.
    pub encoders: Vec<Encoder>,
    /// Receivers of pictures, by section.
    pub pictures: BTreeMap<Mid, PictureDecoder>,
    /// Receivers of sound, by section.
    pub sounds: BTreeMap<Mid, SoundDecoder>,
    /// What it was shown and played since the world took it.
    pub shown: Vec<(Mid, Shown)>,
    /// ICE and DTLS are done.
    pub is_connected: bool,
    /// The node has closed the connection.
    pub is_closed: bool,
    /// Its part was ended; str0m fails where that comes before its data channel is there.
    pub is_leaving: bool,
    /// Why the node ended it.
    pub ended: Option<EndReason>,
    /// Whom each track number stood for, as the node said.
    pub names: HashMap<TrackNumber, TrackInfo>,
    /// The latest slot map.
    pub slots: Vec<SlotState>,
    /// In-call messages since the world took them.
    pub heard: Vec<ServerCallMessage>,
    /// Packets since the world took them.
    pub arrived: Vec<Arrived>,
    /// When the datagram that is being received left the node.
    pub left_at: Instant,
    /// What it sees and hears of each section of each publisher.
    pub views: BTreeMap<(u16, u8), View>,
    /// Bytes of pictures and sounds that it received, each once, with their headers.
    pub media_bytes: u64,
    /// Data messages.
    pub data: DataChannels,
    rtc: Rtc,
    pending: Option<(String, SdpPendingOffer)>,
    channel: Option<ChannelId>,
    unsent: Vec<ClientCallMessage>,
    out: Vec<(SocketAddr, Vec<u8>)>,
    wake_at: Instant,
    microphone: Option<Mid>,
    camera: Option<Mid>,
    publish_rev: u32,
    /// When ICE is begun anew, since no way to the node is left.
    restart_at: Option<Instant>,
}

/// A client that finds no way to the node begins ICE anew at once, and again after so long.
const RESTART_AGAIN: Duration = Duration::from_secs(2);

impl Client {
    /// A participant that has made its offer.
    pub fn new(
        index: usize,
        address: SocketAddr,
        habits: Habits,
        extras: Extras,
        crypto: Arc<CryptoProvider>,
        now: Instant,
        random: &mut Random,
    ) -> Self {
        let config = Rtc::builder().set_rtp_mode(true).set_crypto_provider(crypto);
        let mut rtc = config.set_extension(DEPENDENCY_ID, descriptor_extension()).build(now);
        let protocol = if extras.tcp { Protocol::Tcp } else { Protocol::Udp };
        add_candidate(&mut rtc, protocol, address);
        let mut api = rtc.sdp_api();
        let microphone =
            habits.voice_dbov.map(|_| api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None));
        let is_simulcast = habits.camera_bps.len() > 1;
        let rids: Vec<&str> = if is_simulcast { RIDS[..habits.camera_bps.len()].to_vec() } else { Vec::new() };
        let simulcast = is_simulcast
            .then(|| Simulcast { send: rids.iter().map(|rid| SimulcastLayer::new(rid)).collect(), recv: Vec::new() });
        let camera = (!habits.camera_bps.is_empty())
            .then(|| api.add_media(MediaKind::Video, Direction::SendOnly, None, None, simulcast));
        let mut slots = |kind, count: usize| -> Vec<Mid> {
            (0..count).map(|_| api.add_media(kind, Direction::RecvOnly, None, None, None)).collect()
        };
        let sounds = slots(MediaKind::Audio, habits.audio_slots);
        let pictures = slots(MediaKind::Video, habits.video_slots);
        if habits.channel {
            api.add_channel(CHANNEL_LABEL.to_owned());
        }
        let data = if extras.data { channels::offer(&mut api) } else { Vec::new() };
        let (offer, pending) = api.apply().expect("something to offer");
        let mut client = Self {
            index,
            participant_id: ParticipantId(random.uuid()),
            address,
            protocol,
            external: address,
            habits,
            encoders: Vec::new(),
            pictures: pictures.into_iter().map(|mid| (mid, PictureDecoder::default())).collect(),
            sounds: sounds.into_iter().map(|mid| (mid, SoundDecoder::default())).collect(),
            shown: Vec::new(),
            is_connected: false,
            is_closed: false,
            is_leaving: false,
            ended: None,
            names: HashMap::new(),
            slots: Vec::new(),
            heard: Vec::new(),
            arrived: Vec::new(),
            left_at: now,
            views: BTreeMap::new(),
            media_bytes: 0,
            data: DataChannels::offered(data),
            rtc,
            pending: Some((offer.to_sdp_string(), pending)),
            channel: None,
            unsent: Vec::new(),
            out: Vec::new(),
            wake_at: now,
            microphone,
            camera,
            publish_rev: 0,
            restart_at: None,
        };
        client.make_encoders(random);
        client
    }

    fn make_encoders(&mut self, random: &mut Random) {
        let publisher = self.index as u16;
        if let (Some(mid), Some(level_dbov)) = (self.microphone, self.habits.voice_dbov) {
            let (kind, truth) = (Kind::voice(level_dbov), Truth::first(publisher, 0, 0));
            self.encoders.push(Encoder::new(mid, None, kind, truth, random.split()));
        }
        let Some(mid) = self.camera else { return };
        let Habits { camera_bps, fps, coding, .. } = self.habits;
        for (encoding, bitrate_bps) in camera_bps.iter().enumerate() {
            let rid = (camera_bps.len() > 1).then(|| Rid::from(RIDS[encoding]));
            let kind = Kind::video(*bitrate_bps, fps, coding);
            let truth = Truth::first(publisher, 1, encoding as u8);
            self.encoders.push(Encoder::new(mid, rid, kind, truth, random.split()));
        }
    }

    /// The payload type of sound, in what it receives.
    pub fn sound_payload_type(&self) -> Option<u8> {
        let params = self.rtc.codec_config().find(|params| params.spec().codec == Codec::Opus);
        params.map(|params| *params.pt())
    }

    /// The offer that waits for an answer.
    pub fn offer(&self) -> Option<String> {
        self.pending.as_ref().map(|(offer, _)| offer.clone())
    }

    /// An offer that begins ICE anew, when that is due.
    pub fn restart(&mut self, now: Instant) -> Option<String> {
        self.restart_at.filter(|at| *at <= now && !self.is_closed && !self.is_leaving)?;
        self.restart_at = Some(now + RESTART_AGAIN);
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending) = api.apply()?;
        let offer = offer.to_sdp_string();
        self.pending = Some((offer.clone(), pending));
        Some(offer)
    }

    /// Takes the answer.
    pub fn accept(&mut self, answer: &str) {
        if let Some((_, pending)) = self.pending.take() {
            let answer = SdpAnswer::from_sdp_string(answer).expect("a description");
            self.rtc.sdp_api().accept_answer(pending, answer).expect("an answer to the offer");
        }
    }

    /// Says something on the in-call channel.
    pub fn say(&mut self, message: ClientCallMessage) {
        self.unsent.push(message);
    }

    /// Mutes or unmutes what it publishes, and says so where it speaks the protocol.
    pub fn publish(&mut self, microphone_muted: bool, camera_muted: bool) {
        self.publish_rev += 1;
        let track = |mid: Mid, source, muted| Publication {
            mid: mid.to_string(),
            source,
            muted,
            height: Some(720),
            heights: Vec::new(),
        };
        let microphone = self.microphone.map(|mid| track(mid, TrackSource::Microphone, microphone_muted));
        let camera = self.camera.map(|mid| track(mid, TrackSource::Camera, camera_muted));
        let tracks = microphone.into_iter().chain(camera).collect();
        self.say(ClientCallMessage::Publish { rev: self.publish_rev, tracks });
    }

    /// Takes a datagram that has arrived.
    ///
    /// # Errors
    /// What was wrong with it, or with what it showed.
    pub fn receive(&mut self, at: Instant, source: SocketAddr, contents: &[u8]) -> Result<(), String> {
        if self.is_closed {
            return Ok(());
        }
        let receive = Receive::new(self.protocol, source, self.address, contents).map_err(|error| error.to_string())?;
        match self.rtc.handle_input(Input::Receive(at, receive)) {
            Ok(()) => self.drain(),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &RtcError) -> Result<(), String> {
        self.is_closed = true;
        if self.is_leaving { Ok(()) } else { Err(error.to_string()) }
    }

    /// Does what is due, and hands out what leaves.
    ///
    /// # Errors
    /// What was wrong with what it received.
    pub fn poll(&mut self, now: Instant, elapsed: Duration) -> Result<Vec<(SocketAddr, Vec<u8>)>, String> {
        if self.is_closed {
            return Ok(Vec::new());
        }
        self.speak(now);
        if self.is_connected {
            self.produce(now, elapsed);
            self.look_at_pictures(now)?;
        }
        if self.wake_at <= now {
            match self.rtc.handle_input(Input::Timeout(now)) {
                Ok(()) => self.drain()?,
                Err(error) => self.fail(&error)?,
            }
        }
        Ok(std::mem::take(&mut self.out))
    }

    fn speak(&mut self, now: Instant) {
        if self.data.write(&mut self.rtc) {
            self.wake_at = self.wake_at.min(now);
        }
        let Some(channel) = self.channel else { return };
        for message in std::mem::take(&mut self.unsent) {
            self.wake_at = self.wake_at.min(now);
            let text = serde_json::to_string(&message).expect("JSON");
            if let Some(mut channel) = self.rtc.channel(channel) {
                channel.write(false, text.as_bytes()).expect("room in the channel");
            }
        }
    }

    fn produce(&mut self, now: Instant, elapsed: Duration) {
        for encoder in &mut self.encoders {
            let made = encoder.poll(now, elapsed);
            if made.is_empty() {
                continue;
            }
            self.wake_at = self.wake_at.min(now);
            let codec = encoder.kind.codec();
            let params = self.rtc.codec_config().find(|params| params.spec().codec == codec);
            let Some(pt) = params.map(|params| params.pt()) else { continue };
            for made in made {
                let mut direct = self.rtc.direct_api();
                let Some(stream) = direct.stream_tx_by_mid(encoder.mid, encoder.rid) else { continue };
                encoder.sequence += 1;
                let mut extensions = ExtensionValues {
                    audio_level: made.level_dbov,
                    voice_activity: made.level_dbov.map(|level| level > -127),
                    ..ExtensionValues::default()
                };
                if let Some(dependency) = made.dependency {
                    extensions.user_values.set(RawDescriptor(dependency));
                }
                let is_video = made.level_dbov.is_none();
                let write = RtpWrite::new(pt, encoder.sequence.into(), made.timestamp, now, made.payload);
                stream.write_rtp(write.marker(made.marker).ext_vals(extensions).nackable(is_video));
            }
            // str0m sends one packet for each step of its clock.
            if self.rtc.handle_input(Input::Timeout(now)).is_ok() {
                self.wake_at = now;
            }
        }
    }

    fn look_at_pictures(&mut self, now: Instant) -> Result<(), String> {
        let Self { pictures, shown, rtc, wake_at, .. } = self;
        for (mid, decoder) in pictures {
            let mut late = Vec::new();
            let asks = decoder.poll(now, &mut late).map_err(|wrong| format!("in section {mid}: {wrong}"))?;
            shown.extend(late.into_iter().map(|late| (*mid, late)));
            if asks {
                *wake_at = (*wake_at).min(now);
                if let Some(stream) = rtc.direct_api().stream_rx_by_mid(*mid, None) {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                }
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), String> {
        loop {
            if self.is_closed {
                return Ok(());
            }
            let output = match self.rtc.poll_output() {
                Ok(output) => output,
                Err(error) => return self.fail(&error),
            };
            match output {
                Output::Timeout(at) => {
                    self.wake_at = at;
                    return Ok(());
                }
                // What str0m still has for an address that it has left goes nowhere.
                Output::Transmit(transmit) if transmit.source != self.address => {}
                Output::Transmit(transmit) => self.out.push((transmit.destination, transmit.contents.to_vec())),
                Output::Event(event) => self.note(event)?,
            }
        }
    }

    fn note(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Connected => self.is_connected = true,
            Event::IceConnectionStateChange(state) => {
                self.restart_at = state.is_disconnected().then_some(self.wake_at);
            }
            // str0m wants a closed association to be closed once more, and fails over it.
            Event::Closed => self.is_closed = true,
            Event::ChannelOpen(channel, label) if label != CHANNEL_LABEL => self.data.opened(channel, &label),
            Event::ChannelOpen(channel, _) => {
                self.channel = Some(channel);
                self.publish(false, false);
            }
            Event::ChannelData(data) if Some(data.id) != self.channel => self.data.receive(data)?,
            Event::ChannelData(data) => {
                let message = serde_json::from_slice(&data.data).map_err(|error| error.to_string())?;
                self.hear(message);
            }
            Event::KeyframeRequest(request) => {
                let asked = |encoder: &&mut Encoder| encoder.mid == request.mid && encoder.rid == request.rid;
                self.encoders.iter_mut().filter(asked).for_each(Encoder::request_keyframe);
            }
            Event::RtpPacket(packet) => self.take_packet(packet)?,
            _ => {}
        }
        Ok(())
    }

    fn hear(&mut self, message: ServerCallMessage) {
        match &message {
            ServerCallMessage::Tracks { rev, tracks } => {
                self.names.extend(tracks.iter().map(|track| (track.track, track.clone())));
                self.say(ClientCallMessage::Ack { of: ServerStateKind::Tracks, rev: *rev });
            }
            ServerCallMessage::Slots { rev, slots } => {
                self.slots.clone_from(slots);
                self.say(ClientCallMessage::Ack { of: ServerStateKind::Slots, rev: *rev });
            }
            ServerCallMessage::Ended { reason } => self.ended = Some(*reason),
            _ => {}
        }
        self.heard.push(message);
    }

    fn take_packet(&mut self, packet: RtpPacket) -> Result<(), String> {
        let mut direct = self.rtc.direct_api();
        let Some(mid) = direct.stream_rx(&packet.header.ssrc).map(|stream| stream.mid()) else {
            return Err("a packet of no section".into());
        };
        if packet.header.csrc_count != 1 {
            return Err("a packet that does not name its track".into());
        }
        let pt = packet.header.payload_type;
        let params = self.rtc.codec_config().find(|params| params.pt() == pt);
        let Some(codec) = params.map(|params| params.spec().codec) else {
            return Err(format!("a packet of payload type {pt}"));
        };
        self.media_bytes += (packet.payload.len() + HEADER_BYTES) as u64;
        let received = Received {
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            track: packet.header.csrc[0],
            codec,
            at: packet.timestamp,
            overtaken: false,
            dependency: packet.header.ext_vals.user_values.get().map(|RawDescriptor(bytes)| bytes.clone()),
            payload: packet.payload.to_vec(),
        };
        if let Some(truth) = received.truth() {
            let Truth { publisher, section, .. } = truth;
            self.arrived.push(Arrived { publisher, section, left_at: self.left_at });
        }
        let place = |wrong: String| format!("in section {mid}: {wrong}");
        if let Some(decoder) = self.sounds.get_mut(&mid) {
            let played = decoder.receive(&received).map_err(place)?;
            self.shown.extend(played.map(|played| (mid, played)));
        } else if let Some(decoder) = self.pictures.get_mut(&mid) {
            let mut shown = Vec::new();
            decoder.receive(received, &mut shown).map_err(place)?;
            self.shown.extend(shown.into_iter().map(|shown| (mid, shown)));
        }
        Ok(())
    }
}
