//! A participant: a real str0m peer that publishes simulated media and looks closely at what it gets.

pub mod decoder;
mod descriptor;
pub mod encoder;
pub mod truth;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_proto::call::{
    ClientCallMessage, EndReason, Publication, ServerCallMessage, ServerStateKind, SlotState, TrackInfo, TrackSource,
};
use boltorezka_proto::{ParticipantId, TrackNumber};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::crypto::CryptoProvider;
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcError};

use crate::random::Random;
use crate::rights::Arrived;
use decoder::{PictureDecoder, Received, Shown, SoundDecoder};
use encoder::{Encoder, Kind};
use truth::Truth;

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
    /// Pictures a second.
    pub fps: u32,
    /// How loud it speaks; `None` without a microphone.
    pub voice_dbov: Option<i8>,
}

const RIDS: [&str; 3] = ["q", "h", "f"];

/// A participant.
pub struct Client {
    /// Its place in the world.
    pub index: usize,
    /// Under which control admitted it.
    pub participant_id: ParticipantId,
    /// Where it sends from.
    pub address: SocketAddr,
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
    /// What was last shown of each section of each publisher.
    pub last_shown: BTreeMap<(u16, u8), Shown>,
    rtc: Rtc,
    pending: Option<(String, SdpPendingOffer)>,
    channel: Option<ChannelId>,
    unsent: Vec<ClientCallMessage>,
    out: Vec<(SocketAddr, Vec<u8>)>,
    wake_at: Instant,
    microphone: Option<Mid>,
    camera: Option<Mid>,
    publish_rev: u32,
}

impl Client {
    /// A participant that has made its offer.
    pub fn new(
        index: usize,
        address: SocketAddr,
        habits: Habits,
        crypto: Arc<CryptoProvider>,
        now: Instant,
        random: &mut Random,
    ) -> Self {
        let mut rtc = Rtc::builder().set_rtp_mode(true).set_crypto_provider(crypto).build(now);
        add_candidate(&mut rtc, address);
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
            api.add_channel(boltorezka_proto::call::CHANNEL_LABEL.to_owned());
        }
        let (offer, pending) = api.apply().expect("something to offer");
        let mut client = Self {
            index,
            participant_id: ParticipantId(random.uuid()),
            address,
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
            last_shown: BTreeMap::new(),
            rtc,
            pending: Some((offer.to_sdp_string(), pending)),
            channel: None,
            unsent: Vec::new(),
            out: Vec::new(),
            wake_at: now,
            microphone,
            camera,
            publish_rev: 0,
        };
        client.make_encoders(random);
        client
    }

    fn make_encoders(&mut self, random: &mut Random) {
        let publisher = self.index as u16;
        let truth =
            Truth { publisher, section: 0, encoding: 0, frame: 1, builds_on: 0, packet: 0, packets: 1, made_ms: 0 };
        if let (Some(mid), Some(level_dbov)) = (self.microphone, self.habits.voice_dbov) {
            let kind = Kind::voice(level_dbov);
            self.encoders.push(Encoder::new(mid, None, Codec::Opus, kind, truth, random.split()));
        }
        let Some(mid) = self.camera else { return };
        for (encoding, bitrate_bps) in self.habits.camera_bps.iter().enumerate() {
            let rid = (self.habits.camera_bps.len() > 1).then(|| Rid::from(RIDS[encoding]));
            let kind = Kind::video(*bitrate_bps, self.habits.fps);
            let truth = Truth { section: 1, encoding: encoding as u8, ..truth };
            self.encoders.push(Encoder::new(mid, rid, Codec::Vp8, kind, truth, random.split()));
        }
    }

    /// The offer that waits for an answer.
    pub fn offer(&self) -> Option<String> {
        self.pending.as_ref().map(|(offer, _)| offer.clone())
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
        let track = |mid: Mid, source, muted| Publication { mid: mid.to_string(), source, muted, height: Some(720) };
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
        let receive = Receive::new(Protocol::Udp, source, self.address, contents).map_err(|error| error.to_string())?;
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
            self.ask_for_keyframes(now);
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
            let codec = encoder.codec;
            let params = self.rtc.codec_config().find(|params| params.spec().codec == codec);
            let Some(pt) = params.map(|params| params.pt()) else { continue };
            for made in made {
                let mut direct = self.rtc.direct_api();
                let Some(stream) = direct.stream_tx_by_mid(encoder.mid, encoder.rid) else { continue };
                encoder.sequence += 1;
                let extensions = ExtensionValues {
                    audio_level: made.level_dbov,
                    voice_activity: made.level_dbov.map(|level| level > -127),
                    ..ExtensionValues::default()
                };
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

    fn ask_for_keyframes(&mut self, now: Instant) {
        for (mid, decoder) in &mut self.pictures {
            if decoder.poll(now) {
                self.wake_at = self.wake_at.min(now);
                if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(*mid, None) {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                }
            }
        }
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
                Output::Transmit(transmit) => self.out.push((transmit.destination, transmit.contents.to_vec())),
                Output::Event(event) => self.note(event)?,
            }
        }
    }

    fn note(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Connected => self.is_connected = true,
            // str0m wants a closed association to be closed once more, and fails over it.
            Event::Closed => self.is_closed = true,
            Event::ChannelOpen(channel, _) => {
                self.channel = Some(channel);
                self.publish(false, false);
            }
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
        let received = Received {
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            track: packet.header.csrc[0],
            at: packet.timestamp,
            payload: packet.payload.to_vec(),
        };
        let header_bytes = if self.sounds.contains_key(&mid) { 0 } else { descriptor::DESCRIPTOR_BYTES };
        if let Some(truth) = received.payload.get(header_bytes..).and_then(Truth::read) {
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

fn add_candidate(rtc: &mut Rtc, address: SocketAddr) {
    if let Ok(candidate) = Candidate::host(address, Protocol::Udp) {
        rtc.add_local_candidate(candidate);
    }
}
