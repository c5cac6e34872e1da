//! List and make the client types of a tenant.

use crate::App;
use crate::caller::Caller;
use crate::create::add_client_type;
use crate::create_client::with;
use crate::error::{AppError, Forbidden, invalid};
use crate::kept_answers::{About, Done, Once};
use crate::load::{self, Home};
use crate::recorder::Recorder;
use clientbook_model::moving::MAX_NUMBER;
use clientbook_model::number::Reference;
use clientbook_model::principal::Permission;
use clientbook_model::success::{ClientType, MAX_TYPES, TypeTitle};
use clientbook_model::violation::Violation;
use clientbook_store::{Repeat, Tx, client_types, tenants};

/// What a new client type is to be.
#[derive(Debug, Clone)]
pub struct NewClientType {
    /// Whose it is to be.
    pub home: Home,
    /// Its title; where it is missing, the violations say so.
    pub title: Option<TypeTitle>,
    /// What reading the request found wrong.
    pub violations: Vec<Violation>,
}

impl App {
    /// The tenant's types, by title. Needs `clients.view`.
    pub async fn list_client_types(
        &self,
        caller: &Caller,
        home: Home,
    ) -> Result<Vec<ClientType>, AppError> {
        let caller = caller.clone();
        self.0
            .db
            .scan(async move |tx: &mut Tx| {
                let tenant = load::home(tx, &caller, &home, Permission::ClientsView).await?;
                Ok(client_types::list(tx, tenant.id).await?)
            })
            .await
    }

    /// Makes a type with the next id of the tenant. Needs `clients.update`, and is not for those
    /// who are restricted within the tenant: a type is everyone's.
    pub async fn create_client_type(
        &self,
        caller: &Caller,
        new: NewClientType,
        once: Once<ClientType>,
    ) -> Result<Done<ClientType>, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let now = env.now();
                load::still_works(tx, &caller, now).await?;
                let home = load::home(tx, &caller, &new.home, Permission::ClientsUpdate).await;
                let tenant = home.map_err(|error| with(error, &new.violations))?;
                if caller.principal.is_restricted() {
                    return Err(AppError::Forbidden(Forbidden::OutsideRestriction));
                }
                if let Some(kept) = once.seek(tx, &caller, now).await? {
                    return Ok(Done::Told(kept.told));
                }
                let title = match &new.title {
                    Some(title) if new.violations.is_empty() => title,
                    _ => return Err(AppError::Invalid(new.violations.clone())),
                };
                tenants::lock(tx, tenant.id).await?;
                let (count, next) = client_types::count_and_next_id(tx, tenant.id).await?;
                if usize::try_from(count).is_ok_and(|count| count >= MAX_TYPES) {
                    let message = format!("a tenant has at most {MAX_TYPES} client types");
                    return Err(invalid("/title", "max_items", message));
                }
                // No larger one, as an import would refuse what an export writes.
                let next = next.filter(|next| *next <= MAX_NUMBER);
                let id = next.and_then(|next| Reference::new(next).ok()).ok_or_else(|| {
                    let message = "the tenant's client types have the largest id there is";
                    AppError::Conflict(Violation::new("spent", message).below("/title"))
                })?;
                let client_type = ClientType { id, title: title.as_str().to_owned() };
                let tenant_id = tenant.id;
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                add_client_type(tx, &recorder, &client_type).await?;
                once.keep(tx, now, About::default(), client_type).await
            })
            .await
    }
}
