//! Reads `member` once: for the figures that are made from members, and for those of visits that need to know members.

use crate::mysql::members;
use crate::snapshots::computation::{Computation, Failure};
use crate::snapshots::figure::{Figures, Members};
use crate::snapshots::member_catalog::{MemberCatalog, MemberTypes};
use crate::snapshots::needs::Needs;
use anyhow::Result;

/// Computes `figures`. Returns the catalogue of members if `visits`, the needs of the figures of visits, include it.
pub(super) async fn run(
    mut figures: Figures<Members>,
    visits: &Needs,
    computation: &mut Computation<'_>,
) -> Result<Option<MemberCatalog>, Failure> {
    if figures.is_empty() && !visits.member_catalog {
        return Ok(None);
    }
    let read = read(&mut figures, visits, computation).await;
    let read = read.map_err(Failure::from);
    let is_read = read.as_ref().map(|_| &()).map_err(Clone::clone);
    figures.finish(is_read, computation).await;
    read
}

async fn read(
    figures: &mut Figures<Members>,
    visits: &Needs,
    computation: &mut Computation<'_>,
) -> Result<Option<MemberCatalog>> {
    let mut needs = figures.needs();
    needs.include(visits);
    let types = match visits.has(members::TABLE, "member_type_id") {
        true => MemberTypes::read(computation.session).await?,
        false => MemberTypes::default(),
    };
    let mut catalog = visits.member_catalog.then(|| MemberCatalog::new(types));
    let mut wanted = needs.columns_of(members::TABLE);
    // Without these, members have no institution and joined when their row was made, and none is pending.
    wanted.extend(["inst_name", "is_pending", "member_since_date"]);
    let (session, scan) = (&mut *computation.session, &computation.request.scan);
    let read = members::each(session, scan, &wanted, |member| {
        figures.add(&member);
        match &mut catalog {
            Some(catalog) => catalog.add(&member),
            None => Ok(()),
        }
    });
    read.await?;
    Ok(catalog)
}
