//! Builds a library in an empty server, and gives one the days that it lacks.

use crate::library::days::Day;
use crate::library::fill::fill;
use crate::library::marker::Marker;
use crate::library::progress::Progress;
use crate::library::rows::Source;
use crate::library::size::Size;
use crate::library::tsv::Tsv;
use anyhow::{Context as _, Result};
use chrono::NaiveDate;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts};
use std::sync::Arc;
use testkit::library::{Biblio, History, Item, Loan, Member, Visit};
use testkit::schema::{Engine, Shape, tables};

/// Makes the tables with all their keys, without one on a date.
///
/// # Errors
/// As the server says.
pub async fn make_tables(conn: &mut Conn, engine: Engine) -> Result<()> {
    let shape = Shape {
        engine,
        ..Shape::default()
    };
    for table in tables(&shape) {
        let statements = std::iter::once(table.create(engine)).chain(table.add_keys());
        for sql in statements {
            let made = conn.query_drop(sql).await;
            made.with_context(|| format!("making the table {}", table.name))?;
        }
    }
    Ok(())
}

/// Where rows come from and where they go.
#[derive(Clone)]
struct Filling {
    source: Arc<Source>,
    progress: Arc<Progress>,
    opts: Opts,
}

/// Fills empty tables, two at a time: that is what two cores can do.
///
/// # Errors
/// As the server says.
pub async fn fill_all(opts: Opts, size: Size, marker: &Marker) -> Result<()> {
    let source = source(size).await?;
    let progress = Progress::of(&[
        (Visit::TABLE, size.visits.into()),
        (Loan::TABLE, size.loans.into()),
        (History::TABLE, size.loans.into()),
        (Item::TABLE, source.items().count() as u64),
        (Biblio::TABLE, source.biblios().count() as u64),
        (Member::TABLE, source.members().count() as u64),
    ]);
    let filling = Filling {
        source,
        progress: Arc::new(progress),
        opts,
    };
    let (visits, loans) = (days(marker, Marker::visits), days(marker, Marker::loans));
    let one = async {
        filling.days(visits, Source::visits).await?;
        filling.days(loans.clone(), Source::histories).await
    };
    let other = async {
        filling
            .all(|source, put| source.items().for_each(put))
            .await?;
        filling
            .all(|source, put| source.biblios().for_each(put))
            .await?;
        filling
            .all(|source, put| source.members().for_each(put))
            .await?;
        filling.days(loans.clone(), Source::loans).await
    };
    tokio::select! {
        never = filling.progress.tell() => match never {},
        filled = async { tokio::try_join!(one, other) } => filled.map(drop),
    }
}

/// Adds the days after the marker's last one.
///
/// # Errors
/// As the server says.
pub async fn grow(opts: Opts, size: Size, marker: &Marker, until: NaiveDate) -> Result<()> {
    let filling = Filling {
        source: source(size).await?,
        progress: Arc::new(Progress::of(&[])),
        opts,
    };
    let later = |days: crate::library::days::Days| days.until(Some(marker.until), until).collect();
    let loans: Vec<Day> = later(marker.loans());
    filling.days(later(marker.visits()), Source::visits).await?;
    filling.days(loans.clone(), Source::loans).await?;
    filling.days(loans, Source::histories).await
}

impl Filling {
    /// Puts the rows of some days in.
    async fn days<R: Tsv + 'static>(
        &self,
        days: Vec<Day>,
        rows: fn(&Source, &Day) -> Vec<R>,
    ) -> Result<()> {
        self.all(move |source, put| {
            for day in &days {
                rows(source, day).iter().for_each(&mut *put);
            }
        })
        .await
    }

    async fn all<R: Tsv>(
        &self,
        rows: impl FnOnce(&Source, &mut dyn FnMut(&R)) + Send + 'static,
    ) -> Result<()> {
        let source = self.source.clone();
        fill(self.opts.clone(), &self.progress, move |put| {
            rows(&source, put);
        })
        .await
    }
}

/// All days of the first filling.
fn days(marker: &Marker, table: fn(&Marker) -> crate::library::days::Days) -> Vec<Day> {
    table(marker).until(None, marker.until).collect()
}

async fn source(size: Size) -> Result<Arc<Source>> {
    let made = tokio::task::spawn_blocking(move || Source::new(&size)).await;
    Ok(Arc::new(made.context("inventing a library")??))
}
