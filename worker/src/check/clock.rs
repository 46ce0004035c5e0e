//! Checks the clocks of the worker, the server and the machine that writes check-ins, and the library's time zone.

use crate::calendar::{INDONESIAN_ZONES, zone_rules_version};
use crate::check::findings::{Finding, Topic};
use crate::check::passes::Passes;
use crate::check::{STATEMENT_LIMIT, format};
use crate::config::Config;
use crate::mysql::connection::Database;
use crate::mysql::inspect::clock::ServerClock;
use crate::mysql::visits;
use anyhow::Result;
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::json;
use shared::time::Clock;

/// The difference of clocks that needs no advice. Clocks with NTP differ by milliseconds, and nobody sees a day begin
/// two seconds late.
const TOLERANCE: TimeDelta = TimeDelta::seconds(2);
/// Check-ins that are further ahead than this are in the future. The clock of another machine writes them.
const FUTURE_TOLERANCE: TimeDelta = TimeDelta::minutes(2);
/// The largest difference of two time zones.
const MAX_ZONE_DIFFERENCE: TimeDelta = TimeDelta::hours(26);

/// Compares the server's clock and the latest check-ins with the worker's clock.
///
/// # Errors
/// If a statement fails.
pub(super) async fn check(
    config: &Config,
    database: &Database,
    clock: &Clock,
    passes: &Passes,
) -> Result<Vec<Finding>> {
    let mut session = database.session(STATEMENT_LIMIT).await?;
    let before = clock.now();
    let server = ServerClock::of(&mut session).await?;
    let now = clock.now();
    let middle = before.plus(now.since(before) / 2).utc().naive_utc();
    let local = config.calendar.local(now);
    let wall_clock = format!(
        "{}, where it is {} now (time zone rules {})",
        config.calendar.zone(),
        local.format("%H:%M on %Y-%m-%d"),
        zone_rules_version()
    );
    let mut findings = vec![
        compare_clocks(server.utc - middle),
        Finding::ok(Topic::Clock, "zone", wall_clock).with_details(json!({
            "zone": config.calendar.zone(),
            "zone_rules": zone_rules_version(),
            "local": local.format("%Y-%m-%dT%H:%M:%S").to_string(),
            "server_zone": server.zone,
            "server_ahead_of_utc_minutes": server.ahead_minutes,
        })),
    ];
    let latest = passes
        .over(visits::TABLE)
        .map(|pass| pass.sample.latest.as_slice());
    let offset = local - now.utc().naive_utc();
    findings.extend(examine_check_ins(latest.unwrap_or_default(), local, offset));
    Ok(findings)
}

fn compare_clocks(difference: TimeDelta) -> Finding {
    let apart = format::duration(difference.abs().to_std().unwrap_or_default());
    let direction = if difference < TimeDelta::zero() {
        "behind"
    } else {
        "ahead of"
    };
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let seconds = difference.num_milliseconds() as f64 / 1e3;
    let details = json!({ "server_ahead_seconds": seconds });
    if difference.abs() <= TOLERANCE {
        let what = format!("the server's and the worker's agree within {apart}");
        return Finding::ok(Topic::Clock, "clock", what).with_details(details);
    }
    Finding::ok(
        Topic::Clock,
        "clock",
        format!("the server's clock is {apart} {direction} the worker's"),
    )
    .with_details(details)
    .advise(
        "The worker's clock decides when the day ends, but the server's clock writes check-ins: use NTP on both.",
    )
}

/// Compares the latest check-ins, newest first, with the library's wall clock `now`, which is ahead of UTC by `offset`.
/// Returns `None` without check-ins.
fn examine_check_ins(
    latest: &[NaiveDateTime],
    now: NaiveDateTime,
    offset: TimeDelta,
) -> Option<Finding> {
    let last = latest.first()?;
    let examined = format::number(latest.len() as u64);
    let ahead: Vec<TimeDelta> = latest
        .iter()
        .map(|time| *time - now)
        .filter(|ahead| *ahead > FUTURE_TOLERANCE)
        .collect();
    let details = json!({
        "last": last.format("%Y-%m-%dT%H:%M:%S").to_string(),
        "looked_at": latest.len(),
        "ahead": ahead.len(),
    });
    let time = last.format("%Y-%m-%d %H:%M");
    let Some(furthest) = ahead.iter().max() else {
        let ago = format::duration((now - *last).to_std().unwrap_or_default());
        let what = format!("the last one was at {time}, {ago} ago");
        return Some(Finding::ok(Topic::Clock, "check-ins", what).with_details(details));
    };
    let furthest = format::duration(furthest.to_std().unwrap_or_default());
    let count = ahead.len() as u64;
    let what = format!(
        "{} of the last {examined} {} in the future, by up to {furthest}",
        format::number(count),
        format::verb(count, "is", "are")
    );
    let found = Finding::ok(Topic::Clock, "check-ins", what).with_details(details);
    let by_zone = ahead.iter().filter(|ahead| **ahead <= MAX_ZONE_DIFFERENCE);
    Some(if let Some(by_zone) = by_zone.max() {
        let fitting = fitting_zone(offset + *by_zone);
        found.advise(format!(
            "SLiMS seems to write the time of {fitting} LIBRARY_TIMEZONE must be the zone that SLiMS is set to. If it \
             is, compare the clocks of both machines."
        ))
    } else {
        found.advise(
            "They count when their day comes. Check the clock of the machine that wrote them, and correct the rows.",
        )
    })
}

/// Names the zone whose clock shows the latest check-in as now: at least `ahead` of UTC, in whole hours. Ends a sentence.
fn fitting_zone(ahead: TimeDelta) -> String {
    let minutes = (ahead - FUTURE_TOLERANCE).num_minutes();
    let hours = -(-minutes).div_euclid(60);
    match usize::try_from(hours - 7)
        .ok()
        .and_then(|index| INDONESIAN_ZONES.get(index))
    {
        Some((short, zone)) => format!("{short}: if so, set LIBRARY_TIMEZONE={zone}."),
        None if hours == 0 => "UTC: if so, set LIBRARY_TIMEZONE=UTC.".to_owned(),
        None => format!("a zone at UTC{hours:+}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::findings::Verdict;

    fn check_at_ten(latest: &[&str]) -> (Verdict, String) {
        let latest: Vec<NaiveDateTime> = latest.iter().map(|time| time.parse().unwrap()).collect();
        let now = "2025-09-23T10:00:00".parse().unwrap();
        let found = examine_check_ins(&latest, now, TimeDelta::hours(1)).unwrap();
        (
            found.verdict,
            found.what + found.advice.as_deref().unwrap_or_default(),
        )
    }

    #[test]
    fn check_ins_in_the_future_are_reported() {
        let (verdict, text) = check_at_ten(&["2025-09-23T10:01:59", "2025-09-23T09:00:00"]);
        assert!(
            verdict == Verdict::Ok && text.contains("2025-09-23 10:01"),
            "{text}"
        );
        let (verdict, text) = check_at_ten(&["2025-09-23T16:58:00", "2025-09-23T09:00:00"]);
        assert!(
            verdict == Verdict::Advice && text.contains("1 of the last 2 is in the future"),
            "{text}"
        );
        assert!(
            text.contains("7 h")
                && text.contains("WITA: if so, set LIBRARY_TIMEZONE=Asia/Makassar."),
            "{text}"
        );
        let (verdict, text) = check_at_ten(&["2025-09-23T09:58:00", "2026-09-23T09:00:00"]);
        assert!(
            verdict == Verdict::Advice && !text.contains("LIBRARY_TIMEZONE"),
            "{text}"
        );
        assert!(examine_check_ins(&[], NaiveDateTime::MIN, TimeDelta::zero()).is_none());
    }

    #[test]
    fn the_zone_that_would_fit_is_named() {
        for (minutes, expected) in [
            (7 * 60 + 1, "WIB: if so, set LIBRARY_TIMEZONE=Asia/Jakarta."),
            (
                6 * 60 + 20,
                "WIB: if so, set LIBRARY_TIMEZONE=Asia/Jakarta.",
            ),
            (
                7 * 60 + 30,
                "WITA: if so, set LIBRARY_TIMEZONE=Asia/Makassar.",
            ),
            (9 * 60, "WIT: if so, set LIBRARY_TIMEZONE=Asia/Jayapura."),
            (1, "UTC: if so, set LIBRARY_TIMEZONE=UTC."),
            (60, "a zone at UTC+1."),
            (-5 * 60, "a zone at UTC-5."),
        ] {
            assert_eq!(fitting_zone(TimeDelta::minutes(minutes)), expected);
        }
    }

    #[test]
    fn clocks_may_differ_by_two_seconds() {
        for (millis, verdict) in [
            (0, Verdict::Ok),
            (-2_000, Verdict::Ok),
            (2_001, Verdict::Advice),
            (-9_000, Verdict::Advice),
        ] {
            assert_eq!(
                compare_clocks(TimeDelta::milliseconds(millis)).verdict,
                verdict,
                "{millis}"
            );
        }
        assert!(
            compare_clocks(TimeDelta::seconds(-9))
                .what
                .contains("9.0 s behind")
        );
    }
}
