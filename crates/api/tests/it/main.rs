//! The surfaces over real HTTP, against the demo data.

mod abuse;
mod access;
mod audit;
mod client_types;
mod conditional;
mod contacts;
mod creating;
mod customer_success;
mod enrollment;
mod http;
mod jwt;
mod kept;
mod limits;
mod managing_tenants;
mod openapi;
mod openapi_limits;
mod organizations;
mod parents;
mod published;
mod racing;
mod removing;
mod tenants;
mod tenants_update;
mod tokens;
mod unchanged;
mod workspace;
