//! `?limit=&cursor=` of lists.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use boltorezka_proto::ErrorCode;
use serde::Deserialize;

use crate::error::ApiError;

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 100;

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// Items, at most.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

#[derive(Deserialize)]
struct Raw {
    limit: Option<String>,
    cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(raw) = Query::<Raw>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::because(ErrorCode::Malformed, error.body_text()))?;
        let limit = match raw.limit.as_deref().map(str::parse) {
            None => LIMIT_DEFAULT,
            Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Some(_) => {
                return Err(ApiError::because(ErrorCode::Malformed, format!("limit must be 1 to {LIMIT_MAX}")));
            }
        };
        Ok(Self { limit, cursor: raw.cursor.filter(|cursor| !cursor.is_empty()) })
    }
}

impl PageQuery {
    /// The cursor as what this list makes of it.
    ///
    /// # Errors
    /// `malformed`.
    pub fn cursor_as<T: FromStr>(&self) -> Result<Option<T>, ApiError> {
        let parsed = self.cursor.as_deref().map(str::parse).transpose();
        parsed.map_err(|_| ApiError::because(ErrorCode::Malformed, "cursor must be a nextCursor of this list"))
    }

    /// Cuts off the one item that was read beyond the limit. Returns the page's last item when another page follows.
    pub fn cut<'a, T>(&self, items: &'a mut Vec<T>) -> Option<&'a T> {
        if items.len() <= self.limit as usize {
            return None;
        }
        items.truncate(self.limit as usize);
        items.last()
    }
}
