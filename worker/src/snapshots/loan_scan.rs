//! The pass over `loan`: by title for three rankings and by member for two, each row read once.

use crate::mysql::connection::Session;
use crate::mysql::loans::Loans;
use crate::mysql::schema::TableSchema;
use crate::snapshots::compute::ComputeRequest;
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::top_titles::TitleCounter;
use anyhow::Result;

/// Reads every loan into those of the two that are wanted.
pub(super) async fn read(
    session: &mut Session,
    order: &ComputeRequest<'_>,
    plan: &TableSchema,
    titles: &mut Option<TitleCounter>,
    people: &mut Option<MemberCounter>,
) -> Result<()> {
    let window = people.as_ref().map(MemberCounter::window);
    let mut loans = Loans::begin(session, &order.reading, plan, titles.is_some(), window).await?;
    loop {
        let more = loans.chunk(session, |loan| {
            if let Some(people) = people.as_mut() {
                people.add(loan.by_member())?;
            }
            if let Some(titles) = titles.as_mut() {
                titles.add(loan.by_code());
            }
            Ok(())
        });
        let more = more.await?;
        if let Some(people) = people.as_mut() {
            people.count()?;
        }
        if !more {
            return Ok(());
        }
        if let Some(titles) = titles.as_mut()
            && titles.held() >= order.reading.held
        {
            titles.resolve_pending(session, &order.reading).await;
        }
    }
}
