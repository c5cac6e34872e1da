//! Which server, and whether it may be spoken to without TLS.

use crate::failure::Failure;
use crate::state::Address;
use clientbook_agent_link::{self as link, Base};
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

/// A server, ready to be connected to.
#[derive(Clone)]
pub(crate) struct Target {
    base: Base,
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
        let has_tls = match url.scheme() {
            "https" => true,
            "http" if is_loopback || address.insecure_http => false,
            "http" => {
                let why = "is reached without TLS: whoever is on the way reads and changes what is \
                           said. Use https, or allow it with --allow-insecure-http";
                return Err(wrong(why));
            }
            _ => return Err(wrong("must begin with https://")),
        };
        let user_agent = concat!("clientbook-agent/", env!("CARGO_PKG_VERSION"));
        let base = Base::new(&url, user_agent).ok_or_else(|| wrong("has no port"))?;
        let tls = if has_tls {
            let name = ServerName::try_from(base.host().to_owned());
            let name = name.map_err(|_| wrong("has a host that TLS does not know"))?;
            let config = link::trusting(address.ca.as_deref()).map_err(Failure::Setting)?;
            Some((Arc::new(config), name))
        } else {
            None
        };
        Ok(Self { base, tls })
    }

    pub(super) fn base(&self) -> &Base {
        &self.base
    }
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
}
