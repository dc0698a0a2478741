//! What the control plane is told at start.

use std::path::PathBuf;

use crate::limits::Limits;

/// Everything that [`crate::Control::open`] needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where files of the server live. Created when it is missing.
    pub data_dir: PathBuf,
    /// `sqlite://path`, where a relative path counts from the working directory, or `postgres://user@host/database`.
    pub database_url: String,
    /// Who may register.
    pub registration: Registration,
    /// The only address that the owner link may be redeemed with; any address when absent.
    ///
    /// It gives nothing on registration: while the server cannot verify that somebody owns an address, only who holds
    /// the owner link becomes super admin.
    pub super_admin_email: Option<String>,
    /// Whether cookies are sent over TLS only. True when the server is reached over HTTPS.
    pub secure_cookies: bool,
    /// Rates, capacities and intervals.
    pub limits: Limits,
    /// The Unix socket on which the media node listens.
    pub media_socket: PathBuf,
}

impl Config {
    /// The defaults, with everything below `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            database_url: format!("sqlite://{}", data_dir.join("boltorezka.db").display()),
            registration: Registration::Open,
            super_admin_email: None,
            secure_cookies: false,
            limits: Limits::default(),
            media_socket: data_dir.join("media.sock"),
            data_dir,
        }
    }
}

/// Who may make an account of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    #[default]
    Open,
    /// Who was invited. There are no invitations yet, so nobody can.
    Invite,
    /// Nobody.
    Closed,
}
