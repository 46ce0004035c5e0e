//! A private certificate authority and the certificates that it signs, made by openssl for one test. No key outlives
//! its folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::process::{folder, program};

/// A certificate authority that only the test knows.
#[derive(Debug)]
pub struct Authority {
    folder: Arc<TempDir>,
}

/// A server's certificate and its key, as PEM files.
#[derive(Debug)]
pub struct Issued {
    /// The certificate, for clients.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes a new authority.
    pub fn new() -> Result<Self> {
        let folder = folder("authority")?;
        // The system's own configuration would make every certificate an authority.
        let configuration = "[req]\ndistinguished_name=dn\n[dn]\n";
        std::fs::write(folder.path().join("config"), configuration)
            .context("writing a configuration for openssl")?;
        let authority = Self { folder };
        authority.make("authority", &[], "basicConstraints=critical,CA:TRUE")?;
        Ok(authority)
    }

    /// The PEM file of the authority's certificate, for clients to trust.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Signs a certificate for one host, such as `IP:127.0.0.1` or `DNS:localhost`.
    pub fn issue(&self, host: &str) -> Result<Issued> {
        let name = host.replace(':', "-");
        let authority = self.certificate();
        let key = self.folder.path().join("authority.key");
        let signed_by = ["-CA".as_ref(), authority.as_path(), "-CAkey".as_ref(), &key];
        self.make(&name, &signed_by, &format!("subjectAltName={host}"))
    }

    fn make(&self, name: &str, more: &[&Path], extension: &str) -> Result<Issued> {
        let file = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        let (certificate, key) = (file("pem"), file("key"));
        let fixed = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
        let output = Command::new(program("openssl", "openssl")?)
            .args(fixed.split(' '))
            .args(["-subj", &format!("/CN={name}"), "-addext", extension])
            .arg("-config")
            .arg(self.folder.path().join("config"))
            .args(more)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .context("running openssl")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "openssl: {error}");
        Ok(Issued { certificate, key })
    }
}
