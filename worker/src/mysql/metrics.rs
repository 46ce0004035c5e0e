//! What goes to MySQL and comes from there, counted.

use crate::mysql::error::{ErrorKind, refusal, server_code};
use crate::mysql::round_trip::RoundTrip;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// Shared by whoever counts and whoever tells.
#[derive(Clone, Debug, Default)]
pub struct MysqlMetrics {
    /// Statements that were sent.
    pub statements: Counter,
    /// Rows that came.
    pub rows: Counter,
    /// Statements and connections that failed, by kind.
    pub errors: Family<KindLabels, Counter>,
    /// How far away the server is.
    pub round_trip: RoundTrip,
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    kind: &'static str,
}

impl MysqlMetrics {
    /// Counts a connection that was not made.
    pub fn unconnected(&self, error: &anyhow::Error) {
        self.failed(of_server(error).unwrap_or("connection"));
    }

    /// Counts a statement that gave no answer in time.
    pub fn unanswered(&self) {
        self.failed("unanswered");
    }

    /// Counts a statement that failed with an answer, or with its connection.
    pub fn refused(&self, error: &anyhow::Error) {
        let of_wire = error.is::<std::io::Error>() || error.is::<mysql_async::Error>();
        let other = if of_wire { "connection" } else { "value" };
        self.failed(of_server(error).unwrap_or(other));
    }

    fn failed(&self, kind: &'static str) {
        self.errors.get_or_create(&KindLabels { kind }).inc();
    }
}

/// The kind of an error that the server tells.
fn of_server(error: &anyhow::Error) -> Option<&'static str> {
    server_code(error)?;
    Some(match refusal(error) {
        Some(ErrorKind::Account) => "account",
        Some(ErrorKind::Database) => "database",
        Some(ErrorKind::NoTable) => "no_table",
        Some(ErrorKind::NoColumn) => "no_column",
        Some(ErrorKind::Denied) => "denied",
        Some(ErrorKind::TooLong) => "too_long",
        None => "server",
    })
}
