//! The shape of the source: which crate and which module may know which, how long files are, where `unsafe` may be.
//!
//! The rules are those of `docs/architecture.md`. Whoever changes a table here changes the design, and says why in an ADR.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Crates of this workspace that each may depend on. Tests may also use the SDK, which is how a client sees us.
const CRATES: [(&str, &[&str]); 10] = [
    ("boltorezka-proto", &[]),
    ("boltorezka-media", &["boltorezka-proto"]),
    ("boltorezka-sim", &["boltorezka-proto", "boltorezka-media"]),
    ("boltorezka-fuzz", &["boltorezka-proto", "boltorezka-media"]),
    ("boltorezka-control", &["boltorezka-proto"]),
    ("boltorezka", &["boltorezka-proto", "boltorezka-control", "boltorezka-media", "boltorezka-turn"]),
    ("boltorezka-sdk", &["boltorezka-proto"]),
    ("boltorezka-cli", &["boltorezka-proto", "boltorezka-sdk"]),
    ("boltorezka-turn", &["boltorezka-proto"]),
    ("boltorezka-bench", &["boltorezka-proto", "boltorezka-sdk"]),
];

/// Modules of `media` that each may name.
const MEDIA_MODULES: [(&str, &[&str]); 8] = [
    ("rtp", &[]),
    ("router", &["rtp"]),
    ("bwe", &["rtp"]),
    ("tcp", &[]),
    ("egress", &["rtp", "router", "bwe", "tcp"]),
    ("net", &[]),
    ("shard", &["rtp", "router", "bwe", "tcp", "egress", "net"]),
    ("node", &["rtp", "router", "bwe", "tcp", "egress", "net", "shard"]),
];

/// What the pure modules of `media` must not hold: they are functions of their input.
const IMPURE: [&str; 9] =
    ["str0m", "tokio", "UdpSocket", "TcpStream", "TcpListener", "Instant::now", "SystemTime", "thread::", "rand::"];

/// Longest source file in lines.
const LINES_MAX: usize = 500;

/// Files that a program writes.
const GENERATED: [&str; 1] = ["sdk/typescript/src/proto.ts"];

/// A manifest of a workspace of its own: it needs a toolchain that nothing else does.
const OUTSIDE: [&str; 1] = ["media/fuzz/libfuzzer/Cargo.toml"];

/// Folders that hold no source.
const NO_SOURCE: [&str; 7] = ["target", "node_modules", ".git", "dist", "data", "artifacts", ".tools"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files below `folder`, with paths from the root.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() && !NO_SOURCE.contains(&name.as_str()) => folders.push(entry.path()),
                // `.git` is a file where it is a worktree.
                kind if kind.is_file() && name != ".git" => {
                    found.push(entry.path().strip_prefix(root()).unwrap().to_owned())
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn sources(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let folder = root().join(folder);
    if !folder.exists() {
        return Vec::new();
    }
    files(&folder)
        .into_iter()
        .map(|path| path.to_str().unwrap().to_owned())
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .filter_map(|path| std::fs::read_to_string(root().join(&path)).ok().map(|text| (path, text)))
        .collect()
}

/// The code of a Rust source: without comments and without its unit tests, which stand last.
fn code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_test = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].ends_with("mod tests {");
    let end = lines.windows(2).position(is_test).unwrap_or(lines.len());
    lines[..end].iter().filter(|line| !line.trim_start().starts_with("//")).copied().collect::<Vec<_>>().join("\n")
}

/// Names that directly follow `crate::`, also inside braces.
fn own_modules(code: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, what) in code.match_indices("crate::") {
        let rest = &code[at + what.len()..];
        // `$crate::` and `other_crate::` are something else.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        match rest.strip_prefix('{') {
            None => drop(found.insert(name(rest))),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (index, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            found.insert(name(&list[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn manifests() -> Vec<(String, toml::Table)> {
    sources("", &["Cargo.toml"])
        .into_iter()
        .map(|(path, text)| (path, text.parse::<toml::Table>().unwrap()))
        .filter(|(path, table)| table.contains_key("package") && !OUTSIDE.contains(&path.as_str()))
        .collect()
}

#[test]
fn crates_depend_one_way() {
    let allowed = BTreeMap::from(CRATES);
    let manifests = manifests();
    assert!(manifests.len() >= 6, "manifests are not found");
    for (path, manifest) in manifests {
        let name = manifest["package"]["name"].as_str().unwrap();
        let of_crate = allowed.get(name).unwrap_or_else(|| panic!("{path}: {name} is not part of the design"));
        for (section, tests) in [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)] {
            let Some(section) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
            for dependency in section.keys().filter(|dependency| allowed.contains_key(dependency.as_str())) {
                let for_tests = tests && dependency == "boltorezka-sdk";
                let fits = for_tests || of_crate.contains(&dependency.as_str());
                assert!(fits, "{path}: {name} must not depend on {dependency}");
            }
        }
        assert_eq!(
            manifest["lints"]["workspace"].as_bool(),
            Some(true),
            "{path}: `[lints] workspace = true` is missing"
        );
    }
}

#[test]
fn the_contract_is_free_of_runtimes() {
    let (_, manifest) = manifests().into_iter().find(|(path, _)| path == "proto/Cargo.toml").unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    for banned in ["tokio", "str0m", "axum", "sqlx"] {
        assert!(!dependencies.contains_key(banned), "proto must not depend on {banned}");
    }
}

#[test]
fn media_modules_depend_one_way() {
    let names: BTreeSet<&str> = MEDIA_MODULES.iter().map(|(name, _)| *name).collect();
    for (module, allowed) in MEDIA_MODULES {
        let mut of_module = sources(&format!("media/src/{module}"), &[".rs"]);
        of_module.extend(
            sources("media/src", &[".rs"]).into_iter().filter(|(path, _)| *path == format!("media/src/{module}.rs")),
        );
        for (path, text) in of_module {
            for used in own_modules(&code(&text)) {
                let fits = !names.contains(used.as_str()) || used == module || allowed.contains(&used.as_str());
                assert!(fits, "{path}: {module} must not know {used}");
            }
        }
    }
}

#[test]
fn pure_modules_are_functions_of_their_input() {
    for module in ["rtp", "router", "bwe", "tcp", "egress"] {
        let sources = sources(&format!("media/src/{module}"), &[".rs"]).into_iter();
        for (path, text) in sources.filter(|(path, _)| !path.contains("/tests/") && !path.ends_with("/tests.rs")) {
            let code = code(&text);
            for banned in IMPURE {
                let hit = code.lines().find(|line| line.contains(banned));
                assert!(hit.is_none(), "{path}: a pure module must not hold {banned}: {}", hit.unwrap_or_default());
            }
        }
    }
}

#[test]
fn only_net_is_unsafe() {
    for (path, text) in sources("", &[".rs"]) {
        // Tests send signals and read counters of the system; what ships does so in one place, and the load generator,
        // which may not know the media plane, in one file of its own. The simulator answers for the C library.
        let may_be = ["bench/src/socket.rs", "media/sim/src/host.rs"].contains(&path.as_str());
        if may_be || path.starts_with("media/src/net") || path.contains("/tests/") {
            continue;
        }
        let hit = code(&text)
            .lines()
            .find(|line| line.contains("unsafe ") || line.contains("allow(unsafe_code)"))
            .map(str::to_owned);
        assert!(
            hit.is_none(),
            "{path}: unsafe belongs to media/src/net, bench/src/socket.rs and media/sim/src/host.rs: {}",
            hit.unwrap_or_default()
        );
    }
}

#[test]
fn files_have_one_job() {
    let mut seen = 0;
    for (path, text) in sources("", &[".rs", ".ts", ".tsx", ".js"]) {
        if GENERATED.iter().any(|generated| path.starts_with(generated)) {
            continue;
        }
        seen += 1;
        let lines = text.lines().count();
        assert!(
            lines <= LINES_MAX,
            "{path} has {lines} lines, {LINES_MAX} are allowed: give each job a file of its own"
        );
    }
    assert!(seen > 30, "sources are not found");
}

#[test]
fn no_path_of_somebodys_machine() {
    // Put together here, so that this file does not hold them.
    let homes = ["home", "root", "Users", "work"].map(|folder| format!("/{folder}/"));
    for path in files(&root()) {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for line in text.lines() {
            // An address's path, or a path in the middle of another, is no home.
            let absolute = homes.iter().any(|home| {
                line.match_indices(home.as_str())
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "./_-}$@".contains(c)))
            });
            assert!(!absolute, "{}: a path that only exists on one machine: {line}", path.display());
        }
    }
}

#[test]
fn names_after_crate_are_found() {
    let code = "use crate::net;\nuse crate::{rtp::{a, b}, shard};\nlet x = crate::bwe::y; other_crate::node";
    let expected = ["bwe", "net", "rtp", "shard"].map(str::to_owned);
    assert_eq!(own_modules(code), BTreeSet::from(expected));
}
