//! `LIBRARY_FILE`: what `/api/library` and `/logo` serve, and what happens when the file changes or is invalid.

use crate::fixture::{Fixture, SOON};
use crate::process::start;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use testkit::eventually::eventually;
use testkit::http::{Response, request};

const EXAMPLE: &str = include_str!("../../docs/library.json");
const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><title>one</title></svg>";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const PATH: &str = "/api/library";

/// A gateway with a folder that an operator edits.
struct Site {
    folder: TempDir,
    fixture: Fixture,
}

impl Site {
    /// Starts with these files. The gateway's `LIBRARY_FILE` is `library.json`.
    async fn start(files: &[(&str, &[u8])], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let path = folder.path().join("library.json");
        let mut variables = variables.to_vec();
        variables.push(("LIBRARY_FILE", path.to_str().unwrap()));
        let often = |config: &mut gateway::config::Config| {
            config.limits.library_check = Duration::from_millis(20);
        };
        let fixture = Fixture::with(&variables, often).await;
        Self { folder, fixture }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Waits until `/api/library` serves `expected`.
    async fn shows(&self, expected: &Value) -> Response {
        eventually(&format!("{expected} is served"), SOON, async || {
            let answer = self.fixture.get(PATH).await;
            assert_eq!(answer.status, 200);
            (answer.json() == *expected).then_some(answer)
        })
        .await
    }

    /// Waits until `/health` reports a problem with the file that contains `expected`.
    async fn reports(&self, expected: &str) {
        eventually(&format!("{expected} is reported"), SOON, async || {
            let error = self.error().await?;
            error.contains(expected).then_some(())
        })
        .await;
    }

    async fn error(&self) -> Option<String> {
        let health = self.fixture.get("/health").await.json();
        let error = health["errors"].get("library_file")?;
        Some(error.as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn without_a_file_the_information_is_an_empty_object() {
    let fixture = Fixture::start().await;
    let answer = fixture.get(PATH).await;
    assert_eq!((answer.status, answer.text()), (200, "{}"));
    assert_eq!(fixture.get("/logo").await.status, 404);
    let health = fixture.get("/health").await.json();
    assert!(health["errors"].get("library_file").is_none());
}

#[tokio::test]
async fn content_is_served_from_the_first_request_with_its_headers() {
    let files = [
        ("library.json", EXAMPLE.as_bytes()),
        ("logo.svg", SVG.as_bytes()),
    ];
    let site = Site::start(&files, &[]).await;
    let answer = site.fixture.get(PATH).await;
    assert_eq!(
        answer.json(),
        serde_json::from_str::<Value>(EXAMPLE).unwrap()
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
    let tag = format!("If-None-Match: {}", answer.header("etag").unwrap());
    for method in ["GET", "HEAD"] {
        let again = request(site.fixture.address, method, PATH, &[&tag]).await;
        assert_eq!(again.status, 304);
        assert_eq!(again.header("cache-control"), Some("no-cache"));
    }
    assert_eq!(site.error().await, None);
}

#[tokio::test]
async fn fields_keep_the_order_of_the_contract_whatever_their_order_in_the_file() {
    let file = br#"{"notices":[], "name" : "A", "closed":[{"reason":"r","date":"2025-12-25"}]}"#;
    let site = Site::start(&[("library.json", file)], &[]).await;
    let answer = site.fixture.get(PATH).await;
    let expected = r#"{"name":"A","closed":[{"date":"2025-12-25","reason":"r"}],"notices":[]}"#;
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn long_content_is_encoded() {
    let text = "Perpustakaan tutup. ".repeat(49);
    let notices = json!({ "notices": [{ "text": text }, { "text": text }] });
    let site = Site::start(&[("library.json", notices.to_string().as_bytes())], &[]).await;
    for coding in ["gzip", "br"] {
        let accept = format!("Accept-Encoding: {coding}");
        let answer = request(site.fixture.address, "GET", PATH, &[&accept]).await;
        assert_eq!(answer.header("content-encoding"), Some(coding));
    }
}

/// With the interval of production.
#[tokio::test]
async fn change_is_served_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library.json");
    fs::write(&path, r#"{"name":"A"}"#).unwrap();
    let variables = [("LIBRARY_FILE", path.to_str().unwrap())];
    let fixture = Fixture::with(&variables, |_| ()).await;
    let before = fixture.get(PATH).await;
    assert_eq!(before.text(), r#"{"name":"A"}"#);
    fs::write(&path, r#"{"name":"B"}"#).unwrap();
    let after = fixture.shows(PATH, r#"{"name":"B"}"#).await;
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn replaced_file_is_served_even_if_its_time_and_size_are_equal() {
    let site = Site::start(&[("library.json", br#"{"name":"A"}"#)], &[]).await;
    let time = fs::metadata(site.path("library.json"))
        .unwrap()
        .modified()
        .unwrap();
    site.write("new", r#"{"name":"B"}"#);
    let new = fs::File::options()
        .write(true)
        .open(site.path("new"))
        .unwrap();
    new.set_modified(time).unwrap();
    fs::rename(site.path("new"), site.path("library.json")).unwrap();
    site.shows(&json!({ "name": "B" })).await;
}

/// The tests of the parser name every kind of error.
#[tokio::test]
async fn invalid_file_keeps_the_last_good_version_and_is_reported() {
    let files = [
        ("library.json", &br#"{"name":"A","logo":"logo.svg"}"#[..]),
        ("logo.svg", SVG.as_bytes()),
    ];
    let site = Site::start(&files, &[]).await;
    let good = json!({ "name": "A", "logo": "logo.svg" });
    let large = format!(r#"{{"name":"B"{}}}"#, " ".repeat(64 << 10));
    for (bad, reported) in [
        (&b"{"[..], "the file is invalid: EOF while parsing"),
        (
            b"{\"name\":\"\xe9\"}",
            "the file is invalid: it is not UTF-8",
        ),
        (br#"{"nama":"B"}"#, "the file is invalid: unknown field"),
        (br#"{"name":7}"#, "the file is invalid: invalid type"),
        (
            br#"{"hours":[{"weekday":8}]}"#,
            "the file is invalid: hours, row 1: weekday",
        ),
        (
            br#"{"hours":[{"weekday":1,"open":"8"}]}"#,
            "the file is invalid: hours, row 1: open is not a time",
        ),
        (
            br#"{"hours":[{"weekday":1,"open":"16:00","close":"08:00"}]}"#,
            "the file is invalid: hours, row 1: open is not earlier than close",
        ),
        (
            br#"{"closed":[{"date":"2025-02-30"}]}"#,
            "the file is invalid: closed, row 1: date",
        ),
        (
            br#"{"notices":[{"text":""}]}"#,
            "the file is invalid: notices, row 1: text is empty",
        ),
        (large.as_bytes(), "the file is larger than 64 KiB"),
    ] {
        site.write("library.json", bad);
        site.reports(reported).await;
        assert_eq!(site.fixture.get(PATH).await.json(), good);
        assert_eq!(site.fixture.get("/logo").await.text(), SVG);
    }
    fs::remove_file(site.path("library.json")).unwrap();
    site.reports("the file cannot be read (No such file").await;
    fs::create_dir(site.path("library.json")).unwrap();
    site.reports("the file is not a regular file").await;
    assert_eq!(site.fixture.get(PATH).await.json(), good);
    fs::remove_dir(site.path("library.json")).unwrap();

    site.write("library.json", "{}");
    site.shows(&json!({})).await;
    assert_eq!(site.error().await, None);
}

#[tokio::test]
async fn gateway_starts_without_the_file_and_serves_it_later() {
    let site = Site::start(&[], &[]).await;
    site.reports("the file cannot be read (No such file").await;
    assert_eq!(site.fixture.get(PATH).await.text(), "{}");
    site.write("library.json", r#"{"name":"A"}"#);
    site.shows(&json!({ "name": "A" })).await;
    assert_eq!(site.error().await, None);
}

#[tokio::test]
async fn each_new_reason_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("library.json");
    fs::write(&path, "{").unwrap();
    let (process, address) = start(&[("LIBRARY_FILE", path.to_str().unwrap())]).await;
    for (content, reported) in [("[", Some("EOF while parsing a list")), ("{}", None)] {
        fs::write(&path, content).unwrap();
        eventually("the change is seen", SOON, async || {
            let health = testkit::http::get(address, "/health").await.json();
            let error = health["errors"].get("library_file").cloned();
            let error = error.map(|error| error.as_str().unwrap().to_owned());
            match (&error, reported) {
                (Some(error), Some(reported)) => error.contains(reported).then_some(()),
                (error, reported) => (error.is_none() && reported.is_none()).then_some(()),
            }
        })
        .await;
    }
    let log = process.log();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        lines("cannot be used: the file is invalid: EOF while parsing an object"),
        1,
        "{log}"
    );
    assert_eq!(
        lines("cannot be used: the file is invalid: EOF while parsing a list"),
        1,
        "{log}"
    );
    assert_eq!(lines("read the library's information"), 1, "{log}");
}

#[tokio::test]
async fn logo_is_served_under_its_own_policy() {
    let files = [
        ("library.json", &br#"{"logo":"logo.svg"}"#[..]),
        ("logo.svg", SVG.as_bytes()),
        // Its name does not matter.
        ("picture", PNG),
    ];
    let site = Site::start(&files, &[]).await;
    let svg = site.fixture.get("/logo").await;
    assert_eq!((svg.status, svg.text()), (200, SVG));
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert_eq!(svg.header("cache-control"), Some("no-cache"));
    assert_eq!(svg.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        svg.header("content-security-policy"),
        Some("default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'")
    );
    let tag = format!("If-None-Match: {}", svg.header("etag").unwrap());
    let again = request(site.fixture.address, "GET", "/logo", &[&tag]).await;
    assert_eq!(again.status, 304);

    // The logo changes and the file does not.
    let changed = SVG.replace("one", "two");
    site.write("logo.svg", &changed);
    site.fixture.shows("/logo", &changed).await;

    site.write("library.json", r#"{"logo":"picture"}"#);
    site.shows(&json!({ "logo": "picture" })).await;
    let png = site.fixture.get("/logo").await;
    assert_eq!(
        (png.body.as_slice(), png.header("content-type")),
        (PNG, Some("image/png"))
    );

    site.write("library.json", "{}");
    site.shows(&json!({})).await;
    assert_eq!(site.fixture.get("/logo").await.status, 404);
}

#[tokio::test]
async fn invalid_logo_makes_the_file_invalid() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.svg");
    fs::write(&secret, SVG).unwrap();
    let large = format!("<svg>{}</svg>", " ".repeat(64 << 10));
    let files = [
        ("library.json", &b"{}"[..]),
        ("page.svg", b"<html><svg></svg></html>"),
        ("large.svg", large.as_bytes()),
        ("picture.gif", b"GIF89a"),
    ];
    let site = Site::start(&files, &[]).await;
    symlink(&secret, site.path("link.svg")).unwrap();
    symlink(outside.path(), site.path("folder")).unwrap();
    let escape = format!(
        "../{}/secret.svg",
        outside.path().file_name().unwrap().display()
    );
    for (logo, reported) in [
        ("none.svg", "the logo cannot be read (No such file"),
        ("page.svg", "the logo is neither SVG nor PNG"),
        ("picture.gif", "the logo is neither SVG nor PNG"),
        ("large.svg", "the logo is larger than 64 KiB"),
        ("folder", "the logo is a link to another folder"),
        ("link.svg", "the logo is a link to another folder"),
        (
            "folder/secret.svg",
            "the logo is not the name of a file in the same folder",
        ),
        (
            &escape,
            "the logo is not the name of a file in the same folder",
        ),
        (
            secret.to_str().unwrap(),
            "the logo is not the name of a file in the same folder",
        ),
        (
            "..",
            "the logo is not the name of a file in the same folder",
        ),
    ] {
        // Another reason before each, so that the report is that of this logo.
        site.write("library.json", "{");
        site.reports("the file is invalid").await;
        site.write("library.json", json!({ "logo": logo }).to_string());
        site.reports(reported).await;
        assert_eq!(site.fixture.get("/logo").await.status, 404, "{logo}");
        assert_eq!(site.fixture.get(PATH).await.text(), "{}", "{logo}");
    }
}

/// A volume of Kubernetes replaces all files at once, by one link.
#[tokio::test]
async fn files_behind_a_link_within_the_folder_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (version, title) in [("..1", "one"), ("..2", "two")] {
        fs::create_dir(path(version)).unwrap();
        let file = json!({ "name": title, "logo": "logo.svg" });
        fs::write(path(version).join("library.json"), file.to_string()).unwrap();
        fs::write(path(version).join("logo.svg"), SVG.replace("one", title)).unwrap();
    }
    symlink("..1", path("..data")).unwrap();
    symlink("..data/library.json", path("library.json")).unwrap();
    symlink("..data/logo.svg", path("logo.svg")).unwrap();
    let file = path("library.json");
    let fixture = Fixture::with(&[("LIBRARY_FILE", file.to_str().unwrap())], |_| ()).await;
    assert_eq!(fixture.get("/logo").await.text(), SVG);

    symlink("..2", path("..new")).unwrap();
    fs::rename(path("..new"), path("..data")).unwrap();
    fixture
        .shows(PATH, r#"{"name":"two","logo":"logo.svg"}"#)
        .await;
    assert_eq!(fixture.get("/logo").await.text(), SVG.replace("one", "two"));
}

#[tokio::test]
async fn disabled_dashboard_disables_only_the_logo() {
    let files = [
        ("library.json", &br#"{"logo":"logo.svg"}"#[..]),
        ("logo.svg", SVG.as_bytes()),
    ];
    let site = Site::start(&files, &[("ENABLE_DASHBOARD", "false")]).await;
    assert_eq!(site.fixture.get("/logo").await.status, 404);
    assert_eq!(
        site.fixture.get(PATH).await.json(),
        json!({ "logo": "logo.svg" })
    );
}

#[test]
fn readme_shows_the_example() {
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("```json\n{EXAMPLE}```\n")));
}
