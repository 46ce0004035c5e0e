//! The newest titles that have an item.

use crate::mysql::books::{self, Title};
use crate::mysql::connection::Session;
use crate::mysql::row::WallTime;
use crate::mysql::schema::TableSchema;
use crate::snapshots::computation::Computation;
use crate::snapshots::figure::{Catalogue, Figure};
use crate::snapshots::needs::Needs;
use crate::snapshots::title_catalog::TitleCatalog;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::Snapshot;
use shared::rows::books::NewTitle;
use std::cmp::Reverse;

/// The number of titles.
const NEWEST: usize = 10;
/// Titles per lookup: some may be hidden.
const LOOKUP_BATCH: usize = 50;

/// Lists the newest titles.
pub(super) struct NewTitles;

impl Figure<Catalogue> for NewTitles {
    fn name(&self) -> &'static str {
        "the newest titles"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &[Snapshot::NewTitles]
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![
                ("biblio", "biblio_id"),
                ("biblio", "title"),
                ("biblio", "input_date"),
                ("item", "biblio_id"),
            ],
            ..Needs::default()
        }
    }

    fn finish<'a>(
        self: Box<Self>,
        catalog: &'a TitleCatalog,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let today = computation.request.today;
            let rows = newest(computation.session, catalog, today).await;
            let results = &mut computation.results;
            results.computed_or_failed(Snapshot::NewTitles, rows);
        })
    }
}

async fn newest(
    session: &mut Session,
    catalog: &TitleCatalog,
    today: NaiveDate,
) -> Result<Vec<NewTitle>> {
    let with_items = catalog.titles().iter().filter(|title| title.has_item);
    let mut dated: Vec<(WallTime, i64)> = with_items
        .filter(|title| title.added.date().is_some_and(|day| day <= today))
        .map(|title| (title.added, title.id))
        .collect();
    dated.sort_unstable_by_key(|title| Reverse(*title));
    let schema = TableSchema::of(session, "biblio").await?;
    let mut newest = Vec::with_capacity(NEWEST);
    for batch in dated.chunks(LOOKUP_BATCH) {
        let ids: Vec<i64> = batch.iter().map(|(_, id)| *id).collect();
        let titles = books::titles(session, &schema, &ids).await?;
        for (added, biblio_id) in batch {
            // A title that is gone meanwhile is left out too.
            if let Some(Title {
                text,
                hidden: false,
            }) = titles.get(biblio_id)
                && let Some(added) = added.date()
                && newest.len() < NEWEST
            {
                newest.push(NewTitle {
                    biblio_id: *biblio_id,
                    title: text.clone(),
                    added,
                });
            }
        }
        if newest.len() == NEWEST {
            break;
        }
    }
    Ok(newest)
}
