//! `POST /v1/calls/resume`: an ICE restart for a client that has nothing but its resume token.
//!
//! Control believes nothing and looks nothing up: the node signed the token, and the node knows whether it still counts. So it works
//! for a client whose session is over or whose socket is elsewhere, and for a control that has just been started.

use axum::Json as Body;
use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::rest::{ResumeRequest, ResumeResponse};
use tokio::sync::oneshot;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::link::{Request, Waiting};
use super::node_events::media_unavailable;
use super::offer::ANSWER_TIMEOUT;
use crate::app::App;
use crate::error::ApiError;
use crate::http::Json;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(resume))
}

/// Restarts ICE by the resume token alone.
#[utoipa::path(post, path = "/calls/resume", operation_id = "resumeCall", request_body = ResumeRequest,
    responses(
        (status = 200, description = "The node's answer.", body = ResumeResponse),
        (status = 401, description = "`invalid_token`."),
        (status = 404, description = "`not_found`: the call has ended."),
        (status = 403, description = "`forbidden`: the right to be in this call has ended. `foreign_origin`."),
        (status = 422, description = "`unacceptable_offer`."),
        (status = 503, description = "`media_unavailable`, `overloaded`."),
    ))]
async fn resume(
    app: App,
    Json(ResumeRequest { token, sdp }): Json<ResumeRequest>,
) -> Result<Body<ResumeResponse>, ApiError> {
    let place = app.link.reserve().ok_or_else(media_unavailable)?;
    let request_id = app.link.next_request_id();
    let (sender, answer) = oneshot::channel();
    let waiting = Some((request_id, Waiting { admission: None, answer: sender }));
    place.send(Request { message: ControlMessage::Resume { request_id, token, offer: sdp }, waiting });
    let outcome = timeout(ANSWER_TIMEOUT, answer).await;
    if outcome.is_err() {
        app.link.take_waiting(request_id);
    }
    match outcome {
        Ok(Ok(answered)) => Ok(Body(ResumeResponse { sdp: answered? })),
        Ok(Err(_)) | Err(_) => Err(media_unavailable()),
    }
}

/// Tells the node something that it does not answer.
///
/// # Errors
/// `media_unavailable`, when it is not linked.
pub fn tell_node(app: &App, message: ControlMessage) -> Result<(), ApiError> {
    let place = app.link.reserve().ok_or_else(media_unavailable)?;
    place.send(Request { message, waiting: None });
    Ok(())
}
