//! What other tests rely on and would not notice: the oracle's rules, and roads that delay or swallow.

mod oracle;
mod road;
