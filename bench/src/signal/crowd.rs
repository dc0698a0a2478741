//! Many who enter one room at once, and what each of them is told of the others.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::watch;

use super::opening::{self, Seat};
use crate::load::Show;
use crate::options::SignalOptions;
use crate::report::table::Event;
use crate::target::boltorezka::Access;
use crate::target::boltorezka::gateway::{Gateway, Presence};
use crate::target::{JOIN_TIMEOUT, TargetError};

/// After the last has entered, until nothing more is said of it: presence is told each tenth of a second.
const SETTLE: Duration = Duration::from_secs(1);

/// How entering went.
pub struct Entered {
    /// One of each who got in.
    pub members: Vec<Member>,
    pub failed: u32,
    /// From the first request to the last answer.
    pub took: Duration,
}

/// One who got in, and stayed until the end.
pub struct Member {
    /// From `room.join` to its ack, in microseconds.
    pub join_us: u32,
    /// What it was told.
    pub presence: Presence,
}

/// Opens the crowd's sockets, then has all of them join at once; `None` without a crowd.
pub async fn enter(access: &Access, seats: Vec<Seat>, options: &SignalOptions, show: Show<'_>) -> Option<Entered> {
    let all = seats.len();
    if all == 0 {
        return None;
    }
    show(Event::Phase(format!("{all} further sockets, for the crowd")));
    let waiting =
        opening::paced(
            seats,
            options,
            show,
            |seat| async move { Ok((opening::gateway(access, &seat.token).await?, seat)) },
        );
    let waiting = waiting.await;
    show(Event::Phase(format!("{} of them enter one room at once", waiting.len())));
    let (over, is_over) = watch::channel(false);
    let (inside, mut are_inside) = tokio::sync::mpsc::channel(all);
    let start = Instant::now();
    let members: Vec<_> = waiting
        .into_iter()
        .map(|(gateway, seat)| tokio::spawn(member(gateway, seat, inside.clone(), is_over.clone())))
        .collect();
    drop(inside);
    // Ends when each has got in, or failed.
    let mut took = Duration::ZERO;
    while are_inside.recv().await.is_some() {
        took = start.elapsed();
    }
    tokio::time::sleep(SETTLE).await;
    // They all hold the other end.
    let _ = over.send(true);
    let members: Vec<Member> = join_all(members).await.into_iter().filter_map(|member| member.ok()?.ok()).collect();
    let failed = u32::try_from(all - members.len()).unwrap_or(u32::MAX);
    Some(Entered { members, failed, took })
}

/// Enters, says so, and listens until it is over.
async fn member(
    mut gateway: Gateway,
    seat: Seat,
    inside: tokio::sync::mpsc::Sender<()>,
    mut is_over: watch::Receiver<bool>,
) -> Result<Member, TargetError> {
    let asked = Instant::now();
    let joined = tokio::time::timeout(JOIN_TIMEOUT, gateway.join(&seat.room)).await;
    joined.map_err(|_| TargetError::Timeout("joining the crowd"))??;
    let join_us = u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX);
    // There is a place for each.
    let _ = inside.send(()).await;
    drop(inside);
    let over = is_over.wait_for(|over| *over);
    tokio::pin!(over);
    loop {
        tokio::select! {
            _ = &mut over => break,
            text = gateway.next_text() => drop(text?),
        }
    }
    let presence = gateway.presence();
    gateway.close().await;
    Ok(Member { join_us, presence })
}
