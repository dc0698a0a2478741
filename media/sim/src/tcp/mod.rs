//! TCP connections between clients and the node: its own send queues and framing, over streams that push back.

mod stream;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use boltorezka_media::egress::Via;
use boltorezka_media::tcp::{Content, Deframer, SendQueue, TcpId};

use crate::network::Network;
use crate::node::Incoming;
use crate::world::Path;
use stream::Stream;

/// A connection that takes nothing for so long, while something waits, is closed, as the node's own endpoint does.
const STALLED_TIME: Duration = Duration::from_secs(10);

/// A frame that has come to a client.
#[derive(Debug)]
pub struct Frame {
    /// The client.
    pub client: usize,
    /// The node's address.
    pub source: SocketAddr,
    /// When it left the node.
    pub left_at: Instant,
    /// What it holds.
    pub contents: Vec<u8>,
}

/// All connections.
#[derive(Debug, Default)]
pub struct Connections {
    open: BTreeMap<u32, Connection>,
    last_id: u32,
}

#[derive(Debug)]
struct Connection {
    client: usize,
    /// The client's address, and the node's.
    source: SocketAddr,
    destination: SocketAddr,
    /// Nothing comes through any more, and neither side knows.
    is_cut: bool,
    up: Direction,
    down: Direction,
    /// When the frames that are on their way down were let in.
    left_at: VecDeque<Instant>,
    /// When the stream last took something, or nothing waited.
    taken_at: Instant,
}

#[derive(Debug, Default)]
struct Direction {
    queue: SendQueue,
    stream: Stream,
    deframer: Deframer,
}

impl Direction {
    /// Moves bytes; appends the frames that have arrived. Says whether the stream took something, or nothing waits.
    fn poll(&mut self, now: Instant, link: &mut crate::link::Link, frames: &mut Vec<Vec<u8>>) -> bool {
        let mut taken = 0;
        for slice in self.queue.slices() {
            let of_slice = self.stream.write(&slice);
            taken += of_slice;
            if of_slice < slice.len() {
                break;
            }
        }
        self.queue.advance(taken);
        let mut arrived = Vec::new();
        self.stream.poll(now, link, &mut arrived);
        self.deframer.push(&arrived, |frame| frames.push(frame.to_vec())).expect("frames of ours");
        taken > 0 || self.queue.is_empty()
    }
}

impl Connections {
    /// A client sends a datagram, over a connection that is opened for it where there is none.
    pub fn send(&mut self, now: Instant, client: usize, source: SocketAddr, destination: SocketAddr, contents: &[u8]) {
        let known = |known: &&mut Connection| (known.source, known.destination) == (source, destination);
        let open = self.open.values_mut().find(known);
        let connection = match open {
            Some(connection) => connection,
            None => {
                self.last_id += 1;
                let connection = Connection {
                    client,
                    source,
                    destination,
                    is_cut: false,
                    up: Direction::default(),
                    down: Direction::default(),
                    left_at: VecDeque::new(),
                    taken_at: now,
                };
                self.open.entry(self.last_id).or_insert(connection)
            }
        };
        // What a client cannot send for so long is of no use to anybody.
        let _ = connection.up.queue.push(Content::Control, contents);
    }

    /// The node sends a datagram: whose it is, and whether there was room for it. `None` when the connection is closed.
    pub fn push(&mut self, now: Instant, id: TcpId, content: Content, datagram: &[u8]) -> Option<(usize, bool)> {
        let connection = self.open.get_mut(&id.0)?;
        let has_room = connection.down.queue.push(content, datagram);
        if has_room {
            connection.left_at.push_back(now);
        }
        Some((connection.client, has_room))
    }

    /// Lets everything move; what has come to the node and to clients, and connections that have stalled.
    pub fn poll(
        &mut self,
        now: Instant,
        network: &mut Network,
        paths: &[Path],
        incoming: &mut Vec<Incoming>,
    ) -> (Vec<Frame>, Vec<TcpId>) {
        let (mut frames, mut stalled) = (Vec::new(), Vec::new());
        for (id, connection) in &mut self.open {
            let Connection { client, source, destination, left_at, taken_at, .. } = connection;
            if !connection.is_cut {
                let (mut up, mut down) = (Vec::new(), Vec::new());
                connection.up.poll(now, network.link(paths[*client].up), &mut up);
                if connection.down.poll(now, network.link(paths[*client].down), &mut down) {
                    *taken_at = now;
                }
                let (via, source, destination) = (Via::Tcp(TcpId(*id)), *source, *destination);
                incoming.extend(up.into_iter().map(|contents| Incoming { via, source, destination, contents }));
                frames.extend(down.into_iter().map(|contents| {
                    let left_at = left_at.pop_front().unwrap_or(now);
                    Frame { client: *client, source: destination, left_at, contents }
                }));
            }
            if now.saturating_duration_since(*taken_at) >= STALLED_TIME {
                stalled.push(TcpId(*id));
            }
        }
        (frames, stalled)
    }

    /// A client's connections lead nowhere any more.
    pub fn cut(&mut self, client: usize) {
        self.open.values_mut().filter(|known| known.client == client).for_each(|known| known.is_cut = true);
    }

    /// The node closes a connection; whose it was, when the client learns of it.
    pub fn close(&mut self, id: TcpId) -> Option<usize> {
        let closed = self.open.remove(&id.0)?;
        (!closed.is_cut).then_some(closed.client)
    }
}
