//! Tests of the worker with a real MariaDB, or the server that `TEST_DATABASE` names, and a real Redis: every number, every mode, every fault.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should panic where it stands"
)]

mod check;
mod circulation;
mod client_certificates;
mod clocks;
mod collations;
mod databases;
mod documents;
mod fail_overs;
mod fixture;
mod given_up;
mod guest;
mod healing;
mod histories;
mod indexes;
mod latency;
mod lease;
mod listening;
mod login_answers;
mod logins;
mod metrics;
mod midnight;
mod modes;
mod mysql_faults;
mod numbers;
mod observing;
mod pace;
mod parts;
mod paths;
mod process;
mod recorder;
mod redis_faults;
mod redis_memory;
mod refused_commands;
mod releases;
mod resp2;
mod rights;
mod server_clock;
mod server_settings;
mod servers;
mod snapshot_settings;
mod sockets;
mod standby_health;
mod standbys;
mod tls;
mod together;
mod versions;
mod viewers;
mod wrong_types;
