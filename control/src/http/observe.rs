//! Request ids, the access log and the duration of each request.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use crate::app::App;
use crate::whip::SESSION_PARAMETER;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Middleware. The log has the path without its query, where tickets travel, and without the secret that ends it.
pub async fn observe(app: App, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = Uuid::now_v7().to_string();
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path = logged_path(request.uri().path(), route.as_deref()).to_owned();
    let span = tracing::info_span!("request", request_id, method, path);
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    let status = response.status();
    let route = route.as_deref().unwrap_or("unmatched");
    span.in_scope(|| tracing::info!(status = status.as_u16(), elapsed_ms = elapsed.as_millis() as u64, "answered"));
    let class = format!("{}xx", status.as_u16() / 100);
    app.metrics.http_duration.with_label_values(&[route, method, &class]).observe(elapsed.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn logged_path<'a>(path: &'a str, route: Option<&str>) -> &'a str {
    let ends_with_secret = route.is_some_and(|route| route.ends_with(SESSION_PARAMETER));
    path.rsplit_once('/').filter(|_| ends_with_secret).map_or(path, |(before, _)| before)
}

/// Methods are chosen by strangers, labels must not be.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_session_is_not_logged() {
        assert_eq!(logged_path("/v1/whip/talk/abc", Some("/v1/whip/{room}/{session}")), "/v1/whip/talk");
        assert_eq!(logged_path("/v1/whip/talk", Some("/v1/whip/{room}")), "/v1/whip/talk");
        assert_eq!(logged_path("/v1/whip/talk/abc/x", None), "/v1/whip/talk/abc/x");
    }
}
