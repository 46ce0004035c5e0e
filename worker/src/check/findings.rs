//! What a look has found: each finding is a line for a person and an object for a machine.

use serde::Serialize;
use serde_json::Value;
use shared::time::Timestamp;
use std::process::ExitCode;

/// How it is. The worst one is the verdict of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and would be better otherwise.
    Advice,
    /// The worker cannot do its work.
    Broken,
}

impl Verdict {
    /// The exit status that tells it.
    pub fn status(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Ok => 0,
            Self::Broken => 1,
            Self::Advice => 2,
        })
    }
}

/// Headings, in the order of the report.
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
    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Database => "Database",
            Self::Tables => "Tables",
            Self::Figures => "Figures: how they are read, and what that costs here",
            Self::Clock => "Clock and zone",
            Self::Dates => "Dates",
            Self::Redis => "Redis",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Under which heading.
    pub topic: Topic,
    /// What was looked at, in a word or two: `visitor_count`.
    pub about: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen.
    pub what: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// Statements for the owner of the database to run.
    pub run: Vec<String>,
    /// The same for machines; `null` where `what` says it all.
    pub details: Value,
}

impl Finding {
    /// That something is as it should be.
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

    /// Makes it something to do.
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Advice,
            advice: Some(advice.into()),
            ..self
        }
    }

    /// Makes it something without which the worker cannot work.
    pub fn broken(self, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Broken,
            ..self.advise(advice)
        }
    }

    /// Adds statements to run.
    pub fn run(self, statements: impl IntoIterator<Item = String>) -> Self {
        Self {
            run: statements.into_iter().collect(),
            ..self
        }
    }

    /// Adds what a machine may want.
    pub fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }
}

/// All that was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The worst of all.
    pub verdict: Verdict,
    /// Of this worker.
    pub version: &'static str,
    /// When.
    pub checked_at: Timestamp,
    /// In the order of the headings.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Of these findings.
    pub fn of(checked_at: Timestamp, findings: Vec<Finding>) -> Self {
        let verdict = findings.iter().map(|finding| finding.verdict).max();
        Self {
            verdict: verdict.unwrap_or(Verdict::Ok),
            version: env!("CARGO_PKG_VERSION"),
            checked_at,
            findings,
        }
    }
}
