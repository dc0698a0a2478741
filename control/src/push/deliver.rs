//! What browsers were not pushed yet goes out, again and again, until a push service has it or nobody needs it any more.

use boltorezka_proto::push::PushNotice;
use tokio_util::sync::CancellationToken;

use super::content::notice;
use super::endpoint::service_of;
use super::request::{Outcome, Sender};
use crate::app::App;
use crate::deliveries;
use crate::http::PushOutcome;
use crate::store::{DuePush, PushTarget, StoreError};

/// Pushes of an account that are under way at a time: a push service that does not answer leaves room for the others.
const AT_ONCE_OF_EACH: u32 = 4;
/// A push that nobody has answered for by then was lost with its server, and is tried again: longer than a request may take.
const LEASE_MS: i64 = 30_000;
/// When the next try follows a failed one, in seconds; the last one again and again, until it is too old.
const RETRY_AFTER_S: [i64; 7] = [2, 5, 15, 60, 300, 1_800, 7_200];
/// While a page of the account is open, it is told there, and a push waits: it goes if the page is closed, or turns out to have
/// been lost, before the account has read it. That shows within `limits.socket_idle_ms`, which is shorter.
const OPEN_MS_MAX: i64 = 60_000;
/// An open page is looked at again after this time.
const OPEN_LOOK_MS: i64 = 3_000;

/// Delivers until `shutdown`. What is under way then is tried again after a restart.
pub async fn deliver(app: App, sender: Sender, shutdown: CancellationToken) {
    let take = |room| {
        let now_ms = app.clock.now_ms();
        app.store.take_due_pushes(now_ms, now_ms + LEASE_MS, AT_ONCE_OF_EACH, room)
    };
    let attempt = |push: DuePush| attempt(app.of(push.workspace_id), sender.clone(), push);
    deliveries::deliver(shutdown, take, attempt).await;
}

async fn attempt(app: App, sender: Sender, push: DuePush) {
    if let Err(error) = try_once(&app, &sender, &push).await {
        // It is tried again when its lease ends: at least once.
        tracing::error!(%error, subscription_id = %push.subscription_id, "what became of a push could not be noted");
    }
}

async fn try_once(app: &App, sender: &Sender, push: &DuePush) -> Result<(), StoreError> {
    let now_ms = app.clock.now_ms();
    let Some(vapid) = app.push.vapid() else { return Ok(()) };
    // Ended sessions, blocked accounts and those that want none have no target.
    let Some(target) = app.store.push_target(push.subscription_id, now_ms).await? else {
        return app.store.push_done(push, now_ms).await;
    };
    let Some(notice) = notice(app, push, &target, now_ms).await? else {
        return app.store.push_done(push, now_ms).await;
    };
    if app.hub.has_socket_of(app.workspace_id(), target.user_id) {
        return match now_ms < push.created_at_ms + OPEN_MS_MAX {
            true => app.store.push_again(push, now_ms + OPEN_LOOK_MS, false).await,
            false => app.store.push_done(push, now_ms).await,
        };
    }
    send(app, sender, push, &target, &notice, vapid).await
}

async fn send(
    app: &App,
    sender: &Sender,
    push: &DuePush,
    target: &PushTarget,
    notice: &PushNotice,
    vapid: &super::Vapid,
) -> Result<(), StoreError> {
    let outcome = sender.send(&app.config, vapid, push, target, notice, app.clock.now_ms()).await;
    let (now_ms, service) = (app.clock.now_ms(), service_of(&target.endpoint));
    app.metrics.push_tried(match outcome {
        Outcome::Pushed => PushOutcome::Pushed,
        Outcome::Gone => PushOutcome::Gone,
        Outcome::Failed { .. } | Outcome::Refused(_) => PushOutcome::Failed,
    });
    match outcome {
        Outcome::Pushed => app.store.push_done(push, now_ms).await,
        Outcome::Gone => app.store.push_gone(push.subscription_id, &target.endpoint).await,
        Outcome::Refused(error) => {
            tracing::warn!(error, service, subscription_id = %push.subscription_id, "a push was refused and is given up");
            app.store.push_done(push, now_ms).await
        }
        Outcome::Failed { error, retry_after_s } => {
            let after_s = retry_s(push.attempt).max(retry_after_s.unwrap_or(0));
            tracing::info!(error, service, after_s, subscription_id = %push.subscription_id, "a push failed");
            app.store.push_again(push, now_ms + after_s * 1000, true).await
        }
    }
}

/// Seconds after a failed try until the next.
fn retry_s(attempt: u32) -> i64 {
    let [.., last] = RETRY_AFTER_S;
    RETRY_AFTER_S.get(attempt.saturating_sub(1) as usize).copied().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_further_and_further_apart() {
        let tries: Vec<i64> = (1..=9).map(retry_s).collect();
        assert_eq!(tries, [2, 5, 15, 60, 300, 1_800, 7_200, 7_200, 7_200]);
    }
}
