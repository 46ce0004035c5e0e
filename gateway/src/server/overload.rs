//! Answers connections above the limit with 503 and `Retry-After` instead of dropping them silently.
//!
//! Their requests are not parsed, so a request for the stream cannot be recognized. An `EventSource` also gets a 503
//! here and does not reconnect after it.

use crate::http::response::FULL_RETRY_SECONDS;
use crate::http::security_headers::HEADER_LINES;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::warn;

/// Concurrent refusals; each holds a socket for a moment. When all are in use, the next refusal waits.
const MAX_CONCURRENT: usize = 256;
/// How long a client may take to read the response and close. If this side closes first, unread bytes are lost.
pub const RESPONSE_LIMIT: Duration = Duration::from_secs(1);
/// The same limit while no descriptors are left: no connection is accepted meanwhile.
const SHORT_RESPONSE_LIMIT: Duration = Duration::from_millis(50);
/// How many bytes of the request are read and discarded.
const REQUEST_LIMIT: usize = 16 << 10;
/// The problem details of the two refusals.
const TOO_MANY: &str = "the gateway has too many open connections";
const TOO_MANY_OF_ADDRESS: &str =
    "this address already has all the connections that one address may have";
/// The error codes EMFILE (too many open files in this process) and ENFILE (in the system).
const OUT_OF_DESCRIPTORS: [i32; 2] = [24, 23];

/// Refuses connections. Keeps one file descriptor in reserve for the case that no others are left.
pub struct OverloadResponder {
    permits: Arc<Semaphore>,
    reserve_fd: Option<File>,
}

impl OverloadResponder {
    /// Opens the reserved descriptor.
    pub fn new() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            reserve_fd: reserve_fd(),
        }
    }

    /// Sends a 503 because the listener is at its limit. Waits while too many refusals are in progress.
    pub async fn send_503(&self, socket: TcpStream) {
        // Fails only for a closed semaphore, and this one is never closed.
        let permit = self.permits.clone().acquire_owned().await;
        tokio::spawn(async move {
            send_and_close(socket, response(TOO_MANY).as_bytes(), RESPONSE_LIMIT).await;
            drop(permit);
        });
    }

    /// Sends a 503 because the client's address is at its limit. Never waits, so that other clients are accepted.
    pub fn try_send_503(&self, socket: TcpStream) {
        match self.permits.clone().try_acquire_owned() {
            Ok(permit) => drop(tokio::spawn(async move {
                send_and_close(
                    socket,
                    response(TOO_MANY_OF_ADDRESS).as_bytes(),
                    RESPONSE_LIMIT,
                )
                .await;
                drop(permit);
            })),
            // If this fails, the client gets no response and nothing more can be done.
            Err(_) => drop(send_and_close_now(socket, TOO_MANY_OF_ADDRESS)),
        }
    }

    /// Returns whether `error` means that no descriptors are left. In this case, accepts the waiting client with the
    /// reserved descriptor and sends it a 503.
    pub async fn shed_with_reserve_fd(
        &mut self,
        listener: &TcpListener,
        error: &io::Error,
    ) -> bool {
        let out_of_descriptors = error
            .raw_os_error()
            .is_some_and(|code| OUT_OF_DESCRIPTORS.contains(&code));
        if out_of_descriptors && self.reserve_fd.take().is_some() {
            warn!(%error, "no file descriptors are left, so a connection is refused: raise the limit (LimitNOFILE)");
            // Another thread may have taken the free descriptor; then the client waits for the next call.
            if let Ok(Ok((socket, _))) = timeout(SHORT_RESPONSE_LIMIT, listener.accept()).await {
                send_and_close(socket, response(TOO_MANY).as_bytes(), SHORT_RESPONSE_LIMIT).await;
            }
        }
        if self.reserve_fd.is_none() {
            self.reserve_fd = reserve_fd();
        }
        out_of_descriptors
    }
}

impl Default for OverloadResponder {
    fn default() -> Self {
        Self::new()
    }
}

fn reserve_fd() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Sends the last response of a connection, waits at most `limit` for the client to read it and close, and closes.
pub async fn send_and_close(mut socket: TcpStream, response: &[u8], limit: Duration) {
    let exchange = async {
        socket.write_all(response).await?;
        socket.shutdown().await?;
        let mut request = Vec::new();
        // With unread data the kernel would reset the connection on close, and the client would lose the response.
        (&mut socket)
            .take(REQUEST_LIMIT as u64)
            .read_to_end(&mut request)
            .await
    };
    // A client that does not read in time gets no response.
    drop(timeout(limit, exchange).await);
}

/// The same without waiting. A client that sends its request later may lose the response.
fn send_and_close_now(socket: TcpStream, detail: &str) -> io::Result<usize> {
    let mut socket = socket.into_std()?;
    // The send buffer of a new socket has room for the whole response.
    socket.write_all(response(detail).as_bytes())?;
    socket.shutdown(Shutdown::Write)?;
    socket.read(&mut vec![0; REQUEST_LIMIT])
}

fn response(detail: &str) -> String {
    let body = format!(
        r#"{{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{detail}"}}"#
    );
    let (length, seconds) = (body.len(), rand::random_range(FULL_RETRY_SECONDS));
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n{HEADER_LINES}\
         retry-after: {seconds}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
