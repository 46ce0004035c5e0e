//! What is wanted of a run.

use clap::{Args, ValueEnum};
use loadkit::library::size::Count;
use std::fmt;
use std::path::PathBuf;
use testkit::schema::Engine;

/// What is wanted of a run.
#[derive(Args)]
pub(crate) struct Wishes {
    /// Visits, and as many loans, such as 1M or 1M,10M,50M: one after the other, and what grows with them.
    #[arg(
        long,
        value_name = "ROWS",
        value_delimiter = ',',
        default_value = "10M"
    )]
    rows: Vec<Count>,
    /// The engine of every table.
    #[arg(long, value_enum, default_value_t = Engines::Both)]
    engine: Engines,
    /// This part alone; may be given several times.
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Part>,
    /// A million rows (unless --rows says more), short looks and few of them: to see that it works, not what it is worth.
    #[arg(long)]
    pub(crate) quick: bool,
    /// How many full regenerations and starts are measured, after one that warms up.
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// A statement of plain SQL is stopped after so many seconds, and counts as that.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) cap: u32,
    /// Where libraries are kept from run to run; by default bench/libraries in the build's folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keeps libraries of more than 10M rows too, which take tens of gigabytes and are else removed when measured.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum Engines {
    InnoDb,
    MyIsam,
    Both,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// All daily figures at once, pauses off: time, rows that the database reads, memory.
    Refresh,
    /// The same figures as an ORM would ask for them.
    Naive,
    /// From the start of the worker to all snapshots, and its memory when it idles.
    Start,
    /// A tick of mode `delta` at the end of a day of 12 hours, while people check in.
    Ticks,
    /// How long check-ins wait while the daily figures are made, beside a quiet time.
    Waits,
    /// What share of one connection the fast loop takes, for counts of 1 ms, 100 ms and 2 s.
    Share,
    /// A university of ten years, from the start to all snapshots.
    University,
    /// The same from 1, 5 and 30 ms away from MySQL, each way, and how long the server worked for a statement.
    Latency,
}

impl Wishes {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether anything is wanted of the libraries of `--rows`.
    pub(crate) fn wants_main(&self) -> bool {
        !self.parts(false).is_empty() || !self.parts(true).is_empty()
    }

    /// Those that are measured with, or without, indexes on the dates, in order.
    pub(crate) fn parts(&self, indexed: bool) -> Vec<Part> {
        let all = Part::value_variants().iter().copied();
        all.filter(|part| self.wants(*part))
            .filter(|part| match part {
                Part::Refresh | Part::Naive | Part::Start => true,
                // Where the indexes are missing it is hardest.
                Part::Ticks | Part::Waits | Part::Share => !indexed,
                Part::University | Part::Latency => false,
            })
            .collect()
    }

    /// Smaller ones first.
    pub(crate) fn sizes(&self) -> Vec<Count> {
        let mut sizes = self.rows.clone();
        if self.quick && sizes == [Count(10_000_000)] {
            sizes = vec![Count(1_000_000)];
        }
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    pub(crate) fn engines(&self) -> Vec<Engine> {
        match self.engine {
            Engines::InnoDb => vec![Engine::InnoDb],
            Engines::MyIsam => vec![Engine::MyIsam],
            Engines::Both => vec![Engine::InnoDb, Engine::MyIsam],
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}
