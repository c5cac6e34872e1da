//! Asks a running server for a token, as any other caller of its API would.

use crate::cli::TokenCreate;
use crate::failure::{Failure, flag};
use crate::output;
use crate::settings;
use crate::token::Issued;
use clientbook_model::secret::Secret;
use reqwest::header::{HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url};
use serde_json::{Map, Value, json};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// How long nothing may come of an answer that has begun.
const SILENCE: Duration = Duration::from_mins(2);

/// The most of an answer that is read.
const ANSWER_BYTES: usize = 1 << 20;

/// Has the server make the token.
pub(crate) async fn issue(args: &TokenCreate, server: &str) -> Result<Issued, Failure> {
    let server = settings::server(server).map_err(Failure::Setting)?;
    let bearer = bearer(args.token.as_deref(), "make tokens").map_err(Failure::Setting)?;
    if !settings::is_private(&server) {
        output::note("note: the tokens pass the network in clear; https would hide them");
    }
    let url = endpoint(&server, "/v2/api-tokens");
    let client = client(&server).map_err(|error| broken(&server, &error))?;
    let request = client.post(url).header("Authorization", bearer).json(&wish(args));
    let response = request.send().await.map_err(|error| broken(&server, &error))?;
    let status = response.status();
    if let Some(elsewhere) = response.headers().get(LOCATION).filter(|_| status.is_redirection()) {
        return Err(Failure::Failed(format!("{server} refers to {elsewhere:?}: give that one")));
    }
    let answer = read(response).await.map_err(|error| broken(&server, &error))?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let (id, token) = (answer["id"].as_str(), answer["token"].as_str());
    match (status, id, token) {
        (StatusCode::CREATED, Some(id), Some(token)) => {
            let tenant_id = answer["tenant_id"].as_str().map(str::to_owned);
            Ok(Issued { id: id.into(), tenant_id, secret: Secret::new(token) })
        }
        _ => Err(Failure::Failed(refusal(&server, status, &answer))),
    }
}

/// The header with a token that may do `what`.
pub(crate) fn bearer(token: Option<&str>, what: &str) -> Result<HeaderValue, String> {
    let token = token.ok_or_else(|| {
        format!(
            "CLIENTBOOK_TOKEN is missing: set it to a token of the server that may {what}, such as \
             an admin's or the operator's"
        )
    })?;
    let header = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut header = header.map_err(|_| {
        "CLIENTBOOK_TOKEN has characters that no token has: set it to the token alone, without a \
         line break"
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn client(server: &Url) -> reqwest::Result<Client> {
    build(server, Client::builder().timeout(TIMEOUT))
}

/// For what takes long: only silence ends it.
pub(crate) fn patient_client(server: &Url) -> reqwest::Result<Client> {
    build(server, Client::builder().connect_timeout(TIMEOUT).read_timeout(SILENCE))
}

fn build(server: &Url, builder: ClientBuilder) -> reqwest::Result<Client> {
    // A redirect would send the request on as a GET, or the token to someone else.
    let builder = builder.redirect(Policy::none());
    // A proxy would look for this machine's address at itself.
    let local = settings::is_this_machine(server);
    if local { builder.no_proxy().build() } else { builder.build() }
}

/// A path below the server's address.
pub(crate) fn endpoint(server: &Url, path: &str) -> Url {
    let mut url = server.clone();
    url.set_path(&format!("{}{path}", server.path().trim_end_matches('/')));
    url
}

fn wish(args: &TokenCreate) -> Value {
    let mut wish = Map::new();
    wish.insert("name".into(), json!(args.name));
    wish.insert("role".into(), json!(args.role.as_str()));
    if let Some(tenant) = &args.tenant {
        wish.insert("tenant".into(), json!(tenant));
    }
    if !args.clients.is_empty() {
        wish.insert("client_ids".into(), json!(args.clients));
    }
    if let Some(expires_at) = args.expires_at {
        wish.insert("expires_at".into(), json!(expires_at));
    }
    wish.into()
}

/// An answer, as far as it is read.
pub(crate) async fn read(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut answer = Vec::new();
    while answer.len() < ANSWER_BYTES
        && let Some(chunk) = response.chunk().await?
    {
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}

/// The server is not there.
pub(crate) fn unreachable(server: &Url, error: &reqwest::Error) -> Option<Failure> {
    let why = error.is_connect().then(|| innermost(error))?;
    Some(Failure::Failed(format!(
        "{server} cannot be reached ({why}): is the server running, and is --server \
         (CLIENTBOOK_SERVER) its address?"
    )))
}

fn broken(server: &Url, error: &reqwest::Error) -> Failure {
    if let Some(failure) = unreachable(server, error) {
        return failure;
    }
    let why = if error.is_timeout() { "it took more than 30 s".into() } else { innermost(error) };
    Failure::Failed(format!("{server} gave no answer ({why}): it may or may not have made a token"))
}

pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// What the server's answer says, for a person.
pub(crate) fn refusal(server: &Url, status: StatusCode, answer: &Value) -> String {
    refusal_of(server, status, answer, |field| flag(field["path"].as_str().unwrap_or_default()))
}

/// The same, where the caller knows what a field that breaks a rule is called.
pub(crate) fn refusal_of(
    server: &Url,
    status: StatusCode,
    answer: &Value,
    name: impl Fn(&Value) -> String,
) -> String {
    let error = &answer["error"];
    let Some(message) = error["message"].as_str() else {
        return format!("{server} answered {status}, not as a Clientbook server does");
    };
    let fields = fields(&error["details"], name);
    let why = if fields.is_empty() { message.to_owned() } else { fields.join("; ") };
    let mut told = format!("{server} refused ({}): {why}", status.as_u16());
    if status == StatusCode::UNAUTHORIZED {
        told.push_str("; check CLIENTBOOK_TOKEN");
    }
    // The answer is someone else's text: it must not play with the terminal.
    told.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The fields that break rules.
fn fields(details: &Value, name: impl Fn(&Value) -> String) -> Vec<String> {
    let told = |field: &Value| {
        let message = field["message"].as_str()?;
        let path = field["path"].as_str().unwrap_or_default();
        let name = if path.is_empty() { String::new() } else { name(field) };
        Some(if name.is_empty() { message.into() } else { format!("{name} {message}") })
    };
    details["fields"].as_array().into_iter().flatten().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        settings::server(text).expect("a URL")
    }

    #[test]
    fn the_path_of_a_base_is_kept() {
        for (base, endpoint_of_it) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v2/api-tokens"),
            ("https://a.example/base/", "https://a.example/base/v2/api-tokens"),
        ] {
            assert_eq!(endpoint(&url(base), "/v2/api-tokens").as_str(), endpoint_of_it);
        }
    }

    #[test]
    fn a_bearer_is_one_line() {
        assert!(bearer(Some("cb_secret"), "make tokens").is_ok());
        for wrong in [None, Some("cb_secret\n")] {
            assert!(
                bearer(wrong, "x").is_err_and(|why| why.contains("CLIENTBOOK_TOKEN")),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_refusal_is_readable() {
        let server = url("http://127.0.0.1:8080");
        let answer = json!({"error": {
            "code": "invalid_request",
            "message": "expires_at: must be in the future",
            "details": {"fields": [{"path": "/expires_at", "message": "must be in the future"}]},
        }});
        assert_eq!(
            refusal(&server, StatusCode::BAD_REQUEST, &answer),
            "http://127.0.0.1:8080/ refused (400): --expires-at must be in the future"
        );
        let answer = json!({"error": {"message": "The access token\u{1b} has expired"}});
        assert_eq!(
            refusal(&server, StatusCode::UNAUTHORIZED, &answer),
            "http://127.0.0.1:8080/ refused (401): The access token  has expired; check \
             CLIENTBOOK_TOKEN"
        );
        let foreign = refusal(&server, StatusCode::BAD_GATEWAY, &Value::Null);
        assert!(foreign.contains("502 Bad Gateway"), "{foreign}");
    }
}
