//! Scans `loan` and counts by title for three rankings and by member for two. Each row is read once.

use crate::mysql::connection::Session;
use crate::mysql::loans::Loans;
use crate::mysql::scan_settings::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::snapshots::member_counter::MemberCounter;
use crate::snapshots::top_titles::TitleCounter;
use anyhow::Result;

/// Reads every loan into the counters that are given.
pub(super) async fn read(
    session: &mut Session,
    settings: &ScanSettings,
    schema: &TableSchema,
    titles: &mut Option<TitleCounter>,
    members: &mut Option<MemberCounter>,
) -> Result<()> {
    let window = members.as_ref().map(MemberCounter::window);
    let mut loans = Loans::begin(session, settings, schema, titles.is_some(), window).await?;
    loop {
        let more = loans.read_chunk(session, |loan| {
            if let Some(members) = members.as_mut() {
                members.add(loan.by_member())?;
            }
            if let Some(titles) = titles.as_mut() {
                titles.add(loan.by_code());
            }
            Ok(())
        });
        if !more.await? {
            return Ok(());
        }
        if let Some(titles) = titles.as_mut()
            && titles.pending_count() >= settings.max_pending
        {
            titles.resolve_pending(session, settings).await;
        }
    }
}
