//! Rooms, tokens and sockets: everything up to the first word.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use boltorezka_proto::RoomSlug;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::MissedTickBehavior;

use super::socket::Socket;
use crate::load::Show;
use crate::options::{SignalLoad, SignalOptions};
use crate::report::table::Event;
use crate::target::boltorezka::Access;
use crate::target::boltorezka::gateway::Gateway;
use crate::target::{JOIN_TIMEOUT, TargetError};

/// Requests for join tokens at the same time, while everything is being prepared.
const TOKENS_PARALLEL: usize = 16;
/// How often progress is shown.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Who may enter where.
pub struct Seat {
    pub room: RoomSlug,
    pub token: String,
}

/// Participants inside.
pub struct Opened {
    pub sockets: Vec<Socket>,
    pub counts: Counts,
}

/// How opening went.
pub struct Counts {
    pub opened: u32,
    pub failed: u32,
    pub took: Duration,
}

/// Makes rooms, and a seat in them for each participant that talks.
///
/// # Errors
/// [`TargetError::Refused`].
pub async fn talkers(access: &Access, load: &SignalLoad) -> Result<Vec<Seat>, TargetError> {
    let mut rooms = Vec::new();
    for number in 0..load.rooms() {
        rooms.push(access.create_room(number).await?);
    }
    seats(access, (0..load.sockets).zip(rooms.iter().cycle())).await
}

/// Makes a room for the crowd, and a seat for each of it.
///
/// # Errors
/// [`TargetError::Refused`].
pub async fn crowd(access: &Access, load: &SignalLoad) -> Result<Vec<Seat>, TargetError> {
    if load.crowd == 0 {
        return Ok(Vec::new());
    }
    let room = access.create_room(load.rooms()).await?;
    seats(access, (load.sockets..load.sockets + load.crowd).map(|number| (number, &room))).await
}

async fn seats<'a>(
    access: &Access,
    people: impl Iterator<Item = (u32, &'a RoomSlug)>,
) -> Result<Vec<Seat>, TargetError> {
    let seat = |(number, room): (u32, &'a RoomSlug)| async move {
        Ok(Seat { room: room.clone(), token: access.join_token(room, number).await? })
    };
    stream::iter(people).map(seat).buffered(TOKENS_PARALLEL).try_collect().await
}

/// Opens a socket for each seat, and joins its room.
pub async fn open(access: &Access, seats: Vec<Seat>, options: &SignalOptions, show: Show<'_>) -> Opened {
    let (epoch, all) = (Instant::now(), seats.len());
    let opened = paced(seats, options, show, |seat| async move {
        let started = Instant::now();
        let gateway = gateway(access, &seat.token).await?;
        Socket::join(gateway, seat.room, started, epoch).await
    });
    let sockets = opened.await;
    let opened = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
    let failed = u32::try_from(all - sockets.len()).unwrap_or(u32::MAX);
    Opened { sockets, counts: Counts { opened, failed, took: epoch.elapsed() } }
}

/// Opens one thing for each seat at the rate that the options say, and leaves out those that fail.
pub async fn paced<T, F: Future<Output = Result<T, TargetError>>>(
    seats: Vec<Seat>,
    options: &SignalOptions,
    show: Show<'_>,
    open: impl Fn(Seat) -> F,
) -> Vec<T> {
    let all = seats.len();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / options.connects_per_s.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let paced = stream::unfold((ticks, seats.into_iter()), |(mut ticks, mut seats)| async move {
        let seat = seats.next()?;
        let _ = ticks.tick().await;
        Some((seat, (ticks, seats)))
    });
    let done = AtomicU32::new(0);
    let (open, done) = (&open, &done);
    let opened = paced
        .map(|seat| async move {
            let opened = tokio::time::timeout(JOIN_TIMEOUT, open(seat)).await;
            done.fetch_add(1, Ordering::Relaxed);
            opened.unwrap_or(Err(TargetError::Timeout("opening a socket")))
        })
        .buffer_unordered(options.joins as usize)
        .filter_map(|opened| async {
            // Each is counted; that it was so many says more than each reason.
            opened.inspect_err(|error| tracing::warn!(%error, "a socket could not be opened")).ok()
        })
        .collect();
    tokio::pin!(opened);
    let mut progress = tokio::time::interval(PROGRESS_EVERY);
    loop {
        tokio::select! {
            opened = &mut opened => return opened,
            _ = progress.tick() => {
                show(Event::Phase(format!("{} of {all} sockets are open", done.load(Ordering::Relaxed))));
            }
        }
    }
}

/// A socket of whoever the join token is for, at the door.
///
/// # Errors
/// [`TargetError::Refused`].
pub async fn gateway(access: &Access, token: &str) -> Result<Gateway, TargetError> {
    let ticket = access.ticket(token).await?;
    let mut gateway = Gateway::open(&access.url, &ticket).await?;
    gateway.ready().await?;
    Ok(gateway)
}
