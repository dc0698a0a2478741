//! `serve` and `control`: puts the two planes, the web client and the entrance together, and ends them in order.

use axum_server::Handle;
use boltorezka_control::{Config, Control};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::http::{self, Entrance};
use crate::node::Ready;
use crate::settings::Settings;
use crate::supervise::Supervisor;
use crate::{Failure, files, say, web};

/// Where the media node of this server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Media {
    /// A child process that outlives this one.
    Child,
    /// In this process.
    InProcess,
    /// Somebody else runs it.
    Elsewhere,
}

/// Runs the server until a signal ends it.
///
/// # Errors
/// When something cannot be opened or fails while it runs.
pub async fn run(settings: Settings, media: Media) -> Result<(), Failure> {
    let stop = on_signal()?;
    let _lock = files::lock(&settings)?;
    let entrance = Entrance::open(&settings)?;
    let control = open_control(&settings).await?;
    let owner_token = control.owner_token().await.map_err(Failure::other)?;
    let router = control.router(Some(web::client()));

    // Media ends last, so that what control says at the end still arrives.
    let stop_media = CancellationToken::new();
    let mut media = tokio::spawn(Running::start(settings.clone(), media).await?.run(stop_media.clone()));

    say(format_args!("listening on {}", entrance.origin()));
    if let Some(token) = owner_token {
        let origin = settings.public_url.clone().unwrap_or_else(|| entrance.local_origin());
        say(format_args!("owner link: {origin}/setup?token={token}"));
    }

    let handle = Handle::new();
    let mut web = tokio::spawn(entrance.serve(router, handle.clone()));
    let mut control = tokio::spawn(control.run(stop.clone()));
    let failed = tokio::select! {
        // First: control ends when it is told to, and that is no failure.
        biased;
        () = stop.cancelled() => None,
        outcome = &mut web => Some(format!("the HTTP server ended: {outcome:?}")),
        outcome = &mut control => Some(format!("the control plane ended: {outcome:?}")),
        outcome = &mut media => Some(format!("the media node ended: {outcome:?}")),
    };
    tracing::info!("stopping");
    stop.cancel();
    if !control.is_finished() {
        let _ = control.await;
    }
    http::stop(&handle);
    if !web.is_finished() {
        let _ = web.await;
    }
    stop_media.cancel();
    if !media.is_finished() {
        let _ = media.await;
    }
    failed.map_or(Ok(()), |message| Err(Failure::Other(message)))
}

/// Opens the control plane's data.
///
/// # Errors
/// When the database cannot be used.
pub async fn open_control(settings: &Settings) -> Result<Control, Failure> {
    let secure_cookies = match &settings.public_url {
        Some(url) => url.starts_with("https://"),
        None => settings.tls().is_some(),
    };
    let config = Config {
        data_dir: settings.data_dir.clone(),
        database_url: settings.database_url(),
        registration: settings.registration,
        super_admin_email: settings.super_admin_email.clone(),
        public_url: settings.public_url.clone(),
        smtp: settings.smtp(),
        push_contact: settings.push_contact.clone(),
        push_local_services: settings.push_local_services.clone(),
        webhooks_local_receivers: settings.webhooks_local_receivers.clone(),
        oidc: settings.oidc(),
        account_deletion_days: settings.account_deletion_days,
        direct_retention_days: settings.direct_retention_days,
        registration_approval: settings.registration_approval,
        session_details: settings.session_details,
        attachment_types: settings.attachment_types.clone(),
        s3: settings.s3(),
        secure_cookies,
        limits: settings.limits.clone(),
        media_socket: settings.media_socket(),
        settings: settings.in_force(),
    };
    Control::open(config).await.map_err(Failure::other)
}

/// A token that is cancelled by SIGTERM or SIGINT.
///
/// # Errors
/// When the system refuses the handlers.
pub fn on_signal() -> Result<CancellationToken, Failure> {
    let token = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(Failure::other)?;
        let token = token.clone();
        tokio::spawn(async move {
            signals.recv().await;
            token.cancel();
        });
    }
    Ok(token)
}

/// The media node, in whichever place, ready to run.
enum Running {
    Child(Box<Supervisor>),
    InProcess(Box<Ready>),
    Elsewhere,
}

impl Running {
    async fn start(settings: Settings, media: Media) -> Result<Self, Failure> {
        Ok(match media {
            Media::Child => Self::Child(Box::new(Supervisor::start(settings).await?)),
            Media::InProcess => Self::InProcess(Box::new(Ready::start(&settings).await?)),
            Media::Elsewhere => Self::Elsewhere,
        })
    }

    /// Until `stop`, or until the node cannot go on.
    async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        match self {
            Self::Child(supervisor) => supervisor.run(stop).await,
            Self::InProcess(node) => return node.run(stop).await,
            Self::Elsewhere => stop.cancelled().await,
        }
        Ok(())
    }
}
