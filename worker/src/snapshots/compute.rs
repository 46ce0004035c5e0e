//! From the database to the `data` of each snapshot. One pass over a table serves every snapshot that it can.

use crate::mysql::books;
use crate::mysql::connection::Session;
use crate::mysql::scan::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::snapshots::item_catalog::ItemCatalog;
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::member_names::MemberNames;
use crate::snapshots::series;
use crate::snapshots::top_titles::TitleCounter;
use crate::snapshots::visit_scan::VisitScan;
use crate::snapshots::{loan_scan, top_borrowers, top_visitors};
use anyhow::{Error, Result, anyhow};
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::catalog::{Group, Snapshot};
use std::collections::BTreeSet;

pub(crate) const SERIES: [Snapshot; 3] = [Snapshot::Weekly, Snapshot::Monthly, Snapshot::Yearly];
pub(crate) const VISITORS: [Snapshot; 2] = [Snapshot::MonthlyTop, Snapshot::YearlyTop];
pub(crate) const COLLECTION: [Snapshot; 1] = [Snapshot::Collection];
pub(crate) const TITLES: [Snapshot; 3] = [
    Snapshot::TopBorrowed,
    Snapshot::TopBorrowedMonth,
    Snapshot::TopBorrowedYear,
];
pub(crate) const BORROWERS: [Snapshot; 2] =
    [Snapshot::TopBorrowersMonth, Snapshot::TopBorrowersYear];

/// What is to be made, and how.
pub struct ComputeRequest<'a> {
    /// Of one group, or of both.
    pub wanted: &'a BTreeSet<Snapshot>,
    /// The library's day.
    pub today: NaiveDate,
    /// What is shown of people.
    pub member_names: MemberNames,
    /// How the database is read.
    pub reading: ScanSettings,
}

/// Takes a figure as soon as it is made.
pub type Sink<'a> = &'a mut (dyn FnMut(Snapshot, Box<RawValue>) -> Result<()> + Send);

/// Snapshots that were not made, and why.
pub type Failures = Vec<(Snapshot, Error)>;

/// Makes those of `group` that are wanted. What is missing in the database costs the figures that need it alone.
pub async fn compute(
    group: Group,
    session: &mut Session,
    order: &ComputeRequest<'_>,
    take: Sink<'_>,
) -> Failures {
    let mut results = Results {
        wanted: order.wanted,
        take,
        failed: Vec::new(),
    };
    match group {
        Group::Visitors => Box::pin(visitors(session, order, &mut results)).await,
        Group::Books => Box::pin(books(session, order, &mut results)).await,
    }
    results.failed
}

async fn visitors(session: &mut Session, order: &ComputeRequest<'_>, results: &mut Results<'_>) {
    let both: Vec<Snapshot> = SERIES.into_iter().chain(VISITORS).collect();
    let Some(plan) = results.need(&both, TableSchema::of(session, "visitor_count").await) else {
        return;
    };
    let series = results.want(&SERIES);
    let has_ids = plan.require("member_id");
    let tops = results.want(&VISITORS) && results.need(&VISITORS, has_ids).is_some();
    if !series && !tops {
        return;
    }
    let visits = VisitScan::read(session, &order.reading, &plan, order.today, (series, tops)).await;
    let asked: &[Snapshot] = match (series, tops) {
        (true, true) => &both,
        (true, false) => &SERIES,
        (false, _) => &VISITORS,
    };
    let Some(visits) = results.need(asked, visits) else {
        return;
    };
    if let Some(days) = visits.days {
        let today = order.today;
        results.made(Snapshot::Weekly, &series::weekly(&days, today));
        results.made(Snapshot::Monthly, &series::monthly(&days, today));
        results.made(Snapshot::Yearly, &series::yearly(&days, today));
    }
    if let Some(people) = visits.people {
        let top = top_visitors::top(session, people, order.member_names).await;
        results.made_all(VISITORS, top);
    }
}

async fn books(session: &mut Session, order: &ComputeRequest<'_>, results: &mut Results<'_>) {
    let both: Vec<Snapshot> = BORROWERS.into_iter().chain(TITLES).collect();
    let plan = TableSchema::of(session, "loan").await;
    let plan = results.need(&both, plan);
    let has = |column: &str| plan.as_ref().map(|plan| plan.require(column));
    let (has_codes, has_ids) = (has("item_code"), has("member_id"));

    let mut titles = None;
    if results.want(&TITLES)
        && let Some(has_codes) = has_codes
        && results.need(&TITLES, has_codes).is_some()
    {
        let copies = ItemCatalog::read(session, &order.reading).await;
        if let Some(copies) = results.need(&TITLES, copies) {
            results.made(Snapshot::Collection, &copies.collection());
            titles = Some(TitleCounter::new(copies, order.today));
        }
    }
    // It needs less than the titles do.
    if titles.is_none() && results.want(&COLLECTION) {
        let collection = books::collection(session).await.map(|all| [all]);
        results.made_all(COLLECTION, collection);
    }
    let mut people = None;
    if results.want(&BORROWERS)
        && let Some(has_ids) = has_ids
        && results.need(&BORROWERS, has_ids).is_some()
    {
        people = Some(MemberCounter::new(order.today));
    }
    let Some(plan) = plan.filter(|_| titles.is_some() || people.is_some()) else {
        return;
    };
    let asked: Vec<Snapshot> = (people.iter().flat_map(|_| BORROWERS))
        .chain(titles.iter().flat_map(|_| TITLES))
        .collect();
    let read = loan_scan::read(session, order, &plan, &mut titles, &mut people).await;
    if results.need(&asked, read).is_none() {
        return;
    }
    if let Some(people) = people {
        let top = top_borrowers::top(session, people, order.today, order.member_names).await;
        results.made_all(BORROWERS, top);
    }
    if let Some(titles) = titles {
        let rankings = titles.rankings(session, &order.reading).await;
        results.made_all(TITLES, rankings);
    }
}

/// What has been made so far, and what will not be.
struct Results<'a> {
    wanted: &'a BTreeSet<Snapshot>,
    take: Sink<'a>,
    failed: Failures,
}

impl Results<'_> {
    fn want(&self, snapshots: &[Snapshot]) -> bool {
        snapshots
            .iter()
            .any(|snapshot| self.wanted.contains(snapshot))
    }

    fn made(&mut self, snapshot: Snapshot, data: &impl Serialize) {
        if self.want(&[snapshot]) {
            let data = to_raw_value(data).map_err(Error::from);
            let taken = data.and_then(|data| (self.take)(snapshot, data));
            self.need(&[snapshot], taken);
        }
    }

    fn made_all<T: Serialize, const N: usize>(
        &mut self,
        snapshots: [Snapshot; N],
        all: Result<[T; N]>,
    ) {
        for (snapshot, data) in snapshots
            .iter()
            .zip(self.need(&snapshots, all).into_iter().flatten())
        {
            self.made(*snapshot, &data);
        }
    }

    /// Without what was to be `got`, those of the `snapshots` that are wanted have failed.
    fn need<T>(&mut self, snapshots: &[Snapshot], got: Result<T>) -> Option<T> {
        let error = match got {
            Ok(got) => return Some(got),
            Err(error) => format!("{error:#}"),
        };
        for snapshot in snapshots
            .iter()
            .filter(|snapshot| self.wanted.contains(snapshot))
        {
            self.failed.push((*snapshot, anyhow!(error.clone())));
        }
        None
    }
}
