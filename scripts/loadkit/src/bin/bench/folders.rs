//! One folder for all that this program and its servers write, keys of certificates among it. Ctrl-C ends us at once, and what
//! we have started with us; so somebody must remove what they leave.

use anyhow::{Context as _, Result, anyhow};
use std::fs;
use tempfile::TempDir;

/// What a shell says of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Makes it, before anything else makes a folder; gone when it is dropped, and after Ctrl-C.
pub(crate) fn keep_in_one() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("bench-").tempdir();
    let folder = folder.context("making a folder for folders")?;
    let path = folder.path().to_owned();
    let taken = tempfile::env::override_temp_dir(&path);
    taken.map_err(|other| anyhow!("folders are made in {} already", other.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("making a runtime")?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            fs::remove_dir_all(path).ok();
            std::process::exit(INTERRUPTED);
        }
    });
    Ok(folder)
}
