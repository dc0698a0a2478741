//! Opening a socket.

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use boltorezka_proto::ErrorCode;
use boltorezka_proto::accounts::AccountState;
use boltorezka_proto::socket::{CloseCode, FRAME_BYTES_MAX};
use boltorezka_proto::workspaces::WorkspaceRole;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::run::run;
use super::socket::SocketHandle;
use crate::app::App;
use crate::auth::{ClientAddress, hash_token, is_foreign_upgrade};
use crate::error::ApiError;
use crate::http::Query;
use crate::store::{Grant, StoreError, UserRecord};

/// Kept for each open socket. Requests are smaller; larger ones are read in pieces. (128 KiB, the library's own choice, was nine
/// tenths of the memory of a server of 5,000 sockets.)
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(open))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// Of `POST /v1/auth/ws-ticket`.
    #[param(nullable = false)]
    ticket: Option<String>,
}

/// Opens a socket (RFC 6455).
///
/// The upgrade is always accepted: a browser shows its page the close code, but not the status of a refused upgrade.
#[utoipa::path(get, path = "/realtime/ws", operation_id = "openSocket", params(Parameters),
    responses(
        (status = 101, description = "The socket is open. Its messages are in `docs/protocol.md`."),
        (status = 403, description = "`foreign_origin`: another site's page asks."),
    ))]
async fn open(
    app: App,
    Query(parameters): Query<Parameters>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    if is_foreign_upgrade(&headers) {
        return Err(ApiError::because(ErrorCode::ForeignOrigin, "open the socket from this server's own page"));
    }
    let upgrade = upgrade.map_err(|error| {
        ApiError::because(ErrorCode::Malformed, format!("this is a WebSocket (RFC 6455): {}", error.body_text()))
    })?;
    let opened = redeem(&app, parameters.ticket).await?;
    let upgrade =
        upgrade.max_message_size(FRAME_BYTES_MAX).max_frame_size(FRAME_BYTES_MAX).read_buffer_size(READ_BUFFER_BYTES);
    Ok(upgrade.on_upgrade(async move |stream| match opened {
        Ok((user, role, grant)) => {
            // The ticket says which workspace it is for, not the address.
            let app = app.of(grant.workspace_id);
            let (socket, outgoing) = SocketHandle::new(user.user, role, grant, address);
            if app.shutdown.is_cancelled() {
                return refuse(stream, CloseCode::Restart).await;
            }
            match app.hub.open_socket(&socket, &app.config.limits) {
                Ok(()) => {
                    // Whoever ended the session or the account since has seen the socket, or is seen here.
                    if !app.store.grant_holds(socket.grant()).await.unwrap_or(false) {
                        socket.close(CloseCode::InvalidTicket);
                    }
                    run(app, socket, outgoing, stream).await;
                }
                Err(code) => refuse(stream, code).await,
            }
        }
        Err(code) => refuse(stream, code).await,
    }))
}

type Opened = Result<(UserRecord, WorkspaceRole, Grant), CloseCode>;

async fn redeem(app: &App, ticket: Option<String>) -> Result<Opened, StoreError> {
    let Some(ticket) = ticket.filter(|ticket| !ticket.is_empty()) else { return Ok(Err(CloseCode::NoTicket)) };
    let Some(grant) = app.store.take_ticket(hash_token(&ticket), app.clock.now_ms()).await? else {
        return Ok(Err(CloseCode::InvalidTicket));
    };
    let role = app.store.of(grant.workspace_id).workspace_role(grant.user_id).await?;
    match (app.store.user(grant.user_id).await?, role) {
        (None, _) | (_, None) => Ok(Err(CloseCode::InvalidTicket)),
        (Some(user), _) if user.state() != AccountState::Active => Ok(Err(CloseCode::AccountBlocked)),
        (Some(user), Some(role)) => Ok(Ok((user, role, grant))),
    }
}

async fn refuse(mut stream: WebSocket, code: CloseCode) {
    let frame = close_frame(code);
    // Whoever is gone already needs no close frame.
    let _ = stream.send(Message::Close(Some(frame))).await;
}

/// The close frame for `code`, with words for people.
pub(super) fn close_frame(code: CloseCode) -> CloseFrame {
    let reason = match code {
        CloseCode::Restart => "the server restarts; reconnect",
        CloseCode::TryAgainLater => "too far behind, or too many sockets in all; reconnect",
        CloseCode::NoTicket => "get a ticket at /v1/auth/ws-ticket",
        CloseCode::InvalidTicket => "the ticket is unknown, used or expired, or its session ended; get a new one",
        CloseCode::Malformed => "a frame is a JSON text {type, requestId, payload} of at most 256 KiB",
        CloseCode::AccountBlocked => "the account is blocked",
        CloseCode::Idle => "nothing was heard for too long",
        CloseCode::TooManySockets => "the account has too many sockets; close one",
    };
    CloseFrame { code: code as u16, reason: reason.into() }
}
