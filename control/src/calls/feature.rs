//! Calls, cameras and screens as features of the server.

use async_trait::async_trait;
use boltorezka_proto::workspaces::OptionalFeature;

use super::{resume, ringing, run_link};
use crate::app::App;
use crate::features::{Events, Feature, Routes, every};

/// Calls, and the link to the media node.
pub struct Calls;

#[async_trait]
impl Feature for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn title(&self) -> &'static str {
        "Calls, and the link to the media node."
    }

    fn switch(&self) -> Option<(OptionalFeature, &'static str)> {
        Some((
            OptionalFeature::Calls,
            "every call ends (`feature_disabled`), and nobody joins another; who is in a room stays.",
        ))
    }

    fn is_critical(&self) -> bool {
        true
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["initial", "direct messages"]
    }

    /// A resume token says nothing of a workspace: the media node knows whether its call goes on.
    fn routes(&self) -> Routes {
        Routes { in_workspace: ringing::routes(), in_none: resume::routes(), ..Routes::default() }
    }

    fn events(&self) -> Events {
        Events {
            requests: &["call.offer", "call.ice", "call.leave"],
            told: &["call.answer", "call.ended", "call.ringing", "call.ring_ended"],
        }
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        app.tasks.spawn(run_link(app.clone(), app.shutdown.child_token()));
        every(app, ringing::LOOK_EVERY, "ending calls that ring no more", ringing::end_rings);
        Ok(())
    }

    async fn health(&self, app: &App) -> Result<(), &'static str> {
        if app.link.is_up() { Ok(()) } else { Err("there is no link to the media node") }
    }
}

/// Cameras in calls.
pub struct Video;

impl Feature for Video {
    fn name(&self) -> &'static str {
        "video"
    }

    fn title(&self) -> &'static str {
        "Cameras in calls."
    }

    fn switch(&self) -> Option<(OptionalFeature, &'static str)> {
        Some((OptionalFeature::Video, "cameras end at once, in calls that go on, and nobody shows another."))
    }
}

/// Shared screens in calls.
pub struct Screen;

impl Feature for Screen {
    fn name(&self) -> &'static str {
        "screen"
    }

    fn title(&self) -> &'static str {
        "Shared screens and their sound in calls."
    }

    fn switch(&self) -> Option<(OptionalFeature, &'static str)> {
        Some((OptionalFeature::Screen, "shared screens end at once, in calls that go on, and nobody shares another."))
    }
}
