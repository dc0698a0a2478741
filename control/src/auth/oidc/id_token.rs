//! Checks ID tokens (OpenID Connect Core 1.0, section 3.1.3.7). Pure: keys and time are given.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use thiserror::Error;

use super::claims::PersonClaims;

/// Signatures that are taken: with keys that the provider alone has. None of `none`, and none with a shared secret.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far the provider's clock may be off.
const SKEW_S: i64 = 60;
/// Keys of a provider that are looked at; the rest is left out.
const KEYS_MAX: usize = 64;

/// Why an ID token is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TokenError {
    /// It is no token.
    #[error("the ID token is not understood")]
    Malformed,
    /// Its signature is of a kind that is not taken.
    #[error("the ID token is signed in a way that is not taken")]
    Algorithm,
    /// The provider has no such key.
    #[error("the ID token is signed with a key that the provider does not show")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the ID token's signature is wrong")]
    Signature,
    /// `iss`.
    #[error("the ID token is of another issuer")]
    Issuer,
    /// `aud`, `azp`.
    #[error("the ID token is for another client")]
    Audience,
    /// `exp`, `nbf`, `iat`.
    #[error("the ID token is not of this time")]
    Time,
    /// `nonce`.
    #[error("the ID token is of another sign-in")]
    Nonce,
    /// `sub`.
    #[error("the ID token names nobody")]
    Subject,
}

/// What a token must be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who signed it.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// For which sign-in.
    pub nonce: &'a str,
    /// Now.
    pub now_ms: i64,
}

/// The keys of a provider.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Jwk>);

impl Keys {
    /// Of a key set (RFC 7517). What is not understood is left out.
    pub fn read(keys: Vec<serde_json::Value>) -> Self {
        Self(keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key).ok()).collect())
    }

    /// The key that a token names, or the only one that fits when it names none.
    fn find(&self, header: &Header) -> Option<&Jwk> {
        let mut fitting = self.0.iter().filter(|key| fits(key, header.alg));
        match &header.kid {
            Some(kid) => fitting.find(|key| key.common.key_id.as_ref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }
}

/// Whether a key is for signatures of this kind.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let is_of_kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
        AlgorithmParameters::EllipticCurve(key) => {
            matches!((&key.curve, algorithm), (EllipticCurve::P256, ES256) | (EllipticCurve::P384, ES384))
        }
        AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519 && algorithm == EdDSA,
        _ => false,
    };
    let is_for_signatures = key.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    let says_so =
        key.common.key_algorithm.is_none_or(|said| Algorithm::try_from(said).is_ok_and(|said| said == algorithm));
    is_of_kind && is_for_signatures && says_so
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    #[serde(flatten)]
    person: PersonClaims,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn is(&self, client_id: &str, authorized: Option<&str>) -> bool {
        let (is_for_us, is_for_others) = match self {
            Self::One(one) => (one == client_id, false),
            Self::Many(many) => (many.iter().any(|each| each == client_id), many.len() > 1),
        };
        // Of several, the token must say that it was given to us.
        is_for_us && authorized.map_or(!is_for_others, |azp| azp == client_id)
    }
}

/// Checks a token, and says whom it is about.
///
/// # Errors
/// [`TokenError`]. After [`TokenError::UnknownKey`] it is worth a look whether the provider has new keys.
pub fn check(token: &str, keys: &Keys, expected: Expected<'_>) -> Result<PersonClaims, TokenError> {
    // A kind of signature that the library does not know, such as `none`, is an error of reading there.
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Algorithm)?;
    // Rules that must be understood (RFC 7515, section 4.1.11): none are.
    if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
        return Err(TokenError::Algorithm);
    }
    let key = keys.find(&header).ok_or(TokenError::UnknownKey)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| TokenError::UnknownKey)?;
    let mut validation = Validation::new(header.alg);
    // All of them are checked below, against our clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidSignature => TokenError::Signature,
        _ => TokenError::Malformed,
    })?;
    check_claims(claims.claims, expected)
}

fn check_claims(claims: Claims, expected: Expected<'_>) -> Result<PersonClaims, TokenError> {
    let now_s = (expected.now_ms / 1000) as f64;
    let skew_s = SKEW_S as f64;
    if claims.iss != expected.issuer {
        return Err(TokenError::Issuer);
    }
    if !claims.aud.is(expected.client_id, claims.azp.as_deref()) {
        return Err(TokenError::Audience);
    }
    let is_early = [Some(claims.iat), claims.nbf].into_iter().flatten().any(|from| from > now_s + skew_s);
    if claims.exp + skew_s <= now_s || is_early {
        return Err(TokenError::Time);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(TokenError::Nonce);
    }
    if !claims.person.has_subject() {
        return Err(TokenError::Subject);
    }
    Ok(claims.person)
}
