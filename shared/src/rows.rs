//! The rows of the snapshots' `data`. The JSON has the same order of fields, and the API document has the same field
//! descriptions. `COLUMNS` is the header line of the CSV.
//!
//! `Option<Option<_>>` distinguishes a value that is not shown (absent) from one that is unknown (null).

pub mod books;
pub mod members;
pub mod series;
pub mod visitors;

#[cfg(test)]
mod tests {
    use super::books::{
        ClassTotal, MonthGrowth, MonthLoans, NewTitle, TopBorrower, TopTitle, YearGrowth,
    };
    use super::members::MemberTypeTotal;
    use super::series::{DayTotal, MonthTotal, YearTotal};
    use super::visitors::{
        InstitutionKind, InstitutionTotal, MonthTypeTotal, RoomTotal, TopVisitor, VisitorKind,
        WeekdayHour,
    };
    use chrono::NaiveDate;
    use serde::Serialize;

    /// The names of the fields of `row` in the order of the JSON. Its texts must contain no quote.
    fn fields(row: &impl Serialize) -> Vec<String> {
        let text = serde_json::to_string(row).expect("a row is JSON");
        let parts: Vec<&str> = text.split('"').collect();
        let pairs = parts.windows(2);
        // Only a name is followed by a colon.
        pairs
            .filter(|pair| pair[1].starts_with(':'))
            .map(|pair| pair[0].to_owned())
            .collect()
    }

    #[test]
    fn columns_are_the_fields_of_a_full_row() {
        let (id, name) = (Some("7".to_owned()), Some(Some("Siti".to_owned())));
        let day = DayTotal {
            date: NaiveDate::default(),
            total: 1,
            partial: true,
        };
        assert_eq!(fields(&day), DayTotal::COLUMNS);
        let month = MonthTotal {
            month: "2025-09".to_owned(),
            total: 1,
            partial: true,
        };
        assert_eq!(fields(&month), MonthTotal::COLUMNS);
        let year = YearTotal {
            year: 2025,
            total: 1,
            partial: true,
        };
        assert_eq!(fields(&year), YearTotal::COLUMNS);
        let visitor = TopVisitor {
            rank: 1,
            member_id: id.clone(),
            member_name: name.clone(),
            institution: name.clone(),
            total: 1,
        };
        assert_eq!(fields(&visitor), TopVisitor::COLUMNS);
        let borrower = TopBorrower {
            rank: 1,
            member_id: id,
            member_name: name,
            total: 1,
        };
        assert_eq!(fields(&borrower), TopBorrower::COLUMNS);
        let title = TopTitle {
            rank: 1,
            biblio_id: 1,
            title: None,
            total: 1,
        };
        assert_eq!(fields(&title), TopTitle::COLUMNS);
        let loans = MonthLoans {
            month: "2025-09".to_owned(),
            total: 1,
            unique_borrowers: 1,
            partial: true,
        };
        assert_eq!(fields(&loans), MonthLoans::COLUMNS);
        let hour = WeekdayHour {
            weekday: 1,
            hour: 0,
            open_days: 0,
            total: 0,
            cumulative_p25: None,
            cumulative_p50: None,
            cumulative_p75: None,
        };
        assert_eq!(fields(&hour), WeekdayHour::COLUMNS);
        let of_type = MonthTypeTotal {
            month: "2025-09".to_owned(),
            kind: VisitorKind::Guest,
            member_type: None,
            visits: 1,
            unique_members: None,
            partial: true,
        };
        assert_eq!(fields(&of_type), MonthTypeTotal::COLUMNS);
        let institution = InstitutionTotal {
            kind: InstitutionKind::None,
            institution: None,
            visits: 1,
            unique_members: 1,
        };
        assert_eq!(fields(&institution), InstitutionTotal::COLUMNS);
        let room = RoomTotal {
            room: None,
            name: None,
            visits: 1,
        };
        assert_eq!(fields(&room), RoomTotal::COLUMNS);
        let class = ClassTotal {
            class: None,
            titles: 1,
            items: 1,
            loans_year: 1,
        };
        assert_eq!(fields(&class), ClassTotal::COLUMNS);
        let growth = MonthGrowth {
            month: "2025-09".to_owned(),
            titles: 1,
            items: 1,
            partial: true,
        };
        assert_eq!(fields(&growth), MonthGrowth::COLUMNS);
        let growth = YearGrowth {
            year: 2025,
            titles: 1,
            items: 1,
            partial: true,
        };
        assert_eq!(fields(&growth), YearGrowth::COLUMNS);
        let new = NewTitle {
            biblio_id: 1,
            title: None,
            added: NaiveDate::default(),
        };
        assert_eq!(fields(&new), NewTitle::COLUMNS);
        let of_type = MemberTypeTotal {
            member_type: None,
            total: 1,
            active: 1,
        };
        assert_eq!(fields(&of_type), MemberTypeTotal::COLUMNS);
    }
}
