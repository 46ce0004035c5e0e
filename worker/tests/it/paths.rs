//! The numbers are the same, to the byte, for all keys, indexes, ids and orders of rows, and for all borders of chunks.

use crate::fixture::{Fixture, TINY_CHUNKS};
use chrono::TimeZone;
use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs::StdRng};
use testkit::generate::{Plan, Size, generate};
use testkit::library::Library;
use testkit::oracle::Names;
use testkit::schema::{Engine, Shape};

const NOW: &str = "2025-09-23T10:00:00";
const MYISAM: Shape = Shape {
    engine: Engine::MyIsam,
    room_code: true,
    loan_history: true,
    date_index: false,
};
const ARIA: Shape = Shape {
    engine: Engine::Aria,
    ..MYISAM
};
const INNODB: Shape = Shape {
    engine: Engine::InnoDb,
    ..MYISAM
};

const fn indexed(shape: Shape) -> Shape {
    Shape {
        date_index: true,
        ..shape
    }
}

/// Changes a library by `statements`, scans it in tiny and in normal chunks, and compares.
async fn check(shape: Shape, statements: &[&str]) {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, shape).await;
    for statement in statements {
        let statement = match fixture.mariadb.is_mysql() {
            // MySQL's word for it.
            true => statement.replace(" IGNORED", " INVISIBLE"),
            false => (*statement).to_owned(),
        };
        fixture.sql(&statement).await;
    }
    check_both_chunk_sizes(&mut fixture).await;
}

async fn check_both_chunk_sizes(fixture: &mut Fixture) {
    for scan in [Some(TINY_CHUNKS), None] {
        fixture.scan = scan;
        fixture.refresh().await.unwrap();
        fixture.assert_all(Names::Full).await;
    }
}

/// One test for each case, so that they run in parallel and a failure names its case.
macro_rules! cases {
    ($($name:ident: $shape:expr, $statements:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            check($shape, &$statements).await;
        })*
    };
}

/// No key to scan by, as in a copy that was made without its keys.
const NO_KEYS: [&str; 4] = [
    "ALTER TABLE visitor_count MODIFY visitor_id int NOT NULL, DROP PRIMARY KEY",
    "ALTER TABLE loan MODIFY loan_id int NOT NULL, DROP PRIMARY KEY",
    "ALTER TABLE item MODIFY item_id int NOT NULL, DROP PRIMARY KEY",
    "ALTER TABLE biblio MODIFY biblio_id int NOT NULL, DROP PRIMARY KEY",
];

/// Ids from far below zero, with holes of billions, to the largest number, in the same order.
const WIDE_IDS: [&str; 12] = [
    "ALTER TABLE visitor_count MODIFY visitor_id bigint NOT NULL",
    "UPDATE visitor_count SET visitor_id = visitor_id + 9223372036854700000 WHERE visitor_id > 6000",
    "UPDATE visitor_count SET visitor_id = visitor_id * 3000000000 WHERE visitor_id BETWEEN 3000 AND 6000 \
     ORDER BY visitor_id DESC",
    "UPDATE visitor_count SET visitor_id = visitor_id - 9223372036854775000 WHERE visitor_id < 800",
    "ALTER TABLE loan MODIFY loan_id bigint NOT NULL",
    "ALTER TABLE loan_history MODIFY loan_id bigint NOT NULL",
    "UPDATE loan SET loan_id = loan_id + 9223372036854770000 WHERE loan_id > 500",
    "UPDATE loan_history SET loan_id = loan_id + 9223372036854770000 WHERE loan_id > 500",
    "UPDATE loan SET loan_id = loan_id - 9000000000 WHERE loan_id < 300",
    "UPDATE loan_history SET loan_id = loan_id - 9000000000 WHERE loan_id < 300",
    "ALTER TABLE item MODIFY item_id bigint NOT NULL",
    "UPDATE item SET item_id = item_id - 9000000000 WHERE item_id % 3 = 0",
];

cases! {
    by_the_ids_of_myisam: MYISAM, [];
    by_the_ids_of_aria: ARIA, [];
    by_the_ids_of_innodb: INNODB, [];
    by_the_dates_of_myisam: indexed(MYISAM), [];
    by_the_dates_of_aria: indexed(ARIA), [];
    by_the_dates_of_innodb: indexed(INNODB), [];
    without_keys_on_myisam: MYISAM, NO_KEYS;
    without_keys_on_innodb: INNODB, NO_KEYS;
    by_the_dates_without_keys: indexed(INNODB), NO_KEYS;
    wide_ids_on_myisam: MYISAM, WIDE_IDS;
    wide_ids_on_innodb: INNODB, WIDE_IDS;
    wide_ids_by_the_dates: indexed(INNODB), WIDE_IDS;
    an_index_of_a_strange_name: INNODB, ["ALTER TABLE visitor_count ADD KEY `by``day` (checkin_date, member_id)"];
    an_index_that_the_server_ignores: indexed(INNODB),
        ["ALTER TABLE visitor_count ALTER INDEX checkin_date IGNORED", "ALTER TABLE loan ALTER INDEX loan_date IGNORED"];
    ids_that_are_no_numbers: INNODB,
        ["ALTER TABLE item MODIFY item_id varchar(20) NOT NULL", "UPDATE item SET item_id = CONCAT('i', item_id)"];
    a_view_in_place_of_a_table: INNODB, [
        "RENAME TABLE visitor_count TO visits_of_all",
        "CREATE SQL SECURITY DEFINER VIEW visitor_count AS SELECT * FROM visits_of_all",
    ];
}

fn library(change: impl FnOnce(&mut Library, &mut StdRng)) -> Library {
    let plan = Plan {
        size: Size::Tiny,
        years: 6,
        now: NOW.parse().unwrap(),
        seed: 11,
        dirty: true,
    };
    let mut library = generate(&plan);
    change(&mut library, &mut StdRng::seed_from_u64(11));
    library
}

/// Ids that do not follow the dates, since rows were imported, edited and dated back in any order.
#[tokio::test]
async fn rows_in_any_order() {
    for shape in [MYISAM, INNODB, indexed(INNODB)] {
        let library = library(|library, rng| {
            let mut ids: Vec<u32> = library
                .visits
                .iter()
                .map(|visit| visit.visitor_id)
                .collect();
            ids.shuffle(rng);
            for (visit, id) in library.visits.iter_mut().zip(ids) {
                visit.visitor_id = id;
            }
            library.visits.sort_by_key(|visit| visit.visitor_id);
        });
        let zone = chrono_tz::Tz::Asia__Jakarta;
        let now = zone.from_local_datetime(&NOW.parse().unwrap()).unwrap();
        let mut fixture = Fixture::with_library(library, zone, now.to_utc(), shape).await;
        check_both_chunk_sizes(&mut fixture).await;
    }
}

/// Loans spell the item codes differently, and many copies are deleted, so that held loans are looked up many times.
#[tokio::test]
async fn item_codes_that_only_the_collation_matches() {
    let mut fixture = Fixture::new("Asia/Jakarta", NOW, INNODB).await;
    fixture
        .sql("UPDATE loan SET item_code = CONCAT(LOWER(item_code), '  ')")
        .await;
    check_both_chunk_sizes(&mut fixture).await;
}
