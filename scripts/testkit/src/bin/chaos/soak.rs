//! Injects all faults for minutes, and then none: everything must become right again, and nothing wrong may ever be
//! shown.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::desk;
use crate::faults::{Players, break_roads};
use crate::judge::Judge;
use crate::monitor;
use crate::readers::{follow, get, read, shown};
use crate::stage::{Servers, Unit};

const DATABASE: &str = "soak";
/// Streams of each gateway.
const STREAMS: usize = 5;
/// Until all is warm, and until all is right again.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Before sizes are compared, caches and back-offs come to rest.
const REST: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);
/// Of the resident memory, in percent; and what allocators keep at hand, in KiB.
const MAY_GROW_PERCENT: u64 = 2;
const MAY_GROW_KIB: u64 = 1_024;

/// Returns whether there was no failure.
pub(crate) async fn run(seed: u64, minutes: u64) -> Result<bool> {
    let judge = Arc::new(Judge::new());
    judge.tells(&format!(
        "seed {seed}, {minutes} minutes; the servers start"
    ));
    let servers = Servers::start().await?;
    let truth = servers.library(DATABASE, seed).await?;
    let (mut workers, mut gateways, mut roads) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..3 {
        let name = format!("worker {index}");
        let worker = servers.worker(&name, DATABASE, seed + 10 * index).await?;
        roads.push((format!("{name} to Redis"), worker.to_redis.clone()));
        roads.extend(
            worker
                .to_mysql
                .clone()
                .map(|road| (format!("{name} to MariaDB"), road)),
        );
        workers.push(Mutex::new(worker));
    }
    for index in 0..2 {
        let name = format!("gateway {index}");
        let gateway = servers.gateway(&name, DATABASE, seed + 100 + index).await?;
        roads.push((format!("{name} to Redis"), gateway.to_redis.clone()));
        gateways.push(Mutex::new(gateway));
    }
    let players = Players {
        servers,
        database: DATABASE,
        workers,
        gateways,
        redis: Mutex::default(),
        maria: Mutex::default(),
    };
    players.are_ready(&judge).await?;

    let mut watchers = JoinSet::new();
    watchers.spawn(monitor::watch(players.servers.redis.port(), judge.clone()));
    for gateway in &players.gateways {
        let port = gateway.lock().await.port;
        watchers.spawn(read(port, truth.clone(), judge.clone()));
        for _ in 0..STREAMS {
            watchers.spawn(follow(port, truth.clone(), judge.clone()));
        }
    }
    let desk = desk::open(&players.servers.maria, DATABASE, truth.clone());
    let play = async {
        let end = Instant::now() + Duration::from_secs(60 * minutes);
        let mut breaking = JoinSet::new();
        // Two breaks of the network and two of processes or servers at any time.
        for turn in 0..2 {
            breaking.spawn(break_roads(roads.clone(), seed + turn, judge.clone()));
        }
        let before = tokio::select! {
            ended = players.torment(seed, &judge) => return ended,
            ended = players.torment(seed + 1, &judge) => return ended,
            sizes = players.watch_sizes(end, &judge) => sizes?,
        };
        breaking.shutdown().await;
        judge.tells("quiet");
        players.mend(&roads).await?;
        players.are_right(&truth, &judge).await;
        sleep(REST).await;
        players.compare(&before, &judge).await
    };
    tokio::select! {
        ended = play => ended?,
        ended = desk => ended?,
    }
    watchers.shutdown().await;
    Ok(judge.concludes())
}

impl Players {
    async fn are_ready(&self, judge: &Judge) -> Result<()> {
        let began = Instant::now();
        for gateway in &self.gateways {
            let port = gateway.lock().await.port;
            for path in [
                "/api/visitors/summary",
                "/api/books/summary",
                "/api/visitors/today",
            ] {
                while !matches!(get(port, path).await, Ok((200, _))) {
                    anyhow::ensure!(began.elapsed() < READY_LIMIT, "{path} is not ready");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        judge.tells("all is warm");
        Ok(())
    }

    /// Opens all roads and continues all processes.
    async fn mend(&self, roads: &[(String, Arc<testkit::road::Road>)]) -> Result<()> {
        for (_, road) in roads {
            road.set(testkit::road::Mode::Open).await;
        }
        // Processes that were frozen or down at the end.
        self.servers.redis.thaw().ok();
        self.servers.maria.thaw().ok();
        let is_down = async |port| TcpStream::connect(("127.0.0.1", port)).await.is_err();
        if is_down(self.servers.redis.port()).await {
            self.servers.redis.start_again().await?;
        }
        if is_down(self.servers.maria.port()).await {
            self.servers.maria.start_again().await?;
        }
        for unit in self.workers.iter().chain(&self.gateways) {
            let mut unit = unit.lock().await;
            match unit.process.try_exit()? {
                Some(_) => unit.start_again()?,
                None => unit.process.signal(Signal::SIGCONT)?,
            }
        }
        Ok(())
    }

    /// Waits until every gateway shows the right count and every figure.
    async fn are_right(&self, truth: &desk::Truth, judge: &Judge) {
        let began = Instant::now();
        for gateway in &self.gateways {
            let gateway = gateway.lock().await;
            loop {
                let (least, told) = (truth.total().saturating_sub(15), shown(gateway.port).await);
                if told.is_some_and(|told| told >= least) {
                    judge.tells(&format!(
                        "{} is right after {:.1?}",
                        gateway.name,
                        began.elapsed()
                    ));
                    break;
                }
                if began.elapsed() > READY_LIMIT {
                    let log = gateway.process.log_tail();
                    judge.finds(format!(
                        "{} shows {told:?}, not {least}\n{log}",
                        gateway.name
                    ));
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The processes that are never killed.
    fn survivors(&self) -> [&Mutex<Unit>; 2] {
        [&self.gateways[0], &self.workers[0]]
    }

    /// Tells their sizes each minute until `end`, and gives the greatest of the first two fifths of the time, to be
    /// compared later: by then everything that can happen has happened, and a leak has three fifths to show.
    async fn watch_sizes(&self, end: Instant, judge: &Judge) -> Result<Vec<(usize, u64)>> {
        let warm = Instant::now() + (end - Instant::now()) * 2 / 5;
        let mut greatest = vec![(0, 0); self.survivors().len()];
        while Instant::now() < end {
            sleep(MINUTE.min(end - Instant::now())).await;
            for (unit, greatest) in self.survivors().into_iter().zip(&mut greatest) {
                let unit = unit.lock().await;
                let (files, resident) = unit.size()?;
                judge.tells(&format!(
                    "{}: {files} descriptors, {resident} KiB",
                    unit.name
                ));
                if Instant::now() <= warm + MINUTE {
                    *greatest = (files.max(greatest.0), resident.max(greatest.1));
                }
            }
        }
        Ok(greatest)
    }

    /// Compares their sizes with those from `before`.
    async fn compare(&self, before: &[(usize, u64)], judge: &Judge) -> Result<()> {
        for (unit, before) in self.survivors().into_iter().zip(before) {
            let unit = unit.lock().await;
            let (files, resident) = unit.size()?;
            judge.tells(&format!(
                "{}: {} then {files} descriptors, {} then {resident} KiB",
                unit.name, before.0, before.1
            ));
            // During the faults some were open that are closed by now.
            if files > before.0 + 2 {
                judge.finds(format!(
                    "{} has kept {} descriptors",
                    unit.name,
                    files - before.0
                ));
            }
            let most = before.1 + (before.1 * MAY_GROW_PERCENT / 100).max(MAY_GROW_KIB);
            if resident > most {
                judge.finds(format!(
                    "{} has grown from {} to {resident} KiB",
                    unit.name, before.1
                ));
            }
        }
        Ok(())
    }
}
