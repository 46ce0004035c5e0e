//! What a MySQL server may answer to a login: every answer is an error with a remedy, and none ends the process.

use crate::fixture::{Fixture, PASSWORD, SOON, fixture_on, own_servers};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::sync::{Arc, Mutex};
use testkit::eventually::eventually;
use testkit::schema::Shape;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use worker::mysql::connection::Database;

/// Random answers. A panic of the driver shows within a few dozen.
const RANDOM_ANSWERS: u64 = 300;

/// A server that greets each client and gives one answer to its login.
struct FakeServer {
    port: u16,
    answer: Arc<Mutex<Vec<u8>>>,
    _task: AbortOnDropHandle<()>,
}

impl FakeServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(Mutex::new(Vec::new()));
        let answers = answer.clone();
        let accept = async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let answer = answers.lock().unwrap().clone();
                tokio::spawn(serve(client, answer));
            }
        };
        Self {
            port,
            answer,
            _task: AbortOnDropHandle::new(tokio::spawn(accept)),
        }
    }

    /// Gives `answer` from now on: the bytes after the client's login.
    fn set_answer(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap() = answer;
    }
}

async fn serve(mut client: TcpStream, answer: Vec<u8>) {
    let mut login = [0; 4096];
    // The client may give up at any time.
    let _ = client.write_all(&packet(0, &greeting())).await;
    let _ = client.read(&mut login).await;
    let _ = client.write_all(&answer).await;
    let _ = client.shutdown().await;
    while client.read(&mut login).await.is_ok_and(|read| read > 0) {}
}

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], sequence];
    packet.extend_from_slice(payload);
    packet
}

/// The greeting of a MariaDB 10.11 without TLS, with `mysql_native_password`.
fn greeting() -> Vec<u8> {
    let capabilities = 0x0128_A20B_u32.to_le_bytes();
    let mut greeting = b"\x0a5.5.5-10.11.6-MariaDB\0\x07\0\0\x0012345678\0".to_vec();
    greeting.extend_from_slice(&capabilities[..2]);
    greeting.extend_from_slice(&[45, 2, 0]);
    greeting.extend_from_slice(&capabilities[2..]);
    greeting.push(21);
    greeting.extend_from_slice(&[0; 10]);
    greeting.extend_from_slice(b"abcdefghijkl\0mysql_native_password\0");
    greeting
}

fn refusal(code: u16, message: &str) -> Vec<u8> {
    let mut payload = vec![0xff];
    payload.extend_from_slice(&code.to_le_bytes());
    payload.extend_from_slice(b"#HY000");
    payload.extend_from_slice(message.as_bytes());
    packet(2, &payload)
}

fn auth_switch(plugin: &str, salt: &[u8]) -> Vec<u8> {
    let mut payload = vec![0xfe];
    payload.extend_from_slice(plugin.as_bytes());
    payload.push(0);
    payload.extend_from_slice(salt);
    packet(2, &payload)
}

/// Connects as the worker does and returns the error, as it is logged.
async fn error(fixture: &Fixture) -> String {
    let database = Database::new(&fixture.config().mysql);
    let session = database.session(SOON).await;
    format!("{:#}", session.err().expect("no session"))
}

#[tokio::test]
async fn every_refusal_has_its_own_remedy() {
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", Shape::default()).await;
    let server = FakeServer::start().await;
    fixture.set("MYSQL_PORT", &server.port.to_string());
    for (code, remedy) in [
        (1045, "MYSQL_PASSWORD"),
        (1044, "GRANT SELECT"),
        (1049, "MYSQL_DATABASE"),
        (1820, "expired"),
        (1862, "expired"),
        (3118, "ACCOUNT UNLOCK"),
        (4151, "ACCOUNT UNLOCK"),
        (3159, "MYSQL_TLS=required"),
        (1040, "max_connections"),
        (1203, "MAX_USER_CONNECTIONS"),
        (1226, "MAX_USER_CONNECTIONS"),
        (1129, "FLUSH HOSTS"),
        (1251, "logs in by a method"),
        (1524, "logs in by a method"),
    ] {
        server.set_answer(refusal(code, "the server's own words"));
        let error = error(&fixture).await;
        assert!(error.contains(remedy), "{code}: {error}");
        assert!(error.contains("the server's own words"), "{code}: {error}");
        assert!(!error.contains("certificate"), "{code}: {error}");
        let report = format!("{:?}", fixture.check().await.findings[0]);
        assert!(
            report.contains(remedy) || code == 1044 || code == 1049,
            "{code}: {report}"
        );
        assert!(
            !report.contains("that the server is running"),
            "{code}: {report}"
        );
    }
    server.set_answer(refusal(9999, "something new"));
    let report = format!("{:?}", fixture.check().await.findings[0]);
    assert!(report.contains("The server answered"), "{report}");
}

#[tokio::test]
async fn no_login_method_ends_the_process() {
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", Shape::default()).await;
    let server = FakeServer::start().await;
    fixture.set("MYSQL_PORT", &server.port.to_string());
    for plugin in [
        "dialog",
        "auth_gssapi_client",
        "mysql_clear_password",
        "mysql_old_password",
        "",
    ] {
        for salt in [&b""[..], b"S", &[b'S'; 20], &[b'S'; 32]] {
            server.set_answer(auth_switch(plugin, salt));
            let error = error(&fixture).await;
            assert!(
                error.contains("does not support"),
                "{plugin} {salt:?}: {error}"
            );
        }
    }
    // Methods that are supported, cut off.
    for plugin in [
        "client_ed25519",
        "parsec",
        "caching_sha2_password",
        "mysql_native_password",
    ] {
        for salt in [&b""[..], b"S", &[b'S'; 20], &[b'S'; 32]] {
            for more in [
                &b""[..],
                &[0x01],
                &[0x01, 0x04],
                &[0x01, b'P', 0],
                &[0xfe],
                &[0],
            ] {
                let mut answer = auth_switch(plugin, salt);
                answer.extend(packet(4, more));
                answer.extend(packet(6, more));
                server.set_answer(answer);
                error(&fixture).await;
            }
        }
    }
}

#[tokio::test]
async fn no_random_answer_ends_the_process() {
    let mut fixture = Fixture::new("Asia/Jakarta", "2025-09-23T10:00:00", Shape::default()).await;
    let server = FakeServer::start().await;
    fixture.set("MYSQL_PORT", &server.port.to_string());
    for seed in 0..RANDOM_ANSWERS {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut answer = Vec::new();
        for sequence in 2..rng.random_range(3..6) {
            let mut payload = vec![[0, 1, 0xfe, 0xff, 0xfb][rng.random_range(0..5)]];
            payload.extend((0..rng.random_range(0..40)).map(|_| rng.random::<u8>()));
            answer.extend(packet(sequence, &payload));
        }
        server.set_answer(answer);
        error(&fixture).await;
    }
}

/// The account is moved to another login method while the worker runs.
#[tokio::test]
async fn ed25519_accounts_log_in() {
    let (mariadb, redis) = own_servers().await;
    let fixture = fixture_on(mariadb, redis).await;
    mariadb
        .execute(None, "INSTALL SONAME 'auth_ed25519'")
        .await
        .unwrap();
    let alter = format!(
        "ALTER USER `{}`@`%` IDENTIFIED VIA ed25519 USING PASSWORD('{}')",
        fixture.user(),
        PASSWORD
    );
    mariadb.execute(None, &alter).await.unwrap();
    let running = fixture.start();
    fixture.await_all().await;
    eventually("the count is published", SOON, async || {
        fixture.today().await
    })
    .await;
    running.stop().await;
}
