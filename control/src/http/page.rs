//! `?limit=&cursor=` of lists.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use boltorezka_proto::ErrorCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::Query;
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
        let Query(raw) = Query::<Raw>::from_request_parts(parts, state).await?;
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

impl IntoParams for PageQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = ObjectBuilder::new().schema_type(Type::Integer).default(Some(LIMIT_DEFAULT.into()));
        let limit = limit.minimum(Some(1)).maximum(Some(LIMIT_MAX));
        let cursor = ObjectBuilder::new().schema_type(Type::String);
        [("limit", limit, "Items, at most."), ("cursor", cursor, "`nextCursor` of the page before.")]
            .into_iter()
            .map(|(name, schema, about)| {
                let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
                parameter.description(Some(about)).schema(Some(schema)).build()
            })
            .collect()
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
