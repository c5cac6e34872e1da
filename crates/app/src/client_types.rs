//! List and make the client types of a tenant.

use crate::App;
use crate::caller::Caller;
use crate::create::add_client_type;
use crate::error::{AppError, Forbidden, invalid};
use crate::load::{self, Home};
use crate::recorder::Recorder;
use clientbook_model::number::Reference;
use clientbook_model::principal::Permission;
use clientbook_model::success::{ClientType, MAX_TYPES, TypeTitle};
use clientbook_store::{DbError, Repeat, Tx, client_types, tenants};

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
        home: Home,
        title: TypeTitle,
    ) -> Result<ClientType, AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let now = env.now();
                load::still_works(tx, &caller, now).await?;
                let tenant = load::home(tx, &caller, &home, Permission::ClientsUpdate).await?;
                if caller.principal.is_restricted() {
                    return Err(AppError::Forbidden(Forbidden::OutsideRestriction));
                }
                tenants::lock(tx, tenant.id).await?;
                let (count, next) = client_types::count_and_next_id(tx, tenant.id).await?;
                if usize::try_from(count).is_ok_and(|count| count >= MAX_TYPES) {
                    let message = format!("a tenant has at most {MAX_TYPES} client types");
                    return Err(invalid("/title", "max_items", message));
                }
                let spent = |_| AppError::from(DbError::Refused("ids are spent".into()));
                let id = Reference::new(next).map_err(spent)?;
                let client_type = ClientType { id, title: title.as_str().to_owned() };
                let tenant_id = tenant.id;
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                add_client_type(tx, &recorder, &client_type).await?;
                Ok(client_type)
            })
            .await
    }

    /// Whether the caller may make types where `home` says.
    pub async fn may_create_client_type(
        &self,
        caller: &Caller,
        home: Home,
    ) -> Result<(), AppError> {
        let caller = caller.clone();
        self.0
            .db
            .lookup(async move |tx: &mut Tx| {
                load::home(tx, &caller, &home, Permission::ClientsUpdate).await.map(|_| ())
            })
            .await
    }
}
