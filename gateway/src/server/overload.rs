//! Connections for which there is no place: each is told to come again, none is dropped without a word.
//!
//! Their requests are not read, so that nobody knows which of them asks for the stream: all are answered 503, also an
//! `EventSource`, which does not come back after it.

use crate::http::response::FULL_RETRY_SECONDS;
use crate::http::security_headers::LINES;
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

/// Refusals at once; each is a socket for a moment. Beyond, the next waits for one to end.
const AT_ONCE: usize = 256;
/// For a client to take the answer and to close. One that closes first loses what it has not read.
pub const RESPONSE_LIMIT: Duration = Duration::from_secs(1);
/// The same while there are no descriptors: accepting waits for it.
const SHORT_RESPONSE_LIMIT: Duration = Duration::from_millis(50);
/// What a client may have sent before it reads; more is not waited for.
const REQUEST: usize = 16 << 10;
/// To who comes when all places are taken, and to who has taken all that are for one.
const ALL_TAKEN: &str = "all places for connections are taken";
const ALL_OF_ADDRESS: &str = "this address has all the connections that one address may have";
/// Too many open files in this process, and in the system.
const OUT_OF_DESCRIPTORS: [i32; 2] = [24, 23];

/// Refuses, with a descriptor in reserve for when there are no others.
pub struct OverloadResponder {
    places: Arc<Semaphore>,
    reserve_fd: Option<File>,
}

impl OverloadResponder {
    /// Keeps one descriptor.
    pub fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            reserve_fd: reserve_fd(),
        }
    }

    /// Tells a client that all places are taken.
    pub async fn send_503(&self, socket: TcpStream) {
        // An error would mean that the semaphore was closed, which nobody does.
        let place = self.places.clone().acquire_owned().await;
        tokio::spawn(async move {
            respond_503(socket, answer(ALL_TAKEN).as_bytes(), RESPONSE_LIMIT).await;
            drop(place);
        });
    }

    /// Tells a client that its address has all that it may. Never waits: there are places for others.
    pub fn try_send_503(&self, socket: TcpStream) {
        match self.places.clone().try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(async move {
                respond_503(socket, answer(ALL_OF_ADDRESS).as_bytes(), RESPONSE_LIMIT).await;
                drop(place);
            })),
            // An error says that nothing was heard of it, and then nothing can be done.
            Err(_) => drop(respond_503_now(socket, ALL_OF_ADDRESS)),
        }
    }

    /// Whether `error` says that there are no descriptors; then the client that could not be accepted is refused with
    /// the one in reserve.
    pub async fn shed_with_reserve_fd(
        &mut self,
        listener: &TcpListener,
        error: &io::Error,
    ) -> bool {
        let without = error
            .raw_os_error()
            .is_some_and(|code| OUT_OF_DESCRIPTORS.contains(&code));
        if without && self.reserve_fd.take().is_some() {
            warn!(%error, "there are no file descriptors left: a connection is refused; raise the limit (LimitNOFILE)");
            // Somebody else may have taken the descriptor; then the client waits for the next turn.
            if let Ok(Ok((socket, _))) = timeout(SHORT_RESPONSE_LIMIT, listener.accept()).await {
                respond_503(socket, answer(ALL_TAKEN).as_bytes(), SHORT_RESPONSE_LIMIT).await;
            }
        }
        if self.reserve_fd.is_none() {
            self.reserve_fd = reserve_fd();
        }
        without
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

/// Sends the last answer of a connection, waits at most `limit` for the client to take it and to close, and closes.
pub async fn respond_503(mut socket: TcpStream, answer: &[u8], limit: Duration) {
    let said = async {
        socket.write_all(answer).await?;
        socket.shutdown().await?;
        let mut request = Vec::new();
        // What is not read would make the kernel reset the connection, and the answer with it.
        (&mut socket)
            .take(REQUEST as u64)
            .read_to_end(&mut request)
            .await
    };
    // Who does not take its answer in time goes without.
    drop(timeout(limit, said).await);
}

/// The same without waiting: who has not sent its request yet may lose the answer when it does.
fn respond_503_now(socket: TcpStream, detail: &str) -> io::Result<usize> {
    let mut socket = socket.into_std()?;
    // A new socket takes it whole.
    socket.write_all(answer(detail).as_bytes())?;
    socket.shutdown(Shutdown::Write)?;
    socket.read(&mut vec![0; REQUEST])
}

fn answer(detail: &str) -> String {
    let body = format!(
        r#"{{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{detail}"}}"#
    );
    let (length, seconds) = (body.len(), rand::random_range(FULL_RETRY_SECONDS));
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n{LINES}\
         retry-after: {seconds}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
