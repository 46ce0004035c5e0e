//! SQL statements that `worker check` recommends to the owner of the database. The worker runs none of them.

/// Goes before statements that rebuild a table: MySQL refuses them under its default mode if a row has a zero date.
pub fn allow_zero_dates() -> String {
    "SET SESSION sql_mode = '';".to_owned()
}

/// Creates an index that begins with `column`.
pub fn create_index(table: &str, column: &str) -> String {
    format!("CREATE INDEX {column} ON {table} ({column});")
}

/// Adds a primary key on `column`.
pub fn add_primary_key(table: &str, column: &str) -> String {
    format!("ALTER TABLE {table} ADD PRIMARY KEY ({column});")
}

/// Grants the right to read `table` to `account`, such as `dashboard@%`.
pub fn grant_select(database: &str, table: &str, account: &str) -> String {
    let account = quoted(account);
    format!("GRANT SELECT ON `{database}`.{table} TO {account};")
}

/// Creates an account that may read `database` and nothing else.
pub fn create_account(database: &str) -> [String; 2] {
    [
        "CREATE USER 'dashboard'@'%' IDENTIFIED BY 'a long password';".to_owned(),
        grant_select(database, "*", "dashboard@%"),
    ]
}

/// Finds the rows whose date has a zero month or day.
pub fn find_zero_dates(table: &str, key: &str, column: &str) -> String {
    format!(
        "SELECT {key}, {column} FROM {table} WHERE MONTH({column}) = 0 OR DAYOFMONTH({column}) = 0;"
    )
}

/// Finds the visits, from the id `first` in the column `key` on, that a member made in the same second.
pub fn find_double_visits(key: &str, first: i64) -> String {
    format!(
        "SELECT member_id, checkin_date, COUNT(*) FROM visitor_count WHERE {key} >= {first} AND member_id <> '' \
         GROUP BY member_id, checkin_date HAVING COUNT(*) > 1;"
    )
}

fn quoted(account: &str) -> String {
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    format!("'{}'@'{host}'", user.replace('\'', "''"))
}
