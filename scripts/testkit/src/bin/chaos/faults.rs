//! The random faults of a soak.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use nix::sys::signal::Signal;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use testkit::road::faults::Faults;
use testkit::road::{Mode, Road};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::judge::Judge;
use crate::stage::{Servers, Unit};

/// A frozen Redis or MariaDB does not answer a command.
const ORDER_LIMIT: Duration = Duration::from_secs(2);

/// The processes and servers. Each has one fault at a time.
pub(crate) struct Players {
    pub(crate) servers: Servers,
    pub(crate) database: &'static str,
    pub(crate) workers: Vec<Mutex<Unit>>,
    pub(crate) gateways: Vec<Mutex<Unit>>,
    /// Locked while a server is down or frozen.
    pub(crate) redis: Mutex<()>,
    pub(crate) maria: Mutex<()>,
}

/// Breaks roads, one after the other, forever.
pub(crate) async fn break_roads(roads: Vec<(String, Arc<Road>)>, seed: u64, judge: Arc<Judge>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for fault in Faults::new(seed) {
        let (name, road) = &roads[random.random_range(0..roads.len())];
        judge.tells(&format!("{name}: {:?} for {:.1?}", fault.mode, fault.lasts));
        judge.saw("faults of the network");
        road.set(fault.mode).await;
        sleep(fault.lasts).await;
        road.set(Mode::Open).await;
        sleep(fault.rest).await;
    }
}

impl Players {
    /// Injects one fault after the other, forever.
    pub(crate) async fn torment(&self, seed: u64, judge: &Judge) -> Result<()> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        loop {
            sleep(Duration::from_millis(random.random_range(500..=5_000))).await;
            let lasts = Duration::from_millis(random.random_range(1..=12_000));
            let unit = random.random_range(0..self.workers.len());
            // The first of each lives on, so that a leak would show.
            let mortal = random.random_range(1..self.workers.len());
            let say = |what: &str| judge.tells(what);
            judge.saw("faults of processes and servers");
            match random.random_range(0..12) {
                0 => self.restart_worker(mortal, Signal::SIGKILL, judge).await?,
                1 => self.restart_worker(mortal, Signal::SIGTERM, judge).await?,
                2 | 3 => {
                    let worker = self.workers[unit].lock().await;
                    say(&format!("{}: stands still for {lasts:.1?}", worker.name));
                    worker.process.signal(Signal::SIGSTOP)?;
                    sleep(lasts).await;
                    worker.process.signal(Signal::SIGCONT)?;
                }
                4 => {
                    let mut gateway = self.gateways[1].lock().await;
                    let kill = random.random();
                    let signal = if kill {
                        Signal::SIGKILL
                    } else {
                        Signal::SIGTERM
                    };
                    say(&format!("{}: {signal}", gateway.name));
                    gateway.restart(signal).await?;
                }
                5 => {
                    let gateway = &self.gateways[random.random_range(0..2)].lock().await;
                    say(&format!("{}: stands still for {lasts:.1?}", gateway.name));
                    gateway.process.signal(Signal::SIGSTOP)?;
                    sleep(lasts).await;
                    gateway.process.signal(Signal::SIGCONT)?;
                }
                6 => {
                    let _alone = self.redis.lock().await;
                    say(&format!("Redis: killed, away for {lasts:.1?}, empty"));
                    self.servers.redis.kill().await?;
                    sleep(lasts).await;
                    self.servers.redis.start_again().await?;
                }
                7 => {
                    let _alone = self.redis.lock().await;
                    say(&format!("Redis: stands still for {lasts:.1?}"));
                    self.servers.redis.freeze()?;
                    sleep(lasts).await;
                    self.servers.redis.thaw()?;
                }
                8 => {
                    let orders = [
                        "FLUSHALL",
                        "CLIENT KILL TYPE pubsub",
                        "CLIENT KILL TYPE normal",
                    ];
                    let order = orders[random.random_range(0..orders.len())];
                    say(&format!("Redis: {order}"));
                    self.order_redis(order).await;
                }
                9 => {
                    let _alone = self.maria.lock().await;
                    say(&format!("MariaDB: killed, away for {lasts:.1?}"));
                    self.servers.maria.kill().await?;
                    sleep(lasts).await;
                    self.servers.maria.start_again().await?;
                }
                10 => {
                    let _alone = self.maria.lock().await;
                    say(&format!("MariaDB: stands still for {lasts:.1?}"));
                    self.servers.maria.freeze()?;
                    sleep(lasts).await;
                    self.servers.maria.thaw()?;
                }
                _ => {
                    let _alone = self.maria.lock().await;
                    say(&format!("MariaDB: member is locked for {lasts:.1?}"));
                    self.lock_table(lasts).await?;
                }
            }
        }
    }

    async fn restart_worker(&self, unit: usize, signal: Signal, judge: &Judge) -> Result<()> {
        let mut worker = self.workers[unit].lock().await;
        judge.tells(&format!("{}: {signal}", worker.name));
        worker.restart(signal).await
    }

    async fn order_redis(&self, order: &str) {
        let ordered = timeout(ORDER_LIMIT, async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.servers.redis.port())).await?;
            stream.write_all(format!("{order}\r\n").as_bytes()).await?;
            stream.read(&mut [0; 64]).await
        });
        // One that is away has nothing to lose.
        drop(ordered.await);
    }

    async fn lock_table(&self, lasts: Duration) -> Result<()> {
        let mut conn = Conn::new(self.servers.maria.opts(Some(self.database))).await?;
        conn.query_drop("LOCK TABLES member WRITE").await?;
        sleep(lasts).await;
        conn.query_drop("UNLOCK TABLES").await?;
        Ok(())
    }
}
