//! Reads small files that environment variables name: secrets and certificates. They are read once at the start, and
//! their content is never shown.

use std::fs::{self, File};
use std::io::Read as _;

/// The largest size of a secret. A password or a URL is one line; a larger file is certainly the wrong one.
pub const SECRET_LIMIT: u64 = 4 << 10;

/// Reads the text of the file at `path`, at most `limit` bytes.
///
/// # Errors
/// What is wrong with the file and how to fix it, worded to follow `VARIABLE=PATH`.
pub fn read(path: &str, limit: u64) -> Result<String, String> {
    let unreadable =
        |e: std::io::Error| format!("cannot be read ({e}): name a file that this process may read");
    // Reading a pipe could block. Containers create an empty directory if the file to mount does not exist.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a file: name the file itself, and make sure that it exists".to_owned());
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte beyond the limit shows that the file is too large.
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(format!(
            "is larger than {limit} bytes: name a file that contains only this value"
        ));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8: write it as plain text".to_owned())
}

/// Reads a secret like [`read`], without the line end.
///
/// # Errors
/// As [`read`].
pub fn read_secret(path: &str) -> Result<String, String> {
    let mut text = read(path, SECRET_LIMIT)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    #[test]
    fn secrets_are_read_without_the_line_end() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("secret");
        let path = path.to_str().unwrap();
        for (written, expected) in [
            ("hunter2", "hunter2"),
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n", "hunter2"),
            (" hunter 2 \n", " hunter 2 "),
            ("\n", ""),
        ] {
            fs::write(path, written).unwrap();
            assert_eq!(read_secret(path).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn errors_do_not_show_the_content() {
        let folder = tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (large, binary) = (path("large"), path("binary"));
        fs::write(&large, "hunter2 ".repeat(600)).unwrap();
        fs::write(&binary, b"hunter2\xff").unwrap();
        for (path, expected) in [
            (path("nothing"), "cannot be read"),
            (path(""), "is not a file"),
            ("/dev/null".to_owned(), "is not a file"),
            (large, "larger than 4096 bytes"),
            (binary, "not UTF-8"),
        ] {
            let error = read_secret(&path).unwrap_err();
            assert!(error.contains(expected), "{path}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
