//! The HTTP API.

use std::sync::Arc;
use std::time::Duration;

use boltorezka_proto::call::TrackSource;
use boltorezka_proto::rest::{
    CreateRoomRequest, DrainRequest, JoinTokenRequest, JoinTokenResponse, LoginRequest, MuteRequest, Page, Participant,
    RegisterRequest, Room, SetupRequest, TicketResponse, User, UserEnvelope,
};
use boltorezka_proto::{DisplayName, ErrorCode, ParticipantId, Problem, RoomSlug, WorkspaceSlug};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderValue, SET_COOKIE};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::gateway::{Gateway, GatewayError};

/// How long a request may take. Hashing a password under load is the slowest.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest body of an answer that is read.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const SESSION_COOKIE: &str = "boltorezka_session";

/// Why a request failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is not one of a server.
    #[error("not an address of a server: {0}; give one like https://talk.example")]
    Address(String),
    /// The credential has characters that cannot be sent.
    #[error("the credential holds characters that no token has")]
    Credential,
    /// The server could not be reached, or broke off.
    #[error("the server could not be reached: {0}")]
    Network(String),
    /// The server refused.
    #[error("refused with status {status}: {}", detail.as_deref().unwrap_or(title))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// For programs; absent when the answer came from something in between.
        code: Option<ErrorCode>,
        /// A summary.
        title: String,
        /// What is wrong in this case.
        detail: Option<String>,
    },
    /// The answer is not of the documented form.
    #[error("the server's answer to {what} was not understood: {why}")]
    Answer {
        /// Which request.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ClientError {
    /// The stable reason, when the server refused and told one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }
}

/// What a client shows to be let in.
#[derive(Clone)]
enum Credential {
    Session(HeaderValue),
    Bearer(HeaderValue),
    /// Good for one socket, so that there is no reconnecting.
    Ticket(Arc<str>),
    None,
}

/// A server and a credential for it. Cheap to clone; all clones share connections.
///
/// ```no_run
/// use boltorezka_sdk::Client;
///
/// # async fn example() -> Result<(), boltorezka_sdk::ClientError> {
/// let (client, user) = Client::log_in("https://talk.example", "ada@example.org", "correct horse battery").await?;
/// for room in client.rooms().await? {
///     println!("{} is in {}", user.display_name, room.slug);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    /// Named in front of each path; else the credential says which it is.
    workspace: Option<WorkspaceSlug>,
    credential: Credential,
}

impl Client {
    /// Signs in with an account.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `invalid_credentials` or `rate_limited`.
    pub async fn log_in(base_url: &str, email: &str, password: &str) -> Result<(Self, User), ClientError> {
        let request = LoginRequest { email: email.to_owned(), password: password.to_owned(), code: None };
        Self::sign_in(base_url, "/v1/auth/login", &request).await
    }

    /// Makes an account and signs in.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `conflict`, `invalid` or `registration_closed`.
    pub async fn register(
        base_url: &str,
        email: &str,
        password: &str,
        display_name: DisplayName,
    ) -> Result<(Self, User), ClientError> {
        let request =
            RegisterRequest { email: email.to_owned(), password: password.to_owned(), display_name, invite: None };
        Self::sign_in(base_url, "/v1/auth/register", &request).await
    }

    /// Redeems the owner link's token: makes the first super admin and signs in.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `already_set_up` or `invalid_token`.
    pub async fn set_up(base_url: &str, request: &SetupRequest) -> Result<(Self, User), ClientError> {
        Self::sign_in(base_url, "/v1/setup", request).await
    }

    /// Takes part with a join token that a server has issued.
    ///
    /// # Errors
    /// [`ClientError::Address`] or [`ClientError::Credential`].
    pub fn with_join_token(base_url: &str, token: &str) -> Result<Self, ClientError> {
        Ok(Self { credential: bearer(token)?, ..Self::anonymous(base_url)? })
    }

    /// Acts as a server of one's own. API keys open the HTTP API, not the gateway.
    ///
    /// # Errors
    /// [`ClientError::Address`] or [`ClientError::Credential`].
    pub fn with_api_key(base_url: &str, key: &str) -> Result<Self, ClientError> {
        Ok(Self { credential: bearer(key)?, ..Self::anonymous(base_url)? })
    }

    /// Opens one socket of the gateway with a ticket. When it breaks, it stays broken.
    ///
    /// # Errors
    /// [`ClientError::Address`] or [`ClientError::Credential`].
    pub fn with_ticket(base_url: &str, ticket: &str) -> Result<Self, ClientError> {
        // It becomes part of an address: only what stands for itself there (RFC 3986, section 2.3).
        if !ticket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
            return Err(ClientError::Credential);
        }
        Ok(Self { credential: Credential::Ticket(ticket.into()), ..Self::anonymous(base_url)? })
    }

    /// The same caller in another workspace: its rooms, and the sockets that it opens from here on. An API key and a join
    /// token are in theirs without saying so.
    pub fn in_workspace(&self, workspace: &WorkspaceSlug) -> Self {
        Self { workspace: Some(workspace.clone()), ..self.clone() }
    }

    /// The server's address, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// The account that is signed in.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `unauthenticated`.
    pub async fn me(&self) -> Result<User, ClientError> {
        self.get::<UserEnvelope>("/v1/auth/me").await.map(|envelope| envelope.user)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// [`ClientError::Network`].
    pub async fn log_out(&self) -> Result<(), ClientError> {
        self.send(Method::POST, "/v1/auth/logout", None::<&()>).await.map(drop)
    }

    /// Rooms that the caller may see, the first page.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rooms(&self) -> Result<Vec<Room>, ClientError> {
        self.get::<Page<Room>>("/v1/rooms?limit=100").await.map(|page| page.items)
    }

    /// A room.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found`.
    pub async fn room(&self, room: &RoomSlug) -> Result<Room, ClientError> {
        self.get(&format!("/v1/rooms/{room}")).await
    }

    /// Makes a room.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `conflict` or `forbidden`.
    pub async fn create_room(&self, request: &CreateRoomRequest) -> Result<Room, ClientError> {
        self.post("/v1/rooms", request).await
    }

    /// Issues a join token. For API keys.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub async fn create_join_token(&self, request: &JoinTokenRequest) -> Result<JoinTokenResponse, ClientError> {
        self.post("/v1/join-tokens", request).await
    }

    /// Who is in a room now.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub async fn participants(&self, room: &RoomSlug) -> Result<Vec<Participant>, ClientError> {
        let body: serde_json::Value = self.get(&format!("/v1/rooms/{room}/participants?limit=100")).await?;
        let items = body.get("items").cloned().unwrap_or(body);
        serde_json::from_value(items)
            .map_err(|error| ClientError::Answer { what: "participants".into(), why: error.to_string() })
    }

    /// Removes a participant; it may come back.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `forbidden` or `not_found`.
    pub async fn kick(&self, room: &RoomSlug, participant_id: ParticipantId) -> Result<(), ClientError> {
        let path = format!("/v1/rooms/{room}/participants/{participant_id}/kick");
        self.send(Method::POST, &path, None::<&()>).await.map(drop)
    }

    /// Has the media node emptied: nobody new is taken, and those who are left after `deadline_s` are ended with `drain`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `forbidden`, `invalid` or `media_unavailable`.
    pub async fn drain_media(&self, deadline_s: u32) -> Result<(), ClientError> {
        self.send(Method::POST, "/v1/admin/media/drain", Some(&DrainRequest { deadline_s })).await.map(drop)
    }

    /// Takes a drain back.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `forbidden` or `media_unavailable`.
    pub async fn undrain_media(&self) -> Result<(), ClientError> {
        self.send(Method::POST, "/v1/admin/media/undrain", None::<&()>).await.map(drop)
    }

    /// Removes a participant for good.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `forbidden` or `not_found`.
    pub async fn ban(&self, room: &RoomSlug, participant_id: ParticipantId) -> Result<(), ClientError> {
        let path = format!("/v1/rooms/{room}/participants/{participant_id}/ban");
        self.send(Method::POST, &path, None::<&()>).await.map(drop)
    }

    /// Takes the right to publish a source, or gives it back.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `forbidden` or `not_found`.
    pub async fn mute(
        &self,
        room: &RoomSlug,
        participant_id: ParticipantId,
        source: TrackSource,
        muted: bool,
    ) -> Result<(), ClientError> {
        let path = format!("/v1/rooms/{room}/participants/{participant_id}/mute");
        self.send(Method::POST, &path, Some(&MuteRequest { source, muted })).await.map(drop)
    }

    /// Opens the realtime gateway and waits until it is ready.
    ///
    /// # Errors
    /// [`GatewayError`] when the first attempt fails. Later breaks are mended in the background.
    pub async fn connect(&self) -> Result<Gateway, GatewayError> {
        Gateway::connect(self.clone()).await
    }

    /// Any `GET` route that answers JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let body = self.send(Method::GET, path, None::<&()>).await?.1;
        parse(path, &body)
    }

    /// Any `POST` route that takes and answers JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = self.send(Method::POST, path, Some(body)).await?.1;
        parse(path, &body)
    }

    /// A ticket for one socket; the second value tells whether another one can be had.
    pub(crate) async fn ticket(&self) -> Result<(String, bool), ClientError> {
        if let Credential::Ticket(ticket) = &self.credential {
            return Ok((ticket.to_string(), false));
        }
        let body = self.send(Method::POST, "/v1/auth/ws-ticket", None::<&()>).await?.1;
        let response: TicketResponse = parse("ws-ticket", &body)?;
        Ok((response.ticket, true))
    }

    fn anonymous(base_url: &str) -> Result<Self, ClientError> {
        let base = base_url.trim_end_matches('/');
        let is_http = Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_http {
            return Err(ClientError::Address(base_url.to_owned()));
        }
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .user_agent(concat!("boltorezka-sdk/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(network)?;
        Ok(Self { http, base: base.into(), workspace: None, credential: Credential::None })
    }

    async fn sign_in(base_url: &str, path: &str, request: &impl Serialize) -> Result<(Self, User), ClientError> {
        let anonymous = Self::anonymous(base_url)?;
        let (cookie, body) = anonymous.send(Method::POST, path, Some(request)).await?;
        let cookie = cookie
            .ok_or_else(|| ClientError::Answer { what: path.to_owned(), why: "there is no session cookie".into() })?;
        let user: UserEnvelope = parse(path, &body)?;
        Ok((Self { credential: Credential::Session(cookie), ..anonymous }, user.user))
    }

    fn url(&self, path: &str) -> String {
        match (&self.workspace, path.strip_prefix("/v1")) {
            (Some(workspace), Some(rest)) if !rest.starts_with("/workspaces") => {
                format!("{}/v1/workspaces/{workspace}{rest}", self.base)
            }
            _ => format!("{}{path}", self.base),
        }
    }

    /// Sends a request; returns the session cookie that came with the answer, and its body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(Option<HeaderValue>, Vec<u8>), ClientError> {
        let mut request = self.http.request(method, self.url(path));
        match &self.credential {
            Credential::Session(cookie) => request = request.header(COOKIE, cookie),
            Credential::Bearer(token) => request = request.header(AUTHORIZATION, token),
            Credential::Ticket(_) | Credential::None => {}
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(network)?;
        let status = response.status();
        let cookie = response.headers().get_all(SET_COOKIE).iter().find_map(session_cookie);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if bytes.len() + chunk.len() > BODY_BYTES_MAX {
                let why = format!("it is larger than {BODY_BYTES_MAX} bytes");
                return Err(ClientError::Answer { what: path.to_owned(), why });
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() { Ok((cookie, bytes)) } else { Err(refusal(status, &bytes)) }
    }
}

pub(crate) fn parse<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Answer { what: what.to_owned(), why: error.to_string() })
}

fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    let status_code = status.as_u16();
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => ClientError::Refused {
            status: status_code,
            code: Some(problem.code),
            title: problem.title,
            detail: problem.detail,
        },
        Err(_) => ClientError::Refused {
            status: status_code,
            code: None,
            title: status.canonical_reason().unwrap_or("unknown status").to_owned(),
            detail: None,
        },
    }
}

/// Without the address: it may hold a ticket.
fn network(error: reqwest::Error) -> ClientError {
    use std::error::Error;
    let error = error.without_url();
    let cause = error.source().and_then(|source| source.source().or(Some(source)));
    ClientError::Network(cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
}

fn bearer(token: &str) -> Result<Credential, ClientError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ClientError::Credential)?;
    value.set_sensitive(true);
    Ok(Credential::Bearer(value))
}

fn session_cookie(header: &HeaderValue) -> Option<HeaderValue> {
    let (cookie, _) = header.to_str().ok()?.split_once(';')?;
    let (name, value) = cookie.split_once('=')?;
    if name.trim() != SESSION_COOKIE || value.is_empty() {
        return None;
    }
    let mut value = HeaderValue::from_str(cookie.trim()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_before_anything_is_sent() {
        for address in ["talk.example", "ftp://x", "http://", ""] {
            assert!(matches!(Client::with_join_token(address, "t"), Err(ClientError::Address(_))), "{address}");
        }
        assert_eq!(Client::with_join_token("http://127.0.0.1:8080/", "t").unwrap().base_url(), "http://127.0.0.1:8080");
        assert!(matches!(Client::with_join_token("http://x", "a\nb"), Err(ClientError::Credential)));
        assert!(matches!(Client::with_ticket("http://x", "a&b"), Err(ClientError::Credential)));
    }

    #[test]
    fn the_session_cookie_is_picked_out() {
        let header = HeaderValue::from_static("boltorezka_session=abc; HttpOnly; Path=/");
        assert_eq!(session_cookie(&header).unwrap(), "boltorezka_session=abc");
        assert!(session_cookie(&HeaderValue::from_static("boltorezka_session=; Max-Age=0")).is_none());
        assert!(session_cookie(&HeaderValue::from_static("other=abc; Path=/")).is_none());
    }

    #[test]
    fn a_problem_becomes_a_typed_refusal() {
        let body = br#"{"status":429,"code":"room_full","title":"The room is full","detail":"It has 2 seats."}"#;
        let error = refusal(StatusCode::TOO_MANY_REQUESTS, body);
        assert_eq!(error.code(), Some(ErrorCode::RoomFull));
        assert!(error.to_string().contains("It has 2 seats."));
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, b"<html>").code(), None);
    }
}
