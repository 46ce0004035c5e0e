//! A Redis connection that writes and waits: as bare as the wire, so that it costs the load's core next to nothing.

use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A private Redis on this machine answers at once; this long means that it has gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
#[derive(Debug)]
pub struct Connection {
    socket: BufReader<TcpStream>,
}

/// An answer, or a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`.
    Status(String),
    /// `:1`.
    Number(i64),
    /// A value, or none.
    Bytes(Option<Vec<u8>>),
    /// Several of them: a message is `message`, its channel and its payload.
    List(Vec<Self>),
}

impl Connection {
    /// Connects to the Redis of this machine on `port`.
    pub fn open(port: u16) -> Result<Self> {
        let socket =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("connecting to Redis")?;
        socket.set_nodelay(true).context("preparing a socket")?;
        let patience = socket.set_read_timeout(Some(PATIENCE));
        patience.context("preparing a socket")?;
        Ok(Self {
            socket: BufReader::new(socket),
        })
    }

    /// One command and its answer.
    pub fn command(&mut self, words: &[&[u8]]) -> Result<Reply> {
        self.send(&[words])?;
        self.reply()
    }

    /// Several commands in one go; an error of the server is an error here.
    pub fn pipeline(&mut self, commands: &[&[&[u8]]]) -> Result<()> {
        self.send(commands)?;
        for _ in commands {
            self.reply()?;
        }
        Ok(())
    }

    fn send(&mut self, commands: &[&[&[u8]]]) -> Result<()> {
        let mut text = Vec::new();
        for words in commands {
            text.extend(format!("*{}\r\n", words.len()).into_bytes());
            for word in *words {
                text.extend(format!("${}\r\n", word.len()).into_bytes());
                text.extend(*word);
                text.extend(b"\r\n");
            }
        }
        let sent = self.socket.get_mut().write_all(&text);
        sent.context("sending a command to Redis")
    }

    /// The next answer or message.
    pub fn reply(&mut self) -> Result<Reply> {
        let mut line = String::new();
        let read = self.socket.read_line(&mut line);
        read.context("waiting for Redis")?;
        let line = line.trim_end();
        let (Some(kind), Some(rest)) = (line.chars().next(), line.get(1..)) else {
            bail!("Redis has closed the connection");
        };
        Ok(match kind {
            '+' => Reply::Status(rest.to_owned()),
            ':' => Reply::Number(rest.parse().context("a number of Redis")?),
            '$' => Reply::Bytes(self.bytes(rest.parse().context("a length of Redis")?)?),
            '*' => {
                let length: usize = rest.parse().context("a length of Redis")?;
                let items: Result<_> = (0..length).map(|_| self.reply()).collect();
                Reply::List(items?)
            }
            _ => bail!("Redis answered {line}"),
        })
    }

    /// Waits for messages on `channel` from now on, for as long as it takes.
    pub fn subscribe(&mut self, channel: &str) -> Result<()> {
        self.command(&[b"SUBSCRIBE", channel.as_bytes()])?;
        let patience = self.socket.get_ref().set_read_timeout(None);
        patience.context("waiting for messages")
    }

    /// The payload of the next message.
    pub fn message(&mut self) -> Result<Vec<u8>> {
        match self.reply()? {
            Reply::List(parts) => match parts.into_iter().nth(2) {
                Some(Reply::Bytes(Some(payload))) => Ok(payload),
                _ => bail!("a message without a payload"),
            },
            other => bail!("not a message: {other:?}"),
        }
    }

    /// How many commands the server has executed so far, this question and handshakes apart.
    pub fn commands_executed(&mut self) -> Result<u64> {
        let text = self.info("commandstats")?;
        let calls = text.lines().filter_map(|line| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let asked = !matches!(name, "info" | "hello" | "client|setname");
            let calls: u64 = figures.split(',').next()?.parse().ok()?;
            asked.then_some(calls)
        });
        Ok(calls.sum())
    }

    /// A section of what the server tells of itself.
    fn info(&mut self, section: &str) -> Result<String> {
        let Reply::Bytes(Some(text)) = self.command(&[b"INFO", section.as_bytes()])? else {
            bail!("INFO gave no text");
        };
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn bytes(&mut self, length: i64) -> Result<Option<Vec<u8>>> {
        let Ok(length) = usize::try_from(length) else {
            return Ok(None);
        };
        let mut bytes = vec![0; length + 2];
        let read = self.socket.read_exact(&mut bytes);
        read.context("reading a value of Redis")?;
        bytes.truncate(length);
        Ok(Some(bytes))
    }
}
