//! Chat as a feature of the server.

use std::time::Duration;

use async_trait::async_trait;
use boltorezka_proto::workspaces::OptionalFeature;

use super::notifications::NOTIFICATIONS_KEPT_MS;
use super::reports::REPORTS_KEPT_MS;
use super::{KEYS_KEPT_MS, routes};
use crate::app::App;
use crate::features::{Events, Feature, Routes, every};

/// Old keys, notifications and reports are forgotten this often.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// The feature.
pub struct Chat;

#[async_trait]
impl Feature for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn title(&self) -> &'static str {
        "What was said."
    }

    fn switch(&self) -> Option<(OptionalFeature, &'static str)> {
        Some((OptionalFeature::Chat, "nobody reads or writes messages."))
    }

    fn is_critical(&self) -> bool {
        true
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["initial", "chat", "chat search", "attachments", "notifications", "reports", "direct messages"]
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes(), ..Routes::default() }
    }

    fn events(&self) -> Events {
        Events {
            requests: &[
                "message.send",
                "message.edit",
                "message.delete",
                "message.react",
                "message.pin",
                "message.read",
                "typing",
                "sync.resume",
            ],
            told: &["message.new", "message.changed", "history.trimmed", "typing", "notification.new"],
        }
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        every(
            app,
            FORGET_EVERY,
            "forgetting old keys, notifications, reports and direct messages",
            async |app: App| {
                app.store.drop_old_notifications(app.clock.now_ms() - NOTIFICATIONS_KEPT_MS).await?;
                app.store.drop_old_reports(app.clock.now_ms() - REPORTS_KEPT_MS).await?;
                // New direct rooms have it within a minute, which is soon enough for days.
                app.store.keep_direct(app.config.direct_retention_days).await?;
                app.store.forget_chat_keys(app.clock.now_ms() - KEYS_KEPT_MS).await
            },
        );
        Ok(())
    }
}
