//! Benchmark of the worker on a generated library: the daily pass, the start, the count of today's visitors, and how
//! long check-ins wait.

pub(crate) mod check_ins;
mod circulation;
mod daily_pass;
mod latency;
pub(crate) mod library;
pub(crate) mod process;
mod slow_log;
mod start;
mod ticks;

use crate::report;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use library::Library;
use process::WorkerSettings;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::generate::{Plan, Size, generate};
use testkit::mariadb::{MariaDb, MariaDbOptions};
use testkit::schema::Engine;
use testkit::server::Redis;

/// The visits of [`Size::University`] in a year.
const VISITS_PER_YEAR: u32 = 340_000;
/// The loans that are open.
const OPEN_LOANS: usize = 20_000;
/// Holds the indexes and most of the rows of ten years, like the memory of a small database server.
const BUFFER_POOL_MIB: u32 = 1024;

/// What to measure, and how long.
#[derive(Args)]
pub(crate) struct Options {
    /// The number of visits, rounded up to whole years of a university with 340,000 visits and 80,000 loans a year.
    #[arg(long, default_value_t = 3_400_000)]
    rows: u32,
    /// Short rounds: to see that it works.
    #[arg(long)]
    quick: bool,
    /// Measures only this part; may be given several times.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// The number of rounds of a daily pass and of a start, after one that warms up.
    #[arg(long)]
    rounds: Option<usize>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// All daily figures without pauses: duration and peak memory.
    Pass,
    /// From the start of the worker until every snapshot exists, and its memory when idle.
    Start,
    /// Counts of today's visitors at the end of a busy day, while visitors check in.
    Ticks,
    /// A round of the circulation, while nobody lends.
    Circulation,
    /// How long check-ins wait while the daily figures are computed.
    Waits,
    /// The start with a delay of some milliseconds between the worker and MySQL.
    Latency,
}

/// The private servers, and the values that all parts use.
struct Setup {
    maria: MariaDb,
    redis: Redis,
    rounds: usize,
    /// How long an idle worker rests before its memory is measured.
    idle_time: Duration,
    /// How long ticks are counted.
    tick_time: Duration,
    /// How long mode `delta` runs before its ticks are counted: it looks back over the last minute.
    delta_settle: Duration,
    /// The least time over which check-ins are made.
    check_in_time: Duration,
}

/// Runs the benchmark, and prints the figures.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let setup = Setup::start(options).await?;
    report::print_environment(setup.rounds);
    let libraries = load_libraries(&setup.maria, options).await?;
    for library in &libraries {
        for indexed in [false, true] {
            library.set_date_indexes(indexed).await?;
            let with = if indexed { "with" } else { "without" };
            let title = format!(
                "{} visits, {}, {with} date indexes",
                library.visits, library.engine
            );
            report::print_title(&title);
            for part in Part::value_variants() {
                let wanted = options.only.is_empty() || options.only.contains(part);
                // These hardly depend on the indexes.
                let once = matches!(part, Part::Circulation | Part::Waits | Part::Latency);
                if !wanted || (once && indexed) {
                    continue;
                }
                let result = match part {
                    Part::Pass => daily_pass::measure(&setup, library).await,
                    Part::Start => start::measure(&setup, library).await,
                    Part::Ticks => ticks::measure(&setup, library).await,
                    Part::Circulation => circulation::measure(&setup, library).await,
                    Part::Waits => check_ins::measure(&setup, library).await,
                    Part::Latency => latency::measure(&setup, library).await,
                };
                if let Err(error) = result {
                    report::print_failure(&format!("{part:?}"), &error);
                }
            }
        }
    }
    Ok(())
}

/// Generates one library, and loads it with each engine.
async fn load_libraries(maria: &MariaDb, options: &Options) -> Result<Vec<Library>> {
    let began = Instant::now();
    let plan = Plan {
        size: Size::University,
        years: options.rows.div_ceil(VISITS_PER_YEAR).max(1),
        now: library::now(),
        seed: 1,
        dirty: true,
    };
    println!("generating {} years of a university ...", plan.years);
    let rows = tokio::task::spawn_blocking(move || {
        let mut rows = generate(&plan);
        rows.leave_open(OPEN_LOANS);
        Arc::new(rows)
    });
    let rows = rows.await.context("generating a library")?;
    println!("generated in {:.0} s", began.elapsed().as_secs_f64());
    let mut libraries = Vec::new();
    for engine in [Engine::InnoDb, Engine::MyIsam] {
        let began = Instant::now();
        let library = Library::load(maria, engine, &rows).await?;
        let seconds = began.elapsed().as_secs_f64();
        println!("loaded into {engine} in {seconds:.0} s");
        libraries.push(library);
    }
    Ok(libraries)
}

impl Setup {
    async fn start(options: &Options) -> Result<Self> {
        let maria_options = MariaDbOptions {
            buffer_pool_mib: BUFFER_POOL_MIB,
            ..MariaDbOptions::default()
        };
        let (rounds, idle, tick, settle, check_in) = match options.quick {
            true => (2, 3, 10, 10, 15),
            false => (3, 10, 20, 65, 60),
        };
        let seconds = Duration::from_secs;
        Ok(Self {
            maria: MariaDb::start(&maria_options).await?,
            redis: Redis::start().await?,
            rounds: options.rounds.unwrap_or(rounds),
            idle_time: seconds(idle),
            tick_time: seconds(tick),
            delta_settle: seconds(settle),
            check_in_time: seconds(check_in),
        })
    }

    /// The settings of a worker that reads `library`.
    fn worker(&self, library: &Library) -> WorkerSettings {
        self.worker_at(self.maria.port(), library)
    }

    /// The same with another port of MySQL.
    fn worker_at(&self, mysql_port: u16, library: &Library) -> WorkerSettings {
        WorkerSettings::new(mysql_port, library, &self.redis)
    }
}
