//! What other tests rely on and would not notice: the oracle's rules, and proxies that really break connections. And the
//! order of the imports.

mod fault_proxy;
mod imports;
mod oracle;
