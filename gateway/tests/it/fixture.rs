//! Runs a gateway in the test's process and plays the worker's part in Redis. Each test has its own key prefix.

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, KeysInterface, PubsubInterface};
use fred::types::Expiration;
use gateway::config::Config;
use shared::catalog::Snapshot;
use shared::environment::Environment;
use shared::keys::Keys;
use shared::redis::RedisUrl;
use shared::time::{Clock, Timestamp};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use testkit::eventually::eventually;
use testkit::http::{Response, get};
use testkit::server::{Redis, shared_redis, unique};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Far longer than anything takes here, even on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Plays the worker: writes keys and publishes messages.
pub(crate) struct Worker {
    pub(crate) redis: Client,
    pub(crate) keys: Keys,
    pub(crate) prefix: String,
}

/// A gateway that ends with the test.
pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<anyhow::Result<()>>,
    pub(crate) worker: Arc<Worker>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The configuration that these variables make.
pub(crate) fn config(url: &str, prefix: &str, variables: &[(&str, &str)]) -> Config {
    let lookup = |name: &str| match name {
        "REDIS_URL" => Some(url.to_owned()),
        "REDIS_KEY_PREFIX" => Some(prefix.to_owned()),
        name => {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    };
    let config = Config::read(Environment::from_lookup(lookup));
    config.unwrap_or_else(|e| panic!("{e}"))
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(&[], |_| ()).await
    }

    /// Starts a gateway on the shared Redis, under its own prefix.
    pub(crate) async fn with(variables: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Self {
        let worker = Worker::on(&shared_redis().await.url(), &unique("gw")).await;
        Self::with_worker(
            Arc::new(worker),
            &shared_redis().await.url(),
            variables,
            change,
        )
        .await
    }

    /// Starts a gateway on a Redis that belongs to the test.
    pub(crate) async fn on_redis(redis: &Redis) -> Self {
        let worker = Worker::on(&redis.url(), "").await;
        Self::with_worker(Arc::new(worker), &redis.url(), &[], |_| ()).await
    }

    /// Starts a gateway on the Redis at `url`; returns when it is ready.
    pub(crate) async fn with_worker(
        worker: Arc<Worker>,
        url: &str,
        variables: &[(&str, &str)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let fixture = Self::unconnected(worker, url, variables, change).await;
        eventually("the gateway is ready", SOON, async || {
            (get(fixture.address, "/readyz").await.status == 200).then_some(())
        })
        .await;
        fixture
    }

    /// Starts a gateway without waiting until it is ready.
    pub(crate) async fn unconnected(
        worker: Arc<Worker>,
        url: &str,
        variables: &[(&str, &str)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = config(url, &worker.prefix, variables);
        change(&mut config);
        // An address of its own: when its port is free again, nobody else listens there.
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let host = Ipv4Addr::new(127, 1, high, low);
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (clock, stop) = (Clock::system(), CancellationToken::new());
        let run = gateway::run(listener, config, clock.clone(), stop.clone());
        Self {
            address,
            task: tokio::spawn(run),
            clock,
            stop,
            worker,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        get(self.address, path).await
    }

    /// Waits until the response for `path` is a 200 with `body`.
    pub(crate) async fn shows(&self, path: &str, body: &str) -> Response {
        eventually(&format!("{path} shows {body}"), SOON, async || {
            let answer = self.get(path).await;
            (answer.status == 200 && answer.body == body.as_bytes()).then_some(answer)
        })
        .await
    }

    /// Stores all snapshots and waits until the gateway serves them.
    pub(crate) async fn warm(&self) {
        for snapshot in Snapshot::ALL {
            self.worker.store(snapshot, &envelope(snapshot, 1)).await;
        }
        for snapshot in Snapshot::ALL {
            self.shows(snapshot.path(), &envelope(snapshot, 1)).await;
        }
    }
}

impl Worker {
    pub(crate) async fn on(url: &str, prefix: &str) -> Self {
        let redis = RedisUrl::parse(url).unwrap().client(SOON).unwrap();
        redis.init().await.unwrap();
        Self {
            redis,
            keys: Keys::new(prefix),
            prefix: prefix.to_owned(),
        }
    }

    /// Stores a snapshot and publishes its key, as the worker does.
    pub(crate) async fn store(&self, snapshot: Snapshot, value: &str) {
        let key = self.keys.snapshot(snapshot);
        self.set(&key, value).await;
        self.publish(self.keys.snapshots_channel(), &key).await;
    }

    pub(crate) async fn set(&self, key: &str, value: &str) {
        let life = Some(Expiration::EX(90_000));
        let _: () = self.redis.set(key, value, life, None, false).await.unwrap();
    }

    /// Stores a count with its TTL and publishes it, as the worker does.
    pub(crate) async fn publish_count(&self, message: &str, life: Duration) {
        self.set_count(message, life).await;
        self.publish(self.keys.today_channel(), message).await;
    }

    pub(crate) async fn set_count(&self, message: &str, life: Duration) {
        let life = Some(Expiration::PX(i64::try_from(life.as_millis()).unwrap()));
        let key = self.keys.today_count();
        let _: () = self
            .redis
            .set(key, message, life, None, false)
            .await
            .unwrap();
    }

    pub(crate) async fn publish_message(&self, message: &str) {
        self.publish(self.keys.today_channel(), message).await;
    }

    pub(crate) async fn publish(&self, channel: String, text: &str) {
        let _: i64 = self.redis.publish(channel, text).await.unwrap();
    }

    /// Creates a list with one element.
    pub(crate) async fn push(&self, key: &str, element: &str) {
        let push = fred::types::CustomCommand::new_static("LPUSH", None::<u16>, false);
        let pushed: i64 =
            fred::interfaces::ClientLike::custom(&self.redis, push, vec![key, element])
                .await
                .unwrap();
        assert_eq!(pushed, 1);
    }

    pub(crate) async fn delete(&self, key: String) {
        let _: i64 = self.redis.del(key).await.unwrap();
    }

    /// Counts the refresh requests from now on.
    pub(crate) async fn count_refresh_requests(&self) -> Arc<AtomicUsize> {
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, mut messages) = (requests.clone(), self.redis.message_rx());
        let channel = self.keys.refresh_channel();
        self.redis.subscribe(channel.clone()).await.unwrap();
        tokio::spawn(async move {
            while let Ok(message) = messages.recv().await {
                assert_eq!(message.channel, channel.as_str());
                assert_eq!(message.value.as_bytes().map(<[u8]>::len), Some(1));
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        requests
    }
}

/// The value of a snapshot. Its spelling is unusual, because it must be served byte for byte.
pub(crate) fn envelope(snapshot: Snapshot, version: u32) -> String {
    let period = match snapshot.period() {
        Some(_) => r#""period":"2025-09","#,
        None => "",
    };
    format!(
        r#"{{ "generated_at":"2025-09-23T00:05:{:02}.345Z","ttl_seconds":{},{period} "data" : [ {version} , "é\u00e9" ] }}"#,
        10 + snapshot.index(),
        90_000 + version,
    )
}

/// A count that lives for `life`. Each total has a different time.
pub(crate) fn message(total: u64, life: Duration) -> String {
    static START: LazyLock<Timestamp> = LazyLock::new(|| Clock::system().now());
    let generated_at = START.plus(Duration::from_millis(total));
    let expires_at = generated_at.plus(life);
    format!(
        r#"{{"total":{total},"generated_at":"{generated_at}","date":"2025-09-23","expires_at":"{expires_at}"}}"#
    )
}

/// The lifetime of a count in tests that do not wait for its expiry.
pub(crate) const LONG: Duration = Duration::from_secs(3600);
