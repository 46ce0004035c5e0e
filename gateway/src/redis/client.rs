//! The gateway's Redis client: subscribes to two channels, reads the snapshots, today's count and why some snapshots cannot
//! be computed, publishes
//! refresh requests. It writes no key.

use crate::cache::cached_response::CachedResponse;
use crate::cache::state::CacheState;
use crate::config::Config;
use crate::failures::{describe_error, is_permission};
use bytes::Bytes;
use fred::clients::{Client, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, KeysInterface, PubsubInterface};
use fred::types::config::Options;
use fred::types::{ClusterHash, CustomCommand};
use futures_util::future::{join, try_join, try_join_all, try_join3};
use shared::catalog::Snapshot;
use shared::keys::Keys;
use shared::unavailable::{self, Reasons};
use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Redis answers within milliseconds; this also allows a round trip of a second. Short enough to notice within 5 s that
/// Redis has fallen silent, even between two reads.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How many bytes of a cached snapshot are compared with Redis. They contain `generated_at`, so two values that differ
/// only after them would have to be generated within one millisecond.
const HEAD_BYTES: usize = 64;

/// The one connection, for messages and commands: a read that is answered shows that messages can arrive too.
pub struct RedisClient {
    /// The client of the `fred` crate, for its events.
    pub client: Client,
    keys: Keys,
    commands: WithOptions<Client>,
    is_clustered: bool,
    /// Locked while replies do not match their commands; see [`Self::try_subscribe`].
    exchange: Mutex<()>,
}

/// The keys to read next.
#[derive(Clone, Debug, Default)]
pub struct ReadRequest {
    /// Read every key. Of a cached snapshot read the first bytes, and the whole value only if they differ.
    pub all_keys: bool,
    /// Subscribe before the next full read: on a new connection, or after Redis has refused a channel.
    pub subscribe: bool,
    /// Snapshots to read in full, because a message says that they were stored.
    pub snapshots: BTreeSet<Snapshot>,
}

/// The values that were read.
#[derive(Debug)]
pub struct ReadResult {
    /// When the commands were sent.
    pub sent_at: Instant,
    /// The value of each snapshot that was read.
    pub snapshots: Vec<(Snapshot, StoredValue)>,
    /// The snapshots of which a message had said that they were stored.
    pub announced: BTreeSet<Snapshot>,
    /// The channels that the account may not subscribe to; `None` if no subscription was tried.
    pub refused_channels: Option<Vec<String>>,
    /// Today's count and its remaining lifetime, if every key was read.
    pub today: Option<(StoredValue, Duration)>,
    /// Why some snapshots cannot be computed, if every key was read.
    pub unavailable: Option<Reasons>,
    /// Why Redis does not return the first bytes of a value, although it returns the whole value.
    pub head_error: Option<String>,
}

/// The value of a key.
#[derive(Debug)]
pub enum StoredValue {
    /// The key does not exist.
    None,
    /// The value begins like the cached one, with the same `generated_at`.
    Unchanged,
    /// A string, still in the client's buffer.
    Bytes(Bytes),
    /// It cannot be used, with the reason: for example not a string, or a count of today that never expires.
    Unusable(&'static str),
}

/// A message from one of the two channels.
#[derive(Debug)]
pub enum ChannelMessage {
    /// Today's count as JSON.
    Count(Bytes),
    /// A snapshot has been stored.
    Stored(Snapshot),
    /// The list of snapshots that cannot be computed has been stored.
    Reasons,
    /// Neither of these.
    Unknown,
}

impl ReadRequest {
    /// Takes the request out and leaves an empty one. `subscribe` stays until the next full read.
    pub fn take(&mut self) -> Self {
        let remaining = Self {
            subscribe: self.subscribe && !self.all_keys,
            ..Self::default()
        };
        mem::replace(self, remaining)
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        !self.all_keys && self.snapshots.is_empty()
    }
}

impl ReadResult {
    /// Whether Redis has refused a channel, so that the next full read tries again.
    pub fn is_refused(&self) -> bool {
        let refused = self.refused_channels.as_ref();
        refused.is_some_and(|channels| !channels.is_empty())
    }
}

impl RedisClient {
    /// Creates the client. It connects when the subscriber starts.
    ///
    /// # Errors
    /// If the client refuses the configuration.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let client = config.redis.client(COMMAND_TIMEOUT)?;
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

    /// Reads the requested keys in one pipeline, and then in full those that differ from `cached`.
    ///
    /// # Errors
    /// If Redis is not connected, does not answer within 1.5 s, or answers with an error.
    pub async fn read(
        &self,
        request: ReadRequest,
        cached: Arc<CacheState>,
    ) -> Result<ReadResult, Error> {
        // A cluster may have moved the channel to another node; this subscribes there.
        let refused_channels = match request.all_keys && (request.subscribe || self.is_clustered) {
            true => Some(self.subscribe().await?),
            false => None,
        };
        let sent_at = Instant::now();
        let announced = request.snapshots;
        let snapshots: Vec<_> = match request.all_keys {
            true => Snapshot::ALL.to_vec(),
            false => announced.iter().copied().collect(),
        };
        let snapshots = try_join_all(snapshots.into_iter().map(|snapshot| {
            let cached = cached.snapshot(snapshot).map(AsRef::as_ref);
            let cached = cached.filter(|_| !announced.contains(&snapshot));
            async move {
                let (value, head_error) = self.read_snapshot(snapshot, cached).await?;
                Ok::<_, Error>((snapshot, value, head_error))
            }
        }));
        let today = async {
            match request.all_keys {
                true => self.read_today().await.map(Some),
                false => Ok(None),
            }
        };
        let unavailable = async {
            match request.all_keys {
                true => self.read_unavailable().await.map(Some),
                false => Ok(None),
            }
        };
        let reads = Box::pin(try_join3(snapshots, today, unavailable));
        let (values, today, unavailable) = reads.await?;
        let mut head_error = None;
        let snapshots = values.into_iter().map(|(snapshot, value, error)| {
            head_error = head_error.take().or(error);
            (snapshot, value)
        });
        Ok(ReadResult {
            sent_at,
            snapshots: snapshots.collect(),
            announced,
            refused_channels,
            today,
            unavailable,
            head_error,
        })
    }

    /// Reads why some snapshots cannot be computed. An account without that right knows no reasons.
    async fn read_unavailable(&self) -> Result<Reasons, Error> {
        let value = self.commands.get(self.keys.unavailable()).await;
        Ok(match stored_value(value)? {
            StoredValue::Bytes(bytes) => unavailable::decode(&bytes),
            _ => Reasons::new(),
        })
    }

    /// Reads a snapshot in full, unless it begins like the `cached` one. If Redis does not return the first bytes, the
    /// second value says why: the account may lack the right, which earlier versions did not need.
    async fn read_snapshot(
        &self,
        snapshot: Snapshot,
        cached: Option<&CachedResponse>,
    ) -> Result<(StoredValue, Option<String>), Error> {
        let key = self.keys.snapshot(snapshot);
        let mut head_error = None;
        if let Some(cached) = cached {
            // The empty string, of a key that does not exist, differs too.
            match self
                .commands
                .getrange::<Bytes, _>(&key, 0, HEAD_BYTES - 1)
                .await
            {
                Ok(head) if cached.body[..HEAD_BYTES.min(cached.body.len())] == head => {
                    return Ok((StoredValue::Unchanged, None));
                }
                Ok(_) => {}
                // There is no connection. Any other error is an answer.
                Err(e) if is_connection_lost(&e) => return Err(e),
                Err(e) => head_error = Some(describe_error(&e)),
            }
        }
        let value = stored_value(self.commands.get(&key).await)?;
        // Otherwise the key itself is the reason, and it is reported as such.
        let is_readable = !matches!(value, StoredValue::Unusable(_));
        Ok((value, head_error.filter(|_| is_readable)))
    }

    /// Subscribes to each channel separately, so that one refused channel does not prevent the other. Returns the
    /// refused channels; the next read finds what their messages would have announced.
    async fn subscribe(&self) -> Result<Vec<String>, Error> {
        let channels = [self.keys.today_channel(), self.keys.snapshots_channel()];
        if self.is_clustered {
            self.commands.subscribe(channels.to_vec()).await?;
            return Ok(Vec::new());
        }
        let mut refused = Vec::new();
        for channel in channels {
            if !self.try_subscribe(&channel).await? {
                refused.push(channel);
            }
        }
        Ok(refused)
    }

    /// Subscribes to a channel; returns whether Redis allows it.
    ///
    /// The client awaits no reply to SUBSCRIBE, because success comes as a push message. It would take a refusal for
    /// the reply to the next command, and each later reply for that of the command before: figures would be served
    /// under wrong paths. So SUBSCRIBE is sent as a command that awaits a reply, followed by PING. A refusal is the
    /// reply to SUBSCRIBE. Without one, the client takes PING's reply for it, and PING still awaits a reply: it gets
    /// the error of a SUBSCRIBE without channels, for which the client awaits none.
    async fn try_subscribe(&self, channel: &str) -> Result<bool, Error> {
        const MARK: &str = "subscribed";
        let _guard = self.exchange.lock().await;
        let subscribe = CustomCommand::new_static("SUBSCRIBE", ClusterHash::FirstKey, false);
        let subscribing = async {
            let reply = self.commands.custom(subscribe, vec![channel]).await;
            let is_subscribed = match reply {
                Ok(Some(reply)) if reply == *MARK => true,
                // PING is refused too, and this is its reply.
                Err(e) if is_permission(&e) && e.details().contains("'ping'") => true,
                Err(e) if is_permission(&e) => false,
                Err(e) if matches!(e.kind(), ErrorKind::IO | ErrorKind::Canceled) => return Err(e),
                // It is unknown which command this reply belongs to; the time-out makes the subscriber reconnect.
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
        // Sent in this order, PING without waiting for SUBSCRIBE. PING's own result has no meaning.
        let (subscribed, _) = Box::pin(join(subscribing, ping)).await;
        subscribed
    }

    /// Reads today's count and its remaining lifetime.
    ///
    /// If the value is replaced between GET and PTTL, a message announces it before PTTL is answered, and the
    /// subscriber ignores a read during which a message came. So the lifetime never belongs to a later value.
    async fn read_today(&self) -> Result<(StoredValue, Duration), Error> {
        let key = self.keys.today_count();
        let found = async { stored_value(self.commands.get(&key).await) };
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
            let why = "the account may not read its lifetime (PTTL: NOPERM)";
            return Ok((StoredValue::Unusable(why), Duration::ZERO));
        };
        Ok(match (found, u64::try_from(remaining)) {
            (StoredValue::Bytes(bytes), Ok(ms)) => {
                (StoredValue::Bytes(bytes), Duration::from_millis(ms))
            }
            // -1: the key never expires, so that the age of the count is unknown.
            (StoredValue::Bytes(_), Err(_)) if remaining == -1 => {
                (StoredValue::Unusable("it never expires"), Duration::ZERO)
            }
            // -2: the key expired between the two commands.
            (StoredValue::Bytes(_), Err(_)) => (StoredValue::None, Duration::ZERO),
            (other, _) => (other, Duration::ZERO),
        })
    }

    /// Publishes a refresh request: asks the worker for a fresh count.
    ///
    /// # Errors
    /// If Redis is not connected, does not answer within 1.5 s, or answers with an error.
    pub async fn request_refresh(&self) -> Result<(), Error> {
        // The number of receivers is useless: in a cluster it counts those of one node.
        let _guard = self.exchange.lock().await;
        let _receivers: i64 = self
            .commands
            .publish(self.keys.refresh_channel(), "1")
            .await?;
        Ok(())
    }

    /// Parses a message.
    pub fn parse_message(&self, message: &fred::types::Message) -> ChannelMessage {
        let Some(payload) = message.value.as_bytes() else {
            return ChannelMessage::Unknown;
        };
        if message.channel == self.keys.today_channel().as_str() {
            return ChannelMessage::Count(Bytes::copy_from_slice(payload));
        }
        if self.keys.unavailable().as_bytes() == payload {
            return ChannelMessage::Reasons;
        }
        let mut all = Snapshot::ALL.into_iter();
        all.find(|snapshot| self.keys.snapshot(*snapshot).as_bytes() == payload)
            .map_or(ChannelMessage::Unknown, ChannelMessage::Stored)
    }
}

/// Whether a command was not answered.
fn is_connection_lost(error: &Error) -> bool {
    use ErrorKind::{Canceled, IO, Timeout};
    matches!(error.kind(), Canceled | IO | Timeout)
}

fn stored_value(reply: Result<Option<Bytes>, Error>) -> Result<StoredValue, Error> {
    match reply {
        Ok(Some(bytes)) => Ok(StoredValue::Bytes(bytes)),
        Ok(None) => Ok(StoredValue::None),
        // WRONGTYPE: the key holds a list, for example. Redis itself works.
        Err(e) if *e.kind() == ErrorKind::InvalidArgument => {
            Ok(StoredValue::Unusable("it is not a string"))
        }
        // NOPERM: the account may not read this key; it may read others.
        Err(e) if is_permission(&e) => Ok(StoredValue::Unusable(
            "the account may not read it (GET: NOPERM)",
        )),
        Err(e) => Err(e),
    }
}
