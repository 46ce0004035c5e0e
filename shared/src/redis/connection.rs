//! A connection that is made again whatever happens to it.

use super::{first_host, tls_advice};
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::ClientState;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

/// The first wait before a client that has ended is started again, and the longest; doubling between.
const AGAIN_FIRST: Duration = Duration::from_millis(100);
const AGAIN_LONGEST: Duration = Duration::from_secs(5);
/// Between two lines about the same trouble.
const QUIET: Duration = Duration::from_secs(60);

/// A client that connects, and connects again whatever happens. Dropping it ends that.
pub struct Connection {
    client: Client,
    leaving: watch::Sender<()>,
    _task: AbortOnDropHandle<Infallible>,
}

impl Connection {
    /// Begins to connect and logs why that fails, once a minute for each reason; returns at once.
    pub fn start(client: &Client) -> Self {
        log_what_happens(client);
        let leaving = watch::Sender::new(());
        let task = keep(client.clone(), leaving.subscribe());
        Self {
            client: client.clone(),
            leaving,
            _task: AbortOnDropHandle::new(tokio::spawn(task)),
        }
    }

    /// What is connected.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Leaves a connection that does not answer, for a new one. To be called once until the client reconnects.
    ///
    /// The client's own check fires only when the *last* command went unanswered for its limit, and ours are sent more often
    /// than that; and in a cluster it keeps a connection that is open, though nobody answers.
    pub fn leave(&self) {
        self.leaving.send_replace(());
    }
}

/// Connects for ever.
async fn keep(client: Client, mut leaving: watch::Receiver<()>) -> Infallible {
    let mut wait = AGAIN_FIRST;
    loop {
        // That the one before was to be left means nothing to the next one.
        leaving.mark_unchanged();
        let began = Instant::now();
        let mut connecting = AbortOnDropHandle::new(client.connect());
        tokio::select! {
            // An error would say that nobody can ask for it, and then this task is being dropped.
            Ok(()) = leaving.changed() => {
                connecting.abort();
                // Its end is waited for: it must not give anything back to the client once the next one has begun.
                drop(connecting.await);
                forget_what_waits(&client);
            }
            // As it does in a cluster that is just moving a slot (ASK).
            ended = &mut connecting => {
                forget_what_waits(&client);
                wait = match began.elapsed() > QUIET {
                    true => AGAIN_FIRST,
                    false => (wait * 2).min(AGAIN_LONGEST),
                };
                warn!(?ended, ?wait, "the Redis client has ended: it is started again");
                sleep(wait).await;
            }
        }
    }
}

/// What waits to be sent is lost, and its senders are told so. The client would count it for ever, and hold back what comes
/// after it.
fn forget_what_waits(client: &Client) {
    let inner = client.inner();
    drop(inner.take_command_rx());
    inner.set_client_state(ClientState::Disconnected);
    inner.counters.take_cmd_buffer_len();
}

fn log_what_happens(client: &Client) {
    let config = client.client_config();
    let is_encrypted = config.tls.is_some();
    let said: Mutex<Option<(String, Instant)>> = Mutex::default();
    client.on_error(move |(error, server)| {
        let text = error.to_string();
        let redis = server.map_or_else(|| first_host(&config), |server| server.to_string());
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let again = |(before, at): &(String, Instant)| *before == text && at.elapsed() < QUIET;
        if !said.as_ref().is_some_and(again) {
            match tls_advice(error.details()).filter(|_| is_encrypted) {
                Some(advice) => warn!(redis, error = text, "Redis is away: {advice}"),
                None => warn!(redis, error = text, "Redis is away"),
            }
            *said = Some((text, Instant::now()));
        }
        std::future::ready(Ok(()))
    });
    client.on_reconnect(move |server| {
        info!(redis = %server, "connected to Redis");
        std::future::ready(Ok(()))
    });
}
