//! Passwords with odd characters work, for Redis and for MySQL.

use crate::fixture::{Fixture, SOON};
use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use shared::redis::RedisUrl;
use shared::time::Clock;
use std::fmt::Write as _;
use std::process::Command;
use testkit::eventually::eventually;
use testkit::library::Library;
use testkit::mariadb::shared_mariadb;
use testkit::process::Process;
use testkit::schema::Shape;
use testkit::server::{Redis, unique};
use tokio_util::task::AbortOnDropHandle;

/// Passwords that an inline command of Redis would split, end or unquote, or that mean something in a URL.
const ODD: [&str; 12] = [
    "with a blank",
    " blanks around ",
    "a \"quoted\" word",
    "it's",
    "\"",
    "back\\slash",
    "back\\ slash and blank\\",
    "line\r\nend",
    "tab\tand\0nul",
    "käse 図書館",
    "rediss://a:b@c/d?e#f%20g",
    "\r\nSET injected 1\r\n",
];

/// Percent-encodes every byte except letters and digits.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => encoded.push(char::from(byte)),
            false => write!(encoded, "%{byte:02X}").unwrap(),
        }
    }
    encoded
}

fn url(redis: &Redis, user: &str, password: &str) -> String {
    let (user, password) = (encode(user), encode(password));
    format!("redis://{user}:{password}@127.0.0.1:{}", redis.port())
}

/// Connects to `url`. Returns the first error if the login fails.
async fn log_in(url: &str) -> Result<(), String> {
    let client = RedisUrl::parse(url)?.client(SOON).unwrap();
    let mut errors = client.error_rx();
    let connecting = AbortOnDropHandle::new(client.connect());
    let logged_in = tokio::select! {
        connected = client.wait_for_connect() => connected.map_err(|error| error.to_string()),
        Ok((error, _)) = errors.recv() => Err(error.to_string()),
    };
    drop(connecting);
    logged_in
}

#[tokio::test]
async fn odd_redis_passwords_log_in_and_inject_nothing() {
    let redis = Redis::start().await.unwrap();
    let owner = RedisUrl::parse(&redis.url()).unwrap().client(SOON).unwrap();
    owner.init().await.unwrap();
    for password in ODD {
        execute(&owner, &["CONFIG", "SET", "requirepass", password]).await;
        let by_default_user = log_in(&url(&redis, "", password)).await;
        assert_eq!(by_default_user, Ok(()), "{password:?}");
        let rule = format!(">{password}");
        let account = [
            "ACL", "SETUSER", "it's", "reset", "on", "+@all", "~*", &rule,
        ];
        execute(&owner, &account).await;
        let by_account = log_in(&url(&redis, "it's", password)).await;
        assert_eq!(by_account, Ok(()), "{password:?}");

        let wrong = log_in(&url(&redis, "it's", &format!("{password}x"))).await;
        let wrong = wrong.unwrap_err();
        assert!(wrong.contains("WRONGPASS"), "{password:?}: {wrong}");
    }
    let injected: Option<String> = owner.get("injected").await.unwrap();
    assert_eq!(injected, None);
}

async fn execute(client: &Client, words: &[&str]) {
    let (name, arguments) = words.split_first().unwrap();
    let command = CustomCommand::new(*name, ClusterHash::FirstKey, false);
    let reply: Result<Value, _> = client.custom(command, arguments.to_vec()).await;
    reply.unwrap_or_else(|error| panic!("{words:?}: {error}"));
}

#[tokio::test]
async fn a_worker_logs_in_by_files_with_odd_passwords() {
    const ODD_SECRET: &str = "a \"käse\" it's \\ 図書館 #%&;$HOME";
    let redis = Redis::start().await.unwrap();
    let mut fixture = Fixture::on_redis(&redis.url()).await;
    execute(
        &fixture.redis,
        &["CONFIG", "SET", "requirepass", ODD_SECRET],
    )
    .await;
    let redis_url = url(&redis, "default", ODD_SECRET);
    let user = unique("odd");
    let mariadb = shared_mariadb().await;
    mariadb
        .grant_select(&user, ODD_SECRET, &fixture.database)
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{content}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    fixture.set("MYSQL_USER", &user);
    for (name, value) in [
        ("REDIS_URL", String::new()),
        ("REDIS_URL_FILE", file("url", &redis_url)),
        ("MYSQL_PASSWORD", String::new()),
        ("MYSQL_PASSWORD_FILE", file("password", ODD_SECRET)),
    ] {
        fixture.set(name, &value);
    }
    let process = Process::spawn("worker", &fixture.environment()).unwrap();
    fixture.await_all().await;
    eventually("today is counted", SOON, async || fixture.today().await).await;
    drop(process);
    // The same passwords in the environment.
    fixture.set("REDIS_URL", &redis_url);
    fixture.set("REDIS_URL_FILE", "");
    fixture.set("MYSQL_PASSWORD", ODD_SECRET);
    fixture.set("MYSQL_PASSWORD_FILE", "");
    let refresh = Command::new(env!("CARGO_BIN_EXE_worker"))
        .arg("refresh")
        .env_clear()
        .envs(fixture.environment())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&refresh.stdout);
    assert_eq!(refresh.status.code(), Some(0), "{log}");
}

impl Fixture {
    /// An empty library on the shared MariaDB and the Redis under `url`.
    pub(crate) async fn on_redis(url: &str) -> Self {
        let now = Clock::system().now().utc();
        let zone = chrono_tz::Asia::Jakarta;
        let library = Library::empty();
        let mariadb = shared_mariadb().await;
        Self::on(mariadb, url, library, zone, now, Shape::default()).await
    }
}
