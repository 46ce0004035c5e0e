//! The access log of a real process.

use crate::fixture::SOON;
use crate::process::start;
use serde_json::Value;
use testkit::eventually::eventually;
use testkit::http::{Events, get, request};
use testkit::process::Process;

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The lines of the access log.
fn lines(process: &Process) -> Vec<Value> {
    let log = process.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["method"].is_string())
        .collect()
}

#[tokio::test]
async fn each_response_is_logged_with_its_request_id() {
    let (process, address) = start(&[("ACCESS_LOG", "on"), ("LOG_FORMAT", "json")]).await;
    let before = lines(&process).len();
    let weekly = "/api/visitors/weekly?token=secret";
    let parent = format!("traceparent: 00-{ID}-00f067aa0ba902b7-01");
    let answer = request(
        address,
        "GET",
        weekly,
        &["X-Request-Id: from-the-balancer", &parent],
    )
    .await;
    assert_eq!(answer.header("x-request-id"), Some("from-the-balancer"));
    let made = get(address, "/api/visitors/today").await;
    let made = made.header("x-request-id").unwrap().to_owned();
    let strange = request(
        address,
        "POST",
        "/wp-login.php",
        &["X-Request-Id: two words"],
    )
    .await;
    assert_ne!(strange.header("x-request-id"), Some("two words"));
    let stream = Events::open(address).await;
    assert!(
        stream
            .headers
            .iter()
            .any(|(name, _)| name == "x-request-id")
    );

    let lines = eventually("all are logged", SOON, async || {
        let lines = lines(&process).split_off(before);
        (lines.len() == 4).then_some(lines)
    })
    .await;
    let [first, second, third, fourth] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(first["message"], "GET /api/visitors/weekly 202");
    assert_eq!(first["path"], "/api/visitors/weekly");
    assert_eq!(first["status"], 202);
    assert_eq!(first["bytes"], answer.body.len());
    assert_eq!(first["request_id"], "from-the-balancer");
    assert_eq!(first["trace_id"], ID);
    assert_eq!(second["request_id"], made);
    assert_eq!(second["trace_id"], Value::Null);
    assert_eq!(
        (&third["path"], &third["status"]),
        (&"other".into(), &404.into())
    );
    assert_eq!(fourth["path"], "/api/visitors/today/stream");
    let log = process.log();
    for strange in ["secret", "wp-login", "two words", "127.0.0.1:"] {
        let found = log
            .lines()
            .find(|line| line.contains(strange) && line.contains("method"));
        assert_eq!(found, None, "{strange}");
    }
}

#[tokio::test]
async fn access_log_is_off_by_default() {
    let (process, address) = start(&[("LOG_FORMAT", "json")]).await;
    let answer = request(address, "GET", "/livez", &["X-Request-Id: a"]).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (200, None));
    assert_eq!(lines(&process).len(), 0);
}
