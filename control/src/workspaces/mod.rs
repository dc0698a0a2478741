//! Workspaces (tenants): how a request gets into one, their members, and the features that they switch off.

mod changes;
mod feature_routes;
mod member_routes;
mod role_changes;
mod role_routes;
mod routes;
mod scope;

pub use scope::{enter, strip_prefix};

use boltorezka_proto::ErrorCode;

use crate::error::ApiError;
use crate::features::{Feature, Routes};

/// The feature.
pub struct Workspaces;

impl Feature for Workspaces {
    fn name(&self) -> &'static str {
        "workspaces"
    }

    fn title(&self) -> &'static str {
        "Workspaces (tenants), their members and their features."
    }

    fn is_critical(&self) -> bool {
        true
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["initial", "workspaces", "custom roles"]
    }

    fn routes(&self) -> Routes {
        let routes = routes::routes().merge(member_routes::routes());
        let routes = routes.merge(role_routes::routes()).merge(feature_routes::routes());
        Routes { in_workspace: routes, ..Routes::default() }
    }
}

/// To strangers there is no such workspace, whether there is one or not.
fn no_workspace() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such workspace, or you are no member of it")
}
