//! WHIP and WHEP as a feature of the server.

use boltorezka_proto::workspaces::OptionalFeature;

use super::routes;
use crate::features::{Feature, Routes};

/// The feature.
pub struct Whip;

impl Feature for Whip {
    fn name(&self) -> &'static str {
        "whip"
    }

    fn title(&self) -> &'static str {
        "WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep)."
    }

    fn switch(&self) -> Option<(OptionalFeature, &'static str)> {
        Some((OptionalFeature::Whip, "its sessions end at once, and no other is opened."))
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["whip sessions"]
    }

    fn routes(&self) -> Routes {
        Routes { by_bearer: routes(), ..Routes::default() }
    }
}
