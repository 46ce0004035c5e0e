//! Counts statements, rows and errors of MySQL.

use crate::mysql::error::{ErrorKind, kind_of, server_code};
use crate::mysql::round_trip::RoundTrip;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// All kinds of errors.
const KINDS: [&str; 11] = [
    "account",
    "connection",
    "database",
    "denied",
    "damaged",
    "no_column",
    "no_table",
    "server",
    "too_long",
    "unanswered",
    "value",
];

/// Counters of MySQL traffic. Clones share the same counters.
#[derive(Clone, Debug)]
pub struct MysqlMetrics {
    /// Statements sent.
    pub statements: Counter,
    /// Rows received.
    pub rows: Counter,
    /// Statements and connections that failed, by kind.
    pub errors: Family<KindLabels, Counter>,
    /// The round trip to the server.
    pub round_trip: RoundTrip,
}

/// Label of the error counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    kind: &'static str,
}

impl Default for MysqlMetrics {
    /// Creates all counters at zero, each kind of error included: a counter that appeared with its first error would
    /// have no `rate()` for that error.
    fn default() -> Self {
        let errors = Family::<KindLabels, Counter>::default();
        for kind in KINDS {
            drop(errors.get_or_create(&KindLabels { kind }));
        }
        Self {
            statements: Counter::default(),
            rows: Counter::default(),
            errors,
            round_trip: RoundTrip::default(),
        }
    }
}

impl MysqlMetrics {
    /// Counts a connection that could not be opened.
    pub fn connection_failed(&self, error: &anyhow::Error) {
        self.count(server_error_kind(error).unwrap_or("connection"));
    }

    /// Counts a statement without a response in time.
    pub fn statement_unanswered(&self) {
        self.count("unanswered");
    }

    /// Counts a statement that failed: by an error of the server, of the connection, or of a value that was read.
    pub fn statement_failed(&self, error: &anyhow::Error) {
        let is_io = error.is::<std::io::Error>() || error.is::<mysql_async::Error>();
        let other = if is_io { "connection" } else { "value" };
        self.count(server_error_kind(error).unwrap_or(other));
    }

    fn count(&self, kind: &'static str) {
        debug_assert!(KINDS.contains(&kind), "{kind}");
        self.errors.get_or_create(&KindLabels { kind }).inc();
    }
}

/// The kind of a server error; `None` if the error is not the server's.
fn server_error_kind(error: &anyhow::Error) -> Option<&'static str> {
    server_code(error)?;
    Some(match kind_of(error) {
        Some(ErrorKind::Account) => "account",
        Some(ErrorKind::Database) => "database",
        Some(ErrorKind::NoTable) => "no_table",
        Some(ErrorKind::NoColumn) => "no_column",
        Some(ErrorKind::Denied) => "denied",
        Some(ErrorKind::TooLong) => "too_long",
        Some(ErrorKind::Damaged) => "damaged",
        None => "server",
    })
}
