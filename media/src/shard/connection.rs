//! A participant's connection on its shard.

use std::time::Instant;

use boltorezka_proto::admission::ConnectionState;
use boltorezka_proto::call::{LayerReason, Publication};
use boltorezka_proto::{ParticipantId, RoomId, TrackNumber, call::MediaPermissions};
use str0m::media::{Mid, Pt, Rid};

use super::call::Call;
use super::data::DataChannels;
use super::demux::Reach;
use super::transport::Transport;
use crate::bwe::{Hold, KeyframeShare, Relief, Upcoming};
use crate::egress::{Pacer, Path, Sender};
use crate::net::prefetch;
use crate::router::Forwarder;
use crate::router::slots::Wish;
use crate::rtp::Format;
use crate::tcp::TcpId;

/// Sections that a connection may have in each direction. A grid of 49 and some sounds fit; more would make offers of
/// hundreds of kilobytes.
pub const SECTIONS_MAX: usize = 96;

/// A participant's connection: its transport, what it sends and what it receives.
#[derive(Debug)]
pub struct Connection {
    /// Who.
    pub participant_id: ParticipantId,
    /// Where.
    pub room: RoomId,
    /// What it may do.
    pub permissions: MediaPermissions,
    /// How it does.
    pub state: ConnectionState,
    /// When `state` began.
    pub state_since: Instant,
    /// The WebRTC side: some 10 KB, and not needed to forward a packet, so it lies elsewhere.
    pub transport: Box<Transport>,
    /// What it is sent.
    pub sender: Sender,
    /// Its addresses and fragments at the demultiplexer.
    pub reach: Reach,
    /// Session id of the client's offers (`o=`): a new one is a new connection.
    pub offer_session: String,
    /// What the client may send.
    pub sections: Vec<Section>,
    /// What the client receives.
    pub slots: Vec<Slot>,
    /// What the client said that it publishes; `None` while it has said nothing.
    pub publications: Option<Vec<Publication>>,
    /// The in-call conversation.
    pub call: Call,
    /// Data messages, which few send: it lies elsewhere.
    pub data: Box<DataChannels>,
    /// When a datagram of it came last.
    pub last_heard: Instant,
    /// The entry in the timer wheel that counts.
    pub deadline: Option<Instant>,
    /// The estimate of the bandwidth towards the client that its layers were chosen for last. The newest is the sender's.
    pub chosen_for_bps: u64,
    /// What the estimator was told to look for, in steps.
    pub desired_steps: u64,
    /// What waits for its link.
    pub pacer: Pacer,
    /// What it is spared while its link has a backlog.
    pub relief: Relief,
    /// Keyframes that were asked for it.
    pub upcoming: Upcoming,
    /// It has to be polled at the end of the turn.
    pub is_dirty: bool,
    /// Control has to be told of its state.
    pub status_changed: bool,
}

/// A section that the client sends in.
#[derive(Debug)]
pub struct Section {
    /// `a=mid`.
    pub mid: Mid,
    /// Picture or sound.
    pub is_video: bool,
    /// Whether the section is in use; a later offer may stop it and take it up again.
    pub is_open: bool,
    /// Its encodings; empty without simulcast.
    pub rids: Vec<Rid>,
    /// The track that it is published as.
    pub track: Option<TrackNumber>,
    /// When media came last.
    pub last_packet: Option<Instant>,
}

/// A section that the client receives in.
#[derive(Debug)]
pub struct Slot {
    /// `a=mid`.
    pub mid: Mid,
    /// Picture or sound.
    pub is_video: bool,
    /// What the client decodes, and under which payload types.
    pub formats: Vec<(Format, Pt)>,
    /// The payload type that was looked up last: a source seldom changes its format.
    pub payload_type: Option<(Format, Pt)>,
    /// Whether the section is in use; a later offer may stop it and take it up again.
    pub is_open: bool,
    /// How it is filled.
    pub wish: Wish,
    /// Largest useful height in pixels.
    pub height_max: Option<u32>,
    /// Served first when bandwidth is short; `None` for the default by source.
    pub priority: Option<u8>,
    /// The track that it is to carry.
    pub track: Option<TrackNumber>,
    /// What goes out.
    pub forwarder: Forwarder,
    /// The tracks whose subscriptions name this slot.
    pub subscribed: Vec<TrackNumber>,
    /// Why it has the layer it has.
    pub reason: LayerReason,
    /// What it could take of the link, in bits per second.
    pub takes_bps: u64,
    /// Keeps it from rising again too soon after it fell back.
    pub hold: Hold,
    /// How often its receiver's requests for a keyframe are passed on.
    pub keyframes: KeyframeShare,
}

impl Slot {
    /// A slot that carries nothing yet.
    pub fn new(mid: Mid, is_video: bool, formats: Vec<(Format, Pt)>, forwarder: Forwarder) -> Self {
        Self {
            mid,
            is_video,
            formats,
            payload_type: None,
            is_open: false,
            wish: Wish::Auto,
            height_max: None,
            priority: None,
            track: None,
            forwarder,
            subscribed: Vec::new(),
            reason: LayerReason::Best,
            takes_bps: 0,
            hold: Hold::default(),
            keyframes: KeyframeShare::default(),
        }
    }
}

impl Connection {
    /// Fetches what forwarding in a slot needs.
    pub fn prefetch(&self, slot: usize) {
        prefetch(&self.state);
        if let Some(slot) = self.slots.get(slot) {
            prefetch(slot);
        }
        self.sender.touched(slot).for_each(prefetch);
    }

    /// Something that only the client can have sent came from there: all that it is sent follows it.
    pub fn follow(&mut self, path: Path) {
        // Reports seldom show another path, and the transport lies elsewhere in memory.
        if self.sender.path() != Some(path) {
            self.sender.follow(path);
            self.transport.follow(path);
        }
    }

    /// The client chose a path for data. That alone moves no media, but it is taken when there is no other. A handshake has
    /// no other proof yet of where the client is: it goes there.
    pub fn nominate(&mut self, path: Path) {
        self.reach.nominate(path);
        if self.state == ConnectionState::Connecting {
            self.transport.follow(path);
        } else {
            self.sender.suggest_path(path);
        }
    }

    /// A TCP connection of the client's is closed: what went there takes the path that it chose last among the others.
    pub fn close_tcp(&mut self, id: TcpId) {
        self.reach.close(id);
        let other = self.reach.nominated();
        self.sender.close_tcp(id, other);
        self.transport.close_tcp(id, other);
    }

    /// Enters `state`; says whether it is a new one.
    pub fn enter(&mut self, state: ConnectionState, now: Instant) -> bool {
        let is_new = self.state != state;
        if is_new {
            self.state = state;
            self.state_since = now;
            self.status_changed = true;
        }
        is_new
    }

    /// The index of the section `mid` that is in use.
    pub fn section_index(&self, mid: &str) -> Option<usize> {
        self.sections.iter().position(|section| section.is_open && *section.mid == *mid)
    }

    /// The index of the slot `mid` that is in use.
    pub fn slot_index(&self, mid: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.is_open && *slot.mid == *mid)
    }
}
