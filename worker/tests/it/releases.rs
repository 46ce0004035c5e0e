//! Every figure on the tables of each release of SLiMS.

use crate::fixture::Fixture;
use shared::catalog::Snapshot;
use testkit::oracle::Names;
use testkit::schema::Shape;

#[tokio::test]
async fn every_release_has_every_figure_that_its_tables_allow() {
    for (release, shape) in Shape::RELEASES {
        let fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", shape).await;
        let refreshed = fixture.refresh().await;
        fixture.assert_all(Names::Full).await;
        let missing = Snapshot::ALL.into_iter().filter(|snapshot| {
            let path = snapshot.path().trim_start_matches("/api/");
            !shape.has(path)
        });
        let mut missing: Vec<String> = missing.map(Snapshot::name).collect();
        missing.sort();
        let error = refreshed.err().map(|error| error.to_string());
        let error = error.unwrap_or_default();
        let is_named = missing.iter().all(|name| error.contains(name));
        assert!(is_named, "SLiMS {release}: {error}");
        assert_eq!(
            error.is_empty(),
            missing.is_empty(),
            "SLiMS {release}: {error}"
        );

        let report = fixture.check().await;
        let findings = report.findings.iter();
        let lost = findings.filter_map(|found| found.details.get("snapshots_lost")?.as_array());
        let lost = lost.flatten().filter_map(|name| name.as_str());
        let mut lost: Vec<String> = lost.map(str::to_owned).collect();
        lost.sort();
        lost.dedup();
        assert_eq!(lost, missing, "worker check on SLiMS {release}");
    }
}
