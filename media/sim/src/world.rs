//! Everything together in virtual time: a node, its clients, the links between them, and what must never happen.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use boltorezka_media::egress::Via;
use boltorezka_media::tcp::TcpId;
use boltorezka_proto::RoomId;
use boltorezka_proto::admission::{Admitted, ControlMessage, MediaMessage};
use boltorezka_proto::call::{EndReason, MediaPermissions, TrackInfo, TrackSource};

use crate::client::view::View;
use crate::client::{Client, Extras, Habits};
use crate::downlink::{Downlink, Sent};
use crate::dtls::crypto_provider;
use crate::host;
use crate::link::{LinkConfig, OVERHEAD_BYTES};
use crate::messages::Messages;
use crate::network::{LinkId, Network};
use crate::node::{Fate, Incoming, Leaving, Node, NodeConfig};
use crate::random::Random;
use crate::rights::Rights;
use crate::tcp::Connections;
use crate::trace::Trace;
use str0m::net::Protocol;

/// How far time moves at once: a shard's turn.
const STEP: Duration = Duration::from_millis(1);

/// A client's two links.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    /// Towards the node.
    pub up: LinkId,
    /// Towards the client.
    pub down: LinkId,
}

/// A simulation.
pub struct World {
    /// All clients that ever were.
    pub clients: Vec<Client>,
    /// Their links.
    pub paths: Vec<Path>,
    /// The links.
    pub network: Network,
    /// The node.
    pub node: Node,
    /// Whether what clients are sent fits their links, by client; not judged while there are none.
    pub downlinks: Option<Vec<Downlink>>,
    /// What happened.
    pub trace: Trace,
    /// The seed's numbers.
    pub random: Random,
    began: Instant,
    now: Instant,
    room: RoomId,
    by_address: HashMap<SocketAddr, usize>,
    /// The newest sequence number that left for each address and source, and the numbers that were left out since somebody
    /// began to count.
    sequences: HashMap<(SocketAddr, u32), u16>,
    gaps: u64,
    rev: u64,
    rights: Rights,
    messages: Messages,
    tcp: Connections,
    /// What each client may, by the latest order.
    permissions: Vec<MediaPermissions>,
    real_dtls: bool,
}

impl World {
    /// A node without clients. It must be called on a simulated thread (see [`host::simulate`]).
    pub fn new(seed: u64, config: NodeConfig, trace: Trace) -> Self {
        let mut random = Random::new(seed);
        let began = Instant::now();
        Self {
            clients: Vec::new(),
            paths: Vec::new(),
            network: Network::new(random.split()),
            // What comes after it does not depend on its shards.
            node: Node::new(config, began, &mut random.split()),
            downlinks: None,
            trace,
            began,
            now: began,
            room: RoomId(random.uuid()),
            by_address: HashMap::new(),
            sequences: HashMap::new(),
            gaps: 0,
            rev: 1,
            rights: Rights::default(),
            messages: Messages::new(random.split()),
            tcp: Connections::default(),
            permissions: Vec::new(),
            real_dtls: config.real_dtls,
            random,
        }
    }

    /// The time that has passed.
    pub fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    /// Now.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Brings a client in; it will be connected when the handshake is through.
    pub fn join(&mut self, habits: Habits, permissions: MediaPermissions, up: LinkConfig, down: LinkConfig) -> usize {
        self.join_with(habits, Extras::default(), permissions, up, down)
    }

    /// The same for one that has more than others.
    pub fn join_with(
        &mut self,
        habits: Habits,
        extras: Extras,
        permissions: MediaPermissions,
        up: LinkConfig,
        down: LinkConfig,
    ) -> usize {
        let index = self.clients.len();
        let address = SocketAddr::from(([198, 51, (100 + index / 250) as u8, (index % 250) as u8 + 1], 40_000));
        let crypto = crypto_provider(self.real_dtls);
        let client = Client::new(index, address, habits, extras, crypto, self.now, &mut self.random);
        self.by_address.insert(address, index);
        if let Some(downlinks) = &mut self.downlinks {
            downlinks.push(Downlink::default());
        }
        self.paths.push(Path { up: self.network.add_link(up), down: self.network.add_link(down) });
        let offer = client.offer().expect("a new client has an offer");
        self.clients.push(client);
        self.note(format_args!("client {index} joins with links {up:?}, {down:?}"));
        self.permissions.push(permissions);
        self.admit(index, offer);
        index
    }

    fn admit(&mut self, client: usize, offer: String) {
        let (participant_id, room) = (self.clients[client].participant_id, self.room);
        let admitted = Admitted { participant_id, room, permissions: self.permissions[client] };
        self.node.handle_control(ControlMessage::Admit { request_id: client as u64, admitted, offer });
    }

    /// Ends a client's part.
    pub fn revoke(&mut self, client: usize, reason: EndReason) {
        self.rev += 1;
        let participant_id = self.clients[client].participant_id;
        self.clients[client].is_leaving = true;
        self.note(format_args!("client {client} is revoked"));
        self.rights.will_end(self.rev, client);
        self.node.handle_control(ControlMessage::Revoke { rev: self.rev, participant_id, reason });
    }

    /// Changes what a client may do.
    pub fn set_permissions(&mut self, client: usize, permissions: MediaPermissions) {
        self.rev += 1;
        let participant_id = self.clients[client].participant_id;
        self.note(format_args!("client {client} may {permissions:?}"));
        self.rights.will_change(self.rev, client, permissions);
        self.permissions[client] = permissions;
        self.node.handle_control(ControlMessage::SetPermissions { rev: self.rev, participant_id, permissions });
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// What should never have happened.
    pub fn run(&mut self, duration: Duration) -> Result<(), String> {
        let end = self.now + duration;
        while self.now < end {
            self.step().map_err(|wrong| format!("at {:.3} s: {wrong}", self.elapsed().as_secs_f64()))?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += STEP;
        host::set_elapsed(self.elapsed());
        let mut arrivals = Vec::new();
        while let Some(arrival) = self.network.receive(self.now) {
            let crate::network::Arrival { at, sent_at, source, destination, contents, .. } = arrival;
            match self.by_address.get(&destination) {
                Some(&index) => self.hand_over(index, sent_at, at, source, &contents)?,
                None => arrivals.push(Incoming { via: Via::Udp, source, destination, contents }),
            }
        }
        let (frames, stalled) = self.tcp.poll(self.now, &mut self.network, &self.paths, &mut arrivals);
        for frame in frames {
            self.hand_over(frame.client, frame.left_at, self.now, frame.source, &frame.contents)?;
        }
        let unused = self.turn(&arrivals)?;
        for id in unused.into_iter().chain(stalled) {
            self.node.close_tcp(id);
            if let Some(client) = self.tcp.close(id) {
                self.note(format_args!("the node closes a TCP connection of client {client}"));
                self.clients[client].connect_again();
            }
        }
        self.take_node_messages()?;
        for index in 0..self.clients.len() {
            self.poll_client(index)?;
            let now = self.now;
            if let Some(offer) = self.clients[index].restart(now) {
                self.note(format_args!("client {index} begins ICE anew"));
                self.admit(index, offer);
            }
        }
        Ok(())
    }

    /// Gives a client what has arrived.
    fn hand_over(
        &mut self,
        index: usize,
        left_at: Instant,
        at: Instant,
        source: SocketAddr,
        contents: &[u8],
    ) -> Result<(), String> {
        let client = &mut self.clients[index];
        client.left_at = left_at;
        client.receive(at, source, contents).map_err(|wrong| format!("client {index}: {wrong}"))
    }

    fn turn(&mut self, arrivals: &[Incoming]) -> Result<Vec<TcpId>, String> {
        let Self {
            node, network, by_address, sequences, gaps, paths, trace, now, began, clients, downlinks, tcp, ..
        } = self;
        let (now, elapsed) = (*now, *now - *began);
        let mut judged = Ok(());
        let unused = node.turn(now, arrivals, |Leaving { source, path, content, datagram }| {
            let destination = path.destination;
            trace.note(elapsed, format_args!("{source} > {destination} {}", datagram.len()));
            let numbers = rtp_numbers(datagram);
            if let Some((ssrc, sequence)) = numbers {
                let newest = sequences.entry((destination, ssrc)).or_insert(sequence.wrapping_sub(1));
                let step = sequence.wrapping_sub(*newest).cast_signed();
                if step > 0 {
                    *newest = sequence;
                    *gaps += u64::from(step.cast_unsigned() - 1);
                }
            }
            let (index, has_room, fate) = match path.via {
                Via::Udp => {
                    let Some(&index) = by_address.get(&destination) else { return Fate::Sent };
                    (index, network.send(now, paths[index].down, source, destination, datagram), Fate::Sent)
                }
                Via::Tcp(id) => match tcp.push(now, id, content, datagram) {
                    Some((index, has_room)) => (index, has_room, if has_room { Fate::Sent } else { Fate::Full }),
                    None => return Fate::Closed,
                },
            };
            if let Some(downlink) = downlinks.as_mut().and_then(|downlinks| downlinks.get_mut(index)) {
                let payload_type = datagram.get(1).map(|second| second & 0x7f).filter(|_| numbers.is_some());
                let is_sound = payload_type.is_some() && payload_type == clients[index].sound_payload_type();
                let is_over_tcp = path.via != Via::Udp;
                let bytes = datagram.len() + OVERHEAD_BYTES;
                let sent = Sent { at: now, bytes, is_sound, is_over_tcp, is_refused: !has_room };
                let noted = downlink.note(network.link(paths[index].down).config.rate_bps, sent);
                let noted = noted.map_err(|wrong| format!("client {index}: {wrong}"));
                judged = std::mem::replace(&mut judged, Ok(())).and(noted);
            }
            fate
        });
        judged.map(|()| unused)
    }

    fn take_node_messages(&mut self) -> Result<(), String> {
        for message in std::mem::take(&mut self.node.messages) {
            match message {
                MediaMessage::Answer { request_id, sdp } => {
                    self.clients[request_id as usize].accept(&sdp);
                }
                MediaMessage::Refused { request_id, message, .. } => {
                    return Err(format!("client {request_id} was refused: {message}"));
                }
                MediaMessage::Applied { rev } => self.rights.applied(rev, self.now),
                MediaMessage::Left { participant_id, reason, .. } => {
                    self.note(format_args!("{participant_id} left: {reason:?}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn poll_client(&mut self, index: usize) -> Result<(), String> {
        let (now, elapsed) = (self.now, self.elapsed());
        self.messages.produce(now, index, &mut self.clients);
        let client = &mut self.clients[index];
        let address = client.external;
        let sent = client.poll(now, elapsed).map_err(|wrong| format!("client {index}: {wrong}"))?;
        let over_tcp = (client.protocol == Protocol::Tcp).then_some(client.address);
        for (destination, contents) in sent {
            match over_tcp {
                Some(source) => self.tcp.send(now, index, source, destination, &contents),
                None => drop(self.network.send(now, self.paths[index].up, address, destination, &contents)),
            }
        }
        let client = &mut self.clients[index];
        for message in client.heard.drain(..) {
            self.messages.hear(&message)?;
            self.trace.note(elapsed, format_args!("client {index} heard {message:?}"));
        }
        for message in std::mem::take(&mut self.clients[index].data.arrived) {
            let bytes = message.1.len();
            self.trace.note(elapsed, format_args!("client {index} takes a data message of {bytes} bytes"));
            let received = self.messages.receive(self.now, index, message, &self.clients, &self.rights);
            received.map_err(|wrong| format!("client {index}: {wrong}"))?;
        }
        for arrived in std::mem::take(&mut self.clients[index].arrived) {
            self.rights.check(index, arrived)?;
        }
        self.check_shown(index)
    }

    /// Whether what a client was shown is under the right name.
    fn check_shown(&mut self, index: usize) -> Result<(), String> {
        let elapsed = self.elapsed();
        for (mid, shown) in std::mem::take(&mut self.clients[index].shown) {
            let truth = shown.truth;
            self.trace.note(
                elapsed,
                format_args!(
                    "client {index} {mid} shows {}.{}.{}.{}",
                    truth.publisher, truth.section, truth.encoding, truth.frame
                ),
            );
            let publisher = &self.clients[usize::from(truth.publisher)];
            let client = &self.clients[index];
            let named = client.names.get(&boltorezka_proto::TrackNumber(shown.track));
            let source = if truth.section == 0 { TrackSource::Microphone } else { TrackSource::Camera };
            // Media may overtake the message that names its track.
            let is_other =
                |track: &&TrackInfo| (track.participant_id, track.source) != (publisher.participant_id, source);
            if let Some(track) = named.filter(is_other) {
                return Err(format!("client {index} is shown {truth:?} under the name of {track:?}"));
            }
            let views = &mut self.clients[index].views;
            match views.get_mut(&(truth.publisher, truth.section)) {
                Some(view) => view.note(shown),
                None => drop(views.insert((truth.publisher, truth.section), View::new(shown))),
            }
        }
        Ok(())
    }

    /// Whether all data messages since `since`, when all links were good, have reached those who are present.
    ///
    /// # Errors
    /// What has not arrived.
    pub fn judge_messages(&self, since: Instant, present: &[usize]) -> Result<(), String> {
        self.messages.judge(since, self.now, present, &self.rights)
    }

    /// Numbers that were left out of what the node sent since the last call.
    pub fn take_gaps(&mut self) -> u64 {
        std::mem::take(&mut self.gaps)
    }

    /// A client's NAT forgets it: from now on it is seen under another address, and the old one leads nowhere.
    pub fn rebind(&mut self, client: usize) {
        if self.clients[client].protocol == Protocol::Tcp {
            self.note(format_args!("client {client} connects again"));
            self.tcp.cut(client);
            return self.clients[client].connect_again();
        }
        let before = self.clients[client].external;
        let after = SocketAddr::new(before.ip(), before.port() + 1);
        self.clients[client].external = after;
        self.by_address.remove(&before);
        self.by_address.insert(after, client);
        self.note(format_args!("client {client} is {after} now"));
    }

    /// Notes a decision.
    pub fn note(&mut self, line: std::fmt::Arguments<'_>) {
        self.trace.note(self.now - self.began, line);
    }
}

/// Source and sequence number of an RTP packet (RFC 3550, section 5.1; told apart by RFC 5761 and RFC 7983).
fn rtp_numbers(datagram: &[u8]) -> Option<(u32, u16)> {
    let &[128..192, second, s0, s1, _, _, _, _, a, b, c, d, ..] = datagram else { return None };
    (!(192..224).contains(&second)).then(|| (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([s0, s1])))
}
