//! What other tests rely on and would not notice: the oracle's rules, the changes at the desk, and proxies that really break
//! connections. And the order of the imports.

mod desk;
mod fault_proxy;
mod generated;
mod imports;
mod lending;
mod oracle;
mod rows;
mod visits;
