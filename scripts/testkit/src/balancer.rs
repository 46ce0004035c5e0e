//! A private nginx that balances over several servers, as in front of two gateways.

use crate::process::{Process, free_port, installed_or_unpacked};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// It starts at once.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running nginx. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Balancer {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Balancer {
    /// Starts one before `servers`, and waits until it listens.
    pub async fn before(servers: &[SocketAddr]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("testkit-nginx-").tempdir();
        let folder = folder.context("making a folder for nginx")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (file, errors) = (path("nginx.conf"), path("error.log"));
        fs::write(&file, configuration(folder.path(), address, servers))
            .context("configuring nginx")?;
        let arguments = ["-p", &path(""), "-c", &file, "-e", &errors];
        let process = Process::spawn_at(&program()?, &arguments, &[])?;
        let mut balancer = Self {
            address,
            process,
            _folder: folder,
        };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if balancer.process.try_exit()?.is_some() || began.elapsed() > START_LIMIT {
                bail!("nginx does not start: {}", balancer.process.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(balancer)
    }
}

/// One process, without a master, so that nothing can be left behind. What concerns the servers is what an operator
/// would write: a server that is away, or says 503, is passed over.
fn configuration(folder: &Path, address: SocketAddr, servers: &[SocketAddr]) -> String {
    let folder = folder.display();
    let servers: String = servers
        .iter()
        .map(|server| format!("server {server}; "))
        .collect();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log warn;
        events {{ worker_connections 1024; }}
        http {{
          access_log off;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
          upstream gateways {{ {servers} keepalive 16; }}
          server {{
            listen {address};
            location / {{
              proxy_pass http://gateways;
              proxy_http_version 1.1;
              proxy_set_header Connection \"\";
              proxy_next_upstream error timeout http_503;
            }}
          }}
        }}\n"
    )
}

/// The program, installed or unpacked.
pub fn program() -> Result<PathBuf> {
    installed_or_unpacked("/usr/sbin/nginx", "nginx")
}
