//! Several real workers: one is active, the others are standbys and take over.

use crate::fixture::{Fixture, SOON};
use crate::recorder::{Recorder, epoch};
use fred::interfaces::KeysInterface as _;
use nix::sys::signal::Signal;
use shared::catalog::Snapshot;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::fault_proxy::{FaultProxy, Mode};
use testkit::http::{fetch, get};
use testkit::process::{Process, free_port};
use testkit::schema::Shape;
use testkit::server::shared_redis;
use tokio::time::{Instant, sleep};

const NOW: &str = "2025-09-23T10:00:00";

/// Real workers with the addresses of their health ports.
struct Workers(Vec<(Process, SocketAddr)>);

impl Workers {
    fn start(fixture: &mut Fixture, count: usize) -> Self {
        // Its rounds would change a figure meanwhile.
        fixture.set("CIRCULATION_INTERVAL_SECONDS", "0");
        let workers = (0..count).map(|_| {
            let port = free_port().unwrap();
            fixture.set("WORKER_PORT", &port.to_string());
            let process = Process::spawn("worker", &fixture.environment()).unwrap();
            (process, SocketAddr::from(([127, 0, 0, 1], port)))
        });
        Self(workers.collect())
    }

    /// Waits until the worker that Redis names is one of these, reports itself as active, and is not `except`.
    async fn active(&self, fixture: &Fixture, except: Option<u32>) -> usize {
        eventually("a worker is active", SOON, async || {
            let lease = fixture.stored("worker:lease").await?;
            let pid: u32 = lease.split(':').nth(1)?.parse().ok()?;
            let index = self
                .0
                .iter()
                .position(|(process, _)| process.pid() == pid)?;
            let is_active =
                || async { get(self.0[index].1, "/health").await.json()["active"] == true };
            (Some(pid) != except && is_active().await).then_some(index)
        })
        .await
    }

    async fn health(&self, index: usize) -> serde_json::Value {
        get(self.0[index].1, "/health").await.json()
    }
}

/// The index is that of the active one.
async fn two_workers_with_all_snapshots() -> (Fixture, Workers, usize) {
    let fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    two_workers_on(fixture).await
}

async fn two_workers_on(mut fixture: Fixture) -> (Fixture, Workers, usize) {
    let workers = Workers::start(&mut fixture, 2);
    let active = workers.active(&fixture, None).await;
    fixture.await_all().await;
    (fixture, workers, active)
}

fn assert_all_newer(new: &BTreeMap<String, String>, old: &BTreeMap<String, String>) {
    for (snapshot, time) in old {
        assert!(new[snapshot] > *time, "{snapshot}: {new:?} {old:?}");
    }
}

/// The `generated_at` of each snapshot.
async fn times(fixture: &Fixture) -> BTreeMap<String, String> {
    let mut times = BTreeMap::new();
    for snapshot in Snapshot::ALL {
        let stored = fixture.stored(&snapshot.name()).await.unwrap();
        let envelope: serde_json::Value = serde_json::from_str(&stored).unwrap();
        times.insert(snapshot.name(), envelope["generated_at"].to_string());
    }
    times
}

#[tokio::test]
async fn a_standby_takes_over_without_recomputing_anything() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let mut workers = Workers::start(&mut fixture, 3);
    let first = workers.active(&fixture, None).await;
    fixture.await_all().await;
    // Until the others count as standbys.
    sleep(Duration::from_secs(11)).await;
    let made = times(&fixture).await;
    for index in (0..3).filter(|index| *index != first) {
        assert_eq!(get(workers.0[index].1, "/readyz").await.status, 200);
        let health = workers.health(index).await;
        assert_eq!(health["active"], false, "{health}");
        assert_eq!(
            health["active_worker"],
            fixture.stored("worker:lease").await.unwrap()
        );
        assert_eq!(
            (&health["mysql"], &health["status"]),
            (&"connected".into(), &"ok".into())
        );
    }

    let mut epochs = vec![epoch(&fixture.stored("worker:lease").await.unwrap())];
    let killed = workers.0[first].0.pid();
    workers.0[first].0.signal(Signal::SIGKILL).unwrap();
    let second = workers.active(&fixture, Some(killed)).await;
    eventually("the count goes on", SOON, async || fixture.today().await).await;

    epochs.push(epoch(&fixture.stored("worker:lease").await.unwrap()));
    let stopped = workers.0[second].0.pid();
    workers.0[second].0.signal(Signal::SIGTERM).unwrap();
    let ended = workers.0[second].0.wait_exit(SOON).await.unwrap();
    assert_eq!(ended.code(), Some(0));
    workers.active(&fixture, Some(stopped)).await;
    eventually("the count goes on", SOON, async || fixture.today().await).await;
    assert_eq!(times(&fixture).await, made, "nothing was due");
    let last = epoch(&fixture.stored("worker:lease").await.unwrap());
    assert!(
        last > epochs[1] && epochs[1] > epochs[0],
        "{epochs:?} {last}"
    );
}

/// The active worker and Redis' data are lost together. The standby's copies may be older than what gateways show, so
/// it computes new ones. A worker that has computed them itself writes its copies again without MySQL.
#[tokio::test]
async fn a_standby_that_takes_over_an_emptied_redis_writes_no_old_copies() {
    let (fixture, workers, first) = two_workers_with_all_snapshots().await;
    // Until the other one counts as a standby.
    sleep(Duration::from_secs(11)).await;
    let old = times(&fixture).await;
    let killed = workers.0[first].0.pid();
    workers.0[first].0.signal(Signal::SIGKILL).unwrap();
    let recorder = Recorder::subscribe(&fixture, "snapshots").await;
    fixture.delete_snapshots().await;
    workers.active(&fixture, Some(killed)).await;
    fixture.await_all().await;
    let new = times(&fixture).await;
    assert_all_newer(&new, &old);
    let mut writes = recorder.messages("snapshots");
    writes.retain(|key| key != "worker:unavailable");
    assert_eq!(writes.len(), Snapshot::ALL.len(), "each is written once");

    fixture.delete_snapshots().await;
    fixture.await_all().await;
    assert_eq!(times(&fixture).await, new, "nothing is computed again");
}

/// While MySQL is away too, the gateways' copies may be newer than those of the new active worker.
#[tokio::test]
async fn copies_that_may_be_old_are_written_only_after_half_a_minute_without_mysql() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let to_mysql = FaultProxy::to(fixture.mysql_port(), 1).await.unwrap();
    fixture.set("MYSQL_PORT", &to_mysql.port().to_string());
    let (fixture, workers, first) = two_workers_on(fixture).await;
    // Until the other one has read them all.
    sleep(Duration::from_secs(5)).await;
    let old = times(&fixture).await;
    to_mysql.set(Mode::Refuse).await;
    let killed = workers.0[first].0.pid();
    workers.0[first].0.signal(Signal::SIGKILL).unwrap();
    fixture.delete_snapshots().await;
    workers.active(&fixture, Some(killed)).await;
    sleep(Duration::from_secs(10)).await;
    for snapshot in Snapshot::ALL {
        assert_eq!(fixture.stored(&snapshot.name()).await, None, "{snapshot}");
    }
    for snapshot in Snapshot::ALL {
        let limit = Duration::from_secs(120);
        let what = format!("{snapshot} is stored");
        eventually(&what, limit, async || {
            fixture.stored(&snapshot.name()).await
        })
        .await;
    }
    assert_eq!(times(&fixture).await, old);
}

/// While a worker is frozen, another one computes newer copies, ends, and Redis loses its data. The frozen worker never
/// hears of it.
#[tokio::test]
async fn a_worker_that_was_frozen_writes_no_old_copies_into_an_emptied_redis() {
    let (fixture, workers, first) = two_workers_with_all_snapshots().await;
    let old = times(&fixture).await;
    // Just before a renewal: the frozen worker sleeps for less than the TTL of its lease.
    let lease = fixture.key("worker:lease");
    eventually("the lease is soon renewed", SOON, async || {
        let left: i64 = fixture.redis.pttl(&lease).await.unwrap();
        (left < 3_200).then_some(())
    })
    .await;
    let frozen = &workers.0[first].0;
    frozen.signal(Signal::SIGSTOP).unwrap();
    let second = workers.active(&fixture, Some(frozen.pid())).await;
    workers.0[second].0.signal(Signal::SIGKILL).unwrap();
    fixture.delete_snapshots().await;
    fixture.expire_lease().await;
    frozen.signal(Signal::SIGCONT).unwrap();
    fixture.await_all().await;
    let new = times(&fixture).await;
    assert_all_newer(&new, &old);
}

/// While a worker is cut off from Redis, a standby that it has only seen waiting takes over and ends, and Redis loses its
/// data.
#[tokio::test]
async fn a_worker_that_was_cut_off_writes_no_old_copies_into_an_emptied_redis() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let (direct, port) = (shared_redis().await.url(), shared_redis().await.port());
    let to_redis = FaultProxy::to(port, 1).await.unwrap();
    let through_proxy = direct.replace(&port.to_string(), &to_redis.port().to_string());
    fixture.set("REDIS_URL", &through_proxy);
    let first = Workers::start(&mut fixture, 1);
    first.active(&fixture, None).await;
    fixture.await_all().await;
    fixture.set("REDIS_URL", &direct);
    let second = Workers::start(&mut fixture, 1);
    eventually("the second one stands by", SOON, async || {
        let (_, health) = fetch(second.0[0].1.port(), "/health").await.ok()?;
        health.contains("\"active_worker\":\"").then_some(())
    })
    .await;
    // Until the first one has renewed its lease.
    sleep(Duration::from_secs(3)).await;
    let old = times(&fixture).await;
    to_redis.set(Mode::BlackHole).await;
    second.active(&fixture, None).await;
    second.0[0].0.signal(Signal::SIGKILL).unwrap();
    fixture.delete_snapshots().await;
    fixture.expire_lease().await;
    to_redis.set(Mode::Open).await;
    fixture.await_all().await;
    let new = times(&fixture).await;
    assert_all_newer(&new, &old);
}

#[tokio::test]
async fn a_frozen_worker_comes_back_as_a_standby() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let workers = Workers::start(&mut fixture, 2);
    let mut active = workers.active(&fixture, None).await;
    fixture.await_all().await;
    let recorder = Recorder::subscribe(&fixture, "visitors:today").await;
    for _ in 0..2 {
        let frozen = &workers.0[active].0;
        frozen.signal(Signal::SIGSTOP).unwrap();
        let next = workers.active(&fixture, Some(frozen.pid())).await;
        sleep(Duration::from_secs(1)).await;
        frozen.signal(Signal::SIGCONT).unwrap();
        eventually("it stands by", SOON, async || {
            let health = workers.health(active).await;
            (health["active"] == false).then_some(())
        })
        .await;
        assert_eq!(workers.active(&fixture, None).await, next);
        active = next;
    }
    let times: Vec<String> = recorder.messages("visitors:today");
    let times = times.iter().map(|message| {
        let message: serde_json::Value = serde_json::from_str(message).unwrap();
        message["generated_at"].as_str().unwrap().to_owned()
    });
    let times: Vec<String> = times.collect();
    assert!(
        times.len() > 10 && times.is_sorted(),
        "an older count was published after a newer one: {times:?}"
    );
}

/// The worker that is active at the time of the cron makes the figures, and no worker makes them again.
#[tokio::test]
async fn each_refresh_is_made_once_across_take_overs() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    fixture.set("VISITOR_SLOW_CRON", "*/5 * * * * *");
    let mut workers = Workers::start(&mut fixture, 3);
    let first = workers.active(&fixture, None).await;
    fixture.await_all().await;
    // Until the others count as standbys, which make only overdue figures.
    sleep(Duration::from_secs(11)).await;
    let recorder = Recorder::subscribe(&fixture, "snapshots").await;
    let made = || {
        let received = recorder.messages("snapshots");
        received
            .iter()
            .filter(|name| *name == "visitors:weekly")
            .count()
    };
    let began = Instant::now();
    eventually("two more were made", SOON, async || {
        (made() >= 2).then_some(())
    })
    .await;
    workers.0[first].0.signal(Signal::SIGTERM).unwrap();
    workers.0[first].0.wait_exit(SOON).await.unwrap();
    eventually("two more by another worker", SOON, async || {
        (made() >= 4).then_some(())
    })
    .await;
    let most = began.elapsed().as_secs() / 5 + 1;
    assert!(
        made() as u64 <= most + 1,
        "{} in {:?}",
        made(),
        began.elapsed()
    );
    for name in ["visitors:monthly", "visitors:yearly:top"] {
        let count = recorder
            .messages("snapshots")
            .iter()
            .filter(|one| *one == name)
            .count();
        assert!(count.abs_diff(made()) <= 1, "{name}: {count}");
    }
    assert!(
        !recorder
            .messages("snapshots")
            .contains(&"books:collection".to_owned())
    );
}

/// A rolling restart with another `MEMBER_NAMES`: full names are not shown until the next cron.
#[tokio::test]
async fn a_new_active_worker_recomputes_figures_of_other_settings() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, Shape::default()).await;
    let mut before = Workers::start(&mut fixture, 1);
    before.active(&fixture, None).await;
    fixture.await_all().await;
    fixture.set("MEMBER_NAMES", "hidden");
    let after = Workers::start(&mut fixture, 1);
    sleep(Duration::from_secs(11)).await;
    assert!(
        fixture
            .stored("visitors:yearly:top")
            .await
            .unwrap()
            .contains("member_name")
    );
    before.0[0].0.signal(Signal::SIGTERM).unwrap();
    before.0[0].0.wait_exit(SOON).await.unwrap();
    after.active(&fixture, None).await;
    for name in ["visitors:yearly:top", "books:top-borrowers:year"] {
        eventually(&format!("{name} shows no name"), SOON, async || {
            let stored = fixture.stored(name).await?;
            (!stored.contains("member_name")).then_some(())
        })
        .await;
    }
}
