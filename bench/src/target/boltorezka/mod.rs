//! The adapter of this project's server: a join token, a ticket, the socket, one offer.

pub mod gateway;
pub mod server;

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use boltorezka_proto::rest::{CreateRoomRequest, JoinTokenRequest, Page, RoomKind, TicketResponse};
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::socket::Message;
use boltorezka_proto::{DisplayName, RoomSlug, RoomTitle};
use boltorezka_sdk::Client;
use tokio::sync::oneshot;

use super::{Lobby, Participation, Processes, Target, TargetError};
use crate::link::Link;
use crate::media::{Sections, Transport, Transports};
use crate::options::{LoadOptions, TargetKind};
use crate::plan::{Plan, Seat};
use gateway::Gateway;
use server::{Server, ServerOptions};

/// Most sections that the server takes in an offer (see the protocol): what is wanted beyond is cut.
const SECTIONS_MAX: u32 = 90;

/// This project's server, started for the run or at an address.
pub struct Boltorezka {
    server: Option<Server>,
    access: Access,
    rooms: OnceLock<Vec<RoomSlug>>,
    encodings: u8,
    description: String,
}

/// How to get people in.
#[derive(Clone)]
pub struct Access {
    /// The server's address.
    pub url: String,
    http: reqwest::Client,
    api: Client,
}

impl Access {
    /// With an API key.
    ///
    /// # Errors
    /// [`TargetError::Refused`] when address or key cannot be used.
    pub fn new(url: &str, api_key: &str) -> Result<Self, TargetError> {
        let api = Client::with_api_key(url, api_key).map_err(|error| TargetError::refused("the API key", error))?;
        let url = api.base_url().to_owned();
        Ok(Self { url, http: reqwest::Client::new(), api })
    }

    /// Makes a room under a name of its own.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub async fn create_room(&self, number: u32) -> Result<RoomSlug, TargetError> {
        let refused = |error: &dyn std::fmt::Display| TargetError::refused("making a room", error);
        let slug = RoomSlug::new(&format!("bench-{}-{number}", unix_ms())).map_err(|error| refused(&error))?;
        let title = RoomTitle::new("Load test").map_err(|error| refused(&error))?;
        let settings = RoomSettingsChange::default();
        let request = CreateRoomRequest { slug, title, kind: RoomKind::Video, capacity: None, settings };
        self.api.create_room(&request).await.map(|room| room.slug).map_err(|error| refused(&error))
    }

    /// A join token for somebody, known by a number, in a room.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub async fn join_token(&self, room: &RoomSlug, number: u32) -> Result<String, TargetError> {
        let identity = format!("bench-{number}");
        let display_name = DisplayName::new(&identity).map_err(|error| TargetError::refused("a name", error))?;
        let request = JoinTokenRequest {
            room: room.clone(),
            identity,
            display_name,
            permissions: None,
            passes_lobby: false,
            ttl_s: None,
        };
        let token = self.api.create_join_token(&request).await;
        Ok(token.map_err(|error| TargetError::refused("a join token", error))?.token)
    }

    /// A signed-in account of its own.
    ///
    /// # Errors
    /// [`TargetError::Refused`], as when the server takes no registrations.
    pub async fn account(&self, number: u32) -> Result<Client, TargetError> {
        let refused = |error: &dyn std::fmt::Display| TargetError::refused("registering an account", error);
        let name = format!("bench-{}-{number}", unix_ms());
        let display_name = DisplayName::new(&name).map_err(|error| refused(&error))?;
        // A secret that nobody needs again.
        let mut secret = [0; 16];
        aws_lc_rs::rand::fill(&mut secret).map_err(|error| refused(&error))?;
        let password = format!("{:032x}", u128::from_be_bytes(secret));
        let account = Client::register(&self.url, &format!("{name}@example.org"), &password, display_name).await;
        account.map(|(client, _)| client).map_err(|error| refused(&error))
    }

    /// Everything that was said in a room, oldest first.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub async fn history(&self, room: &RoomSlug) -> Result<Vec<Message>, TargetError> {
        let mut messages = Vec::new();
        let mut path = format!("/v1/rooms/{room}/messages?limit=100");
        loop {
            let page: Result<Page<Message>, _> = self.api.get(&path).await;
            let page = page.map_err(|error| TargetError::refused("reading what was said", error))?;
            messages.extend(page.items);
            let Some(cursor) = page.next_cursor else { break };
            path = format!("/v1/rooms/{room}/messages?limit=100&cursor={cursor}");
        }
        messages.reverse();
        Ok(messages)
    }

    /// A ticket for one socket of whoever the join token is for.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub async fn ticket(&self, join_token: &str) -> Result<String, TargetError> {
        let url = format!("{}/v1/auth/ws-ticket", self.url);
        let answer = self.http.post(url).bearer_auth(join_token).send().await;
        let refused = |error: reqwest::Error| TargetError::refused("a ticket", error.without_url());
        let answer = answer.and_then(reqwest::Response::error_for_status).map_err(refused)?;
        Ok(answer.json::<TicketResponse>().await.map_err(refused)?.ticket)
    }
}

impl Boltorezka {
    /// Starts a server, or takes the one at `--url`.
    ///
    /// # Errors
    /// [`TargetError`].
    pub async fn start(options: &LoadOptions, link: &Link) -> Result<Self, TargetError> {
        let encodings = if options.load.simulcast { 3 } else { 1 };
        let rooms = OnceLock::new();
        if let Some(url) = &options.url {
            let key = options.api_key.as_deref().unwrap_or_default();
            let access = Access::new(url, key)?;
            return Ok(Self { server: None, access, rooms, encodings, description: "running elsewhere".into() });
        }
        let server = Server::start(ServerOptions::of(options), link).await?;
        let access = Access::new(&server.url, &server.api_key)?;
        let description = format!("boltorezka {}, {} shard(s), limits off", env!("CARGO_PKG_VERSION"), options.shards);
        Ok(Self { server: Some(server), access, rooms, encodings, description })
    }
}

#[async_trait]
impl Target for Boltorezka {
    fn kind(&self) -> TargetKind {
        TargetKind::Boltorezka
    }

    fn describe(&self) -> String {
        self.description.clone()
    }

    async fn prepare(&self, plan: &Plan) -> Result<(), TargetError> {
        let mut rooms = Vec::new();
        for number in 0..plan.rooms {
            rooms.push(self.access.create_room(number).await?);
        }
        // Called once: nothing is there yet.
        let _ = self.rooms.set(rooms);
        Ok(())
    }

    async fn connect(&self, seat: &Seat) -> Result<Box<dyn Lobby>, TargetError> {
        let rooms = self.rooms.get().and_then(|rooms| rooms.get(seat.room as usize));
        let room = rooms.ok_or_else(|| TargetError::refused("joining", "there is no such room"))?.clone();
        let ticket = self.access.ticket(&self.access.join_token(&room, seat.index).await?).await?;
        let gateway = Gateway::open(&self.access.url, &ticket).await?;
        Ok(Box::new(Connected { gateway, room, sections: self.sections(seat), receives: seat.receives() }))
    }

    async fn counters(&self) -> Option<BTreeMap<String, u64>> {
        let answer = self.access.http.get(format!("{}/metrics", self.access.url)).send().await.ok()?;
        Some(media_counters(&answer.error_for_status().ok()?.text().await.ok()?))
    }

    fn processes(&self) -> Processes {
        self.server.as_ref().map(Server::processes).unwrap_or_default()
    }

    async fn stop(&self) {
        if let Some(server) = &self.server {
            server.stop().await;
        }
    }
}

impl Boltorezka {
    fn sections(&self, seat: &Seat) -> Sections {
        let audio_slots = seat.audio.min(SECTIONS_MAX / 2);
        Sections {
            microphone: seat.microphone,
            camera_encodings: if seat.camera { self.encodings } else { 0 },
            audio_slots,
            video_slots: seat.video.min(SECTIONS_MAX - audio_slots),
        }
    }
}

/// Tells the names of one run from those of another.
fn unix_ms() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// The media node's counters in Prometheus' text, without what all their names have in common.
fn media_counters(text: &str) -> BTreeMap<String, u64> {
    let counters = text.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("boltorezka_media_")?.rsplit_once(' ')?;
        Some((name.replace("_total", ""), value.parse().ok()?))
    });
    counters.collect()
}

/// A client with its socket open.
struct Connected {
    gateway: Gateway,
    room: RoomSlug,
    sections: Sections,
    receives: bool,
}

#[async_trait]
impl Lobby for Connected {
    async fn join(self: Box<Self>, transports: &Transports) -> Result<Box<dyn Participation>, TargetError> {
        let Self { mut gateway, room, sections, receives } = *self;
        let mut transport = transports.open()?;
        let offer = transport.offer(&sections);
        gateway.join(&room).await?;
        let answer = gateway.call(&room, offer).await?;
        transport.accept_answer(&answer)?;
        let (leave, left) = oneshot::channel();
        tokio::spawn(gateway.stay(room, left));
        Ok(Box::new(Inside { transport, receives, leave: Some(leave) }))
    }
}

struct Inside {
    transport: Transport,
    receives: bool,
    leave: Option<oneshot::Sender<oneshot::Sender<()>>>,
}

#[async_trait]
impl Participation for Inside {
    async fn joined(&mut self) -> Result<Duration, TargetError> {
        Ok(if self.receives { self.transport.has_media().await? } else { self.transport.connected().await? })
    }

    async fn leave(mut self: Box<Self>) -> Result<(), TargetError> {
        let (done, is_done) = oneshot::channel();
        if let Some(leave) = self.leave.take() {
            // A socket that has broken meanwhile has left already.
            let _ = leave.send(done);
            let _ = is_done.await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_prometheus_text() {
        let text = "# TYPE boltorezka_media_packets_sent_total counter\nboltorezka_media_packets_sent_total 12\n\
                    boltorezka_media_packets_dropped_total{reason=\"muted\"} 3\nother_total 1\n";
        let expected = [("packets_dropped{reason=\"muted\"}".to_owned(), 3), ("packets_sent".to_owned(), 12)];
        assert_eq!(media_counters(text), expected.into());
    }
}
