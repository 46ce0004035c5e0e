//! A private Redis with replicas, and Sentinels that promote a replica when the primary is down.

use crate::eventually::eventually;
use crate::server::Redis;
use anyhow::{Context as _, Result};
use std::time::Duration;

/// What the Sentinels call it.
const NAME: &str = "main";
/// Two of three decide.
const SENTINELS: usize = 3;
/// A primary that has not answered for so long is away. Sentinel's own default is 30 s.
const AWAY_MS: &str = "1000";
/// Replicas are in sync, or a fail-over is finished, within a few seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// A primary, two replicas and three Sentinels.
#[derive(Debug)]
pub struct Sentinels {
    /// The servers; the first one was the primary at the start.
    pub servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl Sentinels {
    /// Starts everything, the servers with `more` flags, and waits until each Sentinel knows the others.
    ///
    /// # Errors
    /// If a server does not start.
    pub async fn start(more: &[&str]) -> Result<Self> {
        let flags = [&["--repl-diskless-sync-delay", "0"], more].concat();
        let mut servers = vec![Redis::start_with(&flags).await?];
        let port = servers[0].port();
        for _ in 0..2 {
            let of = port.to_string();
            let flags = [&flags[..], &["--replicaof", "127.0.0.1", &of]].concat();
            servers.push(Redis::start_with(&flags).await?);
        }
        let settings = format!(
            "sentinel monitor {NAME} 127.0.0.1 {port} 2\n\
             sentinel down-after-milliseconds {NAME} {AWAY_MS}\n\
             sentinel failover-timeout {NAME} 5000\n"
        );
        let mut sentinels = Vec::new();
        for _ in 0..SENTINELS {
            sentinels.push(Redis::start_with_file(&settings, &["--sentinel"]).await?);
        }
        let guarded = Self { servers, sentinels };
        for sentinel in &guarded.sentinels {
            let ready = format!("slaves=2,sentinels={SENTINELS}");
            eventually("a Sentinel knows all", LIMIT, async || {
                let info = sentinel.command(&["INFO", "sentinel"]).await;
                info.is_ok_and(|info| info.contains(&ready)).then_some(())
            })
            .await;
        }
        Ok(guarded)
    }

    /// The URL `redis-sentinel://` with all three Sentinels. `account` is empty or ends with `@`.
    pub fn url(&self, account: &str) -> String {
        let [first, others @ ..] = &self.sentinels[..] else {
            return String::new();
        };
        let nodes = others
            .iter()
            .map(|one| format!("&node=127.0.0.1:{}", one.port()));
        let (port, nodes) = (first.port(), nodes.collect::<String>());
        format!("redis-sentinel://{account}127.0.0.1:{port}/0?sentinelServiceName={NAME}{nodes}")
    }

    /// The index of the primary, as the Sentinels report it.
    ///
    /// # Errors
    /// If no Sentinel answers.
    pub async fn primary(&self) -> Result<usize> {
        let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
        let reply = self.sentinels[0].command(&command).await?;
        let port = reply
            .lines()
            .nth(1)
            .and_then(|port| port.trim().parse().ok());
        let port: u16 = port.with_context(|| format!("no primary: {reply}"))?;
        let index = self.servers.iter().position(|server| server.port() == port);
        index.context("an unknown server")
    }

    /// Orders a fail-over, as an operator does, until the Sentinels accept: soon after a fail-over they refuse another.
    pub async fn fail_over(&self) {
        eventually("the Sentinels obey", LIMIT, async || {
            let order = ["SENTINEL", "FAILOVER", NAME];
            self.sentinels[0].command(&order).await.ok()
        })
        .await;
    }

    /// Waits until another server than `before` is the primary, for the Sentinels and for itself. Returns its index.
    pub async fn await_new_primary(&self, before: usize) -> usize {
        eventually("another primary", LIMIT, async || {
            let now = self.primary().await.ok().filter(|now| *now != before)?;
            let role = self.servers[now].command(&["ROLE"]).await.ok()?;
            role.starts_with("master").then_some(now)
        })
        .await
    }
}
