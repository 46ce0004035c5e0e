//! A table or a column that is not there, or not for us, and what is lost with it.

use crate::check::findings::{Finding, Topic};
use crate::check::requirements::{self, Figures, Table};
use crate::config::Config;
use crate::mysql::inspect::remedies;
use serde_json::json;

/// Tells of `about`, which is the table `needed` or one column of it: those `columns` cannot be read.
pub(super) fn tell(
    config: &Config,
    account: &str,
    needed: &Table,
    about: &str,
    columns: &[&str],
    is_denied: bool,
) -> Finding {
    let lost = needed.lost_without(columns);
    let snapshots = lost.iter().flat_map(|figures| figures.snapshots());
    let details = json!({
        "lacking": if is_denied { "denied" } else { "missing" },
        "today_lost": lost.contains(&Figures::Today),
        "snapshots_lost": snapshots.map(|snapshot| snapshot.name()).collect::<Vec<_>>(),
    });
    let mut what = if is_denied {
        format!("{account} may not read it")
    } else {
        "not there".to_owned()
    };
    if lost.is_empty() {
        what.push_str(": loans of deleted copies are in no ranking, deleted borrowers are named after their visits");
    }
    let found = Finding::ok(Topic::Tables, about, what).with(details);
    if lost.is_empty() && !is_denied {
        return found;
    }

    let is_broken = lost.contains(&Figures::Today);
    let without = if is_broken {
        "Without it there is nothing to count.".to_owned()
    } else if lost.is_empty() {
        String::new()
    } else {
        format!(
            "Without it {} cannot be made, all others can.",
            requirements::words(&lost)
        )
    };
    let then = match (is_denied, is_broken) {
        (true, _) => "To allow it:",
        (false, true) => "Is MYSQL_DATABASE the name of the SLiMS database?",
        (false, false) => "This version of SLiMS may be too old.",
    };
    let advice = format!("{without} {then}");
    let found = if is_broken {
        found.broken(advice.trim())
    } else {
        found.advise(advice.trim())
    };
    let database = &config.mysql.database;
    let grant = is_denied.then(|| remedies::grant_select(database, needed.name, account));
    found.run(grant)
}
