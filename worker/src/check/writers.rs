//! Checks who writes the rows: a second program with another time zone, one that writes visits twice, and triggers that
//! do not run.

use crate::check::findings::{Finding, Topic};
use crate::check::tables::Tables;
use crate::check::{STATEMENT_LIMIT, format};
use crate::config::Config;
use crate::mysql::connection::{Database, Session};
use crate::mysql::inspect::remedies;
use crate::mysql::inspect::writers::{CheckIn, last_loan, latest_check_ins};
use crate::mysql::schema::TableSchema;
use crate::mysql::{loans, visits};
use anyhow::Result;
use chrono::{NaiveDate, TimeDelta};
use serde_json::json;
use shared::time::Clock;
use std::collections::HashSet;

/// Times that jump back once may have been corrected by hand.
const MIN_JUMPS: usize = 2;
/// After a check-in of one program, that of the other follows within this time.
const LONGEST_GAP: TimeDelta = TimeDelta::hours(1);
/// The clocks of two machines may differ by this.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(2);
/// Impatient people press twice, and some scanners read twice. A program that writes everything twice is above this.
const MAX_DOUBLES_PERCENT: usize = 5;
/// Loans that come in so much later than the end of `loan_history` show that nothing copies them. Libraries close for a
/// week.
const MAX_LAG: TimeDelta = TimeDelta::days(7);

/// Looks for signs of faulty writers. The findings are about the clock first, then about dates.
///
/// # Errors
/// If a statement fails.
pub(super) async fn check(
    config: &Config,
    database: &Database,
    clock: &Clock,
    tables: &Tables,
) -> Result<Vec<Finding>> {
    let mut session = database.session(STATEMENT_LIMIT).await?;
    let mut findings = Vec::new();
    let table = visits::TABLE;
    let schema = TableSchema::of(&mut session, table).await?;
    let key = visits::key(&schema);
    let is_readable =
        tables.can_read(table, &[key.column]) && tables.can_read(table, &["checkin_date"]);
    if let Some(hint) = schema.by_key(key.column).filter(|_| is_readable) {
        let with_members = tables.can_read(table, &["member_id"]);
        let latest = latest_check_ins(&mut session, key, &hint, with_members).await?;
        let now = clock.now();
        let offset = config.calendar.local(now) - now.utc().naive_utc();
        findings.extend(find_second_zone(&latest, offset, config.calendar.zone()));
        findings.extend(find_doubles(key.column, &latest));
    }
    let today = config.calendar.day(clock.now());
    findings.extend(compare_histories(&mut session, tables, today).await?);
    Ok(findings)
}

/// Finds check-ins whose ids follow those of others, while their times are earlier by the offset of the library's zone:
/// a second program writes in UTC.
fn find_second_zone(latest: &[CheckIn], offset: TimeDelta, zone: &str) -> Option<Finding> {
    let offset = offset.abs();
    let pairs = latest.windows(2).map(|pair| pair[0].time - pair[1].time);
    let is_of_zone = |back: &TimeDelta| {
        *back > LONGEST_GAP.max(offset - LONGEST_GAP) && *back <= offset + CLOCK_TOLERANCE
    };
    let jumps = pairs.filter(is_of_zone).count();
    if jumps < MIN_JUMPS {
        return None;
    }
    let [jumps_text, examined] = [jumps, latest.len()].map(|count| format::number(count as u64));
    let hours = format::duration(offset.to_std().unwrap_or_default());
    let what = format!(
        "the times of the last {examined} go back by about {hours} {jumps_text} times, while ids grow"
    );
    let found = Finding::ok(Topic::Clock, "second clock", what);
    let found = found.with_details(json!({ "looked_at": latest.len(), "jumps": jumps }));
    Some(found.advise(format!(
        "A second program seems to write visits in UTC, and some of them count for the wrong day: make it write the \
         time of {zone}."
    )))
}

/// Finds members who checked in twice in the same second.
fn find_doubles(key: &str, latest: &[CheckIn]) -> Option<Finding> {
    let mut seen = HashSet::new();
    let members = latest.iter().filter(|check_in| !check_in.member.is_empty());
    let doubles = members.filter(|check_in| !seen.insert((&check_in.member, check_in.time)));
    let doubles = doubles.count();
    let first = latest.first()?;
    if doubles * 100 <= latest.len() * MAX_DOUBLES_PERCENT {
        return None;
    }
    let [doubles_text, examined] =
        [doubles, latest.len()].map(|count| format::number(count as u64));
    let what = format!(
        "{doubles_text} of the last {examined} visits repeat a visit of the same member in the same second"
    );
    let found = Finding::ok(Topic::Dates, "double visits", what);
    let found = found.with_details(json!({ "looked_at": latest.len(), "doubles": doubles }));
    let advice = "Every row counts, as in SLiMS. Find the scanner or the program that writes twice. To see the rows:";
    Some(
        found
            .advise(advice)
            .run([remedies::find_double_visits(key, first.id)]),
    )
}

/// Compares the ends of `loan` and `loan_history`, which triggers fill.
async fn compare_histories(
    session: &mut Session,
    tables: &Tables,
    today: NaiveDate,
) -> Result<Option<Finding>> {
    let history = loans::HISTORY;
    for table in [loans::KEY.table, history] {
        let is_indexed = tables
            .get(table)
            .is_some_and(|found| found.is_indexed_by(loans::KEY.column));
        let schema = TableSchema::of(session, table).await?;
        if !is_indexed
            || !["loan_id", "loan_date"]
                .iter()
                .all(|column| schema.has(column))
        {
            return Ok(None);
        }
    }
    let Some(last) = last_loan(session, loans::KEY.table, today).await? else {
        return Ok(None);
    };
    let copied = last_loan(session, history, today).await?;
    if copied.is_some_and(|copied| last - copied <= MAX_LAG) {
        return Ok(None);
    }
    let ends = copied.map_or("is empty".to_owned(), |copied| format!("ends on {copied}"));
    let what = format!("it {ends}, but the last loan is of {last}");
    let found = Finding::ok(Topic::Dates, history, what);
    let found = found.with_details(json!({ "ends": copied, "last_loan": last }));
    Ok(Some(found.advise(
        "The triggers of SLiMS on loan, which copy each loan, are missing. Rankings leave out such loans when their copy \
         is deleted. Let SLiMS upgrade the database again, or create the triggers by hand from its upgrade script.",
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDateTime;

    fn check_ins(times: &[&str]) -> Vec<CheckIn> {
        let times = times.iter().zip(1..);
        let check_in = |(time, id): (&&str, i64)| CheckIn {
            id,
            time: format!("2025-09-23T{time}")
                .parse::<NaiveDateTime>()
                .unwrap(),
            member: b"m".to_vec(),
        };
        times.map(check_in).collect()
    }

    #[test]
    fn a_second_writer_in_utc_is_found() {
        let mixed = [
            "10:00:00", "03:00:01", "10:20:00", "10:21:00", "03:50:00", "10:51:00",
        ];
        let wrong_by = |times: &[&str], hours| {
            find_second_zone(&check_ins(times), TimeDelta::hours(hours), "Asia/Jakarta").is_some()
        };
        assert!(wrong_by(&mixed, 7) && wrong_by(&mixed, -7));
        assert!(!wrong_by(&mixed, 9), "another offset");
        assert!(!wrong_by(&mixed, 0), "UTC");
        assert!(!wrong_by(&mixed[..4], 7), "one correction");
        assert!(!wrong_by(
            &["10:00:00", "09:58:00", "10:00:00", "09:59:00"],
            1
        ));
        assert!(!wrong_by(&[], 7));
    }

    #[test]
    fn members_in_the_same_second_are_doubles() {
        let count = |times: &[&str]| {
            let found = find_doubles("visitor_id", &check_ins(times))?;
            found.details["doubles"].as_u64()
        };
        let four = ["10:00:00"; 4];
        assert_eq!(count(&four), Some(3));
        let others: Vec<_> = (0..40).map(|second| format!("11:00:{second:02}")).collect();
        let mut few: Vec<&str> = others.iter().map(String::as_str).collect();
        few.extend(["11:00:00", "11:00:01"]);
        assert_eq!(count(&few), None, "2 of 42");
        few.push("11:00:02");
        assert_eq!(count(&few), Some(3), "3 of 43");
        let mut guests = check_ins(&four);
        guests.iter_mut().for_each(|guest| guest.member.clear());
        assert!(find_doubles("visitor_id", &guests).is_none());
    }
}
