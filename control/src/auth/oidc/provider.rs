//! The provider: what it says of itself, its keys, and codes for tokens. It is asked when it is first needed, so that one that
//! is down keeps nobody from starting the server.

use std::sync::Arc;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use reqwest::{RequestBuilder, Url, header};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::claims::PersonClaims;
use super::config::{OidcConfig, is_safe_address};
use super::fetch::{self, FetchError};
use super::id_token::{self, Expected, Keys, TokenError};
use crate::outbound;

/// What the provider says of itself, and its keys, are read anew after this time.
const FRESH_MS: i64 = 60 * 60 * 1000;
/// After a failure it is left alone this long: whoever waits is told at once.
const PAUSE_MS: i64 = 5_000;
/// A token with an unknown key has the keys read anew this often at most.
const KEYS_EVERY_MS: i64 = 60_000;

/// Why the provider is of no use now.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It cannot be reached.
    #[error("the provider cannot be reached: {0}")]
    Unavailable(String),
    /// What it says is not what it should.
    #[error("the provider's answer cannot be used: {0}")]
    BadAnswer(String),
}

impl From<FetchError> for ProviderError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Unreachable(why) => Self::Unavailable(why),
            other => Self::BadAnswer(other.to_string()),
        }
    }
}

impl From<TokenError> for ProviderError {
    fn from(error: TokenError) -> Self {
        Self::BadAnswer(error.to_string())
    }
}

/// What the provider says of itself (OpenID Connect Discovery 1.0), as far as it is used.
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    /// `client_secret_basic` when absent.
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// RFC 9207.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// What is known, and since when.
#[derive(Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, i64)>,
    keys: Option<(Arc<Keys>, i64)>,
    failed_at_ms: Option<i64>,
}

impl Known {
    /// Asks the provider, unless it failed a moment ago.
    async fn asked<T>(
        &mut self,
        now_ms: i64,
        request: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        if self.failed_at_ms.is_some_and(|at_ms| is_fresh(at_ms, now_ms, PAUSE_MS)) {
            return Err(ProviderError::Unavailable("it failed a moment ago".to_owned()));
        }
        let answer = request.await;
        self.failed_at_ms = answer.is_err().then_some(now_ms);
        answer
    }
}

/// What a sign-in is begun with.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// Where the browser comes back to.
    pub redirect_uri: &'a str,
    /// What it brings back.
    pub state: &'a str,
    /// What the ID token brings back.
    pub nonce: &'a str,
    /// Of PKCE (S256).
    pub challenge: &'a str,
}

/// What the browser came back with, and what only the server knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// As it was begun with.
    pub redirect_uri: &'a str,
    /// What the provider gives tokens for.
    pub code: &'a str,
    /// Of PKCE.
    pub verifier: &'a str,
    /// What the ID token must hold.
    pub nonce: &'a str,
}

/// See the module.
pub struct Provider {
    config: OidcConfig,
    client: reqwest::Client,
    known: Mutex<Known>,
}

impl Provider {
    /// Asks nobody anything.
    ///
    /// # Errors
    /// What of the settings cannot be used.
    pub fn new(config: &OidcConfig) -> Result<Self, String> {
        config.check()?;
        let client = outbound::client(fetch::TIMEOUT, fetch::CONNECT_TIMEOUT)
            .map_err(|error| format!("oidc_issuer: {error}"))?;
        Ok(Self { config: config.clone(), client, known: Mutex::default() })
    }

    /// The settings.
    pub fn config(&self) -> &OidcConfig {
        &self.config
    }

    /// The page that the browser goes to.
    ///
    /// # Errors
    /// When the provider cannot be reached, or says nonsense of itself.
    pub async fn page(&self, begin: Beginning<'_>, now_ms: i64) -> Result<String, ProviderError> {
        let metadata = self.metadata(now_ms).await?;
        let mut url = Url::parse(&metadata.authorization_endpoint)
            .map_err(|_| ProviderError::BadAnswer("its authorization_endpoint is no address".to_owned()))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", begin.redirect_uri)
            .append_pair("scope", &self.config.scopes)
            .append_pair("state", begin.state)
            .append_pair("nonce", begin.nonce)
            .append_pair("code_challenge", begin.challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// Checks who says that they answer (RFC 9207): an answer of another provider is not taken for one of ours.
    ///
    /// # Errors
    /// When it is another, or missing though the provider sends it.
    pub async fn check_answerer(&self, iss: Option<&str>, now_ms: i64) -> Result<(), ProviderError> {
        let is_sent = self.metadata(now_ms).await?.authorization_response_iss_parameter_supported;
        match iss {
            Some(iss) if iss == self.config.issuer => Ok(()),
            None if !is_sent => Ok(()),
            _ => Err(ProviderError::BadAnswer("the answer is of another issuer".to_owned())),
        }
    }

    /// Whom a code stands for.
    ///
    /// # Errors
    /// When the provider cannot be reached, takes the code for none, or its tokens are not to be believed.
    pub async fn person(&self, end: Ending<'_>, now_ms: i64) -> Result<PersonClaims, ProviderError> {
        let metadata = self.metadata(now_ms).await?;
        let tokens: Tokens = fetch::json(self.token_request(&metadata, end)).await?;
        let person = self.checked(&tokens.id_token, end.nonce, now_ms).await?;
        match (metadata.userinfo_endpoint.as_deref(), tokens.access_token) {
            // Some providers tell it there alone.
            (Some(url), Some(token)) if person.email.is_none() => {
                let told: PersonClaims = fetch::json(self.client.get(url).bearer_auth(token)).await?;
                if told.sub != person.sub {
                    return Err(ProviderError::BadAnswer("its UserInfo is about somebody else".to_owned()));
                }
                Ok(person.filled_by(told))
            }
            _ => Ok(person),
        }
    }

    fn token_request(&self, metadata: &Metadata, end: Ending<'_>) -> RequestBuilder {
        let Self { config, client, .. } = self;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", end.code)
            .append_pair("redirect_uri", end.redirect_uri)
            .append_pair("code_verifier", end.verifier);
        let mut request = client.post(&metadata.token_endpoint);
        match &config.client_secret {
            Some(secret) if takes_basic(metadata) => {
                // RFC 6749, section 2.3.1: both are form-encoded first.
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(&config.client_id), encoded(secret));
                request = request.header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
            }
            Some(secret) => {
                form.append_pair("client_id", &config.client_id).append_pair("client_secret", secret);
            }
            None => {
                form.append_pair("client_id", &config.client_id);
            }
        }
        request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.finish())
    }

    async fn checked(&self, id_token: &str, nonce: &str, now_ms: i64) -> Result<PersonClaims, ProviderError> {
        let expected = Expected { issuer: &self.config.issuer, client_id: &self.config.client_id, nonce, now_ms };
        let keys = self.keys(now_ms, FRESH_MS).await?;
        match id_token::check(id_token, &keys, expected) {
            Err(TokenError::UnknownKey) => {
                let keys = self.keys(now_ms, KEYS_EVERY_MS).await?;
                Ok(id_token::check(id_token, &keys, expected)?)
            }
            checked => Ok(checked?),
        }
    }

    async fn metadata(&self, now_ms: i64) -> Result<Arc<Metadata>, ProviderError> {
        let mut known = self.known.lock().await;
        self.known_metadata(&mut known, now_ms).await
    }

    async fn known_metadata(&self, known: &mut Known, now_ms: i64) -> Result<Arc<Metadata>, ProviderError> {
        if let Some((metadata, _)) = known.metadata.as_ref().filter(|(_, at_ms)| is_fresh(*at_ms, now_ms, FRESH_MS)) {
            return Ok(metadata.clone());
        }
        let metadata = Arc::new(known.asked(now_ms, self.discover()).await?);
        known.metadata = Some((metadata.clone(), now_ms));
        Ok(metadata)
    }

    async fn discover(&self) -> Result<Metadata, ProviderError> {
        let issuer = &self.config.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = fetch::json(self.client.get(url)).await.map_err(|error| match error {
            // Nothing is there, or something else: to whoever signs in that is the same.
            FetchError::Refused(status) => {
                let status = StatusCode::from_u16(status).unwrap_or_default();
                ProviderError::Unavailable(format!("it answered {status} where it should describe itself"))
            }
            other => other.into(),
        })?;
        if metadata.issuer != *issuer {
            let told = metadata.issuer;
            return Err(ProviderError::BadAnswer(format!("it calls itself {told:?}; write oidc_issuer like that")));
        }
        let addresses = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        if let Some(bad) = addresses.into_iter().chain(&metadata.userinfo_endpoint).find(|url| !is_safe_address(url)) {
            return Err(ProviderError::BadAnswer(format!("{bad:?} is no https:// address")));
        }
        Ok(metadata)
    }

    /// The keys, not older than `age_ms_max`. Of several who lack them one asks, and the others wait for it.
    async fn keys(&self, now_ms: i64, age_ms_max: i64) -> Result<Arc<Keys>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some((keys, _)) = known.keys.as_ref().filter(|(_, at_ms)| is_fresh(*at_ms, now_ms, age_ms_max)) {
            return Ok(keys.clone());
        }
        let url = self.known_metadata(&mut known, now_ms).await?.jwks_uri.clone();
        let request = async { Ok(fetch::json::<KeySet>(self.client.get(url)).await?) };
        let set = known.asked(now_ms, request).await?;
        let keys = Arc::new(Keys::read(set.keys));
        known.keys = Some((keys.clone(), now_ms));
        Ok(keys)
    }
}

fn takes_basic(metadata: &Metadata) -> bool {
    let methods = metadata.token_endpoint_auth_methods_supported.as_ref();
    methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
}

/// A clock that was set back makes nothing fresh for ever.
fn is_fresh(at_ms: i64, now_ms: i64, age_ms_max: i64) -> bool {
    (0..age_ms_max).contains(&(now_ms - at_ms))
}
