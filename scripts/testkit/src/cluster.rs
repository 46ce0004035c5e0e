//! A private Redis Cluster: three primaries that share the slots, and a replica of each.

use crate::eventually::eventually;
use crate::process::free_port;
use crate::server::Redis;
use anyhow::{Context as _, Result};
use std::time::Duration;

/// Three primaries and three replicas.
const NODES: usize = 6;
/// A node that does not answer for so long is down. The default of Redis is 15 s.
const AWAY_MS: &str = "1000";
/// All agree within a few seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// The servers of a cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Primaries and replicas, in no particular order.
    pub nodes: Vec<Redis>,
}

/// A line of `CLUSTER NODES`: how one node sees another healthy node.
struct Seen {
    id: String,
    port: u16,
    /// Of a replica: its primary's id.
    of: Option<String>,
    slots: Vec<(u16, u16)>,
}

impl Cluster {
    /// Starts the servers with `more` flags, forms the cluster with redis-cli, and waits until all nodes agree.
    ///
    /// # Errors
    /// If a server does not start.
    pub async fn start(more: &[&str]) -> Result<Self> {
        let mut nodes = Vec::new();
        for _ in 0..NODES {
            let bus = free_port()?.to_string();
            let flags = [
                ["--cluster-enabled", "yes"],
                ["--cluster-port", &bus],
                ["--cluster-node-timeout", AWAY_MS],
                ["--cluster-replica-validity-factor", "0"],
                ["--repl-diskless-sync-delay", "0"],
            ];
            nodes.push(Redis::start_with(&[&flags.concat(), more].concat()).await?);
        }
        let cluster = Self { nodes };
        let address = |node: &Redis| format!("127.0.0.1:{}", node.port());
        let addresses: Vec<_> = cluster.nodes.iter().map(address).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-replicas", "1", "--cluster-yes"]);
        cluster.nodes[0].ask(&create).await?;
        cluster.agreed().await;
        Ok(cluster)
    }

    /// The URL `redis-cluster://` with all nodes. `account` is empty or ends with `@`.
    pub fn url(&self, account: &str) -> String {
        let nodes = self
            .nodes
            .iter()
            .map(|one| format!("node=127.0.0.1:{}", one.port()));
        let nodes: Vec<_> = nodes.collect();
        format!(
            "redis-cluster://{account}127.0.0.1:{}?{}",
            self.nodes[0].port(),
            nodes.join("&")
        )
    }

    /// The index of the node that serves `key`, as the healthy nodes see it.
    ///
    /// # Errors
    /// If no node serves it, or no node answers.
    pub async fn owner(&self, key: &str) -> Result<usize> {
        let (seen, slot) = (self.seen().await?, self.slot(key).await?);
        let serves = |seen: &&Seen| {
            seen.slots
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&slot))
        };
        let owner = seen.iter().find(serves).context("nobody serves it")?;
        self.index(owner.port)
    }

    /// Waits until another node than `before` serves `key` and reports the cluster as ok. Returns its index.
    pub async fn await_new_owner(&self, key: &str, before: usize) -> usize {
        eventually("another node serves it", LIMIT, async || {
            let now = self.owner(key).await.ok().filter(|now| *now != before)?;
            self.is_well(now).await.then_some(now)
        })
        .await
    }

    /// Waits until the node `index` is a primary and reports the cluster as ok.
    pub async fn await_primary(&self, index: usize) {
        eventually("it is a primary", LIMIT, async || {
            let role = self.nodes[index].ask(&["ROLE"]).await.ok()?;
            (role.starts_with("master") && self.is_well(index).await).then_some(())
        })
        .await;
    }

    /// Returns a replica of `primary`, and another primary (or the same, if there is no other).
    ///
    /// # Errors
    /// If it has no replica.
    pub async fn replica_and_other_primary(&self, primary: usize) -> Result<(usize, usize)> {
        let (seen, port) = (self.seen().await?, self.nodes[primary].port());
        let this = seen
            .iter()
            .find(|seen| seen.port == port)
            .context("it is away")?;
        let replica = seen.iter().find(|seen| seen.of.as_ref() == Some(&this.id));
        let replica = replica.context("it has no replica")?;
        let other = seen
            .iter()
            .find(|seen| seen.of.is_none() && seen.port != port);
        Ok((
            self.index(replica.port)?,
            self.index(other.unwrap_or(this).port)?,
        ))
    }

    /// Moves every slot of one primary to another with redis-cli.
    ///
    /// # Errors
    /// If redis-cli fails.
    pub async fn reshard(&self, from: usize, to: usize) -> Result<()> {
        let seen = self.seen().await?;
        let node = |index: usize| {
            let port = self.nodes[index].port();
            seen.iter()
                .find(|seen| seen.port == port)
                .context("it is away")
        };
        let (from, to) = (node(from)?, node(to)?);
        let slots: u16 = from
            .slots
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum();
        let address = format!("127.0.0.1:{}", from.port);
        let (from_id, to_id, slots) = (&from.id, &to.id, slots.to_string());
        let args = [
            ["--cluster", "reshard", &address, "--cluster-yes"],
            ["--cluster-from", from_id, "--cluster-to", to_id],
        ];
        let args = [&args.concat()[..], &["--cluster-slots", &slots]].concat();
        self.nodes[0].ask(&args).await.map(drop)
    }

    /// Makes a replica the primary, as an operator does.
    ///
    /// # Errors
    /// If redis-cli fails.
    pub async fn fail_over_to(&self, replica: usize) -> Result<()> {
        self.nodes[replica]
            .ask(&["CLUSTER", "FAILOVER"])
            .await
            .map(drop)
    }

    async fn agreed(&self) {
        for index in 0..self.nodes.len() {
            eventually("a node says that all is well", LIMIT, async || {
                let all = self.nodes_as_seen_by(index).await.ok()?.len() == NODES;
                (all && self.is_well(index).await).then_some(())
            })
            .await;
        }
    }

    async fn is_well(&self, index: usize) -> bool {
        let info = self.nodes[index].ask(&["CLUSTER", "INFO"]).await;
        info.is_ok_and(|info| info.contains("cluster_state:ok"))
    }

    async fn slot(&self, key: &str) -> Result<u16> {
        for node in &self.nodes {
            if let Ok(slot) = node.ask(&["CLUSTER", "KEYSLOT", key]).await {
                return slot.trim().parse().context("a slot");
            }
        }
        anyhow::bail!("nobody answers")
    }

    async fn seen(&self) -> Result<Vec<Seen>> {
        for index in 0..self.nodes.len() {
            if let Ok(seen) = self.nodes_as_seen_by(index).await {
                return Ok(seen);
            }
        }
        anyhow::bail!("nobody answers")
    }

    async fn nodes_as_seen_by(&self, index: usize) -> Result<Vec<Seen>> {
        let lines = self.nodes[index].ask(&["CLUSTER", "NODES"]).await?;
        Ok(lines.lines().filter_map(Seen::read).collect())
    }

    fn index(&self, port: u16) -> Result<usize> {
        let index = self.nodes.iter().position(|node| node.port() == port);
        index.context("a node that is not ours")
    }
}

impl Seen {
    /// `<id> <ip:port@bus> <flags> <primary> <ping> <pong> <epoch> <link> <slot or first-last> ...`
    fn read(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let [id, address, flags, of, _, _, _, _, slots @ ..] = &words[..] else {
            return None;
        };
        if flags.contains("fail") || flags.contains("handshake") {
            return None;
        }
        let port = address.split(['@', ',']).next()?.rsplit(':').next()?;
        // Slots in brackets are migrating.
        let slots = slots.iter().filter(|range| !range.starts_with('['));
        let slots = slots.map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        Some(Self {
            id: (*id).to_owned(),
            port: port.parse().ok()?,
            of: Some(*of).filter(|of| *of != "-").map(str::to_owned),
            slots: slots.collect::<Option<_>>()?,
        })
    }
}
