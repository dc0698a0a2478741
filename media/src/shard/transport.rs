//! One WebRTC transport: the only place that speaks to str0m.
//!
//! It turns datagrams into envelopes and channel texts. What is sent to clients is not its business but that of
//! [`crate::egress`]: str0m never sends media here, and its reports about what it receives have a source of their own.

mod channels;
mod envelope;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::channel::ChannelId;
use str0m::config::DtlsCert;
use str0m::crypto::CryptoProvider;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive, TcpType, Transmit};
use str0m::stats::PeerStats;
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcError};
use thiserror::Error;

use super::Datagram;
use super::contain::{Panicked, contain};
use super::credentials::{self, ClientCredentials};
use super::demux::TransactionId;
use super::dtls::exported_keys;
use super::extensions::{DEPENDENCY_ID_LOCAL, Received, dependency_extension};
use super::formats::destination_formats;
use super::offer::Offer;
use super::sources::Sources;
use crate::egress::{Opener, Path, Sealer, SendBatch, SrtpError, StreamConfig, Via};
use crate::rtp::{Format, Packet};
use crate::tcp::TcpId;
use envelope::{Stream, Wrapped};

/// How often loss and round-trip time are reported.
const STATS_INTERVAL: Duration = Duration::from_secs(1);
/// Longest payload that is forwarded: with our headers it must fit a datagram of str0m, and any path.
const PAYLOAD_BYTES_MAX: usize = 1350;
/// Sources of one connection in its life: some fifteen at a time, and new ones when a browser starts a stream anew.
const SSRCS_MAX: usize = 256;
/// Data channels that a client may open in a connection's life.
const CHANNELS_MAX: usize = 16;

/// What a shard gives to each of its transports.
#[derive(Debug, Clone)]
pub struct TransportConfig {
    /// Addresses under which clients reach the shard, over UDP and over TCP.
    pub candidates: Vec<SocketAddr>,
    /// The node's certificate.
    pub certificate: DtlsCert,
    /// Crypto for DTLS, SRTP and STUN.
    pub crypto: Arc<CryptoProvider>,
}

/// Why an offer or a datagram was not taken.
#[derive(Debug, Error)]
pub enum TransportError {
    /// str0m refused it.
    #[error("the offer cannot be answered: {0}")]
    Offer(RtcError),
    /// The transport failed and is of no more use.
    #[error("the transport failed: {0}")]
    Failed(#[from] RtcError),
    /// The keys of the connection are of no use.
    #[error("the SRTP keys cannot be used: {0}")]
    Keys(#[from] SrtpError),
    /// str0m panicked over what the client sent. The transport is of no more use; the others are not touched.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

/// What a transport tells its connection.
#[derive(Debug)]
pub enum TransportEvent {
    /// ICE and DTLS are done.
    Connected,
    /// The keys for what is sent, and for the reports that come back.
    Keys(Box<(Sealer, Opener)>),
    /// The other side has closed, or the transport failed.
    Closed,
    /// The client may send here.
    SectionAdded { mid: Mid, is_video: bool, rids: Vec<Rid> },
    /// The client receives here.
    SlotAdded { mid: Mid, is_video: bool, formats: Vec<(Format, Pt)>, stream: StreamConfig },
    /// Media came in on a section. The track is not filled in.
    Packet { mid: Mid, rid: Option<Rid>, packet: Packet },
    /// A later offer changed the use of a section, seen from here.
    DirectionChanged { mid: Mid, receives: bool, sends: bool, stream: StreamConfig },
    /// Media came in on a section that nobody can read before the next keyframe.
    Unreadable { mid: Mid, rid: Option<Rid> },
    /// A packet was not taken. The reason is a label of the dropped-packets counter.
    Dropped { reason: &'static str },
    /// A data channel was closed.
    ChannelClose { channel: ChannelId },
    /// The client opened a data channel with this label.
    ChannelOpen { channel: ChannelId, label: String },
    /// A message on a data channel.
    ChannelData { channel: ChannelId, data: Vec<u8> },
    /// Share of what the client sent in the last second that did not come.
    UplinkLoss { ratio: Option<f32> },
}

impl TransportEvent {
    /// Whether a datagram that brought it was sealed by the client.
    pub fn is_of_client(&self) -> bool {
        matches!(self, Self::Packet { .. } | Self::Unreadable { .. } | Self::ChannelData { .. })
    }
}

/// An ICE-lite, DTLS and SRTP endpoint for one connection.
#[derive(Debug)]
pub struct Transport {
    rtc: Rtc,
    /// str0m's clock. It never goes back; ours may be a little behind it.
    clock: Instant,
    formats: Vec<(Pt, Option<Wrapped>)>,
    streams: Vec<Stream>,
    /// The identifier that the client gave to the Dependency Descriptor.
    dependency_id: Option<u8>,
    /// The Dependency Descriptor of the datagram that str0m has now.
    received: Received,
    /// The sources that we send under.
    sources: Sources,
    /// What the client shows in its checks.
    client: ClientCredentials,
    /// Where all that is not an answer to a check goes.
    path: Option<Path>,
    /// Where str0m would send it.
    chosen: Option<Path>,
    /// The client's TCP connections that str0m sends to, by its addresses.
    tcp: Vec<(SocketAddr, TcpId)>,
    /// Keys that the last step exported.
    keys: Option<(Sealer, Opener)>,
    /// The sources that datagrams named, whether or not they could be decrypted: str0m remembers each.
    ssrcs_seen: HashSet<u32>,
    channels_opened: usize,
    /// Those that are open.
    channels: Vec<ChannelId>,
    is_broken: bool,
}

impl Transport {
    /// Answers a client's first offer.
    ///
    /// # Errors
    /// [`TransportError::Offer`].
    pub fn accept(
        config: &TransportConfig,
        credentials: (String, String),
        cname: String,
        offer: Offer,
        now: Instant,
    ) -> Result<(Self, String), TransportError> {
        let (ufrag, pass) = credentials;
        let client = ClientCredentials::of(offer.credentials);
        let builder = Rtc::builder()
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_local_ice_credentials(IceCreds { ufrag, pass })
            .set_crypto_provider(config.crypto.clone())
            .set_dtls_cert(config.certificate.clone())
            .set_stats_interval(Some(STATS_INTERVAL))
            .set_extension(DEPENDENCY_ID_LOCAL, dependency_extension())
            .set_sctp_max_message_size(boltorezka_proto::call::MESSAGE_BYTES_MAX as u32)
            .clear_codecs()
            .enable_opus(true, true)
            .enable_vp8(true)
            .enable_vp9(true)
            .enable_h264(true)
            .enable_h265(true)
            .enable_av1(true);
        let (rtc, answer) = contain(|| {
            let mut rtc = builder.build(now);
            for address in &config.candidates {
                let over_udp = Candidate::host(*address, Protocol::Udp);
                // Of lower priority than UDP (RFC 6544, section 4.2): a late packet holds up those behind it there.
                let over_tcp = Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build();
                for candidate in [over_udp, over_tcp].into_iter().flatten() {
                    rtc.add_local_candidate(candidate);
                }
            }
            let mut sources = Sources::new(cname);
            let answer = sources.answer(&mut rtc, offer.description, &offer.lip_sync).map_err(TransportError::Offer)?;
            Ok::<_, TransportError>(((rtc, sources), answer))
        })?;
        let (rtc, sources) = rtc;
        let transport = Self {
            rtc,
            clock: now,
            formats: Vec::new(),
            streams: Vec::new(),
            dependency_id: None,
            received: Received::default(),
            sources,
            client,
            path: None,
            chosen: None,
            tcp: Vec::new(),
            keys: None,
            ssrcs_seen: HashSet::new(),
            channels_opened: 0,
            channels: Vec::new(),
            is_broken: false,
        };
        Ok((transport, answer))
    }

    /// Answers a later offer of the same client connection. When it begins ICE anew, ours are `credentials` from then on.
    ///
    /// # Errors
    /// [`TransportError::Offer`]; the connection goes on as it was.
    pub fn accept_again(
        &mut self,
        offer: Offer,
        credentials: impl FnOnce() -> (String, String),
    ) -> Result<String, TransportError> {
        let Offer { description, credentials: offered, lip_sync, .. } = offer;
        self.guard(|Self { rtc, sources, client, .. }| {
            let answer = |rtc: &mut Rtc| sources.answer(rtc, description, &lip_sync).map_err(TransportError::Offer);
            client.answer(rtc, offered, credentials, answer)
        })
    }

    /// Runs something that str0m may panic over. After a panic nothing is run any more.
    fn guard<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, TransportError>) -> Result<T, TransportError> {
        if self.is_broken {
            return Err(Panicked.into());
        }
        let (outcome, keys) = exported_keys(|| contain(|| act(self)));
        self.is_broken = matches!(outcome, Err(TransportError::Panicked(_)));
        if let Some(keys) = keys? {
            self.keys = Some(keys);
        }
        outcome
    }

    /// The user fragment under which the client is expected now.
    pub fn ufrag(&mut self) -> String {
        credentials::local(&mut self.rtc).ufrag
    }

    /// Takes a datagram; says whether it was one of this connection's. A check (`is_check`) shows its integrity itself;
    /// anything else must come from an address that has passed one.
    ///
    /// # Errors
    /// [`TransportError`] when the connection cannot go on.
    pub fn receive(&mut self, now: Instant, datagram: Datagram<'_>, is_check: bool) -> Result<bool, TransportError> {
        let Datagram { via, source, destination, contents } = datagram;
        if let Some(ssrc) = rtp_ssrc(contents) {
            if !self.may_send(ssrc) {
                return Ok(false);
            }
            self.received.take(self.dependency_id, contents);
        }
        let now = self.advance(now);
        let protocol = match via {
            Via::Udp => Protocol::Udp,
            Via::Tcp(_) => Protocol::Tcp,
        };
        let is_taken = self.guard(|transport| {
            let Ok(receive) = Receive::new(protocol, source, destination, contents) else {
                return Ok(false);
            };
            let input = Input::Receive(now, receive);
            if is_check && !transport.rtc.accepts(&input) {
                return Ok(false);
            }
            transport.rtc.handle_input(input)?;
            Ok(true)
        })?;
        if let (Via::Tcp(id), true, true) = (via, is_check, is_taken) {
            self.tcp.retain(|(address, _)| *address != source);
            self.tcp.push((source, id));
        }
        Ok(is_taken)
    }

    /// Whether a source is known, or there is room for another.
    fn may_send(&mut self, ssrc: u32) -> bool {
        self.ssrcs_seen.contains(&ssrc) || (self.ssrcs_seen.len() < SSRCS_MAX && self.ssrcs_seen.insert(ssrc))
    }

    /// Moves all that is due into `batch` and `events`, and says when to poll again.
    ///
    /// # Errors
    /// [`TransportError::Failed`] when the connection cannot go on.
    pub fn poll(
        &mut self,
        now: Instant,
        batch: &mut SendBatch,
        events: &mut Vec<TransportEvent>,
    ) -> Result<Instant, TransportError> {
        let now = self.advance(now);
        self.guard(|transport| Ok(transport.rtc.handle_input(Input::Timeout(now))?))?;
        self.drain(batch, events)
    }

    /// Moves what str0m has ready into `batch` and `events`, without letting time pass; says when to poll.
    ///
    /// # Errors
    /// [`TransportError::Failed`] when the connection cannot go on.
    pub fn drain(
        &mut self,
        batch: &mut SendBatch,
        events: &mut Vec<TransportEvent>,
    ) -> Result<Instant, TransportError> {
        let drained = self.guard(|transport| transport.drain_rtc(batch, events));
        events.extend(self.keys.take().map(|keys| TransportEvent::Keys(Box::new(keys))));
        drained
    }

    fn drain_rtc(
        &mut self,
        batch: &mut SendBatch,
        events: &mut Vec<TransportEvent>,
    ) -> Result<Instant, TransportError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                Output::Transmit(transmit) if self.sources.are_used_by(&transmit.contents) => {
                    events.push(TransportEvent::Dropped { reason: "foreign_source" });
                }
                Output::Transmit(transmit) => match self.route(&transmit) {
                    Some(path) => batch.push(path, &transmit.contents),
                    None => events.push(TransportEvent::Dropped { reason: "no_path" }),
                },
                Output::Event(event) => self.translate(event, events),
            }
        }
    }

    /// Where a datagram of str0m's goes: an answer to a check where the check came from, all else where the client is.
    /// str0m knows that by its checks, and does not notice for half a minute that a path is dead; what the client sent
    /// last shows it at once.
    fn route(&mut self, transmit: &Transmit) -> Option<Path> {
        let Transmit { proto, source, destination, .. } = transmit;
        let via = match proto {
            Protocol::Udp => Some(Via::Udp),
            _ => self.tcp.iter().find(|(address, _)| address == destination).map(|(_, id)| Via::Tcp(*id)),
        };
        let own = via.map(|via| Path { via, source: source.ip(), destination: *destination });
        if TransactionId::of(&transmit.contents).is_some() {
            return own;
        }
        if own.is_some() && own != self.chosen {
            self.chosen = own;
            self.path = own;
        }
        self.path
    }

    /// Where all that is not an answer to a check goes.
    pub fn path(&self) -> Option<Path> {
        self.path
    }

    /// Something that only the client can have sent came from there.
    pub fn follow(&mut self, path: Path) {
        self.path = Some(path);
    }

    /// A TCP connection is closed. What went there takes `other`, where there is one.
    pub fn close_tcp(&mut self, id: TcpId, other: Option<Path>) {
        self.tcp.retain(|(_, known)| *known != id);
        if self.path.is_some_and(|path| path.via == Via::Tcp(id)) {
            self.path = other;
        }
    }

    /// Asks the client for a keyframe of an encoding.
    pub fn request_keyframe(&mut self, mid: Mid, rid: Option<Rid>) {
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, rid) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// Says goodbye: what that takes goes out with the next polls.
    pub fn close(&mut self) {
        if let Err(error) = self.guard(|transport| Ok(transport.rtc.close()?)) {
            tracing::debug!(%error, "could not close a transport cleanly");
        }
    }

    /// Nothing more is to come of it. It is kept only until its owner is removed.
    pub fn retire(&mut self) {
        self.is_broken = true;
    }

    /// Whether it is of no more use.
    pub fn is_retired(&self) -> bool {
        self.is_broken
    }

    /// `now`, or str0m's clock where that is ahead.
    fn advance(&mut self, now: Instant) -> Instant {
        self.clock = self.clock.max(now);
        self.clock
    }

    fn translate(&mut self, event: Event, events: &mut Vec<TransportEvent>) {
        match event {
            Event::Connected => events.push(TransportEvent::Connected),
            Event::Closed => events.push(TransportEvent::Closed),
            Event::MediaAdded(media) => {
                let is_video = media.kind == MediaKind::Video;
                let mid = media.mid;
                // Both sides of a section are set up, whatever its direction now: a later offer may turn it round.
                let rids = media.simulcast.map(|simulcast| simulcast.recv).unwrap_or_default();
                let rids = rids.into_iter().map(|layer| layer.rid).collect();
                events.push(TransportEvent::SectionAdded { mid, is_video, rids });
                let formats = destination_formats(&self.rtc, mid);
                let stream = self.sources.config(&self.rtc, mid);
                // One transport has one identifier for all its sections (RFC 9143, section 9.2).
                self.dependency_id = self.dependency_id.or(stream.extensions.dependency);
                events.push(TransportEvent::SlotAdded { mid, is_video, formats, stream });
                events.push(self.direction_changed(mid, media.direction));
            }
            Event::MediaChanged(media) => events.push(self.direction_changed(media.mid, media.direction)),
            Event::RtpPacket(packet) if packet.payload.len() > PAYLOAD_BYTES_MAX => {
                events.push(TransportEvent::Dropped { reason: "too_long" });
            }
            Event::RtpPacket(packet) => events.extend(self.envelope(packet)),
            Event::ChannelOpen(channel, label) => {
                self.channels_opened += 1;
                events.push(match self.channels_opened > CHANNELS_MAX {
                    true => TransportEvent::Closed,
                    false => {
                        self.channels.push(channel);
                        TransportEvent::ChannelOpen { channel, label }
                    }
                });
            }
            Event::ChannelClose(channel) => {
                self.channels.retain(|open| *open != channel);
                events.push(TransportEvent::ChannelClose { channel });
            }
            Event::ChannelData(data) => {
                events.push(TransportEvent::ChannelData { channel: data.id, data: data.data });
            }
            Event::PeerStats(PeerStats { ingress_loss_fraction, .. }) => {
                events.push(TransportEvent::UplinkLoss { ratio: ingress_loss_fraction });
            }
            _ => {}
        }
    }

    fn direction_changed(&self, mid: Mid, direction: Direction) -> TransportEvent {
        let stream = self.sources.config(&self.rtc, mid);
        TransportEvent::DirectionChanged {
            mid,
            receives: direction.is_receiving(),
            sends: direction.is_sending(),
            stream,
        }
    }
}

/// The source of an RTP packet (RFC 3550, section 5.1, told from other datagrams by RFC 7983, from RTCP by RFC 5761).
fn rtp_ssrc(datagram: &[u8]) -> Option<u32> {
    let (&[first, second, _, _, _, _, _, _, s0, s1, s2, s3], _) = datagram.split_first_chunk::<12>()?;
    let is_rtp = (128..192).contains(&first) && !(64..96).contains(&(second & 0x7f));
    is_rtp.then_some(u32::from_be_bytes([s0, s1, s2, s3]))
}
