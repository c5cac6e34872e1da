//! What imports keep of clients that are erased: rows of files that wait for their parents, and what
//! was wrong with rows, which may quote them. Digests of what was read go as well (`erase_client`).

use crate::error::AppError;
use clientbook_model::client::Client;
use clientbook_model::id::TenantId;
use clientbook_model::moving::{ImportRow, ParentRef, SourceRow, TokenWish};
use clientbook_model::patch::Patch;
use clientbook_model::text::Text;
use clientbook_model::violation::Violation;
use clientbook_store::{Tx, client_keys, imports, merged_clients};
use uuid::Uuid;

/// Rows that are read at a time: each may have a megabyte.
const PAGE: i64 = 50;

/// A row that says nothing. It has no name, so that it fails like every such row, and is counted.
const NOTHING: &str = "{}";

/// Empties the rows that name one of these clients, and tells of no row any more what was wrong with
/// it: nobody can say whose values that quotes. Whoever calls this holds the tenant's row, so that no
/// import adds any meanwhile.
pub(crate) async fn forget(
    tx: &mut Tx,
    tenant: TenantId,
    clients: &[Client],
) -> Result<(), AppError> {
    let violation = Violation::new("erased", "what was wrong is told no more: a client was erased");
    let told = serde_json::to_string(&[violation]);
    let told = told.map_err(|error| AppError::Internal(error.to_string()))?;
    imports::set_errors(tx, tenant, &told).await?;
    let mut given = Vec::new();
    for client in clients {
        given.extend(merged_clients::given_by(tx, tenant, client.id).await?);
    }
    let mut after = (Uuid::nil(), 0);
    loop {
        let page = imports::waiting_of_tenant(tx, tenant, after, PAGE).await?;
        let Some((import, number, _)) = page.last() else {
            return Ok(());
        };
        after = (*import, *number);
        let read = |(import, number, text): &(Uuid, i64, String)| {
            let row = SourceRow::waited(*number, text).and_then(|row| row.read.ok());
            ((*import, *number), row)
        };
        let rows: Vec<_> = page.iter().map(read).collect();
        let values: Vec<_> =
            rows.iter().filter_map(|(_, row)| token(row.as_deref()?)).map(str::to_owned).collect();
        let known = client_keys::token_values(tx, tenant, &values).await?;
        for (place, row) in &rows {
            // What cannot be read may be anybody's.
            let is_theirs = row.as_deref().is_none_or(|row| {
                let owner = known.iter().find(|(value, _)| token(row) == Some(value.as_str()));
                let is_given =
                    row.external_id().is_some_and(|id| given.iter().any(|one| one == id));
                is_given
                    || clients.iter().any(|client| {
                        names(row, client) || owner.is_some_and(|(_, owner)| *owner == client.id)
                    })
            });
            if is_theirs {
                imports::set_waiting(tx, tenant, *place, NOTHING).await?;
            }
        }
    }
}

fn token(row: &ImportRow) -> Option<&str> {
    match &row.token {
        TokenWish::Given(token) => Some(token.value()),
        TokenWish::Absent | TokenWish::Without => None,
    }
}

/// Whether a row is of this client, or of one below it.
fn names(row: &ImportRow, client: &Client) -> bool {
    let parent = match row.parent {
        Patch::Set(ParentRef::Id(id)) => id == client.id,
        Patch::Set(ParentRef::Number(number)) => number == client.number,
        Patch::Absent | Patch::Clear => false,
    };
    let external_id = client.external_id.as_ref().map(Text::as_str);
    parent
        || row.id == Some(client.id)
        || row.number == Some(client.number)
        || row.object_id == Some(client.object_id)
        || (external_id.is_some() && row.external_id() == external_id)
}
