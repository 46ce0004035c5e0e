//! A private nginx, HAProxy or Caddy in front of two gateways, with the file of `deploy/balancers`. Addresses,
//! certificate, folders, users and limits are replaced; the settings for gateways and browsers stay as an operator has
//! them.

use crate::certificates::{Authority, Issued};
use crate::process::{Process, folder, free_port, program};
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
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
    /// The address without TLS, which the file of `deploy/balancers` does not have: for crowds of clients.
    pub plain: SocketAddr,
    /// The authority that signed the certificate of [`HOST`].
    pub authority: Authority,
    _process: Process,
    _folder: Arc<TempDir>,
}

impl Balancer {
    /// Starts a balancer in front of `gateways`, and waits until it listens.
    pub async fn before(kind: Kind, gateways: [SocketAddr; 2]) -> Result<Self> {
        let folder = folder("balancer")?;
        let authority = Authority::new()?;
        let certificate = authority.issue(&format!("DNS:{HOST}"))?;
        let tls = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let plain = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let (original, mut replacements) = match kind {
            Kind::Nginx => nginx(folder.path(), tls, plain, &certificate),
            Kind::Haproxy => haproxy(folder.path(), tls, plain, &certificate)?,
            Kind::Caddy => caddy(),
        };
        let [first, second] = gateways.map(|gateway| gateway.to_string());
        replacements.extend([("gateway-1:3000", first), ("gateway-2:3000", second)]);
        let mut configuration = original.to_owned();
        for (original, own) in replacements {
            ensure!(
                configuration.contains(original),
                "{kind:?}: there is no {original:?}"
            );
            configuration = configuration.replace(original, &own);
        }
        if kind == Kind::Caddy {
            configuration.push_str(&caddy_sites(tls, plain, &certificate));
        }
        let file = folder.path().join("configuration");
        fs::write(&file, configuration).context("configuring a balancer")?;
        let mut process = kind.spawn(folder.path(), &file)?;
        let listens = async || {
            [tls, plain]
                .iter()
                .all(|address| TcpStream::connect(address).is_ok())
        };
        process.wait_ready(START_LIMIT, listens).await?;
        Ok(Self {
            tls,
            plain,
            authority,
            _process: process,
            _folder: folder,
        })
    }
}

impl Kind {
    /// The path of the program, installed or unpacked.
    pub fn program(self) -> Result<PathBuf> {
        let name = match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        };
        program(name, name)
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
        // The libraries of an unpacked program are beside it, in `usr/lib`.
        let root = program.ancestors().nth(3).unwrap_or(Path::new("/"));
        let libraries = root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
        let environment = [
            ("LD_LIBRARY_PATH", libraries.display().to_string()),
            // Caddy stores its state in these.
            ("XDG_CONFIG_HOME", folder.clone()),
            ("XDG_DATA_HOME", folder.clone()),
        ];
        Process::spawn_at(&program, args, &environment)
    }
}

/// A file of `deploy/balancers`, and the texts in it to replace.
type Configuration = (&'static str, Vec<(&'static str, String)>);

/// One process without a master, so that nothing can be left behind.
fn nginx(folder: &Path, tls: SocketAddr, plain: SocketAddr, issued: &Issued) -> Configuration {
    let folder = folder.display();
    let process = format!("daemon off; master_process off; pid {folder}/pid; error_log stderr;");
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name}; "))
        .concat();
    let replacements = vec![
        ("worker_processes auto;", process),
        ("http {", format!("http {{ access_log off; {folders}")),
        (
            "listen 443 ssl http2;",
            format!("listen {tls} ssl http2; listen {plain};"),
        ),
        (
            "/etc/ssl/library.pem",
            issued.certificate.display().to_string(),
        ),
        ("/etc/ssl/library.key", issued.key.display().to_string()),
    ];
    (
        include_str!("../../../deploy/balancers/nginx.conf"),
        replacements,
    )
}

fn haproxy(
    folder: &Path,
    tls: SocketAddr,
    plain: SocketAddr,
    issued: &Issued,
) -> Result<Configuration> {
    let read = |path: &Path| fs::read_to_string(path).context("reading a certificate");
    let both = read(&issued.certificate)? + &read(&issued.key)?;
    let file = folder.join("both.pem");
    fs::write(&file, both).context("writing a certificate")?;
    let replacements = vec![
        ("user haproxy", String::new()),
        ("group haproxy", String::new()),
        ("chroot /var/lib/haproxy", String::new()),
        // Two descriptors for each.
        ("maxconn 30000", "maxconn 8000".to_owned()),
        ("bind :443", format!("bind {plain}\n    bind {tls}")),
        ("/etc/ssl/library.both.pem", file.display().to_string()),
    ];
    Ok((
        include_str!("../../../deploy/balancers/haproxy.cfg"),
        replacements,
    ))
}

/// The site becomes a snippet, which [`caddy_sites`] imports.
fn caddy() -> Configuration {
    let options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n(site) {".to_owned();
    (
        include_str!("../../../deploy/balancers/Caddyfile"),
        vec![("library.example {", options)],
    )
}

/// One site with the certificate from files, and one without TLS.
fn caddy_sites(tls: SocketAddr, plain: SocketAddr, issued: &Issued) -> String {
    let (certificate, key) = (issued.certificate.display(), issued.key.display());
    let (tls, plain) = (tls.port(), plain.port());
    format!(
        "https://{HOST}:{tls} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}\n\timport site\n}}\n\
         http://:{plain} {{\n\tbind 127.0.0.1\n\timport site\n}}\n"
    )
}
