//! A private certificate authority and the certificates that it signs, made by openssl for one test. No key outlives
//! its folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::server::program;

/// A certificate authority that only the test knows.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
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
        let folder = tempfile::Builder::new()
            .prefix("testkit-authority-")
            .tempdir()
            .context("making a folder for an authority")?;
        // The system's own configuration would make every certificate an authority.
        std::fs::write(
            folder.path().join("config"),
            "[req]\ndistinguished_name=dn\n[dn]\n",
        )
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
        let issued = self.make(&name, &signed_by, &format!("subjectAltName={host}"))?;
        Ok(issued)
    }

    fn make(&self, name: &str, more: &[&Path], extension: &str) -> Result<Issued> {
        let file = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        let (certificate, key) = (file("pem"), file("key"));
        let output = Command::new(program("openssl", "openssl")?)
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args([
                "-nodes",
                "-days",
                "2",
                "-subj",
                &format!("/CN={name}"),
                "-addext",
                extension,
            ])
            .arg("-config")
            .arg(self.folder.path().join("config"))
            .args(more)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .context("running openssl")?;
        if !output.status.success() {
            bail!("openssl: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(Issued { certificate, key })
    }
}
