//! Cron expressions in the library's time zone.

use crate::calendar::{Calendar, from_jiff};
use chrono::DateTime;
use croner::parser::{CronParser, Seconds, Year};
use shared::time::Timestamp;

/// A cron expression in the library's zone: five fields, or six with seconds first.
#[derive(Clone)]
pub struct Cron {
    pattern: croner::Cron,
    calendar: Calendar,
}

impl Cron {
    /// Parses an expression.
    ///
    /// # Errors
    /// What is wrong with the expression, also if its time never comes.
    pub fn parse(text: &str, calendar: &Calendar) -> Result<Self, String> {
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build();
        // croner accepts an empty part of a list as no value, and then searches for minutes.
        let mut parts = text.split_whitespace().flat_map(|field| field.split(','));
        if parts.any(str::is_empty) {
            return Err("has an empty part in a list".to_owned());
        }
        let pattern = parser.parse(text);
        let pattern =
            pattern.map_err(|e| format!("is not a cron expression such as 5 0 * * * ({e})"))?;
        let cron = Self {
            pattern,
            calendar: calendar.clone(),
        };
        // From a fixed day, so that the result does not depend on the day of parsing.
        let fixed_day = Timestamp::from(DateTime::UNIX_EPOCH);
        let next = cron.after(fixed_day);
        next.map(|_| cron)
            .ok_or_else(|| "is a time that never comes".to_owned())
    }

    /// The next time after `time`. A time in a DST gap moves to the end of the gap; in an overlap the first of the two
    /// counts.
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = self.calendar.zoned(time);
        let next = self.pattern.find_next_occurrence(&time, false);
        next.ok().map(|next| from_jiff(next.timestamp()))
    }

    /// The last time at or before `time`, as defined by [`Self::after`]; `None` when it never came.
    pub fn before(&self, time: Timestamp) -> Option<Timestamp> {
        let time = self.calendar.zoned(time);
        let last = self.pattern.find_previous_occurrence(&time, true);
        last.ok().map(|last| from_jiff(last.timestamp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<DateTime<chrono::Utc>>().unwrap())
    }

    fn cron(text: &str, zone: &str) -> Cron {
        Cron::parse(text, &Calendar::parse(zone).unwrap())
            .ok()
            .unwrap()
    }

    #[test]
    fn five_fields_or_six_with_seconds_first() {
        let jakarta = Calendar::parse("Asia/Jakarta").unwrap();
        let five = cron("5 0 * * *", "Asia/Jakarta").after(time("2025-09-23T00:00:00Z"));
        assert_eq!(five, Some(time("2025-09-23T17:05:00Z")));
        let six = cron("30 5 0 * * *", "Asia/Jakarta").after(time("2025-09-23T00:00:00Z"));
        assert_eq!(six, Some(time("2025-09-23T17:05:30Z")));
        for wrong in [
            "5 0 * *",
            "0 5 0 * * * 2025",
            "5 25 * * *",
            "0 0 31 2 *",
            "noon",
            "0 0 30 2 *",
            ", * * * * 5L",
            "5, 0 * * *",
        ] {
            assert!(Cron::parse(wrong, &jakarta).is_err(), "{wrong}");
        }
    }

    #[test]
    fn before_returns_the_last_time() {
        for (text, zone, now, last) in [
            (
                "5 0 * * *",
                "Asia/Jakarta",
                "2025-09-23T17:05:00Z",
                "2025-09-23T17:05:00Z",
            ),
            (
                "5 0 * * *",
                "Asia/Jakarta",
                "2025-09-23T17:04:59Z",
                "2025-09-22T17:05:00Z",
            ),
            (
                "*/2 * * * * *",
                "Asia/Jakarta",
                "2025-09-23T17:04:59Z",
                "2025-09-23T17:04:58Z",
            ),
            (
                "0 0 29 2 *",
                "UTC",
                "2103-03-01T00:00:00Z",
                "2096-02-29T00:00:00Z",
            ),
            // A DST gap and a DST overlap.
            (
                "5 0 * * *",
                "Africa/Cairo",
                "2026-04-24T12:00:00Z",
                "2026-04-23T22:00:00Z",
            ),
            (
                "30 2 * * *",
                "Europe/Zurich",
                "2026-10-25T12:00:00Z",
                "2026-10-25T00:30:00Z",
            ),
        ] {
            let found = cron(text, zone).before(time(now));
            assert_eq!(found, Some(time(last)), "{text} in {zone} at {now}");
        }
    }

    /// The minutes between two instants in which `before` rises: when a check every minute finds that the cron has come.
    fn firings(text: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
        let cron = cron(text, zone);
        let (mut now, mut last) = (time(from), cron.before(time(from)));
        let mut fired = Vec::new();
        while now < time(to) {
            now = now.plus(std::time::Duration::from_secs(60));
            let before = cron.before(now);
            if before > last {
                fired.push(now.to_string());
            }
            last = before;
        }
        fired
    }

    #[test]
    fn a_time_in_a_dst_gap_comes_at_its_end() {
        assert_eq!(
            firings(
                "30 2 * * *",
                "Europe/Zurich",
                "2026-03-28T12:00:00Z",
                "2026-03-30T12:00:00Z"
            ),
            ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]
        );
        // Midnight does not exist in Cairo on 24 April 2026.
        assert_eq!(
            firings(
                "5 0 * * *",
                "Africa/Cairo",
                "2026-04-23T12:00:00Z",
                "2026-04-25T12:00:00Z"
            ),
            ["2026-04-23T22:00:00.000Z", "2026-04-24T21:05:00.000Z"]
        );
    }

    #[test]
    fn a_time_in_a_dst_overlap_comes_once_at_the_first() {
        assert_eq!(
            firings(
                "30 2 * * *",
                "Europe/Zurich",
                "2026-10-24T12:00:00Z",
                "2026-10-26T12:00:00Z"
            ),
            ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]
        );
    }

    /// The search backwards agrees with the search forwards, around changes of DST too.
    #[test]
    fn before_and_after_agree() {
        for zone in ["Europe/Zurich", "Africa/Cairo", "Australia/Lord_Howe"] {
            for text in [
                "5 0 * * *",
                "30 2 * * *",
                "*/20 * * * *",
                "0 1,2,3 * * *",
                "15 0 1 * *",
                "0 2 * * 0",
            ] {
                let cron = cron(text, zone);
                let mut now = time("2026-01-01T00:00:30Z");
                let mut next = cron.after(now).unwrap();
                let mut last = cron.before(now).unwrap();
                while now < time("2027-01-01T00:00:00Z") {
                    now = now.plus(std::time::Duration::from_secs(1_020));
                    while next <= now {
                        (last, next) = (next, cron.after(next).unwrap());
                    }
                    assert_eq!(cron.before(now), Some(last), "{text} in {zone} at {now}");
                }
            }
        }
    }
}
