//! Several Redis servers: Sentinel, Cluster, and a replica for each gateway. While servers fail under load, clients of
//! the gateways notice nothing, no figure gets older, and the right number is shown.

mod cluster;
mod replicas;
mod rights;
mod sentinel;

use self::rights::{Rights, accounts};
use crate::fixture::{Fixture, Running, SOON, fixture_at};
use crate::together::Gateway;
use crate::viewers::Viewers;
use shared::catalog::Snapshot;
use std::cell::Cell;
use std::io::Write as _;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::mariadb::shared_mariadb;
use testkit::server::Redis;
use tokio::time::{Instant, sleep};

/// The time between two check-ins.
const CHECK_IN_INTERVAL: Duration = Duration::from_millis(300);

/// Two workers, one of them active, two gateways, and clients that watch these.
struct Setup {
    fixture: Fixture,
    workers: Vec<Running>,
    /// The lease of the first worker before the second one started.
    first_lease: String,
    gateways: Vec<Gateway>,
    viewers: Vec<Viewers>,
}

impl Setup {
    /// Starts everything on one Redis with these permissions. `url` makes its URL from an account.
    async fn on(url: impl Fn(&str) -> String, rights: &Rights, servers: &[Redis]) -> Self {
        let mut fixture = fixture_at(shared_mariadb().await, &url("")).await;
        rights.restrict(&fixture, servers).await;
        let [worker, gateway] = accounts().map(|account| url(&account));
        fixture.set("REDIS_URL", &worker);
        Self::begin(fixture, &[gateway.clone(), gateway]).await
    }

    /// Starts two workers, and a gateway on each of `gateway_urls`. Every figure is refreshed each second, so that
    /// writes are always in flight.
    async fn begin(mut fixture: Fixture, gateway_urls: &[String]) -> Self {
        for cron in ["VISITOR_SLOW_CRON", "BOOKS_SLOW_CRON"] {
            fixture.set(cron, "* * * * * *");
        }
        // The defaults: they determine how soon the right number is shown.
        fixture.set("VISITOR_SYNC_MIN_INTERVAL_MS", "1000");
        fixture.set("VISITOR_SYNC_BUFFER_MS", "200");
        let mut setup = Self {
            workers: vec![fixture.start()],
            first_lease: String::new(),
            fixture,
            gateways: Vec::new(),
            viewers: Vec::new(),
        };
        setup.first_lease = setup.lease().await;
        setup.workers.push(setup.fixture.start());
        for url in gateway_urls {
            setup.fixture.set("REDIS_URL", url);
            setup.add_gateway().await;
        }
        setup
    }

    /// Starts another gateway and clients that watch it.
    async fn add_gateway(&mut self) {
        let gateway = Gateway::start(&self.fixture).await;
        gateway.await_all().await;
        self.viewers.push(Viewers::start(&gateway).await);
        self.gateways.push(gateway);
    }

    /// Runs `event` during check-ins, and waits until all clients see the final count and refreshed figures.
    async fn assert_survives(&self, what: &str, event: impl Future<Output = ()>) {
        let is_over = Cell::new(false);
        let check_ins = async {
            while !is_over.get() {
                self.fixture.check_in().await;
                sleep(CHECK_IN_INTERVAL).await;
            }
        };
        let event = async {
            event.await;
            is_over.set(true);
            Instant::now()
        };
        let ((), since) = tokio::join!(check_ins, event);
        let total = self.fixture.true_total().await;
        for viewers in &self.viewers {
            viewers.await_total(what, total).await;
        }
        for gateway in &self.gateways {
            gateway.await_all().await;
        }
        print_time(&format!("{what}: the right number after"), since);
        let began = self.fixture.clock.now().utc().to_rfc3339();
        let snapshots = [Snapshot::Weekly, Snapshot::Collection];
        let gateways = self.gateways.iter();
        for (gateway, snapshot) in
            gateways.flat_map(|one| snapshots.map(|snapshot| (one, snapshot)))
        {
            eventually(
                &format!("{what}: {snapshot} is refreshed"),
                SOON,
                async || {
                    let json = gateway.get(snapshot.path()).await.json();
                    (json["generated_at"].as_str()? > began.as_str()).then_some(())
                },
            )
            .await;
        }
        print_time(&format!("{what}: new figures after"), since);
    }

    /// Ends the active worker as `kill -9` does, and returns the lease that it had.
    async fn kill_the_active_worker(&mut self) -> String {
        let lease = self.lease().await;
        let name = |lease: &str| lease.split(' ').nth(1).map(str::to_owned);
        let active = usize::from(name(&lease) != name(&self.first_lease));
        self.workers.remove(active).kill();
        lease
    }

    /// The lease: an epoch, a space, and the name of the active worker.
    async fn lease(&self) -> String {
        let lease = async || self.fixture.stored("worker:lease").await;
        eventually("a worker is active", SOON, lease).await
    }

    async fn stop(self) {
        for viewers in self.viewers {
            viewers.stop().await;
        }
        for worker in self.workers {
            worker.stop().await;
        }
    }
}

/// Prints a measured time, for `cargo test … -- --nocapture`.
fn print_time(what: &str, since: Instant) {
    let took = since.elapsed().as_millis();
    drop(writeln!(std::io::stderr(), "{what} {took} ms"));
}
