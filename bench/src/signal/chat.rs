//! The messages: sent at a steady rate, whatever becomes of them.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::MissedTickBehavior;

use super::socket::{Socket, Tally};
use super::usage::{Meter, Usage};

/// How long messages may take after the last was sent; what comes later counts as not delivered.
const DRAIN: Duration = Duration::from_secs(3);

/// How sending went.
pub struct Talk {
    /// Messages that were due when their participant had too many unwritten ones, or was gone.
    pub skipped: u64,
    pub took: Duration,
    pub usage: Usage,
}

/// Sends messages at `rate` for `duration`, one participant after the other, and waits until the last ones have come.
pub async fn talk(sockets: &[Socket], rate: u32, duration: Duration, meter: &Meter) -> Talk {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (before, start) = (meter.read(), Instant::now());
    let mut skipped = 0;
    for (number, socket) in (0..).zip(sockets.iter().cycle()) {
        let _ = ticks.tick().await;
        if start.elapsed() >= duration {
            break;
        }
        if !socket.send(number) {
            skipped += 1;
        }
    }
    let (took, usage) = (start.elapsed(), meter.usage_since(&before));
    tokio::time::sleep(DRAIN).await;
    Talk { skipped, took, usage }
}

/// Ends the participants and returns what they counted.
pub async fn hang_up(sockets: Vec<Socket>) -> Vec<Tally> {
    join_all(sockets.into_iter().map(Socket::close)).await
}
