//! Keeps a Redis client connected, whatever happens to its connection.

use super::{address, first_host, plain_error, tls_advice};
use crate::telemetry::RepeatedError;
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface};
use fred::types::ClientState;
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

/// The first and the longest wait before a client that has ended is started again. The wait doubles in between.
const RESTART_FIRST: Duration = Duration::from_millis(100);
const RESTART_LONGEST: Duration = Duration::from_secs(5);
/// A client that has lived for this long is restarted after the first wait.
const LONG_LIFE: Duration = Duration::from_secs(60);

/// A client that connects and reconnects until this value is dropped.
pub struct Connection {
    // Dropped first: its end must not be taken for that of the client.
    _task: AbortOnDropHandle<Infallible>,
    client: Client,
    reconnect: watch::Sender<()>,
}

impl Connection {
    /// Starts to connect in the background. Logs why connecting fails, once a minute for each error.
    pub fn start(client: &Client) -> Self {
        log_events(client);
        let reconnect = watch::Sender::new(());
        let task = keep_connected(client.clone(), reconnect.subscribe());
        Self {
            client: client.clone(),
            reconnect,
            _task: AbortOnDropHandle::new(tokio::spawn(task)),
        }
    }

    /// The client that is kept connected.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Replaces a connection that does not answer by a new one. Call it only once until the client reconnects.
    ///
    /// The client's own check is not enough. It fires only when the *last* command was unanswered for its limit, and
    /// ours are sent more often than that. In a cluster it keeps an open connection whose server does not answer.
    pub fn leave(&self) {
        self.reconnect.send_replace(());
    }
}

/// Connects and reconnects for ever.
async fn keep_connected(client: Client, mut reconnect: watch::Receiver<()>) -> Infallible {
    let mut wait = RESTART_FIRST;
    loop {
        // Ignore reconnect requests made for the previous connection.
        reconnect.mark_unchanged();
        let began = Instant::now();
        let mut connecting = AbortOnDropHandle::new(client.connect());
        tokio::select! {
            // If the sender is gone, this task is being dropped too.
            Ok(()) = reconnect.changed() => {
                connecting.abort();
                // Wait for its end: it must not return anything to the client after the next connection has begun.
                drop(connecting.await);
                discard_queue(&client);
            }
            // The client ends by itself, for example in a cluster that is moving a slot (ASK).
            ended = &mut connecting => {
                // Only the end of the runtime cancels it, and that ends this task too.
                if ended.as_ref().is_err_and(JoinError::is_cancelled) {
                    return pending().await;
                }
                discard_queue(&client);
                wait = match began.elapsed() > LONG_LIFE {
                    true => RESTART_FIRST,
                    false => (wait * 2).min(RESTART_LONGEST),
                };
                warn!(?ended, ?wait, "the Redis client has ended: restarting it");
                sleep(wait).await;
            }
        }
    }
}

/// Discards the queued commands, whose senders get an error. Otherwise the client would count them for ever, and delay
/// later commands.
fn discard_queue(client: &Client) {
    let inner = client.inner();
    drop(inner.take_command_rx());
    inner.set_client_state(ClientState::Disconnected);
    inner.counters.take_cmd_buffer_len();
}

/// Logs errors and reconnects.
fn log_events(client: &Client) {
    let config = client.client_config();
    let is_encrypted = config.tls.is_some();
    let last_error: Mutex<RepeatedError> = Mutex::default();
    client.on_error(move |(error, server)| {
        let error = plain_error(error);
        let text = error.to_string();
        let redis = server.map_or_else(|| first_host(&config), |server| address(&server));
        let mut last_error = last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if last_error.is_due(&text) {
            match tls_advice(error.details()).filter(|_| is_encrypted) {
                Some(advice) => warn!(redis, error = text, "Redis is away: {advice}"),
                None => warn!(redis, error = text, "Redis is away"),
            }
        }
        std::future::ready(Ok(()))
    });
    client.on_reconnect(move |server| {
        info!(redis = %address(&server), "connected to Redis");
        std::future::ready(Ok(()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::RedisUrl;
    use std::task::{Context, Waker};
    use tokio::runtime::Runtime;

    /// A runtime that shuts down may end the client's task before ours.
    #[test]
    fn the_end_of_the_process_is_no_end_of_the_client() {
        let runtime = Runtime::new().unwrap();
        let client = RedisUrl::parse("redis://127.0.0.1:1").unwrap();
        let client = client.client(Duration::from_secs(1)).unwrap();
        let (_sender, reconnect) = watch::channel(());
        let mut task = Box::pin(keep_connected(client, reconnect));
        let mut context = Context::from_waker(Waker::noop());
        let guard = runtime.enter();
        assert!(task.as_mut().poll(&mut context).is_pending());
        drop(guard);
        runtime.shutdown_timeout(Duration::from_secs(5));
        // To log a restart and to wait for it would panic, because that needs a runtime.
        assert!(task.as_mut().poll(&mut context).is_pending());
    }
}
