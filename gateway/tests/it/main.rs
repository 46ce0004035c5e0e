//! Integration tests: the gateway with a real Redis, seen from the sockets of its clients.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test fail as the test does"
)]

mod access;
mod badge;
mod balancer;
mod change_notices;
mod client_limits;
mod conditional;
mod connections;
mod crowds;
mod csv;
mod dashboard;
mod disconnects;
mod docs;
mod drain;
mod fixture;
mod frozen_process;
mod health;
mod host_environment;
mod hostile;
mod large_snapshots;
mod library;
mod metrics;
mod outages;
mod permissions;
mod process;
mod reads;
mod refresh_requests;
mod safety_net;
mod security_headers;
mod slow_heads;
mod stream;
mod today;
mod wrong_clocks;
