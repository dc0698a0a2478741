//! Extractors whose refusals are problem documents.

use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use boltorezka_proto::ErrorCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::timeout;

use crate::error::ApiError;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A JSON body. Whatever is wrong with it is `malformed` (400).
pub struct Json<T>(pub T);

/// A JSON body of a form that people fill in: a value that is not acceptable is `invalid` (422).
pub struct Fields<T>(pub T);

/// A JSON body that may be left out.
pub struct OptionalJson<T>(pub T);

/// Parameters of the path. One that cannot be read names nothing: `not_found`.
pub struct Path<T>(pub T);

/// Parameters of the query. What cannot be read is `malformed`.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = read_body(request, state).await?;
        parse(&body, ErrorCode::Malformed).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Fields<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = read_body(request, state).await?;
        parse(&body, ErrorCode::Invalid).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = is_json(&request);
        let body = read_bytes(request, state).await?;
        if body.is_empty() {
            return parse(b"{}", ErrorCode::Malformed).map(Self);
        }
        require_json(is_json)?;
        parse(&body, ErrorCode::Malformed).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(ErrorCode::NotFound.into()),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(ApiError::because(ErrorCode::Malformed, error.body_text())),
        }
    }
}

/// An id of the path. One that is no UUID names nothing.
///
/// # Errors
/// `not_found`.
pub fn id_in_path<T: FromStr>(text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::because(ErrorCode::NotFound, "ids are UUIDs, and this is none"))
}

/// A body of one type of text; `None` when there is none.
///
/// # Errors
/// `unsupported_media_type`, `malformed`, `too_large`.
pub async fn read_text<S: Send + Sync>(
    request: Request,
    state: &S,
    content_type: &str,
) -> Result<Option<String>, ApiError> {
    let fits = has_type(&request, content_type);
    let body = read_bytes(request, state).await?;
    if body.is_empty() {
        return Ok(None);
    }
    if !fits {
        let detail = format!("send the body with Content-Type: {content_type}");
        return Err(ApiError::because(ErrorCode::UnsupportedMediaType, detail));
    }
    let text = String::from_utf8(body.into());
    text.map(Some).map_err(|_| ApiError::because(ErrorCode::Malformed, "the body is not UTF-8"))
}

async fn read_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    require_json(is_json(&request))?;
    read_bytes(request, state).await
}

/// Only this content type: a form of a foreign page cannot send it without asking first.
fn is_json(request: &Request) -> bool {
    has_type(request, "application/json")
}

fn has_type(request: &Request, wanted: &str) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(wanted))
}

fn require_json(is_json: bool) -> Result<(), ApiError> {
    if is_json {
        Ok(())
    } else {
        Err(ApiError::because(ErrorCode::Malformed, "send JSON with Content-Type: application/json"))
    }
}

async fn read_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    match timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) => Err(body_error(rejection)),
        Err(_) => Err(ApiError::because(ErrorCode::Malformed, "the body did not arrive in time")),
    }
}

fn body_error(rejection: BytesRejection) -> ApiError {
    let text = rejection.body_text();
    if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
        ErrorCode::TooLarge.into()
    } else {
        ApiError::because(ErrorCode::Malformed, text)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8], bad_value: ErrorCode) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let code = if error.classify() == Category::Data { bad_value } else { ErrorCode::Malformed };
        ApiError::because(code, error.to_string())
    })
}
