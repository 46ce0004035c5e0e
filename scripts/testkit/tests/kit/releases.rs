//! The databases of each release of SLiMS hold the generated rows, as far as their tables have room for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;
use testkit::load::load;
use testkit::mariadb::shared_mariadb;
use testkit::oracle::fold::fold;
use testkit::schema::{SENAYAN_3, Shape};
use testkit::server::unique;

use crate::rows::{ZONE, now};

fn library() -> Library {
    generate(&Plan {
        size: Size::Tiny,
        years: 1,
        now: now().with_timezone(&ZONE).naive_local(),
        seed: 5,
        dirty: true,
    })
}

/// A database of that shape with these rows.
async fn database(library: &Arc<Library>, shape: &Shape) -> Conn {
    let (mariadb, database) = (shared_mariadb().await, unique("release"));
    let loaded = load(mariadb.opts(None), &database, library, shape, |_, _, _| ());
    loaded.await.expect("the library is loaded");
    let conn = Conn::new(mariadb.opts(Some(&database))).await;
    let mut conn = conn.expect("a connection");
    // An ALTER TABLE copies the rows, and other modes refuse zero dates.
    let relaxed = conn.query_drop("SET SESSION sql_mode = ''").await;
    relaxed.expect("a session that takes zero dates");
    conn
}

async fn texts(conn: &mut Conn, sql: &str) -> Vec<String> {
    conn.query(sql).await.expect("the rows")
}

/// The tables and columns that some release lacks.
async fn optional(conn: &mut Conn) -> Vec<String> {
    let sql = "SELECT DISTINCT CONCAT(table_name, '.', column_name) FROM information_schema.columns \
               WHERE table_schema = DATABASE() AND (table_name, column_name) IN \
               (('loan', 'uid'), ('loan_history', 'loan_id'), ('mst_visitor_room', 'id'), \
               ('visitor_count', 'room_code'), ('biblio', 'opac_hide'), ('member', 'is_pending')) ORDER BY 1";
    texts(conn, sql).await
}

#[tokio::test]
async fn each_release_has_its_tables_and_columns() {
    let library = Arc::new(library());
    let always = ["biblio.opac_hide", "member.is_pending"];
    let history = ["loan.uid", "loan_history.loan_id"];
    let rooms = ["mst_visitor_room.id", "visitor_count.room_code"];
    for (release, shape) in Shape::RELEASES {
        let mut wanted = always.to_vec();
        if matches!(release, "9.0" | "9.6" | "9.7") {
            wanted.extend(history);
        }
        if matches!(release, "9.6" | "9.7") {
            wanted.extend(rooms);
        }
        wanted.sort_unstable();
        let mut conn = database(&library, &shape).await;
        assert_eq!(optional(&mut conn).await, wanted, "{release}");
        let visits = texts(&mut conn, "SELECT COUNT(*) FROM visitor_count").await;
        assert_eq!(visits, [library.visits.len().to_string()], "{release}");
        let mut stripped = (*library).clone();
        shape.strip(&mut stripped);
        assert_eq!(stripped == *library, release >= "9.6", "{release}");
        if release == "5" {
            for statement in SENAYAN_3 {
                let changed = conn.query_drop(statement).await;
                changed.unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
            assert!(optional(&mut conn).await.is_empty());
        }
        conn.disconnect().await.expect("the end of the connection");
    }
}

#[tokio::test]
async fn dates_classes_and_rooms_are_stored_as_generated() {
    let library = Arc::new(library());
    let mut conn = database(&library, &Shape::default()).await;
    let or_dash = |text: Option<String>| text.unwrap_or("-".to_owned());
    let biblios = library.biblios.iter().map(|row| {
        let class = row.classification.as_deref().unwrap_or("-");
        let at = or_dash(row.input_date.map(|at| at.to_string()));
        format!("{} {class} {at}", row.biblio_id)
    });
    let sql = "SELECT CONCAT_WS(' ', biblio_id, IFNULL(classification, '-'), IFNULL(input_date, '-')) FROM biblio \
               ORDER BY biblio_id";
    assert_eq!(texts(&mut conn, sql).await, biblios.collect::<Vec<_>>());
    let items = library.items.iter().map(|row| {
        let at = or_dash(row.input_date.map(|at| at.to_string()));
        format!("{} {at}", row.item_id)
    });
    let sql = "SELECT CONCAT_WS(' ', item_id, IFNULL(input_date, '-')) FROM item ORDER BY item_id";
    assert_eq!(texts(&mut conn, sql).await, items.collect::<Vec<_>>());
    let members = library.members.iter().map(|row| {
        let date =
            |date: Option<testkit::wall_clock::WallDate>| or_dash(date.map(|it| it.to_string()));
        format!(
            "{} {} {} {} {}",
            row.member_id,
            row.expire_date,
            date(row.member_since_date),
            date(row.input_date),
            u8::from(row.is_pending)
        )
    });
    let mut members: Vec<String> = members.collect();
    members.sort();
    let sql = "SELECT CONCAT_WS(' ', member_id, expire_date, IFNULL(member_since_date, '-'), IFNULL(input_date, '-'), \
               is_pending) FROM member";
    let mut stored = texts(&mut conn, sql).await;
    stored.sort();
    assert_eq!(stored, members);
    let rooms = library.rooms.iter().flatten();
    let rooms = rooms.map(|row| format!("{} {} {}", row.id, row.name, row.unique_code));
    let sql = "SELECT CONCAT_WS(' ', id, name, unique_code) FROM mst_visitor_room ORDER BY id";
    assert_eq!(texts(&mut conn, sql).await, rooms.collect::<Vec<_>>());
    conn.disconnect().await.expect("the end of the connection");
}

/// Otherwise a figure by place would differ between the oracle and any worker.
#[tokio::test]
async fn the_database_tells_places_apart_as_the_oracle_does() {
    let library = Arc::new(library());
    let mut conn = database(&library, &Shape::default()).await;
    let visits = || library.visits.iter();
    let members = library.members.iter();
    let rooms = library.rooms.iter().flatten();
    let columns: [(&str, Vec<&str>); 4] = [
        (
            "institution FROM visitor_count",
            visits()
                .filter_map(|row| row.institution.as_deref())
                .collect(),
        ),
        (
            "room_code FROM visitor_count",
            visits()
                .filter_map(|row| row.room_code.as_deref())
                .collect(),
        ),
        (
            "inst_name FROM member",
            members.filter_map(|row| row.inst_name.as_deref()).collect(),
        ),
        (
            "unique_code FROM mst_visitor_room",
            rooms.map(|row| &*row.unique_code).collect(),
        ),
    ];
    for (column, spellings) in columns {
        let groups: BTreeSet<String> = spellings.into_iter().map(fold).collect();
        let (name, table) = column.split_once(' ').expect("a column and its table");
        let sql = format!("SELECT COUNT(DISTINCT {name}) {table}");
        assert_eq!(
            texts(&mut conn, &sql).await,
            [groups.len().to_string()],
            "{column}"
        );
    }
    conn.disconnect().await.expect("the end of the connection");
}
