//! The browser's half of a ceremony of several requests: sealed in a cookie, so that nothing waits on the server for browsers
//! that never come back, and nobody but the browser that began ends it.

use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boltorezka_proto::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::app::App;
use crate::error::ApiError;

/// One kind of such a cookie. Scripts never see it; it is `Secure` where sessions are.
pub struct SealedCookie {
    /// What it is called.
    pub name: &'static str,
    /// Where it is sent, and nowhere else.
    pub path: &'static str,
    /// Whether it comes along when another site's page leads here.
    pub same_site: SameSite,
    /// What it is sealed for, so that none is taken for another: second factors are sealed for accounts, whose ids are UUIDs of
    /// version 7.
    pub sealed_for: Uuid,
    /// How long the browser keeps it. What is in it says itself until when it counts.
    pub life_ms: u32,
}

impl SealedCookie {
    /// The cookie with a value.
    ///
    /// # Errors
    /// `internal`, when there is no randomness.
    pub fn seal(&self, app: &App, value: &impl Serialize) -> Result<Cookie<'static>, ApiError> {
        let internal = || ApiError::new(ErrorCode::Internal);
        let plain = serde_json::to_vec(value).map_err(|_| internal())?;
        let sealed = app.sealer.seal(self.sealed_for, &plain).map_err(|_| internal())?;
        Ok(self.build(app, URL_SAFE_NO_PAD.encode(sealed), self.life_ms))
    }

    /// What a browser brings back.
    pub fn open<T: DeserializeOwned>(&self, app: &App, jar: &CookieJar) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(jar.get(self.name)?.value()).ok()?;
        serde_json::from_slice(&app.sealer.open_sealed(self.sealed_for, &sealed).ok()?).ok()
    }

    /// A cookie that makes the browser forget it.
    pub fn ended(&self, app: &App) -> Cookie<'static> {
        self.build(app, String::new(), 0)
    }

    fn build(&self, app: &App, value: String, life_ms: u32) -> Cookie<'static> {
        Cookie::build((self.name, value))
            .path(self.path)
            .http_only(true)
            .same_site(self.same_site)
            .secure(app.config.secure_cookies)
            .max_age(time::Duration::milliseconds(life_ms.into()))
            .build()
    }
}
