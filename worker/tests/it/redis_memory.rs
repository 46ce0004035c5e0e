//! An outage of Redis costs no memory, however much is attempted in it.

use crate::fixture::{SOON, Site};
use crate::together::{Gateway, paths};
use shared::time::Clock;
use std::io::Write as _;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Connection, Events};
use testkit::process::Process;
use testkit::road::{Mode, Road};
use testkit::schema::Shape;
use testkit::server::shared_redis;
use tokio::time::{Instant, sleep};

/// What an allocator may keep of what was freed. The worker attempts some fifty commands in between, each with a
/// snapshot or so; the gateway is asked thousands of times.
const GROWTH_KIB: [u64; 2] = [256, 512];
/// Part of an outage.
const PART: Duration = Duration::from_millis(1_700);

/// Both real processes on one road to Redis, and a viewer.
struct Place {
    worker: Process,
    gateway: Gateway,
    road: Road,
    site: Site,
    _viewer: Events,
}

impl Place {
    async fn new() -> Self {
        let mut site = Site::new("Asia/Jakarta", "2025-09-23T10:00:00", Shape::default()).await;
        // A real process knows the present alone.
        site.clock.step_to(Clock::system().now().utc());
        let road = Road::to(shared_redis().await.port(), 1).await.unwrap();
        site.set("REDIS_URL", &format!("redis://127.0.0.1:{}", road.port()));
        let worker = Process::spawn("worker", &site.environment()).unwrap();
        let gateway = Gateway::beside(&site).await;
        gateway.await_all().await;
        let _viewer = Events::open(gateway.address).await;
        Self {
            worker,
            gateway,
            road,
            site,
            _viewer,
        }
    }

    /// What worker and gateway hold of the machine's memory, in KiB.
    fn resident(&self) -> [u64; 2] {
        [&self.worker, &self.gateway.process].map(|process| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid()));
            let status = status.unwrap();
            let line = status.lines().find(|line| line.starts_with("VmRSS:"));
            let kib = line.unwrap().split_whitespace().nth(1).unwrap();
            kib.parse().unwrap()
        })
    }

    /// Asks for everything all the time for a while, also for a count that is not there: the doorbell is to be rung.
    async fn is_busy_for(&self, time: Duration) {
        let began = Instant::now();
        let mut connection = Connection::open(self.gateway.address).await;
        while began.elapsed() < time {
            for path in paths() {
                connection
                    .send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
                    .await;
                assert!(connection.answer(false).await.status < 300, "{path}");
            }
        }
    }

    /// The road breaks and opens, as often as the processes notice it.
    async fn goes_and_comes_for(&self, mode: Mode, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            self.road.set(mode).await;
            sleep(Duration::from_millis(50)).await;
            self.road.set(Mode::Open).await;
            sleep(Duration::from_millis(400)).await;
        }
    }

    async fn count_is_back(&self) {
        eventually("the count is back", SOON, async || {
            let answer = self.gateway.get("/api/visitors/today").await;
            (answer.status == 200 && self.site.today().await.is_some()).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_outage_costs_no_memory() {
    let place = Place::new().await;
    // Once for what is taken at the first time, once for what each time takes.
    let mut resident = [[0; 2]; 2];
    for after in &mut resident {
        for mode in [Mode::Refuse, Mode::BlackHole, Mode::Freeze] {
            place.road.set(mode).await;
            place.is_busy_for(PART).await;
            place.road.set(Mode::Open).await;
            let flapping = place.goes_and_comes_for(Mode::Reset, PART);
            tokio::join!(flapping, place.is_busy_for(PART));
        }
        place.count_is_back().await;
        *after = place.resident();
        drop(writeln!(
            std::io::stderr(),
            "worker, gateway: {after:?} KiB"
        ));
    }
    for (name, index) in [("worker", 0), ("gateway", 1)] {
        let [before, after] = resident.map(|both| both[index]);
        assert!(
            after < before + GROWTH_KIB[index],
            "the {name} grew from {before} to {after} KiB"
        );
    }
}
