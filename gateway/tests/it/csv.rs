//! Lists as CSV: the same rows as the JSON, read by another parser, and the rules of HTTP.

use crate::fixture::{Fixture, Worker};
use gateway::cache::cached_response::CachedResponse;
use gateway::cache::csv::render;
use gateway::http::response;
use gateway::openapi::examples;
use http_body_util::BodyExt as _;
use hyper::header::HeaderMap;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};
use shared::catalog::Snapshot;
use shared::time::{Clock, Timestamp};
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;
use testkit::http::{Connection, Response, request};
use testkit::server::{shared_redis, unique};

/// In the library's zone it is the 24th.
const GENERATED_AT: &str = "2025-09-23T22:05:12.345Z";

fn envelope(generated_at: &str, data: &Value) -> String {
    format!(r#"{{"generated_at":"{generated_at}","ttl_seconds":90000,"data":{data}}}"#)
}

/// Stores a snapshot and waits until it is served; returns the CSV.
async fn store(fixture: &Fixture, snapshot: Snapshot, value: &str) -> Response {
    fixture.worker.store(snapshot, value).await;
    fixture.shows(snapshot.path(), value).await;
    let answer = fixture.get(snapshot.csv_path()).await;
    assert_eq!(answer.status, 200, "{snapshot}");
    answer
}

/// Parses a CSV without its byte order mark.
fn parse(text: &str) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let records = reader.records();
    records
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// The lines that the rows of `data` should make.
fn lines(columns: &[&str], data: &Value) -> Vec<Vec<String>> {
    let cell = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => match text.chars().next() {
            Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
            _ => text.clone(),
        },
        Some(other) => other.to_string(),
    };
    let header = columns.iter().map(|column| (*column).to_owned()).collect();
    let rows = data.as_array().unwrap().iter();
    let rows = rows.map(|row| columns.iter().map(|column| cell(row.get(column))).collect());
    std::iter::once(header).chain(rows).collect()
}

/// The names of the fields in the first row of a snapshot, in the order of the JSON. No text in it has a quote.
fn fields(stored: &str) -> Vec<&str> {
    let (_, data) = stored.split_once(r#""data":[{"#).unwrap();
    let (row, _) = data.split_once('}').unwrap();
    let parts: Vec<&str> = row.split('"').collect();
    let pairs = parts.windows(2);
    pairs
        .filter(|pair| pair[1].starts_with(':'))
        .map(|pair| pair[0])
        .collect()
}

#[tokio::test]
async fn csv_of_every_list_equals_the_json_and_an_object_has_none() {
    let fixture = Fixture::start().await;
    for snapshot in Snapshot::ALL {
        let stored = String::from_utf8(examples::stored(snapshot).to_vec()).unwrap();
        let data = &serde_json::from_str::<Value>(&stored).unwrap()["data"];
        if data.is_object() {
            fixture.worker.store(snapshot, &stored).await;
            fixture.shows(snapshot.path(), &stored).await;
            let answer = fixture.get(snapshot.csv_path()).await;
            assert_eq!(answer.status, 404, "{snapshot}");
            continue;
        }
        let answer = store(&fixture, snapshot, &stored).await;
        let expected = lines(&fields(&stored), data);
        assert_eq!(parse(answer.text()), expected, "{snapshot}");
        let name = snapshot.name().replace(':', "-");
        assert_eq!(
            answer.header("content-disposition").unwrap(),
            format!("attachment; filename=\"{name}-2025-09-23.csv\"")
        );
    }
    for path in [
        "/api/visitors/summary.csv",
        "/api/books/summary.csv",
        "/api/visitors/today.csv",
        "/api/visitors/weekly.csv/",
        "/health.csv",
        ".csv",
    ] {
        assert_eq!(fixture.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn hostile_titles_are_quoted_and_no_formula() {
    let fixture = Fixture::start().await;
    let titles = [
        (json!("Bumi, \"Manusia\""), r#""Bumi, ""Manusia""""#),
        (json!("two\r\nlines"), "\"two\r\nlines\""),
        (json!("=HYPERLINK(\"x\")"), r#""'=HYPERLINK(""x"")""#),
        (json!("=1"), "'=1"),
        (json!("+1"), "'+1"),
        (json!("-1"), "'-1"),
        (json!("@x"), "'@x"),
        (json!("\tx"), "'\tx"),
        (json!("\rx"), "\"'\rx\""),
        (json!("1 = 1; é 😀 'x'"), "1 = 1; é 😀 'x'"),
        (json!(" x "), " x "),
        (json!(""), ""),
        (Value::Null, ""),
    ];
    let rows = titles.iter().map(|(title, _)| {
        // The order of the columns is that of the contract, not that of the row.
        json!({"title": title, "total": 7, "rank": 1, "biblio_id": -5, "later": "field"})
    });
    let data = Value::Array(rows.collect());
    let value = envelope(GENERATED_AT, &data);
    let answer = store(&fixture, Snapshot::TopBorrowed, &value).await;
    let mut expected = "\u{feff}rank,biblio_id,title,total\r\n".to_owned();
    for (_, cell) in &titles {
        expected.push_str(&format!("1,-5,{cell},7\r\n"));
    }
    assert_eq!(answer.text(), expected);
    let columns = ["rank", "biblio_id", "title", "total"];
    assert_eq!(parse(answer.text()), lines(&columns, &data));
}

#[tokio::test]
async fn header_is_complete_without_rows_and_without_names() {
    let fixture = Fixture::start().await;
    let visitors = "rank,member_id,member_name,institution,total\r\n";
    for (data, lines) in [
        (json!([]), ""),
        (json!([{"rank": 1, "total": 41}]), "1,,,,41\r\n"),
        (
            json!([{"rank": 1, "member_name": "Siti N.", "institution": null, "total": 41}]),
            "1,,Siti N.,,41\r\n",
        ),
    ] {
        let value = envelope(GENERATED_AT, &data);
        let answer = store(&fixture, Snapshot::MonthlyTop, &value).await;
        assert_eq!(answer.text(), format!("\u{feff}{visitors}{lines}"));
    }
    let value = envelope(GENERATED_AT, &json!([]));
    let answer = store(&fixture, Snapshot::Weekly, &value).await;
    assert_eq!(answer.text(), "\u{feff}date,total,partial\r\n");
}

/// Rows that no worker stores: the JSON is served as it is, and there is no wrong table.
#[tokio::test]
async fn data_without_rows_is_202() {
    let fixture = Fixture::start().await;
    for data in [json!([1]), json!({}), json!(null)] {
        let value = envelope(GENERATED_AT, &data);
        fixture.worker.store(Snapshot::Weekly, &value).await;
        fixture.shows(Snapshot::Weekly.path(), &value).await;
        let answer = fixture.get(Snapshot::Weekly.csv_path()).await;
        assert_eq!(answer.status, 202, "{data}");
    }
}

#[tokio::test]
async fn headers_are_those_of_the_json_except_type_name_and_tag() {
    let fixture = Fixture::start().await;
    let day = Duration::from_secs(86_400);
    let generated_at: Timestamp = serde_json::from_value(json!(GENERATED_AT)).unwrap();
    fixture.clock.step_to(generated_at.plus(day).utc());
    for (snapshot, name, cache) in [
        (Snapshot::Weekly, "visitors-weekly", "no-cache"),
        (
            Snapshot::TopBorrowersMonth,
            "books-top-borrowers-month",
            "private, no-cache",
        ),
    ] {
        let value = envelope("2025-09-24T05:05:12.345+07:00", &json!([{"total": 1}]));
        let csv = store(&fixture, snapshot, &value).await;
        let json = fixture.get(snapshot.path()).await;
        for (header, expected) in [
            ("content-type", "text/csv; charset=utf-8; header=present"),
            ("cache-control", cache),
            ("last-modified", "Tue, 23 Sep 2025 22:05:12 GMT"),
            ("vary", "Accept-Encoding"),
        ] {
            assert_eq!(csv.header(header), Some(expected), "{snapshot}");
        }
        let file = format!("attachment; filename=\"{name}-2025-09-23.csv\"");
        assert_eq!(csv.header("content-disposition"), Some(file.as_str()));
        let age: u64 = csv.header("age").unwrap().parse().unwrap();
        assert!((86_400..86_410).contains(&age), "{age}");
        assert_ne!(csv.header("etag"), json.header("etag"));
        let names = |answer: &Response| {
            let mut names: Vec<_> = answer
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect();
            names.retain(|name| name != "content-disposition");
            names.sort();
            names
        };
        assert_eq!(names(&csv), names(&json));

        let mut connection = Connection::open(fixture.address).await;
        let head = format!("HEAD {} HTTP/1.1\r\nHost: x\r\n\r\n", snapshot.csv_path());
        connection.send(&head).await;
        let head = connection.read_response(true).await;
        assert_eq!(head.status, 200);
        for header in [
            "etag",
            "content-length",
            "content-type",
            "content-disposition",
        ] {
            assert_eq!(head.header(header), csv.header(header));
        }
        let refused = request(fixture.address, "POST", snapshot.csv_path(), &[]).await;
        assert_eq!(refused.status, 405);
        let preflight = request(fixture.address, "OPTIONS", snapshot.csv_path(), &[]).await;
        assert_eq!(preflight.status, 204);
    }
}

#[tokio::test]
async fn tag_belongs_to_the_csv_and_changes_with_the_snapshot() {
    let fixture = Fixture::start().await;
    let snapshot = Snapshot::Yearly;
    let path = snapshot.csv_path();
    let data = json!([{"year": 2025, "total": 1, "partial": true}]);
    let csv = store(&fixture, snapshot, &envelope(GENERATED_AT, &data)).await;
    let url = shared_redis().await.url();
    let other = Fixture::with_worker(fixture.worker.clone(), &url, &[], |_| ()).await;
    assert_eq!(
        other.get(path).await.header("etag"),
        csv.header("etag"),
        "equal on all gateways"
    );

    let json_tag = fixture.get(snapshot.path()).await;
    let tag = |answer: &Response| format!("If-None-Match: {}", answer.header("etag").unwrap());
    let same = "If-Modified-Since: Tue, 23 Sep 2025 22:05:12 GMT".to_owned();
    let earlier = "If-Modified-Since: Tue, 23 Sep 2025 22:05:11 GMT".to_owned();
    for (status, line) in [
        (304, tag(&csv)),
        (200, tag(&json_tag)),
        (304, same),
        (200, earlier),
    ] {
        let answer = request(fixture.address, "GET", path, &[&line]).await;
        assert_eq!(answer.status, status, "{line}");
        if status == 304 {
            assert!(answer.body.is_empty());
            for header in ["etag", "cache-control", "vary"] {
                assert_eq!(answer.header(header), csv.header(header), "{header}");
            }
        }
    }

    // The same rows on another day: the file has another name, so that a 304 would be wrong.
    let next = store(
        &fixture,
        snapshot,
        &envelope("2025-09-25T00:00:00.000Z", &data),
    )
    .await;
    assert_eq!(next.body, csv.body);
    assert_ne!(next.header("etag"), csv.header("etag"));
    let file = next.header("content-disposition").unwrap();
    assert!(
        file.ends_with("\"visitors-yearly-2025-09-25.csv\""),
        "{file}"
    );
}

#[tokio::test]
async fn long_csv_is_encoded_if_the_client_accepts_it() {
    let fixture = Fixture::start().await;
    let row = json!({"date": "2025-09-23", "total": 1, "partial": false});
    let value = envelope(GENERATED_AT, &Value::Array(vec![row; 500]));
    let plain = store(&fixture, Snapshot::Weekly, &value).await;
    assert_eq!(plain.header("content-encoding"), None);
    let path = Snapshot::Weekly.csv_path();
    for coding in ["gzip", "br"] {
        let accepted = format!("Accept-Encoding: {coding}");
        let answer = request(fixture.address, "GET", path, &[&accepted]).await;
        assert_eq!(answer.header("content-encoding"), Some(coding));
        assert_ne!(answer.header("etag"), plain.header("etag"));
        let mut decoded = Vec::new();
        let read = match coding {
            "gzip" => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut decoded),
            _ => brotli::Decompressor::new(&answer.body[..], 4096).read_to_end(&mut decoded),
        };
        read.unwrap();
        assert_eq!(decoded, plain.body);
        let tag = format!("If-None-Match: {}", answer.header("etag").unwrap());
        let again = request(fixture.address, "GET", path, &[&accepted, &tag]).await;
        assert_eq!(again.status, 304);
    }
}

#[tokio::test]
async fn csv_is_202_and_stale_as_the_json() {
    let url = shared_redis().await.url();
    let worker = Arc::new(Worker::on(&url, &unique("gw")).await);
    let strict = [("SERVE_STALE", "false"), ("CORS_ORIGINS", "*")];
    let strict = Fixture::with_worker(worker.clone(), &url, &strict, |_| ()).await;
    let lenient = Fixture::with_worker(worker, &url, &[], |_| ()).await;
    let (json, csv) = (Snapshot::Weekly.path(), Snapshot::Weekly.csv_path());
    let cold = request(strict.address, "GET", csv, &["Origin: https://a.example"]).await;
    assert_eq!(cold.status, 202);
    assert_eq!(cold.header("access-control-allow-origin"), Some("*"));
    assert_eq!(cold.header("retry-after"), Some("5"));
    assert_eq!(cold.header("cache-control"), Some("no-store"));
    assert_eq!(cold.text(), strict.get(json).await.text());

    let start = strict.clock.now();
    let value = envelope(&start.to_string(), &json!([]));
    store(&strict, Snapshot::Weekly, &value).await;
    lenient.shows(json, &value).await;
    let warm = request(strict.address, "GET", csv, &["Origin: https://a.example"]).await;
    assert_eq!(warm.header("access-control-allow-origin"), Some("*"));
    for fixture in [&strict, &lenient] {
        let later = start.utc() + chrono::Duration::seconds(90_060);
        fixture.clock.step_to(later);
    }
    assert_eq!(strict.get(csv).await.status, 202);
    assert_eq!(lenient.get(csv).await.status, 200);
}

#[tokio::test]
async fn csv_is_rendered_once_for_a_snapshot() {
    let value = examples::stored(Snapshot::Monthly);
    let entry = CachedResponse::parse(Snapshot::Monthly, &value).unwrap();
    let body = async || {
        let clock = Clock::system();
        let answer = response::snapshot(&entry, &entry.csv, &HeaderMap::new(), &clock);
        answer.into_body().collect().await.unwrap().to_bytes()
    };
    let (one, other) = (body().await, body().await);
    assert!(!one.is_empty());
    assert_eq!(one.as_ptr(), other.as_ptr(), "both share the bytes");
}

/// Rows of any texts and numbers, with absent, null and unknown fields.
#[test]
fn random_rows_survive_the_way_through_csv() {
    const COLUMNS: [&str; 4] = ["rank", "name", "a-b", "total"];
    const PIECES: [&str; 16] = [
        "\"", "\"\"", ",", "\r", "\n", "\r\n", "=", "+", "-", "@", "\t", "'", " ", "é", "😀", "x",
    ];
    for seed in 0..2_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let value = |random: &mut StdRng| match random.random_range(0..6) {
            0 => Value::Null,
            1 => json!(random.random::<bool>()),
            2 => json!(random.random::<i64>()),
            3 => json!(random.random::<u64>()),
            _ => {
                let length = random.random_range(0..5);
                let pieces = (0..length).map(|_| PIECES[random.random_range(0..PIECES.len())]);
                json!(pieces.collect::<String>())
            }
        };
        let rows = (0..random.random_range(0..6)).map(|_| {
            let mut row = Map::new();
            for name in COLUMNS.into_iter().chain(["unknown"]) {
                if random.random_bool(0.8) {
                    row.insert(name.to_owned(), value(&mut random));
                }
            }
            Value::Object(row)
        });
        let data = Value::Array(rows.collect());
        let text = render(&COLUMNS, &data.to_string()).unwrap();
        assert_eq!(parse(&text), lines(&COLUMNS, &data), "seed {seed}: {data}");
        assert!(text.ends_with("\r\n"));
    }
}
