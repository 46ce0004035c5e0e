//! Every write to Redis is a script that looks, in Redis itself, whether the lease is still ours and whether the command comes
//! in time: a worker that was frozen, or a command that its sender has given up, changes nothing.

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

/// Redis answers within a millisecond; what takes this long is away, and is not carried out later.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(2);
/// At the stop; without an answer the lease ends by itself.
const RELEASE_LIMIT: Duration = Duration::from_millis(300);

const ACQUIRE: &str = include_str!("fence/take.lua");
const WRITE: &str = concat!(
    include_str!("fence/allowed.lua"),
    include_str!("fence/write.lua")
);
const EXPIRE: &str = concat!(
    include_str!("fence/allowed.lua"),
    include_str!("fence/expire.lua")
);
const RIGHTS: &str = include_str!("fence/rights.lua");
const RELEASE: &str = concat!(
    include_str!("fence/allowed.lua"),
    include_str!("fence/release.lua")
);

/// A script, and how long we wait for it.
#[derive(Clone, Copy)]
struct Script(&'static str, Duration);

/// Where the scripts are run.
pub struct Fence {
    redis: Client,
    keys: Keys,
    /// What Redis' clock showed, in milliseconds, not later than then.
    clock: Mutex<Option<(Instant, i64)>>,
}

/// Why Redis did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteRefused {
    /// The lease is another worker's, or nobody's.
    #[error("this worker is not the active one any more")]
    Lost,
    /// The command was under way for too long, or what it would have stored is over.
    #[error("it came to Redis too late")]
    Late,
    /// What is stored is newer.
    #[error("what is stored is newer")]
    Older,
}

/// Whose the lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// Ours.
    Ours(String),
    /// Another worker's.
    Others(String),
}

/// What the account of this worker may do in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    /// The server cannot tell (Redis 6).
    Unknown,
    /// Everything that a worker does.
    Complete,
    /// Not these commands.
    WriteRefused(String),
}

/// What is to be stored and published.
pub struct FencedWrite {
    /// Where.
    pub key: String,
    /// What.
    pub value: Bytes,
    /// How long from now at most.
    pub life: Duration,
    /// And not beyond this.
    pub ends: Instant,
    /// On which channel it is told.
    pub channel: String,
    /// In which words.
    pub message: Bytes,
    /// Of a snapshot.
    pub snapshot: Option<SnapshotMeta>,
}

/// How a snapshot was made.
pub struct SnapshotMeta {
    /// Its name.
    pub name: String,
    /// Under which settings.
    pub settings: String,
    /// Its time, where it must not take the place of a newer one.
    pub unless_newer: Option<String>,
}

impl Fence {
    /// Over a client that connects by itself.
    pub fn new(redis: Client, keys: Keys) -> Self {
        Self {
            redis,
            keys,
            clock: Mutex::default(),
        }
    }

    /// Takes the lease for `life` if it is free or ours.
    ///
    /// # Errors
    /// As Redis says.
    pub async fn acquire(&self, name: &str, life: Duration, last_epoch: u64) -> Result<Acquired> {
        let answer = self.ask("take", name, life, last_epoch).await?;
        let lease = answer.text.unwrap_or_default();
        match answer.verdict.as_str() {
            "done" => Ok(Acquired::Ours(lease)),
            "taken" => Ok(Acquired::Others(lease)),
            _ => bail!(WriteRefused::Late),
        }
    }

    /// Whose the lease is when it is another worker's; `None` when it is free or ours. Takes nothing. A lease without an
    /// end is given one, `life`.
    ///
    /// # Errors
    /// As Redis says.
    pub async fn other_holder(&self, name: &str, life: Duration) -> Result<Option<String>> {
        let answer = self.ask("look", name, life, 0).await?;
        match answer.verdict.as_str() {
            "free" => Ok(None),
            "taken" => Ok(Some(answer.text.unwrap_or_default())),
            _ => bail!(WriteRefused::Late),
        }
    }

    async fn ask(
        &self,
        intent: &'static str,
        name: &str,
        life: Duration,
        last_epoch: u64,
    ) -> Result<Answer> {
        let keys = vec![self.keys.lease(), self.keys.epoch()];
        let args: Vec<Value> = vec![
            name.into(),
            life.as_millis().to_string().into(),
            last_epoch.to_string().into(),
            self.latest(COMMAND_LIMIT).into(),
            intent.into(),
        ];
        let answer = self.run(Script(ACQUIRE, COMMAND_LIMIT), keys, args).await;
        let answer = answer.context("asking Redis for the lease")?;
        if answer.repaired {
            let key = self.keys.lease();
            warn!(
                key,
                ?life,
                "{key} had no end, so it was no worker's lease: it ends in {life:?}"
            );
        }
        Ok(answer)
    }

    /// Asks which commands of a worker this account may send; nothing is changed.
    ///
    /// # Errors
    /// As Redis says.
    pub async fn rights(&self) -> Result<Rights> {
        let keys = &self.keys;
        let day = chrono::NaiveDate::default();
        let first = [
            keys.lease(),
            keys.epoch(),
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
        let answer = self
            .run(Script(RIGHTS, COMMAND_LIMIT), all.collect(), args)
            .await;
        let answer = answer.context("asking Redis for the rights of this account")?;
        Ok(match answer.text.unwrap_or_default() {
            _ if answer.unknown => Rights::Unknown,
            refused if refused.is_empty() => Rights::Complete,
            refused => Rights::WriteRefused(refused),
        })
    }

    /// Gives `lease` back.
    ///
    /// # Errors
    /// As Redis says, or why it refused.
    pub async fn release(&self, lease: &str) -> Result<()> {
        let script = Script(RELEASE, RELEASE_LIMIT);
        let released = self.change(script, lease, Vec::new(), Vec::new()).await;
        released.map(drop)
    }

    /// Stores and publishes.
    ///
    /// # Errors
    /// As Redis says, or why it refused.
    pub async fn write(&self, lease: &str, write: FencedWrite) -> Result<()> {
        let Some(ends) = self.server_time(write.ends) else {
            bail!(WriteRefused::Lost)
        };
        let mut args: Vec<Value> = vec![
            write.value.into(),
            ends.to_string().into(),
            write.life.as_millis().to_string().into(),
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
        if self.change(script, lease, keys, args).await? {
            let key = self.keys.made();
            warn!(key, "{key} was of another type: replaced");
        }
        Ok(())
    }

    /// Lets a key that never ends end.
    ///
    /// # Errors
    /// As Redis says, or why it refused.
    pub async fn expire(&self, lease: &str, key: String, seconds: u32) -> Result<()> {
        let (script, args) = (
            Script(EXPIRE, COMMAND_LIMIT),
            vec![seconds.to_string().into()],
        );
        let changed = self.change(script, lease, vec![key], args).await;
        changed.map(drop)
    }

    /// A script that is allowed to `lease` alone, and for as long as we wait for it. Returns whether it repaired a key.
    async fn change(
        &self,
        script: Script,
        lease: &str,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> Result<bool> {
        let keys = std::iter::once(self.keys.lease()).chain(keys).collect();
        let fence: [Value; 2] = [lease.into(), self.latest(script.1).into()];
        let args = fence.into_iter().chain(args).collect();
        let answer = self.run(script, keys, args).await?;
        match answer.verdict.as_str() {
            "done" => Ok(answer.repaired),
            "late" => bail!(WriteRefused::Late),
            "older" => bail!(WriteRefused::Older),
            _ => bail!(WriteRefused::Lost),
        }
    }

    async fn run(&self, script: Script, keys: Vec<String>, args: Vec<Value>) -> Result<Answer> {
        let Script(text, limit) = script;
        // In a cluster the keys, which share a slot, say where. For a command of our own the client heeds nothing else.
        let slot = ClusterHash::from(self.keys.lease().as_str());
        let mut all: Vec<Value> = vec![text.into(), keys.len().to_string().into()];
        all.extend(keys.into_iter().map(Value::from));
        all.extend(args);
        let command = CustomCommand::new_static("EVAL", slot, false);
        let answer: Vec<Value> = commands(&self.redis, limit).custom(command, all).await?;
        let mut answer = answer.into_iter();
        let verdict = answer.next().and_then(|verdict| verdict.as_string());
        let now = answer.next().and_then(|now| now.as_i64());
        let (verdict, now) = verdict.zip(now).context("a script of ours answers else")?;
        // Without the right to TIME it is 0.
        if now > 0 {
            *self.clock() = Some((Instant::now(), now));
        }
        let mut texts = answer.map(|text| text.as_string());
        let (text, remark) = (texts.next().flatten(), texts.next().flatten());
        Ok(Answer {
            verdict,
            text,
            repaired: remark.as_deref() == Some("repaired"),
            unknown: remark.as_deref() == Some("unknown"),
        })
    }

    /// Until when, by Redis' clock, a command that is sent now and waited for so long may be carried out. Before the first
    /// answer: for ever.
    fn latest(&self, limit: Duration) -> String {
        let latest = self.server_time(Instant::now() + limit);
        latest.unwrap_or(i64::MAX).to_string()
    }

    /// What Redis' clock will show at `instant`, rather too early than too late.
    fn server_time(&self, instant: Instant) -> Option<i64> {
        let (then, now) = (*self.clock())?;
        let later = i64::try_from(instant.saturating_duration_since(then).as_millis());
        Some(now.saturating_add(later.unwrap_or(i64::MAX)))
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, i64)>> {
        // A panic elsewhere leaves it whole: it is written in one go.
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a script says.
struct Answer {
    verdict: String,
    /// A lease, or a list.
    text: Option<String>,
    /// A key of another type was replaced, or one without an end given one.
    repaired: bool,
    unknown: bool,
}

/// A command fails at once when there is no connection: nothing is queued for later. (In a pipeline it would be.)
pub fn commands(redis: &Client, limit: Duration) -> WithOptions<Client> {
    redis.with_options(&Options {
        fail_fast: true,
        timeout: Some(limit),
        ..Options::default()
    })
}
