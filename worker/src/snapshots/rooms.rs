//! Visits by room, this month and this year.

use crate::mysql::collation::Collation;
use crate::mysql::connection::Session;
use crate::mysql::visits;
use crate::snapshots::computation::Computation;
use crate::snapshots::counts::Counts;
use crate::snapshots::figure::{Figure, VisitRow, Visits};
use crate::snapshots::labels::Labels;
use crate::snapshots::needs::Needs;
use crate::window::Window;
use anyhow::Result;
use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use shared::catalog::{Period, Snapshot};
use shared::rows::visitors::RoomTotal;
use std::cmp::Reverse;
use std::collections::HashMap;

const SNAPSHOTS: [Snapshot; 2] = [Snapshot::RoomsMonth, Snapshot::RoomsYear];

/// Counts visits by the code of the room.
pub(super) struct Rooms {
    windows: [Window; 2],
    /// By the code as spelled, trimmed: the visits of the month and of the year.
    visits: HashMap<Box<str>, [u64; 2]>,
}

impl Rooms {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self {
            windows: [Period::Month, Period::Year].map(|period| Window::current(period, today)),
            visits: HashMap::new(),
        }
    }

    async fn rows(&self, session: &mut Session) -> Result<[Vec<RoomTotal>; 2]> {
        let mut collation = Collation::of(session, visits::TABLE, "room_code").await?;
        let known = visits::rooms(session).await?;
        let known: Vec<(&str, &str)> = known
            .iter()
            .map(|(code, name)| (code.trim(), name.as_str()))
            .collect();
        let codes = self.visits.keys().map(AsRef::as_ref);
        let all = codes.chain(known.iter().map(|(code, _)| *code));
        collation.learn(session, all).await?;
        let known = known.iter().map(|room| (collation.key(room.0), *room));
        let known: HashMap<_, _> = known.collect();
        Ok([0, 1].map(|window| {
            let (mut rooms, mut without) = (Labels::new(&collation), 0);
            for (code, visits) in &self.visits {
                match &**code {
                    "" => without += visits[window],
                    _ if visits[window] == 0 => {}
                    code => drop(rooms.add(code, visits[window])),
                }
            }
            let mut rows: Vec<RoomTotal> = rooms
                .into_groups()
                .map(|(key, label)| {
                    let known = known.get(&key);
                    let code = known.map_or(label.smallest(), |(code, _)| code);
                    RoomTotal {
                        room: Some(code.to_owned()),
                        name: known.map(|(_, name)| (*name).to_owned()),
                        visits: label.visits,
                    }
                })
                .collect();
            rows.sort_unstable_by_key(|row| (Reverse(row.visits), row.room.clone()));
            rows.push(RoomTotal {
                room: None,
                name: None,
                visits: without,
            });
            rows
        }))
    }
}

impl Figure<Visits> for Rooms {
    fn name(&self) -> &'static str {
        "the visits by room"
    }

    fn snapshots(&self) -> &'static [Snapshot] {
        &SNAPSHOTS
    }

    fn needs(&self) -> Needs {
        Needs {
            columns: vec![(visits::TABLE, "room_code")],
            rows: Some(self.windows[1]),
            ..Needs::default()
        }
    }

    fn add(&mut self, row: &VisitRow<'_>) -> Result<()> {
        let Some(day) = row.visit.time.date() else {
            return Ok(());
        };
        let [in_month, in_year] = self.windows.map(|window| window.contains(day));
        if in_year {
            let code = String::from_utf8_lossy(row.visit.room);
            let code = code.trim();
            let visits = match self.visits.get_mut(code) {
                Some(visits) => visits,
                None => self.visits.entry(code.into()).or_default(),
            };
            visits[0] += u64::from(in_month);
            visits[1] += 1;
        }
        Ok(())
    }

    fn finish<'a>(
        self: Box<Self>,
        _: &'a Counts,
        computation: &'a mut Computation<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let rows = self.rows(computation.session).await;
            computation.results.computed_all(SNAPSHOTS, rows);
        })
    }
}
