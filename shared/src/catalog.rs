//! The one list of snapshots: the worker refreshes what is listed, the gateway routes it, tests compare with it.
//! Key, route and place in a summary follow from the path by rule.

/// A figure that is computed once a day and served as it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the entry in the table below describes each")]
pub enum Snapshot {
    Weekly,
    Monthly,
    Yearly,
    MonthlyTop,
    YearlyTop,
    Collection,
    TopBorrowed,
    TopBorrowedMonth,
    TopBorrowedYear,
    TopBorrowersMonth,
    TopBorrowersYear,
}

/// The two halves of the dashboard: each has its own cron, and a summary of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Group {
    Visitors,
    Books,
}

/// The calendar unit that a snapshot is of, where it is of exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Period {
    Month,
    Year,
}

struct Entry {
    snapshot: Snapshot,
    path: &'static str,
    holds: &'static str,
    group: Group,
    period: Option<Period>,
    people: bool,
    meaning: &'static str,
}

/// In the order of the two summaries.
#[rustfmt::skip]
const CATALOG: [Entry; 11] = {
    use Group::{Books, Visitors};
    use Period::{Month, Year};
    [
        Entry { snapshot: Snapshot::Weekly, path: "/api/visitors/weekly", holds: "weekly visitors", group: Visitors, period: None, people: false,
            meaning: "Visits of each of seven days: today and the six before it, the oldest first. A day on which nobody came is there with 0." },
        Entry { snapshot: Snapshot::Monthly, path: "/api/visitors/monthly", holds: "monthly visitors", group: Visitors, period: None, people: false,
            meaning: "Visits of each of twelve months, the present one included, the oldest first. A month in which nobody came is there with 0." },
        Entry { snapshot: Snapshot::Yearly, path: "/api/visitors/yearly", holds: "yearly visitors", group: Visitors, period: None, people: false,
            meaning: "Visits of each of five years, the present one included, the oldest first. A year in which nobody came is there with 0." },
        Entry { snapshot: Snapshot::MonthlyTop, path: "/api/visitors/monthly/top", holds: "this month's top visitors", group: Visitors, period: Some(Month), people: true,
            meaning: "The members who came most often this month, at most ten. Counted by member id, never by name; guests are in no ranking." },
        Entry { snapshot: Snapshot::YearlyTop, path: "/api/visitors/yearly/top", holds: "this year's top visitors", group: Visitors, period: Some(Year), people: true,
            meaning: "The members who came most often this year, at most ten. Counted by member id, never by name; guests are in no ranking." },
        Entry { snapshot: Snapshot::Collection, path: "/api/books/collection", holds: "the size of the collection", group: Books, period: None, people: false,
            meaning: "How many titles and copies the library has now." },
        Entry { snapshot: Snapshot::TopBorrowed, path: "/api/books/top-borrowed", holds: "the most borrowed books", group: Books, period: None, people: false,
            meaning: "The titles that were lent most often since the library began to record, at most ten. The figures may fall: stock-takes delete rows." },
        Entry { snapshot: Snapshot::TopBorrowedMonth, path: "/api/books/top-borrowed/month", holds: "this month's most borrowed books", group: Books, period: Some(Month), people: false,
            meaning: "The titles that were lent most often this month, at most ten." },
        Entry { snapshot: Snapshot::TopBorrowedYear, path: "/api/books/top-borrowed/year", holds: "this year's most borrowed books", group: Books, period: Some(Year), people: false,
            meaning: "The titles that were lent most often this year, at most ten." },
        Entry { snapshot: Snapshot::TopBorrowersMonth, path: "/api/books/top-borrowers/month", holds: "this month's top borrowers", group: Books, period: Some(Month), people: true,
            meaning: "The members who borrowed most this month, at most ten. Counted by member id, never by name." },
        Entry { snapshot: Snapshot::TopBorrowersYear, path: "/api/books/top-borrowers/year", holds: "this year's top borrowers", group: Books, period: Some(Year), people: true,
            meaning: "The members who borrowed most this year, at most ten. Counted by member id, never by name." },
    ]
};

impl Snapshot {
    /// Every snapshot, in the order of the two summaries.
    pub const ALL: [Self; CATALOG.len()] = {
        let mut all = [Self::Weekly; CATALOG.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = CATALOG[index].snapshot;
            index += 1;
        }
        all
    };

    /// Its place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The path under which the gateway serves it.
    pub const fn path(self) -> &'static str {
        self.entry().path
    }

    /// The half of the dashboard that it belongs to.
    pub const fn group(self) -> Group {
        self.entry().group
    }

    /// The month or the year that it is of; `None` for series, for all time and for the collection.
    pub const fn period(self) -> Option<Period> {
        self.entry().period
    }

    /// Whether it lists people, so that no shared cache may keep it.
    pub const fn lists_people(self) -> bool {
        self.entry().people
    }

    /// What it counts, and what it does not; what is said of all of a group stands in [`Group::meaning`].
    pub const fn meaning(self) -> &'static str {
        self.entry().meaning
    }

    /// What it holds, as a title.
    pub fn title(self) -> String {
        let (first, rest) = self.entry().holds.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    }

    /// What a client is told while there is none yet.
    pub fn warming(self) -> String {
        let holds = self.entry().holds;
        let verb = if holds.ends_with('s') { "are" } else { "is" };
        format!("{holds} {verb} being prepared")
    }

    /// Its name: the path without `/api/`, with `:` for `/`. With the prefix in front it is the Redis key.
    pub fn name(self) -> String {
        self.tail().replace('/', ":")
    }

    /// The snapshot of that name, as operators type it for `worker refresh`.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|snapshot| snapshot.name() == name)
    }

    /// Its field in the summary of its group: `monthly_top`, `top_borrowed_year`.
    pub fn field(self) -> String {
        let tail = self.tail();
        let within_group = tail.split_once('/').map_or(tail, |(_, rest)| rest);
        within_group.replace(['/', '-'], "_")
    }

    fn tail(self) -> &'static str {
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

impl Group {
    /// What its figures count, and what they do not.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Visitors => {
                "A visit is one row that the check-in desk wrote, a guest's included; who comes twice counts twice. \
                 Rows that are dated after today, by a PC with a wrong clock, count nowhere. Members who share a name stay apart. \
                 Rankings are in descending order of `total`, and by `member_id` where totals are equal."
            }
            Self::Books => {
                "A loan is one copy lent once, dated by the day it was lent; a renewal is no further loan. \
                 Loans that are dated after today count nowhere. A loan counts for the title that its copy belongs to now, \
                 or, when the copy is gone, for the one it had. Titles that are hidden from the public catalogue are in no ranking. \
                 Rankings are in descending order of `total`, and by `biblio_id` or `member_id` where totals are equal."
            }
        }
    }

    /// The path of its summary.
    pub const fn summary_path(self) -> &'static str {
        match self {
            Self::Visitors => "/api/visitors/summary",
            Self::Books => "/api/books/summary",
        }
    }

    /// Its snapshots, in the order of the summary.
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
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, entry) in CATALOG.iter().enumerate() {
            assert_eq!(entry.snapshot.index(), index, "{}", entry.path);
        }
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
