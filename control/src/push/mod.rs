//! Web push: browsers are told what waits for an account while none of its pages is open.
//!
//! That something waits is written in the transaction that made it true (`store/sql/push.rs`); [`deliver`] takes it from there, and
//! reads what is pushed, with the rights of that moment, right before it goes.

mod content;
mod deliver;
mod encryption;
mod endpoint;
mod request;
mod routes;
mod site;
mod vapid;

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;

pub use encryption::BrowserKeys;
pub use routes::subscription_view;
pub use vapid::PUSH_KEY_FILE;
use vapid::Vapid;

use crate::app::App;
use crate::features::{Feature, Routes, every};

/// What was given up is looked for this often.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// What push has to know.
#[derive(Default)]
pub struct Push {
    vapid: OnceLock<Vapid>,
}

impl Push {
    /// The server's key; none before the feature has started.
    fn vapid(&self) -> Option<&Vapid> {
        self.vapid.get()
    }

    fn load(&self, data_dir: &Path) -> Result<(), String> {
        let vapid = Vapid::open(data_dir)?;
        // The first one stays.
        drop(self.vapid.set(vapid));
        Ok(())
    }
}

/// The feature.
pub struct WebPush;

#[async_trait]
impl Feature for WebPush {
    fn name(&self) -> &'static str {
        "push"
    }

    fn title(&self) -> &'static str {
        "Telling browsers what waits while no page is open."
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["push"]
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes::routes(), ..Routes::default() }
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        app.push.load(&app.config.data_dir)?;
        let sender = request::Sender::new().map_err(|error| format!("no HTTP client can be made: {error}"))?;
        app.tasks.spawn(deliver::deliver(app.clone(), sender, app.shutdown.child_token()));
        every(app, TIDY_EVERY, "giving up pushes that are too old", async |app: App| {
            app.store.drop_expired_pushes(app.clock.now_ms()).await
        });
        Ok(())
    }
}
