//! A private nginx, HAProxy or Caddy in front of two gateways, with the file of `deploy/balancers`.

mod here;

use crate::certificates::Authority;
use crate::process::{Process, free_port, installed_or_unpacked};
use anyhow::{Context as _, Result, bail};
use here::Here;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The host name in the certificate and in the file for Caddy.
pub const HOST: &str = "library.example";
/// They start at once.
const START_LIMIT: Duration = Duration::from_secs(10);

/// The balancers, each with its file in `deploy/balancers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `nginx.conf`
    Nginx,
    /// `haproxy.cfg`
    Haproxy,
    /// `Caddyfile`
    Caddy,
}

/// A running balancer. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Balancer {
    /// The address with TLS, for [`HOST`].
    pub tls: SocketAddr,
    /// The address without TLS, which its file does not have: for crowds of clients.
    pub plain: SocketAddr,
    /// The authority that signed the certificate of [`HOST`].
    pub authority: Authority,
    process: Process,
    _folder: TempDir,
}

impl Balancer {
    /// Starts a balancer in front of `gateways`, and waits until it listens.
    pub async fn before(kind: Kind, gateways: [SocketAddr; 2]) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("testkit-balancer-")
            .tempdir();
        let folder = folder.context("making a folder for a balancer")?;
        let authority = Authority::new()?;
        let here = Here {
            folder: folder.path(),
            tls: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)),
            plain: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)),
            gateways,
            certificate: authority.issue(&format!("DNS:{HOST}"))?,
        };
        let file = folder.path().join(kind.file());
        fs::write(&file, here.configuration(kind)?).context("configuring a balancer")?;
        let process = kind.spawn(folder.path(), &file)?;
        let mut balancer = Self {
            tls: here.tls,
            plain: here.plain,
            authority,
            process,
            _folder: folder,
        };
        balancer.wait().await?;
        Ok(balancer)
    }

    /// The process of the balancer.
    pub fn process(&self) -> &Process {
        &self.process
    }

    async fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.tls).is_err() || TcpStream::connect(self.plain).is_err() {
            if self.process.try_exit()?.is_some() || began.elapsed() > START_LIMIT {
                bail!("it does not start: {}", self.process.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Kind {
    const fn file(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
            Self::Caddy => "Caddyfile",
        }
    }

    /// The path of the program, installed or unpacked.
    pub fn program(self) -> Result<PathBuf> {
        let (path, package) = match self {
            Self::Nginx => ("/usr/sbin/nginx", "nginx"),
            Self::Haproxy => ("/usr/sbin/haproxy", "haproxy"),
            Self::Caddy => ("/usr/bin/caddy", "caddy"),
        };
        installed_or_unpacked(path, package)
    }

    fn spawn(self, folder: &Path, file: &Path) -> Result<Process> {
        let (folder, file) = (folder.display().to_string(), file.display().to_string());
        let args: &[&str] = match self {
            Self::Nginx => &["-p", &folder, "-e", "stderr", "-c", &file],
            // In the foreground.
            Self::Haproxy => &["-db", "-f", &file],
            Self::Caddy => &["run", "--adapter", "caddyfile", "--config", &file],
        };
        let program = self.program()?;
        // Beside the program, when it was unpacked: its own in `usr/lib`.
        let root = program.ancestors().nth(3).unwrap_or(Path::new("/"));
        let libraries = root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
        // Caddy keeps what it remembers in the other two.
        let environment = [
            ("LD_LIBRARY_PATH", libraries.display().to_string()),
            ("XDG_CONFIG_HOME", folder.clone()),
            ("XDG_DATA_HOME", folder.clone()),
        ];
        Process::spawn_at(&program, args, &environment)
    }
}
