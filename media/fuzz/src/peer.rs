//! A shard and real str0m clients on a network without delay, in virtual time, and the keys of those clients: so that
//! whatever bytes there are can be sent as authentic media, reports and messages.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use boltorezka_media::egress::{Sealer, Via};
use boltorezka_media::shard::{
    Datagram, Offer, ResumeKey, ShardCommand, ShardConfig, ShardCore, ShardEvent, TransportConfig, crypto_provider,
    exported_keys,
};
use boltorezka_proto::admission::Admitted;
use boltorezka_proto::call::MediaPermissions;
use boltorezka_proto::{ParticipantId, RoomId};
use str0m::change::SdpAnswer;
use str0m::channel::ChannelId;
use str0m::config::DtlsCert;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// Where the shard is reached.
pub const SHARD: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 7000);
/// Steps of time until a client is connected.
const STEP: Duration = Duration::from_millis(5);
const STEPS_MAX: usize = 1_000;

/// A client.
pub struct Peer {
    /// Who.
    pub participant_id: ParticipantId,
    /// Where it sends from.
    pub address: SocketAddr,
    /// What seals as this client.
    pub sealer: Option<Sealer>,
    /// The sources that its offer named: microphone and camera.
    pub sources: Vec<u32>,
    /// The payload types of its offer.
    pub payload_types: Vec<u8>,
    /// Messages that came on its data channel.
    pub texts: usize,
    sections: Vec<Mid>,
    rtc: Rtc,
    channel: Option<ChannelId>,
    out: Vec<Vec<u8>>,
    is_ended: bool,
}

/// A shard with clients.
pub struct World {
    /// Virtual time.
    pub now: Instant,
    /// What is tested.
    pub shard: ShardCore,
    /// Who is there.
    pub peers: Vec<Peer>,
    /// Where all are.
    pub room: RoomId,
    requests: u64,
}

fn certificate() -> DtlsCert {
    static CERTIFICATE: OnceLock<DtlsCert> = OnceLock::new();
    let make = || crypto_provider().dtls_provider.generate_certificate().expect("a certificate can be made");
    CERTIFICATE.get_or_init(make).clone()
}

impl World {
    /// A shard without clients, one of two.
    pub fn new() -> Self {
        let now = Instant::now();
        let transport =
            TransportConfig { candidates: vec![SHARD], certificate: certificate(), crypto: crypto_provider() };
        let mut random = fastrand::Rng::with_seed(1);
        let entropy = Box::new(move |bytes: &mut [u8]| random.fill(bytes));
        let resume = ResumeKey::new(&[7; 32], 1, now);
        let config =
            ShardConfig { shard: 0, shard_count: 2, resume, heard_max: 3, connections_max: 100, transport, entropy };
        let room = RoomId::generate();
        Self { now, shard: ShardCore::new(config, now), peers: Vec::new(), room, requests: 0 }
    }

    /// Lets a client in, up to an open data channel.
    pub fn join(&mut self) {
        let number = u8::try_from(self.peers.len() + 1).expect("few clients");
        let (mut peer, offer, pending) = Peer::new(number, self.now);
        let answer = self.admit(peer.participant_id, &offer).expect("a valid offer is answered");
        let answer = SdpAnswer::from_sdp_string(&answer).expect("a valid answer");
        peer.rtc.sdp_api().accept_answer(pending, answer).expect("an answer to this offer");
        let mut direct = peer.rtc.direct_api();
        let streams = peer.sections[..2]
            .iter()
            .filter_map(|mid| direct.stream_tx_by_mid(*mid, None).map(|stream| *stream.ssrc()));
        peer.sources = streams.collect();
        self.peers.push(peer);
        for _ in 0..STEPS_MAX {
            self.now += STEP;
            self.settle();
            if self.peers.last().is_some_and(|peer| peer.channel.is_some() && peer.sealer.is_some()) {
                return;
            }
        }
        panic!("a client does not connect");
    }

    /// Gives an offer to the shard; its answer.
    pub fn admit(&mut self, participant_id: ParticipantId, offer: &str) -> Option<String> {
        self.requests += 1;
        let offer = Box::new(Offer::read(offer).ok()?);
        let admitted = Admitted { participant_id, room: self.room, permissions: MediaPermissions::ALL };
        self.shard.handle_command(self.now, ShardCommand::Admit { request_id: self.requests, admitted, offer });
        let mut answer = None;
        while let Some(event) = self.shard.poll_event() {
            if let ShardEvent::Answer { sdp, .. } = event {
                answer = Some(sdp);
            }
        }
        answer
    }

    /// Lets clients and shard say all that they have to say.
    pub fn settle(&mut self) {
        for _ in 0..20 {
            let mut is_quiet = true;
            for index in 0..self.peers.len() {
                let address = self.peers[index].address;
                for contents in self.peers[index].poll(self.now) {
                    is_quiet = false;
                    self.take(address, &contents);
                }
            }
            self.turn();
            if is_quiet {
                return;
            }
        }
    }

    /// A datagram comes to the shard.
    pub fn take(&mut self, source: SocketAddr, contents: &[u8]) {
        let datagram = Datagram { via: Via::Udp, source, destination: SHARD, contents };
        self.shard.handle_datagrams(self.now, [datagram]);
    }

    /// The shard's turn ends: what it sends comes to its clients, and its counters balance.
    pub fn turn(&mut self) {
        self.shard.handle_timeout(self.now);
        let mut leaving = 0;
        while self.shard.poll_outgoing(self.now) {
            for message in self.shard.outgoing() {
                leaving += message.datagram_count() as u64;
                let peer = self.peers.iter_mut().find(|peer| peer.address == message.path.destination);
                if let Some(peer) = peer {
                    message.datagrams().for_each(|datagram| peer.receive(self.now, datagram));
                }
            }
        }
        while self.shard.poll_event().is_some() {}
        let _ = self.shard.take_peer_messages().count();
        let counters = self.shard.counters_mut();
        counters.datagrams_sent += leaving;
        assert_eq!(counters.imbalance(), (0, 0), "what came and what became of it: {counters:?}");
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Peer {
    fn new(number: u8, now: Instant) -> (Self, String, str0m::change::SdpPendingOffer) {
        let address = SocketAddr::from(([198, 51, 100, number], 40_000));
        let config = Rtc::builder().set_rtp_mode(true).set_crypto_provider(crypto_provider());
        let mut rtc = config.set_dtls_cert(certificate()).build(now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).expect("an address"));
        let mut api = rtc.sdp_api();
        let (send, receive) = (Direction::SendOnly, Direction::RecvOnly);
        let (sound, picture) = (MediaKind::Audio, MediaKind::Video);
        let sections = [(sound, send), (picture, send), (sound, receive), (picture, receive), (picture, receive)];
        let sections = sections.map(|(kind, direction)| api.add_media(kind, direction, None, None, None)).to_vec();
        api.add_channel("boltorezka".to_owned());
        let (offer, pending) = api.apply().expect("an offer");
        let params = rtc.codec_config().params().iter();
        let payload_types = params.flat_map(|params| [Some(*params.pt()), params.resend().map(|pt| *pt)]).flatten();
        let payload_types = payload_types.collect();
        let peer = Self {
            participant_id: ParticipantId::generate(),
            address,
            sealer: None,
            sources: Vec::new(),
            sections,
            payload_types,
            texts: 0,
            rtc,
            channel: None,
            out: Vec::new(),
            is_ended: false,
        };
        (peer, offer.to_sdp_string(), pending)
    }

    /// Says something on the data channel. `$0` to `$4` stand for the names of its sections, which are random.
    pub fn say(&mut self, text: &[u8]) {
        let mut said = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            let section = after.first().and_then(|digit| self.sections.get(usize::from(digit.wrapping_sub(b'0'))));
            match section.filter(|_| first == b'$') {
                Some(mid) => said.extend(mid.as_bytes()),
                None => said.push(first),
            }
            rest = if first == b'$' && section.is_some() { &after[1..] } else { after };
        }
        let text = said.as_slice();
        if let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) {
            let _ = channel.write(false, text);
        }
    }

    fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.run(|rtc| rtc.handle_input(Input::Timeout(now)).is_ok());
        std::mem::take(&mut self.out)
    }

    fn receive(&mut self, now: Instant, datagram: &[u8]) {
        let address = self.address;
        self.run(|rtc| {
            let Ok(receive) = Receive::new(Protocol::Udp, SHARD, address, datagram) else { return false };
            rtc.handle_input(Input::Receive(now, receive)).is_ok()
        });
    }

    /// Runs the client's str0m, and takes the keys when it has made them.
    fn run(&mut self, act: impl FnOnce(&mut Rtc) -> bool) {
        if self.is_ended {
            return;
        }
        let (is_ended, keys) = exported_keys(|| !act(&mut self.rtc) || !self.drain());
        self.is_ended = is_ended;
        if let Ok(Some((sealer, _))) = keys {
            self.sealer = Some(sealer);
        }
    }

    fn drain(&mut self) -> bool {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(_)) => return true,
                Ok(Output::Transmit(transmit)) => self.out.push(transmit.contents.to_vec()),
                Ok(Output::Event(Event::ChannelOpen(id, _))) => self.channel = Some(id),
                Ok(Output::Event(Event::ChannelData(_))) => self.texts += 1,
                Ok(Output::Event(_)) => {}
                Err(_) => return false,
            }
        }
    }
}
