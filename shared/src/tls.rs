//! Certificate authorities for TLS to Redis and MySQL, and the causes of failed handshakes.

use crate::file;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The largest size of a PEM file. All public authorities together have a quarter of this.
const PEM_LIMIT: u64 = 1 << 20;

/// The certificate authorities that an operator has configured, trusted instead of all others.
#[derive(Clone)]
pub struct Authorities {
    pem: String,
    roots: RootCertStore,
}

impl Authorities {
    /// Reads the PEM file at `path`; `None` if `path` is empty.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(path: &str) -> Result<Option<Self>, String> {
        if path.is_empty() {
            return Ok(None);
        }
        let pem = file::read(path, PEM_LIMIT)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate.map_err(|e| e.to_string());
            let added = added.and_then(|one| roots.add(one).map_err(|e| e.to_string()));
            added.map_err(|why| format!("contains an invalid certificate ({why})"))?;
        }
        if roots.is_empty() {
            let error =
                "contains no certificate: it must be a PEM file (-----BEGIN CERTIFICATE-----)";
            return Err(error.to_owned());
        }
        Ok(Some(Self { pem, roots }))
    }

    /// The content of the file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The TLS configuration of a client that trusts only these authorities.
    pub fn client_config(&self) -> ClientConfig {
        ClientConfig::builder()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth()
    }
}

/// A cause of a failed handshake that an operator can fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The certificate is not signed by a trusted authority.
    Authority,
    /// The certificate is for another host.
    Host,
    /// The certificate has expired or is not valid yet.
    Time,
    /// The server did not answer with TLS.
    Plain,
    /// The certificate is of X.509 version 1, which has no names of hosts.
    Version,
}

impl Fault {
    /// Finds the cause in the text of an error, which is all that the Redis client keeps.
    pub fn classify(text: &str) -> Option<Self> {
        let has = |codes: &[&str]| codes.iter().any(|code| text.contains(code));
        if has(&["UnknownIssuer", "BadSignature"]) {
            Some(Self::Authority)
        } else if has(&["NotValidForName", "not valid for name"]) {
            Some(Self::Host)
        } else if has(&["Expired", "expired", "NotValidYet", "not valid yet"]) {
            Some(Self::Time)
        } else if has(&["InvalidContentType"]) {
            Some(Self::Plain)
        } else if has(&["UnsupportedCertVersion"]) {
            Some(Self::Version)
        } else {
            None
        }
    }
}
