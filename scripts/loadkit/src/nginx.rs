//! nginx with the same bodies as static files, as fast as it is told how to: the yardstick for reads.

use crate::cores::{self, Cores};
use crate::meter::Meter;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::balancer::Kind;
use testkit::process::{Process, free_port};

/// It starts at once.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A private nginx. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it uses.
    pub meter: Meter,
    _process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// Serves each body under its path, on the server's core.
    pub fn start(cores: Cores, bodies: &[(&str, Vec<u8>)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bench-nginx-").tempdir();
        let folder = folder.context("making a folder for nginx")?;
        let root = folder.path().join("root");
        for (path, body) in bodies {
            let file = root.join(path.trim_start_matches('/'));
            let parent = file.parent().context("a file without a folder")?;
            fs::create_dir_all(parent).context("making a folder for a file")?;
            fs::write(&file, body).context("writing a file for nginx")?;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(folder.path(), address)).context("configuring nginx")?;
        let (prefix, file) = (
            folder.path().display().to_string(),
            config.display().to_string(),
        );
        let errors = folder.path().join("error.log").display().to_string();
        let args = ["-p", &prefix, "-c", &file, "-e", &errors];
        let mut process = cores::serve_at(&[cores.server], &Kind::Nginx.program()?, &args, &[])?;
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if process.try_exit()?.is_some() || began.elapsed() > START_LIMIT {
                bail!("nginx does not start: {}", process.log_tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            address,
            meter: Meter::of(process.pid()),
            _process: process,
            _folder: folder,
        })
    }
}

/// One process, without a master: it serves as a single worker would, and cannot be left behind.
///
/// Without sendfile, which is for larger files, 421 bytes cost it 5.0 µs of CPU and not 5.9, and 4,957 bytes 5.7 and not
/// 6.2 (the best of 7 rounds each); no `tcp_nopush`, `output_buffers` or `timer_resolution` made it faster.
fn configuration(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log crit;
        events {{ worker_connections 1024; }}
        http {{
          access_log off; default_type application/json;
          open_file_cache max=100 inactive=1h; open_file_cache_valid 1h;
          sendfile off; tcp_nodelay on;
          keepalive_requests 1000000000; keepalive_timeout 1h;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
          server {{ listen {address}; root {folder}/root; }}
        }}\n"
    )
}
