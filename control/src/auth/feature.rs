//! Accounts as a feature of the server.

use std::time::Duration;

use async_trait::async_trait;

use super::{erasure, routes};
use crate::app::App;
use crate::features::{Feature, Routes, every};
use crate::mail;

/// Sessions, tickets, links and sign-ins that have expired, and accounts whose time has come, are deleted this often.
const CLEAN_EVERY: Duration = Duration::from_secs(60);

/// The feature.
pub struct Accounts;

#[async_trait]
impl Feature for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn title(&self) -> &'static str {
        "Accounts, signing in, tickets, join tokens."
    }

    fn is_critical(&self) -> bool {
        true
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["initial", "accounts", "oidc", "passkeys"]
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes(), ..Routes::default() }
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        every(app, CLEAN_EVERY, "deleting what has expired", async |app: App| {
            app.store.delete_expired(app.clock.now_ms()).await?;
            app.store.delete_expired_links(app.clock.now_ms()).await?;
            app.store.delete_expired_oidc(app.clock.now_ms()).await?;
            app.store.delete_expired_passkey_ceremonies(app.clock.now_ms()).await
        });
        every(app, CLEAN_EVERY, "erasing accounts", async |app: App| erasure::erase_due(&app).await);
        app.tasks.spawn(mail::run(app.clone(), app.shutdown.child_token()));
        Ok(())
    }
}
