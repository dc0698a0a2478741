//! What webhooks have not been told yet goes out, again and again, until it gets through or is a dead letter.

use tokio_util::sync::CancellationToken;

use super::request::{self, Outcome};
use crate::app::App;
use crate::deliveries;
use crate::outbound::Clients;
use crate::store::{DueDelivery, FailedDelivery, StoreError};

/// Deliveries of a webhook that are under way at a time: a receiver that does not answer leaves room for the others.
const AT_ONCE_OF_EACH: u32 = 8;
/// A delivery that nobody has answered for by then was lost with its server, and is tried again: longer than a request may take.
const LEASE_MS: i64 = 60_000;
/// When the next try follows a failed one, in seconds: the schedule that the specification recommends, a little over two days in
/// all. After the last the event is a dead letter.
const RETRY_AFTER_S: [i64; 10] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 36_000, 36_000, 36_000];
/// A webhook to which nothing got through for so long is switched off: longer than all tries of one event.
const FAILING_MAX_MS: i64 = 5 * 24 * 3_600 * 1_000;
/// A webhook for which more than this waits is switched off: some 50 MB.
const WAITING_MAX: u32 = 100_000;
/// Dead letters are kept this long.
const DEAD_KEPT_MS: i64 = 30 * 24 * 3_600 * 1_000;

/// Delivers until `shutdown`. What is under way then is tried again after a restart.
pub async fn deliver(app: App, clients: Clients, shutdown: CancellationToken) {
    let take = |room| {
        let now_ms = app.clock.now_ms();
        app.store.take_due_deliveries(now_ms, now_ms + LEASE_MS, AT_ONCE_OF_EACH, room)
    };
    let attempt = |delivery| attempt(app.clone(), clients.clone(), delivery);
    deliveries::deliver(shutdown, take, attempt).await;
}

/// Switches off webhooks that fail lastingly, and deletes what is too old.
///
/// # Errors
/// When the database fails.
pub async fn tidy(app: &App) -> Result<(), StoreError> {
    let now_ms = app.clock.now_ms();
    let (failing_before_ms, dead_before_ms) = (now_ms - FAILING_MAX_MS, now_ms - DEAD_KEPT_MS);
    let disabled = app.store.tidy_webhooks(now_ms, failing_before_ms, WAITING_MAX, dead_before_ms).await?;
    for id in disabled {
        tracing::warn!(%id, "a webhook was switched off: nothing got through to it for too long");
    }
    Ok(())
}

async fn attempt(app: App, clients: Clients, delivery: DueDelivery) {
    let outcome = request::send(&clients, &app.config, &delivery, app.clock.now_ms()).await;
    app.metrics.webhook_tried(outcome == Outcome::Delivered);
    let now_ms = app.clock.now_ms();
    let noted = match outcome {
        Outcome::Delivered => app.store.delivered(&delivery).await,
        Outcome::Failed(error) => {
            let next_attempt_at_ms = retry_after_s(delivery.attempt).map(|after_s| now_ms + after_s * 1000);
            let failed = FailedDelivery { error, next_attempt_at_ms, disables: false };
            app.store.delivery_failed(&delivery, &failed, now_ms).await
        }
        Outcome::Gone => {
            let error = "the receiver answered 410 Gone".to_owned();
            let failed = FailedDelivery { error, next_attempt_at_ms: None, disables: true };
            app.store.delivery_failed(&delivery, &failed, now_ms).await
        }
    };
    if let Err(error) = noted {
        // It is tried again when its lease ends: at least once.
        tracing::error!(%error, event_id = %delivery.event_id, "what became of a webhook's delivery could not be noted");
    }
}

/// Seconds after a failed try until the next; `None` after the last.
fn retry_after_s(attempt: u32) -> Option<i64> {
    RETRY_AFTER_S.get(attempt.saturating_sub(1) as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_to_an_end_before_the_webhook_is_switched_off() {
        let tries: Vec<i64> = (1..).map_while(retry_after_s).collect();
        assert_eq!(tries, RETRY_AFTER_S);
        assert!(tries.iter().sum::<i64>() * 1000 < FAILING_MAX_MS);
    }
}
