//! The relying party: the name that passkeys are for, and the one origin that they are used at.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::{Authority, Scheme, Uri};
use boltorezka_proto::ErrorCode;

use crate::app::App;
use crate::error::ApiError;

/// The name without a certificate: of this machine, for whoever tries things out.
const LOCALHOST: &str = "localhost";

/// A relying party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// Its id: a host name.
    pub id: String,
    /// The origin of its pages.
    pub origin: String,
}

/// What a request's relying party is; none where the server has no name.
#[derive(Clone, Debug)]
pub struct Party(Option<RelyingParty>);

impl Party {
    /// # Errors
    /// `not_found`, which says what is missing.
    pub fn named(self) -> Result<RelyingParty, ApiError> {
        let detail = "passkeys need a name, and this server is reached by none: its operator sets public_url to an https:// \
                      address with a host name";
        self.0.ok_or_else(|| ApiError::because(ErrorCode::NotFound, detail))
    }
}

impl FromRequestParts<App> for Party {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| parts.uri.authority().map(Authority::as_str));
        Ok(Self(match &app.config.public_url {
            Some(url) => of_url(url),
            None => host.and_then(|host| of_localhost(host, app.config.secure_cookies)),
        }))
    }
}

/// By the address that people are told.
fn of_url(url: &str) -> Option<RelyingParty> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    let host = host_of(authority)?;
    // Browsers have passkeys for nothing else.
    let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
    if !is_secure && host != LOCALHOST {
        return None;
    }
    Some(party(host, is_secure, authority.port_u16()))
}

/// By the address that a page was served from, where that is this machine's own name.
fn of_localhost(authority: &str, is_secure: bool) -> Option<RelyingParty> {
    let authority: Authority = authority.parse().ok()?;
    let host = host_of(&authority).filter(|host| host == LOCALHOST)?;
    Some(party(host, is_secure, authority.port_u16()))
}

fn host_of(authority: &Authority) -> Option<String> {
    let host = authority.host().to_ascii_lowercase();
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    (!is_address && !host.is_empty()).then_some(host)
}

fn party(host: String, is_secure: bool, port: Option<u16>) -> RelyingParty {
    let (scheme, usual) = if is_secure { ("https", 443) } else { ("http", 80) };
    let port = port.filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
    RelyingParty { origin: format!("{scheme}://{host}{port}"), id: host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_public_address() {
        let of = |url: &str| of_url(url).map(|party| (party.id, party.origin));
        let named = |id: &str, origin: &str| Some((id.to_owned(), origin.to_owned()));
        assert_eq!(of("https://Talk.example/"), named("talk.example", "https://talk.example"));
        assert_eq!(of("https://talk.example:443"), named("talk.example", "https://talk.example"));
        assert_eq!(of("https://talk.example:8443/x"), named("talk.example", "https://talk.example:8443"));
        assert_eq!(of("http://localhost:8080"), named("localhost", "http://localhost:8080"));
        for nameless in ["https://192.0.2.7", "https://[2001:db8::1]:8443", "http://talk.example", "talk.example", ""] {
            assert_eq!(of(nameless), None, "{nameless}");
        }
    }

    #[test]
    fn without_one_only_this_machine_has_a_name() {
        let origin = |host: &str| of_localhost(host, false).map(|party| party.origin);
        assert_eq!(origin("localhost:8080").as_deref(), Some("http://localhost:8080"));
        assert_eq!(origin("localhost").as_deref(), Some("http://localhost"));
        assert_eq!(of_localhost("localhost:8443", true).unwrap().origin, "https://localhost:8443");
        for nameless in ["127.0.0.1:8080", "[::1]:8080", "evil.example", "localhost.evil.example", "", "a b"] {
            assert_eq!(origin(nameless), None, "{nameless}");
        }
    }
}
