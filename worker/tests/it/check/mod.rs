//! Tests of `worker check` on real servers, healthy and faulty.

mod read_only;
mod redis;
mod servers;
mod tables;
mod writers;

use crate::fixture::{Fixture, SOON};
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Value};
use shared::time::Clock;
use std::process::{Command, Output};
use testkit::eventually::eventually;
use testkit::schema::{Engine, Shape};
use worker::check::check;
use worker::check::findings::{Finding, Report, Verdict};
use worker::check::report::text;

pub(crate) const INDEXED: Shape = Shape {
    engine: Engine::InnoDb,
    room_code: true,
    loan_history: true,
    date_index: true,
};
/// A finding that depends on how busy this machine is.
const ROUND_TRIP: &str = "round trip";
/// The worker must never print this password.
const PASSWORD: &str = "reads-only";

/// A library at the real time, without the dirty dates of the generator.
pub(crate) async fn healthy(shape: Shape) -> Fixture {
    let zone = chrono_tz::Asia::Jakarta;
    let now = Clock::system().now().utc().with_timezone(&zone);
    let now = now.naive_local().format("%Y-%m-%dT%H:%M:%S").to_string();
    let mut fixture = Fixture::new(zone.name(), &now, shape).await;
    fixture.clock = Clock::system();
    // So that slow counts on a busy machine get no advice.
    fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "60000");
    // So that a check that needed two connections at once would fail.
    fixture.set("MYSQL_POOL_LIMIT", "2");
    for (table, column) in [("visitor_count", "checkin_date"), ("loan", "loan_date")] {
        fixture.sql(&format!(
            "DELETE FROM {table} WHERE {column} > '{now}' OR MONTH({column}) = 0 OR DAYOFMONTH({column}) = 0"
        ))
        .await;
    }
    fixture
}

impl Fixture {
    /// Checks, and again while round trips are long, because this machine is busy.
    pub(crate) async fn check(&self) -> Report {
        eventually("a check while round trips are short", SOON, async || {
            let report = self.check_once().await;
            let mut findings = report.findings.iter();
            let is_busy = |it: &Finding| it.about == ROUND_TRIP && it.verdict != Verdict::Ok;
            (!findings.any(is_busy)).then_some(report)
        })
        .await
    }

    pub(crate) async fn check_once(&self) -> Report {
        let report = check(&self.config(), &self.clock).await;
        let texts = [
            text(&report, false),
            serde_json::to_string(&report).unwrap(),
        ];
        for text in texts {
            self.assert_discreet(&text);
        }
        report
    }

    pub(crate) fn worker_check(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.arg("check").args(arguments).env_clear();
        command.envs(self.environment());
        let output = command.output().unwrap();
        for stream in [&output.stdout, &output.stderr] {
            self.assert_discreet(&String::from_utf8_lossy(stream));
        }
        output
    }

    /// Asserts that a text holds no secret and no member's name.
    fn assert_discreet(&self, text: &str) {
        assert!(
            !text.contains(PASSWORD) && !text.contains("hunter2"),
            "{text}"
        );
        for member in &self.library.members {
            let name = &*member.member_name;
            assert!(name.len() < 6 || !text.contains(name), "{name} in {text}");
        }
    }

    /// Executes a command for which the client has no function.
    pub(crate) async fn redis_command(&self, command: &'static str, arguments: &[&str]) -> Value {
        let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        self.redis.custom(command, arguments).await.unwrap()
    }
}

/// Returns the first finding about something.
#[track_caller]
pub(crate) fn about<'a>(report: &'a Report, about: &str) -> &'a Finding {
    let found = report
        .findings
        .iter()
        .filter(|finding| finding.about == about);
    let found: Vec<&Finding> = found.collect();
    // Two tables have two findings: one about the table, one about its dates.
    assert!(
        !found.is_empty(),
        "{about} is not in\n{}",
        text(report, false)
    );
    found[0]
}

/// The names of everything with advice or a fault.
pub(crate) fn complaints(report: &Report) -> Vec<&str> {
    let faulty = report
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Ok);
    faulty.map(|finding| finding.about.as_str()).collect()
}

#[track_caller]
pub(crate) fn assert_complaints(report: &Report, wanted: &[&str]) {
    assert_eq!(complaints(report), wanted, "{}", text(report, false));
}

#[tokio::test]
async fn a_healthy_library_gets_no_advice() {
    for shape in [
        INDEXED,
        Shape {
            engine: Engine::MyIsam,
            ..INDEXED
        },
        Shape {
            engine: Engine::Aria,
            ..INDEXED
        },
    ] {
        let fixture = healthy(shape).await;
        if shape.engine == Engine::Aria && fixture.mariadb.is_mysql() {
            continue;
        }
        let report = fixture.check().await;
        assert_complaints(&report, &[]);
        let output = eventually("a check while round trips are short", SOON, async || {
            let output = fixture.worker_check(&[]);
            let text = String::from_utf8_lossy(&output.stdout);
            (!text.contains(&format!("! {ROUND_TRIP}"))).then_some(output)
        })
        .await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(
            output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            text.contains(&shape.engine.to_string())
                && text.ends_with("Everything is fine: start the worker.\n"),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "colours are for terminals");
    }
}

#[tokio::test]
async fn text_and_json_have_the_same_findings() {
    let fixture = healthy(INDEXED).await;
    fixture
        .sql("ALTER TABLE loan RENAME COLUMN item_code TO code")
        .await;
    let output = fixture.worker_check(&["--json"]);
    assert_eq!(output.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["verdict"], "advice");
    let text = String::from_utf8(fixture.worker_check(&[]).stdout).unwrap();
    for finding in json["findings"].as_array().unwrap() {
        let mark = match finding["verdict"].as_str().unwrap() {
            "ok" => '✓',
            "advice" => '!',
            _ => '✗',
        };
        let about = finding["about"].as_str().unwrap();
        assert!(
            text.contains(&format!("{mark} {about}")),
            "{mark} {about} is not in\n{text}"
        );
    }
}
