//! Which clients a list holds.

use crate::audit::Surface;
use crate::collection::CollectionMode;
use crate::id::{ClientId, TenantId};
use crate::principal::Principal;
use crate::search::{self, Words};
use crate::status::Status;
use crate::text::{ScopeId, Tag};

/// What a request asks of the clients of a list. Everything given must hold.
#[derive(Debug, Clone, Default)]
pub struct ClientWishes {
    /// Their name, e-mail addresses, outside ids or tags hold this.
    pub q: Option<Words>,
    /// Their name holds this.
    pub name: Option<Words>,
    /// They have one of these statuses.
    pub statuses: Option<Vec<Status>>,
    /// They have this mode.
    pub collection_mode: Option<CollectionMode>,
    /// They have one of these tags, to the letter; none given is any.
    pub tags: Vec<Tag>,
    /// They have this external id.
    pub external_id: Option<String>,
    /// They are this Salesforce account.
    pub salesforce_account_id: Option<String>,
}

/// Which clients a list holds.
#[derive(Debug, Clone)]
pub struct ClientFilter {
    /// Those of this tenant.
    pub tenant_id: TenantId,
    /// As somebody asked for.
    pub wishes: ClientWishes,
    /// Among these, where the caller is bound to some.
    pub clients: Option<Vec<ClientId>>,
    /// Of this organization, where the caller is bound to one.
    pub org_id: Option<ScopeId>,
    /// Of this project, where the caller is bound to one.
    pub project_id: Option<ScopeId>,
    /// That the workspace surface knows: `Client::shows_on`.
    pub in_workspace: bool,
}

/// What a filter needs to know of a client, borrowed from its row.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    /// Its id.
    pub id: ClientId,
    /// Its status.
    pub status: Status,
    /// Its mode.
    pub collection_mode: CollectionMode,
    /// Its organization.
    pub org_id: Option<&'a str>,
    /// Its project.
    pub project_id: Option<&'a str>,
    /// Its external id.
    pub external_id: Option<&'a str>,
    /// Its Salesforce account.
    pub salesforce_account_id: Option<&'a str>,
    /// Whether the workspace surface has removed it.
    pub removed_from_workspace: bool,
    /// Its search text: see `search::Listing`.
    pub text: &'a str,
}

impl ClientWishes {
    /// Leaves only clients whose derived flag is `active`.
    pub fn only_active(&mut self, active: bool) {
        let wanted = |status: &Status| status.is_active() == active;
        let statuses = self.statuses.take().unwrap_or_else(|| Status::ALL.to_vec());
        self.statuses = Some(statuses.into_iter().filter(wanted).collect());
    }

    /// Whether there is nothing in it but statuses and a mode.
    fn is_counted(&self) -> bool {
        let Self { q, name, statuses: _, collection_mode: _, tags, .. } = self;
        let ids = self.external_id.is_none() && self.salesforce_account_id.is_none();
        q.is_none() && name.is_none() && tags.is_empty() && ids
    }
}

impl ClientFilter {
    /// What is asked for on `surface`, as far as `principal`, who may read clients of the tenant,
    /// may see it: what `policy::permits` says of each client, said of all.
    pub fn new(
        tenant_id: TenantId,
        wishes: ClientWishes,
        principal: &Principal,
        surface: Surface,
    ) -> Self {
        let mut filter = Self::unrestricted(tenant_id, wishes);
        filter.in_workspace = surface == Surface::Workspace;
        filter.clients.clone_from(&principal.clients);
        filter.org_id.clone_from(&principal.org_id);
        filter.project_id.clone_from(&principal.project_id);
        if principal.clients.is_some() {
            filter.wishes.only_active(true);
        }
        filter
    }

    /// What is asked for, for somebody who may see all of the tenant.
    pub fn unrestricted(tenant_id: TenantId, wishes: ClientWishes) -> Self {
        let (clients, org_id, project_id) = (None, None, None);
        Self { tenant_id, wishes, clients, org_id, project_id, in_workspace: false }
    }

    /// Whether it asks for nothing but statuses and a mode, of which the store keeps count. Those
    /// that the workspace surface has removed are among them: it tells no totals.
    pub fn is_counted(&self) -> bool {
        let bound = self.clients.is_some() || self.org_id.is_some() || self.project_id.is_some();
        !bound && self.wishes.is_counted()
    }

    /// Whether it asks for nothing.
    pub fn is_all(&self) -> bool {
        let wishes = &self.wishes;
        let bare = wishes.statuses.is_none() && wishes.collection_mode.is_none();
        bare && self.is_counted() && !self.in_workspace
    }

    /// Whether it asks for nothing but what a search text says.
    pub fn is_of_texts(&self) -> bool {
        let mut rest = self.clone();
        (rest.wishes.q, rest.wishes.name) = (None, None);
        rest.is_all()
    }

    /// What it looks for in texts, if it asks for nothing else.
    pub fn only_words(&self) -> Option<&Words> {
        let only = self.is_of_texts() && self.wishes.name.is_none();
        self.wishes.q.as_ref().filter(|_| only)
    }

    /// Whether a search text is as asked for.
    pub fn matches_text(&self, text: &str) -> bool {
        let ClientWishes { q, name, .. } = &self.wishes;
        q.as_ref().is_none_or(|words| search::in_text(text, words))
            && name.as_ref().is_none_or(|words| search::in_name(text, words))
    }

    /// Whether a client of the tenant is one of them. `tags` are read only where they count.
    pub fn matches(&self, client: &Listed<'_>, tags: &[String]) -> bool {
        let wishes = &self.wishes;
        let is = |wanted: Option<&str>, has| wanted.is_none() || wanted == has;
        wishes.statuses.as_ref().is_none_or(|statuses| statuses.contains(&client.status))
            && wishes.collection_mode.is_none_or(|mode| mode == client.collection_mode)
            && !(self.in_workspace && client.removed_from_workspace)
            && self.clients.as_ref().is_none_or(|clients| clients.contains(&client.id))
            && is(self.org_id.as_ref().map(ScopeId::as_str), client.org_id)
            && is(self.project_id.as_ref().map(ScopeId::as_str), client.project_id)
            && is(wishes.external_id.as_deref(), client.external_id)
            && is(wishes.salesforce_account_id.as_deref(), client.salesforce_account_id)
            && self.matches_text(client.text)
            && (wishes.tags.is_empty()
                || wishes.tags.iter().any(|tag| tags.iter().any(|one| one == tag.as_str())))
    }
}
