//! The findings of a check. Each one is a line of text for people and a JSON object for machines.

use serde::Serialize;
use serde_json::Value;
use shared::time::Timestamp;
use std::process::ExitCode;

/// How serious a finding is. The verdict of a report is that of its worst finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but could be better.
    Advice,
    /// The worker cannot work.
    Broken,
}

impl Verdict {
    /// The exit status of `worker check`: 0, 1 for broken, 2 for advice.
    pub fn status(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Ok => 0,
            Self::Broken => 1,
            Self::Advice => 2,
        })
    }
}

/// The headings of a report, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the titles below describe each")]
pub enum Topic {
    Database,
    Tables,
    Figures,
    Clock,
    Dates,
    Redis,
}

impl Topic {
    /// The text of the heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Database => "Database",
            Self::Tables => "Tables",
            Self::Figures => "Figures: how they are read, and how long that takes",
            Self::Clock => "Clock and time zone",
            Self::Dates => "Dates",
            Self::Redis => "Redis",
        }
    }
}

/// One thing that was checked.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The heading that it belongs to.
    pub topic: Topic,
    /// The thing that was checked, in a word or two: `visitor_count`.
    pub about: String,
    /// How serious it is.
    pub verdict: Verdict,
    /// What the check saw.
    pub what: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// SQL statements that the owner of the database should run.
    pub run: Vec<String>,
    /// The same as JSON; `null` when `what` says everything.
    pub details: Value,
}

impl Finding {
    /// A finding that something is as it should be.
    pub fn ok(topic: Topic, about: &str, what: impl Into<String>) -> Self {
        Self {
            topic,
            about: about.to_owned(),
            verdict: Verdict::Ok,
            what: what.into(),
            advice: None,
            run: Vec::new(),
            details: Value::Null,
        }
    }

    /// Turns the finding into advice.
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Advice,
            advice: Some(advice.into()),
            ..self
        }
    }

    /// Turns the finding into a fault without whose repair the worker cannot work.
    pub fn broken(self, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Broken,
            ..self.advise(advice)
        }
    }

    /// Sets the SQL statements to run.
    pub fn run(self, statements: impl IntoIterator<Item = String>) -> Self {
        Self {
            run: statements.into_iter().collect(),
            ..self
        }
    }

    /// Sets the details for machines.
    pub fn with_details(self, details: Value) -> Self {
        Self { details, ..self }
    }
}

/// All findings of one check.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The verdict of the worst finding.
    pub verdict: Verdict,
    /// The version of this worker.
    pub version: &'static str,
    /// When the check was made.
    pub checked_at: Timestamp,
    /// In the order of the headings.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report of these findings, which are in the order of the headings.
    pub fn new(checked_at: Timestamp, findings: Vec<Finding>) -> Self {
        let verdict = findings.iter().map(|finding| finding.verdict).max();
        Self {
            verdict: verdict.unwrap_or(Verdict::Ok),
            version: env!("CARGO_PKG_VERSION"),
            checked_at,
            findings,
        }
    }
}
