//! One computation of figures: the connection, what is requested, and the results.

use crate::mysql::connection::Session;
use crate::mysql::error::lasting_reason;
use crate::mysql::scan_settings::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::snapshots::member_names::MemberNames;
use crate::snapshots::open_loans::TrackedLoans;
use anyhow::{Error, Result};
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::catalog::Snapshot;
use shared::time::Timestamp;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

/// Which snapshots to compute, and how.
pub struct ComputeRequest<'a> {
    /// The snapshots to compute; those of the other schedule are ignored.
    pub wanted: &'a BTreeSet<Snapshot>,
    /// When the computation began.
    pub began_at: Timestamp,
    /// The library's day then.
    pub today: NaiveDate,
    /// What rankings show of people.
    pub member_names: MemberNames,
    /// How to read the database.
    pub scan: ScanSettings,
    /// Receives the loans that the next rounds of the circulation read again.
    pub tracked: &'a TrackedLoans,
}

/// Receives each snapshot's `data` as soon as it is computed.
pub type Sink<'a> = &'a mut (dyn FnMut(Snapshot, Box<RawValue>) -> Result<()> + Send);

/// Snapshots that could not be computed, and why.
pub type Failures = Vec<(Snapshot, Failure)>;

/// Why a snapshot could not be computed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// The whole error, for operators.
    text: String,
    /// The reason for clients, if it lasts until somebody changes the database.
    pub lasting: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(failure) = error.downcast_ref::<Self>() {
            return failure.clone();
        }
        Self {
            text: format!("{error:#}"),
            lasting: lasting_reason(&error),
        }
    }
}

/// One computation: the connection, what is requested, and the results.
pub(super) struct Computation<'a> {
    pub(super) session: &'a mut Session,
    pub(super) request: &'a ComputeRequest<'a>,
    pub(super) results: Results<'a>,
    schemas: HashMap<&'static str, TableSchema>,
}

impl<'a> Computation<'a> {
    /// Starts a computation that passes each result to `sink`.
    pub(super) fn new(
        session: &'a mut Session,
        request: &'a ComputeRequest<'a>,
        sink: Sink<'a>,
    ) -> Self {
        let results = Results {
            wanted: request.wanted,
            sink,
            failed: Vec::new(),
        };
        Self {
            session,
            request,
            results,
            schemas: HashMap::new(),
        }
    }

    /// The snapshots that could not be computed.
    pub(super) fn into_failures(self) -> Failures {
        self.results.failed
    }

    /// The schema of a table, which is read once.
    ///
    /// # Errors
    /// If the database does not answer.
    pub(super) async fn schema(&mut self, table: &'static str) -> Result<&TableSchema> {
        Ok(match self.schemas.entry(table) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(TableSchema::of(self.session, table).await?),
        })
    }

    /// Checks that a column exists.
    ///
    /// # Errors
    /// If it does not exist, or the database does not answer.
    pub(super) async fn require(&mut self, table: &'static str, column: &str) -> Result<()> {
        self.schema(table).await?.require(column)
    }
}

/// Passes results to the sink and collects failures.
pub(super) struct Results<'a> {
    wanted: &'a BTreeSet<Snapshot>,
    sink: Sink<'a>,
    failed: Failures,
}

impl Results<'_> {
    /// Whether one of `snapshots` is wanted.
    pub(super) fn wants(&self, snapshots: &[Snapshot]) -> bool {
        let mut snapshots = snapshots.iter();
        snapshots.any(|snapshot| self.wanted.contains(snapshot))
    }

    /// Passes the `data` of a snapshot on, if it is wanted.
    pub(super) fn computed(&mut self, snapshot: Snapshot, data: &impl Serialize) {
        if self.wants(&[snapshot]) {
            let data = to_raw_value(data).map_err(Error::from);
            let sent = data.and_then(|data| (self.sink)(snapshot, data));
            self.or_fail(&[snapshot], sent);
        }
    }

    /// Passes the `data` of a snapshot on, or records an error as its failure.
    pub(super) fn computed_or_failed(&mut self, snapshot: Snapshot, data: Result<impl Serialize>) {
        if let Some(data) = self.or_fail(&[snapshot], data) {
            self.computed(snapshot, &data);
        }
    }

    /// Passes the `data` of several snapshots on, or records an error as a failure of each.
    pub(super) fn computed_all<T: Serialize, const N: usize>(
        &mut self,
        snapshots: [Snapshot; N],
        all: Result<[T; N]>,
    ) {
        if let Some(all) = self.or_fail(&snapshots, all) {
            for (snapshot, data) in snapshots.into_iter().zip(all) {
                self.computed(snapshot, &data);
            }
        }
    }

    /// Returns the value of `result`. Records an error as a failure of each requested snapshot in `snapshots`.
    pub(super) fn or_fail<T>(
        &mut self,
        snapshots: &[Snapshot],
        result: Result<T, impl Into<Failure>>,
    ) -> Option<T> {
        let failure: Failure = match result {
            Ok(value) => return Some(value),
            Err(error) => error.into(),
        };
        let wanted = snapshots.iter().filter(|one| self.wanted.contains(*one));
        let failed = wanted.map(|snapshot| (*snapshot, failure.clone()));
        self.failed.extend(failed);
        None
    }
}
