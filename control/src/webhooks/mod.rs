//! Webhooks: servers of the operator are told what happened, at least once, with the event's id on each try.
//!
//! What is to be told is written in the transaction that made it true (`store/sql/webhooks.rs`); [`deliver`] takes it from there.

mod deliver;
mod receiver;
mod request;
mod routes;

use std::time::Duration;

use async_trait::async_trait;

use crate::app::App;
use crate::features::{Feature, Routes, every};
use crate::outbound;

/// Webhooks that fail lastingly are looked for this often.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The feature.
pub struct Webhooks;

#[async_trait]
impl Feature for Webhooks {
    fn name(&self) -> &'static str {
        "webhooks"
    }

    fn title(&self) -> &'static str {
        "Telling servers of the operator what happened."
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["webhooks"]
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes::routes(), ..Routes::default() }
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        let clients = outbound::Clients::new(request::TIMEOUT, request::CONNECT_TIMEOUT)
            .map_err(|error| format!("no HTTP client can be made: {error}"))?;
        app.tasks.spawn(deliver::deliver(app.clone(), clients, app.shutdown.child_token()));
        every(app, TIDY_EVERY, "switching off webhooks that fail lastingly", async |app: App| {
            deliver::tidy(&app).await
        });
        Ok(())
    }
}
