//! Small files that the environment names: secrets and certificates. Read once, at the start; what is in them is never
//! shown.

use std::fs::{self, File};
use std::io::Read as _;

/// A password or a URL is a line; a file that is larger is another one than was meant.
pub const SECRET_LIMIT: u64 = 4 << 10;

/// The text of the file at `path`, of at most `limit` bytes.
///
/// # Errors
/// What is wrong with it and what would be right, to stand behind `VARIABLE=PATH`.
pub fn read(path: &str, limit: u64) -> Result<String, String> {
    let unreadable =
        |e: std::io::Error| format!("cannot be read ({e}): name a file that this process may read");
    // A pipe would be waited for, and a container gets an empty directory where the file to mount was not there.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a file: name the file itself, and see that it is there".to_owned());
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte beyond the limit tells that there is more.
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(format!(
            "is larger than {limit} bytes: name the file that holds this value alone"
        ));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8: write it as plain text".to_owned())
}

/// The same of a secret, without the end of its line.
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
    fn the_end_of_the_line_is_no_part_of_a_secret() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("secret");
        let path = path.to_str().unwrap();
        for (written, meant) in [
            ("hunter2", "hunter2"),
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n", "hunter2"),
            (" hunter 2 \n", " hunter 2 "),
            ("\n", ""),
        ] {
            fs::write(path, written).unwrap();
            assert_eq!(read_secret(path).as_deref(), Ok(meant));
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_content() {
        let folder = tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (large, binary) = (path("large"), path("binary"));
        fs::write(&large, "hunter2 ".repeat(600)).unwrap();
        fs::write(&binary, b"hunter2\xff").unwrap();
        for (path, told) in [
            (path("nothing"), "cannot be read"),
            (path(""), "is not a file"),
            ("/dev/null".to_owned(), "is not a file"),
            (large, "larger than 4096 bytes"),
            (binary, "not UTF-8"),
        ] {
            let wrong = read_secret(&path).unwrap_err();
            assert!(wrong.contains(told), "{path}: {wrong}");
            assert!(!wrong.contains("hunter2"), "{wrong}");
        }
    }
}
