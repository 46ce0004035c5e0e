//! Redis as the gateway sees it: two channels, twelve keys to read, and one channel to ring on. It writes no key.

use crate::config::Config;
use crate::failures::is_permission;
use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, KeysInterface, PubsubInterface};
use fred::types::config::Options;
use fred::types::{ClusterHash, CustomCommand};
use futures_util::future::{join, try_join, try_join_all};
use shared::catalog::Snapshot;
use shared::keys::Keys;
use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Redis answers within milliseconds; one that is half a second away each way is not left. Short enough that one which has
/// fallen silent is noticed within 5 s, between two readings as well.
const ANSWER_LIMIT: Duration = Duration::from_millis(1_500);

/// The one connection, for messages and commands alike, so that a reading tells whether messages can still come.
pub struct RedisClient {
    /// For its events.
    pub client: Client,
    keys: Keys,
    commands: WithOptions<Client>,
    is_clustered: bool,
    /// Held while the client's replies are out of step with its commands; see [`Self::is_subscribed`].
    exchange: Mutex<()>,
}

/// What is to be read next.
#[derive(Clone, Debug, Default)]
pub struct ReadRequest {
    /// Everything.
    pub round: bool,
    /// To subscribe before a round: on a new connection, and where that was refused.
    pub subscribe: bool,
    /// These, of which a message says that they were stored.
    pub snapshots: BTreeSet<Snapshot>,
}

/// What was read.
#[derive(Debug)]
pub struct ReadResult {
    /// When the question was sent.
    pub sent_at: Instant,
    /// The value of each key that was sent_at for.
    pub snapshots: Vec<(Snapshot, StoredValue)>,
    /// Those of which a message had said that they were stored.
    pub announced: BTreeSet<Snapshot>,
    /// The channels that the account may not subscribe to, if that was tried.
    pub unsubscribed: Option<Vec<String>>,
    /// Today's count with its remaining time, if it was sent_at for.
    pub today: Option<(StoredValue, Duration)>,
}

/// What is under a key.
#[derive(Debug)]
pub enum StoredValue {
    /// Nothing.
    None,
    /// These bytes, in the client's buffer.
    Bytes(Bytes),
    /// Not a string, or today's count without an end.
    Unusable(&'static str),
}

/// A message of one of the two channels.
#[derive(Debug)]
pub enum ChannelMessage {
    /// The bytes of a count.
    Count(Bytes),
    /// A snapshot has been stored.
    Stored(Snapshot),
    /// Something else.
    Unknown,
}

impl ReadRequest {
    /// Everything.
    pub fn round() -> Self {
        Self {
            round: true,
            ..Self::default()
        }
    }

    /// What is to be read now. To subscribe waits for a round.
    pub fn take(&mut self) -> Self {
        let rest = Self {
            subscribe: self.subscribe && !self.round,
            ..Self::default()
        };
        mem::replace(self, rest)
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        !self.round && self.snapshots.is_empty()
    }
}

impl ReadResult {
    /// Whether a channel was refused, so that the next round is to try again.
    pub fn is_refused(&self) -> bool {
        let refused = self.unsubscribed.as_ref();
        refused.is_some_and(|refused| !refused.is_empty())
    }
}

impl RedisClient {
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
            is_clustered: config.redis.is_clustered(),
            exchange: Mutex::default(),
            client,
        })
    }

    /// Reads what is wanted in one pipelined go.
    ///
    /// # Errors
    /// Redis is away, or does not answer, or refuses.
    pub async fn read(&self, wanted: ReadRequest) -> Result<ReadResult, Error> {
        // A cluster may move the channel to another server, and then this subscribes there.
        let unsubscribed = match wanted.round && (wanted.subscribe || self.is_clustered) {
            true => Some(self.subscribe().await?),
            false => None,
        };
        let sent_at = Instant::now();
        let announced = wanted.snapshots;
        let snapshots: Vec<_> = match wanted.round {
            true => Snapshot::ALL.to_vec(),
            false => announced.iter().copied().collect(),
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
        Ok(ReadResult {
            sent_at,
            snapshots,
            announced,
            unsubscribed,
            today,
        })
    }

    /// Subscribes to each channel by itself, so that the right to one suffices for that one; returns those that are refused.
    /// What they would tell is found by the next reading.
    async fn subscribe(&self) -> Result<Vec<String>, Error> {
        let channels = [self.keys.today_channel(), self.keys.snapshots_channel()];
        if self.is_clustered {
            self.commands.subscribe(channels.to_vec()).await?;
            return Ok(Vec::new());
        }
        let mut refused = Vec::new();
        for channel in channels {
            if !self.is_subscribed(&channel).await? {
                refused.push(channel);
            }
        }
        Ok(refused)
    }

    /// Subscribes, and tells whether Redis allows it.
    ///
    /// The client awaits no reply to SUBSCRIBE, since success comes as a push message. It takes a refusal for the reply to the
    /// next command, and from then on each reply for that to the command before: figures would be served under wrong paths. So
    /// SUBSCRIBE is sent as a command that awaits a reply, and PING behind it. A refusal is that reply. Otherwise PING's reply is
    /// taken for it, and PING still awaits one: it gets the error of a SUBSCRIBE without channels, for which the client awaits
    /// none.
    async fn is_subscribed(&self, channel: &str) -> Result<bool, Error> {
        const MARK: &str = "subscribed";
        let _alone = self.exchange.lock().await;
        let subscribe = CustomCommand::new_static("SUBSCRIBE", ClusterHash::FirstKey, false);
        let subscribing = async {
            let reply = self.commands.custom(subscribe, vec![channel]).await;
            let is_subscribed = match reply {
                Ok(Some(reply)) if reply == *MARK => true,
                // That of PING too.
                Err(e) if is_permission(&e) && e.details().contains("'ping'") => true,
                Err(e) if is_permission(&e) => false,
                Err(e) if matches!(e.kind(), ErrorKind::IO | ErrorKind::Canceled) => return Err(e),
                // Whose reply this is nobody knows; the connection is left.
                Ok::<Option<String>, _>(_) | Err(_) => {
                    let why = "Redis does not answer SUBSCRIBE as it should";
                    return Err(Error::new(ErrorKind::Timeout, why));
                }
            };
            if is_subscribed {
                self.commands.subscribe(Vec::<String>::new()).await?;
            }
            Ok(is_subscribed)
        };
        let ping = self
            .commands
            .ping::<fred::types::Value>(Some(MARK.to_owned()));
        // Sent in this order, the second without waiting for the first. What PING says says nothing.
        let (subscribed, _) = Box::pin(join(subscribing, ping)).await;
        subscribed
    }

    /// If the value is replaced between the two commands, a message says so before the second is answered, and a
    /// reading that was message_since_read by a message does not count. So the time that remains is never a later value's.
    async fn read_today(&self) -> Result<(StoredValue, Duration), Error> {
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
            return Ok((StoredValue::Unusable(why), Duration::ZERO));
        };
        Ok(match (found, u64::try_from(remaining)) {
            (StoredValue::Bytes(bytes), Ok(ms)) => {
                (StoredValue::Bytes(bytes), Duration::from_millis(ms))
            }
            // -1: without an end. Nobody knows how old it is.
            (StoredValue::Bytes(_), Err(_)) if remaining == -1 => {
                (StoredValue::Unusable("it never expires"), Duration::ZERO)
            }
            // -2: it went between the two commands.
            (StoredValue::Bytes(_), Err(_)) => (StoredValue::None, Duration::ZERO),
            (other, _) => (other, Duration::ZERO),
        })
    }

    /// Asks the worker for a fresh count.
    ///
    /// # Errors
    /// Redis is away, or does not answer.
    pub async fn request_refresh(&self) -> Result<(), Error> {
        // How many heard it says nothing: in a cluster that number is one node's.
        let _alone = self.exchange.lock().await;
        let _heard: i64 = self
            .commands
            .publish(self.keys.refresh_channel(), "1")
            .await?;
        Ok(())
    }

    /// What a message says.
    pub fn message(&self, message: &fred::types::Message) -> ChannelMessage {
        let Some(payload) = message.value.as_bytes() else {
            return ChannelMessage::Unknown;
        };
        if message.channel == self.keys.today_channel().as_str() {
            return ChannelMessage::Count(Bytes::copy_from_slice(payload));
        }
        let mut all = Snapshot::ALL.into_iter();
        all.find(|snapshot| self.keys.snapshot(*snapshot).as_bytes() == payload)
            .map_or(ChannelMessage::Unknown, ChannelMessage::Stored)
    }
}

fn value(answer: Result<Option<Bytes>, Error>) -> Result<StoredValue, Error> {
    match answer {
        Ok(Some(bytes)) => Ok(StoredValue::Bytes(bytes)),
        Ok(None) => Ok(StoredValue::None),
        // WRONGTYPE: somebody put a list there. Redis itself is well.
        Err(e) if *e.kind() == ErrorKind::InvalidArgument => {
            Ok(StoredValue::Unusable("it is no string"))
        }
        // NOPERM: this key is not for this account; others may be.
        Err(e) if is_permission(&e) => Ok(StoredValue::Unusable(
            "the account may not read it (GET: NOPERM)",
        )),
        Err(e) => Err(e),
    }
}
