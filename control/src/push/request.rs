//! One request to a push service (RFC 8030).

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boltorezka_proto::push::PushNotice;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::encryption::encrypt;
use super::endpoint;
use super::vapid::Vapid;
use crate::config::Config;
use crate::outbound::{Clients, in_words};
use crate::store::{DuePush, PushAbout, PushTarget};

/// How long an answer may take, and a connection of it.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A push service that wants a longer pause gets this one.
const RETRY_AFTER_S_MAX: i64 = 3_600;
/// Bytes of the hash that a topic is made of: 32 characters, the most there may be (section 5.4).
const TOPIC_BYTES: usize = 24;

/// How a try ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The push service has taken it.
    Pushed,
    /// The browser subscribes no more.
    Gone,
    /// It may be tried again, not before so many seconds if the push service said so.
    Failed {
        /// What went wrong, in words.
        error: String,
        /// The pause that was asked for, in seconds.
        retry_after_s: Option<i64>,
    },
    /// It would fail again.
    Refused(String),
}

/// Sends requests. Addresses that browsers have named lead into the internet alone.
#[derive(Clone)]
pub struct Sender {
    clients: Clients,
}

impl Sender {
    /// # Errors
    /// When the system's certificates cannot be used.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { clients: Clients::new(TIMEOUT, CONNECT_TIMEOUT)? })
    }

    /// Pushes a notice once. Nothing of the answer is read but its head.
    pub async fn send(
        &self,
        config: &Config,
        vapid: &Vapid,
        push: &DuePush,
        target: &PushTarget,
        notice: &PushNotice,
        now_ms: i64,
    ) -> Outcome {
        let endpoint = match endpoint::parse(&target.endpoint, &config.push_local_services) {
            Ok(endpoint) => endpoint,
            Err(wrong) => return Outcome::Refused(wrong),
        };
        let authorization = match vapid.authorization(&endpoint.origin(), contact(config), now_ms) {
            Ok(authorization) => authorization,
            Err(wrong) => return failed(wrong, None),
        };
        let body = serde_json::to_vec(notice).ok().and_then(|plain| encrypt(&target.keys, &plain).ok());
        let Some(body) = body else { return Outcome::Refused("it cannot be encrypted".to_owned()) };
        let request = self
            .clients
            .post(&endpoint)
            .header("authorization", authorization)
            .header("content-encoding", "aes128gcm")
            .header("content-type", "application/octet-stream")
            .header("ttl", ttl_s(push, notice, now_ms))
            .header("urgency", urgency(notice))
            .header("topic", topic(push))
            .body(body);
        match request.send().await {
            Ok(response) => outcome_of(response.status(), response.headers()),
            Err(error) => failed(&in_words(error), None),
        }
    }
}

/// How long the push service keeps it for a browser that is away, in seconds: a call, no longer than it rings.
fn ttl_s(push: &DuePush, notice: &PushNotice, now_ms: i64) -> i64 {
    let until_ms = match notice {
        PushNotice::Ringing { ends_at, .. } => ends_at.unix_ms(),
        PushNotice::Message { .. } | PushNotice::MissedCall { .. } => push.expires_at_ms,
    };
    (until_ms - now_ms).max(0) / 1000
}

/// A call cannot wait for a phone to wake by itself; messages are what `normal` is made for.
fn urgency(notice: &PushNotice) -> &'static str {
    if matches!(notice, PushNotice::Ringing { .. }) { "high" } else { "normal" }
}

/// What is on its way about the same room is replaced. Two subscriptions have nothing in common that a push service could see.
fn topic(push: &DuePush) -> String {
    let about: &[u8] = if push.about == PushAbout::Call { b"call" } else { b"message" };
    let named = [push.subscription_id.0.as_bytes().as_slice(), push.room_id.0.as_bytes(), about].concat();
    let hash = digest(&SHA256, &named);
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..TOPIC_BYTES).unwrap_or_default())
}

fn contact(config: &Config) -> Option<&str> {
    let of_site = config.public_url.as_deref().filter(|url| url.starts_with("https://"));
    config.push_contact.as_deref().or(of_site)
}

fn failed(error: &str, retry_after_s: Option<i64>) -> Outcome {
    Outcome::Failed { error: error.to_owned(), retry_after_s }
}

fn outcome_of(status: StatusCode, headers: &HeaderMap) -> Outcome {
    let said = format!("the push service answered {status}");
    match status {
        status if status.is_success() => Outcome::Pushed,
        StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => failed(&said, retry_after_s(headers)),
        status if status.is_server_error() => failed(&said, retry_after_s(headers)),
        // Too large, not authorized, a redirection: the same again would have the same answer.
        _ => Outcome::Refused(said),
    }
}

/// Seconds; a date, which push services do not send, counts as the longest pause.
fn retry_after_s(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    Some(text.trim().parse().unwrap_or(RETRY_AFTER_S_MAX).clamp(0, RETRY_AFTER_S_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_becomes_of_a_push() {
        let of = |status: u16, retry_after: Option<&str>| {
            let retry_after = retry_after.map(|text| (RETRY_AFTER, text.parse().unwrap()));
            outcome_of(StatusCode::from_u16(status).unwrap(), &HeaderMap::from_iter(retry_after))
        };
        for status in [200, 201, 202, 204] {
            assert_eq!(of(status, None), Outcome::Pushed);
        }
        for status in [404, 410] {
            assert_eq!(of(status, None), Outcome::Gone);
        }
        for status in [301, 400, 401, 403, 413] {
            assert!(matches!(of(status, None), Outcome::Refused(_)), "{status}");
        }
        let pause = |outcome| match outcome {
            Outcome::Failed { retry_after_s, .. } => retry_after_s,
            other => panic!("{other:?}"),
        };
        assert_eq!(pause(of(429, Some("120"))), Some(120));
        assert_eq!(pause(of(503, Some("86400"))), Some(RETRY_AFTER_S_MAX));
        assert_eq!(pause(of(503, Some("Wed, 21 Oct 2026 07:28:00 GMT"))), Some(RETRY_AFTER_S_MAX));
        assert_eq!((pause(of(500, None)), pause(of(429, Some("-1")))), (None, Some(0)));
    }
}
