//! The daily figures as an ORM would ask for them: one statement each, joins and groups left to the database.

use chrono::{Datelike as _, Days, Months, NaiveDate};

/// What a figure is called, and its statements.
pub(super) type Figure = (&'static str, Vec<String>);

/// The eleven of them; the history ends before `today`.
pub(super) fn figures(today: NaiveDate) -> Vec<Figure> {
    let tomorrow = today + Days::new(1);
    let month = today.with_day(1).unwrap_or(today);
    let year = month.with_month(1).unwrap_or(month);
    let series = |group: &str, from: NaiveDate| {
        format!(
            "SELECT {group} AS bucket, COUNT(*) AS total FROM visitor_count \
             WHERE checkin_date >= '{from}' AND checkin_date < '{tomorrow}' GROUP BY {group} ORDER BY bucket"
        )
    };
    let visitors = |from: NaiveDate| {
        format!(
            "SELECT v.member_id, m.member_name, m.inst_name, COUNT(*) AS total FROM visitor_count v \
             LEFT JOIN member m ON m.member_id = v.member_id \
             WHERE v.checkin_date >= '{from}' AND v.checkin_date < '{tomorrow}' AND v.member_id <> '' \
             GROUP BY v.member_id ORDER BY total DESC LIMIT 10"
        )
    };
    let lent = |from: Option<NaiveDate>| {
        let from = from.map(|from| format!(" AND l.loan_date >= '{from}'"));
        let from = from.unwrap_or_default();
        format!("l.is_lent = 1{from} AND l.loan_date < '{tomorrow}'")
    };
    let titles = |from: Option<NaiveDate>| {
        format!(
            "SELECT b.biblio_id, b.title, COUNT(*) AS total FROM loan l \
             JOIN item i ON i.item_code = l.item_code JOIN biblio b ON b.biblio_id = i.biblio_id \
             WHERE {} AND b.opac_hide = 0 GROUP BY b.biblio_id ORDER BY total DESC LIMIT 10",
            lent(from)
        )
    };
    let borrowers = |from: NaiveDate| {
        format!(
            "SELECT l.member_id, m.member_name, COUNT(*) AS total FROM loan l \
             LEFT JOIN member m ON m.member_id = l.member_id \
             WHERE {} AND l.member_id <> '' GROUP BY l.member_id ORDER BY total DESC LIMIT 10",
            lent(Some(from))
        )
    };
    let count = |table: &str| format!("SELECT COUNT(*) FROM {table}");
    vec![
        (
            "weekly",
            vec![series("DATE(checkin_date)", today - Days::new(6))],
        ),
        (
            "monthly",
            vec![series(
                "DATE_FORMAT(checkin_date, '%Y-%m')",
                month - Months::new(11),
            )],
        ),
        (
            "yearly",
            vec![series("YEAR(checkin_date)", year - Months::new(48))],
        ),
        ("monthly/top", vec![visitors(month)]),
        ("yearly/top", vec![visitors(year)]),
        ("collection", vec![count("biblio"), count("item")]),
        ("top-borrowed", vec![titles(None)]),
        ("top-borrowed/month", vec![titles(Some(month))]),
        ("top-borrowed/year", vec![titles(Some(year))]),
        ("top-borrowers/month", vec![borrowers(month)]),
        ("top-borrowers/year", vec![borrowers(year)]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::catalog::Snapshot;

    #[test]
    fn there_is_one_for_each_snapshot() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        let figures = figures(today);
        assert_eq!(figures.len(), Snapshot::ALL.len());
        for ((name, _), snapshot) in figures.iter().zip(Snapshot::ALL) {
            assert!(snapshot.path().ends_with(name), "{name}");
        }
        assert!(figures[2].1[0].contains(">= '2022-01-01'"));
    }
}
