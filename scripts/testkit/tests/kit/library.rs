//! The generator and the load: the same rows for the same plan, every bad row in them, all of them in every engine.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{NaiveDate, TimeZone as _};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;
use testkit::load::load;
use testkit::mariadb::shared_mariadb;
use testkit::oracle::fold::fold;
use testkit::oracle::{Oracle, PATHS};
use testkit::schema::{Engine, Shape};
use testkit::server::unique;
use testkit::wall::WallDate;

/// A Friday in March of a year after a leap year's; `years` of three reach back over 29 February 2024.
fn plan() -> Plan {
    let now = NaiveDate::from_ymd_opt(2026, 3, 20)
        .and_then(|day| day.and_hms_opt(10, 30, 0))
        .expect("a moment");
    Plan {
        size: Size::Tiny,
        years: 3,
        now,
        seed: 7,
        dirty: true,
    }
}

#[test]
fn the_same_plan_gives_the_same_rows() {
    assert!(generate(&plan()) == generate(&plan()));
    assert!(generate(&plan()) != generate(&Plan { seed: 8, ..plan() }));
    let clean = generate(&Plan {
        dirty: false,
        ..plan()
    });
    assert!(
        clean
            .visits
            .iter()
            .all(|visit| visit.checkin_date.calendar().is_some())
    );
    assert!(
        (3000..7000).contains(&clean.visits.len()),
        "{}",
        clean.visits.len()
    );
    assert!(
        (250..500).contains(&clean.loans.len()),
        "{}",
        clean.loans.len()
    );
}

#[test]
fn every_size_of_row_fits_its_column() {
    let library = generate(&plan());
    let longest =
        |texts: &mut dyn Iterator<Item = &Arc<str>>| texts.map(|text| text.chars().count()).max();
    assert!(
        longest(
            &mut library
                .visits
                .iter()
                .filter_map(|row| row.member_id.as_ref())
        ) <= Some(20)
    );
    assert!(longest(&mut library.members.iter().map(|row| &row.member_id)) <= Some(20));
    assert!(
        longest(
            &mut library
                .histories
                .iter()
                .filter_map(|row| row.title.as_ref())
        ) <= Some(300)
    );
    let members: HashSet<String> = library
        .members
        .iter()
        .map(|row| fold(&row.member_id))
        .collect();
    assert_eq!(
        members.len(),
        library.members.len(),
        "two members of one id"
    );
    let visits: HashSet<u32> = library.visits.iter().map(|row| row.visitor_id).collect();
    assert_eq!(visits.len(), library.visits.len(), "two visits of one id");
    let loans: HashSet<u32> = library.loans.iter().map(|row| row.loan_id).collect();
    assert_eq!(loans.len(), library.loans.len(), "two loans of one id");
    let histories: HashSet<u32> = library.histories.iter().map(|row| row.loan_id).collect();
    assert_eq!(
        histories.len(),
        library.histories.len(),
        "two histories of one loan"
    );
}

#[test]
fn a_dirty_library_has_every_bad_visit() {
    let Library {
        visits, members, ..
    } = generate(&plan());
    let id_is = |wanted: &str| {
        visits
            .iter()
            .any(|visit| visit.member_id.as_deref() == Some(wanted))
    };
    assert!(visits.iter().any(|visit| visit.member_id.is_none()) && id_is("") && id_is("  "));
    assert!(id_is("É77") && id_is("e77") && id_is("E77 "));
    let live: HashSet<String> = members
        .iter()
        .map(|member| fold(&member.member_id))
        .collect();
    let exact: HashSet<&str> = members.iter().map(|member| &*member.member_id).collect();
    let ids = || {
        visits
            .iter()
            .filter_map(|visit| visit.member_id.as_deref())
            .filter(|id| !id.trim().is_empty())
    };
    assert!(
        ids().any(|id| !live.contains(&fold(id))),
        "a deleted member"
    );
    assert!(
        ids().any(|id| live.contains(&fold(id)) && !exact.contains(id)),
        "another spelling"
    );
    assert!(
        members
            .iter()
            .any(|member| member.member_name.starts_with("Siti Aisyah Nu'man")),
        "a renamed member"
    );
    assert!(
        members
            .iter()
            .any(|member| member.member_id.starts_with('N')),
        "a changed id"
    );
    assert!(
        members
            .iter()
            .any(|member| member.inst_name.as_deref() == Some("  ")),
        "a blank institution"
    );
    let has = |date: &str, time: &str| {
        let wanted = format!("{date} {time}");
        assert!(
            visits
                .iter()
                .any(|visit| visit.checkin_date.to_string() == wanted),
            "{wanted}"
        );
    };
    for day in [
        "2026-03-20",
        "2026-03-19",
        "2026-03-14",
        "2026-03-13",
        "2026-03-01",
        "2026-02-28",
        "2025-04-01",
    ] {
        has(day, "00:00:00");
        has(day, "23:59:59");
    }
    for day in [
        "2025-03-31",
        "2026-01-01",
        "2025-12-31",
        "2022-01-01",
        "2021-12-31",
        "2024-02-29",
        "2026-03-21",
    ] {
        has(day, "00:00:00");
        has(day, "23:59:59");
    }
    for day in [
        "0000-00-00",
        "2026-00-00",
        "2027-00-00",
        "2026-03-00",
        "2025-00-00",
        "2027-01-00",
    ] {
        has(day, "00:00:00");
    }
    has("2027-03-20", "09:30:00");
    let now = plan().now;
    let today = visits
        .iter()
        .filter_map(|visit| visit.checkin_date.calendar())
        .filter(|at| at.date() == now.date());
    assert!(today.clone().any(|at| at <= now) && today.clone().any(|at| at > now));
    let last = visits
        .iter()
        .max_by_key(|visit| visit.visitor_id)
        .expect("visits");
    assert!(
        last.checkin_date.date <= WallDate::from(now.date()),
        "the highest id is not back-dated"
    );
}

#[test]
fn a_dirty_library_has_every_bad_loan_and_title() {
    let library = generate(&plan());
    let Library {
        loans,
        items,
        biblios,
        histories,
        ..
    } = &library;
    let copies: HashSet<&str> = items
        .iter()
        .filter_map(|item| item.item_code.as_deref())
        .collect();
    let folded: HashSet<String> = copies.iter().map(|code| fold(code)).collect();
    let titles: HashSet<u32> = biblios.iter().map(|biblio| biblio.biblio_id).collect();
    let kept: HashSet<u32> = histories.iter().map(|row| row.loan_id).collect();
    let codes = || {
        loans
            .iter()
            .filter_map(|loan| Some((loan.loan_id, loan.item_code.as_deref()?)))
    };
    assert!(
        codes().any(|(id, code)| !folded.contains(&fold(code)) && kept.contains(&id)),
        "a deleted copy"
    );
    assert!(
        codes().any(|(id, code)| !folded.contains(&fold(code)) && !kept.contains(&id)),
        "an orphan"
    );
    assert!(
        codes().any(|(id, code)| copies.contains(code) && !kept.contains(&id)),
        "a trigger that failed"
    );
    assert!(
        codes().any(|(_, code)| code.ends_with(' '))
            && codes().any(|(_, code)| code.starts_with('b'))
    );
    assert!(
        histories.iter().any(|row| !titles.contains(&row.biblio_id)),
        "a deleted title with a history"
    );
    assert!(
        items.iter().any(|item| item.biblio_id.is_none()),
        "a copy of nothing"
    );
    assert!(
        items
            .iter()
            .any(|item| item.biblio_id.is_some_and(|id| !titles.contains(&id))),
        "a dangling copy"
    );
    assert!(biblios.iter().any(|biblio| biblio.opac_hide));
    assert!(
        biblios
            .iter()
            .any(|biblio| biblio.title.chars().count() == 400 && biblio.title.contains('’'))
    );
    assert!(
        biblios
            .iter()
            .any(|biblio| biblio.title.contains("<script>"))
    );
    assert!(
        loans.iter().any(|loan| !loan.is_lent) && loans.iter().any(|loan| loan.member_id.is_none())
    );
    assert!(
        loans
            .iter()
            .any(|loan| loan.return_date.is_some() && !loan.is_return)
    );
    for date in [
        "0000-00-00",
        "2026-00-00",
        "2027-00-00",
        "2026-03-00",
        "2026-03-21",
        "2027-03-20",
        "2024-02-29",
    ] {
        assert!(
            loans.iter().any(|loan| loan.loan_date.to_string() == date),
            "{date}"
        );
    }
}

#[test]
fn rankings_of_a_dirty_library_are_full_and_tied() {
    let library = generate(&plan());
    let zone = chrono_tz::Asia::Jakarta;
    let now = zone
        .from_local_datetime(&plan().now)
        .single()
        .expect("a moment")
        .to_utc();
    let oracle = Oracle::new(&library, now, zone);
    for path in PATHS.iter().filter(|path| path.contains("top")) {
        let rows: Vec<serde_json::Value> =
            serde_json::from_str(&oracle.data(path)).expect("a list");
        let totals: Vec<u64> = rows
            .iter()
            .filter_map(|row| row["total"].as_u64())
            .collect();
        assert_eq!(totals.len(), 10, "{path}");
        assert!(
            totals.windows(2).any(|pair| pair[0] == pair[1]),
            "{path} has no tie: {totals:?}"
        );
    }
    assert!(
        oracle
            .data("visitors/monthly/top")
            .contains(r#""member_id":"e77""#)
    );
    let mut quiet = library.clone();
    quiet.clear_month(2026, 3);
    assert_eq!(
        Oracle::new(&quiet, now, zone).data("visitors/monthly/top"),
        "[]"
    );
    assert_eq!(
        Oracle::new(&quiet, now, zone).data("books/top-borrowers/month"),
        "[]"
    );
}

#[tokio::test]
async fn every_engine_takes_every_row() {
    let library = Arc::new(generate(&plan()));
    let maria = shared_mariadb().await;
    let modern = Shape::default();
    let shapes = [
        modern,
        Shape {
            engine: Engine::InnoDb,
            date_index: true,
            ..modern
        },
        Shape {
            engine: Engine::Aria,
            room_code: false,
            loan_history: false,
            ..modern
        },
    ];
    for shape in shapes {
        let database = unique("lib");
        let mut heard = HashSet::new();
        let progress = |table, done, total| {
            assert!(done <= total);
            heard.insert(table);
        };
        load(maria.opts(None), &database, &library, &shape, progress)
            .await
            .expect("it loads");
        assert_eq!(heard.contains("loan_history"), shape.loan_history);
        let mut conn = Conn::new(maria.opts(Some(&database)))
            .await
            .expect("a connection");
        let sql = "SELECT (SELECT COUNT(*) FROM visitor_count), (SELECT COUNT(*) FROM loan), (SELECT COUNT(*) FROM item), \
                   (SELECT COUNT(*) FROM biblio), (SELECT COUNT(*) FROM member)";
        let counts: Option<(usize, usize, usize, usize, usize)> =
            conn.query_first(sql).await.expect("counts");
        let Library {
            visits,
            loans,
            items,
            biblios,
            members,
            histories,
        } = &*library;
        assert_eq!(
            counts,
            Some((
                visits.len(),
                loans.len(),
                items.len(),
                biblios.len(),
                members.len()
            ))
        );
        if shape.loan_history {
            let kept: Option<usize> = conn
                .query_first("SELECT COUNT(*) FROM loan_history")
                .await
                .expect("a count");
            assert_eq!(kept, Some(histories.len()));
        }
        let sql = "SELECT ENGINE, TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()";
        let tables: Vec<(String, String)> = conn.query(sql).await.expect("tables");
        assert_eq!(tables.len(), if shape.loan_history { 6 } else { 5 });
        let wanted = (shape.engine.to_string(), "utf8mb3_unicode_ci".to_owned());
        assert!(tables.iter().all(|table| *table == wanted), "{tables:?}");
        let texts: Vec<(u32, String)> = conn
            .query("SELECT visitor_id, CAST(checkin_date AS CHAR) FROM visitor_count")
            .await
            .expect("times");
        let texts: HashSet<(u32, String)> = texts.into_iter().collect();
        assert!(
            visits
                .iter()
                .all(|visit| texts.contains(&(visit.visitor_id, visit.checkin_date.to_string())))
        );
        let titles: Vec<(u32, String)> = conn
            .query("SELECT biblio_id, title FROM biblio")
            .await
            .expect("titles");
        let titles: HashSet<(u32, String)> = titles.into_iter().collect();
        assert!(
            biblios
                .iter()
                .all(|biblio| titles.contains(&(biblio.biblio_id, biblio.title.to_string())))
        );
        let groups = "SELECT COUNT(DISTINCT member_id), COUNT(DISTINCT CONCAT('x', member_id)) FROM visitor_count";
        let groups: Option<(usize, usize)> = conn.query_first(groups).await.expect("groups");
        let folded: HashSet<String> = visits
            .iter()
            .filter_map(|visit| visit.member_id.as_deref())
            .map(fold)
            .collect();
        assert_eq!(groups.map(|(groups, _)| groups), Some(folded.len()));
        conn.disconnect().await.expect("it leaves");
    }
}

#[tokio::test]
async fn the_fold_is_the_servers_for_latin_letters() {
    let maria = shared_mariadb().await;
    let mut conn = Conn::new(maria.opts(None)).await.expect("a connection");
    let letters: Vec<char> = (' '..='\u{17f}')
        .filter(|letter| letter.is_alphanumeric())
        .collect();
    let weights: Vec<String> = letters
        .iter()
        .map(|letter| {
            format!(
                "HEX(WEIGHT_STRING(CONVERT('{letter}' USING utf8mb3) COLLATE utf8mb3_unicode_ci))"
            )
        })
        .collect();
    let mut server = Vec::new();
    for chunk in weights.chunks(50) {
        let row: Option<mysql_async::Row> = conn
            .query_first(format!("SELECT {}", chunk.join(",")))
            .await
            .expect("weights");
        let row = row.expect("one row");
        server.extend((0..chunk.len()).map(|at| row.get::<String, _>(at).expect("a weight")));
    }
    conn.disconnect().await.expect("it leaves");
    let mut wrong = Vec::new();
    for (one, weight) in letters.iter().zip(&server) {
        for (other, like) in letters.iter().zip(&server) {
            if (weight == like) != (fold(&one.to_string()) == fold(&other.to_string())) {
                wrong.push(format!("{one}{other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
