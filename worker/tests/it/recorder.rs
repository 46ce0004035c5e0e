//! Records the messages of a channel of a fixture, and reads the epoch of a lease.

use crate::fixture::Fixture;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use std::sync::{Arc, Mutex};

/// The epoch with which a lease begins.
pub(crate) fn epoch(lease: &str) -> u64 {
    lease.split(' ').next().unwrap().parse().unwrap()
}

/// Records the messages of a channel.
pub(crate) struct Recorder {
    messages: Arc<Mutex<Vec<(String, String)>>>,
    _client: Client,
}

impl Recorder {
    pub(crate) async fn subscribe(fixture: &Fixture, channel: &str) -> Self {
        let client = fixture.redis.clone_new();
        client.init().await.unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (recorded, mut incoming) = (messages.clone(), client.message_rx());
        let prefix = fixture.key("");
        tokio::spawn(async move {
            while let Ok(message) = incoming.recv().await {
                let channel = message.channel.to_string();
                let text = message.value.as_string().unwrap_or_default();
                let channel = channel.trim_start_matches(&prefix).to_owned();
                let text = text.trim_start_matches(&prefix).to_owned();
                recorded.lock().unwrap().push((channel, text));
            }
        });
        client.subscribe(fixture.key(channel)).await.unwrap();
        Self {
            messages,
            _client: client,
        }
    }

    /// The messages of a channel so far, without the prefix.
    pub(crate) fn messages(&self, channel: &str) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        let matching = messages.iter().filter(|(name, _)| name == channel);
        matching.map(|(_, text)| text.clone()).collect()
    }
}
