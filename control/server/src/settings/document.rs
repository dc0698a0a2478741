//! `docs/configuration.md`, from the table.

use std::fmt::Write as _;
use std::path::Path;

use crate::settings::KEYS;

const HEAD: &str = "\
# Configuration

Generated from `control/server/src/settings/table.rs` by `UPDATE=1 cargo test -p boltorezka`; a test compares.

`boltorezka` takes each setting from a flag, an environment variable or a TOML file; the flag wins over the environment,
the environment over the file. The file is named by `--config` or `BOLTOREZKA_CONFIG`. `udp_port` is the flag
`--udp-port`, the variable `BOLTOREZKA_UDP_PORT` and the key `udp_port`; `limits.x` is `--limits-x`,
`BOLTOREZKA_LIMITS_X` and `x` in the table `[limits]`. What may repeat is given several times as a flag, with commas as a
variable, as an array in the file.

Unknown keys, unknown variables that begin with `BOLTOREZKA_`, values that cannot be used and placeholders such as
`changeme` are refused at start with exit code 2. Other exit codes: 0 ended cleanly, 1 anything else.
";

fn render() -> String {
    let mut text = String::from(HEAD);
    for (title, limits) in [("Settings", false), ("Limits", true)] {
        let _ = write!(text, "\n## {title}\n\n");
        if limits {
            text.push_str("Each can be switched off with `off`, for a load test.\n\n");
        }
        text.push_str("| Key | Default | Values | Meaning |\n|---|---|---|---|\n");
        for key in KEYS.iter().filter(|key| key.name.starts_with("limits.") == limits) {
            let default = key.default.as_ref().map_or(key.otherwise.to_owned(), |default| format!("`{default}`"));
            let values = key.values.replace('|', "\\|");
            let _ = writeln!(text, "| `{}` | {default} | {values} | {} |", key.name, key.meaning);
        }
    }
    text
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = render();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(on_disk == text, "docs/configuration.md is stale: UPDATE=1 cargo test -p boltorezka");
}

#[test]
fn every_fixed_default_can_be_given() {
    for key in KEYS.iter() {
        let mut settings = crate::settings::Settings::default();
        if let Some(default) = &key.default {
            (key.set)(&mut settings, key.name, &[default.to_string()]).unwrap();
        }
    }
}
