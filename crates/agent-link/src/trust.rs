//! Which certificates are believed.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::io::{self, Read};
use std::sync::Arc;

/// The most that a file of `--ca` holds, in bytes.
const CA_BYTES: u64 = 1 << 20;

/// What is in a file of `--ca`; `None` if that is more than 1 MiB.
pub fn certificates(file: impl Read) -> io::Result<Option<String>> {
    let mut pem = String::new();
    file.take(CA_BYTES + 1).read_to_string(&mut pem)?;
    Ok(Some(pem).filter(|pem| pem.len() as u64 <= CA_BYTES))
}

/// TLS that believes the system's certificates and those of `--ca`, which are PEM; an error in words.
pub fn trusting(ca: Option<&str>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if let Some(pem) = ca {
        let wrong = |why: &str| format!("the certificates of --ca: {why}");
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| wrong(&error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(&error.to_string()))?;
        }
        if roots.len() == before {
            return Err(wrong("there is no certificate in it"));
        }
    }
    if roots.is_empty() {
        return Err("the system has no certificates to trust: name some with --ca".into());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| format!("TLS: {error}"))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_certificates_has_some_and_an_end() {
        let read = |bytes: &[u8]| certificates(bytes).expect("text");
        assert_eq!(read(b"pem").as_deref(), Some("pem"));
        assert_eq!(read(&vec![b'-'; 1 << 20]).map(|pem| pem.len()), Some(1 << 20));
        assert_eq!(read(&vec![b'-'; (1 << 20) + 1]), None);
        let refused = trusting(Some("pem")).expect_err("no certificate");
        assert!(refused.contains("--ca"), "{refused}");
    }
}
