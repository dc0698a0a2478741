//! Whether browsers have push at the address that people reach the server by: over TLS, or on this machine (Secure Contexts).

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::{Authority, Scheme, Uri};
use boltorezka_proto::ErrorCode;

use crate::app::App;
use crate::error::ApiError;

/// Why browsers cannot subscribe, if they cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site(Option<&'static str>);

const NOT_SECURE: &str = "browsers are pushed to only from pages over https, and this server is reached without: its operator sets public_url to an \
     https:// address";

impl Site {
    /// Why not, in words.
    pub fn reason(self) -> Option<&'static str> {
        self.0
    }

    /// # Errors
    /// `not_found`, with the reason.
    pub fn available(self) -> Result<(), ApiError> {
        self.0.map_or(Ok(()), |reason| Err(ApiError::because(ErrorCode::NotFound, reason)))
    }

    fn new(is_secure: bool) -> Self {
        Self((!is_secure).then_some(NOT_SECURE))
    }
}

impl FromRequestParts<App> for Site {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| parts.uri.authority().map(Authority::as_str));
        Ok(match &app.config.public_url {
            Some(url) => Self::new(is_secure_url(url)),
            None => Self::new(app.config.secure_cookies || host.is_some_and(is_this_machine)),
        })
    }
}

fn is_secure_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    uri.scheme() == Some(&Scheme::HTTPS) || uri.authority().is_some_and(|authority| is_this_machine(authority.as_str()))
}

fn is_this_machine(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_secure_over_tls_or_on_this_machine() {
        for secure in [
            "https://talk.example",
            "https://192.0.2.7",
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://[::1]:8080",
        ] {
            assert!(is_secure_url(secure), "{secure}");
        }
        for other in
            ["http://talk.example", "http://192.0.2.7:8080", "talk.example", "", "http://localhost.evil.example"]
        {
            assert!(!is_secure_url(other), "{other}");
        }
        assert_eq!(Site::new(true).reason(), None);
        assert_eq!(Site::new(false).available().unwrap_err().code, ErrorCode::NotFound);
    }
}
