//! All features in their order, and how far each is.

use std::collections::BTreeMap;
use std::time::Duration;

use boltorezka_proto::ErrorCode;
use boltorezka_proto::workspaces::{FeatureState, FeatureStatus};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};

use super::Feature;
use crate::app::App;
use crate::error::ApiError;
use crate::store::StoreError;
use crate::{admin, auth, calls, chat, http, push, rooms, telemetry, webhooks, whip, workspaces, ws};

/// A start that takes longer has failed: it reads some rows.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests that come while their feature starts wait so long.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);
/// What takes longer to say that it is well, is not.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// The features of a server.
pub struct Features {
    all: Vec<Box<dyn Feature>>,
    starts: watch::Sender<BTreeMap<&'static str, Start>>,
}

/// What became of a start. Without one it is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Start {
    Done,
    Failed(String),
}

impl Default for Features {
    /// Every feature. They are started in this order, and stopped in the other.
    fn default() -> Self {
        Self::new(vec![
            Box::new(auth::Accounts),
            Box::new(workspaces::Workspaces),
            Box::new(rooms::Rooms),
            Box::new(chat::Chat),
            Box::new(calls::Calls),
            Box::new(calls::Video),
            Box::new(calls::Screen),
            Box::new(whip::Whip),
            Box::new(push::WebPush),
            Box::new(webhooks::Webhooks),
            Box::new(telemetry::Telemetry),
            Box::new(ws::Realtime),
            Box::new(admin::Admin),
            // It asks a server elsewhere: nobody but health waits for it.
            Box::new(chat::AttachmentFiles),
            Box::new(http::Health),
        ])
    }
}

impl Features {
    /// These, in this order.
    pub fn new(all: Vec<Box<dyn Feature>>) -> Self {
        Self { all, starts: watch::Sender::default() }
    }

    /// Each of them.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &dyn Feature> {
        self.all.iter().map(AsRef::as_ref)
    }

    /// Starts one after the other. What fails is left out.
    pub async fn start(&self, app: &App) {
        for feature in self.all() {
            let started = timeout(START_TIMEOUT, feature.start(app)).await;
            let start = match started.unwrap_or_else(|_| Err("its start takes too long".to_owned())) {
                Ok(()) => Start::Done,
                Err(error) => {
                    tracing::error!(feature = feature.name(), error, "a feature could not be started");
                    Start::Failed(error)
                }
            };
            self.starts.send_modify(|starts| drop(starts.insert(feature.name(), start)));
        }
    }

    /// Stops those that were started.
    pub async fn stop(&self, app: &App) {
        for feature in self.all().rev() {
            let started = self.starts.borrow().get(feature.name()) == Some(&Start::Done);
            if started {
                feature.stop(app).await;
            }
        }
    }

    /// Whether requests of a feature are carried out for the workspace that `app` sees.
    ///
    /// # Errors
    /// `feature_disabled`; `unavailable` when it could not be started.
    pub async fn check(&self, app: &App, feature: &dyn Feature, in_workspace: bool) -> Result<(), ApiError> {
        let name = feature.name();
        if self.starts.borrow().get(name) != Some(&Start::Done) {
            let mut starts = self.starts.subscribe();
            let over = timeout(REQUEST_PATIENCE, starts.wait_for(|starts| starts.contains_key(name))).await;
            let runs = matches!(over, Ok(Ok(starts)) if starts.get(name) == Some(&Start::Done));
            if !runs {
                let detail = format!("{name} could not be started; the server's log says why");
                return Err(ApiError::because(ErrorCode::Unavailable, detail));
            }
        }
        match feature.switch() {
            Some((switch, _)) if in_workspace && !app.live_workspace().has(switch) => {
                let detail = format!("{name} is switched off in this workspace");
                Err(ApiError::because(ErrorCode::FeatureDisabled, detail))
            }
            _ => Ok(()),
        }
    }

    /// The same for a request of a socket. Those of an unknown type are nobody's.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub async fn check_request(&self, app: &App, kind: &str) -> Result<(), ApiError> {
        match self.all().find(|feature| feature.events().requests.contains(&kind)) {
            Some(feature) => self.check(app, feature, true).await,
            None => Ok(()),
        }
    }

    /// How each does.
    pub async fn states(&self, app: &App) -> Vec<FeatureState> {
        let mut states = Vec::new();
        for feature in self.all() {
            let start = self.starts.borrow().get(feature.name()).cloned();
            let (status, detail) = match start {
                None => (FeatureStatus::Starting, None),
                Some(Start::Failed(error)) => (FeatureStatus::Failed, Some(error)),
                Some(Start::Done) => match timeout(HEALTH_TIMEOUT, feature.health(app)).await {
                    Ok(Ok(())) => (FeatureStatus::Ok, None),
                    Ok(Err(what)) => (FeatureStatus::Unhealthy, Some(what.to_owned())),
                    Err(_) => (FeatureStatus::Unhealthy, Some("it does not answer".to_owned())),
                },
            };
            states.push(FeatureState {
                name: feature.name().to_owned(),
                title: feature.title().to_owned(),
                critical: feature.is_critical(),
                optional: feature.switch().is_some(),
                status,
                detail,
            });
        }
        states
    }
}

/// Has `work` done now and each `period`, until the server stops; `what` is said of it when it fails.
pub fn every<F>(app: &App, period: Duration, what: &'static str, work: impl Fn(App) -> F + Send + 'static)
where
    F: Future<Output = Result<(), StoreError>> + Send,
{
    let (app, tasks) = (app.clone(), app.tasks.clone());
    tasks.spawn(async move {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while app.shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = work(app.clone()).await {
                tracing::error!(%error, what, "what is done now and then failed, and is tried again");
            }
        }
    });
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
