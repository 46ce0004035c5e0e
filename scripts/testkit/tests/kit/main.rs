//! What other tests rely on and would not notice: the oracle's rules, the changes at the desk, and proxies that really break
//! connections. And the order of the imports.

mod collection;
mod desk;
mod fault_proxy;
mod generated;
mod imports;
mod lending;
mod members;
mod oracle;
mod places;
mod releases;
mod rows;
mod visits;
