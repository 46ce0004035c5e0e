//! The gateway and its controls, each as a process of its own on the server core.

pub(crate) mod floor;
pub(crate) mod hyper_control;
mod nginx;

use crate::process_stats::ProcessStats;
use anyhow::{Context as _, Result, ensure};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::http;
use testkit::process::{Process, binary_path, free_port};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Servers start within milliseconds, but not on a machine that is busy with a build.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Above the number of streams of any benchmark.
const MAX_STREAMS: &str = "100000";
/// A response that needs every snapshot of the books, which are published last.
const LAST_PUBLISHED: &str = "/api/books/summary";

/// A running server. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Server {
    /// The address on which it listens.
    pub(crate) address: SocketAddr,
    /// What it uses.
    pub(crate) stats: ProcessStats,
    process: Process,
    /// Holds its files.
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts the gateway on the Redis at `redis_port`, and waits until it serves every snapshot.
    pub(crate) async fn gateway(core: usize, redis_port: u16) -> Result<Self> {
        let address = free_address()?;
        let env = [
            ("HOST", address.ip().to_string()),
            ("PORT", address.port().to_string()),
            ("REDIS_URL", format!("redis://127.0.0.1:{redis_port}")),
            ("SSE_MAX_CLIENTS", MAX_STREAMS.to_owned()),
        ];
        let mut server = Self::start(core, address, &binary_path("gateway")?, &[], &env)?;
        server.wait_until_listening().await?;
        let began = Instant::now();
        while http::get(address, LAST_PUBLISHED).await.status != 200 {
            let late = began.elapsed() > START_LIMIT;
            ensure!(!late, "no snapshots: {}", server.process.log_tail());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Starts nginx, which serves each body as a static file under its path.
    pub(crate) async fn nginx(core: usize, bodies: &[(&str, &[u8])]) -> Result<Self> {
        let address = free_address()?;
        let folder = nginx::write_files(address, bodies)?;
        let path = |name| folder.path().join(name).display().to_string();
        let (prefix, config, errors) = (path(""), path("nginx.conf"), path("error.log"));
        let args = ["-p", &prefix, "-c", &config, "-e", &errors];
        let mut server = Self::start(core, address, &nginx::program()?, &args, &[])?;
        server._folder = Some(folder);
        server.wait_until_listening().await?;
        Ok(server)
    }

    /// Starts a bare hyper server, which answers every request with the gateway's response to `path`.
    pub(crate) async fn hyper_control(
        core: usize,
        gateway: SocketAddr,
        path: &str,
    ) -> Result<Self> {
        Self::control(core, "hyper-control", &[&gateway.to_string(), path]).await
    }

    /// Starts a plain loop that writes each message on the Redis at `redis_port` to every stream.
    pub(crate) async fn floor(core: usize, redis_port: u16) -> Result<Self> {
        Self::control(core, "floor", &[&redis_port.to_string()]).await
    }

    /// Starts this program with a hidden subcommand.
    async fn control(core: usize, command: &str, args: &[&str]) -> Result<Self> {
        let address = free_address()?;
        let me = std::env::current_exe().context("finding the running program")?;
        let listen = address.to_string();
        let args = [&[command, &listen], args].concat();
        let mut server = Self::start(core, address, &me, &args, &[])?;
        server.wait_until_listening().await?;
        Ok(server)
    }

    fn start(
        core: usize,
        address: SocketAddr,
        program: &Path,
        args: &[&str],
        env: &[(&str, String)],
    ) -> Result<Self> {
        let (core, program) = (core.to_string(), program.display().to_string());
        // taskset executes the program in its own process, so the pid is the server's.
        let args = [&["--cpu-list", &core, &program], args].concat();
        let process = Process::spawn_at(Path::new("/usr/bin/taskset"), &args, env)?;
        Ok(Self {
            address,
            stats: ProcessStats::new(process.pid()),
            process,
            _folder: None,
        })
    }

    async fn wait_until_listening(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            let failed = self.process.try_exit()?.is_some() || began.elapsed() > START_LIMIT;
            ensure!(!failed, "no listener: {}", self.process.log_tail());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)))
}
