//! What the control plane is told at start.

use std::path::PathBuf;

use boltorezka_proto::admin::AdminSetting;

use crate::auth::OidcConfig;
use crate::chat::{MediaTypes, S3Config};
use crate::limits::Limits;
use crate::mail::SmtpConfig;

/// Everything that [`crate::Control::open`] needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where files of the server live. Created when it is missing.
    pub data_dir: PathBuf,
    /// `sqlite://path`, where a relative path counts from the working directory, or `postgres://user@host/database`.
    pub database_url: String,
    /// Who may register.
    pub registration: Registration,
    /// The only address that the owner link may be redeemed with; any address when absent. Whoever verifies it by a
    /// mailed link, signed in with it, becomes super admin too. It gives nothing on registration.
    pub super_admin_email: Option<String>,
    /// Whether new accounts wait for an admin.
    pub registration_approval: bool,
    /// How people reach the server, without a slash at its end; for links that are sent or handed out.
    pub public_url: Option<String>,
    /// How mails are sent; none are when absent, and admins hand links out.
    pub smtp: Option<SmtpConfig>,
    /// Who signs people in beside passwords. It takes a `public_url`, which the provider sends browsers back to.
    pub oidc: Option<OidcConfig>,
    /// Whom push services turn to when something is wrong with what we send: `mailto:` or `https:`. `public_url` when absent.
    pub push_contact: Option<String>,
    /// Origins of push services that are believed though they are in a private network or speak http.
    pub push_local_services: Vec<String>,
    /// Origins of receivers of webhooks that every workspace may name, though they are in a private network or speak http.
    pub webhooks_local_receivers: Vec<String>,
    /// Days from an account's wish to be gone to its end. Until then its owner takes it back by logging in.
    pub account_deletion_days: u32,
    /// Days that direct messages are kept; 0 is for ever.
    pub direct_retention_days: u32,
    /// What is kept of where a session was begun.
    pub session_details: SessionDetails,
    /// Media types of files that may be uploaded.
    pub attachment_types: MediaTypes,
    /// Where files of messages are kept; in the data directory when absent.
    pub s3: Option<S3Config>,
    /// Whether cookies are sent over TLS only. True when the server is reached over HTTPS.
    pub secure_cookies: bool,
    /// Rates, capacities and intervals.
    pub limits: Limits,
    /// The Unix socket on which the media node listens.
    pub media_socket: PathBuf,
    /// All settings in force, as admins are shown them: none with a secret in it.
    pub settings: Vec<AdminSetting>,
}

impl Config {
    /// The defaults, with everything below `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            database_url: format!("sqlite://{}", data_dir.join("boltorezka.db").display()),
            registration: Registration::Open,
            super_admin_email: None,
            registration_approval: false,
            public_url: None,
            smtp: None,
            oidc: None,
            push_contact: None,
            push_local_services: Vec::new(),
            webhooks_local_receivers: Vec::new(),
            account_deletion_days: 14,
            direct_retention_days: 0,
            session_details: SessionDetails::default(),
            attachment_types: MediaTypes::default(),
            s3: None,
            secure_cookies: false,
            limits: Limits::default(),
            media_socket: data_dir.join("media.sock"),
            settings: Vec::new(),
            data_dir,
        }
    }
}

impl Config {
    /// A page of the web client as a link.
    pub fn page(&self, path: &str) -> String {
        format!("{}/{path}", self.public_url.as_deref().unwrap_or_default().trim_end_matches('/'))
    }
}

/// What is kept of where a session was begun, for its owner to tell sessions apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SessionDetails {
    /// Nothing.
    None,
    /// What the client calls itself.
    #[default]
    UserAgent,
    /// That, and the network address.
    All,
}

/// Who may make an account of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody.
    #[default]
    Open,
    /// Who was invited.
    Invite,
    /// Nobody.
    Closed,
}
