//! What was measured: a table for people, JSON for machines. It tells figures and never judges them.

use crate::measure::{Rounds, Spread};
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// All rows of a run, in order.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// What one must know to compare it with another run.
    pub circumstances: Vec<(String, String)>,
    rows: Vec<Row>,
}

/// One figure of ours, with what it is compared with.
#[derive(Debug, Serialize)]
pub struct Row {
    part: String,
    what: String,
    unit: &'static str,
    ours: Option<Spread>,
    goal: &'static str,
    against: Vec<Comparison>,
    note: String,
}

#[derive(Debug, Serialize)]
struct Comparison {
    name: &'static str,
    figure: Option<Spread>,
    ratio: Option<Spread>,
}

impl Row {
    /// A figure of ours alone.
    pub fn new(
        part: impl Into<String>,
        what: impl Into<String>,
        unit: &'static str,
        ours: &Rounds,
    ) -> Self {
        Self {
            part: part.into(),
            what: what.into(),
            unit,
            ours: ours.spread(),
            goal: "",
            against: Vec::new(),
            note: String::new(),
        }
    }

    /// What the issue asks for.
    pub fn goal(mut self, goal: &'static str) -> Self {
        self.goal = goal;
        self
    }

    /// The same figure of a control, and the ratio ours / theirs, round by round.
    pub fn against(mut self, name: &'static str, ours: &Rounds, theirs: &Rounds) -> Self {
        self.against.push(Comparison {
            name,
            figure: theirs.spread(),
            ratio: ours.ratios(theirs).spread(),
        });
        self
    }

    /// What else is worth knowing of it.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

impl Report {
    /// Adds a row.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Tells why a part has no figures: those of the others are worth having all the same.
    pub fn add_failure(&mut self, part: &str, error: &anyhow::Error) {
        let row = Row::new("not measured", part, "", &Rounds::default());
        self.add(row.note(format!("{error:#}")));
    }

    /// Median, and from the lowest to the highest round.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.circumstances {
            let _ = writeln!(text, "{name}: {value}");
        }
        let mut part = "";
        for row in &self.rows {
            if row.part != part {
                part = &row.part;
                let _ = writeln!(text, "\n{part}");
            }
            let _ = writeln!(
                text,
                "  {:<52} {:>28} {:<9} {}",
                row.what,
                figure(row.ours),
                row.unit,
                goal(row.goal),
            );
            for Comparison {
                name,
                figure: theirs,
                ratio,
            } in &row.against
            {
                let _ = writeln!(
                    text,
                    "  {:>52} {:>28} {:<9} ours / {name} = {}",
                    format!("({name})"),
                    figure(*theirs),
                    row.unit,
                    figure(*ratio),
                );
            }
            if !row.note.is_empty() {
                let _ = writeln!(text, "      {}", row.note);
            }
        }
        text
    }

    /// Writes the JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("writing the report")?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).context("making a folder for the report")?;
        }
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }
}

fn goal(goal: &str) -> String {
    match goal {
        "" => String::new(),
        goal => format!("goal {goal}"),
    }
}

fn figure(spread: Option<Spread>) -> String {
    let Some(Spread { median, low, high }) = spread else {
        return "-".to_owned();
    };
    if low == high {
        return short(median);
    }
    format!("{} ({} - {})", short(median), short(low), short(high))
}

/// Three digits that count.
fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{number:.3}"),
    }
}
