//! The browser's half of a sign-in, in a sealed cookie.

use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::SameSite;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boltorezka_proto::{ErrorCode, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::provider::Beginning;
use crate::app::App;
use crate::auth::sealed_cookie::SealedCookie;
use crate::auth::{TokenHash, hash_token, new_token};
use crate::error::ApiError;
use crate::store::EndedState;

/// Time to sign in at the provider, and to type a code of the second factor.
const LIFE_MS: u32 = 10 * 60 * 1000;
/// It holds a [`Half`].
pub const COOKIE: SealedCookie = SealedCookie {
    name: "boltorezka_oidc",
    path: "/v1/auth/oidc",
    // The way back is a navigation that the provider's page begins.
    same_site: SameSite::Lax,
    sealed_for: Uuid::from_u128(0x6f69_6463_0000_8000_8000_0000_0000_0001),
    life_ms: LIFE_MS,
};

/// What is in the cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Half {
    /// The browser is at the provider.
    Begun(Attempt),
    /// It came back; the account's second factor is missing.
    Proved(Proved),
}

/// A sign-in that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    state: String,
    /// What the ID token must hold.
    pub nonce: String,
    /// Of PKCE.
    pub verifier: String,
    /// What it is for.
    pub purpose: Purpose,
    expires_at_ms: i64,
}

/// What a sign-in is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A session.
    SignIn {
        /// The page that follows.
        next: String,
        /// Of an invite.
        invite: Option<TokenHash>,
    },
    /// A link of the account that is signed in.
    Link {
        /// Which.
        user_id: UserId,
        /// By this session.
        session: Uuid,
    },
}

/// An account whose identity was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proved {
    /// Which.
    pub user_id: UserId,
    /// What [`crate::store::UserRecord::credentials_rev`] was then.
    pub credentials_rev: i64,
    expires_at_ms: i64,
}

impl Attempt {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new(purpose: Purpose, now_ms: i64) -> Result<Self, ApiError> {
        let random = || new_token().map_err(|_| ApiError::new(ErrorCode::Internal));
        Ok(Self {
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            purpose,
            expires_at_ms: now_ms + i64::from(LIFE_MS),
        })
    }

    /// Of PKCE, by S256.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(hash_token(&self.verifier))
    }

    /// For the provider.
    pub fn beginning<'a>(&'a self, redirect_uri: &'a str, challenge: &'a str) -> Beginning<'a> {
        Beginning { redirect_uri, state: &self.state, nonce: &self.nonce, challenge }
    }

    /// Whether this is what the browser came back with.
    pub fn is_of(&self, state: &str) -> bool {
        // Of hashes: how long it takes tells nothing.
        hash_token(&self.state) == hash_token(state)
    }

    /// For the store, so that it ends once.
    pub fn ended(&self) -> EndedState {
        EndedState { hash: hash_token(&self.state), expires_at_ms: self.expires_at_ms }
    }
}

impl Proved {
    /// From now on.
    pub fn new(user_id: UserId, credentials_rev: i64, now_ms: i64) -> Self {
        Self { user_id, credentials_rev, expires_at_ms: now_ms + i64::from(LIFE_MS) }
    }
}

/// What a browser brings back, unless it is too late.
pub fn brought(app: &App, jar: &CookieJar) -> Option<Half> {
    let half = COOKIE.open(app, jar)?;
    let expires_at_ms = match &half {
        Half::Begun(attempt) => attempt.expires_at_ms,
        Half::Proved(proved) => proved.expires_at_ms,
    };
    (app.clock.now_ms() < expires_at_ms).then_some(half)
}
