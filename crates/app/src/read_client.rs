//! Read one client.

use crate::App;
use crate::caller::Caller;
use crate::error::AppError;
use crate::load::{self, ClientRef, Purpose};
use clientbook_model::principal::Permission;
use clientbook_store::Tx;
use clientbook_store::clients::ClientRecord;

impl App {
    /// The client that `target` names. Needs `clients.view`.
    pub async fn read_client(
        &self,
        caller: &Caller,
        target: ClientRef,
    ) -> Result<ClientRecord, AppError> {
        let caller = caller.clone();
        self.db
            .read(async move |tx: &mut Tx| {
                load::client(tx, &caller, &target, Permission::ClientsView, Purpose::Read).await
            })
            .await
    }

    /// Whether the caller may do to the client that `target` names what `permission` says.
    pub async fn admit(
        &self,
        caller: &Caller,
        target: ClientRef,
        permission: Permission,
    ) -> Result<(), AppError> {
        let caller = caller.clone();
        self.db
            .read(async move |tx: &mut Tx| {
                load::client(tx, &caller, &target, permission, Purpose::Read).await.map(|_| ())
            })
            .await
    }
}
