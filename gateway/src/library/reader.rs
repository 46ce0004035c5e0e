//! Reads `LIBRARY_FILE` and the logo. All functions block.

use crate::library::content::LibraryContent;
use crate::library::information::LibraryInformation;
use crate::library::logo::LogoFormat;
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The largest file, and the largest logo. A page of notices has a few kilobytes.
const MAX_BYTES: u64 = 64 << 10;

/// What was read: each file with its state just before it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Version(Vec<(PathBuf, Option<FileState>)>);

/// Changes whenever the file is written or replaced: device, inode, size, and the times of the last modification and of
/// the last change, in seconds and nanoseconds. The last one detects an edit that sets the modification time back.
type FileState = (u64, u64, u64, [i64; 4]);

impl Version {
    /// Returns whether no file has changed since it was read.
    pub fn is_current(&self) -> bool {
        self.0.iter().all(|(path, read)| state(path) == *read)
    }
}

/// Reads and validates the file at `path`, and the logo that it names.
///
/// # Errors
/// Says what is wrong, in words that may be public.
pub fn read(path: &Path) -> Result<(LibraryContent, Version), String> {
    let mut version = Version(vec![(path.to_owned(), state(path))]);
    let file = read_limited(path).map_err(|e| format!("the file {e}"))?;
    let information = LibraryInformation::parse(&file);
    let information = information.map_err(|e| format!("the file is invalid: {e}"))?;
    let logo = match information.logo() {
        None => None,
        Some(name) => {
            let logo = logo_path(path, name).map_err(|e| format!("the logo {e}"))?;
            version.0.push((logo.clone(), state(&logo)));
            Some(read_logo(path, &logo).map_err(|e| format!("the logo {e}"))?)
        }
    };
    Ok((LibraryContent::new(&information, logo), version))
}

/// Returns the path of the logo `name`, in the folder of `file`.
fn logo_path(file: &Path, name: &str) -> Result<PathBuf, &'static str> {
    let is_plain = !name.contains(['/', '\\']) && !matches!(name, "." | "..");
    is_plain
        .then(|| file.with_file_name(name))
        .ok_or("is not the name of a file in the same folder")
}

fn read_logo(file: &Path, logo: &Path) -> Result<(LogoFormat, Bytes), String> {
    let unreadable = |e: io::Error| format!("cannot be read ({e})");
    // A link may lead to another place within the folder, as in the volumes of Kubernetes, but not out of it.
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(unreadable)?;
    let target = fs::canonicalize(logo).map_err(unreadable)?;
    if !target.starts_with(&folder) {
        return Err("is a link to another folder".to_owned());
    }
    let bytes = read_limited(&target)?;
    let format = LogoFormat::recognize(&bytes).ok_or("is neither SVG nor PNG")?;
    Ok((format, bytes.into()))
}

/// Reads a file of at most [`MAX_BYTES`].
fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |e: io::Error| format!("cannot be read ({e})");
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    match u64::try_from(read.map_err(unreadable)?) {
        Ok(length) if length <= MAX_BYTES => Ok(bytes),
        _ => Err("is larger than 64 KiB".to_owned()),
    }
}

fn state(path: &Path) -> Option<FileState> {
    let data = fs::metadata(path).ok()?;
    let times = [
        data.mtime(),
        data.mtime_nsec(),
        data.ctime(),
        data.ctime_nsec(),
    ];
    Some((data.dev(), data.ino(), data.size(), times))
}
