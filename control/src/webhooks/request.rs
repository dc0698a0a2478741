//! One request of a webhook, signed as Standard Webhooks 1.0.0 has it.

use std::time::Duration;

use aws_lc_rs::hmac;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boltorezka_proto::webhooks::WEBHOOK_SECRET_PREFIX;

use super::receiver;
use crate::config::Config;
use crate::outbound::{Clients, in_words};
use crate::store::{DueDelivery, WebhookSecret};

/// How long an answer may take. The specification asks for 15 to 30 s; a receiver is meant to answer before it begins to work.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// The part of it in which a connection must come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest error that is kept, in characters.
const ERROR_CHARACTERS_MAX: usize = 200;

/// How a try ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// 2xx.
    Delivered,
    /// Anything else, in words.
    Failed(String),
    /// 410: the receiver wants no more.
    Gone,
}

/// The secret as its receiver is given it.
pub fn shown(secret: &WebhookSecret) -> String {
    format!("{WEBHOOK_SECRET_PREFIX}{}", STANDARD.encode(secret))
}

/// Sends a delivery once.
pub async fn send(clients: &Clients, config: &Config, delivery: &DueDelivery, now_ms: i64) -> Outcome {
    let receiver = match receiver::parse(&delivery.url, delivery.at_home, config) {
        Ok(receiver) => receiver,
        Err(wrong) => return Outcome::Failed(wrong),
    };
    let (event_id, timestamp) = (delivery.event_id.to_string(), (now_ms / 1000).to_string());
    let signature = sign(&delivery.secret, &event_id, &timestamp, &delivery.body);
    let request = clients
        .post(&receiver)
        .header("content-type", "application/json")
        .header("webhook-id", event_id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(delivery.body.clone());
    match request.send().await.map(|response| response.status()) {
        Ok(status) if status.is_success() => Outcome::Delivered,
        Ok(StatusCode::GONE) => Outcome::Gone,
        Ok(status) => Outcome::Failed(format!("the receiver answered {status}")),
        Err(error) => Outcome::Failed(in_words(error).chars().take(ERROR_CHARACTERS_MAX).collect()),
    }
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.
fn sign(secret: &WebhookSecret, event_id: &str, timestamp: &str, body: &str) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    for part in [event_id, ".", timestamp, ".", body] {
        context.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries (`standardwebhooks`, Rust and Python).
    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let signed = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let expected = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(STANDARD.encode(hmac::sign(&key, signed.as_bytes())), expected);
        let mut secret = WebhookSecret::default();
        secret[31] = 1;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let expected = format!("v1,{}", STANDARD.encode(hmac::sign(&key, b"id.1.{}")));
        assert_eq!(sign(&secret, "id", "1", "{}"), expected);
        assert_eq!(shown(&secret), "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
    }

    #[tokio::test]
    async fn what_may_not_be_told_by_now_is_not() {
        let clients = Clients::new(TIMEOUT, CONNECT_TIMEOUT).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let delivery = DueDelivery {
            webhook_id: boltorezka_proto::WebhookId::generate(),
            event_id: boltorezka_proto::EventId::generate(),
            url: format!("http://{}/", listener.local_addr().unwrap()),
            at_home: false,
            secret: WebhookSecret::default(),
            body: "{}".to_owned(),
            attempt: 1,
        };
        let outcome = send(&clients, &Config::new("/nowhere"), &delivery, 0).await;
        assert!(
            matches!(&outcome, Outcome::Failed(wrong) if wrong.contains("webhooks_local_receivers")),
            "{outcome:?}"
        );
    }
}
