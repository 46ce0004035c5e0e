//! One worker is active: the others stand by, take over, and what comes too late changes nothing.

use crate::fixture::{SOON, Site, own_servers, site_on};
use fred::clients::Client;
use fred::interfaces::{EventInterface, KeysInterface, PubsubInterface};
use nix::sys::signal::Signal;
use shared::catalog::Snapshot;
use shared::snapshot::Envelope;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::get;
use testkit::process::{Process, free_port};
use testkit::schema::Shape;
use tokio::time::{Instant, sleep};
use worker::fence::{Fence, Made, Refused, Taken, Write};
use worker::store::Store;

const NOW: &str = "2025-09-23T10:00:00";
/// A count's life in tests that do not wait for its end.
const LONG: Duration = Duration::from_secs(3600);

fn refused(error: &anyhow::Error) -> Option<Refused> {
    error.downcast_ref().copied()
}

/// Takes the lease away, as its end does.
async fn expire(site: &Site) {
    let _: i64 = site.redis.del(site.key("worker:lease")).await.unwrap();
}

/// What a lease begins with.
fn epoch(lease: &str) -> u64 {
    lease.split(' ').next().unwrap().parse().unwrap()
}

fn collection(site: &Site, total: u32) -> Envelope<Box<serde_json::value::RawValue>> {
    let data = format!(r#"{{"total_titles":{total},"total_items":0}}"#);
    Envelope {
        generated_at: site.clock.now(),
        ttl_seconds: 60,
        period: None,
        data: serde_json::value::RawValue::from_string(data).unwrap(),
    }
}

async fn publish(store: &Store, text: &str, life: Duration) -> anyhow::Result<()> {
    let message = text.as_bytes().to_vec();
    store.publish_today(message, Instant::now(), life).await
}

#[tokio::test]
async fn a_worker_that_has_lost_its_lease_writes_nothing() {
    let site = Site::empty().await;
    let (one, other) = (site.active("one").await, site.store("other"));
    publish(&one, "first", LONG).await.unwrap();
    let first = epoch(&site.stored("worker:lease").await.unwrap());
    // Taken over behind its back, while it still takes itself for the active one.
    let lease = eventually("the other is quicker", SOON, async || {
        expire(&site).await;
        let (lease, beside) = other.lease().take_or_join().await.unwrap();
        (!beside).then_some(lease)
    })
    .await;
    assert!(epoch(&lease) > first, "the epoch rises: {first}, {lease}");

    let error = publish(&one, "late", LONG).await.unwrap_err();
    assert_eq!(refused(&error), Some(Refused::Lost));
    one.hold(Snapshot::Collection, &collection(&site, 1))
        .unwrap();
    one.look().await.unwrap();
    assert_eq!(site.stored("visitors:today:count").await.unwrap(), "first");
    assert_eq!(site.stored("books:collection").await, None);
    assert_eq!(site.stored("worker:lease").await.unwrap(), lease);
}

#[tokio::test]
async fn what_is_written_beside_the_active_worker_is_never_older() {
    let site = Site::empty().await;
    let active = site.active("active").await;
    let beside = site.store("beside");
    beside
        .hold(Snapshot::Collection, &collection(&site, 1))
        .unwrap();
    sleep(Duration::from_millis(5)).await;
    active
        .hold(Snapshot::Collection, &collection(&site, 2))
        .unwrap();
    active.look().await.unwrap();
    let newer = site.stored("books:collection").await.unwrap();
    beside.store_once().await.unwrap();
    assert_eq!(site.stored("books:collection").await.unwrap(), newer);

    sleep(Duration::from_millis(5)).await;
    beside
        .hold(Snapshot::Collection, &collection(&site, 3))
        .unwrap();
    beside.store_once().await.unwrap();
    assert!(
        site.stored("books:collection")
            .await
            .unwrap()
            .contains(":3,")
    );
    // The active worker takes it over, and stores it again when it is lost.
    active.look().await.unwrap();
    let _: i64 = site.redis.del(site.key("books:collection")).await.unwrap();
    active.look().await.unwrap();
    assert!(
        site.stored("books:collection")
            .await
            .unwrap()
            .contains(":3,")
    );
    assert!(active.lease().is_held(), "nobody took its lease");
}

/// A worker takes over a Redis that has lost everything, with a copy from before the cron last came: another one may have made
/// a newer one, which gateways show.
#[tokio::test]
async fn what_is_due_is_not_stored_again_before_it_could_not_be_made() {
    let site = Site::empty().await;
    let day = chrono::TimeDelta::days(1);
    site.clock.step_to(site.now - day);
    let before = site.store("before");
    before
        .hold(Snapshot::Collection, &collection(&site, 1))
        .unwrap();
    before.store_once().await.unwrap();
    site.clock.step_to(site.now);
    let store = site.active("after").await;
    let _: i64 = site.redis.del(site.key("books:collection")).await.unwrap();
    store.look().await.unwrap();
    assert_eq!(site.stored("books:collection").await, None);
    store.give_up_waiting(&[Snapshot::Collection].into());
    store.look().await.unwrap();
    assert!(
        site.stored("books:collection")
            .await
            .unwrap()
            .contains(":1,")
    );
}

/// The command lies in the socket of a server that stands still, and is found there when it goes on.
#[tokio::test]
async fn what_was_given_up_is_not_done_later() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let store = site.active("one").await;
    publish(&store, "first", LONG).await.unwrap();
    let heard = Heard::on(&site, "visitors:today").await;

    redis.freeze().unwrap();
    publish(&store, "given up", LONG).await.unwrap_err();
    redis.thaw().unwrap();
    eventually("Redis answers", SOON, async || {
        site.stored("visitors:today:count").await
    })
    .await;
    // Within the time that a command may take, but after the end of what it would have stored.
    eventually("the lease is back", SOON, async || {
        store.lease().is_held().then_some(())
    })
    .await;
    redis.freeze().unwrap();
    let over = publish(&store, "yesterday", Duration::from_millis(300));
    let (over, ()) = tokio::join!(over, async {
        sleep(Duration::from_millis(800)).await;
        redis.thaw().unwrap();
    });
    assert_eq!(refused(&over.unwrap_err()), Some(Refused::Late));
    eventually("a new count is stored", SOON, async || {
        publish(&store, "new", LONG).await.ok()
    })
    .await;
    eventually("it is heard", SOON, async || {
        heard
            .of("visitors:today")
            .contains(&"new".to_owned())
            .then_some(())
    })
    .await;
    assert_eq!(heard.of("visitors:today"), ["new"]);
}

/// The same of a daily figure, which lives for a day.
#[tokio::test]
async fn a_snapshot_that_was_given_up_is_not_stored_later() {
    let (mariadb, redis) = own_servers().await;
    let site = site_on(mariadb, redis).await;
    let fence = Fence::new(site.redis.clone(), site.config().keys);
    let write = |value: &'static str| Write {
        key: site.key("books:collection"),
        value: value.into(),
        life: LONG,
        ends: Instant::now() + LONG,
        channel: site.key("snapshots"),
        message: value.into(),
        snapshot: Some(Made {
            name: "books:collection".to_owned(),
            settings: value.to_owned(),
            unless_newer: None,
        }),
    };
    let taken = fence.take("one", LONG, 0).await.unwrap();
    let Taken::Ours(lease) = taken else {
        panic!("nobody else is there: {taken:?}")
    };
    fence.write(&lease, write("first")).await.unwrap();
    let heard = Heard::on(&site, "snapshots").await;

    redis.freeze().unwrap();
    let given_up = fence.write(&lease, write("given up")).await.unwrap_err();
    assert_eq!(refused(&given_up), None, "nothing answered: {given_up}");
    redis.thaw().unwrap();
    eventually("a new one is stored and heard", SOON, async || {
        assert_eq!(site.stored("books:collection").await?, "first");
        fence.write(&lease, write("new")).await.ok()
    })
    .await;
    eventually("it is heard", SOON, async || {
        (!heard.of("snapshots").is_empty()).then_some(())
    })
    .await;
    assert_eq!(heard.of("snapshots"), ["new"]);
}

/// Without waiting for the next look: ten rounds take less than five of those.
#[tokio::test]
async fn who_is_active_anew_stores_at_once_what_is_missing() {
    let site = Site::empty().await;
    let running = site.start();
    site.await_all().await;
    let rounds = async {
        for _ in 0..10 {
            expire(&site).await;
            let keys = Snapshot::ALL.map(|snapshot| site.key(&snapshot.name()));
            let _: i64 = site.redis.del(keys.to_vec()).await.unwrap();
            site.await_all().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), rounds).await;
    ended.expect("each round waits for a look");
    running.stop().await;
}

/// What has been published under a prefix.
struct Heard {
    messages: Arc<Mutex<Vec<(String, String)>>>,
    _client: Client,
}

impl Heard {
    async fn on(site: &Site, channel: &str) -> Self {
        use fred::interfaces::ClientLike;
        let client = site.redis.clone_new();
        client.init().await.unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (heard, mut incoming) = (messages.clone(), client.message_rx());
        let prefix = site.key("");
        tokio::spawn(async move {
            while let Ok(message) = incoming.recv().await {
                let channel = message.channel.to_string();
                let text = message.value.as_string().unwrap_or_default();
                let channel = channel.trim_start_matches(&prefix).to_owned();
                let text = text.trim_start_matches(&prefix).to_owned();
                heard.lock().unwrap().push((channel, text));
            }
        });
        client.subscribe(site.key(channel)).await.unwrap();
        Self {
            messages,
            _client: client,
        }
    }

    fn of(&self, channel: &str) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        let of_channel = messages.iter().filter(|(name, _)| name == channel);
        of_channel.map(|(_, text)| text.clone()).collect()
    }
}

/// Real workers, by their health ports.
struct Workers(Vec<(Process, SocketAddr)>);

impl Workers {
    fn start(site: &mut Site, count: usize) -> Self {
        let workers = (0..count).map(|_| {
            let port = free_port().unwrap();
            site.set("WORKER_PORT", &port.to_string());
            let process = Process::spawn("worker", &site.environment()).unwrap();
            (process, SocketAddr::from(([127, 0, 0, 1], port)))
        });
        Self(workers.collect())
    }

    /// Waits until the worker that Redis names is one of those, says so itself, and is not `but`.
    async fn active(&self, site: &Site, but: Option<u32>) -> usize {
        eventually("a worker is active", SOON, async || {
            let lease = site.stored("worker:lease").await?;
            let pid: u32 = lease.split(':').nth(1)?.parse().ok()?;
            let index = self
                .0
                .iter()
                .position(|(process, _)| process.pid() == pid)?;
            let told = || async { get(self.0[index].1, "/health").await.json()["active"] == true };
            (Some(pid) != but && told().await).then_some(index)
        })
        .await
    }

    async fn health(&self, index: usize) -> serde_json::Value {
        get(self.0[index].1, "/health").await.json()
    }
}

/// Each snapshot's time.
async fn times(site: &Site) -> BTreeMap<String, String> {
    let mut times = BTreeMap::new();
    for snapshot in Snapshot::ALL {
        let stored = site.stored(&snapshot.name()).await.unwrap();
        let envelope: serde_json::Value = serde_json::from_str(&stored).unwrap();
        times.insert(snapshot.name(), envelope["generated_at"].to_string());
    }
    times
}

#[tokio::test]
async fn standbys_take_over_and_make_nothing_anew() {
    let mut site = Site::new("Asia/Jakarta", NOW, Shape::default()).await;
    let mut workers = Workers::start(&mut site, 3);
    let first = workers.active(&site, None).await;
    site.await_all().await;
    // Until the others count as standbys.
    sleep(Duration::from_secs(11)).await;
    let made = times(&site).await;
    for index in (0..3).filter(|index| *index != first) {
        assert_eq!(get(workers.0[index].1, "/readyz").await.status, 200);
        let health = workers.health(index).await;
        assert_eq!(health["active"], false, "{health}");
        assert_eq!(
            health["active_worker"],
            site.stored("worker:lease").await.unwrap()
        );
        assert_eq!(
            (&health["mysql"], &health["status"]),
            (&"connected".into(), &"ok".into())
        );
    }

    let mut taken = vec![epoch(&site.stored("worker:lease").await.unwrap())];
    let killed = workers.0[first].0.pid();
    workers.0[first].0.signal(Signal::SIGKILL).unwrap();
    let second = workers.active(&site, Some(killed)).await;
    eventually("the count goes on", SOON, async || site.today().await).await;

    taken.push(epoch(&site.stored("worker:lease").await.unwrap()));
    let stopped = workers.0[second].0.pid();
    workers.0[second].0.signal(Signal::SIGTERM).unwrap();
    let ended = workers.0[second].0.wait_exit(SOON).await.unwrap();
    assert_eq!(ended.code(), Some(0));
    workers.active(&site, Some(stopped)).await;
    eventually("the count goes on", SOON, async || site.today().await).await;
    assert_eq!(times(&site).await, made, "nothing was due");
    let last = epoch(&site.stored("worker:lease").await.unwrap());
    assert!(last > taken[1] && taken[1] > taken[0], "{taken:?} {last}");
}

#[tokio::test]
async fn a_worker_that_was_frozen_comes_back_as_a_standby() {
    let mut site = Site::new("Asia/Jakarta", NOW, Shape::default()).await;
    let workers = Workers::start(&mut site, 2);
    let mut active = workers.active(&site, None).await;
    site.await_all().await;
    let heard = Heard::on(&site, "visitors:today").await;
    for _ in 0..2 {
        let frozen = &workers.0[active].0;
        frozen.signal(Signal::SIGSTOP).unwrap();
        let next = workers.active(&site, Some(frozen.pid())).await;
        sleep(Duration::from_secs(1)).await;
        frozen.signal(Signal::SIGCONT).unwrap();
        eventually("it stands by", SOON, async || {
            let health = workers.health(active).await;
            (health["active"] == false).then_some(())
        })
        .await;
        assert_eq!(workers.active(&site, None).await, next);
        active = next;
    }
    let times: Vec<String> = heard.of("visitors:today");
    let times = times.iter().map(|message| {
        let message: serde_json::Value = serde_json::from_str(message).unwrap();
        message["generated_at"].as_str().unwrap().to_owned()
    });
    let times: Vec<String> = times.collect();
    assert!(
        times.len() > 10 && times.is_sorted(),
        "a count of before came after: {times:?}"
    );
}

/// Whoever is active when the time comes makes the figures, and nobody makes them twice.
#[tokio::test]
async fn each_refresh_is_made_once_whoever_is_active() {
    let mut site = Site::new("Asia/Jakarta", NOW, Shape::default()).await;
    site.set("VISITOR_SLOW_CRON", "*/5 * * * * *");
    let mut workers = Workers::start(&mut site, 3);
    let first = workers.active(&site, None).await;
    site.await_all().await;
    // Until the others count as standbys, who make nothing but what is due.
    sleep(Duration::from_secs(11)).await;
    let heard = Heard::on(&site, "snapshots").await;
    let made = || {
        let heard = heard.of("snapshots");
        heard
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
        let count = heard
            .of("snapshots")
            .iter()
            .filter(|one| *one == name)
            .count();
        assert!(count.abs_diff(made()) <= 1, "{name}: {count}");
    }
    assert!(
        !heard
            .of("snapshots")
            .contains(&"books:collection".to_owned())
    );
}

/// A rolling restart after `MEMBER_NAMES=masked`: names are not shown for another day.
#[tokio::test]
async fn figures_of_other_settings_are_made_anew_by_who_takes_over() {
    let mut site = Site::new("Asia/Jakarta", NOW, Shape::default()).await;
    let mut before = Workers::start(&mut site, 1);
    before.active(&site, None).await;
    site.await_all().await;
    site.set("MEMBER_NAMES", "hidden");
    let after = Workers::start(&mut site, 1);
    sleep(Duration::from_secs(11)).await;
    assert!(
        site.stored("visitors:yearly:top")
            .await
            .unwrap()
            .contains("member_name")
    );
    before.0[0].0.signal(Signal::SIGTERM).unwrap();
    before.0[0].0.wait_exit(SOON).await.unwrap();
    after.active(&site, None).await;
    for name in ["visitors:yearly:top", "books:top-borrowers:year"] {
        eventually(&format!("{name} names nobody"), SOON, async || {
            let stored = site.stored(name).await?;
            (!stored.contains("member_name")).then_some(())
        })
        .await;
    }
}
