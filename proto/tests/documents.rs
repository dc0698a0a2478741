//! What the project's documents name is there: linked files; in `docs/security.md` and `docs/media.md` tests; in
//! `docs/architecture.md` the files, functions, constants, metrics and reasons of drops.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Folders that programs make.
const NO_SOURCE: [&str; 5] = ["target", "node_modules", "dist", "data", "artifacts"];

/// All files below `folder`, with paths from the root.
fn files(folder: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(root().join(folder)).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        match entry.file_type().unwrap() {
            kind if kind.is_dir() && !name.starts_with('.') && !NO_SOURCE.contains(&name.as_str()) => {
                files(&path, found);
            }
            kind if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

fn all_files() -> Vec<String> {
    let mut found = Vec::new();
    files("", &mut found);
    found
}

fn documents() -> Vec<String> {
    all_files().into_iter().filter(|path| path.ends_with(".md")).collect()
}

/// Addresses of `[text](address)` and `![text](address)`.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// The name under which a git host links to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn links_lead_somewhere() {
    let documents = documents();
    assert!(documents.len() > 8, "documents are not found");
    for document in documents {
        let text = read(&document);
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
            let folder = Path::new(&document).parent().unwrap();
            let target = if path.is_empty() { root().join(&document) } else { root().join(folder).join(path) };
            assert!(target.exists(), "{document}: {link} leads nowhere");
            if let Some(heading) = heading {
                let text = std::fs::read_to_string(&target).unwrap();
                let known =
                    text.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_matches('#')));
                assert!(known.into_iter().any(|known| known == heading), "{document}: {link} names no heading");
            }
        }
    }
}

/// What stands in backticks outside of code blocks.
fn quoted(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// Whether some file is, or is below, what a document calls `name`.
fn is_there(files: &[String], name: &str) -> bool {
    let end = format!("/{}", name.trim_end_matches('/'));
    files.iter().any(|file| format!("/{file}").ends_with(&end) || format!("/{file}").contains(&format!("{end}/")))
}

#[test]
fn paths_are_there() {
    let files = all_files();
    let folders: BTreeSet<&str> = files.iter().filter_map(|file| Some(file.split_once('/')?.0)).collect();
    let mut missing = Vec::new();
    for document in documents() {
        let quoted = quoted(&read(&document));
        let is_made = |name: &str| NO_SOURCE.iter().any(|folder| name.split('/').any(|part| part == *folder));
        let is_ours =
            |name: &&String| name.split_once('/').is_some_and(|(folder, _)| folders.contains(folder)) && !is_made(name);
        let gone = quoted.iter().filter(is_ours).filter(|name| !name.contains(' ') && !is_there(&files, name));
        missing.extend(gone.map(|name| format!("{document}: {name}")));
    }
    assert!(missing.is_empty(), "not there: {missing:#?}");
}

#[test]
fn what_the_architecture_names_is_in_the_sources() {
    let files = all_files();
    let is_source = |path: &&String| [".rs", ".ts", ".tsx", ".sql", ".mjs"].iter().any(|ending| path.ends_with(ending));
    let is_own = |path: &&String| !path.starts_with("proto/tests/");
    let sources: String = files.iter().filter(is_source).filter(is_own).map(|path| read(path)).collect();
    let quoted = quoted(&read("docs/architecture.md"));
    assert!(quoted.len() > 100, "names are not found");
    let is_known = |name: &String| {
        let is_file = [".rs", ".js", ".md"].iter().any(|ending| name.ends_with(ending));
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c));
        let last = name.rsplit("::").next().unwrap_or(name);
        match (is_file, is_name && !name.starts_with("boltorezka_")) {
            (true, _) => is_there(&files, name),
            (_, true) => sources.contains(last),
            _ => true,
        }
    };
    let missing: Vec<_> = quoted.iter().filter(|name| !is_known(name)).collect();
    assert!(missing.is_empty(), "docs/architecture.md names what is not there: {missing:#?}");
}

/// Whether a quoted text is a file of ours, by its ending.
fn is_file(name: &str) -> bool {
    [".rs", ".ts", ".js", ".mjs"].iter().any(|ending| name.ends_with(ending))
}

/// Whether a quoted text is a test's name: a sentence in lower case.
fn is_test(name: &str) -> bool {
    name.matches('_').count() >= 2 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Checks the last cell of each row, which names tests. Where the document says `file`: `test`, `test`, each is in that
/// file; else it may be anywhere. Returns how many tests there are.
fn check_tests(document: &str, says_where: bool, files: &[String]) -> usize {
    let mut tests = 0;
    let text = read(document);
    for line in text.lines().filter(|line| line.starts_with('|')) {
        for name in line.split('`').skip(1).step_by(2).filter(|name| is_file(name)) {
            assert!(is_there(files, name), "{document}: there is no {name}");
        }
        let cell = line.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
        let mut file = None;
        for name in cell.split('`').skip(1).step_by(2) {
            if is_file(name) {
                file = Some(format!("/{name}")).filter(|_| says_where);
            } else if is_test(name) {
                let may_hold = |path: &&String| {
                    path.ends_with(".rs") && file.as_ref().is_none_or(|file| format!("/{path}").ends_with(file))
                };
                let holds = |path: &String| read(path).contains(&format!("fn {name}("));
                assert!(files.iter().filter(may_hold).any(holds), "{document}: no test {name} in {file:?}");
                tests += 1;
            }
        }
    }
    tests
}

#[test]
fn tests_that_documents_name_are_there() {
    let files = all_files();
    for (document, says_where, least) in [("docs/security.md", true, 60), ("docs/media.md", false, 60)] {
        let found = check_tests(document, says_where, &files);
        assert!(found >= least, "{document}: {found} tests are found");
    }
}

/// The texts in `before("text"` over all sources of a folder.
fn arguments(folder: &str, before: &[&str]) -> BTreeSet<String> {
    let mut paths = Vec::new();
    files(folder, &mut paths);
    let mut found = BTreeSet::new();
    for text in paths.iter().filter(|path| path.ends_with(".rs")).map(|path| read(path)) {
        for before in before {
            found.extend(text.split(before).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    found
}

#[test]
fn every_metric_and_every_drop_is_listed() {
    let document = read("docs/architecture.md");
    let dropped = ["drop(\"", "drop_many(\"", "Unknown(\"", "exhaust(\"", "Dropped { reason: \""];
    let closed = ["close_tcp(\"", "(id, \"", "(longest, \""];
    let reasons = [arguments("media/src", &dropped), arguments("media/src", &closed)];
    assert!(reasons[0].len() > 12 && reasons[1].len() > 6, "reasons are not found: {reasons:?}");
    let reasons: BTreeSet<String> = reasons.into_iter().flatten().collect();
    let missing: Vec<_> = reasons.iter().filter(|reason| !document.contains(&format!("`{reason}`"))).collect();
    assert!(missing.is_empty(), "docs/architecture.md does not list {missing:?}");
    let own = arguments("control/src/http", &["new(\"boltorezka_"]);
    // Most of the node's stand in a table of tuples.
    let of_node: Vec<_> = arguments("control/src/http", &["family(\"", "\n        (\""]).into_iter().collect();
    assert!(own.len() > 3 && of_node.len() > 15, "metrics are not found: {of_node:?}");
    let names = own.into_iter().map(|name| format!("boltorezka_{name}"));
    for name in names.chain(of_node.into_iter().map(|name| format!("boltorezka_media_{name}"))) {
        assert!(document.contains(&name), "{name} is not listed");
    }
}
