//! The browser's half of a ceremony, in a sealed cookie.

use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::SameSite;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boltorezka_proto::{ErrorCode, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::auth::sealed_cookie::SealedCookie;
use crate::auth::{hash_token, random_bytes};
use crate::error::ApiError;
use crate::store::EndedState;

/// Time to look for a device and to unlock it. Browsers are told to give up then too.
pub const LIFE_MS: u32 = 5 * 60 * 1000;
/// It holds a [`Challenge`].
pub const COOKIE: SealedCookie = SealedCookie {
    name: "boltorezka_passkey",
    path: "/v1/auth/passkeys",
    same_site: SameSite::Strict,
    sealed_for: Uuid::from_u128(0x7061_7373_0000_8000_8000_0000_0000_0001),
    life_ms: LIFE_MS,
};

/// A ceremony that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// 256 random bits in base64url, as the device signs them.
    pub value: String,
    purpose: Purpose,
    expires_at_ms: i64,
}

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A session.
    SignIn,
    /// A passkey of the account that is signed in.
    Add {
        /// Which.
        user_id: UserId,
        /// By this session.
        session: Uuid,
    },
}

impl Challenge {
    /// A new one.
    ///
    /// # Errors
    /// `internal`, when there is no randomness.
    pub fn new(purpose: Purpose, now_ms: i64) -> Result<Self, ApiError> {
        let random: [u8; 32] = random_bytes().map_err(|_| ApiError::new(ErrorCode::Internal))?;
        Ok(Self { value: URL_SAFE_NO_PAD.encode(random), purpose, expires_at_ms: now_ms + i64::from(LIFE_MS) })
    }

    /// For the store, so that it ends once.
    pub fn ended(&self) -> EndedState {
        EndedState { hash: hash_token(&self.value), expires_at_ms: self.expires_at_ms }
    }
}

/// What a browser brings back of a ceremony for `purpose`.
///
/// # Errors
/// `invalid_token`, when there is none or it is too late.
pub fn brought(app: &App, jar: &CookieJar, purpose: Purpose) -> Result<Challenge, ApiError> {
    let now_ms = app.clock.now_ms();
    let challenge: Option<Challenge> = COOKIE.open(app, jar);
    challenge.filter(|each| each.purpose == purpose && now_ms < each.expires_at_ms).ok_or_else(late)
}

/// What is told to who comes too late.
pub fn late() -> ApiError {
    ApiError::because(ErrorCode::InvalidToken, "this took too long, or was ended before; begin anew")
}
