//! What a session goes through: opened, given another ICE session, ended.

use std::sync::Arc;

use boltorezka_proto::{ErrorCode, ParticipantId, SessionId, UserId};

use super::Kind;
use super::ice::{Credentials, write_fragment};
use super::offer::Offer;
use crate::app::App;
use crate::auth::{JoinClaims, hash_token, new_token, random_bytes};
use crate::calls::{self, PermissionBits};
use crate::error::ApiError;
use crate::presence::{self, LiveRoom};
use crate::store::{JoinRequest, NewWhipSession, WhipSessionRecord};

/// A session that was opened.
pub struct Opened {
    /// The secret part of its address.
    pub secret: String,
    /// The node's session description.
    pub answer: String,
}

/// The first ICE session of a session.
pub const FIRST_GENERATION: u32 = 1;

/// Takes a seat and has the node answer. A session of the same kind that the participant has is replaced: an encoder
/// that lost its connection comes back at once.
///
/// # Errors
/// What [`presence::join_without_socket`] and [`calls::begin`] give; `malformed`, `unacceptable_offer`, `rate_limited`.
pub async fn open(app: App, kind: Kind, claims: JoinClaims, offer: String) -> Result<Opened, ApiError> {
    let permissions = claims.permissions.and(kind.permissions());
    if permissions.is_nothing() {
        let right = if kind == Kind::Whip { "publish" } else { "subscribe" };
        return Err(ApiError::because(ErrorCode::Forbidden, format!("the token gives no right to {right}")));
    }
    let offer = Offer::read(&offer, kind, random_u62()?)?;
    let user_id = claims.sub;
    let user = app.store.user(user_id).await?.ok_or(ErrorCode::InvalidToken)?;
    if user.blocked {
        return Err(ErrorCode::AccountBlocked.into());
    }
    let room = app.store.room(&claims.room).await?.filter(|room| room.id == claims.room_id);
    let room = room.ok_or_else(|| ApiError::because(ErrorCode::NotFound, "there is no such room"))?;
    let elsewhere = app.store.whip_sessions_elsewhere(user_id, room.id).await?;
    if app.config.limits.sockets_per_user.is_some_and(|max| elsewhere >= max) {
        let detail = "this identity has as many sessions as limits.sockets_per_user allows; end one first";
        return Err(ApiError::because(ErrorCode::RateLimited, detail));
    }
    let room = app.live_room(room.id, &room.slug);
    let request = JoinRequest {
        room_id: room.id,
        user_id,
        only_room: Some(claims.room_id),
        token_permissions: PermissionBits::from(permissions).with(PermissionBits::PASSES_LOBBY, claims.passes_lobby),
        whip: Some(kind),
        now_ms: app.clock.now_ms(),
    };
    let participant_id = presence::join_without_socket(&app, &room, request).await?;
    let opened = admit(&app, &room, user_id, kind, participant_id, &offer).await;
    if opened.is_err() {
        give_up(&app, &room, participant_id).await;
    }
    opened
}

async fn admit(
    app: &App,
    room: &Arc<LiveRoom>,
    user_id: UserId,
    kind: Kind,
    participant_id: ParticipantId,
    offer: &Offer,
) -> Result<Opened, ApiError> {
    let answer = negotiate(app, room, user_id, offer).await?;
    let secret = new_token().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let token_hash = hash_token(&secret);
    let now_ms = app.clock.now_ms();
    let session = NewWhipSession { token_hash, participant_id, kind, offer: offer.text(), now_ms };
    if app.store.put_whip_session(&session).await? {
        Ok(Opened { secret, answer })
    } else {
        Err(ApiError::because(ErrorCode::Forbidden, "the participant was removed from the room meanwhile"))
    }
}

/// Takes the seat of a session back that did not come about. One that was there before goes on.
async fn give_up(app: &App, room: &LiveRoom, participant_id: ParticipantId) {
    let _gate = room.gate.lock().await;
    let waits = room.state().seat(participant_id).is_none_or(|seat| seat.offers > 0);
    let outcome = match app.store.has_whip_session(participant_id).await {
        Ok(false) if !waits => presence::remove(app, room, participant_id).await,
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        tracing::error!(%error, "the seat of a refused session is kept until its grace is over");
    }
}

/// Begins another ICE session, and returns the node's side of it (RFC 9725, section 4.3.3).
///
/// # Errors
/// What the node says; `not_found` when the session has ended, `precondition_failed` when another request was faster.
pub async fn restart(
    app: App,
    secret: String,
    session: WhipSessionRecord,
    offer: Offer,
    credentials: Credentials,
) -> Result<String, ApiError> {
    let room = app.hub.find(session.room_id).ok_or_else(no_session)?;
    let offer = offer.restarted(credentials);
    let answer = match negotiate(&app, &room, session.user_id, &offer).await {
        Err(error) if error.code == ErrorCode::NotJoined => return Err(no_session()),
        answer => answer?,
    };
    if app.store.renew_whip_session(hash_token(&secret), session.generation, offer.text()).await? {
        Ok(write_fragment(&answer))
    } else {
        Err(ErrorCode::PreconditionFailed.into())
    }
}

async fn negotiate(app: &App, room: &Arc<LiveRoom>, user_id: UserId, offer: &Offer) -> Result<String, ApiError> {
    // No socket has this id: nobody is told when the call ends or goes over to another.
    let owner = SessionId::generate();
    let pending = calls::begin(app, room, user_id, owner, offer.text().to_owned()).await?;
    calls::answer(app, room, pending).await
}

/// Ends a session and its stay in the room.
///
/// # Errors
/// When the database fails.
pub async fn end(app: &App, session: &WhipSessionRecord) -> Result<(), ApiError> {
    let room = app.hub.find(session.room_id).ok_or_else(no_session)?;
    let _gate = room.gate.lock().await;
    presence::remove(app, &room, session.participant_id).await?;
    Ok(())
}

/// There is no such session, or it is somebody else's.
pub fn no_session() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such session, or it has ended")
}

/// A session id as RFC 9429, section 5.2.1 wants it: random, and below 2^62.
fn random_u62() -> Result<u64, ApiError> {
    let bytes = random_bytes().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    Ok(u64::from_be_bytes(bytes) >> 2)
}
