//! Redis as the gateway sees it: two channels, twelve keys to read, and one channel to ring on. It writes no key.

use crate::config::Config;
use crate::failures::is_permission;
use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, KeysInterface, PubsubInterface};
use fred::types::config::Options;
use futures_util::future::{try_join, try_join_all};
use shared::catalog::Snapshot;
use shared::keys::Keys;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Redis answers within milliseconds; one that is half a second away each way is not left. Short enough that one which has
/// fallen silent is noticed within 5 s, between two readings as well.
const ANSWER_LIMIT: Duration = Duration::from_millis(1_500);

/// The one connection, for messages and commands alike, so that a reading tells whether messages can still come.
pub struct Source {
    /// For its events.
    pub client: Client,
    keys: Keys,
    commands: WithOptions<Client>,
}

/// What is to be read next.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Everything, after subscribing again.
    pub round: bool,
    /// These, of which a message says that they were stored.
    pub snapshots: BTreeSet<Snapshot>,
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// When the question was sent.
    pub asked: Instant,
    /// The value of each key that was asked for.
    pub snapshots: Vec<(Snapshot, Value)>,
    /// Those of which a message had said that they were stored.
    pub named: BTreeSet<Snapshot>,
    /// The channels that the account may not subscribe to, if that was tried.
    pub unsubscribed: Option<Vec<String>>,
    /// Today's count with its remaining time, if it was asked for.
    pub today: Option<(Value, Duration)>,
}

/// What is under a key.
#[derive(Debug)]
pub enum Value {
    /// Nothing.
    None,
    /// These bytes, in the client's buffer.
    Bytes(Bytes),
    /// Not a string, or today's count without an end.
    Unusable(&'static str),
}

/// A message of one of the two channels.
#[derive(Debug)]
pub enum Message {
    /// The bytes of a count.
    Today(Bytes),
    /// A snapshot has been stored.
    Stored(Snapshot),
    /// Something else.
    Unknown,
}

impl Wanted {
    /// Everything.
    pub fn round() -> Self {
        Self {
            round: true,
            ..Self::default()
        }
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        !self.round && self.snapshots.is_empty()
    }
}

impl Source {
    /// Makes the client; it connects when the following begins.
    ///
    /// # Errors
    /// A configuration that the client refuses.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let client = config.redis.client(ANSWER_LIMIT)?;
        // While Redis is away a command fails at once instead of waiting in a queue.
        let commands = client.with_options(&Options {
            fail_fast: true,
            ..Options::default()
        });
        Ok(Self {
            keys: config.keys.clone(),
            commands,
            client,
        })
    }

    /// Reads what is wanted in one pipelined go.
    ///
    /// A round subscribes first. To do so again costs nothing and changes nothing, and a subscription that was lost in
    /// any way is back after one round.
    ///
    /// # Errors
    /// Redis is away, or does not answer, or refuses.
    pub async fn read(&self, wanted: Wanted) -> Result<Reading, Error> {
        let unsubscribed = match wanted.round {
            true => Some(self.subscribe().await?),
            false => None,
        };
        let asked = Instant::now();
        let named = wanted.snapshots;
        let snapshots: Vec<_> = match wanted.round {
            true => Snapshot::ALL.to_vec(),
            false => named.iter().copied().collect(),
        };
        let snapshots = try_join_all(snapshots.into_iter().map(|snapshot| async move {
            let value = value(self.commands.get(self.keys.snapshot(snapshot)).await)?;
            Ok::<_, Error>((snapshot, value))
        }));
        let today = async {
            match wanted.round {
                true => self.read_today().await.map(Some),
                false => Ok(None),
            }
        };
        let (snapshots, today) = try_join(snapshots, today).await?;
        Ok(Reading {
            asked,
            snapshots,
            named,
            unsubscribed,
            today,
        })
    }

    /// Subscribes to each channel by itself, so that the right to one suffices for that one; returns those that are refused.
    /// What they would tell is found by the next reading.
    async fn subscribe(&self) -> Result<Vec<String>, Error> {
        let mut refused = Vec::new();
        for channel in [self.keys.today_channel(), self.keys.snapshots_channel()] {
            match self.commands.subscribe(channel.clone()).await {
                Ok(()) => {}
                Err(e) if is_permission(&e) => refused.push(channel),
                Err(e) => return Err(e),
            }
        }
        Ok(refused)
    }

    /// If the value is replaced between the two commands, a message says so before the second is answered, and a
    /// reading that was crossed by a message does not count. So the time that remains is never a later value's.
    async fn read_today(&self) -> Result<(Value, Duration), Error> {
        let key = self.keys.today_count();
        let found = async { value(self.commands.get(&key).await) };
        // Boxed, since the client's futures are large.
        let remaining = async {
            match self.commands.pttl::<i64, _>(&key).await {
                Ok(remaining) => Ok(Some(remaining)),
                Err(e) if is_permission(&e) => Ok(None),
                Err(e) => Err(e),
            }
        };
        let (found, remaining) = Box::pin(try_join(found, remaining)).await?;
        let Some(remaining) = remaining else {
            let why = "the account may not ask for its remaining time (PTTL: NOPERM)";
            return Ok((Value::Unusable(why), Duration::ZERO));
        };
        Ok(match (found, u64::try_from(remaining)) {
            (Value::Bytes(bytes), Ok(ms)) => (Value::Bytes(bytes), Duration::from_millis(ms)),
            // -1: without an end. Nobody knows how old it is.
            (Value::Bytes(_), Err(_)) if remaining == -1 => {
                (Value::Unusable("it never expires"), Duration::ZERO)
            }
            // -2: it went between the two commands.
            (Value::Bytes(_), Err(_)) => (Value::None, Duration::ZERO),
            (other, _) => (other, Duration::ZERO),
        })
    }

    /// Asks the worker for a fresh count.
    ///
    /// # Errors
    /// Redis is away, or does not answer.
    pub async fn ring(&self) -> Result<(), Error> {
        // How many heard it says nothing: in a cluster that number is one node's.
        let _heard: i64 = self.commands.publish(self.keys.doorbell(), "1").await?;
        Ok(())
    }

    /// What a message says.
    pub fn message(&self, message: &fred::types::Message) -> Message {
        let Some(payload) = message.value.as_bytes() else {
            return Message::Unknown;
        };
        if message.channel == self.keys.today_channel().as_str() {
            return Message::Today(Bytes::copy_from_slice(payload));
        }
        let mut all = Snapshot::ALL.into_iter();
        all.find(|snapshot| self.keys.snapshot(*snapshot).as_bytes() == payload)
            .map_or(Message::Unknown, Message::Stored)
    }
}

fn value(answer: Result<Option<Bytes>, Error>) -> Result<Value, Error> {
    match answer {
        Ok(Some(bytes)) => Ok(Value::Bytes(bytes)),
        Ok(None) => Ok(Value::None),
        // WRONGTYPE: somebody put a list there. Redis itself is well.
        Err(e) if *e.kind() == ErrorKind::InvalidArgument => Ok(Value::Unusable("it is no string")),
        // NOPERM: this key is not for this account; others may be.
        Err(e) if is_permission(&e) => {
            Ok(Value::Unusable("the account may not read it (GET: NOPERM)"))
        }
        Err(e) => Err(e),
    }
}
