//! The table of all settings. `docs/configuration.md` is generated from it.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::LazyLock;

use boltorezka_control::{Limits, MediaTypes, Registration, SessionDetails};
use boltorezka_proto::rooms::RETENTION_DAYS_MAX;
use tracing_subscriber::EnvFilter;

use super::parse::{choice, from_str, list, number, one, origins};
use super::{Key, LogFormat, OIDC_SCOPES, s3};

/// The limits that the media node keeps.
const NODE_LIMITS: [&str; 1] = ["limits.voices_heard"];

/// Every setting, in the order of the documentation.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let limits = Limits::SETTINGS.iter().map(|&(name, default, meaning)| Key {
        name,
        default: Some(Cow::Owned(default.to_string())),
        otherwise: "",
        values: "a whole number from 1, or off",
        meaning: meaning.trim(),
        many: false,
        node: NODE_LIMITS.contains(&name),
        set: |settings, name, values| {
            let limit = name.strip_prefix("limits.").unwrap_or(name);
            let wrong = |_| "it is neither `off` nor a whole number from 1. Give one of them.".to_owned();
            settings.limits.set(limit, one(values)?).map_err(wrong)
        },
    });
    own().into_iter().chain(s3::keys()).chain(limits).collect()
});

/// The settings that are not limits.
fn own() -> Vec<Key> {
    vec![
        Key {
            name: "data_dir",
            default: Some(Cow::Borrowed("./data")),
            otherwise: "",
            values: "a directory; it is made when it is not there",
            meaning: "Where the database, keys and sockets are kept.",
            many: false,
            node: true,
            set: |settings, _, values| one(values).map(|path| settings.data_dir = PathBuf::from(path)),
        },
        Key {
            name: "http",
            default: Some(Cow::Borrowed("127.0.0.1:8080")),
            otherwise: "",
            values: "address and port; port 0 takes a free one",
            meaning: "Where the web client and the API are served.",
            many: false,
            node: false,
            set: |settings, _, values| {
                let wanted = "an IP address and a port, such as 127.0.0.1:8080 or [::]:443";
                from_str(values, wanted).map(|address| settings.http = address)
            },
        },
        Key {
            name: "public_url",
            default: None,
            otherwise: "`http`",
            values: "an address such as https://meet.example.org",
            meaning: "How people reach the server when a proxy stands in front of it: printed links begin with it, with https cookies are for HTTPS alone, and passkeys are made for its host and of no use under another.",
            many: false,
            node: false,
            set: |settings, _, values| {
                let url = one(values)?.trim_end_matches('/');
                let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
                if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
                    return Err(
                        "it is not an origin. Give scheme and host, such as https://meet.example.org.".to_owned()
                    );
                }
                settings.public_url = Some(url.to_owned());
                Ok(())
            },
        },
        Key {
            name: "tls_cert",
            default: None,
            otherwise: "none",
            values: "a PEM file",
            meaning: "Certificate chain; with `tls_key` the server speaks HTTPS.",
            many: false,
            node: false,
            set: |settings, _, values| file(values).map(|path| settings.tls_cert = Some(path)),
        },
        Key {
            name: "tls_key",
            default: None,
            otherwise: "none",
            values: "a PEM file",
            meaning: "Private key of `tls_cert`.",
            many: false,
            node: false,
            set: |settings, _, values| file(values).map(|path| settings.tls_key = Some(path)),
        },
        Key {
            name: "database_url",
            default: None,
            otherwise: "`sqlite://{data_dir}/boltorezka.db`",
            values: "sqlite://PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE with sslmode, sslrootcert, sslcert or sslkey behind a ?",
            meaning: "The database: a file, or one of PostgreSQL 13 or later that no other server uses. A password can also come in PGPASSWORD or a pgpass file; over a network, give sslmode=verify-full.",
            many: false,
            node: false,
            set: |settings, _, values| match one(values)? {
                url if url.strip_prefix("sqlite://").is_some_and(|path| !path.is_empty()) => {
                    settings.database_url = Some(url.to_owned());
                    Ok(())
                }
                url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                    settings.database_url = Some(url.to_owned());
                    Ok(())
                }
                _ => Err("it is the address of neither SQLite nor PostgreSQL. Give sqlite://PATH or \
                          postgres://USER:PASSWORD@HOST/DATABASE, or leave the key out."
                    .to_owned()),
            },
        },
        Key {
            name: "media_socket",
            default: None,
            otherwise: "`{data_dir}/media.sock`",
            values: "a path of at most 100 bytes",
            meaning: "Unix socket between the control plane and the media node; only its owner may use it.",
            many: false,
            node: true,
            set: |settings, _, values| match one(values)? {
                // The kernel takes 107 bytes; some are needed for the name under which the socket is made.
                path if path.len() > 100 => Err("the kernel takes no longer path. Give a shorter one.".to_owned()),
                path => {
                    settings.media_socket = Some(PathBuf::from(path));
                    Ok(())
                }
            },
        },
        Key {
            name: "udp_port",
            default: Some(Cow::Borrowed("7000")),
            otherwise: "",
            values: "1 to 65535",
            meaning: "First port for media: shard i listens on `udp_port` + i, for UDP and, where networks block that, for \
                      TCP. Open both in the firewall.",
            many: false,
            node: true,
            set: |settings, _, values| {
                let port = number(values, 1, u64::from(u16::MAX))?;
                settings.udp_port = u16::try_from(port).map_err(|error| error.to_string())?;
                Ok(())
            },
        },
        Key {
            name: "shards",
            default: None,
            otherwise: "cores − 1, at least 1",
            values: "1 to 64",
            meaning: "Threads that move media, each with a port of its own.",
            many: false,
            node: true,
            set: |settings, _, values| {
                settings.shards = usize::try_from(number(values, 1, SHARDS_MAX)?).map_err(|error| error.to_string())?;
                Ok(())
            },
        },
        Key {
            name: "public_ip",
            default: None,
            otherwise: "the host's addresses",
            values: "an IP address; may repeat",
            meaning: "Addresses under which clients reach the ports for media. Set it behind NAT.",
            many: true,
            node: true,
            set: |settings, _, values| {
                settings.public_ips = list(values, "an IP address, such as 203.0.113.7")?;
                match settings.public_ips.iter().find(|ip| ip.is_unspecified() || ip.is_multicast()) {
                    Some(ip) => {
                        Err(format!("nobody can reach {ip}. Give the address that clients see, or leave it out."))
                    }
                    None => Ok(()),
                }
            },
        },
        Key {
            name: "bind_ip",
            default: None,
            otherwise: "all",
            values: "an IP address of this host",
            meaning: "The only address that the ports for media are bound to.",
            many: false,
            node: true,
            set: |settings, _, values| {
                from_str(values, "an IP address of this host").map(|ip| settings.bind_ip = Some(ip))
            },
        },
        Key {
            name: "super_admin_email",
            default: None,
            otherwise: "none",
            values: "an e-mail address",
            meaning: "The only address that the owner link can be used with; any when absent. Who verifies it by a mailed link becomes super admin too.",
            many: false,
            node: false,
            set: |settings, _, values| match one(values)? {
                email if email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) => {
                    settings.super_admin_email = Some(email.to_lowercase());
                    Ok(())
                }
                _ => Err("it is not an e-mail address. Give one, such as ann@example.org.".to_owned()),
            },
        },
        Key {
            name: "registration",
            default: Some(Cow::Borrowed("open")),
            otherwise: "",
            values: "open, invite, closed",
            meaning: "Who may make an account.",
            many: false,
            node: false,
            set: |settings, _, values| {
                let choices =
                    [("open", Registration::Open), ("invite", Registration::Invite), ("closed", Registration::Closed)];
                choice(values, &choices).map(|registration| settings.registration = registration)
            },
        },
        Key {
            name: "smtp_url",
            default: None,
            otherwise: "none",
            values: "smtps://USER:PASSWORD@HOST, smtp://USER:PASSWORD@HOST:PORT?tls=required, or smtp://HOST:PORT without TLS",
            meaning: "The server that takes mails; with `smtp_from` and `public_url` addresses are verified and passwords reset by mail. Without it admins hand links out.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|url| settings.smtp_url = Some(url.to_owned())),
        },
        Key {
            name: "smtp_from",
            default: None,
            otherwise: "none",
            values: "an address, such as Talk <talk@example.org>",
            meaning: "Who mails are from.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|from| settings.smtp_from = Some(from.to_owned())),
        },
        Key {
            name: "oidc_issuer",
            default: None,
            otherwise: "none",
            values: "an address such as https://id.example.org, as the provider writes it itself",
            meaning: "The provider that signs people in beside passwords (OpenID Connect); with `oidc_client_id` and `public_url`. There it is given the address `{public_url}/v1/auth/oidc/callback`.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|issuer| settings.oidc_issuer = Some(issuer.to_owned())),
        },
        Key {
            name: "oidc_client_id",
            default: None,
            otherwise: "none",
            values: "a text that the provider has given",
            meaning: "What the provider knows this server by.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|id| settings.oidc_client_id = Some(id.to_owned())),
        },
        Key {
            name: "oidc_client_secret",
            default: None,
            otherwise: "none: a public client",
            values: "a text that the provider has given",
            meaning: "What this server proves to the provider who it is with.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|secret| settings.oidc_client_secret = Some(secret.to_owned())),
        },
        Key {
            name: "oidc_name",
            default: None,
            otherwise: "the host of `oidc_issuer`",
            values: "1 to 40 characters",
            meaning: "What people call the provider: the button to sign in says `Sign in with` it.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|name| settings.oidc_name = Some(name.to_owned())),
        },
        Key {
            name: "oidc_scopes",
            default: Some(Cow::Borrowed(OIDC_SCOPES)),
            otherwise: "",
            values: "scopes with spaces between, `openid` among them",
            meaning: "What the provider is asked for. An account needs an address, which providers give for `email`.",
            many: false,
            node: false,
            set: |settings, _, values| one(values).map(|scopes| settings.oidc_scopes = scopes.to_owned()),
        },
        Key {
            name: "push_contact",
            default: None,
            otherwise: "`public_url`, where that is https",
            values: "mailto:ADDRESS or https://ADDRESS",
            meaning: "Whom push services turn to when something is wrong with what this server has browsers pushed. They are told with each push.",
            many: false,
            node: false,
            set: |settings, _, values| match one(values)? {
                contact if is_contact(contact) => {
                    settings.push_contact = Some(contact.to_owned());
                    Ok(())
                }
                _ => Err("it is no contact. Give mailto:push@example.org, or https://example.org/contact.".to_owned()),
            },
        },
        Key {
            name: "push_local_services",
            default: None,
            otherwise: "none",
            values: "origins such as https://push.intern.example or http://10.0.0.5:8000; may repeat",
            meaning: "Push services that are taken though they are in a private network or speak http. Others must be in the internet, over https: each account names the one that its browser uses.",
            many: true,
            node: false,
            set: |settings, _, values| {
                settings.push_local_services = origins(values)?;
                Ok(())
            },
        },
        Key {
            name: "webhooks_local_receivers",
            default: None,
            otherwise: "none",
            values: "origins such as https://bot.intern.example or http://10.0.0.5:8000; may repeat",
            meaning: "Receivers of webhooks that every workspace may name, though they are in a private network or speak http. Webhooks of the default workspace, which is the operator's, lead anywhere over https, and to this machine over http; those of others into the internet, over https.",
            many: true,
            node: false,
            set: |settings, _, values| {
                settings.webhooks_local_receivers = origins(values)?;
                Ok(())
            },
        },
        Key {
            name: "account_deletion_days",
            default: Some(Cow::Borrowed("14")),
            otherwise: "",
            values: "0 to 365",
            meaning: "Days from an account's wish to be deleted to its end. Until then its owner takes it back by logging in.",
            many: false,
            node: false,
            set: |settings, _, values| {
                let days = number(values, 0, 365)?;
                settings.account_deletion_days = u32::try_from(days).map_err(|error| error.to_string())?;
                Ok(())
            },
        },
        Key {
            name: "direct_retention_days",
            default: Some(Cow::Borrowed("0")),
            otherwise: "",
            values: "0 to 3650",
            meaning: "Days that direct messages are kept, in every workspace. 0: for ever. It counts for those that were sent before, within a minute of the start.",
            many: false,
            node: false,
            set: |settings, _, values| {
                let days = number(values, 0, u64::from(RETENTION_DAYS_MAX))?;
                settings.direct_retention_days = u32::try_from(days).map_err(|error| error.to_string())?;
                Ok(())
            },
        },
        Key {
            name: "registration_approval",
            default: Some(Cow::Borrowed("off")),
            otherwise: "",
            values: "on, off",
            meaning: "Whether a new account waits until an admin approves it. Until then it sees nothing but itself.",
            many: false,
            node: false,
            set: |settings, _, values| {
                choice(values, &[("on", true), ("off", false)]).map(|on| settings.registration_approval = on)
            },
        },
        Key {
            name: "session_details",
            default: Some(Cow::Borrowed("user_agent")),
            otherwise: "",
            values: "none, user_agent, all",
            meaning: "What is kept of where a session was begun, so that its owner tells sessions apart: nothing, what the \
                      client calls itself, or that and the network address.",
            many: false,
            node: false,
            set: |settings, _, values| {
                let choices = [
                    ("none", SessionDetails::None),
                    ("user_agent", SessionDetails::UserAgent),
                    ("all", SessionDetails::All),
                ];
                choice(values, &choices).map(|details| settings.session_details = details)
            },
        },
        Key {
            name: "attachment_types",
            default: Some(Cow::Borrowed(MediaTypes::DEFAULT)),
            otherwise: "",
            values: "media types such as image/png, beginnings of them with a * behind, or * for all; may repeat",
            meaning: "Files that may be uploaded, by what their content shows. None is ever run or shown as a page.",
            many: true,
            node: false,
            set: |settings, _, values| {
                let types = list(values, "a media type such as image/png, or image/*")?;
                settings.attachment_types = MediaTypes(types);
                Ok(())
            },
        },
        Key {
            name: "log",
            default: Some(Cow::Borrowed("info")),
            otherwise: "",
            values: "error, warn, info, debug, trace, or directives such as info,boltorezka_media=debug",
            meaning: "Which log lines are written to standard error.",
            many: false,
            node: true,
            set: |settings, _, values| {
                let filter = one(values)?;
                EnvFilter::builder().parse(filter).map_err(|error| {
                    format!(
                        "{error}. Give error, warn, info, debug or trace, or directives such as info,boltorezka=debug."
                    )
                })?;
                settings.log = filter.to_owned();
                Ok(())
            },
        },
        Key {
            name: "log_format",
            default: Some(Cow::Borrowed("text")),
            otherwise: "",
            values: "text, json",
            meaning: "How log lines look: for people, or one JSON object a line.",
            many: false,
            node: true,
            set: |settings, _, values| {
                let choices = [("text", LogFormat::Text), ("json", LogFormat::Json)];
                choice(values, &choices).map(|format| settings.log_format = format)
            },
        },
    ]
}

fn is_contact(contact: &str) -> bool {
    let mail = contact.strip_prefix("mailto:").and_then(|address| address.split_once('@'));
    let is_whole = |(name, host): (&str, &str)| !name.is_empty() && !host.is_empty();
    let is_page = contact.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
    !contact.contains([' ', '"']) && (is_page || mail.is_some_and(is_whole))
}

/// As many as a track's number and a room's mask have place for.
const SHARDS_MAX: u64 = boltorezka_media::node::SHARDS_MAX as u64;

/// A file that can be read now.
fn file(values: &[String]) -> Result<PathBuf, String> {
    let path = PathBuf::from(one(values)?);
    match std::fs::File::open(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(format!("{error}. Give a file that the server may read.")),
    }
}
