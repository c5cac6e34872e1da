//! The store: one seam (`Db`, `Tx`) over the engines, and each query once, in SQL both engines run.
//!
//! Above the seam stands one file per noun of plain functions; every query takes the tenant, and
//! one that crosses tenants says so in its name. SQL stands in this crate only.

mod cell;
mod changes;
mod client_rows;
mod client_sources;
mod column;
mod db;
mod error;
mod postgres;
mod probe;
mod raw_id;
#[cfg(feature = "record")]
mod recording;
mod row;
mod sqlite;
mod trigrams;
mod tx;
mod value;

pub mod agent_configs;
pub mod agent_logs;
pub mod agents;
pub mod api_tokens;
pub mod audit;
pub mod audit_lists;
pub mod client_keys;
pub mod client_listings;
pub mod client_lists;
pub mod client_types;
pub mod client_values;
pub mod clients;
pub mod copy;
pub mod departments;
pub mod device_lists;
pub mod device_user_lists;
pub mod device_users;
pub mod devices;
pub mod enrollment_tokens;
pub mod erased_clients;
pub mod fields;
pub mod imports;
pub mod kept_answers;
pub mod merged_clients;
pub mod refusals;
pub mod settings;
pub mod software;
pub mod telemetry;
pub mod tenants;
pub mod usage;

pub use changes::Moment;
pub use db::{Access, Db, Repeat};
pub use error::DbError;
pub use postgres::Hints;
#[cfg(feature = "record")]
pub use postgres::{Cluster, Script, Traffic};
pub use raw_id::RawId;
#[cfg(feature = "record")]
pub use recording::Recording;
#[cfg(feature = "record")]
pub use sqlite::{Group, Replay};
pub use tx::Tx;
