//! The dashboard: its files, their headers, and which pages may show it in a frame.

use crate::fixture::Fixture;
use gateway::http::dashboard_files::{DASHBOARD_FILES, FileKind};
use gateway::http::resource::Resource;
use testkit::http::request;

/// The directives of a response's policy.
fn policy(answer: &testkit::http::Response) -> Vec<&str> {
    let policy = answer.header("content-security-policy").unwrap();
    policy.split("; ").collect()
}

#[tokio::test]
async fn every_file_is_served_and_must_be_revalidated() {
    let fixture = Fixture::start().await;
    for file in DASHBOARD_FILES {
        let path = file.path;
        let answer = fixture.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let content_type = answer.header("content-type");
        assert_eq!(content_type, Some(file.kind.content_type()), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
        assert!(!answer.text().contains("{{version}}"), "{path}");
        assert_eq!(answer.text(), file.served_text(), "{path}");
        let tag = format!("If-None-Match: {}", answer.header("etag").unwrap());
        let again = request(fixture.address, "GET", path, &[&tag]).await;
        assert_eq!(again.status, 304, "{path}");
    }
}

#[tokio::test]
async fn each_file_has_the_policy_of_its_kind() {
    let fixture = Fixture::start().await;
    for file in DASHBOARD_FILES {
        let answer = fixture.get(file.path).await;
        let directives = policy(&answer);
        let mut expected = vec!["default-src 'none'", "frame-ancestors 'none'"];
        match file.kind {
            FileKind::Page => expected.extend([
                "connect-src 'self'",
                "img-src 'self' data:",
                "worker-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
            ]),
            FileKind::Worker => expected.extend(["script-src 'self'", "connect-src 'self'"]),
            FileKind::Script | FileKind::Style => {}
        }
        for directive in &expected {
            assert!(
                directives.contains(directive),
                "{}: {directives:?}",
                file.path
            );
        }
        let sources = |name: &str| {
            directives
                .iter()
                .filter(|one| one.starts_with(name))
                .count()
        };
        let pages_own = match file.kind {
            FileKind::Page => {
                assert_eq!(sources("script-src 'self'"), 1);
                assert_eq!(sources("style-src 'self'"), 1);
                2
            }
            _ => 0,
        };
        assert_eq!(
            directives.len(),
            expected.len() + pages_own,
            "{directives:?}"
        );
    }
}

#[tokio::test]
async fn only_the_dashboard_may_be_shown_in_the_frame_of_an_allowed_page() {
    for (value, sources) in [
        ("", "'none'"),
        ("self", "'self'"),
        ("*", "*"),
        ("https://a.example", "https://a.example"),
        ("self,https://a.example", "'self' https://a.example"),
        (
            "https://a.example http://b.example:81",
            "https://a.example http://b.example:81",
        ),
    ] {
        let fixture = Fixture::with(&[("FRAME_ANCESTORS", value)], |_| ()).await;
        for resource in Resource::ALL {
            let path = resource.path();
            let answer = request(fixture.address, "HEAD", path, &[]).await;
            let ancestors = match path {
                "/" => sources,
                _ => "'none'",
            };
            let expected = format!("frame-ancestors {ancestors}");
            let directives = policy(&answer);
            assert!(
                directives.contains(&expected.as_str()),
                "{value}: {path}: {directives:?}"
            );
            assert!(answer.header("x-frame-options").is_none());
        }
        let none = fixture.get("/none").await;
        assert!(policy(&none).contains(&"frame-ancestors 'none'"));
    }
}

#[tokio::test]
async fn disabled_dashboard_has_no_file() {
    let fixture = Fixture::with(&[("ENABLE_DASHBOARD", "false")], |_| ()).await;
    for file in DASHBOARD_FILES {
        assert_eq!(fixture.get(file.path).await.status, 404, "{}", file.path);
    }
}
