//! The settings as admins are shown them.

use boltorezka_proto::admin::{AdminSetting, SettingSource};

use super::{KEYS, Key, Settings, Source};

impl Settings {
    /// Every setting in force, in the order of the documentation, with where it came from and without secrets.
    pub fn in_force(&self) -> Vec<AdminSetting> {
        KEYS.iter().map(|key| self.shown(key)).collect()
    }

    fn shown(&self, key: &Key) -> AdminSetting {
        let given = self.given.get(key.name);
        let value = match given {
            _ if key.is_secret() => None,
            Some((values, _)) => Some(values.join(",")),
            None => Some(key.default.as_deref().unwrap_or(key.otherwise).to_owned()),
        };
        AdminSetting {
            key: key.name.to_owned(),
            meaning: key.meaning.to_owned(),
            values: key.values.to_owned(),
            source: match given {
                None => SettingSource::Default,
                Some((_, Source::File(_))) => SettingSource::File,
                Some((_, Source::Environment)) => SettingSource::Environment,
                Some((_, Source::Flag)) => SettingSource::Flag,
            },
            origin: given.map(|(_, source)| source.describe(key)),
            secret: key.is_secret(),
            is_set: given.is_some(),
            value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{arguments, load};

    fn shown(settings: &[AdminSetting], key: &str) -> AdminSetting {
        settings.iter().find(|setting| setting.key == key).unwrap().clone()
    }

    #[test]
    fn every_setting_is_shown_with_where_it_came_from() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("b.toml");
        std::fs::write(&file, "shards = 3\nlog = 'warn'\n[limits]\nrooms_total = 7\n").unwrap();
        let config = format!("--config={}", file.display());
        let flags = ["--udp-port=1003", "--public-ip=192.0.2.1", "--public-ip=192.0.2.2", &config];
        let command = clap::Command::new("test").no_binary_name(true).args(arguments());
        let matches = command.try_get_matches_from(flags).unwrap();
        let environment = [
            ("BOLTOREZKA_LOG", "debug"),
            ("BOLTOREZKA_SMTP_URL", "smtps://app:hunter22@mail.example"),
            ("BOLTOREZKA_SMTP_FROM", "a@b.example"),
            ("BOLTOREZKA_PUBLIC_URL", "https://talk.example"),
        ];
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let settings = load(&matches, environment.into_iter()).unwrap().in_force();
        assert_eq!(settings.len(), KEYS.len());

        let value_of = |key| {
            let AdminSetting { value, source, .. } = shown(&settings, key);
            (value.unwrap(), source)
        };
        assert_eq!(value_of("udp_port"), ("1003".to_owned(), SettingSource::Flag));
        assert_eq!(value_of("public_ip"), ("192.0.2.1,192.0.2.2".to_owned(), SettingSource::Flag));
        assert_eq!(value_of("shards"), ("3".to_owned(), SettingSource::File));
        assert_eq!(value_of("limits.rooms_total"), ("7".to_owned(), SettingSource::File));
        assert_eq!(value_of("log"), ("debug".to_owned(), SettingSource::Environment), "it wins over the file");
        assert_eq!(value_of("registration"), ("open".to_owned(), SettingSource::Default));
        assert_eq!(value_of("tls_cert"), ("none".to_owned(), SettingSource::Default));
        assert_eq!(shown(&settings, "log").origin.as_deref(), Some("environment variable BOLTOREZKA_LOG"));
        assert_eq!(shown(&settings, "shards").origin.unwrap(), format!("file {}", file.display()));
        assert_eq!(shown(&settings, "http").origin, None);

        let (mail, database) = (shown(&settings, "smtp_url"), shown(&settings, "database_url"));
        assert_eq!((mail.secret, mail.is_set, mail.value), (true, true, None));
        assert_eq!((database.secret, database.is_set, database.value), (true, false, None));
        assert!(!serde_json::to_string(&settings).unwrap().contains("hunter22"));
    }

    /// Whoever adds a setting with a password in it must say so.
    #[test]
    fn whatever_can_hold_a_password_is_a_secret() {
        // Limits are numbers, of tokens too.
        for key in KEYS.iter().filter(|key| !key.name.starts_with("limits.")) {
            let words = ["secret", "password", "token", "credential", "private"];
            let sounds = words.iter().any(|word| key.name.contains(word));
            assert_eq!(key.is_secret(), key.values.contains("PASSWORD") || sounds, "{}", key.name);
        }
    }
}
