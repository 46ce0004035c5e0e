//! The pass over `loan`: by title for three rankings and by member for two, each row read once.

use crate::figures::Order;
use crate::figures::titles::Titles;
use crate::source::database::Session;
use crate::source::loans::Loans;
use crate::source::plan::Plan;
use crate::stats::people::People;
use anyhow::Result;

/// Reads every loan into those of the two that are wanted.
pub(super) async fn read(
    session: &mut Session,
    order: &Order<'_>,
    plan: &Plan,
    titles: &mut Option<Titles>,
    people: &mut Option<People>,
) -> Result<()> {
    let window = people.as_ref().map(People::window);
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
            titles.settle(session, &order.reading).await;
        }
    }
}
