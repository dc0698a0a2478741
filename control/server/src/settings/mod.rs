//! The settings of every command: one table says their names, defaults and meanings, and how a text becomes a value.
//!
//! Flags, environment, TOML file, `--help`, the messages about wrong values and `docs/configuration.md` all come from
//! [`KEYS`].

#[cfg(test)]
mod document;
mod in_force;
mod load;
mod parse;
mod s3;
mod table;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use boltorezka_control::{
    Limits, MediaTypes, OidcConfig, Registration, S3Addressing, S3Config, SessionDetails, SmtpConfig,
};

use load::Source;
pub use load::{arguments, load};
pub use table::KEYS;

/// One setting.
pub struct Key {
    /// As in the TOML file; a dot stands for a table. Flag and environment variable follow from it.
    pub name: &'static str,
    /// The text that stands when nothing is given; `None` when there is no fixed default.
    pub default: Option<Cow<'static, str>>,
    /// What holds when nothing is given and there is no fixed default.
    pub otherwise: &'static str,
    /// Which values there are.
    pub values: &'static str,
    /// What it does, in one sentence or two.
    pub meaning: &'static str,
    /// Whether it may be given several times.
    pub many: bool,
    /// Whether a media node needs it too, so that `serve` hands it to its child.
    pub node: bool,
    /// Takes the key's name and texts, or says what is wrong and what would be right.
    pub set: fn(&mut Settings, &str, &[String]) -> Result<(), String>,
}

impl Key {
    /// `udp_port` → `udp-port`.
    pub fn flag(&self) -> String {
        self.name.replace(['_', '.'], "-")
    }

    /// `udp_port` → `BOLTOREZKA_UDP_PORT`.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Whether a value may hold a password: then it is never repeated.
    pub fn is_secret(&self) -> bool {
        SECRETS.contains(&self.name)
    }
}

/// Every environment variable that begins like this is a setting.
pub const VARIABLE_PREFIX: &str = "BOLTOREZKA_";

/// Settings whose values may hold a password.
const SECRETS: [&str; 4] = ["database_url", "smtp_url", "oidc_client_secret", "s3_secret_access_key"];

/// What a provider is asked for: who somebody is, with address and name.
const OIDC_SCOPES: &str = "openid email profile";

/// The region of stores that have none, as most of them call it.
const S3_REGION: &str = "us-east-1";
/// What keys begin with.
const S3_PREFIX: &str = "attachments/";

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where HTTP listens.
    pub http: SocketAddr,
    /// How people reach the server, when not at `http`.
    pub public_url: Option<String>,
    /// PEM file of the certificate chain.
    pub tls_cert: Option<PathBuf>,
    /// PEM file of its key.
    pub tls_key: Option<PathBuf>,
    database_url: Option<String>,
    media_socket: Option<PathBuf>,
    /// First UDP port; shard i listens on this plus i.
    pub udp_port: u16,
    /// Number of shards.
    pub shards: usize,
    /// Addresses that clients are told; empty: the host's own.
    pub public_ips: Vec<IpAddr>,
    /// Address that the UDP sockets are bound to; absent: all.
    pub bind_ip: Option<IpAddr>,
    /// Who becomes super admin when registering with this address.
    pub super_admin_email: Option<String>,
    /// Who may register.
    pub registration: Registration,
    /// How mails are sent.
    pub smtp_url: Option<String>,
    /// Who sends them.
    pub smtp_from: Option<String>,
    /// Who signs people in beside passwords.
    pub oidc_issuer: Option<String>,
    /// What it knows this server by.
    pub oidc_client_id: Option<String>,
    /// What this server proves that with.
    pub oidc_client_secret: Option<String>,
    /// What people call it.
    pub oidc_name: Option<String>,
    /// What it is asked for.
    pub oidc_scopes: String,
    /// Whom push services turn to.
    pub push_contact: Option<String>,
    /// Origins of push services that may be in a private network.
    pub push_local_services: Vec<String>,
    /// Origins of receivers of webhooks in private networks that every workspace may name.
    pub webhooks_local_receivers: Vec<String>,
    /// Days from an account's wish to be gone to its end.
    pub account_deletion_days: u32,
    /// Days that direct messages are kept; 0 is for ever.
    pub direct_retention_days: u32,
    /// Whether new accounts wait for an admin.
    pub registration_approval: bool,
    /// What is kept of where a session was begun.
    pub session_details: SessionDetails,
    /// Media types of files that may be uploaded.
    pub attachment_types: MediaTypes,
    /// The S3 store that keeps files of messages.
    pub s3_endpoint: Option<String>,
    /// What it calls its region.
    pub s3_region: String,
    /// The bucket.
    pub s3_bucket: Option<String>,
    /// What the keys of all objects begin with.
    pub s3_prefix: String,
    /// Who asks it.
    pub s3_access_key_id: Option<String>,
    /// What proves that.
    pub s3_secret_access_key: Option<String>,
    /// Where the bucket's name stands in an address.
    pub s3_addressing: S3Addressing,
    /// Filter of log lines, as `tracing_subscriber::EnvFilter` takes it.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Limits of the control plane.
    pub limits: Limits,
    /// What was given, by key, and not left to the default, and by what.
    given: BTreeMap<&'static str, (Vec<String>, Source)>,
}

impl Settings {
    /// The database: SQLite in the data directory unless set.
    pub fn database_url(&self) -> String {
        match &self.database_url {
            Some(url) => url.clone(),
            None => format!("sqlite://{}", self.data_dir.join("boltorezka.db").display()),
        }
    }

    /// The socket between control and media: in the data directory unless set.
    pub fn media_socket(&self) -> PathBuf {
        self.media_socket.clone().unwrap_or_else(|| self.data_dir.join("media.sock"))
    }

    /// How mails are sent. Loading has checked that both or none are set.
    pub fn smtp(&self) -> Option<SmtpConfig> {
        let (url, from) = self.smtp_url.clone().zip(self.smtp_from.clone())?;
        Some(SmtpConfig { url, from })
    }

    /// Who signs people in beside passwords. Loading has checked that what it takes is set.
    pub fn oidc(&self) -> Option<OidcConfig> {
        let (issuer, client_id) = self.oidc_issuer.clone().zip(self.oidc_client_id.clone())?;
        let name = self.oidc_name.clone().unwrap_or_else(|| host_of(&issuer).to_owned());
        let (client_secret, scopes) = (self.oidc_client_secret.clone(), self.oidc_scopes.clone());
        Some(OidcConfig { issuer, client_id, client_secret, name, scopes })
    }

    /// Where files of messages are kept, when not in the data directory. Loading has checked that what it takes is set.
    pub fn s3(&self) -> Option<S3Config> {
        let (endpoint, bucket) = self.s3_endpoint.clone().zip(self.s3_bucket.clone())?;
        let (access_key_id, secret_access_key) =
            self.s3_access_key_id.clone().zip(self.s3_secret_access_key.clone())?;
        let (region, prefix, addressing) = (self.s3_region.clone(), self.s3_prefix.clone(), self.s3_addressing);
        Some(S3Config { endpoint, region, bucket, prefix, access_key_id, secret_access_key, addressing })
    }

    /// Certificate and key, when HTTPS is wanted. Loading has checked that both or none are set.
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        self.tls_cert.as_deref().zip(self.tls_key.as_deref())
    }

    /// Flags with which a child process runs a media node with these settings.
    pub fn node_flags(&self) -> Vec<String> {
        let mut flags = vec![format!("--media-socket={}", self.media_socket().display())];
        for key in KEYS.iter().filter(|key| key.node && key.name != "media_socket") {
            let values = self.given.get(key.name).map(|(values, _)| values.as_slice()).unwrap_or_default();
            flags.extend(values.iter().map(|value| format!("--{}={value}", key.flag())));
        }
        flags
    }

    /// What a node must agree in for `serve` to keep it: everything that decides how clients reach it, and its limits.
    pub fn node_identity(&self) -> Vec<String> {
        let mut identity = vec![format!("udp_port={}", self.udp_port), format!("shards={}", self.shards)];
        identity.extend(self.public_ips.iter().map(|ip| format!("public_ip={ip}")));
        identity.extend(self.bind_ip.iter().map(|ip| format!("bind_ip={ip}")));
        identity.push(format!("limits.voices_heard={:?}", self.limits.voices_heard));
        identity
    }
}

/// `https://id.example.org/x` → `id.example.org`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            data_dir: PathBuf::from("./data"),
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            tls_cert: None,
            tls_key: None,
            database_url: None,
            media_socket: None,
            udp_port: 7000,
            // One core is left to control, to the kernel and to whatever else runs.
            shards: cores.saturating_sub(1).max(1),
            public_ips: Vec::new(),
            bind_ip: None,
            super_admin_email: None,
            registration: Registration::Open,
            smtp_url: None,
            smtp_from: None,
            oidc_issuer: None,
            oidc_client_id: None,
            oidc_client_secret: None,
            oidc_name: None,
            oidc_scopes: OIDC_SCOPES.to_owned(),
            push_contact: None,
            push_local_services: Vec::new(),
            webhooks_local_receivers: Vec::new(),
            account_deletion_days: 14,
            direct_retention_days: 0,
            registration_approval: false,
            session_details: SessionDetails::default(),
            attachment_types: MediaTypes::default(),
            s3_endpoint: None,
            s3_region: S3_REGION.to_owned(),
            s3_bucket: None,
            s3_prefix: S3_PREFIX.to_owned(),
            s3_access_key_id: None,
            s3_secret_access_key: None,
            s3_addressing: S3Addressing::default(),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            limits: Limits::default(),
            given: BTreeMap::new(),
        }
    }
}

/// A setting that cannot be used. The message names the key, where it came from, what is wrong and the cure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(String);

impl SettingError {
    /// A message that the caller has composed.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
