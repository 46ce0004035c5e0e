//! An outage of Redis costs no memory, however many commands are attempted during it.

use crate::fixture::{Fixture, SOON};
use crate::together::{Gateway, paths};
use shared::time::Clock;
use std::io::Write as _;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::fault_proxy::{FaultProxy, Mode};
use testkit::http::{Connection, Events};
use testkit::process::Process;
use testkit::schema::Shape;
use testkit::server::shared_redis;
use tokio::time::{Instant, sleep};

/// How much freed memory an allocator may keep. The worker attempts some fifty commands meanwhile, most with a
/// snapshot; the gateway gets thousands of requests.
const GROWTH_KIB: [u64; 2] = [256, 512];
/// The duration of each part of an outage.
const PART: Duration = Duration::from_millis(1_700);

/// Both real processes behind one proxy to Redis, and a client of the stream.
struct Setup {
    worker: Process,
    gateway: Gateway,
    proxy: FaultProxy,
    fixture: Fixture,
    _viewer: Events,
}

impl Setup {
    async fn new() -> Self {
        let mut fixture =
            Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", Shape::default()).await;
        // A real process has only the real time.
        fixture.clock.step_to(Clock::system().now().utc());
        let proxy = FaultProxy::to(shared_redis().await.port(), 1)
            .await
            .unwrap();
        fixture.set("REDIS_URL", &format!("redis://127.0.0.1:{}", proxy.port()));
        let worker = Process::spawn("worker", &fixture.environment()).unwrap();
        let gateway = Gateway::start(&fixture).await;
        gateway.await_all().await;
        let _viewer = Events::open(gateway.address).await;
        Self {
            worker,
            gateway,
            proxy,
            fixture,
            _viewer,
        }
    }

    /// The resident memory of worker and gateway, in KiB.
    fn resident_kib(&self) -> [u64; 2] {
        [&self.worker, &self.gateway.process].map(|process| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid()));
            let status = status.unwrap();
            let line = status.lines().find(|line| line.starts_with("VmRSS:"));
            let kib = line.unwrap().split_whitespace().nth(1).unwrap();
            kib.parse().unwrap()
        })
    }

    /// Requests everything again and again, also a missing count, so that the gateway sends refresh requests.
    async fn send_requests_for(&self, time: Duration) {
        let began = Instant::now();
        let mut connection = Connection::open(self.gateway.address).await;
        while began.elapsed() < time {
            for path in paths() {
                connection
                    .send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
                    .await;
                assert!(connection.read_response(false).await.status < 300, "{path}");
            }
        }
    }

    /// Breaks and opens the network, slowly enough that the processes notice each change.
    async fn flap_for(&self, mode: Mode, time: Duration) {
        let began = Instant::now();
        while began.elapsed() < time {
            self.proxy.set(mode).await;
            sleep(Duration::from_millis(50)).await;
            self.proxy.set(Mode::Open).await;
            sleep(Duration::from_millis(400)).await;
        }
    }

    async fn await_count(&self) {
        eventually("the count is back", SOON, async || {
            let answer = self.gateway.get("/api/visitors/today").await;
            (answer.status == 200 && self.fixture.today().await.is_some()).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn an_outage_costs_no_memory() {
    let setup = Setup::new().await;
    // The first outage takes memory once; the second shows what each outage takes.
    let mut resident = [[0; 2]; 2];
    for after in &mut resident {
        for mode in [Mode::Refuse, Mode::BlackHole, Mode::Freeze] {
            setup.proxy.set(mode).await;
            setup.send_requests_for(PART).await;
            setup.proxy.set(Mode::Open).await;
            let flapping = setup.flap_for(Mode::Reset, PART);
            tokio::join!(flapping, setup.send_requests_for(PART));
        }
        setup.await_count().await;
        *after = setup.resident_kib();
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
