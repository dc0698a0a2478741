//! `GET /v1/auth/me` at a steady rate, by signed-in accounts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_sdk::Client;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::usage::{Meter, Usage};
use crate::options::SignalLoad;
use crate::target::TargetError;
use crate::target::boltorezka::Access;

/// Accounts that ask in turn: enough that no session is asked for twice at once, few enough to hash their passwords soon.
const ACCOUNTS: u32 = 16;
/// Requests that wait for their answers; those that are due beyond count as failed.
const WAITING_MAX: usize = 256;

/// How asking went.
pub struct Asked {
    /// Of each answer, in microseconds.
    pub times_us: Vec<u32>,
    pub failed: u64,
    pub took: Duration,
    pub usage: Usage,
}

/// Makes the accounts, if any are to ask.
///
/// # Errors
/// [`TargetError::Refused`], as when the server takes no registrations.
pub async fn register(access: &Access, load: &SignalLoad) -> Result<Vec<Client>, TargetError> {
    let mut accounts = Vec::new();
    for number in 0..if load.me_per_s == 0 { 0 } else { ACCOUNTS } {
        accounts.push(access.account(number).await?);
    }
    Ok(accounts)
}

/// Asks at `rate` for `duration`; `None` when nobody is to ask.
pub async fn ask(accounts: &[Client], rate: u32, duration: Duration, meter: &Meter) -> Option<Asked> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1).checked_div(rate)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let places = Arc::new(Semaphore::new(WAITING_MAX));
    let mut answers = JoinSet::new();
    let (mut times_us, mut failed) = (Vec::new(), 0);
    let mut count = |answer: Option<u32>| match answer {
        Some(time_us) => times_us.push(time_us),
        None => failed += 1,
    };
    let (before, start) = (meter.read(), Instant::now());
    for account in accounts.iter().cycle() {
        let _ = ticks.tick().await;
        if start.elapsed() >= duration {
            break;
        }
        while let Some(answer) = answers.try_join_next() {
            count(answer.unwrap_or_default());
        }
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let account = account.clone();
                let _ = answers.spawn(async move {
                    let (asked, _place) = (Instant::now(), place);
                    account.me().await.ok()?;
                    u32::try_from(asked.elapsed().as_micros()).ok()
                });
            }
            Err(_) => count(None),
        }
    }
    let (took, usage) = (start.elapsed(), meter.usage_since(&before));
    while let Some(answer) = answers.join_next().await {
        count(answer.unwrap_or_default());
    }
    Some(Asked { times_us, failed, took, usage })
}
