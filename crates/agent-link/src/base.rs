//! Where a server is.

use url::{Host, Url};

/// A server's address and what requests to it begin with, read from its URL.
#[derive(Debug, Clone)]
pub struct Base {
    host: String,
    port: u16,
    authority: String,
    prefix: String,
    user_agent: &'static str,
}

impl Base {
    /// `None` if the URL has no host, or a scheme whose port nobody knows. `user_agent` is a header's
    /// value.
    pub fn new(url: &Url, user_agent: &'static str) -> Option<Self> {
        let host = url.host()?;
        let shown = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let authority = format!("{host}{shown}");
        let host = match host {
            Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        };
        let port = url.port_or_known_default()?;
        let prefix = url.path().trim_end_matches('/').to_owned();
        Some(Self { host, port, authority, prefix, user_agent })
    }

    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where to connect.
    pub fn socket(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The `Host` header.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// A path of the protocol below the server's own.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    pub(crate) fn user_agent(&self) -> &'static str {
        self.user_agent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> Option<Base> {
        Base::new(&Url::parse(url).expect("a URL"), "test")
    }

    #[test]
    fn a_server_may_lie_below_a_path() {
        let base = base("http://localhost:8080/clientbook/").expect("a server");
        assert_eq!(base.path("/v2/agent/logs"), "/clientbook/v2/agent/logs");
        assert_eq!(base.authority(), "localhost:8080");
        assert_eq!(base.socket(), ("localhost", 8080));
    }

    #[test]
    fn an_address_has_brackets_where_http_has_them() {
        let base = base("https://[::1]").expect("a server");
        assert_eq!((base.authority(), base.path("/")), ("[::1]", "/".to_owned()));
        assert_eq!(base.socket(), ("::1", 443));
    }

    #[test]
    fn what_leads_nowhere_is_none() {
        assert!(base("mailto:somebody").is_none());
        assert!(base("unknown://host").is_none());
    }
}
