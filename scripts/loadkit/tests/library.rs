//! A library that is kept: built, found again, grown by the days that it lacks, rid of what came later.

use anyhow::Result;
use chrono::{Days, NaiveDate};
use loadkit::library::kept::Kept;
use loadkit::library::size::Size;
use testkit::schema::Engine;

const COUNT: &str = "SELECT COUNT(*) FROM visitor_count";
/// More than the library will grow by: some holes stay.
const LATER: &str = "INSERT INTO visitor_count (member_name, checkin_date) \
     SELECT 'later', '2026-11-24 09:00:00' FROM visitor_count LIMIT 100";

async fn is_whole(library: &Kept) -> Result<bool> {
    let (visits, loans) = (library.last_visit.into(), library.last_loan.into());
    let greatest = library
        .number("SELECT MAX(visitor_id) FROM visitor_count")
        .await?;
    let counts = [
        library.number(COUNT).await?,
        library.number("SELECT COUNT(*) FROM loan").await?,
        library.number("SELECT COUNT(*) FROM loan_history").await?,
    ];
    Ok((greatest, counts) == (visits, [visits, loans, loans]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_found_again_and_grows_by_the_days_that_it_lacks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (size, built) = (
        Size::of_rows(3_000),
        NaiveDate::from_ymd_opt(2026, 11, 19).unwrap(),
    );
    let library = Kept::open(folder.path(), size, Engine::MyIsam, built).await?;
    assert!(library.built_in.is_some() && is_whole(&library).await?);
    assert_eq!(library.last_visit, 3_000);
    library.set_date_indexes(true).await?;
    library.run(LATER).await?;
    assert!(!is_whole(&library).await?);
    library.close(true).await?;

    let monday = built + Days::new(4);
    let library = Kept::open(folder.path(), size, Engine::MyIsam, monday).await?;
    assert!(library.built_in.is_none() && is_whole(&library).await?);
    assert!(library.last_visit > 3_000, "{}", library.last_visit);
    assert!(library.has_date_indexes().await?);
    let holes = "SELECT CAST(data_free AS UNSIGNED) FROM information_schema.tables WHERE table_name = 'visitor_count'";
    assert_eq!(library.number(holes).await?, 0);
    library.close(false).await?;
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}
