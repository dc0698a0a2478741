//! Gathers the settings: flag over environment over file; whatever is not known is refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches};

use super::parse::is_placeholder;
use super::{KEYS, Key, SettingError, Settings, VARIABLE_PREFIX};

/// Name of the flag and of the variable's end that say where the file is. Not a key of the file itself.
const CONFIG: &str = "config";

/// The flags of every command that takes settings.
pub fn arguments() -> Vec<Arg> {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help(format!("TOML file with settings [environment: {VARIABLE_PREFIX}CONFIG]"));
    let of_keys = KEYS.iter().map(|key| {
        let default = key.default.as_deref().unwrap_or(key.otherwise);
        Arg::new(key.name)
            .long(key.flag())
            .value_name("VALUE")
            .action(ArgAction::Append)
            .allow_hyphen_values(true)
            .help(format!("{} Values: {}. [default: {default}]", key.meaning, key.values))
    });
    std::iter::once(config).chain(of_keys).collect()
}

/// Where a value came from.
#[derive(Clone, PartialEq, Debug)]
pub enum Source {
    /// A flag.
    Flag,
    /// An environment variable.
    Environment,
    /// The TOML file.
    File(PathBuf),
}

impl Source {
    /// As people find the place again.
    pub fn describe(&self, key: &Key) -> String {
        match self {
            Self::Flag => format!("flag --{}", key.flag()),
            Self::Environment => format!("environment variable {}", key.variable()),
            Self::File(path) => format!("file {}", path.display()),
        }
    }
}

/// Texts of a key and their source.
type Given = BTreeMap<&'static str, (Vec<String>, Source)>;

/// Reads flags, the environment and the file, and checks everything.
///
/// # Errors
/// The first thing that is wrong, with its key, its source and the cure.
pub fn load(
    flags: &ArgMatches,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Settings, SettingError> {
    let mut of_environment = Given::new();
    let mut config = None;
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else { continue };
        let value = value.into_string().map_err(|_| SettingError::new(format!("{name} is not UTF-8. Correct it.")))?;
        if name.strip_prefix(VARIABLE_PREFIX).is_some_and(|rest| rest.eq_ignore_ascii_case(CONFIG)) {
            config = Some(PathBuf::from(value));
            continue;
        }
        let key = KEYS.iter().find(|key| key.variable() == name).ok_or_else(|| {
            let known = KEYS.iter().map(Key::variable);
            SettingError::new(format!("environment variable {name} is not a setting. {}", cure(name, known)))
        })?;
        of_environment.insert(key.name, (vec![value], Source::Environment));
    }
    let config = flags.get_one::<PathBuf>(CONFIG).cloned().or(config);

    // Later sources win.
    let mut given = config.map_or_else(|| Ok(Given::new()), |path| of_file(&path))?;
    given.append(&mut of_environment);
    for key in KEYS.iter() {
        if let Some(values) = flags.get_many::<String>(key.name) {
            given.insert(key.name, (values.cloned().collect(), Source::Flag));
        }
    }
    check(given)
}

/// The keys of a TOML file.
fn of_file(path: &Path) -> Result<Given, SettingError> {
    let named = |what: &dyn fmt::Display| SettingError::new(format!("config file {}: {what}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|error| named(&format!("{error}. Correct --config, or make the file readable.")))?;
    let table: toml::Table = text.parse().map_err(|error| named(&format!("not TOML: {error}")))?;

    let mut given = Given::new();
    let mut flat = Vec::new();
    flatten("", &table, &mut flat);
    for (name, value) in flat {
        let key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| {
            named(&format!("unknown key {name:?}. {}", cure(&name, KEYS.iter().map(|key| key.name.to_owned()))))
        })?;
        let texts = match value {
            toml::Value::Array(items) if key.many => items.iter().map(text_of).collect::<Option<Vec<_>>>(),
            other => text_of(other).map(|text| vec![text]),
        };
        let texts = texts.ok_or_else(|| named(&format!("key {name:?}: give {}.", key.values)))?;
        given.insert(key.name, (texts, Source::File(path.to_owned())));
    }
    Ok(given)
}

/// Names of nested tables joined by dots.
fn flatten<'a>(prefix: &str, table: &'a toml::Table, flat: &mut Vec<(String, &'a toml::Value)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&name, inner, flat),
            value => flat.push((name, value)),
        }
    }
}

/// A scalar as text.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// Turns texts into settings.
fn check(given: Given) -> Result<Settings, SettingError> {
    let mut settings = Settings::default();
    for key in KEYS.iter() {
        let Some((values, source)) = given.get(key.name) else { continue };
        let from = source.describe(key);
        if values.iter().any(|value| is_placeholder(value)) {
            let wrong = "holds a placeholder from an example. Put in a value of your own";
            return Err(SettingError::new(format!("setting {} ({from}) {wrong}: {}.", key.name, key.values)));
        }
        // An address may hold a password: it is never repeated.
        let shown = if key.is_secret() { String::new() } else { format!(" = {:?}", values.join(",")) };
        (key.set)(&mut settings, key.name, values)
            .map_err(|wrong| SettingError::new(format!("setting {}{shown} ({from}): {wrong}", key.name)))?;
        settings.given.insert(key.name, (values.clone(), source.clone()));
    }
    check_together(settings)
}

/// What no setting can know alone.
fn check_together(settings: Settings) -> Result<Settings, SettingError> {
    match (&settings.tls_cert, &settings.tls_key) {
        (Some(_), None) => Err(SettingError::new("setting tls_cert is set and tls_key is not. Set both, or none.")),
        (None, Some(_)) => Err(SettingError::new("setting tls_key is set and tls_cert is not. Set both, or none.")),
        _ if usize::from(settings.udp_port) + settings.shards > 1 + usize::from(u16::MAX) => {
            let (port, shards) = (settings.udp_port, settings.shards);
            Err(SettingError::new(format!(
                "settings udp_port = {port} and shards = {shards}: shard i listens on udp_port + i, which goes beyond \
                 65535. Lower one of them."
            )))
        }
        _ => check_s3(check_oidc(check_mail(settings)?)?),
    }
}

fn check_mail(settings: Settings) -> Result<Settings, SettingError> {
    match (&settings.smtp_url, &settings.smtp_from, &settings.public_url) {
        (None, None, _) => Ok(settings),
        (Some(_), Some(_), Some(_)) => match settings.smtp().map_or(Ok(()), |smtp| smtp.check()) {
            Ok(()) => Ok(settings),
            Err(wrong) => Err(SettingError::new(format!("setting {wrong}"))),
        },
        (Some(_), Some(_), None) => Err(SettingError::new(
            "setting smtp_url is set and public_url is not: links in mails begin with it. Set it too.",
        )),
        _ => Err(SettingError::new("settings smtp_url and smtp_from belong together. Set both, or none.")),
    }
}

fn check_oidc(settings: Settings) -> Result<Settings, SettingError> {
    let others = [&settings.oidc_client_id, &settings.oidc_client_secret, &settings.oidc_name];
    match (&settings.oidc_issuer, &settings.oidc_client_id, &settings.public_url) {
        (None, _, _) if others.iter().all(|other| other.is_none()) => Ok(settings),
        (Some(_), Some(_), Some(_)) => match settings.oidc().map_or(Ok(()), |oidc| oidc.check()) {
            Ok(()) => Ok(settings),
            Err(wrong) => Err(SettingError::new(format!("setting {wrong}"))),
        },
        (Some(_), Some(_), None) => Err(SettingError::new(
            "setting oidc_issuer is set and public_url is not: the provider sends browsers back there. Set it too.",
        )),
        _ => Err(SettingError::new("settings oidc_issuer and oidc_client_id belong together. Set both, or none.")),
    }
}

fn check_s3(settings: Settings) -> Result<Settings, SettingError> {
    let needed =
        [&settings.s3_endpoint, &settings.s3_bucket, &settings.s3_access_key_id, &settings.s3_secret_access_key];
    if needed.iter().all(|needed| needed.is_none()) {
        return Ok(settings);
    }
    match settings.s3().map(|s3| s3.check()) {
        Some(Ok(())) => Ok(settings),
        Some(Err(wrong)) => Err(SettingError::new(format!("setting {wrong}"))),
        None => Err(SettingError::new(
            "settings s3_endpoint, s3_bucket, s3_access_key_id and s3_secret_access_key belong together. Set all, or none.",
        )),
    }
}

/// "Did you mean", or where to look.
fn cure(name: &str, known: impl Iterator<Item = String>) -> String {
    let best = known
        .map(|known| (strsim::normalized_damerau_levenshtein(name, &known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        // Less alike than this, and it is no slip of the finger.
        Some((likeness, known)) if likeness > 0.7 => format!("Did you mean {known}? Else remove it."),
        _ => "Remove it; `boltorezka serve --help` lists all settings.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_from(flags: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> Result<Settings, String> {
        let directory = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        if let Some(text) = file {
            let path = directory.path().join("b.toml");
            std::fs::write(&path, text).unwrap();
            flags.push(format!("--config={}", path.display()));
        }
        let command = clap::Command::new("test").no_binary_name(true).args(arguments());
        let matches = command.try_get_matches_from(flags).map_err(|error| error.to_string())?;
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        load(&matches, environment).map_err(|error| error.to_string())
    }

    #[test]
    fn flag_wins_over_environment_over_file() {
        let file = Some("udp_port = 1001\nshards = 2\nlog = 'warn'\n");
        let environment = [("BOLTOREZKA_UDP_PORT", "1002"), ("BOLTOREZKA_SHARDS", "3"), ("HOME", "/x")];
        let settings = load_from(&["--udp-port", "1003"], &environment, file).unwrap();
        assert_eq!((settings.udp_port, settings.shards, settings.log.as_str()), (1003, 3, "warn"));
    }

    #[test]
    fn a_value_that_may_repeat_is_taken_from_every_source() {
        let ips: [std::net::IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let two_flags = load_from(&["--public-ip=192.0.2.1", "--public-ip=2001:db8::1"], &[], None).unwrap();
        let file = load_from(&[], &[], Some("public_ip = ['192.0.2.1', '2001:db8::1']")).unwrap();
        let variable = load_from(&[], &[("BOLTOREZKA_PUBLIC_IP", "192.0.2.1,2001:db8::1")], None).unwrap();
        assert!([two_flags, file, variable].iter().all(|settings| settings.public_ips == ips));
    }

    #[test]
    fn what_is_wrong_names_key_source_and_cure() {
        type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], Option<&'a str>, &'a [&'a str]);
        let cases: [Case; 21] = [
            (&[], &[("BOLTOREZKA_UDP_PROT", "1")], None, &["BOLTOREZKA_UDP_PROT", "Did you mean BOLTOREZKA_UDP_PORT"]),
            (&[], &[], Some("shard = 1"), &["b.toml", "unknown key \"shard\"", "Did you mean shards"]),
            (&[], &[], Some("[limits]\nnonsense = 1"), &["unknown key \"limits.nonsense\"", "--help"]),
            (&["--udp-port", "70000"], &[], None, &["udp_port", "70000", "flag --udp-port", "1 to 65535"]),
            (&[], &[("BOLTOREZKA_REGISTRATION", "maybe")], None, &["BOLTOREZKA_REGISTRATION", "open, invite, closed"]),
            (&[], &[], Some("database_url = 'postgres://app:changeme@db/app'"), &["database_url", "placeholder"]),
            (&["--tls-cert", "/dev/null"], &[], None, &["tls_cert", "tls_key", "Set both"]),
            (&["--udp-port=65535", "--shards=2"], &[], None, &["udp_port", "shards", "65535"]),
            (&["--smtp-url=smtp://127.0.0.1"], &[], None, &["smtp_url", "smtp_from", "Set both"]),
            (&["--smtp-url=smtp://127.0.0.1", "--smtp-from=a@b.example"], &[], None, &["public_url", "Set it"]),
            (&["--oidc-issuer=https://id.example"], &[], None, &["oidc_issuer", "oidc_client_id", "Set both"]),
            (&["--oidc-client-secret=hunter22"], &[], None, &["oidc_issuer", "Set both"]),
            (&["--oidc-issuer=https://id.example", "--oidc-client-id=a"], &[], None, &["public_url", "Set it"]),
            (
                &["--oidc-issuer=http://id.example", "--oidc-client-id=a", "--public-url=https://talk.example"],
                &[],
                None,
                &["oidc_issuer", "https://"],
            ),
            (&["--push-contact=ops"], &[], None, &["push_contact", "mailto:", "https://"]),
            (&["--push-local-services=http://10.0.0.5:8000/"], &[], None, &["push_local_services", "without a slash"]),
            (&["--push-local-services=10.0.0.5"], &[], None, &["push_local_services", "not an origin"]),
            (&["--webhooks-local-receivers=10.0.0.5"], &[], None, &["webhooks_local_receivers", "not an origin"]),
            (
                &["--s3-endpoint=https://s3.example", "--s3-bucket=talk"],
                &[],
                None,
                &["s3_secret_access_key", "Set all"],
            ),
            (
                &["--s3-endpoint=s3.example", "--s3-bucket=talk", "--s3-access-key-id=a"],
                &[("BOLTOREZKA_S3_SECRET_ACCESS_KEY", "hunter22")],
                None,
                &["s3_endpoint", "https://"],
            ),
            (&["--http", "localhost"], &[], None, &["http", "flag --http", "127.0.0.1:8080"]),
        ];
        for (flags, environment, file, parts) in cases {
            let message = load_from(flags, environment, file).unwrap_err();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
            assert!(!message.contains("hunter22"), "{message}");
        }
    }

    #[test]
    fn a_password_is_never_repeated() {
        let message = load_from(&["--database-url=mysql://app:hunter22@db/app"], &[], None).unwrap_err();
        assert!(message.contains("database_url") && !message.contains("hunter22"), "{message}");
    }

    #[test]
    fn a_mail_servers_password_is_never_repeated() {
        let flags = |url| [url, "--smtp-from=a@b.example", "--public-url=https://talk.example"];
        let message = load_from(&flags("--smtp-url=smtp://app:hunter22@mail.example"), &[], None).unwrap_err();
        assert!(message.contains("smtp_url") && message.contains("TLS") && !message.contains("hunter22"), "{message}");
        assert!(load_from(&flags("--smtp-url=smtps://app:hunter22@mail.example"), &[], None).is_ok());
    }

    #[test]
    fn a_child_gets_the_same_settings() {
        let settings =
            load_from(&["--udp-port=1003", "--http=127.0.0.1:0"], &[], Some("public_ip = '192.0.2.1'")).unwrap();
        let flags = settings.node_flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let child = load_from(&flags, &[], None).unwrap();
        assert_eq!(child.node_identity(), settings.node_identity());
        assert!(!flags.iter().any(|flag| flag.starts_with("--http")), "{flags:?}");
    }
}
