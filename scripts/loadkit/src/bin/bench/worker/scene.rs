//! What every part needs: a library, a Redis, how long to look, and what is compared between libraries in the end.

use super::pace::Pace;
use super::wishes::Wishes;
use anyhow::Result;
use loadkit::library::kept::{DATABASE, Kept, READER};
use loadkit::library::size::Count;
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use loadkit::worker::Worker;
use testkit::schema::Engine;
use testkit::server::Redis;

/// The goals are of so many rows.
const OF_THE_GOALS: Count = Count(10_000_000);

/// A library with or without indexes on its dates.
pub(super) struct Scene<'a> {
    pub(super) library: &'a Kept,
    pub(super) redis: &'a Redis,
    pub(super) indexed: bool,
    pub(super) pace: Pace,
    /// Stands above its rows in the table.
    pub(super) name: String,
    pub(super) figures: Figures,
}

/// What is compared with the same of a library of another size.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    size: Count,
    engine: Engine,
    indexed: bool,
    /// Seconds of a full regeneration.
    pub(super) regeneration: Rounds,
    /// MiB at its peak.
    pub(super) peak: Rounds,
    /// p99 in milliseconds.
    pub(super) tick: Rounds,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        library: &'a Kept,
        redis: &'a Redis,
        name: &str,
        size: Count,
        indexed: bool,
        wishes: &Wishes,
    ) -> Self {
        let engine = library.engine;
        let with = if indexed { "with" } else { "without" };
        Self {
            library,
            redis,
            indexed,
            pace: Pace::of(wishes),
            name: format!("{name}, {engine}, {with} date indexes"),
            figures: Figures {
                size,
                engine,
                indexed,
                regeneration: Rounds::default(),
                peak: Rounds::default(),
                tick: Rounds::default(),
            },
        }
    }

    /// A worker on the library.
    pub(super) fn worker(&self) -> Result<Worker> {
        Worker::of(self.library.maria.port(), DATABASE, READER, self.redis)
    }

    /// A goal that is of ten million rows; none for fewer or more.
    pub(super) fn goal(&self, goal: &'static str) -> &'static str {
        if self.figures.size == OF_THE_GOALS {
            goal
        } else {
            ""
        }
    }
}

/// What one must know to compare it with another run.
pub(super) fn circumstances(wishes: &Wishes, report: &mut Report) {
    let rounds = Pace::of(wishes).rounds;
    let facts = [
        (
            "rounds",
            format!("{rounds} after one that warms up; median (lowest - highest)"),
        ),
        (
            "cores",
            std::thread::available_parallelism()
                .map_or(0, usize::from)
                .to_string(),
        ),
        (
            "kernel",
            crate::stage::read_line("/proc/sys/kernel/osrelease"),
        ),
        (
            "load of the machine at the start",
            crate::stage::read_line("/proc/loadavg"),
        ),
    ];
    for (name, value) in facts {
        report.circumstances.push((name.to_owned(), value));
    }
}

/// How the figures grow from the smallest library to each larger one of this run.
pub(super) fn growth(figures: &[Figures], report: &mut Report) {
    for large in figures {
        let small = figures.iter().filter(|small| {
            (small.engine, small.indexed) == (large.engine, large.indexed)
                && small.size < large.size
        });
        for small in small {
            let with = if large.indexed { "with" } else { "without" };
            let part = format!(
                "{} beside {}, {}, {with} date indexes",
                large.size, small.size, large.engine
            );
            let five = small.size == OF_THE_GOALS && large.size == Count(50_000_000);
            let fifty = small.size == Count(1_000_000) && large.size == Count(50_000_000);
            let rows = [
                (
                    "full regeneration, pauses off",
                    "s",
                    &large.regeneration,
                    &small.regeneration,
                    five,
                    "<= 5.5 x",
                ),
                (
                    "its memory at most",
                    "MiB",
                    &large.peak,
                    &small.peak,
                    five,
                    "<= 1.5 x",
                ),
                (
                    "delta tick, p99",
                    "ms",
                    &large.tick,
                    &small.tick,
                    fifty,
                    "<= 1.5 x",
                ),
            ];
            for (what, unit, ours, theirs, is_goal, goal) in rows {
                if ours.spread().is_some() && theirs.spread().is_some() {
                    let row = Row::new(part.as_str(), what, unit, ours);
                    let row = row.goal(if is_goal { goal } else { "" });
                    report.add(row.against("smaller", ours, theirs));
                }
            }
        }
    }
}
