//! What the account may do. The text of a grant may hold the hash of a password, so that only what is read of it leaves
//! this file.

use crate::mysql::connection::Session;
use anyhow::Result;
use mysql_async::Params;

/// What it takes to read.
const READING: [&str; 4] = ["USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES"];

/// Privileges on something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `SELECT`, `ALL PRIVILEGES`; of a column without its name.
    pub privileges: Vec<String>,
    /// `*.*`, `slims.*`, `slims.loan`.
    pub scope: String,
}

/// What is granted to this account.
///
/// # Errors
/// As the database says.
pub async fn of(session: &mut Session) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    let sql = "SHOW GRANTS FOR CURRENT_USER()";
    let read = session.each("the grants", sql, Params::Empty, |cells| {
        grants.extend(cells.text(0).and_then(|line| Grant::parse(&line)));
        Ok(())
    });
    read.await?;
    Ok(grants)
}

impl Grant {
    /// Of a line of `SHOW GRANTS`; `None` of a role, whose own lines follow.
    fn parse(line: &str) -> Option<Self> {
        let (privileges, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
        let (scope, to) = rest.split_once(" TO ")?;
        let mut depth = 0;
        let outside: String = privileges
            .chars()
            .filter(|c| {
                depth += i32::from(*c == '(');
                let keep = depth == 0;
                depth -= i32::from(*c == ')');
                keep
            })
            .collect();
        let privileges = outside.split(',').map(|name| name.trim().to_owned());
        let option = to.contains("WITH GRANT OPTION");
        Some(Self {
            privileges: privileges
                .chain(option.then(|| "GRANT OPTION".to_owned()))
                .collect(),
            // In a grant `_` stands for any letter, so that a name has it escaped.
            scope: scope.replace(['`', '"', '\\'], ""),
        })
    }

    /// What of it goes beyond reading `database`.
    pub fn beyond_reading(&self, database: &str) -> Vec<String> {
        let (of, _) = self.scope.split_once('.').unwrap_or((&self.scope, ""));
        let ours = of.eq_ignore_ascii_case(database);
        let scope = &self.scope;
        let beyond = self.privileges.iter().filter(|privilege| {
            let reads = READING.contains(&privilege.as_str());
            !reads || (*privilege == "SELECT" && !ours)
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
    fn reading_alone_is_not_too_much() {
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
    fn what_goes_beyond_is_named_without_the_password() {
        for (line, what) in [
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
            assert_eq!(beyond(line), what, "{line}");
        }
        assert_eq!(Grant::parse("GRANT `reader` TO `r`@`%`"), None);
    }
}
