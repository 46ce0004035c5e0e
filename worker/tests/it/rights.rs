//! The permissions in `deploy/rights` suffice, and no process has more. Both run under these very files, used as their
//! README says, with their secrets in files.

use crate::check::about;
use crate::fixture::{Fixture, SOON, own};
use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand, Value};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use shared::catalog::Snapshot;
use shared::redis::RedisUrl;
use shared::time::Clock;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use testkit::eventually::eventually;
use testkit::generate::{Plan, Size, generate};
use testkit::http::{Events, get};
use testkit::mariadb::{MariaDb, shared_mariadb};
use testkit::process::{Process, free_port};
use testkit::schema::Shape;
use testkit::server::{Redis, unique};
use worker::check::findings::Verdict;

pub(crate) const WORKER: &str = "change-the-password-of-worker";
pub(crate) const GATEWAY: &str = "change-the-password-of-gateway";
const ADMIN: &str = "change-the-password-of-admin";
const DASHBOARD: &str = "change-the-password-of-dashboard";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rights");
    std::fs::read_to_string(path.join(name)).unwrap()
}

/// The ACL file with the prefix in front of every pattern, as an operator edits it.
pub(crate) fn redis_rules(prefix: &str) -> String {
    let rules = read("redis.acl").replace(" ~", &format!(" ~{prefix}"));
    rules.replace(" &", &format!(" &{prefix}"))
}

/// A fixture on servers with these accounts only, besides the owner's.
struct Setup {
    fixture: Fixture,
    redis: &'static Redis,
    mariadb: &'static MariaDb,
    /// The account in MySQL.
    user: String,
    /// The folder of the secrets.
    folder: TempDir,
}

impl Setup {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("redis.acl");
        std::fs::write(&file, "user default on nopass ~* &* +@all\n").unwrap();
        let flags = ["--aclfile", file.to_str().unwrap()];
        let redis = own(Redis::start_with(&flags).await.unwrap());
        let mariadb = shared_mariadb().await;
        let zone = chrono_tz::Asia::Jakarta;
        let now = Clock::system().now().utc();
        let plan = Plan {
            size: Size::Tiny,
            years: 1,
            now: now.with_timezone(&zone).naive_local(),
            seed: 3,
            dirty: true,
        };
        let shape = Shape {
            loan_history: true,
            ..Shape::default()
        };
        let mut fixture =
            Fixture::on(mariadb, &redis.url(), generate(&plan), zone, now, shape).await;
        fixture.clock = Clock::system();

        std::fs::write(&file, redis_rules(&fixture.key(""))).unwrap();
        fixture.redis_command("ACL", &["LOAD"]).await;
        fixture.redis_command("AUTH", &["admin", ADMIN]).await;
        // The name of the database in place of slims, and an account of its own, since tests share a server.
        let user = unique("dashboard");
        let sql = read("mysql.sql")
            .replace("slims.", &format!("{}.", fixture.database))
            .replace("'dashboard'@", &format!("'{user}'@"));
        let lines = sql.lines().filter(|line| !line.starts_with("--"));
        let statements: String = lines.collect();
        for statement in statements.split_terminator(';') {
            mariadb.execute(None, statement).await.unwrap();
        }

        let mut setup = Self {
            fixture,
            redis,
            mariadb,
            user: user.clone(),
            folder,
        };
        let url = setup.secret("worker", &setup.url("worker", WORKER));
        let password = setup.secret("password", DASHBOARD);
        for (name, value) in [
            ("REDIS_URL", ""),
            ("REDIS_URL_FILE", &url),
            ("MYSQL_USER", &user),
            ("MYSQL_PASSWORD", ""),
            ("MYSQL_PASSWORD_FILE", &password),
            ("RUST_LOG", "trace"),
        ] {
            setup.fixture.set(name, value);
        }
        setup
    }

    fn url(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}", self.redis.port())
    }

    /// Writes a secret with a line end, as `echo` does, and returns the path.
    fn secret(&self, name: &str, value: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, format!("{value}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn gateway(&self) -> (Process, SocketAddr) {
        let port = free_port().unwrap();
        let url = self.secret("gateway", &self.url("gateway", GATEWAY));
        let environment = [
            ("PORT", port.to_string()),
            ("HOST", "127.0.0.1".to_owned()),
            ("REDIS_URL_FILE", url),
            ("REDIS_KEY_PREFIX", self.fixture.key("")),
            ("RUST_LOG", "trace".to_owned()),
        ];
        let process = Process::spawn("gateway", &environment).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("the gateway is ready", SOON, async || {
            let open = tokio::net::TcpStream::connect(address).await.is_ok();
            (open && get(address, "/readyz").await.status == 200).then_some(())
        })
        .await;
        (process, address)
    }

    /// Asserts that Redis has refused no command of either process.
    async fn assert_nothing_refused(&self) {
        let refused = self.fixture.redis_command("ACL", &["LOG"]).await;
        assert_eq!(refused.array_len(), Some(0), "{refused:?}");
    }

    async fn client(&self, user: &str, password: &str) -> Client {
        let url = RedisUrl::parse(&self.url(user, password)).unwrap();
        let client = url.client(SOON).unwrap();
        client.init().await.unwrap();
        client
    }
}

/// Executes a command, and returns the reply or the error.
async fn execute(client: &Client, command: &[String]) -> Result<Value, String> {
    let (name, arguments) = command.split_first().unwrap();
    let command = CustomCommand::new(name.as_str(), ClusterHash::FirstKey, false);
    let reply = client.custom::<Value, _>(command, arguments.to_vec()).await;
    reply.map_err(|error| error.details().to_owned())
}

/// Splits a command into its arguments, with the prefix in place of `@`.
fn arguments(command: &str, prefix: &str) -> Vec<String> {
    let arguments = command.split(' ').map(|word| word.replace('@', prefix));
    arguments.collect()
}

#[tokio::test]
async fn both_processes_work_with_the_permissions_of_deploy() {
    let setup = Setup::new().await;
    let fixture = &setup.fixture;
    let (gateway, address) = setup.gateway().await;
    // There is no worker yet, but the gateway sends a refresh request.
    assert_eq!(get(address, "/api/visitors/today").await.status, 202);
    let mut stream = Events::open(address).await;
    let worker = Process::spawn("worker", &fixture.environment()).unwrap();
    for snapshot in Snapshot::ALL {
        eventually(&format!("{snapshot} is served"), SOON, async || {
            (get(address, snapshot.path()).await.status == 200).then_some(())
        })
        .await;
    }
    let now = fixture.clock.now().utc().with_timezone(&fixture.zone);
    let now = now.naive_local().format("%Y-%m-%d %H:%M:%S");
    fixture
        .sql(&format!(
            "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('Tamu', '{now}')"
        ))
        .await;
    let total = format!("\"total\":{}", fixture.true_total().await);
    eventually("the stream shows the visit", SOON, async || {
        let block = stream.next().await.expect("a stream that goes on");
        block.data.contains(&total).then_some(())
    })
    .await;
    setup.assert_nothing_refused().await;
    drop(worker);

    // The only mode that needs more of Redis.
    let mut environment = fixture.environment();
    environment.push(("TODAY_COUNT_MODE", "incremental".to_owned()));
    let incremental = Process::spawn("worker", &environment).unwrap();
    let key = fixture.key(&format!("visitors:today:incr:{}", fixture.day()));
    fixture.redis_command("INCR", &[&key]).await;
    eventually("the counter gets a TTL", SOON, async || {
        let ttl = fixture.redis_command("TTL", &[&key]).await.as_i64()?;
        (ttl > 0).then_some(())
    })
    .await;
    setup.assert_nothing_refused().await;
    drop((incremental, gateway));

    let report = fixture.check().await;
    assert_ne!(report.verdict, Verdict::Broken);
    for topic in ["account", "rights"] {
        assert_eq!(about(&report, topic).verdict, Verdict::Ok);
    }
    setup.assert_nothing_refused().await;
}

#[tokio::test]
async fn the_gateway_cannot_write_and_the_worker_writes_only_its_keys() {
    let setup = Setup::new().await;
    let prefix = setup.fixture.key("");
    let gateway = setup.client("gateway", GATEWAY).await;
    let worker = setup.client("worker", WORKER).await;
    for command in [
        "SET @visitors:today:count 1",
        "SET @visitors:weekly 1",
        "DEL @visitors:weekly",
        "INCR @visitors:today:incr:2025-09-23",
        "PEXPIRE @visitors:weekly 1",
        "HSET @worker:lease a 1",
        "GET @worker:lease",
        "EVAL return 0",
        "PUBLISH @visitors:today 1",
        "PUBLISH @snapshots visitors:weekly",
        "SUBSCRIBE @visitors:today:refresh",
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET dir",
        "CLIENT KILL TYPE normal",
        "ACL LIST",
    ] {
        let reply = execute(&gateway, &arguments(command, &prefix)).await;
        let refused = reply.as_ref().is_err_and(|error| error.contains("NOPERM"));
        assert!(refused, "gateway: {command}: {reply:?}");
    }
    for command in [
        "SET visitors:weekly 1",
        "SET @elsewhere 1",
        "PUBLISH elsewhere 1",
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET dir",
        "SCRIPT FLUSH",
        "CLIENT KILL TYPE normal",
        "ACL LIST",
    ] {
        let reply = execute(&worker, &arguments(command, &prefix)).await;
        let refused = reply.as_ref().is_err_and(|error| error.contains("NOPERM"));
        assert!(refused, "worker: {command}: {reply:?}");
    }
}

#[tokio::test]
async fn the_worker_cannot_write_mysql() {
    let setup = Setup::new().await;
    let (mariadb, database) = (setup.mariadb, &setup.fixture.database);
    mariadb
        .execute(Some(database), "CREATE TABLE user (passwd VARCHAR(64))")
        .await
        .unwrap();
    let account = mariadb.account(&setup.user, DASHBOARD, Some(database));
    let mut conn = Conn::new(account).await.unwrap();
    conn.query_drop("SELECT visitor_id FROM visitor_count LIMIT 1")
        .await
        .unwrap();
    for statement in [
        "INSERT INTO visitor_count (member_name, checkin_date) VALUES ('x', '2025-09-23 10:00:00')",
        "UPDATE member SET member_name = 'x'",
        "DELETE FROM loan",
        "CREATE TABLE x (id INT)",
        "DROP TABLE item",
        "CREATE INDEX x ON visitor_count (checkin_date)",
        "SELECT passwd FROM user",
        "SELECT user FROM mysql.user",
        "SET GLOBAL max_connections = 1",
    ] {
        let error = conn.query_drop(statement).await.unwrap_err().to_string();
        assert!(error.contains("denied"), "{statement}: {error}");
    }
}
