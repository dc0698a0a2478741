//! Join tokens: a server of the operator vouches for an identity of its own in one room.

use boltorezka_proto::call::MediaPermissions;
use boltorezka_proto::{DisplayName, ErrorCode, RoomId, RoomSlug, UserId, WorkspaceId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::calls::PermissionBits;
use crate::error::ApiError;

const ISSUER: &str = "boltorezka";

/// What a join token says (RFC 7519).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinClaims {
    /// Who issued it: always this server.
    pub iss: String,
    /// The user that the identity stands for.
    pub sub: UserId,
    /// The workspace that the room is in. Without it, the default one: tokens of an earlier version.
    #[serde(default)]
    pub workspace_id: Option<WorkspaceId>,
    /// The only room, as people name it.
    pub room: RoomSlug,
    /// The only room. A room made anew under the same slug is another one.
    pub room_id: RoomId,
    /// The operator's name for the person.
    pub identity: String,
    /// Name for people.
    pub name: DisplayName,
    /// The most that the holder may do.
    pub permissions: MediaPermissions,
    /// Whether it does not wait in the room's lobby. Tokens of an earlier version do.
    #[serde(default)]
    pub passes_lobby: bool,
    /// Seconds since the epoch.
    pub exp: i64,
    /// Tells tokens apart in logs.
    pub jti: Uuid,
}

impl JoinClaims {
    /// Claims with issuer and id filled in.
    pub fn new(
        sub: UserId,
        workspace_id: WorkspaceId,
        (room, room_id): (RoomSlug, RoomId),
        identity: String,
        name: DisplayName,
        permissions: MediaPermissions,
        exp: i64,
    ) -> Self {
        let workspace_id = Some(workspace_id);
        let (iss, jti) = (ISSUER.to_owned(), Uuid::now_v7());
        Self { iss, sub, workspace_id, room, room_id, identity, name, permissions, passes_lobby: false, exp, jti }
    }

    /// What it opens, as tickets and seats keep it.
    pub fn bits(&self) -> PermissionBits {
        PermissionBits::from(self.permissions).with(PermissionBits::PASSES_LOBBY, self.passes_lobby)
    }
}

/// Signs and verifies join tokens with the server's key.
pub struct JoinTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl JoinTokens {
    /// With the key that the database keeps.
    pub fn new(key: &[u8]) -> Self {
        Self { encoding: EncodingKey::from_secret(key), decoding: DecodingKey::from_secret(key) }
    }

    /// Signs.
    ///
    /// # Errors
    /// `internal`, when signing fails.
    pub fn sign(&self, claims: &JoinClaims) -> Result<String, ApiError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding).map_err(|error| {
            tracing::error!(%error, "a join token could not be signed");
            ApiError::new(ErrorCode::Internal)
        })
    }

    /// Verifies signature, algorithm, issuer and expiry.
    ///
    /// # Errors
    /// `invalid_token`.
    pub fn verify(&self, token: &str, now_ms: i64) -> Result<JoinClaims, ApiError> {
        let claims = self.verify_signature(token)?;
        if claims.exp.saturating_mul(1000) <= now_ms {
            return Err(ApiError::because(ErrorCode::InvalidToken, "the join token has expired; ask for a new one"));
        }
        Ok(claims)
    }

    /// Verifies signature, algorithm and issuer: what the token opened may outlast it.
    ///
    /// # Errors
    /// `invalid_token`.
    pub fn verify_signature(&self, token: &str) -> Result<JoinClaims, ApiError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Against our clock, above.
        validation.validate_exp = false;
        let decoded = jsonwebtoken::decode::<JoinClaims>(token, &self.decoding, &validation);
        decoded.map(|token| token.claims).map_err(|_| ApiError::new(ErrorCode::InvalidToken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: i64) -> JoinClaims {
        let room = (RoomSlug::new("stand-up").unwrap(), RoomId::generate());
        let name = DisplayName::new("Ann").unwrap();
        JoinClaims::new(
            UserId::generate(),
            WorkspaceId::generate(),
            room,
            "ann".to_owned(),
            name,
            MediaPermissions::ALL,
            exp,
        )
    }

    #[test]
    fn a_token_round_trips_until_it_expires() {
        let tokens = JoinTokens::new(&[7; 32]);
        let claims = claims(1000);
        let token = tokens.sign(&claims).unwrap();
        assert_eq!(tokens.verify(&token, 999_999).unwrap(), claims);
        assert_eq!(tokens.verify_signature(&token).unwrap(), claims);
        assert_eq!(tokens.verify(&token, 1_000_000).unwrap_err().code, ErrorCode::InvalidToken);
    }

    #[test]
    fn foreign_keys_and_algorithms_are_refused() {
        let tokens = JoinTokens::new(&[7; 32]);
        let foreign = JoinTokens::new(&[8; 32]).sign(&claims(1000)).unwrap();
        assert!(tokens.verify(&foreign, 0).is_err() && tokens.verify_signature(&foreign).is_err());
        let key = EncodingKey::from_secret(&[7; 32]);
        let other = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims(1000), &key).unwrap();
        assert!(tokens.verify(&other, 0).is_err());
        let mut claims = claims(1000);
        claims.iss = "somebody".to_owned();
        assert!(tokens.verify(&tokens.sign(&claims).unwrap(), 0).is_err());
    }
}
