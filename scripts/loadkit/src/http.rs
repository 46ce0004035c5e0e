//! One request at a time over a kept connection.

use anyhow::{Context as _, Result};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that is merely busy answers long before.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
#[derive(Debug)]
pub struct Connection {
    socket: BufReader<TcpStream>,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Such as 200.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// As long as its `content-length` says.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address).context("connecting over HTTP")?;
        socket.set_nodelay(true).context("preparing a socket")?;
        let patience = socket.set_read_timeout(Some(PATIENCE));
        patience.context("preparing a socket")?;
        Ok(Self {
            socket: BufReader::new(socket),
        })
    }

    /// GETs `path`; `headers` are whole lines without their ends.
    pub fn get(&mut self, path: &str, headers: &[&str]) -> Result<Answer> {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{lines}\r\n");
        let sent = self.socket.get_mut().write_all(request.as_bytes());
        sent.with_context(|| format!("asking for {path}"))?;
        self.answer()
            .with_context(|| format!("the answer to {path}"))
    }

    fn answer(&mut self) -> Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).context("no status")?;
        let status = status.parse().context("a status that is no number")?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        let length = answer.header("content-length").map_or(Ok(0), str::parse);
        let length = length.context("a length that is no number")?;
        if status != 304 {
            answer.body = vec![0; length];
            let read = self.socket.read_exact(&mut answer.body);
            read.context("reading a body")?;
        }
        Ok(answer)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let length = self.socket.read_line(&mut line).context("reading a head")?;
        anyhow::ensure!(length > 0, "the connection has ended");
        Ok(line.trim_end().to_owned())
    }
}

/// One GET on a connection of its own.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    Connection::open(address)?.get(path, &[])
}
