//! Classifies the errors of the MySQL server that an operator can fix, and catches panics of the driver.

use anyhow::{Result, anyhow};
use futures_util::FutureExt as _;
use mysql_async::ServerError;
use std::panic::AssertUnwindSafe;

/// A kind of server error that an operator can fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The account or its password is wrong.
    Account,
    /// The database does not exist, or the account has no access to it.
    Database,
    /// The table does not exist.
    NoTable,
    /// The column does not exist.
    NoColumn,
    /// The account lacks the privilege to read the table or column.
    Denied,
    /// The table is damaged, or is a view that refers to something that is gone.
    Damaged,
    /// The statement exceeded its time limit.
    TooLong,
}

/// The kind of a server error; `None` for errors that are not the server's and for its errors that have no remedy here.
pub fn kind_of(error: &anyhow::Error) -> Option<ErrorKind> {
    Some(match server_code(error)? {
        // ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_HOST_NOT_PRIVILEGED
        1045 | 1698 | 1130 => ErrorKind::Account,
        // ER_DBACCESS_DENIED_ERROR, ER_BAD_DB_ERROR
        1044 | 1049 => ErrorKind::Database,
        // ER_NO_SUCH_TABLE
        1146 => ErrorKind::NoTable,
        // ER_BAD_FIELD_ERROR
        1054 => ErrorKind::NoColumn,
        // ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR
        1142 | 1143 => ErrorKind::Denied,
        // ER_NOT_KEYFILE, ER_CRASHED_ON_USAGE, ER_CRASHED_ON_REPAIR, ER_VIEW_INVALID, ER_NO_SUCH_USER of a
        // view's definer, ER_NO_SUCH_TABLE_IN_ENGINE, ER_TABLESPACE_MISSING
        1034 | 1194 | 1195 | 1356 | 1449 | 1932 | 1812 => ErrorKind::Damaged,
        // ER_STATEMENT_TIMEOUT of MariaDB, ER_QUERY_TIMEOUT of MySQL
        1969 | 3024 => ErrorKind::TooLong,
        _ => return None,
    })
}

/// The error of a table or a column that a figure needs. Holds its name, such as `column loan.due_date`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0} does not exist, or may not be read: does this SLiMS version lack it?")]
pub struct Missing(pub String);

impl Missing {
    fn reason(&self) -> String {
        format!("{} is missing in the database", self.0)
    }
}

/// Whether a table or a column does not exist, is damaged or may not be read.
pub fn is_unreadable(error: &anyhow::Error) -> bool {
    lasting_reason(error).is_some()
}

/// Why a figure cannot be computed until somebody changes the database, in words that clients may see: without names of
/// accounts, hosts or people. `None` for an error that may pass by itself.
pub fn lasting_reason(error: &anyhow::Error) -> Option<String> {
    if let Some(missing) = error.downcast_ref::<Missing>() {
        return Some(missing.reason());
    }
    let reason = match kind_of(error)? {
        ErrorKind::NoTable => "a table that it needs is missing in the database",
        ErrorKind::NoColumn => "a column that it needs is missing in the database",
        ErrorKind::Denied => "the worker may not read a table that it needs",
        ErrorKind::Damaged => "a table that it needs is damaged",
        ErrorKind::Account | ErrorKind::Database | ErrorKind::TooLong => return None,
    };
    Some(reason.to_owned())
}

/// The server's error number; `None` if the error is not the server's.
pub fn server_code(error: &anyhow::Error) -> Option<u16> {
    error.downcast_ref::<ServerError>().map(|error| error.code)
}

/// Whether the connection has ended, so that a new one may work at once: the server or a proxy has closed it while it was
/// idle, or the server announces that it does.
pub fn is_connection_lost(error: &anyhow::Error) -> bool {
    match server_code(error) {
        // ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED of MariaDB, ER_SESSION_WAS_KILLED and
        // ER_CLIENT_INTERACTION_TIMEOUT of MySQL
        Some(code) => matches!(code, 1053 | 1927 | 3169 | 4031),
        None => error.is::<std::io::Error>() || error.is::<mysql_async::Error>(),
    }
}

/// Turns a panic of the driver into an error: an answer that the driver cannot read must not end the process.
pub(super) async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T> {
    let caught = AssertUnwindSafe(work).catch_unwind().await;
    caught.map_err(|_| anyhow!("the server sent an answer that the MySQL driver cannot read"))
}
