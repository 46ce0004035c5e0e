//! Ranks members for the month and the year. Visitors and borrowers share this.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::connection::Session;
use crate::mysql::members::{self, Columns, Member};
use crate::snapshots::counts::Counts;
use crate::snapshots::member_counter::MemberTally;
use crate::snapshots::ranking;
use anyhow::Result;
use shared::catalog::Period;
use std::collections::HashMap;

const PERIODS: [Period; 2] = [Period::Month, Period::Year];

/// The rankings of the month and of the year.
pub(super) struct Ranking {
    periods: [Vec<RankedMember>; 2],
    members: HashMap<CollationKey, Member>,
    /// The collation that decides which ids are equal. It has learnt all ids seen so far.
    pub(super) collation: Collation,
}

/// One entry of a ranking.
pub(super) struct RankedMember {
    /// 1 for the first. Equal totals share a rank.
    pub(super) rank: usize,
    /// Number of events in the period.
    pub(super) total: u64,
    /// The period of the ranking.
    pub(super) period: Period,
    /// The key of the member's id.
    pub(super) key: CollationKey,
    /// The member's events.
    pub(super) tally: MemberTally,
    /// The member's id, as spelled in the latest event.
    pub(super) id: String,
}

impl RankedMember {
    /// The id as shown for a former member.
    pub(super) fn shown_id(&self) -> &str {
        self.id.trim()
    }
}

/// A candidate for a ranking.
struct Candidate {
    key: CollationKey,
    tally: MemberTally,
    id: String,
}

impl Ranking {
    /// Ranks the counted members.
    ///
    /// All members who tie with the tenth are looked up in `member`, because the id as shown there decides their order.
    pub(super) async fn build(
        counts: &Counts,
        session: &mut Session,
        columns: Columns,
    ) -> Result<Self> {
        let members = counts.members()?;
        let (counter, mut collation) = (&members.counter, members.collation.clone());
        let all = counter.totals(&collation)?;
        let cutoffs = PERIODS.map(|period| {
            let totals = all.iter().map(|(_, totals)| totals.for_period(period));
            (period, ranking::cutoff_total(totals))
        });
        let is_candidate = |key: &[u8]| {
            let totals = all.get(key).copied().unwrap_or_default();
            cutoffs
                .iter()
                .any(|(period, cutoff)| totals.for_period(*period) >= *cutoff)
        };
        let candidates: Vec<Candidate> = counter
            .tallies(&collation, is_candidate)?
            .into_iter()
            .map(|(key, tally)| Candidate {
                id: counter.id(&tally),
                key,
                tally,
            })
            .collect();
        let ids: Vec<&str> = candidates
            .iter()
            .map(|candidate| candidate.id.as_str())
            .collect();
        let members = members::find_present(session, &mut collation, &ids, columns).await?;
        Ok(Self {
            periods: PERIODS.map(|period| rank(period, &candidates, &members)),
            members,
            collation,
        })
    }

    /// The ranked members who have no row in `member` any more.
    pub(super) fn former_members(&self) -> impl Iterator<Item = &RankedMember> {
        let ranked = self.periods.iter().flatten();
        ranked.filter(|ranked| !self.members.contains_key(&ranked.key))
    }

    /// The rows of the month and of the year. `row` builds one from the ranked member and its row in `member`, if there
    /// is one.
    pub(super) fn rows<T>(&self, row: impl Fn(&RankedMember, Option<&Member>) -> T) -> [Vec<T>; 2] {
        let rows = |period: &Vec<RankedMember>| {
            period
                .iter()
                .map(|ranked| row(ranked, self.members.get(&ranked.key)))
                .collect()
        };
        self.periods.each_ref().map(rows)
    }
}

/// Ranks the candidates of one period by total and by the id as shown.
fn rank(
    period: Period,
    candidates: &[Candidate],
    members: &HashMap<CollationKey, Member>,
) -> Vec<RankedMember> {
    let active: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.tally.totals.for_period(period) > 0)
        .collect();
    let shown_id = |candidate: &&Candidate| {
        let member = members.get(&candidate.key).map(|member| member.id.as_str());
        member.unwrap_or(candidate.id.trim()).to_owned()
    };
    let total = |candidate: &&Candidate| candidate.tally.totals.for_period(period);
    let to_ranked = |(rank, candidate): (usize, &Candidate)| RankedMember {
        rank,
        total: total(&candidate),
        period,
        key: candidate.key.clone(),
        tally: candidate.tally,
        id: candidate.id.clone(),
    };
    let ranked = ranking::top(active, total, shown_id);
    ranked.into_iter().map(to_ranked).collect()
}
