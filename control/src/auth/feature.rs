//! Accounts as a feature of the server.

use std::time::Duration;

use async_trait::async_trait;

use super::routes;
use crate::app::App;
use crate::features::{Feature, Routes, every};

/// Sessions and tickets that have expired are deleted this often.
const CLEAN_EVERY: Duration = Duration::from_secs(60);

/// The feature.
pub struct Accounts;

#[async_trait]
impl Feature for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn title(&self) -> &'static str {
        "Signing in, tickets, join tokens."
    }

    fn is_critical(&self) -> bool {
        true
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["initial"]
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes(), ..Routes::default() }
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        every(app, CLEAN_EVERY, "deleting what has expired", async |app: App| {
            app.store.delete_expired(app.clock.now_ms()).await
        });
        Ok(())
    }
}
