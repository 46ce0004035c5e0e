//! Many streams of events in one thread: opened, listened to while somebody publishes, and closed together.

use crate::figures::Figures;
use crate::heard::{Heard, histogram, micros, quantile_ms};
use crate::subscriber::{State, Subscriber};
use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Addresses that clients come from: each has 28,000 ports, of which closed connections hold some for a minute.
const SOURCES: usize = 32;
/// Events looked at in one go: few, so that the time of a read is near the time of its arrival.
const BATCH: usize = 256;
/// Room for one read; an event has a few hundred bytes.
const ROOM: usize = 16 << 10;
/// A server that has not answered after this long will not.
const OPEN_PATIENCE: Duration = Duration::from_secs(30);
/// A message that has not come after this long was skipped.
const HEAR_PATIENCE: Duration = Duration::from_secs(5);

/// Clients of one server.
#[derive(Debug)]
pub struct Crowd {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    server: SocketAddr,
    members: Vec<(Subscriber, Instant)>,
    next_mark: u64,
}

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

/// When messages are published.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many.
    pub messages: u64,
    /// From one to the next.
    pub period: Duration,
    /// Whether the next one waits until everybody has the last.
    pub patient: bool,
}

impl Crowd {
    /// Nobody yet.
    pub fn of(server: SocketAddr) -> Result<Self> {
        Ok(Self {
            poll: Poll::new().context("making a poll")?,
            events: Events::with_capacity(BATCH),
            buffer: vec![0; ROOM],
            server,
            members: Vec::new(),
            // Above any count that was stored before.
            next_mark: 1_000,
        })
    }

    /// Opens streams until there are `count`, with at most `at_once` on their way at any time.
    pub fn grow_to(&mut self, count: usize, at_once: usize) -> Result<Opening> {
        let (first, began) = (self.members.len(), Instant::now());
        let mut latency = histogram()?;
        let (mut streaming, mut refused, mut last) = (0, 0, began);
        while first + streaming + refused < count && last.elapsed() < OPEN_PATIENCE {
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

    /// Listens for `time`; nobody publishes.
    pub fn listen(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left, |_, _| (), |_, _, _| ())?;
        }
        Ok(())
    }

    /// Publishes as planned and listens until everybody has the last message, or does not get it.
    pub fn hear(&mut self, figures: &mut Figures, plan: Plan) -> Result<Heard> {
        let mut heard = Heard::from_mark(self.next_mark)?;
        let clients = self.streaming() as u64;
        let mut due = Instant::now();
        let mut published = due;
        loop {
            let now = Instant::now();
            let all = heard.deliveries >= heard.messages() * clients;
            let over = heard.messages() >= plan.messages;
            let given_up = now - published > HEAR_PATIENCE;
            if over && (all || given_up) {
                break;
            }
            if !over && now >= due && (all || given_up || !plan.patient) {
                published = Instant::now();
                figures.publish(heard.publish())?;
                due = (due + plan.period).max(published);
                if plan.patient {
                    due = published + plan.period;
                }
            }
            let wait = match over || (plan.patient && !all) {
                true => HEAR_PATIENCE,
                false => due.saturating_duration_since(Instant::now()),
            };
            self.turn(wait, |mark, now| heard.hear(mark, now), |_, _, _| ())?;
        }
        self.next_mark += heard.messages();
        Ok(heard)
    }

    /// How many streams are open.
    pub fn streaming(&self) -> usize {
        let members = self.members.iter();
        members
            .filter(|(member, _)| member.state == State::Streaming)
            .count()
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
        let registered = self
            .poll
            .registry()
            .register(&mut socket, token, Interest::WRITABLE);
        registered.context("watching a socket")?;
        self.members.push((Subscriber::new(socket), Instant::now()));
        Ok(())
    }

    /// Waits for something to happen, at most `wait`. `heard` gets marks, `settled` who got through or did not.
    fn turn(
        &mut self,
        wait: Duration,
        mut heard: impl FnMut(u64, Instant),
        mut settled: impl FnMut(State, Instant, Instant),
    ) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled.context("waiting for streams")?,
        }
        for event in &self.events {
            let index = event.token().0;
            let Some((member, since)) = self.members.get_mut(index) else {
                continue;
            };
            let before = member.state;
            match before {
                State::Connecting => {
                    member.ask();
                    if member.state == State::Asked {
                        let registry = self.poll.registry();
                        let watched = registry.reregister(
                            &mut member.socket,
                            event.token(),
                            Interest::READABLE,
                        );
                        watched.context("watching a socket")?;
                    }
                }
                State::Asked | State::Streaming => {
                    // The time of each read, since a batch takes a while.
                    let mut now = None;
                    member.read(&mut self.buffer, |mark| {
                        heard(mark, *now.get_or_insert_with(Instant::now));
                    });
                }
                State::Refused | State::Gone => {}
            }
            if matches!(before, State::Connecting | State::Asked)
                && !matches!(member.state, State::Connecting | State::Asked)
            {
                settled(member.state, *since, Instant::now());
            }
        }
        Ok(())
    }
}
