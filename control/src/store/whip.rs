//! Sessions of WHIP and WHEP. A session ends with its participant, whoever takes that out.

use async_trait::async_trait;
use boltorezka_proto::{ParticipantId, RoomId, UserId};

use super::StoreError;
use crate::auth::TokenHash;
use crate::whip::Kind;

/// A session as its client opens it.
#[derive(Clone, Debug)]
pub struct NewWhipSession<'a> {
    /// Of the secret in its address.
    pub token_hash: TokenHash,
    /// Whose call it carries.
    pub participant_id: ParticipantId,
    /// Which way the media goes.
    pub kind: Kind,
    /// What the media node was given.
    pub offer: &'a str,
    /// When.
    pub now_ms: i64,
}

/// A session.
#[derive(Clone, Debug)]
pub struct WhipSessionRecord {
    /// Whose call it carries.
    pub participant_id: ParticipantId,
    /// Where.
    pub room_id: RoomId,
    /// Whose it is.
    pub user_id: UserId,
    /// Which way the media goes.
    pub kind: Kind,
    /// What the media node was given last.
    pub offer: String,
    /// Counts the ICE sessions, from 1 on.
    pub generation: u32,
}

/// What carries the calls of those who have no socket.
#[async_trait]
pub trait WhipStore: Send + Sync {
    /// Keeps a session, in place of the participant's one before. False when the participant is gone.
    async fn put_whip_session(&self, session: &NewWhipSession<'_>) -> Result<bool, StoreError>;

    /// The session with this secret.
    async fn whip_session(&self, hash: TokenHash) -> Result<Option<WhipSessionRecord>, StoreError>;

    /// Begins the next ICE session with another offer. False when `generation` is not the one of now.
    async fn renew_whip_session(&self, hash: TokenHash, generation: u32, offer: &str) -> Result<bool, StoreError>;

    /// Whether a session carries the participant's call.
    async fn has_whip_session(&self, participant_id: ParticipantId) -> Result<bool, StoreError>;

    /// How many sessions a user has in other rooms than this one.
    async fn whip_sessions_elsewhere(&self, user_id: UserId, room_id: RoomId) -> Result<u32, StoreError>;
}
