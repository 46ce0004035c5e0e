//! The files of a private nginx that serves static files as fast as it can.

use anyhow::{Context as _, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The path of nginx.
pub(super) fn program() -> Result<PathBuf> {
    testkit::process::program("nginx", "nginx")
}

/// Writes `nginx.conf`, and each body as a file under its path.
pub(super) fn write_files(address: SocketAddr, bodies: &[(&str, &[u8])]) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("bench-nginx-").tempdir();
    let folder = folder.context("creating a folder for nginx")?;
    for (path, body) in bodies {
        let file = folder
            .path()
            .join("root")
            .join(path.trim_start_matches('/'));
        let parent = file.parent().context("a file without a folder")?;
        fs::create_dir_all(parent).context("creating a folder for nginx")?;
        fs::write(&file, body).context("writing a file for nginx")?;
    }
    let config = folder.path().join("nginx.conf");
    fs::write(config, configuration(folder.path(), address)).context("configuring nginx")?;
    Ok(folder)
}

/// One process without a master, so that it cannot outlive the benchmark.
///
/// `sendfile` is off because it is slower for small files: 421 bytes cost 5.0 µs of CPU instead of 5.9. None of
/// `tcp_nopush`, `output_buffers` and `timer_resolution` made it faster.
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
