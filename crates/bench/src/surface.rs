//! The four surfaces: how each reads a client and how it changes one.

use clientbook_model::client::Client;
use serde::Serialize;
use std::fmt::Write as _;

/// The tenant that all clients are of.
pub(crate) const TENANT: &str = "tenant123";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Surface {
    Organizations,
    Tenants,
    Workspace,
    CustomerSuccess,
}

/// A request without what all have in common.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Surface {
    pub(crate) const ALL: [Self; 4] =
        [Self::Organizations, Self::Tenants, Self::Workspace, Self::CustomerSuccess];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Organizations => "organizations v2",
            Self::Tenants => "tenants v1",
            Self::Workspace => "workspace v1",
            Self::CustomerSuccess => "customer success",
        }
    }

    pub(crate) fn path(self, client: &Client) -> String {
        match self {
            Self::Organizations => format!("/v2/clients/{}", client.id),
            Self::Tenants => {
                format!("/clients/v1/tenants/{TENANT}/clients/{}", client.number)
            }
            Self::Workspace => format!("/v1/workspace/{TENANT}/clients/{}", client.object_id),
            Self::CustomerSuccess => format!("/client/{}", client.id),
        }
    }

    /// What the body of this very client's answer holds, and no other client's.
    pub(crate) fn mark(self, client: &Client) -> String {
        match self {
            Self::Organizations => format!(r#"{{"id":"{}","#, client.id),
            Self::Tenants => format!(r#"{{"id":{},"client_id":"{}","#, client.number, client.id),
            Self::Workspace => format!(r#"{{"client":{{"id":"{}","#, client.object_id),
            Self::CustomerSuccess => {
                format!(r#"{{"id":{},"uuid":"{}","#, client.number, client.id)
            }
        }
    }

    /// The published change, with values that the client did not have the time before: `pass`
    /// counts from 0 for each client.
    pub(crate) fn change(self, client: &Client, pass: usize) -> Request {
        let (mut path, mut body) = (self.path(client), String::new());
        let number = client.number;
        match self {
            Self::Organizations => {
                let mode = ["disabled", "discovery", "saas_usage"][pass % 3];
                body = format!(r#"{{"collection_mode":"{mode}"}}"#);
            }
            Self::Tenants => {
                path += if pass.is_multiple_of(2) { "/deactivate" } else { "/activate" };
            }
            Self::Workspace => {
                body = format!(
                    r#"{{"name":"Jane Doe {number}.{pass}","avatarUrl":"https://example.com/new-avatar-{pass}.jpg","#
                );
                let _infallible = write!(
                    body,
                    r#""contactMethods":[{{"type":"email","value":"jane{pass}@example.com","isPreferred":true}}],"customFields":[{{"fieldKey":"notes","value":"Updated notes {pass}"}}]}}"#
                );
            }
            Self::CustomerSuccess => {
                let score = pass % 42;
                body = format!(r#"{{"siteUrl":"https://acme-{pass}.example","npsScore":{score}}}"#);
            }
        }
        Request { path, body }
    }
}
