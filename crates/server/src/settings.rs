//! Checks of settings. Each refusal is one sentence: which setting, why, and what would be right.

use clientbook_app::{DEFAULT_CLIENT_CACHE, DEFAULT_RETENTION_DAYS, VerifyingKey};
use clientbook_model::api_token::ApiTokenName;
use clientbook_model::collection::CollectionMode;
use clientbook_model::id::{ClientId, parse_uuid};
use clientbook_model::moving::{Format, MatchBy};
use clientbook_model::principal::Role;
use clientbook_model::search::Words;
use clientbook_model::secret::Secret;
use clientbook_model::status::Status;
use clientbook_model::time::Timestamp;
use reqwest::Url;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use tracing_subscriber::EnvFilter;

/// Where the store is unless a setting says otherwise.
pub(crate) const DEFAULT_DATABASE: &str = "sqlite:./clientbook-data/clientbook.db";

/// The variable with the operator's first token. It has no flag: the arguments of a process are
/// there for every user of the machine to see.
pub(crate) const BOOTSTRAP_TOKEN: &str = "CLIENTBOOK_BOOTSTRAP_TOKEN";

/// Where to listen unless a setting says otherwise.
pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// How many requests a caller has a minute unless a setting says otherwise.
pub(crate) const DEFAULT_RATE_LIMIT: u32 = 60_000;

/// As many as any server answers.
const MAX_RATE_LIMIT: u32 = 100_000_000;

/// How many requests a caller has a minute; `None` for any number.
pub(crate) fn rate_limit(text: &str) -> Result<Option<NonZeroU32>, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let requests = text.parse().ok().filter(|requests| plain && *requests <= MAX_RATE_LIMIT);
    requests.map(NonZeroU32::new).ok_or_else(|| {
        format!(
            "--rate-limit (CLIENTBOOK_RATE_LIMIT) is {text:?}, which is not a number of requests a \
             minute from 0 to {MAX_RATE_LIMIT}: write for example {DEFAULT_RATE_LIMIT}, or 0 for \
             any number"
        )
    })
}

/// Up to ten years.
const MAX_TELEMETRY_DAYS: i64 = 3_650;

/// How many days what agents collect is kept.
pub(crate) fn telemetry_days(text: &str) -> Result<i64, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let days = text.parse().ok().filter(|days| plain && (1..=MAX_TELEMETRY_DAYS).contains(days));
    days.ok_or_else(|| {
        format!(
            "--telemetry-days (CLIENTBOOK_TELEMETRY_DAYS) is {text:?}, which is not a number of \
             days from 1 to {MAX_TELEMETRY_DAYS}: write for example {DEFAULT_RETENTION_DAYS}"
        )
    })
}

/// A tebibyte.
const MAX_CLIENT_CACHE: u32 = 1 << 20;

/// How many MiB copies of clients may take.
pub(crate) fn client_cache(text: &str) -> Result<u32, String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mib = text.parse().ok().filter(|mib| plain && (1..=MAX_CLIENT_CACHE).contains(mib));
    mib.ok_or_else(|| {
        format!(
            "--client-cache (CLIENTBOOK_CLIENT_CACHE) is {text:?}, which is not a number of MiB \
             from 1 to {MAX_CLIENT_CACHE}: write for example {DEFAULT_CLIENT_CACHE}"
        )
    })
}

/// The address that callers use: scheme and host. What stands at a well-known path (RFC 8615) has no
/// place below another.
pub(crate) fn public_url(text: &str) -> Result<String, String> {
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && (url.path(), url.query(), url.fragment()) == ("/", None, None)
    };
    // A password may be in it, so it is not repeated.
    let url = Url::parse(text).ok().filter(plain).ok_or(
        "public_url in --config is not a scheme and a host alone: write for example \
         https://clients.example.com",
    )?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

const BOOTSTRAP_LENGTH: usize = 24;

/// The address to listen on.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "--listen (CLIENTBOOK_LISTEN) is {text:?}, which is not an IP address and a port: \
             write for example 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080"
        )
    })
}

/// The demo is open to all who can reach it, so only this machine may.
pub(crate) fn demo_listen(address: SocketAddr) -> Result<(), String> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "--listen (CLIENTBOOK_LISTEN) is {address}, but a demo does not slow down those who guess \
         tokens, so it is served to this machine only: write 127.0.0.1:{port} or leave out --demo \
         (CLIENTBOOK_DEMO)",
        port = address.port()
    ))
}

/// Where a database URL leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// To a file of the embedded engine.
    File(&'a Path),
    /// To a PostgreSQL server; the engine reads the rest.
    Postgres,
}

/// Reads a database URL as far as it can be checked without opening it.
pub(crate) fn database(url: &str) -> Result<Place<'_>, String> {
    place("--database (CLIENTBOOK_DATABASE)", url)
}

/// Reads the database URL of a setting.
pub(crate) fn place<'a>(setting: &str, url: &'a str) -> Result<Place<'a>, String> {
    let refused = |why: &str| {
        Err(format!(
            "{setting} {why}: write sqlite: and the path of a file, for \
             example {DEFAULT_DATABASE}, or postgres://USER:PASSWORD@HOST/NAME"
        ))
    };
    if ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Ok(Place::Postgres);
    }
    // The rest of a URL may hold a password, so none of it is repeated.
    let Some(path) = url.strip_prefix("sqlite:") else {
        return match url.split_once(':') {
            Some((scheme, _)) => refused(&format!("begins with {scheme:?}, which is no engine")),
            None => refused("names no engine"),
        };
    };
    let two_slashes = path.starts_with("//") && !path.starts_with("///");
    match path {
        "" => refused("names no file"),
        ":memory:" => refused("names no file, and a store outlives its process"),
        _ if path.contains('?') => refused("has parameters, of which there are none"),
        _ if two_slashes => refused("has two slashes, as before the name of a host"),
        path => Ok(Place::File(Path::new(path))),
    }
}

/// A database URL without its password.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // A password may stand among the parameters too.
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    match rest.rsplit_once('@') {
        Some((user, place)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{place}")
        }
        None => format!("{scheme}://{rest}"),
    }
}

/// The operator's first token.
pub(crate) fn bootstrap_token(value: OsString) -> Result<Secret, String> {
    let refused = |why: &str| {
        format!(
            "{BOOTSTRAP_TOKEN} {why}: set it to at least {BOOTSTRAP_LENGTH} random visible ASCII \
             characters without spaces, or leave it unset to have a token made"
        )
    };
    let Ok(text) = value.into_string() else {
        return Err(refused("is not text"));
    };
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refused("has a space, a control character or one beyond ASCII"));
    }
    if text.len() < BOOTSTRAP_LENGTH {
        let length = text.len();
        return Err(refused(&format!("has {length} characters, too few to be safe from guessing")));
    }
    Ok(Secret::new(text))
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// What is logged.
pub(crate) fn log_filter(text: &str) -> Result<EnvFilter, String> {
    let refused = |why: &str| {
        format!(
            "--log (CLIENTBOOK_LOG) is {text:?}, {why}: write one of {}, or add parts, as in \
             info,clientbook_store=debug",
            LEVELS.join(", ")
        )
    };
    // A word alone is also the name of a part, to be logged in full: a typing error would pass.
    let is_level = |part: &str| LEVELS.iter().any(|level| part.eq_ignore_ascii_case(level));
    let is_known = |part: &str| part.contains(['=', '[']) || is_level(part);
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    if let Some(unknown) = parts.iter().find(|part| !is_known(part)) {
        return Err(refused(&format!("in which {unknown:?} is not a level")));
    }
    // The migrations tell each step at info; a part of the same name in `text` wins.
    let parsed = EnvFilter::builder().parse(format!("refinery_core=warn,{}", parts.join(",")));
    parsed.map_err(|error| refused(&format!("which cannot be read ({error})")))
}

/// The server to ask.
pub(crate) fn server(text: &str) -> Result<Url, String> {
    let refused = |why: &str| {
        Err(format!(
            "--server (CLIENTBOOK_SERVER) {why}: write for example http://127.0.0.1:8080 or \
             https://clients.example.com"
        ))
    };
    let Ok(url) = Url::parse(text) else {
        return refused("is not a URL");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return refused("is not an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("holds a name or a password, which belongs in CLIENTBOOK_TOKEN");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("goes on after its path");
    }
    Ok(url)
}

/// Whether nobody on the way can listen to what is sent to `url`.
pub(crate) fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_this_machine(url)
}

/// Whether `url` leads to this machine.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A flag's value, which can only come from its variable; an empty one is as good as none.
pub(crate) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" | "" => Ok(false),
        _ => Err("must be true or false".into()),
    }
}

/// A role by its name.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text)
        .ok_or_else(|| format!("must be one of: {}", Role::ALL.map(Role::as_str).join(", ")))
}

/// The form of a file of clients, by its name.
pub(crate) fn format(text: &str) -> Result<Format, String> {
    Format::from_name(text)
        .ok_or_else(|| format!("must be one of: {}", Format::ALL.map(Format::as_str).join(", ")))
}

/// A column that rows are matched by.
pub(crate) fn match_by(text: &str) -> Result<MatchBy, String> {
    MatchBy::from_name(text)
        .ok_or_else(|| format!("must be one of: {}", MatchBy::ALL.map(MatchBy::as_str).join(", ")))
}

/// A status by its name.
pub(crate) fn status(text: &str) -> Result<Status, String> {
    Status::from_name(text)
        .ok_or_else(|| format!("must be one of: {}", Status::ALL.map(Status::as_str).join(", ")))
}

/// A collection mode by its name.
pub(crate) fn collection_mode(text: &str) -> Result<CollectionMode, String> {
    let names = || CollectionMode::ALL.map(CollectionMode::as_str).join(", ");
    CollectionMode::from_name(text).ok_or_else(|| format!("must be one of: {}", names()))
}

/// What is searched for.
pub(crate) fn words(text: &str) -> Result<String, String> {
    Words::new(text).map(|_| text.to_owned()).map_err(|violation| violation.message)
}

/// A public key.
pub(crate) fn public_key(text: &str) -> Result<VerifyingKey, String> {
    VerifyingKey::from_text(text).ok_or_else(|| "must be 64 hex digits".to_owned())
}

/// A client's UUID.
pub(crate) fn client_id(text: &str) -> Result<ClientId, String> {
    let id = parse_uuid(text).map(ClientId);
    id.ok_or_else(|| "must be the UUID of a client".to_owned())
}

/// A token's name.
pub(crate) fn token_name(text: &str) -> Result<ApiTokenName, String> {
    ApiTokenName::new(text).map_err(|violation| violation.message)
}

/// A point in time.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| "must be a time as in RFC 3339 in UTC, such as 2027-01-31T00:00:00Z".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The refusal says which setting, and shows what would be right.
    fn assert_refused<T>(checked: Result<T, String>, setting: &str, why: &str, right: &str) {
        let refusal = checked.err().expect("a refusal");
        for part in [setting, why, right] {
            assert!(refusal.contains(part), "{part:?} is not in {refusal:?}");
        }
        assert!(!refusal.contains('\n'), "one sentence: {refusal:?}");
    }

    #[test]
    fn listen_takes_an_address_and_a_port() {
        for right in ["127.0.0.1:8080", "[::1]:0", "0.0.0.0:80"] {
            assert!(listen(right).is_ok(), "{right}");
        }
        for wrong in ["", "8080", "localhost:8080", "127.0.0.1", "127.0.0.1:80800", "::1:8080"] {
            assert_refused(listen(wrong), "CLIENTBOOK_LISTEN", wrong, "127.0.0.1:8080");
        }
    }

    #[test]
    fn a_rate_limit_is_a_number_of_requests() {
        assert_eq!(rate_limit("60000").map(|it| it.map(NonZeroU32::get)), Ok(Some(60_000)));
        assert_eq!(rate_limit("0"), Ok(None));
        for wrong in ["", "-1", "+5", "1.5", "off", "60/s", "100000001", "99999999999"] {
            assert_refused(rate_limit(wrong), "CLIENTBOOK_RATE_LIMIT", wrong, "60000");
        }
    }

    #[test]
    fn telemetry_is_kept_for_days() {
        assert_eq!(telemetry_days("90"), Ok(90));
        assert_eq!(telemetry_days("3650"), Ok(3_650));
        for wrong in ["", "0", "-1", "+5", "1.5", "90d", "3651", "99999999999999999999"] {
            assert_refused(telemetry_days(wrong), "CLIENTBOOK_TELEMETRY_DAYS", wrong, "90");
        }
    }

    #[test]
    fn copies_of_clients_take_mebibytes() {
        assert_eq!(client_cache("1"), Ok(1));
        assert_eq!(client_cache("1048576"), Ok(1_048_576));
        for wrong in ["", "0", "-1", "+5", "1.5", "128M", "1048577", "99999999999999999999"] {
            assert_refused(client_cache(wrong), "CLIENTBOOK_CLIENT_CACHE", wrong, "128");
        }
    }

    #[test]
    fn a_demo_is_for_this_machine() {
        for right in ["127.0.0.1:8080", "127.8.8.8:1", "[::1]:8080", "[::ffff:127.0.0.1]:1"] {
            let address = right.parse().expect("an address");
            assert_eq!(demo_listen(address), Ok(()), "{right}");
        }
        for wrong in ["0.0.0.0:81", "[::]:81", "192.168.1.2:81"] {
            let address = wrong.parse().expect("an address");
            assert_refused(demo_listen(address), "CLIENTBOOK_LISTEN", wrong, "127.0.0.1:81");
        }
    }

    #[test]
    fn a_database_is_a_file() {
        for (url, path) in [
            (DEFAULT_DATABASE, "./clientbook-data/clientbook.db"),
            ("sqlite:/var/lib/clients.db", "/var/lib/clients.db"),
            ("sqlite:///var/lib/clients.db", "/var/lib/clients.db"),
        ] {
            assert_eq!(database(url), Ok(Place::File(Path::new(path))), "{url}");
        }
        for wrong in
            ["", "clients.db", "sqlite:", "sqlite::memory:", "sqlite:a?mode=ro", "sqlite://a.db"]
        {
            assert_refused(database(wrong), "CLIENTBOOK_DATABASE", "", DEFAULT_DATABASE);
        }
    }

    #[test]
    fn a_databases_password_is_not_repeated() {
        let url = "mysql://clients:swordfish@db/clients";
        assert_refused(database(url), "--database", "\"mysql\"", DEFAULT_DATABASE);
        let refusal = database(url).expect_err("no such engine");
        assert!(!refusal.contains("swordfish"), "{refusal}");
        for (url, shown) in [
            (
                "postgres://me:sword@fish@a:1,b:2/clients?password=x",
                "postgres://me@a:1,b:2/clients",
            ),
            ("postgres://a/clients", "postgres://a/clients"),
            (DEFAULT_DATABASE, DEFAULT_DATABASE),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn a_bootstrap_token_is_long_and_visible() {
        let right = "x".repeat(24);
        let token = bootstrap_token(right.clone().into()).expect("a token");
        assert_eq!(token.expose(), right);
        for (wrong, why) in [
            ("", "0 characters"),
            ("xxxxxxxxxxxxxxxxxxxxxxx", "23 characters"),
            ("twenty-four characters with spaces", "a space"),
            ("twenty-four-characters\n-and-a-line-break", "a control character"),
            ("vierundzwanzig-Zeichen-mit-ä", "beyond ASCII"),
        ] {
            assert_refused(bootstrap_token(wrong.into()), BOOTSTRAP_TOKEN, why, "at least 24");
        }
    }

    #[test]
    fn a_log_filter_has_levels() {
        for right in ["info", "WARN", "off", "info,clientbook_store=debug", "warn, hyper=trace"] {
            assert!(log_filter(right).is_ok(), "{right}");
        }
        for wrong in ["", "inof", "info,", "clientbook=loud", "info,clientbook"] {
            assert_refused(log_filter(wrong), "CLIENTBOOK_LOG", wrong, "info");
        }
    }

    #[test]
    fn a_server_is_an_http_url() {
        for right in ["http://127.0.0.1:8080", "https://clients.example.com/base/"] {
            assert!(server(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "127.0.0.1:8080",
            "localhost:8080",
            "ftp://clients.example.com",
            "https://name:swordfish@clients.example.com",
            "https://clients.example.com/?a=b",
        ] {
            assert_refused(server(wrong), "CLIENTBOOK_SERVER", "", "http://127.0.0.1:8080");
        }
    }

    #[test]
    fn the_public_url_is_where_the_server_is() {
        for (right, told) in [
            ("https://clients.example.com", "https://clients.example.com"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(public_url(right).as_deref(), Ok(told));
        }
        for wrong in [
            "",
            "clients.example.com",
            "ftp://clients.example.com",
            "https://clients.example.com/base",
            "https://clients.example.com/?a=b",
            "https://name:swordfish@clients.example.com",
        ] {
            assert_refused(public_url(wrong), "public_url", "", "https://clients.example.com");
        }
    }

    #[test]
    fn what_passes_the_network_in_clear_is_known() {
        for (url, private) in [
            ("https://clients.example.com", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("http://clients.example.com", false),
        ] {
            assert_eq!(is_private(&server(url).expect("a URL")), private, "{url}");
        }
    }
}
