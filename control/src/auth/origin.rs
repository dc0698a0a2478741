//! Protection against requests that a foreign site makes a browser send along with our cookie.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use boltorezka_proto::ErrorCode;

use crate::error::ApiError;

/// Middleware: refuses requests that change something, carry no `Authorization`, and come from a foreign site.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`. What says neither is no
/// browser, and sends no cookie that somebody else could abuse.
///
/// # Errors
/// `foreign_origin`.
pub async fn check_origin(request: Request, next: Next) -> Result<Response, ApiError> {
    if request.method().is_safe() || request.headers().contains_key(header::AUTHORIZATION) {
        return Ok(next.run(request).await);
    }
    if is_foreign(request.headers()) {
        let detail = "open the page on this server's own address and try again";
        return Err(ApiError::because(ErrorCode::ForeignOrigin, detail));
    }
    Ok(next.run(request).await)
}

fn is_foreign(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
        Some(b"same-origin" | b"none") => false,
        Some(_) => true,
        None => is_foreign_upgrade(headers),
    }
}

/// Whether there is an `Origin`, and it is not this host. WebSocket upgrades are checked by this alone.
pub fn is_foreign_upgrade(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (authority, host) {
        (Some(authority), Some(host)) => !authority.eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_foreign_site_is_told_from_the_own_one() {
        let host = ("host", "talk.example:8443");
        assert!(!is_foreign(&headers(&[host])));
        assert!(!is_foreign(&headers(&[host, ("origin", "https://talk.example:8443")])));
        assert!(is_foreign(&headers(&[host, ("origin", "https://talk.example")])));
        assert!(is_foreign(&headers(&[host, ("origin", "null")])));
        assert!(is_foreign(&headers(&[("origin", "https://talk.example:8443")])));
        assert!(is_foreign(&headers(&[host, ("sec-fetch-site", "cross-site")])));
        assert!(is_foreign(&headers(&[host, ("sec-fetch-site", "same-site")])));
        assert!(!is_foreign(&headers(&[host, ("sec-fetch-site", "none")])));
        let own_by_fetch_site = [host, ("sec-fetch-site", "same-origin"), ("origin", "https://other.example")];
        assert!(!is_foreign(&headers(&own_by_fetch_site)));
    }
}
