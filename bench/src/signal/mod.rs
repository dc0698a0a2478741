//! `signal`: a load on the realtime gateway alone: sockets that connect, join rooms and talk. No media.
//!
//! Each participant takes a ticket with a join token, opens the socket, waits for `server.ready` and joins its room.
//! Then messages are sent at a steady rate, one participant after the other, each with its send time in the text, so
//! that every receiver can tell how long it took. See `bench/README.md` for what each figure means.

mod socket;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use boltorezka_proto::RoomSlug;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::time::MissedTickBehavior;

use crate::error::BenchError;
use crate::link::Link;
use crate::options::{SignalLoad, SignalOptions};
use crate::process;
use crate::target::TargetError;
use crate::target::boltorezka::Access;
use crate::target::boltorezka::server::{Server, ServerOptions};
use crate::turn;
use socket::{Socket, Tally};

/// How long messages may take after the last was sent; what comes later counts as not delivered.
const DRAIN: Duration = Duration::from_secs(3);
/// Requests for join tokens at the same time, while everything is being prepared.
const TOKENS_PARALLEL: usize = 16;
/// Core of a server that is started; the clients have the others.
const SERVER_CORE: usize = 0;

/// What came out. Times in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignalResult {
    /// Always `signal`, so that reports can tell it from media runs.
    pub scenario: String,
    /// Sockets that connected and joined.
    pub sockets: u32,
    /// Sockets that could not.
    pub sockets_failed: u32,
    /// Sockets that broke while messages were sent.
    pub sockets_broken: u32,
    /// Rooms.
    pub rooms: u32,
    /// Sockets a second, from the ticket to the ack of `room.join`.
    pub connects_per_s: f64,
    /// From the request for a ticket to `server.ready`.
    pub connect_ms_p50: f64,
    /// The same.
    pub connect_ms_p95: f64,
    /// The same.
    pub connect_ms_p99: f64,
    /// From `room.join` to its ack.
    pub join_ms_p50: f64,
    /// The same.
    pub join_ms_p95: f64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Messages that were acked, a second.
    pub messages_per_s: f64,
    /// Messages that were refused.
    pub messages_refused: u64,
    /// `message.new` frames that arrived, a second.
    pub deliveries_per_s: f64,
    /// What arrived of what should have: each message once at each member of its room.
    pub delivery_ratio: f64,
    /// From sending a message to its ack.
    pub ack_ms_p50: f64,
    /// The same.
    pub ack_ms_p95: f64,
    /// The same.
    pub ack_ms_p99: f64,
    /// From sending a message to `message.new` at a member.
    pub delivery_ms_p50: f64,
    /// The same.
    pub delivery_ms_p95: f64,
    /// The same.
    pub delivery_ms_p99: f64,
}

/// Starts a server if none is given, puts the load on it and stops it.
///
/// # Errors
/// [`BenchError::Target`] when the server, the rooms or the tokens could not be made. Sockets that fail are counted instead.
pub fn run_blocking(options: &SignalOptions) -> Result<SignalResult, BenchError> {
    let _turn = turn::take(|| tracing::warn!("waiting for another run on this host to end"));
    let others: Vec<usize> = (0..process::cores()).filter(|core| *core != SERVER_CORE).collect();
    if options.url.is_none() && !others.is_empty() {
        process::pin(0, &others).map_err(BenchError::system("pinning the clients to their cores"))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(BenchError::system("starting the runtime"))?.block_on(async {
        if let Some(url) = &options.url {
            let access = Access::new(url, options.api_key.as_deref().unwrap_or_default())?;
            return run(&options.load, options.duration, &access).await;
        }
        let start = ServerOptions { program: options.server.clone(), shards: 1, core: SERVER_CORE, flags: Vec::new() };
        let server = Server::start(start, &Link::loopback()).await?;
        for control in server.processes().control {
            process::pin(control, &[SERVER_CORE]).map_err(BenchError::system("pinning the server to its core"))?;
        }
        let access = Access::new(&server.url, &server.api_key)?;
        let result = run(&options.load, options.duration, &access).await;
        server.stop().await;
        result
    })
}

async fn run(load: &SignalLoad, duration: Duration, access: &Access) -> Result<SignalResult, BenchError> {
    let tokens = prepare(access, load).await?;
    let epoch = Instant::now();
    let opened: Vec<Result<Socket, TargetError>> = stream::iter(tokens)
        .map(|(room, token)| async move {
            let started = Instant::now();
            let ticket = access.ticket(&token).await?;
            Socket::open(&access.url, &ticket, room, started, epoch).await
        })
        .buffer_unordered(load.joins as usize)
        .collect()
        .await;
    let connecting = epoch.elapsed();
    let mut sockets = Vec::with_capacity(opened.len());
    let mut failed: u32 = 0;
    for socket in opened {
        match socket {
            Ok(socket) => sockets.push(socket),
            Err(error) => {
                failed += 1;
                tracing::warn!(%error, "a socket could not be opened");
            }
        }
    }

    let talking = Instant::now();
    let expected = talk(&sockets, load.rate, duration).await;
    let talked = talking.elapsed();
    tokio::time::sleep(DRAIN).await;

    let mut tally = Tally::default();
    let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
    for socket in sockets {
        tally.add(socket.close().await);
    }
    Ok(tally.into_result(load.rooms, count, failed, connecting, expected, talked))
}

/// Makes rooms and one join token for each participant.
async fn prepare(access: &Access, load: &SignalLoad) -> Result<Vec<(RoomSlug, String)>, TargetError> {
    let mut rooms = Vec::new();
    for number in 0..load.rooms {
        rooms.push(access.create_room(number).await?);
    }
    let participants = (0..load.sockets).zip(rooms.iter().cycle());
    stream::iter(participants)
        .map(|(number, room)| async move { Ok((room.clone(), access.join_token(room, number).await?)) })
        .buffered(TOKENS_PARALLEL)
        .try_collect()
        .await
}

/// Sends messages at `rate` for `duration`, one participant after the other; returns how many deliveries that makes.
async fn talk(sockets: &[Socket], rate: u32, duration: Duration) -> u64 {
    let mut members = BTreeMap::<&str, u64>::new();
    for socket in sockets {
        *members.entry(socket.room.as_str()).or_default() += 1;
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = Instant::now() + duration;
    let mut expected = 0;
    for socket in sockets.iter().cycle() {
        let _ = ticks.tick().await;
        if Instant::now() >= end {
            break;
        }
        if socket.send() {
            expected += members.get(socket.room.as_str()).copied().unwrap_or_default();
        }
    }
    expected
}
