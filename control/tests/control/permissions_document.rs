//! `docs/permissions.md` is what the table says, and names every operation.
//! `UPDATE=1 cargo test -p boltorezka-control permissions` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use boltorezka_proto::socket::ClientMessage;
use serde_json::Value;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions.md")
}

/// A row of the document.
pub struct Row {
    pub name: String,
    pub requests: Vec<String>,
    /// By column.
    pub cells: BTreeMap<String, bool>,
}

/// The committed document: all rows, and the requests that ask for no permission.
pub fn document() -> (Vec<Row>, BTreeSet<String>) {
    let text = std::fs::read_to_string(path()).unwrap();
    let (mut rows, mut open, mut columns) = (Vec::new(), BTreeSet::new(), Vec::new());
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let words = |cell: &str| cell.split(", ").map(|word| word.trim_matches('`').to_owned()).collect::<Vec<_>>();
        match cells.as_slice() {
            ["Permission", "What", "Request", headings @ ..] => {
                columns = headings.iter().map(|&heading| heading.to_owned()).collect();
            }
            ["Request", "Takes"] => {}
            [request, _takes] => open.extend(words(request)),
            [name, _what, requests, cells @ ..] => {
                let cells = cells.iter().map(|cell| match *cell {
                    "yes" => true,
                    "-" => false,
                    other => panic!("{other} in {line}"),
                });
                let cells = columns.iter().cloned().zip(cells).collect();
                rows.push(Row { name: name.trim_matches('`').to_owned(), requests: words(requests), cells });
            }
            _ => panic!("{line}"),
        }
    }
    (rows, open)
}

#[test]
fn permissions_are_up_to_date() {
    let generated = boltorezka_control::permissions();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(), &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/permissions.md is stale: UPDATE=1 cargo test -p boltorezka-control permissions"
    );
}

#[test]
fn permissions_cover_every_operation() {
    let (rows, open) = document();
    let openapi: Value = serde_json::from_str(&boltorezka_control::openapi().unwrap()).unwrap();
    let mut operations = BTreeMap::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let feature = operation["tags"][0].as_str().unwrap().to_owned();
            operations.insert(format!("{} {path}", method.to_uppercase()), feature);
        }
    }
    let messages = ClientMessage::TYPES.iter().filter(|kind| !["ping", "pong"].contains(kind));
    let known: BTreeSet<String> =
        operations.keys().cloned().chain(messages.map(|kind| format!("socket {kind}"))).collect();
    let asking = rows.iter().flat_map(|row| row.requests.iter().cloned()).filter(|request| request != "in a call");
    let named: BTreeSet<String> = asking.chain(open.iter().cloned()).collect();
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "named, and not there");
    assert_eq!(known.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "there, and not in the table");
    for row in &rows {
        for request in &row.requests {
            assert!(!open.contains(request), "{request} is open, and asks for {}", row.name);
            let feature = operations.get(request);
            assert!(feature.is_none_or(|feature| row.name.starts_with(&format!("{feature}."))), "{}", row.name);
        }
    }
}
