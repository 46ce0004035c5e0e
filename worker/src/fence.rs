//! Every write to Redis is a script that looks, in Redis itself, whether the lease is still ours and whether the command comes
//! in time: a worker that was frozen, or a command that its sender has given up, changes nothing.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::interfaces::ClientLike;
use fred::types::config::Options;
use fred::types::{ClusterHash, CustomCommand, Value};
use shared::keys::Keys;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Redis answers within a millisecond; what takes this long is away, and is not carried out later.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(2);
/// At the stop; without an answer the lease ends by itself.
const RELEASE_LIMIT: Duration = Duration::from_millis(300);

const TAKE: &str = include_str!("fence/take.lua");
const WRITE: &str = concat!(
    include_str!("fence/allowed.lua"),
    include_str!("fence/write.lua")
);
const EXPIRE: &str = concat!(
    include_str!("fence/allowed.lua"),
    include_str!("fence/expire.lua")
);
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
pub enum Refused {
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
pub enum Taken {
    /// Ours.
    Ours(String),
    /// Another worker's.
    Others(String),
}

/// What is to be stored and published.
pub struct Write {
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
    pub snapshot: Option<Made>,
}

/// How a snapshot was made.
pub struct Made {
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
    pub async fn take(&self, name: &str, life: Duration, last_epoch: u64) -> Result<Taken> {
        let keys = vec![self.keys.lease(), self.keys.epoch()];
        let args: Vec<Value> = vec![
            name.into(),
            life.as_millis().to_string().into(),
            last_epoch.to_string().into(),
            self.latest(COMMAND_LIMIT).into(),
        ];
        let answer = self.run(Script(TAKE, COMMAND_LIMIT), keys, args).await;
        let answer = answer.context("asking Redis for the lease")?;
        let lease = answer.lease.unwrap_or_default();
        match answer.verdict.as_str() {
            "done" => Ok(Taken::Ours(lease)),
            "taken" => Ok(Taken::Others(lease)),
            _ => bail!(Refused::Late),
        }
    }

    /// Gives `lease` back.
    ///
    /// # Errors
    /// As Redis says, or why it refused.
    pub async fn release(&self, lease: &str) -> Result<()> {
        let script = Script(RELEASE, RELEASE_LIMIT);
        self.change(script, lease, Vec::new(), Vec::new()).await
    }

    /// Stores and publishes.
    ///
    /// # Errors
    /// As Redis says, or why it refused.
    pub async fn write(&self, lease: &str, write: Write) -> Result<()> {
        let Some(ends) = self.server_time(write.ends) else {
            bail!(Refused::Lost)
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
        self.change(script, lease, keys, args).await
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
        self.change(script, lease, vec![key], args).await
    }

    /// A script that is allowed to `lease` alone, and for as long as we wait for it.
    async fn change(
        &self,
        script: Script,
        lease: &str,
        keys: Vec<String>,
        args: Vec<Value>,
    ) -> Result<()> {
        let keys = std::iter::once(self.keys.lease()).chain(keys).collect();
        let fence: [Value; 2] = [lease.into(), self.latest(script.1).into()];
        let args = fence.into_iter().chain(args).collect();
        match self.run(script, keys, args).await?.verdict.as_str() {
            "done" => Ok(()),
            "late" => bail!(Refused::Late),
            "older" => bail!(Refused::Older),
            _ => bail!(Refused::Lost),
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
        *self.clock() = Some((Instant::now(), now));
        let lease = answer.next().and_then(|lease| lease.as_string());
        Ok(Answer { verdict, lease })
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
    lease: Option<String>,
}

/// A command fails at once when there is no connection: nothing is queued for later. (In a pipeline it would be.)
pub fn commands(redis: &Client, limit: Duration) -> WithOptions<Client> {
    redis.with_options(&Options {
        fail_fast: true,
        timeout: Some(limit),
        ..Options::default()
    })
}
