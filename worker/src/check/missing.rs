//! Describes a table or a column that is missing or may not be read, and the figures that are lost without it.

use crate::check::findings::{Finding, Topic};
use crate::check::requirements::{self, Table};
use crate::config::Config;
use crate::mysql::inspect::remedies;
use crate::snapshots::figure::Requirement;
use serde_json::json;

/// Describes `about`, which is the table `needed` or one of its columns. `columns` are those that cannot be read.
pub(super) fn describe(
    config: &Config,
    account: &str,
    needed: &Table,
    about: &str,
    columns: &[&str],
    is_denied: bool,
) -> Finding {
    let lost = needed.lost_without(columns);
    let is_today_lost = lost.iter().any(Requirement::is_today);
    let snapshots = lost.iter().flat_map(|figures| figures.snapshots);
    let details = json!({
        "lacking": if is_denied { "denied" } else { "missing" },
        "today_lost": is_today_lost,
        "snapshots_lost": snapshots.map(|snapshot| snapshot.name()).collect::<Vec<_>>(),
    });
    let mut what = if is_denied {
        format!("{account} may not read it")
    } else {
        "missing".to_owned()
    };
    if lost.is_empty() {
        what.push_str(": ");
        what.push_str(needed.loss);
    }
    let found = Finding::ok(Topic::Tables, about, what).with_details(details);
    if lost.is_empty() && !is_denied {
        return found;
    }

    let is_broken = is_today_lost;
    let consequence = if is_broken {
        "Without it the worker cannot count.".to_owned()
    } else if lost.is_empty() {
        String::new()
    } else {
        format!(
            "Without it the worker cannot compute {}. It can compute all others.",
            requirements::names(&lost)
        )
    };
    let remedy = match (is_denied, is_broken) {
        (true, _) => "To allow it:",
        (false, true) => "Is MYSQL_DATABASE the name of the SLiMS database?",
        (false, false) => "This version of SLiMS may be too old.",
    };
    let advice = format!("{consequence} {remedy}");
    let found = if is_broken {
        found.broken(advice.trim())
    } else {
        found.advise(advice.trim())
    };
    let database = &config.mysql.database;
    let grant = is_denied.then(|| remedies::grant_select(database, needed.name, account));
    found.run(grant)
}
