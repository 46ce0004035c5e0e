//! The files of `gateway/dashboard`: one line for each. Imports nothing of the gateway.

use sha2::{Digest as _, Sha256};

/// The text in the page that is replaced by [`version`], so that the page's `ETag` changes with any file.
const VERSION_PLACEHOLDER: &str = "{{version}}";
/// The length of a version in bytes: two versions are equal by chance once in 2^48.
const VERSION_BYTES: usize = 6;

/// A file of the dashboard.
#[derive(Clone, Copy, Debug)]
pub struct DashboardFile {
    /// The URL path.
    pub path: &'static str,
    /// How a browser uses the file.
    pub kind: FileKind,
    /// The content.
    pub text: &'static str,
}

/// How a browser uses a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The page.
    Page,
    /// A script of the page, or a module that other scripts import.
    Script,
    /// The script of a shared worker.
    Worker,
    /// A style sheet of the page.
    Style,
}

macro_rules! file {
    ($name:literal, $kind:ident) => {
        file!($name, $kind, concat!("/dashboard/", $name))
    };
    ($name:literal, $kind:ident, $path:expr) => {
        DashboardFile {
            path: $path,
            kind: FileKind::$kind,
            text: include_str!(concat!("../../dashboard/", $name)),
        }
    };
}

/// Every file. Those without a path of their own are under `/dashboard/`.
pub const DASHBOARD_FILES: [DashboardFile; 21] = [
    file!("index.html", Page, "/"),
    file!("style.css", Style),
    file!("live.js", Script, "/live.js"),
    file!("shared.js", Worker),
    file!("charts.js", Script),
    file!("document.js", Script),
    file!("embed.js", Script),
    file!("figures.js", Script),
    file!("format.js", Script),
    file!("library.js", Script),
    file!("lobby.js", Script),
    file!("page.js", Script),
    file!("panels.js", Script),
    file!("rankings.js", Script),
    file!("report-words.js", Script),
    file!("report.js", Script),
    file!("start.js", Script),
    file!("today.js", Script),
    file!("upgrade.js", Script),
    file!("visits.js", Script),
    file!("words.js", Script),
];

impl FileKind {
    /// Returns the media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Script | Self::Worker => "text/javascript; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
        }
    }
}

impl DashboardFile {
    /// Returns the content as it is served: without indentation and lines that are comments, which are for readers of
    /// the source. In the page, the version of all files replaces the placeholder.
    pub fn served_text(&self) -> String {
        match self.kind {
            FileKind::Page => {
                let version = version(&DASHBOARD_FILES, env!("CARGO_PKG_VERSION"));
                self.text.replace(VERSION_PLACEHOLDER, &version)
            }
            FileKind::Script | FileKind::Worker => condense(self.text, &["//", "/*", "* ", "*/"]),
            FileKind::Style => condense(self.text, &["/*"]),
        }
    }
}

/// Returns the lines that do not begin as a comment, without their indentation. No file has a text of several lines.
fn condense(text: &str, comments: &[&str]) -> String {
    let lines = text.split_inclusive('\n').map(str::trim_start);
    lines
        .filter(|line| !comments.iter().any(|beginning| line.starts_with(beginning)))
        .collect()
}

/// Returns 12 hexadecimal digits that change with the path or the content of any file, and with the gateway's version.
fn version(files: &[DashboardFile], gateway_version: &str) -> String {
    let mut hasher = Sha256::new();
    let texts = files.iter().flat_map(|file| [file.path, file.text]);
    for text in texts.chain([gateway_version]) {
        // The length keeps apart texts that would be equal when joined.
        hasher.update(text.len().to_be_bytes());
        hasher.update(text);
    }
    let digits = hasher.finalize();
    digits[..VERSION_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn list_has_every_file_of_the_folder() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboard");
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        let texts = entries.map(|entry| fs::read_to_string(entry.path()).unwrap());
        let in_folder: BTreeSet<String> = texts.collect();
        let listed: BTreeSet<String> = DASHBOARD_FILES.map(|file| file.text.to_owned()).into();
        assert!(in_folder == listed, "a file of {folder} is not in the list");
        assert_eq!(listed.len(), DASHBOARD_FILES.len(), "two files are equal");
    }

    #[test]
    fn comments_and_indentation_are_not_served() {
        let served = |kind, text| {
            let path = "/dashboard/x";
            DashboardFile { path, kind, text }.served_text()
        };
        let script = "// a\nlet b; // c\n  /**\n   * d\n   */\n  e();\n";
        assert_eq!(served(FileKind::Script, script), "let b; // c\ne();\n");
        let style = "/* a */\n* { b }\n";
        assert_eq!(served(FileKind::Style, style), "* { b }\n");
    }

    #[test]
    fn version_depends_on_every_file_and_on_the_gateway() {
        let files = DASHBOARD_FILES;
        let mut versions = BTreeSet::from([version(&files, "1.0.0"), version(&files, "1.0.1")]);
        for index in 0..files.len() {
            let mut other = files;
            other[index].text = "another text";
            versions.insert(version(&other, "1.0.0"));
            other[index] = files[index];
            other[index].path = "/another";
            versions.insert(version(&other, "1.0.0"));
        }
        assert_eq!(versions.len(), 2 + 2 * files.len());
        assert_eq!(version(&files, "1.0.0"), version(&files, "1.0.0"));
        let is_short_hex =
            |text: &String| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(versions.iter().all(is_short_hex), "{versions:?}");
    }

    #[test]
    fn version_is_in_the_page_and_in_no_other_file() {
        let text = r#"<meta name="version" content="{{version}}">"#;
        let served = |kind| {
            DashboardFile {
                path: "/",
                kind,
                text,
            }
            .served_text()
        };
        let version = version(&DASHBOARD_FILES, env!("CARGO_PKG_VERSION"));
        let expected = format!(r#"<meta name="version" content="{version}">"#);
        assert_eq!(served(FileKind::Page), expected);
        assert_eq!(served(FileKind::Script), text);
    }
}
