//! Adapts the files of `deploy/balancers` to this machine: addresses, certificate, folders, users and limits are
//! replaced. The settings for gateways and browsers stay as an operator has them.

use super::Kind;
use crate::certificates::Issued;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// What a balancer has on this machine.
pub(super) struct Here<'a> {
    pub(super) folder: &'a Path,
    pub(super) tls: SocketAddr,
    pub(super) plain: SocketAddr,
    pub(super) gateways: [SocketAddr; 2],
    pub(super) certificate: Issued,
}

impl Here<'_> {
    /// The whole file.
    pub(super) fn configuration(&self, kind: Kind) -> Result<String> {
        let [one, two] = self.gateways.map(|gateway| gateway.to_string());
        let (text, own) = match kind {
            Kind::Nginx => (
                include_str!("../../../../deploy/balancers/nginx.conf"),
                self.nginx(),
            ),
            Kind::Haproxy => (
                include_str!("../../../../deploy/balancers/haproxy.cfg"),
                self.haproxy()?,
            ),
            Kind::Caddy => (
                include_str!("../../../../deploy/balancers/Caddyfile"),
                self.caddy(),
            ),
        };
        let gateways = [("gateway-1:3000", one), ("gateway-2:3000", two)];
        let mut text = text.to_owned();
        for (theirs, ours) in gateways.into_iter().chain(own) {
            ensure!(text.contains(theirs), "{kind:?}: there is no {theirs:?}");
            text = text.replace(theirs, &ours);
        }
        if kind == Kind::Caddy {
            text.push_str(&self.sites());
        }
        Ok(text)
    }

    /// One process without a master, so that nothing can be left behind.
    fn nginx(&self) -> Vec<(&'static str, String)> {
        let (folder, tls, plain) = (self.folder.display(), self.tls, self.plain);
        let alone = format!("daemon off; master_process off; pid {folder}/pid; error_log stderr;");
        let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("{of}_temp_path {folder}/{of}; "))
            .concat();
        vec![
            ("worker_processes auto;", alone),
            ("http {", format!("http {{ access_log off; {folders}")),
            (
                "listen 443 ssl http2;",
                format!("listen {tls} ssl http2; listen {plain};"),
            ),
            (
                "/etc/ssl/library.pem",
                self.certificate.certificate.display().to_string(),
            ),
            (
                "/etc/ssl/library.key",
                self.certificate.key.display().to_string(),
            ),
        ]
    }

    fn haproxy(&self) -> Result<Vec<(&'static str, String)>> {
        let read = |path: &Path| fs::read_to_string(path).context("reading a certificate");
        let both = read(&self.certificate.certificate)? + &read(&self.certificate.key)?;
        let file = self.folder.join("both.pem");
        fs::write(&file, both).context("writing a certificate")?;
        let (tls, plain) = (self.tls, self.plain);
        Ok(vec![
            ("user haproxy", String::new()),
            ("group haproxy", String::new()),
            ("chroot /var/lib/haproxy", String::new()),
            // Two descriptors for each.
            ("maxconn 30000", "maxconn 8000".to_owned()),
            ("bind :443", format!("bind {plain}\n    bind {tls}")),
            ("/etc/ssl/library.both.pem", file.display().to_string()),
        ])
    }

    /// The site becomes a part that two sites share, which [`Self::sites`] are.
    fn caddy(&self) -> Vec<(&'static str, String)> {
        let options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n";
        vec![("library.example {", format!("{options}(site) {{"))]
    }

    /// Its own, with a certificate from files, and one without TLS.
    fn sites(&self) -> String {
        let (certificate, key) = (&self.certificate.certificate, &self.certificate.key);
        let (certificate, key) = (certificate.display(), key.display());
        let (tls, plain) = (self.tls.port(), self.plain.port());
        format!(
            "https://library.example:{tls} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}\n\timport site\n}}\n\
             http://:{plain} {{\n\tbind 127.0.0.1\n\timport site\n}}\n"
        )
    }
}
