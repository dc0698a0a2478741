//! Mails with links: sent by SMTP, again and again until the server takes them.

mod text;

use std::time::Duration;

use boltorezka_proto::accounts::LinkKind;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::auth::{hash_token, link_life_ms, link_page, new_token};
use crate::store::{MailRecord, NewLink, StoreError};

/// A mail is tried so often: over a day and some. Whoever still waits asks again.
const ATTEMPTS_MAX: u32 = 30;
/// The first pause between two tries. Each further one is twice as long.
const FIRST_PAUSE_MS: i64 = 30_000;
/// The longest pause.
const PAUSE_MS_MAX: i64 = 60 * 60 * 1000;
/// How long the mail server may take. Shorter than the first pause: nobody sends a mail twice at once.
const TIMEOUT: Duration = Duration::from_secs(20);
/// What waits is looked for this often even when nobody woke us.
const FALLBACK: Duration = Duration::from_secs(5);

/// How mails are sent.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// `smtps://user:password@host`, or `smtp://…?tls=required`.
    pub url: String,
    /// Who sends, such as `Talk <talk@example.org>`.
    pub from: String,
}

impl SmtpConfig {
    /// Checks both, and that no password travels in the clear.
    ///
    /// # Errors
    /// What is wrong, without the address: it may hold a password.
    pub fn check(&self) -> Result<(), String> {
        Mailer::new(self).map(|_| ())
    }
}

/// Sends mails.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// # Errors
    /// What of the settings cannot be used.
    pub fn new(config: &SmtpConfig) -> Result<Self, String> {
        let url = &config.url;
        let in_clear = url.starts_with("smtp://") && !url.contains("tls=required");
        if in_clear && url.contains('@') {
            return Err("smtp_url: a password needs TLS; use smtps://, or smtp:// with ?tls=required".to_owned());
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| format!("smtp_url: {error}. Give smtps://USER:PASSWORD@HOST, or smtp://HOST:PORT."))?;
        let from = config.from.parse().map_err(|error| format!("smtp_from: {error}. Give Name <name@example.org>."))?;
        Ok(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from })
    }

    async fn send(&self, mail: &MailRecord, link: &str) -> Result<(), String> {
        let (subject, body) = text::of(mail.kind, &mail.user.display_name, link);
        let to = mail.user.email.parse().map_err(|_| "the address cannot be written to".to_owned())?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .body(body)
            .map_err(|error| error.to_string())?;
        self.transport.send(message).await.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// The pause after a try.
fn pause_ms(attempts: u32) -> i64 {
    FIRST_PAUSE_MS.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(PAUSE_MS_MAX)
}

/// Sends what waits, until `shutdown`. After a crash a mail may be sent again.
pub async fn run(app: App, shutdown: CancellationToken) {
    let Some(mailer) = &app.mailer else { return };
    while !shutdown.is_cancelled() {
        match send_one(&app, mailer).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "mails that wait could not be read"),
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = app.mails.notified() => {}
            () = tokio::time::sleep(FALLBACK) => {}
        }
    }
}

/// False when none is due.
async fn send_one(app: &App, mailer: &Mailer) -> Result<bool, StoreError> {
    let now_ms = app.clock.now_ms();
    let Some(mail) = app.store.take_mail(now_ms, pause_ms).await? else { return Ok(false) };
    let token = new_token().map_err(|_| StoreError::Corrupt("the system's random source"))?;
    let expires_at_ms = now_ms + link_life_ms(mail.kind);
    let link = NewLink { hash: hash_token(&token), kind: mail.kind, now_ms, expires_at_ms };
    app.store.link_mail(&mail, &link).await?;
    match mailer.send(&mail, &link_page(&app.config, mail.kind, &token)).await {
        Ok(()) => app.store.delete_mail(mail.id).await?,
        Err(error) if mail.attempts >= ATTEMPTS_MAX => {
            tracing::error!(%error, user_id = %mail.user.id, attempts = mail.attempts, "a mail is given up");
            app.store.delete_mail(mail.id).await?;
        }
        Err(error) => {
            tracing::warn!(%error, user_id = %mail.user.id, attempts = mail.attempts, "a mail was not taken; it is tried again");
        }
    }
    Ok(true)
}

/// Whether an address can be verified by mail.
pub fn verification(app: &App) -> Option<LinkKind> {
    app.mailer.as_ref().map(|_| LinkKind::VerifyEmail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        assert_eq!([1, 2, 3, 8, 30].map(pause_ms), [30_000, 60_000, 120_000, PAUSE_MS_MAX, PAUSE_MS_MAX]);
    }

    #[test]
    fn settings_are_checked_and_never_repeated() {
        let check = |url: &str, from: &str| SmtpConfig { url: url.to_owned(), from: from.to_owned() }.check();
        assert_eq!(check("smtp://127.0.0.1:2525", "Talk <talk@example.org>"), Ok(()));
        assert_eq!(check("smtps://ann:hunter22@mail.example.org", "talk@example.org"), Ok(()));
        assert_eq!(check("smtp://ann:hunter22@mail.example.org?tls=required", "talk@example.org"), Ok(()));
        for (url, from, part) in [
            ("smtp://ann:hunter22@mail.example.org", "talk@example.org", "TLS"),
            ("smtp://ann:hunter22@mail.example.org?tls=opportunistic", "talk@example.org", "TLS"),
            ("http://ann:hunter22@mail.example.org", "talk@example.org", "smtp_url"),
            ("smtp://127.0.0.1", "nonsense", "smtp_from"),
        ] {
            let wrong = check(url, from).unwrap_err();
            assert!(wrong.contains(part) && !wrong.contains("hunter22"), "{wrong}");
        }
    }
}
