//! TLS to Redis and MySQL: whose certificates are believed, and what an operator can do when one is not.

use crate::file;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// All public authorities together are a quarter of this.
const LIMIT: u64 = 1 << 20;

/// The authorities that an operator has named, to be believed in place of all others.
#[derive(Clone)]
pub struct Authorities {
    pem: String,
    roots: RootCertStore,
}

impl Authorities {
    /// Reads the PEM file at `path`; `None` when no path is given.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(path: &str) -> Result<Option<Self>, String> {
        if path.is_empty() {
            return Ok(None);
        }
        let pem = file::read(path, LIMIT)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate.map_err(|e| e.to_string());
            let added = added.and_then(|one| roots.add(one).map_err(|e| e.to_string()));
            added.map_err(|why| format!("holds a certificate that cannot be used ({why})"))?;
        }
        if roots.is_empty() {
            let wanted = "holds no certificate: it is to be PEM, -----BEGIN CERTIFICATE-----";
            return Err(wanted.to_owned());
        }
        Ok(Some(Self { pem, roots }))
    }

    /// As it stands in the file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// For a client that believes these alone.
    pub fn client_config(&self) -> ClientConfig {
        ClientConfig::builder()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth()
    }
}

/// Why a handshake failed, where something can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody whom we believe has signed the certificate; maybe somebody of the same name.
    Authority,
    /// It is another host's.
    Host,
    /// It is over, or has not begun.
    Time,
    /// The answer was not TLS.
    Plain,
}

impl Fault {
    /// Finds it in the text of an error: the client of Redis keeps no more.
    pub fn of(text: &str) -> Option<Self> {
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if has(&["UnknownIssuer", "BadSignature"]) {
            Some(Self::Authority)
        } else if has(&["NotValidForName", "not valid for name"]) {
            Some(Self::Host)
        } else if has(&["Expired", "expired", "NotValidYet", "not valid yet"]) {
            Some(Self::Time)
        } else if has(&["InvalidContentType"]) {
            Some(Self::Plain)
        } else {
            None
        }
    }
}
