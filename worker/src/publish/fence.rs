//! Runs every write to Redis as a script that first checks, in Redis itself, that the lease is still ours and that the
//! command arrives in time. So a worker that was frozen, or a command that its sender has given up, changes nothing.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::interfaces::ClientLike;
use fred::types::config::Options;
use fred::types::{ClusterHash, CustomCommand, Value};
use shared::catalog::Snapshot;
use shared::keys::Keys;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// Redis answers within a millisecond. After this time it counts as unreachable, and the script refuses to run later.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(2);
/// The limit for releasing the lease at shutdown. Without a reply the lease expires by itself.
const RELEASE_LIMIT: Duration = Duration::from_millis(300);

const ACQUIRE: &str = include_str!("fence/acquire.lua");
const WRITE: &str = concat!(
    include_str!("fence/check_lease.lua"),
    include_str!("fence/write.lua")
);
const EXPIRE: &str = concat!(
    include_str!("fence/check_lease.lua"),
    include_str!("fence/expire.lua")
);
const RIGHTS: &str = include_str!("fence/rights.lua");
const RELEASE: &str = concat!(
    include_str!("fence/check_lease.lua"),
    include_str!("fence/release.lua")
);

/// A script and its time-out.
#[derive(Clone, Copy)]
struct Script(&'static str, Duration);

/// Runs the scripts.
pub struct Fence {
    redis: Client,
    keys: Keys,
    /// The last known time of the Redis server, in milliseconds, and when this worker received it.
    clock: Mutex<Option<(Instant, i64)>>,
}

/// Why a script refused a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteRefused {
    /// Another worker holds the lease, nobody does, or Redis does not tell its time, so that the lease cannot be
    /// checked.
    #[error("this worker is no longer active")]
    Lost,
    /// The command arrived after its deadline, or the value would already have expired.
    #[error("the command reached Redis too late")]
    Late,
    /// Redis has a newer value.
    #[error("Redis has a newer value")]
    Older,
}

/// The result of acquiring the lease: who holds it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// This worker holds it.
    Ours {
        /// The lease.
        lease: String,
        /// Whether another worker stands by.
        has_standby: bool,
    },
    /// Another worker holds it.
    Others(String),
}

/// What this worker's Redis account may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    /// The server cannot report it (Redis 6).
    Unknown,
    /// Everything that a worker needs.
    Complete,
    /// Everything but these commands.
    Missing(String),
}

/// A value to write and a message to publish.
pub struct FencedWrite {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Bytes,
    /// The longest TTL of the value. The value expires at the sooner of the two.
    pub max_ttl: Duration,
    /// When the value expires at the latest.
    pub expires_by: Instant,
    /// The channel of the message.
    pub channel: String,
    /// The message.
    pub message: Bytes,
    /// Set if the value is a snapshot.
    pub snapshot: Option<SnapshotMeta>,
}

/// What the script stores and checks for a snapshot.
pub struct SnapshotMeta {
    /// The name of the snapshot.
    pub name: String,
    /// The settings under which it was made.
    pub settings: String,
    /// Its `generated_at`, if the write must not replace a newer copy.
    pub unless_newer: Option<String>,
}

impl Fence {
    /// Creates a fence over a client that connects by itself.
    pub fn new(redis: Client, keys: Keys) -> Self {
        Self {
            redis,
            keys,
            clock: Mutex::default(),
        }
    }

    /// Acquires the lease for `ttl` if it is free, or renews it if it is ours. A new lease gets an epoch above
    /// `last_epoch`.
    ///
    /// # Errors
    /// If Redis does not answer, or not in time.
    pub async fn acquire(&self, name: &str, ttl: Duration, last_epoch: u64) -> Result<Acquired> {
        let reply = self.run_acquire("acquire", name, ttl, last_epoch).await?;
        let lease = reply.text.unwrap_or_default();
        match reply.verdict.as_str() {
            "done" => Ok(Acquired::Ours {
                lease,
                has_standby: reply.has_standby,
            }),
            "taken" => Ok(Acquired::Others(lease)),
            _ => bail!(WriteRefused::Late),
        }
    }

    /// Returns the lease of another worker, which is told that `name` stands by; `None` when the lease is free or ours.
    /// Does not acquire it. A lease without a TTL gets the TTL `ttl`.
    ///
    /// # Errors
    /// If Redis does not answer, or not in time.
    pub async fn other_holder(&self, name: &str, ttl: Duration) -> Result<Option<String>> {
        let reply = self.run_acquire("inspect", name, ttl, 0).await?;
        match reply.verdict.as_str() {
            "free" => Ok(None),
            "taken" => Ok(Some(reply.text.unwrap_or_default())),
            _ => bail!(WriteRefused::Late),
        }
    }

    async fn run_acquire(
        &self,
        intent: &'static str,
        name: &str,
        ttl: Duration,
        last_epoch: u64,
    ) -> Result<Reply> {
        let keys = vec![self.keys.lease(), self.keys.epoch(), self.keys.standby()];
        let args: Vec<Value> = vec![
            name.into(),
            ttl.as_millis().to_string().into(),
            last_epoch.to_string().into(),
            self.deadline(COMMAND_LIMIT).into(),
            intent.into(),
        ];
        let reply = self.run(Script(ACQUIRE, COMMAND_LIMIT), keys, args).await;
        let reply = reply.context("asking Redis for the lease")?;
        if reply.repaired {
            let key = self.keys.lease();
            warn!(
                key,
                ?ttl,
                "{key} had no TTL, so it was not the lease of a worker: it expires in {ttl:?}"
            );
        }
        Ok(reply)
    }

    /// Asks which of a worker's commands this account may use. Changes nothing.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn rights(&self) -> Result<Rights> {
        let keys = &self.keys;
        let day = chrono::NaiveDate::default();
        let first = [
            keys.lease(),
            keys.epoch(),
            keys.standby(),
            keys.made(),
            keys.today_increments(day),
            keys.today_count(),
        ];
        let all = first
            .into_iter()
            .chain(Snapshot::ALL.map(|snapshot| keys.snapshot(snapshot)));
        let channels = [
            keys.today_channel(),
            keys.snapshots_channel(),
            keys.refresh_channel(),
        ];
        let args = channels.map(Value::from).to_vec();
        let reply = self
            .run(Script(RIGHTS, COMMAND_LIMIT), all.collect(), args)
            .await;
        let reply = reply.context("asking Redis for the rights of this account")?;
        Ok(match reply.text.unwrap_or_default() {
            _ if reply.unknown => Rights::Unknown,
            commands if commands.is_empty() => Rights::Complete,
            commands => Rights::Missing(commands),
        })
    }

    /// Releases `lease`.
    ///
    /// # Errors
    /// If Redis does not answer, or a [`WriteRefused`].
    pub async fn release(&self, lease: &str) -> Result<()> {
        let script = Script(RELEASE, RELEASE_LIMIT);
        let released = self.run_fenced(script, lease, Vec::new(), Vec::new()).await;
        released.map(drop)
    }

    /// Writes the value and publishes the message.
    ///
    /// # Errors
    /// If Redis does not accept the write, or a [`WriteRefused`].
    pub async fn write(&self, lease: &str, write: FencedWrite) -> Result<()> {
        let Some(expires_by) = self.server_time(write.expires_by) else {
            bail!(WriteRefused::Lost)
        };
        let mut args: Vec<Value> = vec![
            write.value.into(),
            expires_by.to_string().into(),
            write.max_ttl.as_millis().to_string().into(),
            write.channel.into(),
            write.message.into(),
        ];
        if let Some(made) = write.snapshot {
            args.extend([made.name.into(), made.settings.into()]);
            args.extend(made.unless_newer.map(Value::from));
        }
        let (script, keys) = (
            Script(WRITE, COMMAND_LIMIT),
            vec![write.key, self.keys.made()],
        );
        if self.run_fenced(script, lease, keys, args).await? {
            let key = self.keys.made();
            warn!(key, "{key} had a value of another type: replaced");
        }
        Ok(())
    }

    /// Sets the TTL of a key that has none.
    ///
    /// # Errors
    /// If Redis does not answer, or a [`WriteRefused`].
    pub async fn expire(&self, lease: &str, key: String, seconds: u32) -> Result<()> {
        let (script, args) = (
            Script(EXPIRE, COMMAND_LIMIT),
            vec![seconds.to_string().into()],
        );
        let changed = self.run_fenced(script, lease, vec![key], args).await;
        changed.map(drop)
    }

    /// Runs a script that only the holder of `lease` may run, and only within its time-out. Returns whether it repaired
    /// a key.
    async fn run_fenced(
        &self,
        script: Script,
        lease: &str,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> Result<bool> {
        let keys = std::iter::once(self.keys.lease()).chain(keys).collect();
        let fence: [Value; 2] = [lease.into(), self.deadline(script.1).into()];
        let args = fence.into_iter().chain(args).collect();
        let reply = self.run(script, keys, args).await?;
        match reply.verdict.as_str() {
            "done" => Ok(reply.repaired),
            "late" => bail!(WriteRefused::Late),
            "older" => bail!(WriteRefused::Older),
            "lost" => bail!(WriteRefused::Lost),
            verdict => bail!("a script gave the unexpected verdict {verdict}"),
        }
    }

    async fn run(&self, script: Script, keys: Vec<String>, args: Vec<Value>) -> Result<Reply> {
        let Script(text, limit) = script;
        // In a cluster all keys share a slot, which selects the server. The client does not derive it from a custom
        // command.
        let slot = ClusterHash::from(self.keys.lease().as_str());
        let mut all: Vec<Value> = vec![text.into(), keys.len().to_string().into()];
        all.extend(keys.into_iter().map(Value::from));
        all.extend(args);
        let command = CustomCommand::new_static("EVAL", slot, false);
        let reply: Vec<Value> = commands(&self.redis, limit).custom(command, all).await?;
        let mut reply = reply.into_iter();
        let verdict = reply.next().and_then(|verdict| verdict.as_string());
        let now = reply.next().and_then(|now| now.as_i64());
        let (verdict, now) = verdict
            .zip(now)
            .context("a script gave an unexpected reply")?;
        // 0 means that the account lacks the right to TIME.
        if now > 0 {
            *self.clock() = Some((Instant::now(), now));
        }
        let mut texts = reply.map(|text| text.as_string());
        let (text, remark) = (texts.next().flatten(), texts.next().flatten());
        Ok(Reply {
            verdict,
            text,
            repaired: remark.as_deref() == Some("repaired"),
            has_standby: remark.as_deref() == Some("standby"),
            unknown: remark.as_deref() == Some("unknown"),
        })
    }

    /// The deadline of a command that is sent now and has the time-out `limit`, by the clock of the Redis server. No
    /// deadline before the first reply, which shows that clock.
    fn deadline(&self, limit: Duration) -> String {
        let deadline = self.server_time(Instant::now() + limit);
        deadline.unwrap_or(i64::MAX).to_string()
    }

    /// What the clock of the Redis server will show at `instant`: a lower bound.
    fn server_time(&self, instant: Instant) -> Option<i64> {
        let (received_at, server_millis) = (*self.clock())?;
        let later = i64::try_from(instant.saturating_duration_since(received_at).as_millis());
        Some(server_millis.saturating_add(later.unwrap_or(i64::MAX)))
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, i64)>> {
        // A panic elsewhere cannot leave it half-changed.
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reply of a script.
struct Reply {
    verdict: String,
    /// The lease, or the list of commands.
    text: Option<String>,
    /// Whether a key of another type was replaced, or a key without a TTL got one.
    repaired: bool,
    has_standby: bool,
    unknown: bool,
}

/// The client with options under which a command fails at once without a connection, instead of waiting in a queue. (In
/// a pipeline it would be queued.) `limit` is the time-out.
pub fn commands(redis: &Client, limit: Duration) -> WithOptions<Client> {
    redis.with_options(&Options {
        fail_fast: true,
        timeout: Some(limit),
        ..Options::default()
    })
}
