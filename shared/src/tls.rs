//! Certificate authorities and client certificates for TLS to Redis and MySQL, and the causes of failed handshakes.

use crate::environment::Environment;
use crate::file;
use crate::variable::Variable;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore};
use std::sync::Arc;

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
        for certificate in certificates(&pem)? {
            let added = roots.add(certificate);
            added.map_err(|why| format!("contains an invalid certificate ({why})"))?;
        }
        Ok(Some(Self { pem, roots }))
    }

    /// The content of the file.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// The certificates in a PEM file, at least one.
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|why| format!("contains an invalid certificate ({why})"))?;
    if all.is_empty() {
        let error = "contains no certificate: it must be a PEM file (-----BEGIN CERTIFICATE-----)";
        return Err(error.to_owned());
    }
    Ok(all)
}

/// A client's certificate and its private key, for servers that demand one.
#[derive(Clone)]
pub struct Identity {
    certificate_pem: String,
    key_pem: String,
    key: Arc<CertifiedKey>,
}

impl Identity {
    /// Reads the PEM files that two variables name; `None` if both are empty. Records an error if only one is set, a
    /// file cannot be used, or the key does not fit the certificate.
    pub fn read(
        environment: &mut Environment<'_>,
        certificate: Variable,
        key: Variable,
    ) -> Option<Self> {
        let names = [certificate.name, key.name];
        let certificate = environment.parse(certificate, read_certificate);
        let key = environment.parse(key, read_key);
        let are_set = names.map(|name| environment.is_set(name));
        if are_set[0] != are_set[1] {
            let (set, unset) = if are_set[0] {
                (names[0], names[1])
            } else {
                (names[1], names[0])
            };
            environment.complain(format!(
                "{set} is set, but {unset} is not: set both or neither"
            ));
        }
        let ((certificate_pem, chain), (key_pem, key)) = certificate.zip(key)?;
        match certified(chain, key, names) {
            Ok(key) => Some(Self {
                certificate_pem,
                key_pem,
                key: Arc::new(key),
            }),
            Err(error) => {
                environment.complain(error);
                None
            }
        }
    }

    /// The content of both files: the certificate with those that sign it, and the private key.
    pub fn pem(&self) -> (&str, &str) {
        (&self.certificate_pem, &self.key_pem)
    }
}

fn read_certificate(path: &str) -> Result<Option<(String, Vec<CertificateDer<'static>>)>, String> {
    if path.is_empty() {
        return Ok(None);
    }
    let pem = file::read(path, PEM_LIMIT)?;
    let chain = certificates(&pem)?;
    Ok(Some((pem, chain)))
}

fn read_key(path: &str) -> Result<Option<(String, PrivateKeyDer<'static>)>, String> {
    if path.is_empty() {
        return Ok(None);
    }
    let pem = file::read(path, PEM_LIMIT)?;
    if pem.contains("ENCRYPTED") {
        let error = "is encrypted: name a key without a passphrase (openssl pkey -in OLD -out NEW)";
        return Err(error.to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        "contains no private key: it must be a PEM file (-----BEGIN PRIVATE KEY-----)".to_owned()
    })?;
    Ok(Some((pem, key)))
}

/// Joins a certificate and its key. An error names the variables.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    [certificate_name, key_name]: [&str; 2],
) -> Result<CertifiedKey, String> {
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
        if error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
            return format!(
                "{key_name} is not the private key of {certificate_name}: name the two files that belong together"
            );
        }
        let why = error.to_string();
        if Fault::classify(&why) == Some(Fault::Version) {
            format!("{certificate_name} is of X.509 version 1, which cannot be used: make one of version 3")
        } else {
            format!("{certificate_name} and {key_name} cannot be used ({why}): use RSA, ECDSA or Ed25519")
        }
    })
}

/// The TLS implementation of both processes.
fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// The TLS configuration of a client that trusts only `authorities`, or if there are none those of the system.
///
/// # Errors
/// If the system's authorities cannot be read.
pub fn client_config(
    authorities: Option<&Authorities>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, String> {
    let roots = match authorities {
        Some(authorities) => authorities.roots.clone(),
        None => system_roots()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    Ok(match identity {
        Some(identity) => {
            config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key.clone())))
        }
        None => config.with_no_client_auth(),
    })
}

/// The authorities of this system, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn system_roots() -> Result<RootCertStore, String> {
    let system = rustls_native_certs::load_native_certs();
    if let Some(error) = system.errors.first() {
        return Err(error.to_string());
    }
    let mut roots = RootCertStore::empty();
    for certificate in system.certs {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(roots)
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
    /// The server demands a client certificate.
    Demanded,
    /// The server does not accept our client certificate.
    Refused,
}

impl Fault {
    /// Finds the cause in the text of an error, which is all that the Redis client keeps.
    pub fn classify(text: &str) -> Option<Self> {
        let has = |codes: &[&str]| codes.iter().any(|code| text.contains(code));
        // An alert is what the server says about us. The Redis client keeps the form for debugging.
        let mut forms = ["received fatal alert: ", "AlertReceived("].into_iter();
        if let Some((_, alert)) = forms.find_map(|form| text.split_once(form)) {
            let is = |names: &[&str]| names.iter().any(|name| alert.starts_with(name));
            return if is(&["CertificateRequired", "HandshakeFailure"]) {
                Some(Self::Demanded)
            } else if is(&[
                "Certificate",
                "BadCertificate",
                "UnsupportedCertificate",
                "UnknownCA",
            ]) {
                Some(Self::Refused)
            } else {
                None
            };
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_about_our_certificate() {
        let alert = |name: &str| {
            let plain = Fault::classify(&format!("received fatal alert: {name}"));
            let debug = format!("Custom {{ kind: InvalidData, error: AlertReceived({name}) }}");
            assert_eq!(plain, Fault::classify(&debug), "{name}");
            plain
        };
        assert_eq!(alert("CertificateRequired"), Some(Fault::Demanded));
        assert_eq!(alert("CertificateExpired"), Some(Fault::Refused));
        assert_eq!(alert("UnknownCA"), Some(Fault::Refused));
        assert_eq!(alert("ProtocolVersion"), None);
        let ours = Fault::classify("invalid peer certificate: Expired");
        assert_eq!(ours, Some(Fault::Time));
    }
}
