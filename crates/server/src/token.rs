//! `clientbook token create`: in the store, or by asking a server.

use crate::cli::TokenCreate;
use crate::failure::Failure;
use crate::settings::DEFAULT_DATABASE;
use crate::{log, output, remote, settings, store};
use clientbook_app::{App, Bootstrap, Caller, Env, NewApiToken, Once};
use clientbook_model::api_token::{ApiTokenName, Capability, MAX_CLIENTS};
use clientbook_model::id::{ClientId, TenantId};
use clientbook_model::principal::Role;
use clientbook_model::secret::Secret;
use clientbook_model::time::Timestamp;
use serde::Serialize;
use std::process::ExitCode;

/// A token that was made.
pub(crate) struct Issued {
    pub(crate) id: String,
    /// Absent for an operator's.
    pub(crate) tenant_id: Option<String>,
    pub(crate) secret: Secret,
}

/// Makes a token and prints it.
pub(crate) fn create(mut args: TokenCreate) -> Result<ExitCode, Failure> {
    args.clients.sort_unstable();
    args.clients.dedup();
    let args = &args;
    check(args).map_err(Failure::Setting)?;
    log::start(settings::log_filter("warn").map_err(Failure::Setting)?);
    let runtime = crate::runtime()?;
    let issued = match &args.server {
        Some(server) => runtime.block_on(remote::issue(args, server)),
        None => runtime.block_on(issue(args)),
    }?;
    let token = issued.secret.expose();
    let printed = if args.json {
        output::print(&json(args, &issued))
    } else {
        output::note(&format!("The token {}, told this once:", issued.id));
        output::print(token)
    };
    printed.map_err(|error| {
        let id = &issued.id;
        Failure::Failed(format!("the token {id} was made, but it could not be printed: {error}"))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn check(args: &TokenCreate) -> Result<(), String> {
    let operator = args.role == Role::Operator;
    if operator && args.tenant.is_some() {
        return Err("--tenant (CLIENTBOOK_TENANT) is set, but an operator's token is for every \
                    tenant: leave it out"
            .into());
    }
    if operator && !args.clients.is_empty() {
        return Err("--client (CLIENTBOOK_CLIENT) is set, but an operator's token is for every \
                    client: leave it out"
            .into());
    }
    if args.clients.len() > MAX_CLIENTS {
        return Err(format!(
            "--client (CLIENTBOOK_CLIENT) names more than {MAX_CLIENTS} clients: leave it out for \
             a token that is for all of the tenant's"
        ));
    }
    // A server takes the tenant of the one who asks.
    if !operator && args.tenant.is_none() && args.server.is_none() {
        return Err("--tenant (CLIENTBOOK_TENANT) is missing: name the tenant that the token is \
                    for, such as --tenant acme"
            .into());
    }
    Ok(())
}

async fn issue(args: &TokenCreate) -> Result<Issued, Failure> {
    let url = args.database.as_deref().unwrap_or(DEFAULT_DATABASE);
    let instead = "ask that one, with a token that may make tokens in CLIENTBOOK_TOKEN and \
                   --server http://127.0.0.1:8080 (its address) in place of --database";
    let db = store::to_change(url, instead)?;
    let (app, bootstrap) = App::start(db, Env::system(), None).await?;
    if let Bootstrap::Made(secret) = bootstrap {
        // The server that made the store was stopped before it made the operator's token.
        let secret = secret.expose();
        output::note(&format!("The store's operator token, told this once: {secret}"));
    }
    let wish = NewApiToken {
        name: args.name.clone(),
        tenant: args.tenant.clone(),
        capability: Capability::Role(args.role),
        client_ids: (!args.clients.is_empty()).then(|| args.clients.clone()),
        org_id: None,
        project_id: None,
        expires_at: args.expires_at,
    };
    let caller = Caller::cli(app.new_request_id());
    let (token, secret) = app.issue_api_token(&caller, wish, Once::free()).await?.now()?;
    let tenant_id = Some(token.tenant_id).filter(|tenant| *tenant != TenantId::SYSTEM);
    let tenant_id = tenant_id.map(|tenant| tenant.to_string());
    Ok(Issued { id: token.id.to_string(), tenant_id, secret })
}

#[derive(Serialize)]
struct IssuedView<'a> {
    id: &'a str,
    token: &'a str,
    name: &'a ApiTokenName,
    tenant: Option<&'a str>,
    tenant_id: Option<&'a str>,
    role: &'a str,
    client_ids: Option<&'a [ClientId]>,
    expires_at: Option<Timestamp>,
}

fn json(args: &TokenCreate, issued: &Issued) -> String {
    output::json(&IssuedView {
        id: &issued.id,
        token: issued.secret.expose(),
        name: &args.name,
        tenant: args.tenant.as_deref(),
        tenant_id: issued.tenant_id.as_deref(),
        role: args.role.as_str(),
        client_ids: Some(args.clients.as_slice()).filter(|ids| !ids.is_empty()),
        expires_at: args.expires_at,
    })
}
