//! Computes the `data` of each snapshot from the database. One scan of a table serves every snapshot that needs it.

use crate::mysql::books;
use crate::mysql::connection::Session;
use crate::mysql::scan_settings::ScanSettings;
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

/// Which snapshots to compute, and how.
pub struct ComputeRequest<'a> {
    /// The snapshots to compute; those of other groups are ignored.
    pub wanted: &'a BTreeSet<Snapshot>,
    /// The library's day.
    pub today: NaiveDate,
    /// What rankings show of people.
    pub member_names: MemberNames,
    /// How to read the database.
    pub scan: ScanSettings,
}

/// Receives each snapshot's `data` as soon as it is computed.
pub type Sink<'a> = &'a mut (dyn FnMut(Snapshot, Box<RawValue>) -> Result<()> + Send);

/// Snapshots that could not be computed, and why.
pub type Failures = Vec<(Snapshot, Error)>;

/// Computes the requested snapshots of `group` and passes each to `sink`. Returns those that failed. A missing table or
/// column costs only the snapshots that need it.
pub async fn compute(
    group: Group,
    session: &mut Session,
    request: &ComputeRequest<'_>,
    sink: Sink<'_>,
) -> Failures {
    let mut results = Results {
        wanted: request.wanted,
        sink,
        failed: Vec::new(),
    };
    match group {
        Group::Visitors => Box::pin(compute_visitors(session, request, &mut results)).await,
        Group::Books => Box::pin(compute_books(session, request, &mut results)).await,
    }
    results.failed
}

async fn compute_visitors(
    session: &mut Session,
    request: &ComputeRequest<'_>,
    results: &mut Results<'_>,
) {
    let both: Vec<Snapshot> = SERIES.into_iter().chain(VISITORS).collect();
    let Some(schema) = results.or_fail(&both, TableSchema::of(session, "visitor_count").await)
    else {
        return;
    };
    let series = results.wants(&SERIES);
    let has_ids = schema.require("member_id");
    let rankings = results.wants(&VISITORS) && results.or_fail(&VISITORS, has_ids).is_some();
    if !series && !rankings {
        return;
    }
    let visits = VisitScan::read(
        session,
        &request.scan,
        &schema,
        request.today,
        (series, rankings),
    )
    .await;
    let affected: &[Snapshot] = match (series, rankings) {
        (true, true) => &both,
        (true, false) => &SERIES,
        (false, _) => &VISITORS,
    };
    let Some(visits) = results.or_fail(affected, visits) else {
        return;
    };
    if let Some(days) = visits.days {
        let today = request.today;
        results.computed(Snapshot::Weekly, &series::weekly(&days, today));
        results.computed(Snapshot::Monthly, &series::monthly(&days, today));
        results.computed(Snapshot::Yearly, &series::yearly(&days, today));
    }
    if let Some(members) = visits.members {
        let top = top_visitors::top(session, members, request.member_names).await;
        results.computed_all(VISITORS, top);
    }
}

async fn compute_books(
    session: &mut Session,
    request: &ComputeRequest<'_>,
    results: &mut Results<'_>,
) {
    let both: Vec<Snapshot> = BORROWERS.into_iter().chain(TITLES).collect();
    let schema = TableSchema::of(session, "loan").await;
    let schema = results.or_fail(&both, schema);
    let has = |column: &str| schema.as_ref().map(|schema| schema.require(column));
    let (has_codes, has_ids) = (has("item_code"), has("member_id"));

    let mut titles = None;
    if results.wants(&TITLES)
        && let Some(has_codes) = has_codes
        && results.or_fail(&TITLES, has_codes).is_some()
    {
        let catalog = ItemCatalog::read(session, &request.scan).await;
        if let Some(catalog) = results.or_fail(&TITLES, catalog) {
            results.computed(Snapshot::Collection, &catalog.collection());
            titles = Some(TitleCounter::new(catalog, request.today));
        }
    }
    // The collection needs fewer columns than the title rankings, so it may succeed without them.
    if titles.is_none() && results.wants(&COLLECTION) {
        let collection = books::collection(session).await.map(|data| [data]);
        results.computed_all(COLLECTION, collection);
    }
    let mut members = None;
    if results.wants(&BORROWERS)
        && let Some(has_ids) = has_ids
        && results.or_fail(&BORROWERS, has_ids).is_some()
    {
        members = Some(MemberCounter::new(request.today));
    }
    let Some(schema) = schema.filter(|_| titles.is_some() || members.is_some()) else {
        return;
    };
    let affected: Vec<Snapshot> = (members.iter().flat_map(|_| BORROWERS))
        .chain(titles.iter().flat_map(|_| TITLES))
        .collect();
    let read = loan_scan::read(session, &request.scan, &schema, &mut titles, &mut members).await;
    if results.or_fail(&affected, read).is_none() {
        return;
    }
    if let Some(members) = members {
        let top = top_borrowers::top(session, members, request.today, request.member_names).await;
        results.computed_all(BORROWERS, top);
    }
    if let Some(titles) = titles {
        let rankings = titles.rankings(session, &request.scan).await;
        results.computed_all(TITLES, rankings);
    }
}

/// Passes results to the sink and collects failures.
struct Results<'a> {
    wanted: &'a BTreeSet<Snapshot>,
    sink: Sink<'a>,
    failed: Failures,
}

impl Results<'_> {
    fn wants(&self, snapshots: &[Snapshot]) -> bool {
        snapshots
            .iter()
            .any(|snapshot| self.wanted.contains(snapshot))
    }

    fn computed(&mut self, snapshot: Snapshot, data: &impl Serialize) {
        if self.wants(&[snapshot]) {
            let data = to_raw_value(data).map_err(Error::from);
            let sent = data.and_then(|data| (self.sink)(snapshot, data));
            self.or_fail(&[snapshot], sent);
        }
    }

    fn computed_all<T: Serialize, const N: usize>(
        &mut self,
        snapshots: [Snapshot; N],
        all: Result<[T; N]>,
    ) {
        for (snapshot, data) in snapshots
            .iter()
            .zip(self.or_fail(&snapshots, all).into_iter().flatten())
        {
            self.computed(*snapshot, &data);
        }
    }

    /// Returns the value of `result`. Records an error as a failure of each requested snapshot in `snapshots`.
    fn or_fail<T>(&mut self, snapshots: &[Snapshot], result: Result<T>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
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
