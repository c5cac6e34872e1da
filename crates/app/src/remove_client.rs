//! Remove a client from the workspace surface.

use crate::App;
use crate::caller::Caller;
use crate::change_client::{Precondition, write};
use crate::error::AppError;
use crate::load::{self, ClientRef, Purpose};
use crate::recorder::Recorder;
use clientbook_model::principal::Permission;
use clientbook_store::{Repeat, Tx};

impl App {
    /// Terminates the client that `target` names, collects nothing of it any more, and hides it
    /// from the workspace surface until its status is another. Needs `clients.delete`, and neither
    /// `clients.status` nor `collection.update` beside it.
    pub async fn remove_client(
        &self,
        caller: &Caller,
        target: ClientRef,
        precondition: Precondition,
    ) -> Result<(), AppError> {
        let (env, caller) = (self.0.env.clone(), caller.clone());
        let operation_id = env.uuid(env.now());
        self.0
            .db
            .write(Repeat::Checked(operation_id), async move |tx: &mut Tx| {
                load::still_works(tx, &caller, env.now()).await?;
                let (permission, purpose) = (Permission::ClientsDelete, Purpose::Change);
                let record = load::client(tx, &caller, &target, permission, purpose).await?;
                precondition.check(record.client.version)?;
                let tenant_id = record.client.tenant_id;
                let now = env.now().max(record.client.updated_at);
                let recorder =
                    Recorder { env: &env, caller: &caller, tenant_id, operation_id, now };
                let (next, changes) = record.client.remove_from_workspace(now);
                write(tx, &recorder, record, next, changes).await.map(|_| ())
            })
            .await
    }
}
