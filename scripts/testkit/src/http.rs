//! An HTTP/1.1 and event stream client over a bare socket, which shows every byte. An unexpected response ends the
//! test.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic where it stands"
)]

use anyhow::{Context as _, Result};
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

/// The longest wait for one response or event.
pub const RESPONSE_LIMIT: Duration = Duration::from_secs(20);

/// One connection, for raw requests.
#[derive(Debug)]
pub struct Connection {
    /// The socket, buffered for reading.
    pub socket: BufReader<TcpStream>,
}

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values as received.
    pub headers: Vec<(String, String)>,
    /// The body; empty for HEAD, 204 and 304.
    pub body: Vec<u8>,
    /// The time until the head was received.
    pub took: Duration,
}

impl Response {
    /// The only value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Connection {
    /// Connects to `address`.
    pub async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        Self {
            socket: BufReader::new(socket),
        }
    }

    /// Connects from another address of this machine, such as 127.0.0.2.
    pub async fn open_from(from: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let socket = socket.connect(address).await.unwrap();
        Self {
            socket: BufReader::new(socket),
        }
    }

    /// Sends exactly these bytes.
    pub async fn send(&mut self, raw: impl AsRef<[u8]>) {
        self.socket.write_all(raw.as_ref()).await.unwrap();
    }

    /// Reads the next response. `head` is true if the request was HEAD.
    pub async fn read_response(&mut self, head: bool) -> Response {
        let asked = Instant::now();
        timeout(RESPONSE_LIMIT, async {
            let (status, headers) = self.head().await.expect("a response");
            let mut response = Response {
                status,
                headers,
                body: Vec::new(),
                took: asked.elapsed(),
            };
            if !head && !matches!(status, 204 | 304) {
                let length = response
                    .header("content-length")
                    .map(|n| n.parse().unwrap());
                response.body = vec![0; length.expect("a length")];
                self.socket.read_exact(&mut response.body).await.unwrap();
            }
            response
        })
        .await
        .expect("no response")
    }

    /// The same; `None` if the connection ends instead.
    async fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let status = self.line().await?;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            // The blank after the colon is optional.
            match line.split_once(':') {
                Some((name, value)) => {
                    headers.push((name.to_ascii_lowercase(), value.trim_start().to_owned()));
                }
                None => return Some((status, headers)),
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.socket.read_line(&mut line).await.ok()?;
        (length > 0).then(|| line.trim_end().to_owned())
    }

    /// Whether the connection ends within `limit` without another byte.
    pub async fn ends_within(&mut self, limit: Duration) -> bool {
        let mut rest = Vec::new();
        let ended = timeout(limit, self.socket.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        ended.is_ok()
    }
}

/// Fetches `path` from 127.0.0.1 and returns the status and the body, or an error if the server does not answer.
pub async fn fetch(port: u16, path: &str) -> Result<(u16, String)> {
    let exchange = async {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
        // The end of an HTTP/1.0 response is the end of the connection, and its body has no chunks.
        let request = format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        socket.read_to_string(&mut response).await?;
        std::io::Result::Ok(response)
    };
    let response = timeout(RESPONSE_LIMIT, exchange)
        .await
        .context("no response")??;
    let (head, body) = response.split_once("\r\n\r\n").context("no head")?;
    let status = head.split(' ').nth(1).context("no status")?;
    Ok((status.parse().context("no status")?, body.to_owned()))
}

/// Sends one raw request on a new connection.
pub async fn send_raw(address: SocketAddr, raw: impl AsRef<[u8]>) -> Response {
    let head = raw.as_ref().starts_with(b"HEAD ");
    let mut connection = Connection::open(address).await;
    connection.send(raw).await;
    connection.read_response(head).await
}

/// Sends one request on a new connection. `headers` are whole lines without their ends.
pub async fn request(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Response {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let raw = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
    send_raw(address, raw).await
}

/// Sends a GET without further headers.
pub async fn get(address: SocketAddr, path: &str) -> Response {
    request(address, "GET", path, &[]).await
}

/// An open event stream.
#[derive(Debug)]
pub struct Events {
    /// The connection of the stream.
    pub connection: Connection,
    /// Names in lower case, and values as received.
    pub headers: Vec<(String, String)>,
    /// The status code.
    pub status: u16,
    chunked: bool,
    text: String,
    /// Whether the stream ended with the last chunk, and not by a broken connection.
    pub clean_end: bool,
}

/// One block of a stream: the lines between two empty lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// `init`, `update`, `snapshot`, or empty.
    pub event: String,
    /// A time in milliseconds, or empty.
    pub id: String,
    /// The reconnection time in milliseconds.
    pub retry: Option<u64>,
    /// The data, mostly JSON.
    pub data: String,
    /// The text of a comment line.
    pub comment: String,
}

impl Events {
    /// Opens the stream of today's count.
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_as(address, "HTTP/1.1").await
    }

    /// The same, with another version of HTTP in the request.
    pub async fn open_as(address: SocketAddr, version: &str) -> Self {
        Self::open_on(Connection::open(address).await, version, &[]).await
    }

    /// The same on an existing connection. `headers` are whole lines without their ends.
    pub async fn open_on(mut connection: Connection, version: &str, headers: &[&str]) -> Self {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let raw = format!("GET /api/visitors/today/stream {version}\r\nHost: x\r\n{lines}\r\n");
        connection.send(raw).await;
        let head = timeout(RESPONSE_LIMIT, connection.head())
            .await
            .expect("no head");
        let (status, headers) = head.expect("a head");
        let chunked = headers
            .iter()
            .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        Self {
            connection,
            headers,
            status,
            chunked,
            text: String::new(),
            clean_end: false,
        }
    }

    /// The next block, without change notices, which can arrive at any moment. `None` at the end.
    pub async fn next(&mut self) -> Option<Block> {
        let next = timeout(RESPONSE_LIMIT, self.read_other_than_change()).await;
        next.expect("no event")
    }

    /// The same, or `None` if no block arrives within `limit`.
    pub async fn next_within(&mut self, limit: Duration) -> Option<Block> {
        let next = timeout(limit, self.read_other_than_change());
        next.await.ok().flatten()
    }

    /// The next block of any kind, or `None` if none arrives within `limit`.
    pub async fn any_within(&mut self, limit: Duration) -> Option<Block> {
        timeout(limit, self.read_block()).await.ok().flatten()
    }

    async fn read_other_than_change(&mut self) -> Option<Block> {
        loop {
            match self.read_block().await {
                Some(block) if block.event == "snapshot" => {}
                other => return other,
            }
        }
    }

    async fn read_block(&mut self) -> Option<Block> {
        loop {
            // A comment between two blocks has no blank line of its own.
            let end = if self.text.starts_with(':') {
                "\n"
            } else {
                "\n\n"
            };
            if let Some((block, rest)) = self.text.split_once(end) {
                let block = parse(block);
                self.text = rest.to_owned();
                return Some(block);
            }
            match self.read_some().await {
                Some(more) => self.text.push_str(&more),
                // The last block of a stream need not end with a blank line.
                None if self.text.ends_with('\n') => {
                    return Some(parse(&mem::take(&mut self.text)));
                }
                None => return None,
            }
        }
    }

    async fn read_some(&mut self) -> Option<String> {
        if self.clean_end {
            // A balancer keeps the connection for the next request.
            return None;
        }
        let socket = &mut self.connection.socket;
        if !self.chunked {
            let bytes = socket.fill_buf().await.ok()?.to_vec();
            socket.consume(bytes.len());
            return (!bytes.is_empty()).then(|| String::from_utf8(bytes).unwrap());
        }
        let mut size = String::new();
        if socket.read_line(&mut size).await.ok()? == 0 {
            return None;
        }
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        socket.read_exact(&mut chunk).await.ok()?;
        if size == 0 {
            self.clean_end = true;
            return None;
        }
        chunk.truncate(size);
        Some(String::from_utf8(chunk).unwrap())
    }
}

fn parse(text: &str) -> Block {
    let mut block = Block::default();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("event", value)) => block.event = value.to_owned(),
            Some(("id", value)) => block.id = value.to_owned(),
            Some(("retry", value)) => block.retry = Some(value.parse().unwrap()),
            Some(("data", value)) => block.data.push_str(value),
            Some(("", value)) => block.comment = value.to_owned(),
            _ => panic!("not a line of a stream: {line:?}"),
        }
    }
    block
}
