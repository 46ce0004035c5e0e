//! What the server says when it refuses, as far as something can be done about it.

use mysql_async::ServerError;

/// Why a server refused, where something can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The account or its password.
    Account,
    /// The database is not there, or not for this account.
    Database,
    /// There is no such table.
    NoTable,
    /// There is no such column.
    NoColumn,
    /// The account must not read it.
    Denied,
    /// The statement's time was up.
    TooLong,
}

/// Why the server refused, when it did and it is one of these.
pub fn refusal(error: &anyhow::Error) -> Option<ErrorKind> {
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
        // ER_STATEMENT_TIMEOUT of MariaDB, ER_QUERY_TIMEOUT of MySQL
        1969 | 3024 => ErrorKind::TooLong,
        _ => return None,
    })
}

/// Whether a table or a column is not there, or not for us.
pub fn is_missing(error: &anyhow::Error) -> bool {
    matches!(
        refusal(error),
        Some(ErrorKind::NoTable | ErrorKind::NoColumn | ErrorKind::Denied)
    )
}

/// The server's number of an error, when it is one of the server's.
pub(super) fn server_code(error: &anyhow::Error) -> Option<u16> {
    error
        .downcast_ref::<ServerError>()
        .map(|server| server.code)
}
