//! A power supply that can be cut: after that the disk holds what was synced, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::common::{Place, signal};

const DATABASE: &str = "boltorezka.db";

/// What a server's disk would hold without power.
pub struct Power {
    folder: TempDir,
}

impl Power {
    /// Has servers that start in `place` from now on note what they sync.
    pub fn of(place: &mut Place) -> Self {
        let power = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(power.synced()).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat_faults/synced.c");
        let library = power.folder.path().join("synced.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).args([&library, &source]).arg("-ldl");
        assert!(compiler.status().unwrap().success(), "synced.c does not compile");
        place.environment.extend([
            ("LD_PRELOAD", library),
            ("SYNCED_FROM", place.data_dir().canonicalize().unwrap()),
            ("SYNCED_TO", power.synced()),
        ]);
        power
    }

    /// What a server that was just killed would find when it starts again.
    pub fn cut(&self, place: &Place) {
        signal(place.media_pid(), "KILL");
        for ending in ["", "-wal", "-shm"] {
            let name = format!("{DATABASE}{ending}");
            let (synced, lost) = (self.synced().join(&name), place.data_dir().join(&name));
            if lost.exists() {
                fs::remove_file(&lost).unwrap();
            }
            if synced.exists() {
                fs::copy(&synced, &lost).unwrap();
            }
        }
        assert!(place.data_dir().join(DATABASE).exists(), "nothing was ever synced");
    }

    fn synced(&self) -> PathBuf {
        self.folder.path().join("synced")
    }
}
