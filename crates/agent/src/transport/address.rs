//! Which server, and whether it may be spoken to without TLS.

use crate::failure::Failure;
use crate::state::Address;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// A server, ready to be connected to.
#[derive(Clone)]
pub(crate) struct Target {
    host: String,
    port: u16,
    authority: String,
    prefix: String,
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Target {
    /// Reads an address and, for `https`, the certificates to trust.
    pub(crate) fn new(address: &Address) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Setting(format!("the server {:?} {why}", address.url));
        let url = Url::parse(&address.url).map_err(|_| wrong("is no URL"))?;
        let host = url.host().ok_or_else(|| wrong("has no host"))?;
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(wrong("may have a host, a port and a path, and nothing else"));
        }
        let is_loopback = match &host {
            Host::Domain(name) => *name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let name = match &host {
            Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        };
        let tls = match url.scheme() {
            "https" => {
                let server = ServerName::try_from(name.clone());
                let server = server.map_err(|_| wrong("has a host that TLS does not know"))?;
                Some((Arc::new(tls(address)?), server))
            }
            "http" if is_loopback || address.insecure_http => None,
            "http" => {
                let why = "is reached without TLS: whoever is on the way reads and changes what is \
                           said. Use https, or allow it with --allow-insecure-http";
                return Err(wrong(why));
            }
            _ => return Err(wrong("must begin with https://")),
        };
        let port = url.port_or_known_default().ok_or_else(|| wrong("has no port"))?;
        let shown = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let authority = format!("{host}{shown}");
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { host: name, port, authority, prefix, tls })
    }

    /// The `Host` header.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn socket(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// A path of the protocol below the server's own.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

/// TLS that believes the system's certificates and those of `--ca`.
fn tls(address: &Address) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if let Some(pem) = &address.ca {
        let wrong = |why: &str| Failure::Setting(format!("the certificates of --ca: {why}"));
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
        let reason = "the system has no certificates to trust: name some with --ca";
        return Err(Failure::Setting(reason.into()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Failure::Failed(format!("TLS: {error}")))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, insecure_http: bool) -> Result<Target, String> {
        let address = Address { url: url.into(), ca: None, insecure_http };
        Target::new(&address).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn without_tls_only_this_machine_is_spoken_to() {
        for near in ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:1/"] {
            assert!(target(near, false).unwrap().tls.is_none(), "{near}");
        }
        for far in ["http://example.com", "http://127.0.0.1.example.com", "http://10.0.0.1:80"] {
            let refusal = target(far, false).err().unwrap();
            assert!(refusal.contains("--allow-insecure-http"), "{refusal}");
            target(far, true).unwrap();
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for wrong in ["", "example.com", "ftp://a", "https://a?b", "https://a:b@c", "https://a#b"] {
            assert!(target(wrong, true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_may_lie_below_a_path() {
        let target = target("http://localhost:8080/clientbook/", false).unwrap();
        assert_eq!(target.path("/v2/agent/logs"), "/clientbook/v2/agent/logs");
        assert_eq!(target.authority(), "localhost:8080");
        assert_eq!(target.socket(), ("localhost", 8080));
    }
}
