//! One run at a time on a host: two would measure each other.

use std::fs::File;

/// Held while a run goes on. Runs in all network namespaces see it.
const PATH: &str = "/tmp/boltorezka-bench.lock";

/// Waits until no other run goes on, and says so if that is necessary. The turn ends when the file is dropped, also by a
/// crash. Where there can be no such file, as when it belongs to another user, the run goes on without.
pub fn take(waiting: impl FnOnce()) -> Option<File> {
    let file = File::options().create(true).append(true).open(PATH).ok()?;
    if file.try_lock().is_err() {
        waiting();
        file.lock().ok()?;
    }
    Some(file)
}
