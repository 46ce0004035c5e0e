//! What is published under a site's prefix, and what a lease says.

use crate::fixture::Site;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use std::sync::{Arc, Mutex};

/// What a lease begins with.
pub(crate) fn epoch(lease: &str) -> u64 {
    lease.split(' ').next().unwrap().parse().unwrap()
}

/// What has been published under a prefix.
pub(crate) struct Heard {
    messages: Arc<Mutex<Vec<(String, String)>>>,
    _client: Client,
}

impl Heard {
    pub(crate) async fn on(site: &Site, channel: &str) -> Self {
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

    pub(crate) fn of(&self, channel: &str) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        let of_channel = messages.iter().filter(|(name, _)| name == channel);
        of_channel.map(|(_, text)| text.clone()).collect()
    }
}
