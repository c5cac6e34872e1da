//! The configuration file: what flags and the environment do not say, and the issuers of JWTs.

use crate::settings;
use clientbook_app::{ClaimNames, IssuerSettings, KeySource, check_keys};
use clientbook_model::principal::Role;
use clientbook_model::secret::Secret;
use clientbook_model::tenant::TenantKey;
use reqwest::Url;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::path::{Path, PathBuf};

/// The longest `iss` claim, in bytes.
const MAX_NAME: usize = 1000;

/// What a file may say. A flag wins over the environment, and both win over the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// As `--listen`.
    pub(crate) listen: Option<String>,
    /// As `--database`.
    pub(crate) database: Option<String>,
    /// As `--log`.
    pub(crate) log: Option<String>,
    /// As `--rate-limit`.
    pub(crate) rate_limit: Option<u32>,
    /// As `--telemetry-days`.
    pub(crate) telemetry_days: Option<u32>,
    /// As `--client-cache`.
    pub(crate) client_cache: Option<u32>,
    /// The address that callers use, such as `https://clients.example.com`.
    pub(crate) public_url: Option<String>,
    /// Whose JWTs are believed.
    #[serde(default, rename = "issuer")]
    issuers: Vec<Issuer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Issuer {
    #[serde(rename = "issuer")]
    name: String,
    audience: Vec<String>,
    jwks_url: Option<String>,
    jwks_file: Option<PathBuf>,
    hs256_secret: Option<Hidden>,
    tenants: Vec<String>,
    #[serde(default = "tenant_claim")]
    tenant_claim: String,
    #[serde(default = "roles_claim")]
    roles_claim: String,
    #[serde(default = "permissions_claim")]
    permissions_claim: String,
    #[serde(default = "clients_claim")]
    clients_claim: String,
    #[serde(default = "org_claim")]
    org_claim: String,
    #[serde(default = "project_claim")]
    project_claim: String,
    #[serde(default = "max_role")]
    max_role: String,
}

/// A secret in the file.
struct Hidden(String);

// By hand: the usual message for a value of another type repeats the value.
impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("hs256_secret must be a text in quotes")),
        }
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

fn tenant_claim() -> String {
    "tenant_id".into()
}

fn roles_claim() -> String {
    "roles".into()
}

fn permissions_claim() -> String {
    "permissions".into()
}

fn clients_claim() -> String {
    "clients".into()
}

fn org_claim() -> String {
    "org_id".into()
}

fn project_claim() -> String {
    "project_id".into()
}

fn max_role() -> String {
    Role::Admin.as_str().into()
}

impl Config {
    /// Reads the file at `path`; nothing is configured without one.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let refused = |why: &dyn std::fmt::Display| {
            format!("--config (CLIENTBOOK_CONFIG) is {}, {why}", path.display())
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            refused(&format!("which cannot be read ({error}): name a TOML file"))
        })?;
        toml::from_str(&text).map_err(|error| refused(&wrong(&text, &error)))
    }

    /// The issuers, checked.
    pub(crate) fn issuers(&self, directory: &Path) -> Result<Vec<IssuerSettings>, String> {
        let mut issuers: Vec<IssuerSettings> = Vec::new();
        for issuer in &self.issuers {
            let named = &issuer.name;
            let checked = issuer.checked(directory);
            let checked =
                checked.map_err(|why| format!("the issuer {named:?} in --config {why}"))?;
            if issuers.iter().any(|other| other.issuer == *named) {
                return Err(format!("the issuer {named:?} stands twice in --config: keep one"));
            }
            issuers.push(checked);
        }
        Ok(issuers)
    }
}

/// Where the file is wrong, and why. The line itself may hold a secret, so it is not repeated.
fn wrong(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let message = error.message().lines().map(str::trim).collect::<Vec<_>>().join(", ");
    format!("which is wrong at line {line}: {message}")
}

impl Issuer {
    fn checked(&self, directory: &Path) -> Result<IssuerSettings, String> {
        if self.name.is_empty() {
            return Err("is empty: write the iss claim of its tokens".into());
        }
        // It stands before the subject in the audit trail, with a # between them.
        if self.name.contains(['#', '\0']) || self.name.len() > MAX_NAME {
            return Err(format!("must have at most {MAX_NAME} bytes, none of them # or NUL"));
        }
        if self.audience.is_empty() || self.audience.iter().any(String::is_empty) {
            return Err("names no audience: write the aud claims that mean this server".into());
        }
        if self.tenants.is_empty() {
            return Err("names no tenants: write those it may speak for".into());
        }
        let tenants = self.tenants.iter().map(|tenant| {
            TenantKey::parse(tenant).ok_or_else(|| {
                format!("names the tenant {tenant:?}: write slugs, UUIDs or object ids")
            })
        });
        let max_role = Role::from_name(&self.max_role).ok_or_else(|| {
            let role = &self.max_role;
            format!("has the max_role {role:?}: write viewer, member, admin or operator")
        })?;
        self.check_claims()?;
        Ok(IssuerSettings {
            issuer: self.name.clone(),
            audiences: self.audience.clone(),
            keys: self.keys(directory)?,
            tenants: tenants.collect::<Result<_, _>>()?,
            claims: ClaimNames {
                tenant: self.tenant_claim.clone(),
                roles: self.roles_claim.clone(),
                permissions: self.permissions_claim.clone(),
                clients: self.clients_claim.clone(),
                org: self.org_claim.clone(),
                project: self.project_claim.clone(),
            },
            max_role,
        })
    }

    /// Each claim says one thing: a restriction read from the claim of another would be no
    /// restriction.
    fn check_claims(&self) -> Result<(), String> {
        let claims = [
            ("tenant_claim", &self.tenant_claim),
            ("roles_claim", &self.roles_claim),
            ("permissions_claim", &self.permissions_claim),
            ("clients_claim", &self.clients_claim),
            ("org_claim", &self.org_claim),
            ("project_claim", &self.project_claim),
        ];
        for (at, (setting, claim)) in claims.iter().enumerate() {
            if claim.is_empty() {
                return Err(format!("has an empty {setting}: write the name of a claim"));
            }
            if let Some((other, _)) = claims[..at].iter().find(|(_, earlier)| earlier == claim) {
                let why = format!("has {claim:?} as {other} and as {setting}: name two claims");
                return Err(why);
            }
        }
        Ok(())
    }

    fn keys(&self, directory: &Path) -> Result<KeySource, String> {
        match (&self.jwks_url, &self.jwks_file, &self.hs256_secret) {
            (Some(url), None, None) => jwks_url(url),
            // A relative path is meant from where the file that names it is.
            (None, Some(file), None) => jwks_file(directory.join(file)),
            // RFC 7518, section 3.2: a key at least as long as the hash.
            (None, None, Some(Hidden(secret))) if secret.len() < 32 => {
                Err("has an hs256_secret of fewer than 32 bytes: make a longer one".into())
            }
            (None, None, Some(Hidden(secret))) => Ok(KeySource::Secret(Secret::new(secret))),
            _ => Err("must have one of jwks_url, jwks_file and hs256_secret".into()),
        }
    }
}

/// Keys must come unchanged: over TLS, or from this machine.
fn jwks_url(text: &str) -> Result<KeySource, String> {
    let right = "write an https URL, or an http one to this machine";
    // A name and a password in it are secrets, so the URL is not repeated.
    let url = Url::parse(text).map_err(|_| format!("has a jwks_url that is no URL: {right}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "has a jwks_url with a name or a password: keys are public, leave them out".into()
        );
    }
    if !matches!(url.scheme(), "http" | "https") || !settings::is_private(&url) {
        let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
        return Err(format!("has a jwks_url with {scheme} to {host:?}: {right}"));
    }
    Ok(KeySource::Url(url.into()))
}

/// A file is there or it is not, unlike a server: better told at the start than with every token.
fn jwks_file(path: PathBuf) -> Result<KeySource, String> {
    let checked = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    checked.and_then(|document| check_keys(&document)).map_err(|why| {
        let path = path.display();
        format!("has the jwks_file {path}, which is no use ({why}): name a JWKS document")
    })?;
    Ok(KeySource::File(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        listen = "127.0.0.1:9090"
        [[issuer]]
        issuer = "https://id.example.com/"
        audience = ["clientbook"]
        jwks_url = "https://id.example.com/jwks.json"
        tenants = ["tenant123"]
    "#;

    fn issuers(text: &str) -> Result<Vec<IssuerSettings>, String> {
        let config: Config = toml::from_str(text).expect("TOML");
        config.issuers(Path::new("/etc/clientbook"))
    }

    #[test]
    fn an_issuer_has_defaults() {
        let issuers = issuers(GOOD).expect("a good file");
        assert_eq!(issuers[0].claims.tenant, "tenant_id");
        assert_eq!(issuers[0].max_role, Role::Admin);
    }

    const EXAMPLE: &str = include_str!("../../../docs/clientbook.example.toml");

    #[test]
    fn the_example_is_right() {
        let issuers = issuers(EXAMPLE).expect("a right example");
        let config: Config = toml::from_str(EXAMPLE).expect("TOML");
        assert_eq!(config.public_url.map(|url| settings::public_url(&url).is_ok()), Some(true));
        // What is commented out is known too, and is what holds without it.
        let shown = |line: &str| line.starts_with("# ") && line.contains(" = ");
        let lines = EXAMPLE.lines().map(|line| if shown(line) { &line[2..] } else { line });
        let config = lines.collect::<Vec<_>>().join("\n");
        let config: Config = toml::from_str(&config).expect("TOML without the marks");
        assert_eq!(config.listen.as_deref(), Some(settings::DEFAULT_LISTEN));
        assert_eq!(config.database.as_deref(), Some(settings::DEFAULT_DATABASE));
        assert_eq!(config.log.as_deref(), Some("info"));
        assert_eq!(config.rate_limit, Some(settings::DEFAULT_RATE_LIMIT));
        let days = config.telemetry_days.map(i64::from);
        assert_eq!(days, Some(clientbook_app::DEFAULT_RETENTION_DAYS));
        assert_eq!(config.client_cache, Some(clientbook_app::DEFAULT_CLIENT_CACHE));
        let Issuer { max_role, tenant_claim, org_claim, jwks_file, .. } = &config.issuers[0];
        assert_eq!(Role::from_name(max_role), Some(issuers[0].max_role));
        assert_eq!(*tenant_claim, issuers[0].claims.tenant);
        assert_eq!(*org_claim, issuers[0].claims.org);
        assert!(jwks_file.is_some());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, told) in [
            ("https://id.example.com/jwks", "http://id.example.com/jwks", "https URL"),
            ("https://id.example.com/jwks", "ftp://127.0.0.1/jwks", "https URL"),
            ("https://id.example.com/jwks", "id.example.com/jwks", "https URL"),
            ("https://id.example.com/jwks", "https://me:sesame@x/jwks", "leave them out"),
            ("jwks_url =", "jwks_file = \"no-such-file\"\n#", "JWKS document"),
            ("jwks_url =", "org_claim = \"\"\njwks_url =", "org_claim"),
            ("jwks_url =", "org_claim = \"clients\"\njwks_url =", "two claims"),
            ("id.example.com/\"", "id.example.com/#a\"", "none of them #"),
            ("[\"clientbook\"]", "[]", "audience"),
            ("[\"clientbook\"]", "[\"\"]", "audience"),
            ("[\"tenant123\"]", "[]", "tenants"),
            ("[\"tenant123\"]", "[\"Not a tenant\"]", "Not a tenant"),
            ("jwks_url =", "hs256_secret = \"short\"\n#", "32 bytes"),
            ("jwks_url =", "max_role = \"king\"\njwks_url =", "king"),
            ("jwks_url =", "jwks_file = \"keys.json\"\njwks_url =", "one of"),
        ] {
            let refused = issuers(&GOOD.replacen(from, to, 1)).expect_err(told);
            assert!(refused.contains(told) && refused.contains("id.example.com"), "{refused}");
            assert!(!refused.contains("sesame") && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn the_line_is_told_and_what_it_says_is_not() {
        let issuer = "[[issuer]]\nissuer = \"a\"\n";
        for (text, line, told) in [
            ("listne = \"x\"", 1, "expected one of"),
            ("log = \"info\"\n\nlistne = \"x\"", 3, "listne"),
            ("log = \"info\"\nlisten = 8080", 2, "expected a string"),
            (&format!("{issuer}hs256_secret = 20202020"), 3, "text in quotes"),
            (&format!("{issuer}hs256_secret = [\"sesame\"]"), 3, "text in quotes"),
            (&format!("{issuer}hs256_secret = sesame"), 3, "quot"),
            (&format!("{issuer}hs256_secret = \"sesame"), 3, ""),
            (&format!("{issuer}hs256_secret = \"sesame\\q\""), 3, ""),
        ] {
            let refused = wrong(text, &toml::from_str::<Config>(text).expect_err(text));
            assert!(refused.contains(&format!("line {line}:")), "{text}: {refused}");
            assert!(refused.contains(told), "{text}: {refused}");
            for secret in ["sesame", "20202020", "\n"] {
                assert!(!refused.contains(secret), "{text}: {refused}");
            }
        }
    }
}
