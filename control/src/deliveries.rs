//! Requests that wait in the database until they get through: taken when they are due, and tried so many at a time.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::store::StoreError;

/// It is looked this often: what is due goes within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Under way at a time: receivers that do not answer are bounded, and cost no more than this.
const AT_ONCE: u32 = 32;

/// Until `shutdown`: has `take` lease what is due, at most so many, and `attempt` try each and note what became of it. What is under
/// way at the end is tried again when its lease ends.
pub async fn deliver<T, Taken, Tried>(
    shutdown: CancellationToken,
    take: impl Fn(u32) -> Taken,
    attempt: impl Fn(T) -> Tried,
) where
    Taken: Future<Output = Result<Vec<T>, StoreError>>,
    Tried: Future<Output = ()> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    while !shutdown.is_cancelled() {
        while under_way.try_join_next().is_some() {}
        let room = AT_ONCE.saturating_sub(under_way.len() as u32);
        if room > 0 {
            match take(room).await {
                Ok(due) => due.into_iter().for_each(|due| drop(under_way.spawn(attempt(due)))),
                Err(error) => tracing::error!(%error, "what is due to be told could not be read"),
            }
        }
        shutdown.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
    }
}
