//! From a URL to the registrable domain, which is all that is told of it. Pure.

use url::{Host, Url};

/// Names that are no public ones: of this machine, of the network around it, or hidden on purpose.
const PRIVATE: &[&str] = &["localhost", "local", "internal", "home.arpa", "arpa", "onion"];

/// The registrable domain of a web address, by the public suffix list; `None` if it has none.
///
/// Addresses in numbers, names of one label and those of private networks name somebody's devices,
/// not a service: they are not counted. A name below a suffix that the list does not have counts as
/// the list prescribes, with its last two labels.
pub(super) fn of_url(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let Some(Host::Domain(name)) = url.host() else { return None };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let below = |suffix: &&&str| name == **suffix || name.ends_with(&format!(".{suffix}"));
    if PRIVATE.iter().find(below).is_some() || name.len() > 253 {
        return None;
    }
    psl::domain_str(&name).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(url: &str) -> Option<String> {
        of_url(url)
    }

    #[test]
    fn the_registrable_domain_is_all_that_is_told() {
        let told = |url: &str| of(url).unwrap();
        assert_eq!(told("https://mail.google.com/a/b?c=d#e"), "google.com");
        assert_eq!(told("http://user:secret@www.bbc.co.uk:8080/"), "bbc.co.uk");
        assert_eq!(told("https://Anna.GitHub.io/notes"), "anna.github.io");
        assert_eq!(told("https://example.org./"), "example.org");
        assert_eq!(told("https://app.crm.example.test/"), "example.test");
        assert_eq!(told("https://wiki.corp/"), "wiki.corp");
        assert_eq!(told("https://www.食狮.公司.cn/"), "xn--85x722f.xn--55qx5d.cn");
    }

    #[test]
    fn what_names_no_service_is_not_counted() {
        for url in [
            "http://192.168.0.1/admin",
            "http://[fe80::1]/",
            "http://0x7f000001/",
            "http://localhost:3000/",
            "http://app.localhost/",
            "http://printer/",
            "http://nas.local/",
            "http://a.internal/",
            "http://router.home.arpa/",
            "http://abcdef.onion/",
            "https://co.uk/",
            "https://github.io/",
            "https://com/",
            "file:///home/anna/a.html",
            "chrome://settings/",
            "about:blank",
            "data:text/html,x",
            "ftp://example.org/",
            "not a url",
            "",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }

    proptest! {
        /// Whatever stands in a URL around its host stays on the device.
        #[test]
        fn nothing_but_the_host_matters(
            user in "[a-z]{0,8}", path in "[a-zA-Z0-9/%._-]{0,30}", query in "[a-z=&]{0,20}",
            label in "[a-z]{1,10}",
        ) {
            let user = if user.is_empty() { user } else { format!("{user}@") };
            let url = format!("https://{user}{label}.example.org/{path}?{query}#{query}");
            prop_assert_eq!(of(&url), Some("example.org".to_owned()));
        }

        #[test]
        fn no_url_upsets_it(url in "(https?://)?[ -~é]{0,60}") {
            if let Some(domain) = of(&url) {
                prop_assert!(domain.contains('.') && !domain.contains(['/', '?', '#', '@', ':']));
            }
        }
    }
}
