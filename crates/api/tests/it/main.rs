//! The surfaces over real HTTP, against the demo data.

mod abuse;
mod access;
mod agree;
mod audit;
mod conditional;
mod contacts;
mod customer_success;
mod faults_between;
mod http;
mod jwt;
mod kept;
mod limits;
mod openapi;
mod openapi_limits;
mod organizations;
mod parents;
mod published;
mod replicas;
mod tenants;
mod tokens;
mod unchanged;
mod workspace;
