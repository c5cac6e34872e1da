//! `clientbook serve --demo`: made-up clients, a token for them, and calls to try.

use crate::failure::Failure;
use clientbook_app::{App, Caller, DemoData, NewApiToken, Once};
use clientbook_model::api_token::{ApiTokenName, Capability};
use clientbook_model::principal::Role;
use clientbook_model::secret::Secret;
use clientbook_model::time::Timestamp;
use std::net::SocketAddr;

const TENANT: &str = "tenant123";
const TOKEN_DAYS: i64 = 30;
const DAY_MILLIS: i64 = 86_400_000;

/// Loads the demo data where it can; what to print. `store` is absent for a temporary one.
pub(crate) async fn prepare(
    app: &App,
    address: SocketAddr,
    store: Option<&str>,
) -> Result<String, Failure> {
    let loaded = app.load_demo(DemoData::RecordsAndTelemetry).await?;
    let base = format!("http://{address}");
    if !app.has_demo_tenant().await? {
        return Ok(format!(
            "The store {} has data that is not the demo's: it is served as it is, and nothing was \
             added",
            store.unwrap_or_default()
        ));
    }
    let token = admin_token(app).await?;
    let data = match (store, loaded) {
        (None, _) => "The data is made up and goes when the server stops.".to_owned(),
        (Some(url), true) => format!("The data is made up; {url} keeps it."),
        (Some(url), false) => format!("The data is what {url} kept."),
    };
    Ok(format!(
        "Admin token of {TENANT}, for {TOKEN_DAYS} days: {}\n\n{data}\n\n{}",
        token.expose(),
        calls(&base, &token)
    ))
}

async fn admin_token(app: &App) -> Result<Secret, Failure> {
    let internal = |why: String| Failure::Failed(format!("the demo's token: {why}"));
    let wish = NewApiToken {
        name: ApiTokenName::new("Demo admin").map_err(|violation| internal(violation.message))?,
        tenant: Some(TENANT.into()),
        capability: Capability::Role(Role::Admin),
        client_ids: None,
        org_id: None,
        project_id: None,
        expires_at: Timestamp::from_millis(app.now().millis() + TOKEN_DAYS * DAY_MILLIS),
    };
    let caller = Caller::system(app.new_request_id());
    let (_, secret) = app.issue_api_token(&caller, wish, Once::free()).await?.now()?;
    Ok(secret)
}

/// One line to paste for each of the five published calls.
fn calls(base: &str, token: &Secret) -> String {
    let auth = format!("-H 'Authorization: Bearer {}'", token.expose());
    let json = "-H 'Content-Type: application/json'";
    let client = "/v2/clients/aa7cf840-9ca9-46a3-9778-9015d6580d50";
    let tenant = format!("/clients/v1/tenants/{TENANT}/clients/456");
    let workspace = format!("/v1/workspace/{TENANT}/clients/507f1f77bcf86cd799439011");
    let profile = r#"{"name": "Jane Doe", "avatarUrl": "https://example.com/new-avatar.jpg", "contactMethods": [{"type": "email", "value": "jane@example.com", "isPreferred": true}], "customFields": [{"fieldKey": "notes", "value": "Updated notes"}]}"#;
    let success = "/client/aa7cf840-9ca9-46a3-9778-9015d6580d50";
    format!(
        r#"Calls to try:

# 1. Read a client
curl {auth} {base}{client}

# 2. Stop collecting its data
curl -X PATCH {auth} {json} -d '{{"collection_mode": "disabled"}}' {base}{client}

# 3. Deactivate it
curl -X PATCH {auth} {base}{tenant}/deactivate

#    and take that back
curl -X PATCH {auth} {base}{tenant}/activate

# 4. Change its profile
curl -X PATCH {auth} {json} -d '{profile}' {base}{workspace}

# 5. Change what customer success knows of it
curl -X PATCH {auth} {json} -d '{{"siteUrl": "https://acme.example", "npsScore": 42}}' {base}{success}

# After 4, call 1 shows the name Jane Doe: one record, four doors.
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_can_be_pasted() {
        let calls = calls("http://127.0.0.1:1", &Secret::new("cb_secret"));
        let lines: Vec<_> = calls.lines().filter(|line| line.starts_with("curl ")).collect();
        assert_eq!(lines.len(), 6);
        for line in lines {
            assert!(line.contains("-H 'Authorization: Bearer cb_secret'"), "{line}");
            assert!(line.contains(" http://127.0.0.1:1/"), "{line}");
            assert_eq!(line.matches('\'').count() % 2, 0, "{line}");
            if let Some((_, body)) = line.split_once("-d '") {
                let body = body.split('\'').next().unwrap_or_default();
                assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
            }
        }
    }
}
