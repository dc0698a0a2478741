//! Where tests find the server.

use std::path::{Path, PathBuf};

/// The server's program: from `BOLTOREZKA_BIN`, or from the folder that cargo builds into.
pub fn server() -> PathBuf {
    let path = std::env::var_os("BOLTOREZKA_BIN")
        .map_or_else(|| Path::new(env!("CARGO_BIN_EXE_boltorezka-bench")).with_file_name("boltorezka"), PathBuf::from);
    let path_text = path.display();
    assert!(
        path.is_file(),
        "there is no server at {path_text}: build it with `cargo build --workspace --bin boltorezka`, or name it in BOLTOREZKA_BIN"
    );
    path
}
