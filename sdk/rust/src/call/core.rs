//! The call without sockets, clocks and tasks.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use boltorezka_proto::call::{CHANNEL_LABEL, EndReason, SlotWish, TrackSource};
use boltorezka_proto::data::{DataKind, DataTo};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, MediaData, MediaKind};
use str0m::net::{DatagramRecv, Protocol, Receive, TcpType, Transmit};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcError};

use super::channel::{CallState, ControlChannel, Phase};
use super::config::{CallConfig, MediaTransport, Playback};
use super::data::{DataChannels, ReceivedData};
use super::receive::{Receiver, Slot, SlotFrame};
use super::sending::Sending;
use super::stats::CallStats;
use super::{CallError, crypto, rtp, sdp};

/// Datagrams that wait to be sent. A turn makes far fewer; further ones are dropped, as a full socket would.
const TRANSMITS_MAX: usize = 2_048;
/// Frames that wait to be taken; further ones are dropped and counted.
const FRAMES_MAX: usize = 1_024;
/// Frames that one turn sends, so that a stalled call does not hold up others.
const FRAMES_PER_TURN: usize = 64;
/// How long a connection may be without a path before the call counts as lost.
const DISCONNECTED_MAX: Duration = Duration::from_secs(15);
/// How long an answered offer may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Packets that a frame may be spread over: a keyframe of 1080p at most qualities.
const REORDER_PACKETS_VIDEO: usize = 512;
/// How far back the sounds are that each packet repeats (RFC 2198): two losses in a row are made good. A voice takes three times
/// as many bits so, which is still less than a small picture.
const REDUNDANT_DISTANCES: [u32; 2] = [1, 2];

/// A call as a state machine: datagrams and time in, datagrams, frames and states out. It never reads a clock.
///
/// After each call of a `handle_` method or of a method that changes something, take all of
/// [`CallCore::poll_transmit`] and [`CallCore::poll_frame`], then wait until [`CallCore::poll_timeout`] or the next
/// datagram.
pub struct CallCore {
    rtc: Rtc,
    ignore_end: bool,
    transport: MediaTransport,
    pending: Option<SdpPendingOffer>,
    channel: Option<ChannelId>,
    control: ControlChannel,
    data: DataChannels,
    sending: Sending,
    receiver: Receiver,
    transmits: VecDeque<Transmit>,
    frames: VecDeque<SlotFrame>,
    rtc_timeout: Instant,
    offered_at: Instant,
    connected_at: Option<Instant>,
    /// When the call is given up, unless it connects before.
    give_up_at: Instant,
    stats: CallStats,
}

impl CallCore {
    /// A call, and the offer to send to the server.
    ///
    /// # Errors
    /// [`CallError::Config`].
    pub fn new(config: &CallConfig, now: Instant) -> Result<(Self, String), CallError> {
        config.validate()?;
        let mut rtc = Rtc::builder()
            .set_crypto_provider(crypto::provider())
            .clear_codecs()
            .enable_opus(true, true)
            .set_red_distances(&REDUNDANT_DISTANCES)
            .enable_vp8(true)
            .enable_h264(true)
            .enable_vp9(true)
            .enable_av1(true)
            .set_reordering_size_video(REORDER_PACKETS_VIDEO)
            .build(now);
        let mut api = rtc.sdp_api();
        let sending = Sending::offer(config, &mut api);
        let mut receiver = Receiver::default();
        let audio = std::iter::repeat_n(false, config.audio_slots);
        for is_video in audio.chain(std::iter::repeat_n(true, config.video_slots)) {
            let mid = api.add_media(
                if is_video { MediaKind::Video } else { MediaKind::Audio },
                Direction::RecvOnly,
                None,
                None,
                None,
            );
            receiver.slots.push(Slot::new(mid, is_video));
        }
        api.add_channel(CHANNEL_LABEL.to_owned());
        let data = if config.data { DataChannels::offer(&mut api) } else { DataChannels::default() };
        let (offer, pending) = api.apply().ok_or_else(|| CallError::Config("the offer is empty".into()))?;
        let core = Self {
            rtc,
            ignore_end: config.ignore_end,
            transport: config.transport,
            pending: Some(pending),
            channel: None,
            control: ControlChannel::new(),
            data,
            sending,
            receiver,
            transmits: VecDeque::new(),
            frames: VecDeque::new(),
            rtc_timeout: now,
            offered_at: now,
            connected_at: None,
            give_up_at: now + CONNECT_TIMEOUT,
            stats: CallStats::default(),
        };
        Ok((core, offer.to_sdp_string()))
    }

    /// Takes the server's answer and returns the addresses of its candidates. Add a local address for each way to
    /// them, with [`CallCore::add_local_address`].
    ///
    /// # Errors
    /// [`CallError::Answer`] when it does not fit the offer, names no candidate of the configured transport, or was given
    /// twice.
    pub fn accept_answer(&mut self, answer: &str, now: Instant) -> Result<Vec<SocketAddr>, CallError> {
        let pending = self.pending.take().ok_or_else(|| CallError::Answer("there was an answer already".into()))?;
        let candidates = sdp::candidates(answer, self.transport);
        if candidates.is_empty() {
            return Err(CallError::Answer(format!("it names no candidate for {:?}", self.transport)));
        }
        let answer = SdpAnswer::from_sdp_string(answer).map_err(|error| CallError::Answer(error.to_string()))?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| CallError::Answer(error.to_string()))?;
        self.turn(now);
        Ok(candidates)
    }

    /// Adds an address that datagrams can be sent from.
    pub fn add_local_address(&mut self, address: SocketAddr, now: Instant) {
        let candidate = match self.transport {
            MediaTransport::Udp => Candidate::host(address, Protocol::Udp),
            MediaTransport::Tcp => Candidate::builder().tcp().host(address).tcptype(TcpType::Active).build(),
        };
        if let Ok(candidate) = candidate {
            self.rtc.add_local_candidate(candidate);
            self.turn(now);
        }
    }

    /// Takes a datagram that came from `source` to the local address `destination`.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, destination: SocketAddr, datagram: &[u8]) {
        self.stats.datagrams_received += 1;
        let Ok(contents) = DatagramRecv::try_from(datagram) else {
            self.stats.datagrams_unknown += 1;
            return;
        };
        let failures_before = crypto::decrypt_failures();
        let proto = match self.transport {
            MediaTransport::Udp => Protocol::Udp,
            MediaTransport::Tcp => Protocol::Tcp,
        };
        let receive = Receive { proto, source, destination, contents };
        let taken = self.rtc.handle_input(Input::Receive(now, receive));
        let failures = crypto::decrypt_failures().wrapping_sub(failures_before);
        self.stats.decrypt_failures += failures;
        // Before the frame that it completes is taken: that one is told whose it is by its packets.
        if let (Some(header), 0) = (rtp::peek(datagram), failures) {
            self.count_packet(now, header, datagram.len());
        }
        self.drain_after(taken, now);
        self.flush(now);
    }

    /// Advances time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.turn(now);
        self.play(now);
        if now >= self.give_up_at && !self.has_ended() {
            self.end(EndReason::Timeout);
        }
    }

    /// When [`CallCore::handle_timeout`] wants to be called; `None` when the call is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.rtc.is_alive() {
            return None;
        }
        let others = [self.sending.poll_timeout(), self.control.poll_timeout()];
        let give_up_at = (!self.has_ended()).then_some(self.give_up_at);
        others.into_iter().flatten().chain(give_up_at).chain([self.rtc_timeout]).min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next frame that was received.
    pub fn poll_frame(&mut self) -> Option<SlotFrame> {
        self.frames.pop_front()
    }

    /// The next data message that was received.
    pub fn poll_data(&mut self) -> Option<ReceivedData> {
        self.data.poll()
    }

    /// The state, when it has changed since the last time.
    pub fn poll_state(&mut self) -> Option<&CallState> {
        std::mem::take(&mut self.control.is_changed).then_some(&self.control.state)
    }

    /// Counts so far.
    pub fn stats(&self) -> CallStats {
        CallStats {
            offered_at: Some(self.offered_at),
            connected_after: self.connected_at.map(|at| at.saturating_duration_since(self.offered_at)),
            data_dropped: self.data.dropped,
            rtp_packets_received: self.receiver.packets,
            last_rtp_received_at: self.receiver.last_packet_at,
            slots: self.receiver.slots.iter().map(|slot| slot.stats.clone()).collect(),
            tracks: self.receiver.tracks.clone(),
            ..self.stats.clone()
        }
    }

    /// The `a=mid` of each receive slot, audio first.
    pub fn slot_mids(&self) -> Vec<String> {
        self.receiver.slots.iter().map(|slot| slot.mid.to_string()).collect()
    }

    /// Marks this moment as the one that joining is measured from: call it when the offer is sent.
    pub fn offer_sent(&mut self, now: Instant) {
        self.offered_at = now;
        self.give_up_at = now + CONNECT_TIMEOUT;
    }

    /// Plays files into a section, instead of what it carried. They start when the call is connected.
    ///
    /// # Errors
    /// [`CallError::NotOffered`] and [`CallError::Config`].
    pub fn play_files(&mut self, playback: Playback, now: Instant) -> Result<(), CallError> {
        self.sending.set_playback(playback)?;
        self.start_players(now);
        self.publish(now);
        Ok(())
    }

    /// Stops a track: the server tells the others that it is gone.
    ///
    /// # Errors
    /// [`CallError::NotOffered`].
    pub fn stop(&mut self, source: TrackSource, now: Instant) -> Result<(), CallError> {
        self.sending.remove_playback(source)?;
        self.publish(now);
        Ok(())
    }

    /// Mutes a track or lifts that: a muted track is not sent, and the others are told.
    ///
    /// # Errors
    /// [`CallError::NotOffered`].
    pub fn set_muted(&mut self, source: TrackSource, muted: bool, now: Instant) -> Result<(), CallError> {
        self.sending.set_muted(source, muted, now)?;
        self.publish(now);
        Ok(())
    }

    /// Says what the slots are to carry, instead of all that was said before.
    pub fn subscribe(&mut self, slots: Vec<SlotWish>, now: Instant) {
        self.control.subscribe(slots);
        self.turn(now);
    }

    /// Sends a data message to the room, or to those whom the header names.
    ///
    /// # Errors
    /// [`CallError::Config`], [`CallError::Data`] and [`CallError::DataFull`].
    pub fn send_data(&mut self, kind: DataKind, to: &DataTo, payload: &[u8], now: Instant) -> Result<(), CallError> {
        self.data.send(kind, to, payload)?;
        self.turn(now);
        Ok(())
    }

    /// What media go over.
    pub(super) fn transport(&self) -> MediaTransport {
        self.transport
    }

    /// Whether the call goes on after the server has ended it. For tests of servers.
    pub(super) fn ignores_end(&self) -> bool {
        self.ignore_end
    }

    /// Ends the call: says good-bye to the server. Take all of [`CallCore::poll_transmit`] afterwards.
    pub fn close(&mut self, reason: EndReason, now: Instant) {
        self.ignore_end = false;
        self.control.set_phase(Phase::Ended(reason));
        self.sending.stop_players();
        if let Err(error) = self.rtc.close() {
            tracing::debug!(%error, "closing failed");
            self.rtc.disconnect();
        }
        self.turn(now);
    }

    fn publish(&mut self, now: Instant) {
        self.control.publish(self.sending.publications());
        self.turn(now);
    }

    fn start_players(&mut self, now: Instant) {
        if let Some(start) = self.connected_at {
            self.sending.start_players(start, now);
        }
    }

    /// Sends the frames whose time has come.
    fn play(&mut self, now: Instant) {
        for _ in 0..FRAMES_PER_TURN {
            let Some(frame) = self.sending.poll_frame(now) else { return };
            match self.sending.write(&mut self.rtc, frame) {
                Ok(()) => {
                    self.stats.frames_sent += 1;
                    self.advance(now);
                }
                Err(error) => {
                    tracing::debug!(%error, "a frame was not sent");
                    self.stats.frames_not_sent += 1;
                }
            }
        }
    }

    fn count_packet(&mut self, now: Instant, header: rtp::RtpHeader, length: usize) {
        if !self.receiver.knows(header.ssrc) {
            self.find_stream(header.ssrc);
        }
        self.receiver.add_packet(now, header, length);
    }

    /// Finds the slot of a stream that was not seen before.
    fn find_stream(&mut self, ssrc: u32) {
        for index in 0..self.receiver.slots.len() {
            let Some(mid) = self.receiver.slots.get(index).map(|slot| slot.mid) else { return };
            let mut api = self.rtc.direct_api();
            let Some(stream) = api.stream_rx_by_mid(mid, None) else { continue };
            let (main, repair) = (*stream.ssrc(), stream.rtx().map(|ssrc| *ssrc));
            if ssrc == main || repair == Some(ssrc) {
                self.receiver.add_stream(ssrc, mid, ssrc != main);
                return;
            }
        }
    }

    /// Advances str0m's time, which also makes packets of written frames, and takes all that it puts out.
    fn turn(&mut self, now: Instant) {
        self.advance(now);
        self.flush(now);
    }

    /// Sends what the control channel has to say, and then data.
    fn flush(&mut self, now: Instant) {
        while let Some(id) = self.channel
            && let Some(text) = self.control.poll_message(now)
        {
            let written = self.rtc.channel(id).map(|mut channel| channel.write(false, text.as_bytes()));
            if !matches!(written, Some(Ok(true))) {
                tracing::debug!("an in-call message was not sent");
                return;
            }
            self.advance(now);
        }
        if self.data.flush(&mut self.rtc) {
            self.advance(now);
        }
    }

    fn advance(&mut self, now: Instant) {
        let advanced = self.rtc.handle_input(Input::Timeout(now));
        self.drain_after(advanced, now);
    }

    fn drain_after(&mut self, result: Result<(), RtcError>, now: Instant) {
        if let Err(error) = result.and_then(|()| self.drain(now)) {
            tracing::warn!(%error, "the connection failed");
            self.rtc.disconnect();
            self.end(EndReason::Failed);
        }
    }

    fn drain(&mut self, now: Instant) -> Result<(), RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.rtc_timeout = at;
                    return Ok(());
                }
                Output::Transmit(transmit) => self.queue(transmit, now),
                Output::Event(event) => self.handle_event(event, now),
            }
        }
    }

    fn queue(&mut self, transmit: Transmit, now: Instant) {
        if self.transmits.len() >= TRANSMITS_MAX {
            self.stats.datagrams_dropped += 1;
            return;
        }
        if rtp::peek(&transmit.contents).is_some() {
            self.stats.rtp_packets_sent += 1;
            self.stats.last_rtp_sent_at = Some(now);
        }
        self.transmits.push_back(transmit);
    }

    fn handle_event(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => {
                self.connected_at = Some(now);
                self.give_up_at = now + Duration::from_secs(u64::from(u32::MAX));
                self.control.set_phase(Phase::Connected);
                self.start_players(now);
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.give_up_at = now + DISCONNECTED_MAX;
            }
            Event::IceConnectionStateChange(IceConnectionState::Connected | IceConnectionState::Completed)
                if self.connected_at.is_some() =>
            {
                self.give_up_at = now + Duration::from_secs(u64::from(u32::MAX));
            }
            Event::ChannelOpen(id, label) if label == CHANNEL_LABEL => {
                self.channel = Some(id);
                self.control.open();
            }
            Event::ChannelData(data) if Some(data.id) == self.channel => {
                self.control.receive(&data.data);
                if std::mem::take(&mut self.control.is_wanted_changed) {
                    self.sending.set_wanted(&self.control.state.wanted, now);
                    self.start_players(now);
                }
                if self.has_ended() && !self.ignore_end {
                    self.sending.stop_players();
                }
            }
            Event::ChannelOpen(id, label) => self.data.open(id, &label),
            Event::ChannelData(data) => self.data.receive(data.id, &data.data),
            Event::MediaData(media) => self.receive_frame(media),
            Event::KeyframeRequest(request) => {
                self.stats.keyframe_requests += 1;
                self.sending.request_keyframe(request.mid, now);
            }
            Event::Closed if !self.ignore_end => self.end(EndReason::Failed),
            _ => {}
        }
    }

    fn receive_frame(&mut self, media: MediaData) {
        let Some(index) = self.receiver.slots.iter().position(|slot| slot.mid == media.mid) else { return };
        let state = &self.control.state;
        let fallback = state.slots.iter().find(|slot| *slot.mid == *media.mid).and_then(|slot| slot.track);
        let Some(slot) = self.receiver.slots.get_mut(index) else { return };
        let Some(frame) = slot.add_frame(index, media, fallback, &state.tracks, self.offered_at) else { return };
        if self.frames.len() >= FRAMES_MAX {
            self.stats.frames_dropped += 1;
        } else {
            self.frames.push_back(frame);
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.control.state.phase, Phase::Ended(_))
    }

    fn end(&mut self, reason: EndReason) {
        self.control.set_phase(Phase::Ended(reason));
        self.sending.stop_players();
    }
}
