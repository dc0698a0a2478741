//! Janus with its videoroom plugin. A client has one connection for what it sends, where the client offers, and one for all
//! that it receives, where Janus offers.

mod api;
mod process;

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use self::api::Api;
use self::process::Process;
use super::{JOIN_TIMEOUT, Lobby, Participation, Processes, Target, TargetError};
use crate::link::Link;
use crate::media::{Sections, Transport, Transports};
use crate::options::{LoadOptions, TargetKind};
use crate::plan::{Plan, Seat};

/// Most that a publisher may send, in bits a second: above every load, so that Janus never asks for less.
const BITRATE_BPS_MAX: u32 = 50_000_000;
/// Error code of the plugin for a feed whose connection is not complete yet.
const NO_SUCH_FEED: u64 = 428;
/// Janus's number of the largest encoding: it takes the first of a description for the largest and counts down, while our
/// clients name the smallest first.
const BEST_SUBSTREAM: u8 = 0;
/// Time between attempts to subscribe to such a feed.
const FEED_POLL: Duration = Duration::from_millis(20);

/// A Janus, started for the run or already there.
pub struct Janus {
    api: Api,
    /// The process that was started for the run; none when it was there before, or has been stopped.
    process: tokio::sync::Mutex<Option<Process>>,
    processes: Processes,
    description: String,
    /// A handle that belongs to nobody, for making rooms.
    administrator: u64,
    camera_encodings: u8,
    /// Says who receives whom.
    plan: OnceLock<Plan>,
}

impl Janus {
    /// Starts a Janus, or connects to the one at `--url`.
    ///
    /// # Errors
    /// [`TargetError::Start`] when it does not start, [`TargetError::Refused`] when the API does not answer.
    pub async fn start(options: &LoadOptions, link: &Link) -> Result<Self, TargetError> {
        let (api, process) = match &options.url {
            Some(url) => (Api::connect(url).await?, None),
            None if link.target_ip.is_loopback() => {
                let cure = "Janus takes no addresses of loopback interfaces; run it with --link veth";
                return Err(TargetError::Start(cure.into()));
            }
            None => {
                let first = options.generator.target_core;
                let cores: Vec<usize> = (first..first + usize::from(options.shards)).collect();
                let (process, api) = Process::start(link, options.shards, &cores).await?;
                (api, Some(process))
            }
        };
        let version = api.version().await?;
        let description = match process {
            Some(_) => format!("{version}, videoroom, event_loops = {}, ICE-lite", options.shards),
            None => format!("{version}, videoroom, as it was found"),
        };
        let administrator = api.attach().await?;
        let camera_encodings = if options.load.simulcast { 3 } else { 1 };
        let media = process.as_ref().and_then(Process::id).into_iter().collect();
        Ok(Self {
            api,
            process: tokio::sync::Mutex::new(process),
            processes: Processes { media, control: Vec::new() },
            description,
            administrator,
            camera_encodings,
            plan: OnceLock::new(),
        })
    }
}

#[async_trait]
impl Target for Janus {
    fn kind(&self) -> TargetKind {
        TargetKind::Janus
    }

    fn describe(&self) -> String {
        self.description.clone()
    }

    async fn prepare(&self, plan: &Plan) -> Result<(), TargetError> {
        for room in 0..plan.rooms {
            let body = json!({
                "request": "create",
                "room": room_id(room),
                "publishers": plan.seats.len().max(1),
                "bitrate": BITRATE_BPS_MAX,
                "audiocodec": "opus",
                "videocodec": "vp8",
                "audiolevel_ext": true,
                "audiolevel_event": false,
                "transport_wide_cc_ext": true,
                "notify_joining": false,
            });
            self.api.ask("making a room", self.administrator, body, None).await?;
        }
        // Called once: nothing is there yet.
        let _ = self.plan.set(plan.clone());
        Ok(())
    }

    async fn connect(&self, seat: &Seat) -> Result<Box<dyn Lobby>, TargetError> {
        // All clients share one socket and one session.
        Ok(Box::new(Outside {
            api: self.api.clone(),
            seat: seat.clone(),
            feeds: self.plan.get().map(|plan| plan.sources(seat)).unwrap_or_default(),
            camera_encodings: self.camera_encodings,
        }))
    }

    fn processes(&self) -> Processes {
        self.processes.clone()
    }

    async fn stop(&self) {
        if let Some(process) = self.process.lock().await.take() {
            process.stop().await;
        }
    }
}

/// A client without a connection.
struct Outside {
    api: Api,
    seat: Seat,
    feeds: Vec<u32>,
    camera_encodings: u8,
}

#[async_trait]
impl Lobby for Outside {
    async fn join(self: Box<Self>, transports: &Transports) -> Result<Box<dyn Participation>, TargetError> {
        let Self { api, seat, feeds, camera_encodings } = *self;
        let transports = transports.clone();
        let mut client =
            Client { api, transports, room: seat.room, feeds, camera_encodings, sending: None, receiving: None };
        if seat.publishes() {
            let encodings = if seat.camera { camera_encodings } else { 0 };
            let sections = Sections { microphone: seat.microphone, camera_encodings: encodings, ..Sections::default() };
            client.publish(seat.index, &sections).await?;
        }
        Ok(Box::new(client))
    }
}

/// A client with up to two connections.
struct Client {
    api: Api,
    transports: Transports,
    room: u32,
    /// Whom it receives.
    feeds: Vec<u32>,
    camera_encodings: u8,
    sending: Option<Connection>,
    receiving: Option<Connection>,
}

/// A connection: Janus's handle and our transport.
struct Connection {
    handle: Handle,
    transport: Transport,
}

/// A handle that ends when dropped.
struct Handle {
    api: Api,
    id: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.api.detach(self.id);
    }
}

impl Client {
    async fn publish(&mut self, feed: u32, sections: &Sections) -> Result<(), TargetError> {
        let what = "publishing";
        let handle = self.attach().await?;
        let mut transport = self.transports.open()?;
        let body = json!({
            "request": "joinandconfigure", "ptype": "publisher", "room": room_id(self.room), "id": feed_id(feed),
            "audio": sections.microphone, "video": sections.camera_encodings > 0,
        });
        let offer = transport.offer(sections);
        let answer = self.api.ask(what, handle.id, body, Some(("offer", offer))).await?;
        transport.accept_answer(&sdp_of(what, answer.sdp)?)?;
        self.sending = Some(Connection { handle, transport });
        Ok(())
    }

    /// Subscribes to all feeds; `None` when one of them is not complete yet.
    async fn try_subscribe(&self) -> Result<Option<Connection>, TargetError> {
        let what = "subscribing";
        let handle = self.attach().await?;
        let mut transport = self.transports.open()?;
        let streams: Vec<Value> = self.feeds.iter().map(|feed| json!({"feed": feed_id(*feed)})).collect();
        let body = json!({
            "request": "join", "ptype": "subscriber", "room": room_id(self.room), "streams": streams,
            "autoupdate": false,
        });
        let offer = self.api.try_ask(what, handle.id, body, None).await?;
        if offer.error_code() == Some(NO_SUCH_FEED) {
            return Ok(None);
        }
        let answer = transport.answer(&sdp_of(what, offer.done(what)?.sdp)?)?;
        self.api.ask("starting", handle.id, json!({"request": "start"}), Some(("answer", answer))).await?;
        if self.camera_encodings > 1 {
            let best = json!({"request": "configure", "substream": BEST_SUBSTREAM});
            self.api.ask("choosing an encoding", handle.id, best, None).await?;
        }
        Ok(Some(Connection { handle, transport }))
    }

    async fn attach(&self) -> Result<Handle, TargetError> {
        Ok(Handle { api: self.api.clone(), id: self.api.attach().await? })
    }
}

#[async_trait]
impl Participation for Client {
    async fn subscribe(&mut self) -> Result<(), TargetError> {
        let subscribed = async {
            loop {
                match self.try_subscribe().await {
                    Ok(None) => tokio::time::sleep(FEED_POLL).await,
                    Ok(Some(connection)) => return Ok(connection),
                    Err(error) => return Err(error),
                }
            }
        };
        let subscribed = tokio::time::timeout(JOIN_TIMEOUT, subscribed).await;
        self.receiving = Some(subscribed.map_err(|_| TargetError::Timeout("subscribing"))??);
        Ok(())
    }

    async fn joined(&mut self) -> Result<Duration, TargetError> {
        let reached = async {
            match (&self.receiving, &self.sending) {
                (Some(receiving), _) => receiving.transport.has_media().await,
                (None, Some(sending)) => sending.transport.connected().await,
                (None, None) => Ok(Duration::ZERO),
            }
        };
        Ok(tokio::time::timeout(JOIN_TIMEOUT, reached).await.map_err(|_| TargetError::Timeout("connecting"))??)
    }

    async fn leave(mut self: Box<Self>) -> Result<(), TargetError> {
        for connection in [self.receiving.take(), self.sending.take()].into_iter().flatten() {
            let left = json!({"request": "leave"});
            self.api.ask("leaving", connection.handle.id, left, None).await?;
        }
        Ok(())
    }
}

/// Rooms and feeds count from 1: Janus takes 0 for absent.
fn room_id(room: u32) -> u64 {
    u64::from(room) + 1
}

fn feed_id(feed: u32) -> u64 {
    u64::from(feed) + 1
}

fn sdp_of(what: &'static str, sdp: Option<String>) -> Result<String, TargetError> {
    sdp.ok_or_else(|| TargetError::refused(what, "Janus sent no session description"))
}
