//! A client that shows every byte: HTTP/1.1 and event streams over a bare socket. What it does not expect ends the test.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic where it stands"
)]

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

/// No test waits longer for one answer or event.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One connection, for requests as raw as wanted.
#[derive(Debug)]
pub struct Connection {
    /// Buffered for reading.
    pub socket: BufReader<TcpStream>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Such as 200.
    pub status: u16,
    /// Names in lower case, and values as they came.
    pub headers: Vec<(String, String)>,
    /// Empty for HEAD, 204 and 304.
    pub body: Vec<u8>,
    /// Until the head was there.
    pub took: Duration,
}

impl Answer {
    /// The one value of a header.
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
    /// Connects.
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

    /// Sends just these bytes.
    pub async fn send(&mut self, raw: impl AsRef<[u8]>) {
        self.socket.write_all(raw.as_ref()).await.unwrap();
    }

    /// The next answer; `head` when the request was HEAD.
    pub async fn answer(&mut self, head: bool) -> Answer {
        let asked = Instant::now();
        timeout(PATIENCE, async {
            let (status, headers) = self.head().await.expect("an answer");
            let mut answer = Answer {
                status,
                headers,
                body: Vec::new(),
                took: asked.elapsed(),
            };
            if !head && !matches!(status, 204 | 304) {
                let length = answer.header("content-length").map(|n| n.parse().unwrap());
                answer.body = vec![0; length.expect("a length")];
                self.socket.read_exact(&mut answer.body).await.unwrap();
            }
            answer
        })
        .await
        .expect("no answer")
    }

    /// `None` when the connection ends instead.
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

    /// Whether the connection ends within `limit`, without another byte.
    pub async fn ends_within(&mut self, limit: Duration) -> bool {
        let mut rest = Vec::new();
        let ended = timeout(limit, self.socket.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        ended.is_ok()
    }
}

/// One request on a connection of its own.
pub async fn send(address: SocketAddr, raw: impl AsRef<[u8]>) -> Answer {
    let head = raw.as_ref().starts_with(b"HEAD ");
    let mut connection = Connection::open(address).await;
    connection.send(raw).await;
    connection.answer(head).await
}

/// One request; `headers` are whole lines without their ends.
pub async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Answer {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let raw = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
    send(address, raw).await
}

/// GET without further headers.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, &[]).await
}

/// An open stream of events.
#[derive(Debug)]
pub struct Events {
    /// Beneath it.
    pub connection: Connection,
    /// Names and values as they came.
    pub headers: Vec<(String, String)>,
    /// Such as 200.
    pub status: u16,
    chunked: bool,
    text: String,
    /// The last chunk has been seen, as opposed to a connection that broke.
    pub clean_end: bool,
}

/// What stands between two empty lines of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// `init`, `update`, `snapshot`, or empty.
    pub event: String,
    /// Milliseconds, or empty.
    pub id: String,
    /// Milliseconds.
    pub retry: Option<u64>,
    /// Mostly JSON.
    pub data: String,
    /// What follows a colon.
    pub comment: String,
}

impl Events {
    /// Opens the stream of today's count.
    pub async fn open(address: SocketAddr) -> Self {
        Self::open_as(address, "HTTP/1.1").await
    }

    /// The same, asked for in another version of HTTP.
    pub async fn open_as(address: SocketAddr, version: &str) -> Self {
        Self::open_on(Connection::open(address).await, version, &[]).await
    }

    /// The same on a connection that is there; `headers` are whole lines without their ends.
    pub async fn open_on(mut connection: Connection, version: &str, headers: &[&str]) -> Self {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let raw = format!("GET /api/visitors/today/stream {version}\r\nHost: x\r\n{lines}\r\n");
        connection.send(raw).await;
        let head = timeout(PATIENCE, connection.head()).await.expect("no head");
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

    /// The next block but for word of changed figures, which comes at any moment; `None` at the end.
    pub async fn next(&mut self) -> Option<Block> {
        let next = timeout(PATIENCE, self.read_other_than_change()).await;
        next.expect("no event")
    }

    /// The same, unless none comes within `limit`.
    pub async fn next_within(&mut self, limit: Duration) -> Option<Block> {
        let next = timeout(limit, self.read_other_than_change());
        next.await.ok().flatten()
    }

    /// The next block of any kind, unless none comes within `limit`.
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
            if let Some((block, rest)) = self.text.split_once("\n\n") {
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
