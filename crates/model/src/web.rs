//! Addresses of the web.

use crate::patch::Parse;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

/// The most characters of a URL.
pub const MAX_URL: usize = 2048;

/// An absolute http or https URL of at most 2,048 characters, kept as typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebUrl(String);

impl WebUrl {
    /// Checks the form.
    pub fn new(text: &str) -> Result<Self, Violation> {
        if text.chars().count() > MAX_URL {
            let message = format!("must have at most {MAX_URL} characters");
            return Err(Violation::new("max_length", message));
        }
        // The URL Standard's parser mends spaces, tabs and missing slashes; what we keep and other
        // programs read later must not need mending.
        let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\');
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let absolute = matches!(scheme.as_deref(), Some("http" | "https"));
        let host = Url::parse(text).is_ok_and(|url| url.has_host());
        let slashes = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
        if clean && absolute && slashes && host {
            return Ok(Self(text.to_owned()));
        }
        Err(Violation::new("url", "must be an absolute http or https URL"))
    }

    /// The URL as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Parse for WebUrl {
    fn parse(value: &Value) -> Result<Self, Violation> {
        Self::new(value.as_str().ok_or_else(|| Violation::not_a("a string"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::WebUrl;

    #[test]
    fn only_absolute_web_addresses() {
        for good in
            ["https://example.com/a.jpg", "HTTP://10.0.0.1:8080", "https://bücher.example/?q#f"]
        {
            assert!(WebUrl::new(good).is_ok(), "{good}");
        }
        let long = format!("https://example.com/{}", "x".repeat(2048));
        for bad in [
            "",
            "example.com",
            "/a",
            "javascript:alert(1)",
            "ftp://example.com",
            "https://",
            "https:///path",
            "https:example.com",
            "https://exa mple.com",
            "data:text/html,x",
            " https://example.com",
            "https://example.com\n",
            long.as_str(),
        ] {
            assert!(WebUrl::new(bad).is_err(), "{bad}");
        }
    }
}
