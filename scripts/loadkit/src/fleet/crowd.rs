//! The client processes that hold the streams.

use super::protocol::{Arrival, Command, Ends, Report, Truth};
use crate::process_stats::ProcessStats;
use anyhow::{Context as _, Result};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Mutex as SyncMutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The streams of one process: below the usual limit of open files on a small machine, 20,000.
pub(super) const STREAMS_PER_PROCESS: usize = 18_000;
/// On a machine that is too busy, a process may come late with its report.
const REPORT_LIMIT: Duration = Duration::from_secs(60);

/// All client processes. Each ends when this process ends, because its standard input ends then.
pub(super) struct Crowd {
    clients: Vec<Client>,
    sums: SyncMutex<Ends>,
}

struct Client {
    orders: Mutex<ChildStdin>,
    reports: Mutex<Lines<BufReader<ChildStdout>>>,
    stats: ProcessStats,
    _process: Child,
}

impl Crowd {
    /// Starts as many processes as `streams` need, and tells them the gateways.
    pub(super) async fn start(streams: usize, gateways: Vec<SocketAddr>) -> Result<Self> {
        let me = std::env::current_exe().context("finding the running program")?;
        let mut clients = Vec::new();
        for number in 1..=streams.div_ceil(STREAMS_PER_PROCESS) {
            let mut process = tokio::process::Command::new(&me)
                .args(["fleet-client", &number.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                // A group of its own: Ctrl-C in a terminal must not reach it before us.
                .process_group(0)
                .kill_on_drop(true)
                .spawn()
                .context("starting a client process")?;
            let pid = process.id().context("a client process has ended")?;
            let orders = process
                .stdin
                .take()
                .context("a client process without input")?;
            let reports = process
                .stdout
                .take()
                .context("a client process without output")?;
            clients.push(Client {
                orders: Mutex::new(orders),
                reports: Mutex::new(BufReader::new(reports).lines()),
                stats: ProcessStats::new(pid),
                _process: process,
            });
        }
        let crowd = Self {
            clients,
            sums: SyncMutex::default(),
        };
        crowd.order(&Command::Gateways(gateways)).await?;
        Ok(crowd)
    }

    /// The number of client processes.
    pub(super) fn processes(&self) -> usize {
        self.clients.len()
    }

    /// The CPU time of all client processes.
    pub(super) fn cpu(&self) -> Result<Duration> {
        self.clients.iter().map(|client| client.stats.cpu()).sum()
    }

    /// Gives every process the same order.
    pub(super) async fn order(&self, command: &Command) -> Result<()> {
        for client in &self.clients {
            client.order(command).await?;
        }
        Ok(())
    }

    /// Makes the processes hold `streams` in all.
    pub(super) async fn hold(&self, streams: usize) -> Result<()> {
        let (each, more) = (streams / self.clients.len(), streams % self.clients.len());
        for (index, client) in self.clients.iter().enumerate() {
            let count = each + usize::from(index < more);
            client.order(&Command::Hold(count)).await?;
        }
        Ok(())
    }

    /// Compares every stream with the truth. Returns the sum of the reports since the last call.
    pub(super) async fn report(&self, truth: &Truth) -> Result<Report> {
        self.order(&Command::Report(truth.clone())).await?;
        let mut sum = Report::default();
        for client in &self.clients {
            sum.add(client.report().await?);
        }
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.add(sum.ends);
        drop(sums);
        Ok(sum)
    }

    /// How streams have ended, and attempts failed, since the start.
    pub(super) fn sums(&self) -> Ends {
        *self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    async fn order(&self, command: &Command) -> Result<()> {
        let mut line = serde_json::to_vec(command).context("writing an order")?;
        line.push(b'\n');
        let sent = self.orders.lock().await.write_all(&line).await;
        sent.context("a client process has ended")
    }

    async fn report(&self) -> Result<Report> {
        let mut reports = self.reports.lock().await;
        let line = timeout(REPORT_LIMIT, reports.next_line()).await;
        let line = line.context("a client process does not report")?;
        let line = line.context("reading a report")?;
        let line = line.context("a client process has ended")?;
        serde_json::from_str(&line).context("a report")
    }
}

impl Ends {
    /// Adds those of another process, or later ones.
    pub(super) fn add(&mut self, other: Self) {
        self.clean += other.clean;
        self.cuts += other.cuts;
        self.refusals += other.refusals;
        self.failures += other.failures;
    }
}

impl Report {
    /// Adds the report of another process.
    fn add(&mut self, other: Self) {
        self.open += other.open;
        self.right += other.right;
        self.wrong_count += other.wrong_count;
        self.wrong_example = self.wrong_example.or(other.wrong_example);
        self.wrong_figures += other.wrong_figures;
        self.last_change = self.last_change.max(other.last_change);
        self.updates += other.updates;
        self.ends.add(other.ends);
        self.gaps.extend(other.gaps);
        self.add_counts(other.counts);
    }

    /// Adds arrivals in other processes, or later ones.
    pub(super) fn add_counts(&mut self, counts: Vec<Arrival>) {
        for count in counts {
            let mut known = self.counts.iter_mut();
            match known.find(|known| known.made_at == count.made_at) {
                Some(known) => {
                    known.streams += count.streams;
                    known.last = known.last.max(count.last);
                }
                None => self.counts.push(count),
            }
        }
    }
}
