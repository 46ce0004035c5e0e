//! Ids are equal if the database compares them as equal, also under collations in which two letters count as one.

use crate::fixture::Fixture;
use mysql_async::prelude::Queryable;
use testkit::mariadb::shared_mariadb;
use worker::mysql::collation::Collation;

/// Spellings that some collation contracts or ignores in part, and others that could be confused with them.
const SPELLINGS: [&str; 49] = [
    "ch1",
    "cH1",
    "Ch1",
    "CH1",
    "c1",
    "h1",
    "hc1",
    "CH1  ",
    "chch1",
    "cHch1",
    "aa1",
    "aA1",
    "Aa1",
    "AA1",
    "å1",
    "Å1",
    "a1",
    "aaa1",
    "åa1",
    "aå1",
    "ll1",
    "lL1",
    "LL1",
    "lj1",
    "lJ1",
    "Lj1",
    "nj1",
    "nJ1",
    "dž1",
    "dŽ1",
    "dz1",
    "dZ1",
    "cs1",
    "cS1",
    "dzs1",
    "dZs1",
    // Zero-width spaces, soft hyphens, accents of their own, a ligature.
    "12",
    "1\u{200B}2",
    "1\u{AD}2",
    "\u{200B}12",
    "12\u{200B}",
    "ab1",
    "a\u{200B}b1",
    "A\u{AD}b1",
    "é1",
    "e\u{301}1",
    "E1",
    "ß1",
    "ss1",
];

async fn set_collation(fixture: &Fixture, collation: &str) {
    let charset = collation.split('_').next().unwrap();
    for table in ["visitor_count", "member"] {
        let null = if table == "member" {
            "NOT NULL"
        } else {
            "DEFAULT NULL"
        };
        let sql = format!(
            "ALTER TABLE {table} MODIFY member_id varchar(20) CHARACTER SET {charset} COLLATE {collation} {null}"
        );
        fixture.sql(&sql).await;
    }
}

#[tokio::test]
async fn collation_keys_are_equal_when_the_database_compares_ids_as_equal() {
    let fixture = Fixture::empty().await;
    let mut contracting = 0;
    let collations = [
        "utf8mb3_unicode_ci",
        "utf8mb4_general_ci",
        "utf8mb3_czech_ci",
        "utf8mb3_danish_ci",
        "utf8mb4_croatian_ci",
        "utf8mb4_spanish2_ci",
        "utf8mb4_hungarian_ci",
        "utf8mb4_slovak_ci",
        "latin2_czech_cs",
        "utf8mb4_unicode_520_ci",
        "utf8mb4_bin",
    ];
    let own = match fixture.mariadb.is_mysql() {
        true => &[
            "utf8mb4_0900_ai_ci",
            "utf8mb4_0900_as_ci",
            "utf8mb4_0900_as_cs",
            "utf8mb4_0900_bin",
            "utf8mb4_cs_0900_ai_ci",
            "utf8mb4_da_0900_as_cs",
            "utf8mb4_hu_0900_ai_ci",
            "utf8mb4_ja_0900_as_cs_ks",
        ][..],
        false => &[
            "utf8mb4_croatian_mysql561_ci",
            "utf8mb4_uca1400_ai_ci",
            "utf8mb4_uca1400_as_ci",
            "utf8mb4_uca1400_as_cs",
            "utf8mb4_uca1400_czech_nopad_as_cs",
        ],
    };
    for collation in collations.iter().chain(own).copied() {
        set_collation(&fixture, collation).await;
        let charset = collation.split('_').next().unwrap();
        let mut session = fixture.parts().await.session;
        let mut known = Collation::of(&mut session, "visitor_count", "member_id")
            .await
            .unwrap();
        known.learn(&mut session, SPELLINGS.iter()).await.unwrap();
        let mut conn = fixture.conn().await;
        let hex = |text: &str| {
            let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            format!("CONVERT(_utf8mb4 X'{hex}' USING {charset}) COLLATE {collation}")
        };
        // Latin-2 has only some of these letters, so no id can have the others.
        let can_hold =
            |text: &str| charset != "latin2" || !text.contains(['å', 'Å', '\u{200B}', '\u{301}']);
        for one in SPELLINGS {
            if !can_hold(one) {
                continue;
            }
            let columns: Vec<String> = SPELLINGS
                .iter()
                .map(|other| format!("RTRIM({}) = RTRIM({})", hex(one), hex(other)))
                .collect();
            let sql = format!("SELECT CONCAT({})", columns.join(", "));
            let equal: String = conn.query_first(sql).await.unwrap().unwrap();
            for (other, equal) in SPELLINGS.iter().zip(equal.chars()) {
                if !can_hold(other) {
                    continue;
                }
                let is_equal = known.key(one) == known.key(other);
                assert_eq!(is_equal, equal == '1', "{one:?} = {other:?} in {collation}");
            }
        }
        let aa: Option<bool> = conn
            .query_first(format!("SELECT {} = {}", hex("aa1"), hex("å1")))
            .await
            .unwrap();
        contracting += i32::from(aa == Some(true));
    }
    assert!(contracting >= 1, "in Danish, aa equals å");
}

/// The whole way from the rows to the ranking.
#[tokio::test]
async fn visits_under_contracted_ids_count_for_one_person() {
    for (collation, spellings) in [
        (
            "utf8mb3_danish_ci",
            ["aa1", "å1", "AA1", "Aa1", "a1", "aa2"],
        ),
        (
            "utf8mb3_czech_ci",
            ["ch1", "CH1", "Ch1", "cH1", "c1", "ch2"],
        ),
    ] {
        let fixture = Fixture::empty().await;
        set_collation(&fixture, collation).await;
        for (index, id) in spellings.iter().enumerate() {
            for _ in 0..3_u32.pow(u32::try_from(index).unwrap()).min(81) {
                fixture.sql(&format!(
                    "INSERT INTO visitor_count (member_id, member_name, checkin_date) VALUES ('{id}', 'Tamu', '2025-09-23 09:00:00')"
                ))
                .await;
            }
        }
        fixture.refresh().await.unwrap();
        let sql =
            "SELECT COUNT(*) AS total FROM visitor_count GROUP BY member_id ORDER BY total DESC";
        let totals: Vec<u64> = fixture.conn().await.query(sql).await.unwrap();
        let stored = fixture.stored("visitors:monthly:top").await.unwrap();
        let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
        let shown: Vec<u64> = stored["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["total"].as_u64().unwrap())
            .collect();
        assert_eq!(shown, totals, "{collation}");
    }
}

/// Ids with trailing spaces in some tables only: one id, also in collations that compare the spaces.
#[tokio::test]
async fn people_are_found_whatever_their_trailing_spaces() {
    let no_pad = match shared_mariadb().await.is_mysql() {
        true => [
            "utf8mb4 COLLATE utf8mb4_0900_ai_ci",
            "utf8mb4 COLLATE utf8mb4_0900_as_cs",
        ],
        false => [
            "utf8mb4 COLLATE utf8mb4_unicode_nopad_ci",
            "utf8mb4 COLLATE utf8mb4_general_nopad_ci",
        ],
    };
    for collation in ["utf8mb4 COLLATE utf8mb4_unicode_ci"]
        .into_iter()
        .chain(no_pad)
    {
        let fixture = Fixture::empty().await;
        for table in ["visitor_count", "member", "loan", "loan_history"] {
            let convert = format!("ALTER TABLE {table} CONVERT TO CHARACTER SET {collation}");
            fixture.sql(&convert).await;
        }
        for insert in [
            "loan (loan_id, item_code, member_id, loan_date, is_lent) VALUES (1, 'A', 'gone', '2025-09-01', 1), \
             (2, 'A', 'gone  ', '2025-09-02', 1), (3, 'A', 'gone', '2025-09-03', 1), \
             (4, 'A', 'g_%ne', '2025-09-04', 1), (5, 'A', 'pad', '2025-09-04', 1)",
            "loan_history (loan_id, biblio_id, title, member_id, member_name) VALUES (1, 1, 't', 'gone', 'Old name'), \
             (2, 1, 't', 'gone  ', 'New name')",
            "visitor_count (visitor_id, member_id, member_name, institution, checkin_date) VALUES \
             (1, 'g_%ne', 'Old visit', 'x', '2025-09-01 10:00:00'), \
             (2, 'g_%ne  ', 'New visit', 'x', '2025-09-02 10:00:00'), \
             (3, 'pad', 'Copy', 'z', '2025-09-02 10:00:00'), \
             (4, 'gxxne  ', 'Stranger', 'z', '2025-09-03 10:00:00')",
            "member (member_id, member_name, inst_name) VALUES ('pad ', 'Padded member', 'y')",
        ] {
            fixture.sql(&format!("INSERT INTO {insert}")).await;
        }
        fixture.refresh().await.unwrap();
        let rows = async |name: &str| {
            let stored = fixture.stored(name).await.unwrap();
            let envelope: serde_json::Value = serde_json::from_str(&stored).unwrap();
            let rows = envelope["data"].as_array().unwrap().iter();
            let text = |row: &serde_json::Value, field| row[field].as_str().unwrap().to_owned();
            rows.map(|row| {
                (
                    text(row, "member_id"),
                    text(row, "member_name"),
                    row["total"].as_u64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
        };
        let row = |id: &str, name: &str, total| (id.to_owned(), name.to_owned(), total);
        assert_eq!(
            rows("books:top-borrowers:month").await,
            [
                row("gone", "New name", 3),
                row("g_%ne", "New visit", 1),
                row("pad ", "Padded member", 1)
            ],
            "{collation}"
        );
        assert_eq!(
            rows("visitors:monthly:top").await,
            [
                row("g_%ne", "New visit", 2),
                row("gxxne", "Stranger", 1),
                row("pad ", "Padded member", 1)
            ],
            "{collation}"
        );
    }
}
