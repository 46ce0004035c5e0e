//! Statements that are advised, for the owner of the database to run. The worker runs none of them.

/// An index that begins with `column`.
pub fn create_index(table: &str, column: &str) -> String {
    format!("CREATE INDEX {column} ON {table} ({column});")
}

/// A primary key on `column`.
pub fn add_primary_key(table: &str, column: &str) -> String {
    format!("ALTER TABLE {table} ADD PRIMARY KEY ({column});")
}

/// The right to read `table`, for `account` (`dashboard@%`).
pub fn grant_select(database: &str, table: &str, account: &str) -> String {
    let account = quoted(account);
    format!("GRANT SELECT ON `{database}`.{table} TO {account};")
}

/// An account that may read `database` and nothing else.
pub fn create_account(database: &str) -> [String; 2] {
    [
        "CREATE USER 'dashboard'@'%' IDENTIFIED BY 'a long password';".to_owned(),
        grant_select(database, "*", "dashboard@%"),
    ]
}

/// Finds the rows whose date has a zero in it.
pub fn find_zero_dates(table: &str, key: &str, column: &str) -> String {
    format!(
        "SELECT {key}, {column} FROM {table} WHERE MONTH({column}) = 0 OR DAYOFMONTH({column}) = 0;"
    )
}

fn quoted(account: &str) -> String {
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    format!("'{}'@'{host}'", user.replace('\'', "''"))
}
