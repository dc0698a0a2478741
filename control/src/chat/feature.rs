//! Chat as a feature of the server.

use boltorezka_proto::workspaces::OptionalFeature;

use super::routes;
use crate::features::{Events, Feature, Routes};

/// The feature.
pub struct Chat;

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
        &["initial"]
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes(), ..Routes::default() }
    }

    fn events(&self) -> Events {
        Events { requests: &["message.send"], told: &["message.new"] }
    }
}
