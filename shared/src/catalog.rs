//! The list of all snapshots. The worker refreshes them, the gateway serves them, and tests compare with the list. The
//! key, the field in a summary and the path of the CSV are derived from the path.

use crate::rows::books::{
    ClassTotal, MonthGrowth, MonthLoans, NewTitle, TopBorrower, TopTitle, YearGrowth,
};
use crate::rows::members::MemberTypeTotal;
use crate::rows::series::{DayTotal, MonthTotal, YearTotal};
use crate::rows::visitors::{InstitutionTotal, MonthTypeTotal, RoomTotal, TopVisitor, WeekdayHour};
use std::sync::LazyLock;

/// A figure that is computed once a day, or more often, and served as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table below describes each")]
pub enum Snapshot {
    Weekly,
    Monthly,
    Yearly,
    MonthlyTop,
    YearlyTop,
    Daily,
    Hours,
    MonthlyTypes,
    InstitutionsMonth,
    InstitutionsYear,
    RoomsMonth,
    RoomsYear,
    Collection,
    TopBorrowed,
    TopBorrowedMonth,
    TopBorrowedYear,
    TopBorrowersMonth,
    TopBorrowersYear,
    LoansWeekly,
    LoansMonthly,
    LoansYearly,
    LoansDaily,
    Circulation,
    Classes,
    GrowthMonthly,
    GrowthYearly,
    NewTitles,
    Usage,
    MemberCounts,
    NewMembers,
    MemberTypes,
}

/// A part of the dashboard. Each has its own summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Group {
    Visitors,
    Books,
    Members,
}

/// The snapshots that one cron refreshes, in one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Visitors and members, by `VISITOR_SLOW_CRON`.
    Visitors,
    /// Books, by `BOOKS_SLOW_CRON`.
    Books,
}

/// The calendar unit that a snapshot covers, if it covers exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Period {
    Month,
    Year,
}

struct Entry {
    snapshot: Snapshot,
    path: &'static str,
    title: &'static str,
    group: Group,
    period: Option<Period>,
    lists_people: bool,
    in_summary: bool,
    /// The fields of a row of `data`; empty if `data` is an object.
    columns: &'static [&'static str],
    meaning: &'static str,
}

/// All snapshots, by group. Those of a summary are in its order.
#[rustfmt::skip]
const CATALOG: [Entry; 31] = {
    use Group::{Books, Members, Visitors};
    use Period::{Month, Year};
    [
        Entry { snapshot: Snapshot::Weekly, path: "/api/visitors/weekly", title: "weekly visitors", group: Visitors, period: None, lists_people: false, in_summary: true, columns: DayTotal::COLUMNS,
            meaning: "Visits per day for seven days: today and the six days before, oldest first. A day without visits has 0." },
        Entry { snapshot: Snapshot::Monthly, path: "/api/visitors/monthly", title: "monthly visitors", group: Visitors, period: None, lists_people: false, in_summary: true, columns: MonthTotal::COLUMNS,
            meaning: "Visits per month for twelve months, including the current one, oldest first. A month without visits has 0." },
        Entry { snapshot: Snapshot::Yearly, path: "/api/visitors/yearly", title: "yearly visitors", group: Visitors, period: None, lists_people: false, in_summary: true, columns: YearTotal::COLUMNS,
            meaning: "Visits per year for five years, including the current one, oldest first. A year without visits has 0." },
        Entry { snapshot: Snapshot::MonthlyTop, path: "/api/visitors/monthly/top", title: "this month's top visitors", group: Visitors, period: Some(Month), lists_people: true, in_summary: true, columns: TopVisitor::COLUMNS,
            meaning: "The members with the most visits this month, at most ten. Counted by member id, never by name. Guests are not ranked." },
        Entry { snapshot: Snapshot::YearlyTop, path: "/api/visitors/yearly/top", title: "this year's top visitors", group: Visitors, period: Some(Year), lists_people: true, in_summary: true, columns: TopVisitor::COLUMNS,
            meaning: "The members with the most visits this year, at most ten. Counted by member id, never by name. Guests are not ranked." },
        Entry { snapshot: Snapshot::Daily, path: "/api/visitors/daily", title: "daily visitors", group: Visitors, period: None, lists_people: false, in_summary: false, columns: DayTotal::COLUMNS,
            meaning: "Visits per day for the five years of `/api/visitors/yearly`: from 1 January four years ago to today, oldest first. A day without visits has 0." },
        Entry { snapshot: Snapshot::Hours, path: "/api/visitors/hours", title: "the visitors by hour", group: Visitors, period: None, lists_people: false, in_summary: false, columns: WeekdayHour::COLUMNS,
            meaning: "How busy each hour of each weekday usually is: 168 rows from the 56 days before today. `cumulative_p50` is what half of the open days had reached by the end of that hour: compare today's count with it." },
        Entry { snapshot: Snapshot::MonthlyTypes, path: "/api/visitors/monthly/types", title: "monthly visitors by member type", group: Visitors, period: None, lists_people: false, in_summary: false, columns: MonthTypeTotal::COLUMNS,
            meaning: "Visits and different members per month and member type for twelve months, oldest first. Each month has the same rows: the types by id, then `unknown`, then `guest`. The visits of a month add up to `/api/visitors/monthly`." },
        Entry { snapshot: Snapshot::InstitutionsMonth, path: "/api/visitors/institutions/month", title: "this month's visitors by institution", group: Visitors, period: Some(Month), lists_people: false, in_summary: false, columns: InstitutionTotal::COLUMNS,
            meaning: "Visits and different members per institution: the 20 largest, then `other`, then `none` for visitors without one. The visits add up to those of the month." },
        Entry { snapshot: Snapshot::InstitutionsYear, path: "/api/visitors/institutions/year", title: "this year's visitors by institution", group: Visitors, period: Some(Year), lists_people: false, in_summary: false, columns: InstitutionTotal::COLUMNS,
            meaning: "Visits and different members per institution: the 20 largest, then `other`, then `none` for visitors without one. The visits add up to those of the year." },
        Entry { snapshot: Snapshot::RoomsMonth, path: "/api/visitors/rooms/month", title: "this month's visitors by room", group: Visitors, period: Some(Month), lists_people: false, in_summary: false, columns: RoomTotal::COLUMNS,
            meaning: "Visits per room, most visits first; the last row, with `room` null, has the visits without a room. They add up to those of the month." },
        Entry { snapshot: Snapshot::RoomsYear, path: "/api/visitors/rooms/year", title: "this year's visitors by room", group: Visitors, period: Some(Year), lists_people: false, in_summary: false, columns: RoomTotal::COLUMNS,
            meaning: "Visits per room, most visits first; the last row, with `room` null, has the visits without a room. They add up to those of the year." },
        Entry { snapshot: Snapshot::Collection, path: "/api/books/collection", title: "the size of the collection", group: Books, period: None, lists_people: false, in_summary: true, columns: &[],
            meaning: "The number of titles and copies that the library has now." },
        Entry { snapshot: Snapshot::TopBorrowed, path: "/api/books/top-borrowed", title: "the most borrowed books", group: Books, period: None, lists_people: false, in_summary: true, columns: TopTitle::COLUMNS,
            meaning: "The titles with the most loans since the library began to record them, at most ten. Totals may decrease, because stock-takes delete rows." },
        Entry { snapshot: Snapshot::TopBorrowedMonth, path: "/api/books/top-borrowed/month", title: "this month's most borrowed books", group: Books, period: Some(Month), lists_people: false, in_summary: true, columns: TopTitle::COLUMNS,
            meaning: "The titles with the most loans this month, at most ten." },
        Entry { snapshot: Snapshot::TopBorrowedYear, path: "/api/books/top-borrowed/year", title: "this year's most borrowed books", group: Books, period: Some(Year), lists_people: false, in_summary: true, columns: TopTitle::COLUMNS,
            meaning: "The titles with the most loans this year, at most ten." },
        Entry { snapshot: Snapshot::TopBorrowersMonth, path: "/api/books/top-borrowers/month", title: "this month's top borrowers", group: Books, period: Some(Month), lists_people: true, in_summary: true, columns: TopBorrower::COLUMNS,
            meaning: "The members with the most loans this month, at most ten. Counted by member id, never by name." },
        Entry { snapshot: Snapshot::TopBorrowersYear, path: "/api/books/top-borrowers/year", title: "this year's top borrowers", group: Books, period: Some(Year), lists_people: true, in_summary: true, columns: TopBorrower::COLUMNS,
            meaning: "The members with the most loans this year, at most ten. Counted by member id, never by name." },
        Entry { snapshot: Snapshot::LoansWeekly, path: "/api/books/loans/weekly", title: "weekly loans", group: Books, period: None, lists_people: false, in_summary: false, columns: DayTotal::COLUMNS,
            meaning: "Loans per day for seven days: today and the six days before, oldest first. A day without loans has 0." },
        Entry { snapshot: Snapshot::LoansMonthly, path: "/api/books/loans/monthly", title: "monthly loans", group: Books, period: None, lists_people: false, in_summary: false, columns: MonthLoans::COLUMNS,
            meaning: "Loans and different borrowers per month for twelve months, including the current one, oldest first. A month without loans has 0." },
        Entry { snapshot: Snapshot::LoansYearly, path: "/api/books/loans/yearly", title: "yearly loans", group: Books, period: None, lists_people: false, in_summary: false, columns: YearTotal::COLUMNS,
            meaning: "Loans per year for five years, including the current one, oldest first. A year without loans has 0." },
        Entry { snapshot: Snapshot::LoansDaily, path: "/api/books/loans/daily", title: "daily loans", group: Books, period: None, lists_people: false, in_summary: false, columns: DayTotal::COLUMNS,
            meaning: "Loans per day for the five years of `/api/books/loans/yearly`: from 1 January four years ago to today, oldest first. A day without loans has 0." },
        Entry { snapshot: Snapshot::Circulation, path: "/api/books/circulation", title: "the circulation", group: Books, period: None, lists_people: false, in_summary: false, columns: &[],
            meaning: "What is on loan, overdue and due today, and what was lent and returned today. Refreshed every minute unless the operator chose another interval." },
        Entry { snapshot: Snapshot::Classes, path: "/api/books/classes", title: "the collection by class", group: Books, period: None, lists_people: false, in_summary: false, columns: ClassTotal::COLUMNS,
            meaning: "Titles, copies and this year's loans per main class of the Dewey Decimal Classification, 0 to 9; the last row, with `class` null, has all else, so that each column adds up to all." },
        Entry { snapshot: Snapshot::GrowthMonthly, path: "/api/books/growth/monthly", title: "the monthly growth of the collection", group: Books, period: None, lists_people: false, in_summary: false, columns: MonthGrowth::COLUMNS,
            meaning: "Titles and copies that were catalogued per month, for twelve months, oldest first. What was deleted since is not counted." },
        Entry { snapshot: Snapshot::GrowthYearly, path: "/api/books/growth/yearly", title: "the yearly growth of the collection", group: Books, period: None, lists_people: false, in_summary: false, columns: YearGrowth::COLUMNS,
            meaning: "Titles and copies that were catalogued per year, for five years, oldest first. What was deleted since is not counted." },
        Entry { snapshot: Snapshot::NewTitles, path: "/api/books/new", title: "the newest titles", group: Books, period: None, lists_people: false, in_summary: false, columns: NewTitle::COLUMNS,
            meaning: "The ten titles with a copy that were catalogued last, the newest first." },
        Entry { snapshot: Snapshot::Usage, path: "/api/books/usage", title: "the use of the collection", group: Books, period: None, lists_people: false, in_summary: false, columns: &[],
            meaning: "How much of the collection is used. Counts only: turnover is `loans_12_months` ÷ `items`, the unused share is `titles_never_lent` ÷ `titles_with_items`." },
        Entry { snapshot: Snapshot::MemberCounts, path: "/api/members/counts", title: "the number of members", group: Members, period: None, lists_people: false, in_summary: true, columns: &[],
            meaning: "How many members there are, how many of them may borrow today, and how many are new." },
        Entry { snapshot: Snapshot::NewMembers, path: "/api/members/new/monthly", title: "monthly new members", group: Members, period: None, lists_people: false, in_summary: true, columns: MonthTotal::COLUMNS,
            meaning: "New members per month for twelve months, including the current one, oldest first. A month without new members has 0." },
        Entry { snapshot: Snapshot::MemberTypes, path: "/api/members/types", title: "members by type", group: Members, period: None, lists_people: false, in_summary: true, columns: MemberTypeTotal::COLUMNS,
            meaning: "Members and active members per member type, by the id of the type; the last row, with `member_type` null, has those without a known type." },
    ]
};

const WITH_ROWS: usize = {
    let (mut index, mut found) = (0, 0);
    while index < CATALOG.len() {
        found += !CATALOG[index].columns.is_empty() as usize;
        index += 1;
    }
    found
};

impl Snapshot {
    /// Every snapshot. Those of a summary are in its order.
    pub const ALL: [Self; CATALOG.len()] = {
        let mut all = [Self::Weekly; CATALOG.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = CATALOG[index].snapshot;
            index += 1;
        }
        all
    };

    /// Every snapshot whose `data` is an array of rows. The gateway serves it as CSV too.
    pub const WITH_ROWS: [Self; WITH_ROWS] = {
        let mut all = [Self::Weekly; WITH_ROWS];
        let (mut index, mut found) = (0, 0);
        while index < CATALOG.len() {
            if !CATALOG[index].columns.is_empty() {
                all[found] = CATALOG[index].snapshot;
                found += 1;
            }
            index += 1;
        }
        all
    };

    /// Its index in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The path at which the gateway serves it.
    pub const fn path(self) -> &'static str {
        self.entry().path
    }

    /// The group that it belongs to.
    pub const fn group(self) -> Group {
        self.entry().group
    }

    /// The schedule by which it is refreshed.
    pub const fn schedule(self) -> Schedule {
        match self.group() {
            Group::Visitors | Group::Members => Schedule::Visitors,
            Group::Books => Schedule::Books,
        }
    }

    /// The calendar unit that it covers; `None` for series, for all time and for the collection.
    pub const fn period(self) -> Option<Period> {
        self.entry().period
    }

    /// Whether it lists people, so that shared caches must not store it.
    pub const fn lists_people(self) -> bool {
        self.entry().lists_people
    }

    /// Whether the summary of its group contains it.
    pub const fn in_summary(self) -> bool {
        self.entry().in_summary
    }

    /// The names of the fields of a row of its `data`; empty if `data` is an object.
    pub const fn columns(self) -> &'static [&'static str] {
        self.entry().columns
    }

    /// The path at which the gateway serves the rows of its `data` as CSV, if it is one of [`Self::WITH_ROWS`].
    pub fn csv_path(self) -> &'static str {
        static PATHS: LazyLock<[String; CATALOG.len()]> =
            LazyLock::new(|| Snapshot::ALL.map(|snapshot| format!("{}.csv", snapshot.path())));
        &PATHS[self.index()]
    }

    /// What it counts and does not count. [`Group::meaning`] says what applies to all snapshots of a group.
    pub const fn meaning(self) -> &'static str {
        self.entry().meaning
    }

    /// Its title, such as `Weekly visitors`.
    pub fn title(self) -> String {
        let (first, rest) = self.entry().title.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    }

    /// The message to clients while the snapshot does not exist yet.
    pub fn warming(self) -> String {
        let title = self.entry().title;
        let verb = if title.ends_with('s') { "are" } else { "is" };
        format!("{title} {verb} being prepared")
    }

    /// Its name: the path without `/api/`, with `:` for `/`. The prefix and the name form the Redis key.
    pub fn name(self) -> String {
        self.subpath().replace('/', ":")
    }

    /// Returns the snapshot with that name, as operators type it for `worker refresh`.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|snapshot| snapshot.name() == name)
    }

    /// Its field in the summary of its group: `monthly_top`, `top_borrowed_year`.
    pub fn field(self) -> String {
        let subpath = self.subpath();
        let within_group = subpath.split_once('/').map_or(subpath, |(_, rest)| rest);
        within_group.replace(['/', '-'], "_")
    }

    fn subpath(self) -> &'static str {
        self.path().trim_start_matches("/api/")
    }

    const fn entry(self) -> &'static Entry {
        &CATALOG[self as usize]
    }
}

impl std::fmt::Display for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl Schedule {
    /// Both schedules.
    pub const ALL: [Self; 2] = [Self::Visitors, Self::Books];

    /// Its snapshots.
    pub fn snapshots(self) -> impl Iterator<Item = Snapshot> {
        let all = Snapshot::ALL.into_iter();
        all.filter(move |snapshot| snapshot.schedule() == self)
    }
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 3] = [Self::Visitors, Self::Books, Self::Members];

    /// Its index in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// What its snapshots count and do not count.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Visitors => {
                "A visit is one row written at the check-in desk, including guests. A person who checks in twice counts \
                 twice. Rows dated after today, by a PC with a wrong clock, are not counted. Members with the same \
                 name are not merged. \
                 Rankings are in descending order of `total`, and by `member_id` where totals are equal."
            }
            Self::Books => {
                "A loan is one copy lent once, dated by the day on which it was lent; a renewal does not count again. \
                 Loans dated after today are not counted. A loan counts for the title that its copy belongs to now \
                 or, if the copy was deleted, for the title that it had. Titles hidden from the public catalogue are not ranked. \
                 Rankings are in descending order of `total`, and by `biblio_id` or `member_id` where totals are equal. \
                 Hidden titles count in figures that name no title."
            }
            Self::Members => {
                "A member is one row of the library's members. An active member may borrow today: the membership has not \
                 expired, and the member is not pending. Counts only: visits and loans for each active member are the \
                 visitors' and the books' figures ÷ `active`."
            }
        }
    }

    /// The path of its summary.
    pub const fn summary_path(self) -> &'static str {
        match self {
            Self::Visitors => "/api/visitors/summary",
            Self::Books => "/api/books/summary",
            Self::Members => "/api/members/summary",
        }
    }

    /// The snapshots of its summary, in that order.
    pub fn summary(self) -> impl Iterator<Item = Snapshot> {
        self.snapshots().filter(|snapshot| snapshot.in_summary())
    }

    /// Its snapshots.
    pub fn snapshots(self) -> impl Iterator<Item = Snapshot> {
        Snapshot::ALL
            .into_iter()
            .filter(move |snapshot| snapshot.group() == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_is_in_the_order_of_the_enum() {
        for (index, entry) in CATALOG.iter().enumerate() {
            assert_eq!(entry.snapshot.index(), index, "{}", entry.path);
        }
    }

    #[test]
    fn snapshots_with_rows_have_columns_and_a_path_for_csv() {
        assert!(Snapshot::WITH_ROWS.contains(&Snapshot::Weekly));
        assert!(!Snapshot::WITH_ROWS.contains(&Snapshot::Collection));
        for snapshot in Snapshot::WITH_ROWS {
            assert!(!snapshot.columns().is_empty(), "{snapshot}");
        }
        assert_eq!(Snapshot::Weekly.csv_path(), "/api/visitors/weekly.csv");
    }

    #[test]
    fn names_and_fields_follow_from_the_path() {
        assert_eq!(Snapshot::MonthlyTop.name(), "visitors:monthly:top");
        assert_eq!(Snapshot::MonthlyTop.field(), "monthly_top");
        assert_eq!(
            Snapshot::TopBorrowedMonth.name(),
            "books:top-borrowed:month"
        );
        assert_eq!(Snapshot::TopBorrowedMonth.field(), "top_borrowed_month");
        assert_eq!(
            Snapshot::by_name("books:collection"),
            Some(Snapshot::Collection)
        );
        assert_eq!(Snapshot::by_name("books"), None);
    }

    #[test]
    fn warming_messages_are_sentences() {
        assert_eq!(
            Snapshot::Weekly.warming(),
            "weekly visitors are being prepared"
        );
        assert_eq!(
            Snapshot::Collection.warming(),
            "the size of the collection is being prepared"
        );
    }
}
