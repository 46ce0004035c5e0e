//! A private Redis Cluster: three primaries that share the slots, and a replica of each.

use crate::eventually::eventually;
use crate::process::free_port;
use crate::server::Redis;
use anyhow::{Context as _, Result};
use std::time::Duration;
use tokio::time::timeout;

/// Three primaries and three replicas.
const NODES: usize = 6;
/// A node that does not answer for this time is down. The default of Redis is 15 s.
const NODE_TIMEOUT_MS: &str = "1000";
/// All agree within a few seconds.
const LIMIT: Duration = Duration::from_secs(60);
/// Longer than a node keeps an order to fail over.
const FAIL_OVER_LIMIT: Duration = Duration::from_secs(6);
/// redis-cli moves slots one by one, which beside many other tests takes more than a minute.
const RESHARD_LIMIT: Duration = Duration::from_secs(300);

/// The servers of a cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Primaries and replicas, in no particular order.
    pub nodes: Vec<Redis>,
}

/// A healthy node, as another node reports it in a line of `CLUSTER NODES`.
struct NodeInfo {
    id: String,
    port: u16,
    /// The id of a replica's primary.
    primary: Option<String>,
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
                ["--cluster-node-timeout", NODE_TIMEOUT_MS],
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
        cluster.nodes[0].command(&create).await?;
        cluster.await_agreement().await;
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
        let slot: u16 = self
            .ask_any(&["CLUSTER", "KEYSLOT", key])
            .await?
            .trim()
            .parse()?;
        let has_slot = |node: &&NodeInfo| {
            let mut slots = node.slots.iter();
            slots.any(|(first, last)| (*first..=*last).contains(&slot))
        };
        let nodes = self.node_infos().await?;
        let owner = nodes.iter().find(has_slot).context("no node serves it")?;
        self.index(owner.port)
    }

    /// Waits until another node than `before` serves `key` and reports the cluster as ok. Returns its index.
    pub async fn await_new_owner(&self, key: &str, before: usize) -> usize {
        eventually("another node serves it", LIMIT, async || {
            let now = self.owner(key).await.ok().filter(|now| *now != before)?;
            self.is_ok(now).await.then_some(now)
        })
        .await
    }

    /// Waits until the node `index` is a primary and reports the cluster as ok.
    pub async fn await_primary(&self, index: usize) {
        eventually("it is a primary", LIMIT, async || {
            let role = self.nodes[index].command(&["ROLE"]).await.ok()?;
            (role.starts_with("master") && self.is_ok(index).await).then_some(())
        })
        .await;
    }

    /// Returns a replica of `primary`, and another primary (or the same, if there is no other).
    ///
    /// # Errors
    /// If it has no replica.
    pub async fn replica_and_other_primary(&self, primary: usize) -> Result<(usize, usize)> {
        let nodes = self.node_infos().await?;
        let this = self.info(&nodes, primary)?;
        let replica = nodes
            .iter()
            .find(|node| node.primary.as_ref() == Some(&this.id));
        let replica = replica.context("it has no replica")?;
        let other = nodes
            .iter()
            .find(|node| node.primary.is_none() && node.port != this.port);
        Ok((
            self.index(replica.port)?,
            self.index(other.unwrap_or(this).port)?,
        ))
    }

    /// Moves every slot of one primary to another with redis-cli, and waits until all nodes know: a replica that is
    /// promoted without knowing takes over only the slots that it knows of, and the cluster stops for lack of the rest.
    ///
    /// # Errors
    /// If redis-cli fails.
    pub async fn reshard(&self, from: usize, to: usize) -> Result<()> {
        let nodes = self.node_infos().await?;
        let (from, to) = (self.info(&nodes, from)?, self.info(&nodes, to)?);
        let slots = from.count_slots();
        let total = slots + to.count_slots();
        let (address, slots) = (format!("127.0.0.1:{}", from.port), slots.to_string());
        let args = [
            ["--cluster", "reshard", &address, "--cluster-yes"],
            ["--cluster-from", &from.id, "--cluster-to", &to.id],
        ];
        let args = [&args.concat()[..], &["--cluster-slots", &slots]].concat();
        self.nodes[0].long_command(&args, RESHARD_LIMIT).await?;
        for node in &self.nodes {
            eventually("a node knows the new owner", LIMIT, async || {
                let lines = node.command(&["CLUSTER", "NODES"]).await.ok()?;
                let mut known = lines.lines().filter_map(NodeInfo::parse);
                let owner = known.find(|one| one.id == to.id)?;
                (owner.count_slots() == total).then_some(())
            })
            .await;
        }
        Ok(())
    }

    /// Makes a replica the primary, as an operator does: a node forgets an order that it cannot obey within 5 s.
    pub async fn fail_over_to(&self, replica: usize) {
        eventually("the replica obeys", LIMIT, async || {
            let node = &self.nodes[replica];
            node.command(&["CLUSTER", "FAILOVER"]).await.ok();
            timeout(FAIL_OVER_LIMIT, self.await_primary(replica))
                .await
                .ok()
        })
        .await;
    }

    async fn await_agreement(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            eventually(
                "a node reports the whole cluster as ok",
                LIMIT,
                async || {
                    let lines = node.command(&["CLUSTER", "NODES"]).await.ok()?;
                    let all = lines.lines().filter_map(NodeInfo::parse).count() == NODES;
                    (all && self.is_ok(index).await).then_some(())
                },
            )
            .await;
        }
    }

    async fn is_ok(&self, index: usize) -> bool {
        let info = self.nodes[index].command(&["CLUSTER", "INFO"]).await;
        info.is_ok_and(|info| info.contains("cluster_state:ok"))
    }

    async fn node_infos(&self) -> Result<Vec<NodeInfo>> {
        let lines = self.ask_any(&["CLUSTER", "NODES"]).await?;
        Ok(lines.lines().filter_map(NodeInfo::parse).collect())
    }

    /// The reply of the first node that answers.
    async fn ask_any(&self, command: &[&str]) -> Result<String> {
        for node in &self.nodes {
            if let Ok(reply) = node.command(command).await {
                return Ok(reply);
            }
        }
        anyhow::bail!("no node answers")
    }

    fn info<'a>(&self, nodes: &'a [NodeInfo], index: usize) -> Result<&'a NodeInfo> {
        let port = self.nodes[index].port();
        let mut nodes = nodes.iter();
        nodes.find(|node| node.port == port).context("it is away")
    }

    fn index(&self, port: u16) -> Result<usize> {
        let index = self.nodes.iter().position(|node| node.port() == port);
        index.context("an unknown node")
    }
}

impl NodeInfo {
    fn count_slots(&self) -> u16 {
        self.slots
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum()
    }

    /// `<id> <ip:port@bus> <flags> <primary> <ping> <pong> <epoch> <link> <slot or first-last> ...`
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let [id, address, flags, primary, _, _, _, _, slots @ ..] = &words[..] else {
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
            primary: Some(*primary).filter(|id| *id != "-").map(str::to_owned),
            slots: slots.collect::<Option<_>>()?,
        })
    }
}
