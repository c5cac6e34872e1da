//! The surfaces over real HTTP, against the demo data.

mod abuse;
mod access;
mod audit;
mod conditional;
mod contacts;
mod customer_success;
mod http;
mod jwt;
mod kept;
mod limits;
mod lists;
mod openapi;
mod openapi_limits;
mod organizations;
mod parents;
mod published;
mod tenants;
mod tokens;
mod unchanged;
mod workspace;
