//! The real gateway, as a process on a port that it keeps.

use crate::browser::SOON;
use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use std::net::{Ipv4Addr, SocketAddr};
use testkit::eventually::eventually;
use testkit::http::{Answer, get};
use testkit::process::{Process, free_port};
use tokio::net::TcpStream;

/// A gateway that can go and come back. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    environment: Vec<(&'static str, String)>,
    process: Process,
}

impl Gateway {
    /// Starts it on the Redis at `url`, under a prefix, with more variables; returns when it answers.
    ///
    /// # Errors
    /// When it has not been built or does not start.
    pub async fn start(url: &str, prefix: &str, more: &[(&'static str, &str)]) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut environment = vec![
            ("HOST", address.ip().to_string()),
            ("PORT", address.port().to_string()),
            ("REDIS_URL", url.to_owned()),
            ("REDIS_KEY_PREFIX", prefix.to_owned()),
            ("SHUTDOWN_DRAIN_SECONDS", "1".to_owned()),
        ];
        let more = more
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        environment.extend(more);
        let process = Process::spawn("gateway", &environment)?;
        let gateway = Self {
            address,
            environment,
            process,
        };
        gateway.answers().await;
        Ok(gateway)
    }

    /// A page of it: `path` begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it answers to GET.
    pub async fn get(&self, path: &str) -> Answer {
        get(self.address, path).await
    }

    /// A number among its metrics, such as `gateway_streams`.
    ///
    /// # Errors
    /// When it does not tell.
    pub async fn metric(&self, name: &str) -> Result<u64> {
        let metrics = self.get("/metrics").await;
        let mut lines = metrics
            .text()
            .lines()
            .filter_map(|line| line.split_once(' '));
        let found = lines.find(|(found, _)| *found == name);
        let (_, number) = found.with_context(|| format!("there is no {name}"))?;
        number
            .parse()
            .with_context(|| format!("{name} is no number"))
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.signal(Signal::SIGKILL)?;
        self.process.wait_exit(SOON).await.map(drop)
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// When it has ended already, or does not.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.signal(Signal::SIGTERM)?;
        self.process.wait_exit(SOON).await.map(drop)
    }

    /// Starts it again, as it was, on the same port; returns when it answers.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = Process::spawn("gateway", &self.environment)?;
        self.answers().await;
        Ok(())
    }

    async fn answers(&self) {
        eventually("the gateway listens", SOON, async || {
            TcpStream::connect(self.address).await.ok()
        })
        .await;
    }
}
