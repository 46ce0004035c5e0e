//! What the worker costs the database and itself, on libraries of millions of rows, beside plain SQL.

mod latency;
mod naive;
mod pace;
mod plain_sql;
mod refresh;
mod scene;
mod share;
mod start;
mod ticks;
mod waits;
mod wishes;

use crate::{target, tell};
use anyhow::{Context as _, Result};
use loadkit::desk::wall_now;
use loadkit::library::kept::Kept;
use loadkit::library::size::{Count, Size};
use loadkit::measure::Rounds;
use loadkit::report::{Report, Row};
use scene::{Figures, Scene};
use std::path::PathBuf;
use testkit::schema::Engine;
use testkit::server::Redis;
use wishes::Part;
pub(crate) use wishes::Wishes;

/// Larger libraries take tens of gigabytes: they go when they have been measured.
const KEPT_UP_TO: Count = Count(10_000_000);

/// Runs it all and tells it, on a runtime of its own.
pub(crate) fn measure(wishes: &Wishes) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let mut run = Run {
        wishes,
        report: Report::default(),
        library: None,
        figures: Vec::new(),
    };
    runtime.context("making a runtime")?.block_on(run.play())?;
    tell(&run.report, "worker")
}

/// What a run holds.
struct Run<'a> {
    wishes: &'a Wishes,
    report: Report,
    /// Here, so that it is ended in good order whatever happens.
    library: Option<Kept>,
    figures: Vec<Figures>,
}

impl Run<'_> {
    async fn play(&mut self) -> Result<()> {
        scene::circumstances(self.wishes, &mut self.report);
        let played = tokio::select! {
            played = self.measure_all() => played,
            interrupted = tokio::signal::ctrl_c() => match interrupted {
                Ok(()) => Err(anyhow::anyhow!("interrupted")),
                Err(error) => Err(error.into()),
            },
        };
        if let Some(library) = self.library.take() {
            library.close(true).await?;
        }
        played
    }

    async fn measure_all(&mut self) -> Result<()> {
        let redis = Redis::start().await?;
        if self.wishes.wants_main() {
            for count in self.wishes.sizes() {
                for engine in self.wishes.engines() {
                    let name = format!("{count} visits and loans");
                    self.open(&name, Size::of_rows(count.0), engine).await?;
                    self.measure_library(&redis, count, &name).await?;
                    let library = self.library.take().context("the library has gone")?;
                    library
                        .close(self.wishes.keep || count <= KEPT_UP_TO)
                        .await?;
                }
            }
            scene::growth(&self.figures, &mut self.report);
        }
        let (university, latency) = (Part::University, Part::Latency);
        if self.wishes.wants(university) || self.wishes.wants(latency) {
            for engine in self.wishes.engines() {
                self.open("university", Size::UNIVERSITY, engine).await?;
                if self.wishes.wants(university) {
                    self.measure_university(&redis).await?;
                }
                if self.wishes.wants(latency) {
                    self.measure_latency(&redis).await?;
                }
                let library = self.library.take().context("the library has gone")?;
                library.close(true).await?;
            }
        }
        Ok(())
    }

    /// Opens a library, or builds it.
    async fn open(&mut self, name: &str, size: Size, engine: Engine) -> Result<()> {
        let short = name.split(' ').next().unwrap_or(name);
        let folder = format!("{}-{short}", engine.to_string().to_lowercase());
        let folder = self.data()?.join(folder);
        println!("{name}, {engine}: opening {} ...", folder.display());
        let yesterday = wall_now()
            .date()
            .pred_opt()
            .context("the first day of all")?;
        let library = Kept::open(&folder, size, engine, yesterday).await?;
        if let Some(took) = library.built_in {
            println!("built in {:.0} s", took.as_secs_f64());
        }
        self.library = Some(library);
        Ok(())
    }

    /// First as the indexes are, then the other way round: to change them takes as long as a figure.
    async fn measure_library(&mut self, redis: &Redis, size: Count, name: &str) -> Result<()> {
        let library = self.library.as_ref().context("no library")?;
        let begin = library.has_date_indexes().await?;
        for indexed in [begin, !begin] {
            let parts = self.wishes.parts(indexed);
            if parts.is_empty() {
                continue;
            }
            library.set_date_indexes(indexed).await?;
            let mut scene = Scene::new(library, redis, name, size, indexed, self.wishes);
            for part in parts {
                println!("measuring {}: {part} ...", scene.name);
                let measured = match part {
                    Part::Refresh => refresh::measure(&mut scene, &mut self.report).await,
                    Part::Naive => naive::measure(&mut scene, &mut self.report).await,
                    Part::Start => start::measure(&mut scene, &mut self.report).await,
                    Part::Ticks => ticks::measure(&mut scene, &mut self.report).await,
                    Part::Waits => waits::measure(&mut scene, &mut self.report).await,
                    Part::Share => share::measure(&mut scene, &mut self.report).await,
                    Part::University | Part::Latency => Ok(()),
                };
                tell_failure(measured, &scene.name, part, &mut self.report);
            }
            self.figures.push(scene.figures);
        }
        Ok(())
    }

    async fn measure_university(&mut self, redis: &Redis) -> Result<()> {
        let library = self.library.as_ref().context("no library")?;
        let begin = library.has_date_indexes().await?;
        for indexed in [begin, !begin] {
            library.set_date_indexes(indexed).await?;
            let (name, size) = ("university, 3.4M visits, 0.8M loans", Count(3_400_000));
            let mut scene = Scene::new(library, redis, name, size, indexed, self.wishes);
            println!("measuring {} ...", scene.name);
            let measured = start::measure_university(&mut scene, &mut self.report).await;
            tell_failure(measured, &scene.name, Part::University, &mut self.report);
        }
        Ok(())
    }

    async fn measure_latency(&mut self, redis: &Redis) -> Result<()> {
        let library = self.library.as_ref().context("no library")?;
        let begin = library.has_date_indexes().await?;
        for indexed in [begin, !begin] {
            library.set_date_indexes(indexed).await?;
            let (name, size) = ("university, far away", Count(3_400_000));
            let scene = Scene::new(library, redis, name, size, indexed, self.wishes);
            println!("measuring {} ...", scene.name);
            let measured = latency::measure(&scene, &mut self.report).await;
            tell_failure(measured, &scene.name, Part::Latency, &mut self.report);
        }
        Ok(())
    }

    fn data(&self) -> Result<PathBuf> {
        match &self.wishes.data {
            Some(data) => Ok(data.clone()),
            None => Ok(target()?.join("bench/libraries")),
        }
    }
}

/// The others are worth having all the same.
fn tell_failure(measured: Result<()>, scene: &str, part: Part, report: &mut Report) {
    if let Err(error) = measured {
        println!("  not measured: {error:#}");
        let row = Row::new(scene, part.to_string(), "", &Rounds::default());
        report.add(row.note(format!("not measured: {error:#}")));
    }
}
