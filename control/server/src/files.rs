//! The data directory: made on demand, closed to others, used by one server at a time.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;

use crate::Failure;
use crate::settings::{SettingError, Settings};

/// Makes the data directory, for its owner alone, and checks that it can be written.
///
/// # Errors
/// When it cannot be used; the message names the setting.
pub fn data_dir(settings: &Settings) -> Result<(), Failure> {
    let path = &settings.data_dir;
    let named = |error: std::io::Error| {
        let cure = "Give a directory that this user may write, or change its owner.";
        SettingError::new(format!("setting data_dir = {:?}: {error}. {cure}", path.display()))
    };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(named)?;
    let probe = path.join(format!(".probe-{}", std::process::id()));
    File::create(&probe).map_err(named)?;
    std::fs::remove_file(&probe).map_err(named)?;
    Ok(())
}

/// Makes the data directory and takes it for this process; it is free again when the process ends, however it ends.
///
/// # Errors
/// When another server uses it, or it cannot be used.
pub fn lock(settings: &Settings) -> Result<File, Failure> {
    data_dir(settings)?;
    let path = settings.data_dir.join("boltorezka.lock");
    let named = |error: std::io::Error| {
        SettingError::new(format!("setting data_dir: {}: {error}. Make it writable.", path.display()))
    };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(named)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::other(format!(
            "another server already runs on data_dir {:?}. Stop it, or give this one a data_dir of its own.",
            settings.data_dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(named(error).into()),
    }
}
