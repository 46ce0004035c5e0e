//! A client process: holds thousands of streams in one thread, and comes back when one ends, as browsers do behind a
//! balancer. It shares the cores with the gateways, so that a delivery costs it one `read` and little else.

mod events;
mod stream;

use crate::fleet::protocol::{Arrival, Command, Report, Truth};
use anyhow::{Context as _, Result};
use clap::Args;
use events::{Count, LastRead};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use shared::time::Clock;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};
use stream::{End, Stream, begin_connecting};
use testkit::descriptors;

/// Connections that may be opening at the same time: those of ten processes are fewer than the 8,192 that one gateway
/// accepts beside streams.
const CONCURRENT: usize = 256;
/// Each address has 28,000 ports, some of which closed connections hold for a minute.
const SOURCE_ADDRESSES: usize = 8;
/// How soon a balancer tries another gateway after one to which it could not connect.
const REDISPATCH: Duration = Duration::from_secs(1);
/// Events of the kernel at once: few, so that the time of a read is close to the time when the bytes arrived.
const BATCH: usize = 256;
/// The events of standard input; the others have the index of their stream.
const ORDERS: u64 = u64::MAX;

/// What the benchmark gives to a client process.
#[derive(Args)]
pub(crate) struct Options {
    /// The number of this process, from 1 on: it connects from 127.0.NUMBER.1 and so on.
    number: u8,
}

/// All streams of this process.
struct Client {
    epoll: Epoll,
    clock: Clock,
    number: u8,
    gateways: Vec<SocketAddr>,
    ready: Vec<bool>,
    /// The streams and attempts on each gateway.
    loads: Vec<usize>,
    streams: Vec<Stream>,
    /// Streams that want to connect now.
    waiting: VecDeque<usize>,
    /// Streams that come again at that time.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Connections that have not received a count.
    opening: usize,
    /// All attempts so far.
    attempts: usize,
    last_read: LastRead,
    report: Report,
}

/// Follows the orders of standard input until its end.
pub(crate) fn run(options: &Options) -> Result<()> {
    descriptors::raise()?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("creating an epoll")?;
    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    let mut orders = File::from(stdin.context("reading standard input")?);
    let watched = epoll.add(&orders, EpollEvent::new(EpollFlags::EPOLLIN, ORDERS));
    watched.context("watching standard input")?;
    let mut client = Client {
        epoll,
        clock: Clock::system(),
        number: options.number,
        gateways: Vec::new(),
        ready: Vec::new(),
        loads: Vec::new(),
        streams: Vec::new(),
        waiting: VecDeque::new(),
        due: BinaryHeap::new(),
        opening: 0,
        attempts: 0,
        last_read: LastRead::default(),
        report: Report::default(),
    };
    let (mut buffer, mut text) = ([0; 4096], Vec::new());
    let mut events = [EpollEvent::empty(); BATCH];
    loop {
        let count = match client.epoll.wait(&mut events, client.timeout()) {
            Err(Errno::EINTR) => 0,
            count => count.context("waiting for events")?,
        };
        for event in &events[..count] {
            if event.data() != ORDERS {
                client.on_event(*event, &mut buffer)?;
                continue;
            }
            let length = orders.read(&mut buffer).context("reading orders")?;
            if length == 0 {
                return Ok(());
            }
            text.extend_from_slice(&buffer[..length]);
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                client.follow(serde_json::from_slice(&line).context("an order")?)?;
            }
        }
        client.connect_waiting()?;
    }
}

impl Client {
    fn follow(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Gateways(gateways) => {
                self.loads = vec![0; gateways.len()];
                self.ready = vec![false; gateways.len()];
                self.gateways = gateways;
            }
            Command::Ready(ready) => self.ready = ready,
            Command::Hold(count) => {
                for stream in self.streams.drain(count.min(self.streams.len())..) {
                    if let Some((_, gateway)) = stream.connection {
                        self.loads[gateway] -= 1;
                        self.opening -= usize::from(!stream.is_open);
                    }
                }
                self.waiting.extend(self.streams.len()..count);
                self.streams.resize_with(count, Stream::new);
            }
            Command::Report(truth) => {
                let report = self.take_report(&truth);
                let mut line = serde_json::to_vec(&report).context("writing a report")?;
                line.push(b'\n');
                let mut stdout = std::io::stdout().lock();
                let written = stdout.write_all(&line).and_then(|()| stdout.flush());
                written.context("sending a report")?;
            }
        }
        Ok(())
    }

    fn take_report(&mut self, truth: &Truth) -> Report {
        let mut report = std::mem::take(&mut self.report);
        self.report.last_change = report.last_change;
        for stream in self.streams.iter().filter(|stream| stream.is_open) {
            let (count, figures) = (
                stream.has_right_count(truth),
                stream.has_right_figures(truth),
            );
            report.open += 1;
            report.right += usize::from(count && figures);
            report.wrong_count += usize::from(!count);
            if !count {
                report.wrong_example = Some((stream.count.total, stream.count.date));
            }
            report.wrong_figures += usize::from(!figures);
        }
        report
    }

    /// Until the next stream wants to connect.
    fn timeout(&self) -> EpollTimeout {
        let Some(Reverse((due, _))) = self.due.peek() else {
            return EpollTimeout::NONE;
        };
        // The kernel counts whole milliseconds.
        let wait = due.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        EpollTimeout::try_from(wait).unwrap_or(EpollTimeout::MAX)
    }

    /// Connects some of the streams that wait.
    fn connect_waiting(&mut self) -> Result<()> {
        let now = Instant::now();
        while self.due.peek().is_some_and(|next| next.0.0 <= now) {
            self.waiting.extend(self.due.pop().map(|next| next.0.1));
        }
        while self.opening < CONCURRENT
            && let Some(index) = self.waiting.pop_front()
        {
            self.connect(index)?;
        }
        Ok(())
    }

    /// Connects to the gateway with the fewest streams, as a balancer does.
    fn connect(&mut self, index: usize) -> Result<()> {
        // It may have been closed meanwhile.
        if index >= self.streams.len() {
            return Ok(());
        }
        let ready = (0..self.gateways.len()).filter(|gateway| self.ready[*gateway]);
        let Some(gateway) = ready.min_by_key(|gateway| self.loads[*gateway]) else {
            self.come_again(index, REDISPATCH);
            return Ok(());
        };
        self.attempts += 1;
        let host = u8::try_from(self.attempts % SOURCE_ADDRESSES).context("a small number")?;
        let source = SocketAddr::from((Ipv4Addr::new(127, 0, self.number, host + 1), 0));
        let Ok(socket) = begin_connecting(source, self.gateways[gateway]) else {
            self.report.ends.failures += 1;
            self.come_again(index, REDISPATCH);
            return Ok(());
        };
        // Each change of the socket is reported once.
        let flags = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        let watched = self
            .epoll
            .add(&socket, EpollEvent::new(flags, index as u64));
        watched.context("watching a stream")?;
        let stream = &mut self.streams[index];
        stream.connection = Some((socket, gateway));
        self.loads[gateway] += 1;
        self.opening += 1;
        Ok(())
    }

    fn come_again(&mut self, index: usize, after: Duration) {
        self.due.push(Reverse((Instant::now() + after, index)));
    }

    fn on_event(&mut self, event: EpollEvent, buffer: &mut [u8]) -> Result<()> {
        let index = usize::try_from(event.data()).context("an index")?;
        let ending = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        let is_ending = event.events().intersects(ending);
        // It may have been closed meanwhile.
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(());
        };
        let Some(gateway) = stream.connection.as_ref().map(|(_, gateway)| *gateway) else {
            return Ok(());
        };
        let was_open = stream.is_open;
        let (report, now) = (&mut self.report, self.clock.now().millis());
        let goes_on = stream.read(is_ending, buffer, &mut self.last_read, |stream, count| {
            on_count(stream, count, now, report);
        });
        if !was_open && (stream.is_open || !goes_on) {
            self.opening -= 1;
        }
        if !goes_on {
            let (end, after) = stream.end();
            self.loads[gateway] -= 1;
            let ends = &mut self.report.ends;
            let (counter, after) = match end {
                End::Clean => (&mut ends.clean, after),
                End::Cut => (&mut ends.cuts, after),
                End::Refused => (&mut ends.refusals, after),
                End::Failed => (&mut ends.failures, REDISPATCH),
            };
            *counter += 1;
            self.come_again(index, after);
        }
        Ok(())
    }
}

/// Records a count that a stream has received.
fn on_count(stream: &mut Stream, count: Count, now: i64, report: &mut Report) {
    if stream.count.total != count.total {
        report.last_change = now;
    }
    if stream.show(count, now)
        && let Some(ended) = stream.predecessor_ended
    {
        let gap = u32::try_from(ended.elapsed().as_millis());
        report.gaps.push(gap.unwrap_or(u32::MAX));
    }
    if !count.is_update {
        return;
    }
    report.updates += 1;
    let known = report
        .counts
        .iter_mut()
        .rev()
        .find(|known| known.made_at == count.made_at);
    match known {
        Some(known) => {
            known.streams += 1;
            known.last = now;
        }
        None => report.counts.push(Arrival {
            made_at: count.made_at,
            streams: 1,
            last: now,
        }),
    }
}
