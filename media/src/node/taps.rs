//! Taps of a node: for consumers in its own process, such as a recorder.

use boltorezka_proto::RoomId;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::registry::Output;
use crate::shard::{ShardCommand, Tap, TapLink, TapWatch, TapWish, tap};

/// Taps of a node at a time. Each may keep some 6 MB ([`crate::shard::QUEUE_PACKETS_MAX`]).
pub const TAPS_MAX: usize = 16;
/// Requests that wait for the node's loop; whoever asks waits when it is full.
pub const REQUEST_QUEUE: usize = TAPS_MAX;

/// Opens taps while the node runs. Whether somebody may listen is for the caller to decide: a tap is given all that its
/// room's participants publish.
#[derive(Debug, Clone)]
pub struct Taps {
    pub(super) requests: mpsc::Sender<TapRequest>,
}

/// Somebody wants a tap.
#[derive(Debug)]
pub struct TapRequest {
    pub(super) link: TapLink,
    pub(super) answer: oneshot::Sender<Result<(), TapError>>,
}

/// Why there is no tap.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TapError {
    /// Too many are open.
    #[error("the media node has {TAPS_MAX} taps already; close one first")]
    TooMany,
    /// The node is not served.
    #[error("the media node has ended")]
    Ended,
}

impl Taps {
    /// Opens a tap on a room, on all shards. It ends when the room is closed, with the node, or when it is dropped.
    ///
    /// # Errors
    /// [`TapError`].
    pub async fn open(&self, wish: TapWish) -> Result<Tap, TapError> {
        let (link, tap) = tap(wish);
        let (answer, answered) = oneshot::channel();
        self.requests.send(TapRequest { link, answer }).await.map_err(|_| TapError::Ended)?;
        answered.await.map_err(|_| TapError::Ended)?.map(|()| tap)
    }
}

/// The taps that are open.
#[derive(Debug, Default)]
pub struct OpenTaps {
    taps: Vec<TapWatch>,
}

impl OpenTaps {
    /// Opens one on all shards.
    ///
    /// # Errors
    /// [`TapError::TooMany`].
    pub fn open(&mut self, link: &TapLink, shards: usize, output: &mut Output) -> Result<(), TapError> {
        self.taps.retain(|tap| tap.room().is_some());
        if self.taps.len() >= TAPS_MAX {
            return Err(TapError::TooMany);
        }
        self.taps.push(link.watch());
        output.commands.extend((0..shards).map(|shard| (shard, ShardCommand::OpenTap(link.clone()))));
        Ok(())
    }

    /// Ends those of a room that is closed.
    pub fn close(&self, room: RoomId, shards: usize, output: &mut Output) {
        if self.taps.iter().any(|tap| tap.room() == Some(room)) {
            output.commands.extend((0..shards).map(|shard| (shard, ShardCommand::CloseTaps { room })));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use tokio_util::sync::CancellationToken;

    use super::super::{MediaLimits, Node, NodeConfig};
    use super::*;

    #[tokio::test]
    async fn a_node_opens_taps_while_it_is_served_and_ends_them_with_itself() {
        // Free for TCP as well: a connection of another test may still hold it.
        let mut ports = std::iter::repeat_with(|| UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let udp_port = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap();
        let (public_ips, bind_ip) = (Vec::new(), Some([127, 0, 0, 1].into()));
        let config = NodeConfig { udp_port, shards: 1, public_ips, bind_ip, limits: MediaLimits::default() };
        let node = Node::start(config).unwrap();
        let path = std::env::temp_dir().join(format!("taps-{}.sock", RoomId::generate()));
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let (taps, shutdown) = (node.taps(), CancellationToken::new());
        let served = tokio::spawn(node.serve(listener, shutdown.clone()));
        let wish = TapWish { room: RoomId::generate(), tracks: None, height: None, queue_packets: 1 };
        let mut tap = taps.open(wish.clone()).await.unwrap();
        assert!(!tap.has_ended());
        shutdown.cancel();
        assert!(tap.next().await.is_none());
        served.await.unwrap().unwrap();
        assert_eq!(taps.open(wish).await.unwrap_err(), TapError::Ended);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn taps_are_few_and_make_room_when_they_are_dropped() {
        let mut open = OpenTaps::default();
        let room = RoomId::generate();
        let wish = TapWish { room, tracks: None, height: None, queue_packets: 1 };
        let mut output = Output::default();
        let mut taps = Vec::new();
        for _ in 0..TAPS_MAX {
            let (link, tap) = tap(wish.clone());
            assert_eq!(open.open(&link, 2, &mut output), Ok(()));
            taps.push(tap);
        }
        assert_eq!(output.commands.len(), 2 * TAPS_MAX);
        let (link, _tap) = tap(wish);
        assert_eq!(open.open(&link, 2, &mut output), Err(TapError::TooMany));
        taps.pop();
        assert_eq!(open.open(&link, 2, &mut output), Ok(()));
        output.commands.clear();
        open.close(RoomId::generate(), 2, &mut output);
        assert!(output.commands.is_empty(), "another room");
        open.close(room, 2, &mut output);
        assert!(matches!(
            output.commands[..],
            [(0, ShardCommand::CloseTaps { .. }), (1, ShardCommand::CloseTaps { .. })]
        ));
    }
}
