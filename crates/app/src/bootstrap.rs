//! Opens a store for serving, and makes on its first start what every installation needs.

use crate::agents::{DEFAULT_RETENTION_DAYS, Gathered, Waiting};
use crate::api_tokens;
use crate::caller::Caller;
use crate::cursor::Cursors;
use crate::env::Env;
use crate::error::AppError;
use crate::jwt::Issuers;
use crate::kept::Kept;
use crate::kept_answers::{Allowance, Running};
use crate::{App, Parts};
use clientbook_model::api_token::{ApiToken, ApiTokenName, Capability, Grant};
use clientbook_model::id::{ApiTokenId, ObjectId, TenantId};
use clientbook_model::principal::{Reach, Role};
use clientbook_model::secret::{Secret, SecretDigest};
use clientbook_model::tenant::{Slug, Tenant, TenantName};
use clientbook_store::{Db, Repeat, Tx, client_listings, copy, settings};
use std::sync::Arc;

/// What became of the operator's first token.
#[derive(Debug)]
pub enum Bootstrap {
    /// The store is new; the token was given.
    Given,
    /// The store is new; the token is this one, told here and never again.
    Made(Secret),
    /// The store had its token; nothing was given, or the same.
    Kept,
    /// The store had its token; another was given and ignored.
    Differs,
}

const CURSOR_KEY: &str = "cursor_key";
const BOOTSTRAP_DIGEST: &str = "bootstrap_digest";

const HALF_COPIED: &str = "a copy into this store has begun and is not finished: repeat the same \
    `clientbook copy`, which goes on from where it was";

impl App {
    /// Opens `db` for use. On the first start, the operator's token is `given`, or a random one.
    pub async fn start(
        db: Db,
        env: Env,
        given: Option<Secret>,
    ) -> Result<(Self, Bootstrap), AppError> {
        let moved = env.clone();
        let operation_id = env.uuid(env.now());
        let (key, bootstrap) = db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                let env = &moved;
                let fresh: [u8; 32] = env.bytes();
                settings::insert_if_absent(tx, CURSOR_KEY, &fresh).await?;
                let key = settings::get(tx, CURSOR_KEY).await?.unwrap_or_default();
                // After the key: a copy that begins meanwhile writes it too, and one of us waits.
                if copy::is_unfinished(tx).await? {
                    return Err(AppError::Unavailable(HALF_COPIED.into()));
                }
                let bootstrap = bootstrap(tx, env, operation_id, given.as_ref()).await?;
                Ok::<_, AppError>((key, bootstrap))
            })
            .await?;
        list_clients(&db).await?;
        let app = Self::over(db, env, Cursors::new(&key));
        app.go_on_deleting_fields().await?;
        Ok((app, bootstrap))
    }

    /// An error if the store is an unfinished copy: what is in it says nothing then.
    pub async fn check_whole(&self) -> Result<(), AppError> {
        let is_unfinished = async |tx: &mut Tx| copy::is_unfinished(tx).await;
        if self.0.db.lookup(is_unfinished).await? {
            return Err(AppError::Unavailable(HALF_COPIED.into()));
        }
        Ok(())
    }

    /// Opens `db` to read it without a server; changes nothing.
    pub fn inspect(db: Db, env: Env) -> Self {
        // Nothing that pages is asked of it, so no key is needed.
        Self::over(db, env, Cursors::new(&[]))
    }

    fn over(db: Db, env: Env, cursors: Cursors) -> Self {
        let (issuers, kept, running) = (Issuers::default(), Kept::new(), Running::default());
        let allowance = Allowance::default();
        let scrubs = Arc::default();
        let (waiting, gathered) = (Waiting::default(), Gathered::default());
        let retention_days = DEFAULT_RETENTION_DAYS;
        Self(Arc::new(Parts {
            db,
            env,
            cursors,
            issuers,
            kept,
            scrubs,
            running,
            allowance,
            waiting,
            gathered,
            retention_days,
        }))
    }
}

/// Lists the clients that are in no list: those of an older version's store.
async fn list_clients(db: &Db) -> Result<(), AppError> {
    if !client_listings::fill(db).await? {
        return Ok(());
    }
    tracing::info!("making the lists of all clients; with a million it takes minutes");
    while client_listings::fill(db).await? {}
    tracing::info!("the lists are made");
    Ok(())
}

async fn bootstrap(
    tx: &mut Tx,
    env: &Env,
    operation_id: uuid::Uuid,
    given: Option<&Secret>,
) -> Result<Bootstrap, AppError> {
    if let Some(kept) = settings::get(tx, BOOTSTRAP_DIGEST).await? {
        let kept = kept.try_into().map(SecretDigest);
        let same = given.is_none_or(|given| kept.is_ok_and(|kept| kept == given.digest()));
        return Ok(if same { Bootstrap::Kept } else { Bootstrap::Differs });
    }
    let caller = Caller::system("bootstrap".into());
    make_system_tenant(tx, env, &caller, operation_id).await?;
    let secret = given.cloned().unwrap_or_else(|| api_tokens::new_secret(env));
    let now = env.now();
    let name = ApiTokenName::new("Bootstrap token of the operator");
    let token = ApiToken {
        id: ApiTokenId(env.uuid(now)),
        tenant_id: TenantId::SYSTEM,
        name: name.map_err(|broken| AppError::Internal(broken.message))?,
        grant: Grant {
            reach: Reach::Everywhere,
            capability: Capability::Role(Role::Operator),
            client_ids: None,
            org_id: None,
            project_id: None,
            expires_at: None,
        },
        created_by: caller.principal.actor.id.clone(),
        created_at: now,
    };
    api_tokens::add(tx, env, &caller, operation_id, &token, &secret).await?;
    settings::insert_if_absent(tx, BOOTSTRAP_DIGEST, &secret.digest().0).await?;
    Ok(if given.is_some() { Bootstrap::Given } else { Bootstrap::Made(secret) })
}

async fn make_system_tenant(
    tx: &mut Tx,
    env: &Env,
    caller: &Caller,
    operation_id: uuid::Uuid,
) -> Result<(), AppError> {
    let broken =
        |broken: clientbook_model::violation::Violation| AppError::Internal(broken.message);
    let tenant = Tenant {
        id: TenantId::SYSTEM,
        slug: Slug::new("clientbook-system").map_err(broken)?,
        object_id: ObjectId([0; 12]),
        name: TenantName::new("Clientbook").map_err(broken)?,
        created_at: env.now(),
        version: 1,
        strict_fields: false,
        fields_revision: None,
    };
    crate::create::add_tenant(tx, env, caller, operation_id, &tenant).await
}
