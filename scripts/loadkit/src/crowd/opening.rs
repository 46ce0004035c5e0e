//! How a crowd comes to be: sockets from many addresses, connected in step, until each streams or does not.

use super::Crowd;
use crate::heard::{histogram, micros, quantile_ms};
use crate::subscriber::{State, Subscriber};
use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Addresses that clients come from: each has 28,000 ports, of which closed connections hold some for a minute.
const SOURCES: usize = 32;
/// A server that has not answered after this long will not.
const PATIENCE: Duration = Duration::from_secs(30);

/// How an opening went.
#[derive(Debug)]
pub struct Opening {
    /// Streams on which the first event has come.
    pub streaming: usize,
    /// Streams that got another status, or lost their connection, or waited for too long.
    pub refused: usize,
    /// From the first connection to the last first event.
    pub took: Duration,
    latency: Histogram<u64>,
}

impl Opening {
    /// From the connection to the first event, in milliseconds; `quantile` from 0 to 1.
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        quantile_ms(&self.latency, quantile)
    }
}

impl Crowd {
    /// Opens streams until there are `count`, with at most `at_once` on their way at any time.
    pub fn grow_to(&mut self, count: usize, at_once: usize) -> Result<Opening> {
        let (first, began) = (self.members.len(), Instant::now());
        let mut latency = histogram()?;
        let (mut streaming, mut refused, mut last) = (0, 0, began);
        while first + streaming + refused < count && last.elapsed() < PATIENCE {
            let settled = first + streaming + refused;
            while self.members.len() < count && self.members.len() - settled < at_once {
                self.connect()?;
            }
            self.turn(
                Duration::from_millis(100),
                |_, _| (),
                |member, since, now| {
                    last = now;
                    match member {
                        State::Streaming => {
                            streaming += 1;
                            latency.saturating_record(micros(now - since));
                        }
                        _ => refused += 1,
                    }
                },
            )?;
        }
        Ok(Opening {
            streaming,
            refused: count - first - streaming,
            took: last - began,
            latency,
        })
    }

    fn connect(&mut self) -> Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP));
        let socket = socket.context("making a socket")?;
        socket.set_nonblocking(true).context("preparing a socket")?;
        let source = u8::try_from(self.members.len() % SOURCES).context("a small number")? + 2;
        let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, source), 0));
        socket.bind(&source.into()).context("binding a socket")?;
        match socket.connect(&self.server.into()) {
            Err(e) if e.raw_os_error() != Some(nix::errno::Errno::EINPROGRESS as i32) => {
                return Err(e).context("connecting a stream");
            }
            _ => {}
        }
        let mut socket = TcpStream::from_std(socket.into());
        let token = Token(self.members.len());
        let registry = self.poll.registry();
        let registered = registry.register(&mut socket, token, Interest::WRITABLE);
        registered.context("watching a socket")?;
        self.members.push((Subscriber::new(socket), Instant::now()));
        Ok(())
    }
}
