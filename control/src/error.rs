//! What a request can end with, on HTTP as a problem document and on the socket as a `nack`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use boltorezka_proto::{ErrorCode, Problem};

use crate::store::StoreError;

/// A request that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {}", detail.as_deref().unwrap_or_else(|| code.title()))]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what is wrong in this case, and the cure.
    pub detail: Option<String>,
    /// Earliest time of another try.
    pub retry_after_ms: Option<u64>,
}

impl ApiError {
    /// An error that needs no words of its own.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, detail: None, retry_after_ms: None }
    }

    /// An error that says what is special about this case.
    pub fn because(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()), retry_after_ms: None }
    }

    /// Too many requests.
    pub fn rate_limited(retry_after_ms: u64) -> Self {
        Self { code: ErrorCode::RateLimited, detail: None, retry_after_ms: Some(retry_after_ms) }
    }

    /// The words for people.
    pub fn message(&self) -> String {
        self.detail.clone().unwrap_or_else(|| self.code.title().to_owned())
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_untakable_text() {
            return Self::because(ErrorCode::Malformed, "a text holds U+0000; leave it out");
        }
        // What failed is for the operator, not for the caller.
        tracing::error!(%error, "store failed");
        Self::new(ErrorCode::Internal)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&Problem::new(self.code, self.detail)).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(retry_after_ms) = self.retry_after_ms {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1000).max(1)));
        }
        response
    }
}
