//! Features: what the server is made of, each with its routes, permissions, messages and migrations, in one order.
//!
//! The router, the OpenAPI document, `docs/permissions.md`, `docs/features`, `/readyz`, and what is started and stopped
//! come from here.

mod contract;
mod gate;
mod registry;

use std::fmt;

use async_trait::async_trait;
use boltorezka_proto::workspaces::OptionalFeature;
use utoipa_axum::router::OpenApiRouter;

pub use contract::contracts;
pub use gate::gate;
pub use registry::{Features, every};

use crate::app::App;
use crate::permissions::Action;

/// A part of the server. Whatever is not said has nothing of it.
#[async_trait]
pub trait Feature: Send + Sync {
    /// Its name: the first word of its permissions, the tag of its routes.
    fn name(&self) -> &'static str;

    /// What it is, for people: a sentence.
    fn title(&self) -> &'static str;

    /// The switch by which a workspace turns it off, and what it loses then; none for what every workspace has.
    fn switch(&self) -> Option<(OptionalFeature, &'static str)> {
        None
    }

    /// Whether the server is not ready without it.
    fn is_critical(&self) -> bool {
        false
    }

    /// The migrations that made its tables, by name.
    fn migrations(&self) -> &'static [&'static str] {
        &[]
    }

    /// Who may do what in it.
    fn permissions(&self) -> Vec<Action> {
        Action::ALL.iter().copied().filter(|action| action.feature() == self.name()).collect()
    }

    /// Its HTTP routes.
    fn routes(&self) -> Routes {
        Routes::default()
    }

    /// Its messages on the socket.
    fn events(&self) -> Events {
        Events::default()
    }

    /// Reads what it needs and begins its tasks.
    ///
    /// # Errors
    /// Why it cannot work. The others go on without it.
    async fn start(&self, _app: &App) -> Result<(), String> {
        Ok(())
    }

    /// Ends what its tasks do not end by themselves when the server stops.
    async fn stop(&self, _app: &App) {}

    /// Whether what it needs answers.
    ///
    /// # Errors
    /// What does not, in words that everybody may read.
    async fn health(&self, _app: &App) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Routes of a feature, by how their callers are known. All but the last are under `/v1`.
#[derive(Default)]
pub struct Routes {
    /// By session, API key or join token, in their workspace: refused where the feature is switched off.
    pub in_workspace: OpenApiRouter<App>,
    /// By `Authorization` alone, so that pages of any site may use them. Refused as those before.
    pub by_bearer: OpenApiRouter<App>,
    /// In no workspace: nobody can switch them off.
    pub in_none: OpenApiRouter<App>,
    /// Beside `/v1`, for those who watch over the server.
    pub for_machines: OpenApiRouter<App>,
}

/// Types of socket messages.
#[derive(Clone, Copy, Default)]
pub struct Events {
    /// Requests that it answers: refused where it is switched off.
    pub requests: &'static [&'static str],
    /// What it tells.
    pub told: &'static [&'static str],
}

impl fmt::Debug for dyn Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
