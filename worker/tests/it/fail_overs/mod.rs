//! Redis of more than one server: a Sentinel's, a Cluster's, and one with a replica beside each gateway. Whatever becomes of
//! its servers, under load: nobody at a gateway sees it, no figure gets older, and the right number comes.

mod cluster;
mod replicas;
mod rights;
mod sentinel;

use self::rights::{Rights, accounts};
use crate::fixture::{Running, SOON, Site, site_at};
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

/// Between two check-ins.
const OFTEN: Duration = Duration::from_millis(300);

/// Two workers, one of them active, two gateways, and who looks at these.
struct Place {
    site: Site,
    workers: Vec<Running>,
    /// The lease that the first of them had at the start, alone.
    first: String,
    gateways: Vec<Gateway>,
    viewers: Vec<Viewers>,
}

impl Place {
    /// All on the Redis under `url`, which is told an account, under these rights.
    async fn on(url: impl Fn(&str) -> String, rights: &Rights, servers: &[Redis]) -> Self {
        let mut site = site_at(shared_mariadb().await, &url("")).await;
        rights.give(&site, servers).await;
        let [worker, gateway] = accounts().map(|account| url(&account));
        site.set("REDIS_URL", &worker);
        Self::begin(site, &[gateway.clone(), gateway]).await
    }

    /// Workers as the site says, a gateway on each of `others`. Every figure is made anew each second, so that writes are
    /// always under way.
    async fn begin(mut site: Site, others: &[String]) -> Self {
        for cron in ["VISITOR_SLOW_CRON", "BOOKS_SLOW_CRON"] {
            site.set(cron, "* * * * * *");
        }
        // As operators have it: how soon the right number comes depends on it.
        site.set("VISITOR_SYNC_MIN_INTERVAL_MS", "1000");
        site.set("VISITOR_SYNC_BUFFER_MS", "200");
        let mut place = Self {
            workers: vec![site.start()],
            first: String::new(),
            site,
            gateways: Vec::new(),
            viewers: Vec::new(),
        };
        place.first = place.lease().await;
        place.workers.push(place.site.start());
        for url in others {
            place.site.set("REDIS_URL", url);
            place.look_at_another().await;
        }
        place
    }

    /// One gateway more, and who looks at it.
    async fn look_at_another(&mut self) {
        let gateway = Gateway::beside(&self.site).await;
        gateway.await_all().await;
        self.viewers.push(Viewers::of(&gateway).await);
        self.gateways.push(gateway);
    }

    /// Lets `event` happen while guests come in, and all see how many they were in the end, and all figures made anew.
    async fn survives(&self, what: &str, event: impl Future<Output = ()>) {
        let over = Cell::new(false);
        let guests = async {
            while !over.get() {
                self.site.check_in().await;
                sleep(OFTEN).await;
            }
        };
        let event = async {
            event.await;
            over.set(true);
            Instant::now()
        };
        let ((), since) = tokio::join!(guests, event);
        let total = self.site.true_total().await;
        for viewers in &self.viewers {
            viewers.see(what, total).await;
        }
        for gateway in &self.gateways {
            gateway.await_all().await;
        }
        tell(&format!("{what}: the right number after"), since);
        let began = self.site.clock.now().utc().to_rfc3339();
        let snapshots = [Snapshot::Weekly, Snapshot::Collection];
        let gateways = self.gateways.iter();
        for (gateway, snapshot) in
            gateways.flat_map(|one| snapshots.map(|snapshot| (one, snapshot)))
        {
            eventually(
                &format!("{what}: {snapshot} is made anew"),
                SOON,
                async || {
                    let json = gateway.get(snapshot.path()).await.json();
                    (json["generated_at"].as_str()? > began.as_str()).then_some(())
                },
            )
            .await;
        }
        tell(&format!("{what}: new figures after"), since);
    }

    /// Ends the active worker as `kill -9` does; gives the lease that it had.
    async fn kill_the_active_worker(&mut self) -> String {
        let lease = self.lease().await;
        let name = |lease: &str| lease.split(' ').nth(1).map(str::to_owned);
        let active = usize::from(name(&lease) != name(&self.first));
        self.workers.remove(active).kill();
        lease
    }

    /// An epoch, a space, and the name of the active worker.
    async fn lease(&self) -> String {
        let held = async || self.site.stored("worker:lease").await;
        eventually("a worker is active", SOON, held).await
    }

    async fn leave(self) {
        for viewers in self.viewers {
            viewers.leave().await;
        }
        for worker in self.workers {
            worker.stop().await;
        }
    }
}

/// For who measures: `cargo test … -- --nocapture`.
fn tell(what: &str, since: Instant) {
    let took = since.elapsed().as_millis();
    drop(writeln!(std::io::stderr(), "{what} {took} ms"));
}
