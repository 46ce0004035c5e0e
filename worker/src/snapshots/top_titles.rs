//! The titles with the most loans: of all time, this month and this year.

use crate::mysql::books::{self, Title};
use crate::mysql::connection::Session;
use crate::mysql::loans;
use crate::mysql::schema::TableSchema;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, Loans};
use crate::snapshots::needs::Needs;
use crate::snapshots::ranking;
use crate::snapshots::title_counter::{self, ALL_TIME, MONTH, TitleCounter, YEAR};
use anyhow::Result;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows::books::TopTitle;

/// Titles per lookup: ten for the ranking, and spare ones because some may be hidden.
const LOOKUP_BATCH: usize = 50;

const SNAPSHOTS: [Snapshot; 3] = [
    Snapshot::TopBorrowed,
    Snapshot::TopBorrowedMonth,
    Snapshot::TopBorrowedYear,
];

/// The rankings of titles.
pub(super) struct TopTitles;

impl Figure<Loans> for TopTitles {
    fn name(&self) -> &'static str {
        "the rankings of titles"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &SNAPSHOTS
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: [&title_counter::COLUMNS[..], &[("biblio", "title")]].concat(),
            titles: true,
            ..Needs::default()
        }
    }

    fn finish<'a>(
        self: Box<Self>,
        counts: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let rankings = rankings(counts, computation.session).await;
            computation.results.computed_all(SNAPSHOTS, rankings);
        })
    }
}

/// The rankings of all time, of the month and of the year.
async fn rankings(counts: &Counts, session: &mut Session) -> Result<[Vec<TopTitle>; 3]> {
    let titles = counts.titles()?;
    let schema = TableSchema::of(session, "biblio").await?;
    let mut rankings: [Vec<TopTitle>; 3] = Default::default();
    for (window, rows) in [ALL_TIME, MONTH, YEAR].into_iter().zip(&mut rankings) {
        *rows = ranking(titles, session, &schema, window).await?;
    }
    Ok(rankings)
}

async fn ranking(
    titles: &TitleCounter,
    session: &mut Session,
    schema: &TableSchema,
    window: usize,
) -> Result<Vec<TopTitle>> {
    let present = titles.catalog().titles().iter().zip(titles.totals());
    let present = present.map(|(title, totals)| (totals[window], title.id));
    let deleted = titles.deleted().iter();
    let deleted = deleted.map(|(title, deleted)| (deleted.totals[window], *title));
    let mut by_total: Vec<(u32, i64)> = present
        .chain(deleted)
        .filter(|(total, _)| *total > 0)
        .collect();
    by_total.sort_unstable_by_key(|(total, title)| (std::cmp::Reverse(*total), *title));

    let mut visible: Vec<(i64, u64, Option<String>)> = Vec::new();
    for batch in by_total.chunks(LOOKUP_BATCH) {
        let ids: Vec<i64> = batch.iter().map(|(_, title)| *title).collect();
        let present = books::titles(session, schema, &ids).await?;
        let latest_loan =
            |title: &i64| titles.deleted().get(title)?.latest[window].map(|(_, loan)| loan);
        let latest_loans: Vec<i64> = ids
            .iter()
            .filter(|title| !present.contains_key(title))
            .filter_map(latest_loan)
            .collect();
        let history = loans::history_titles(session, &latest_loans).await?;
        for (total, title) in batch {
            let text = match present.get(title) {
                Some(Title { hidden: true, .. }) => continue,
                Some(Title { text, .. }) => text.clone(),
                None => latest_loan(title).and_then(|loan| history.get(&loan).cloned()),
            };
            visible.push((*title, (*total).into(), text));
        }
        if visible.len() >= ranking::TOP {
            break;
        }
    }
    let ranked = ranking::top(visible, |(_, total, _)| *total, |(title, ..)| *title);
    let rows = ranked
        .into_iter()
        .map(|(rank, (biblio_id, total, title))| TopTitle {
            rank,
            biblio_id,
            title,
            total,
        });
    Ok(rows.collect())
}
