//! The address of a database.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::OpenError;

/// The setting `database_url`, by its scheme.
#[derive(Clone, Copy)]
pub enum Address<'a> {
    /// The path of a file.
    Sqlite(&'a str),
    /// The whole address.
    Postgres(&'a str),
}

/// A kind of database, by its name in backups.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One file.
    Sqlite,
    /// A server.
    Postgres,
}

impl<'a> Address<'a> {
    /// By its scheme.
    ///
    /// # Errors
    /// When it is of no known kind.
    pub fn read(url: &'a str) -> Result<Self, OpenError> {
        match url.split_once("://") {
            Some(("sqlite", path)) => Ok(Self::Sqlite(path)),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(url)),
            // What follows the scheme may hold a password.
            Some((scheme, _)) => Err(OpenError::UnknownScheme(scheme.to_owned())),
            None => Err(OpenError::UnknownScheme("an address without ://".to_owned())),
        }
    }

    /// What it is of.
    pub fn kind(self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}
