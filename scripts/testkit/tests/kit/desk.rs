//! The changes at the desk: the statements do to the database what the functions do to the rows.

use std::sync::Arc;

use chrono::NaiveDate;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use testkit::desk;
use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;
use testkit::load::load;
use testkit::mariadb::shared_mariadb;
use testkit::schema::Shape;
use testkit::server::unique;

/// How many changes are made. Each kind of change comes many times.
const CHANGES: usize = 500;

/// The rows that the changes are about, as text.
async fn stored(conn: &mut Conn) -> Vec<Vec<String>> {
    let mut tables = Vec::new();
    for sql in [
        "SELECT CONCAT_WS(' ', loan_id, IFNULL(item_code, '-'), IFNULL(member_id, '-'), loan_date, due_date, renewed, \
         is_lent, is_return, IFNULL(return_date, '-')) FROM loan ORDER BY loan_id",
        "SELECT CONCAT_WS(' ', loan_id, biblio_id, IFNULL(title, '-')) FROM loan_history ORDER BY loan_id",
        "SELECT CONCAT_WS(' ', member_id, IFNULL(member_type_id, '-'), IFNULL(inst_name, '-'), expire_date, is_pending) \
         FROM member ORDER BY BINARY member_id",
        "SELECT CONCAT_WS(' ', member_type_id, member_type_name) FROM mst_member_type ORDER BY member_type_id",
        "SELECT CONCAT_WS(' ', biblio_id, IFNULL(classification, '-')) FROM biblio ORDER BY biblio_id",
        "SELECT CONCAT_WS(' ', id, name, unique_code) FROM mst_visitor_room ORDER BY id",
    ] {
        tables.push(conn.query(sql).await.expect("the rows"));
    }
    tables
}

/// The same from memory.
fn expected(library: &Library) -> Vec<Vec<String>> {
    let or_dash = |text: Option<String>| text.unwrap_or("-".to_owned());
    let loans = library.loans.iter().map(|row| {
        format!(
            "{} {} {} {} {} {} {} {} {}",
            row.loan_id,
            row.item_code.as_deref().unwrap_or("-"),
            row.member_id.as_deref().unwrap_or("-"),
            row.loan_date,
            row.due_date,
            row.renewed,
            u8::from(row.is_lent),
            u8::from(row.is_return),
            or_dash(row.return_date.map(|date| date.to_string()))
        )
    });
    let histories = library.histories.iter().map(|row| {
        let title = row.title.as_deref().unwrap_or("-");
        format!("{} {} {title}", row.loan_id, row.biblio_id)
    });
    let members = library.members.iter().map(|row| {
        let id = or_dash(row.member_type_id.map(|id| id.to_string()));
        format!(
            "{} {id} {} {} {}",
            row.member_id,
            row.inst_name.as_deref().unwrap_or("-"),
            row.expire_date,
            u8::from(row.is_pending)
        )
    });
    let mut members: Vec<String> = members.collect();
    members.sort();
    let mut types: Vec<_> = library.member_types.iter().flatten().collect();
    types.sort_by_key(|row| row.member_type_id);
    let types = types.into_iter();
    let types = types.map(|row| format!("{} {}", row.member_type_id, row.member_type_name));
    let biblios = library.biblios.iter().map(|row| {
        let classification = row.classification.as_deref().unwrap_or("-");
        format!("{} {classification}", row.biblio_id)
    });
    let rooms = library.rooms.iter().flatten();
    let rooms = rooms.map(|row| format!("{} {} {}", row.id, row.name, row.unique_code));
    vec![
        loans.collect(),
        histories.collect(),
        members,
        types.collect(),
        biblios.collect(),
        rooms.collect(),
    ]
}

#[tokio::test]
async fn statements_of_the_desk_change_the_database_as_the_rows() {
    let today = NaiveDate::from_ymd_opt(2026, 3, 11).expect("a date");
    let mut library = generate(&Plan {
        size: Size::Tiny,
        years: 1,
        now: today.and_hms_opt(10, 0, 0).expect("a time"),
        seed: 5,
        dirty: false,
    });
    let (mariadb, database) = (shared_mariadb().await, unique("desk"));
    let (rows, shape) = (Arc::new(library.clone()), Shape::default());
    let loaded = load(mariadb.opts(None), &database, &rows, &shape, |_, _, _| ());
    loaded.await.expect("the library is loaded");
    let conn = Conn::new(mariadb.opts(Some(&database))).await;
    let mut conn = conn.expect("a connection");
    // Zero dates are refused by every mode but the empty one.
    let relaxed = conn.query_drop("SET SESSION sql_mode = ''").await;
    relaxed.expect("a session that takes zero dates");
    assert_eq!(stored(&mut conn).await, expected(&library), "before");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..CHANGES {
        let statements = match rng.random_range(0..10) {
            0 => desk::lend(&mut library, today, &mut rng),
            1 => desk::extend(&mut library, today, &mut rng),
            2 => desk::take_back(&mut library, today, &mut rng),
            3 => desk::delete_loan(&mut library, &mut rng),
            4 => desk::change_type(&mut library, &mut rng),
            5 => desk::edit_types(&mut library, &mut rng),
            6 => desk::change_institution(&mut library, &mut rng),
            7 => desk::change_membership(&mut library, today, &mut rng),
            8 => desk::reclassify(&mut library, &mut rng),
            _ => desk::edit_rooms(&mut library, &mut rng),
        };
        for statement in statements {
            let changed = conn.query_drop(&statement).await;
            changed.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }
    assert_ne!(expected(&library), expected(&rows), "something was changed");
    assert_eq!(stored(&mut conn).await, expected(&library), "after");
    conn.disconnect().await.expect("the end of the connection");
}
