//! Reads the privileges of the account. The text of a grant may contain a password hash, so only parsed privileges
//! leave this file.

use crate::mysql::connection::Session;
use anyhow::Result;
use mysql_async::Params;

/// Privileges that only allow reading.
const READ_PRIVILEGES: [&str; 4] = ["USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES"];

/// Privileges on one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `SELECT`, `ALL PRIVILEGES`; the names of columns are left out.
    pub privileges: Vec<String>,
    /// The scope: `*.*`, `slims.*` or `slims.loan`.
    pub scope: String,
}

/// The grants of this account.
///
/// # Errors
/// If the database does not answer.
pub async fn of(session: &mut Session) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    let sql = "SHOW GRANTS FOR CURRENT_USER()";
    let read = session.each("the grants", sql, Params::Empty, |row| {
        grants.extend(row.text(0).and_then(|line| Grant::parse(&line)));
        Ok(())
    });
    read.await?;
    Ok(grants)
}

impl Grant {
    /// Parses a line of `SHOW GRANTS`. `None` for a grant of a role, whose own grants follow on further lines.
    fn parse(line: &str) -> Option<Self> {
        let (privileges, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
        let (scope, to) = rest.split_once(" TO ")?;
        let mut depth = 0;
        // Leaves out lists of columns in brackets.
        let without_columns: String = privileges
            .chars()
            .filter(|c| {
                depth += i32::from(*c == '(');
                let keep = depth == 0;
                depth -= i32::from(*c == ')');
                keep
            })
            .collect();
        let privileges = without_columns
            .split(',')
            .map(|name| name.trim().to_owned());
        let option = to.contains("WITH GRANT OPTION");
        Some(Self {
            privileges: privileges
                .chain(option.then(|| "GRANT OPTION".to_owned()))
                .collect(),
            // In a grant `_` matches any character, so names contain it escaped.
            scope: scope.replace(['`', '"', '\\'], ""),
        })
    }

    /// The privileges that allow more than reading `database`.
    pub fn beyond_reading(&self, database: &str) -> Vec<String> {
        let (granted_database, _) = self.scope.split_once('.').unwrap_or((&self.scope, ""));
        let is_ours = granted_database.eq_ignore_ascii_case(database);
        let scope = &self.scope;
        let beyond = self.privileges.iter().filter(|privilege| {
            let is_read = READ_PRIVILEGES.contains(&privilege.as_str());
            !is_read || (*privilege == "SELECT" && !is_ours)
        });
        beyond
            .map(|privilege| format!("{privilege} on {scope}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beyond(line: &str) -> Vec<String> {
        let grant = Grant::parse(line).unwrap();
        grant.beyond_reading("slims_1")
    }

    #[test]
    fn read_privileges_are_accepted() {
        for line in [
            "GRANT USAGE ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'",
            "GRANT SELECT ON `slims\\_1`.* TO `r`@`%`",
            "GRANT SELECT, SHOW VIEW ON \"slims_1\".* TO \"r\"@\"%\"",
            "GRANT SELECT (`loan_id`, `loan_date`) ON `slims_1`.`loan` TO `r`@`%`",
        ] {
            assert_eq!(beyond(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn other_privileges_are_listed_without_the_password_hash() {
        for (line, expected) in [
            (
                "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD '*24' WITH GRANT OPTION",
                vec!["ALL PRIVILEGES on *.*", "GRANT OPTION on *.*"],
            ),
            (
                "GRANT SELECT, INSERT (`a`, `b`), UPDATE ON `slims_1`.`loan` TO `r`@`%`",
                vec!["INSERT on slims_1.loan", "UPDATE on slims_1.loan"],
            ),
            ("GRANT SELECT ON *.* TO `r`@`%`", vec!["SELECT on *.*"]),
            (
                "GRANT SELECT ON `other`.* TO `r`@`%`",
                vec!["SELECT on other.*"],
            ),
        ] {
            assert_eq!(beyond(line), expected, "{line}");
        }
        assert_eq!(Grant::parse("GRANT `reader` TO `r`@`%`"), None);
    }
}
