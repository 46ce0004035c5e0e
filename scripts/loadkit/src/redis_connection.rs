//! A blocking Redis connection that costs the load core next to nothing.

use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A private Redis on this machine answers at once; after this time it is considered dead.
const REPLY_LIMIT: Duration = Duration::from_secs(10);

/// A command: its name and its arguments.
pub(crate) type Command<'a> = &'a [&'a [u8]];

/// One connection.
#[derive(Debug)]
pub(crate) struct RedisConnection {
    socket: BufReader<TcpStream>,
}

impl RedisConnection {
    /// Connects to the Redis on `port` of this machine.
    pub(crate) fn open(port: u16) -> Result<Self> {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let socket = socket.context("connecting to Redis")?;
        socket.set_nodelay(true).context("setting TCP_NODELAY")?;
        let limited = socket.set_read_timeout(Some(REPLY_LIMIT));
        limited.context("setting a time-out")?;
        Ok(Self {
            socket: BufReader::new(socket),
        })
    }

    /// Sends commands in one write, and returns their replies. A reply is its values, flattened if it is an array.
    pub(crate) fn pipeline(&mut self, commands: &[Command<'_>]) -> Result<Vec<Vec<Vec<u8>>>> {
        let mut request = Vec::new();
        for command in commands {
            request.extend(format!("*{}\r\n", command.len()).into_bytes());
            for word in *command {
                request.extend(format!("${}\r\n", word.len()).into_bytes());
                request.extend(*word);
                request.extend(b"\r\n");
            }
        }
        let sent = self.socket.get_mut().write_all(&request);
        sent.context("sending commands to Redis")?;
        commands.iter().map(|_| self.reply()).collect()
    }

    /// Sends a command, and returns the first value of its reply as text.
    pub(crate) fn command(&mut self, command: Command<'_>) -> Result<String> {
        let mut replies = self.pipeline(&[command])?;
        let values = replies.pop().context("Redis sent no reply")?;
        let value = values.into_iter().next().context("Redis sent no value")?;
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    /// How many commands the server has executed, apart from this question.
    pub(crate) fn commands_executed(&mut self) -> Result<u64> {
        let info = self.command(&[b"INFO", b"commandstats"])?;
        let calls = info.lines().filter_map(|line| {
            let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let calls: u64 = stats.split(',').next()?.parse().ok()?;
            (name != "info").then_some(calls)
        });
        Ok(calls.sum())
    }

    /// Subscribes to `channel`, and waits for messages without a time-out from now on.
    pub(crate) fn subscribe(&mut self, channel: &str) -> Result<()> {
        self.command(&[b"SUBSCRIBE", channel.as_bytes()])?;
        let unlimited = self.socket.get_ref().set_read_timeout(None);
        unlimited.context("removing a time-out")
    }

    /// Waits for the next message, and returns its payload.
    pub(crate) fn next_message(&mut self) -> Result<Vec<u8>> {
        // `message`, the channel, the payload.
        let payload = self.reply()?.into_iter().nth(2);
        payload.context("a message without a payload")
    }

    fn reply(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut line = String::new();
        let read = self.socket.read_line(&mut line);
        read.context("waiting for Redis")?;
        let (Some(kind), Some(text)) = (line.chars().next(), line.trim_end().get(1..)) else {
            bail!("Redis has closed the connection");
        };
        match kind {
            '+' | ':' => Ok(vec![text.as_bytes().to_vec()]),
            '$' => self.bulk_string(text.parse().context("parsing a length")?),
            '*' => {
                let length: usize = text.parse().context("parsing a length")?;
                let values: Result<Vec<_>> = (0..length).map(|_| self.reply()).collect();
                Ok(values?.concat())
            }
            _ => bail!("Redis replied {line}"),
        }
    }

    fn bulk_string(&mut self, length: usize) -> Result<Vec<Vec<u8>>> {
        let mut bytes = vec![0; length + 2];
        let read = self.socket.read_exact(&mut bytes);
        read.context("reading a reply of Redis")?;
        bytes.truncate(length);
        Ok(vec![bytes])
    }
}
