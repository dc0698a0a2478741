//! The realtime gateway as a feature of the server.

use std::time::Duration;

use async_trait::async_trait;
use boltorezka_proto::socket::CloseCode;

use super::gateway::routes;
use crate::app::App;
use crate::events;
use crate::features::{Events, Feature, Routes, every};

/// Delivered outbox rows are deleted this often.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// They are kept this long, for whoever wants to see what was told.
const DELIVERED_KEPT_MS: i64 = 10 * 60 * 1000;
/// Sockets get this long to take their close frame.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at those that are left.
const CLOSE_PAUSE: Duration = Duration::from_millis(10);

/// The feature.
pub struct Realtime;

#[async_trait]
impl Feature for Realtime {
    fn name(&self) -> &'static str {
        "realtime"
    }

    fn title(&self) -> &'static str {
        "The socket, and telling what was committed."
    }

    fn is_critical(&self) -> bool {
        true
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["initial"]
    }

    /// A ticket says which workspace it is for.
    fn routes(&self) -> Routes {
        Routes { in_none: routes(), ..Routes::default() }
    }

    fn events(&self) -> Events {
        Events { requests: &["ping", "pong"], told: &["server.ready", "ping", "pong"] }
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        app.tasks.spawn(events::dispatch(app.clone(), app.shutdown.child_token()));
        every(app, CLEAN_EVERY, "deleting what was told", async |app: App| {
            app.store.delete_delivered(app.clock.now_ms() - DELIVERED_KEPT_MS).await
        });
        Ok(())
    }

    /// Closes the sockets with 1012. Calls go on: the media node is told nothing.
    async fn stop(&self, app: &App) {
        app.hub.close_all(CloseCode::Restart);
        let closed = async {
            while app.hub.socket_count() > 0 {
                tokio::time::sleep(CLOSE_PAUSE).await;
            }
        };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, closed).await;
    }
}
