//! The environment of both processes.

use crate::Property;
use chrono::DateTime;
use shared::environment::{BadConfiguration, Environment};
use shared::redis;
use shared::time::Timestamp;
use shared::variable::Variable;
use worker::calendar::Calendar;
use worker::snapshots::cron::Cron;

const SECRET: &str = "hunter2-never-to-be-told";

/// The first line is a zone, the second a cron expression. Each next time of an accepted expression is later.
pub const CRON: Property = Property {
    name: "cron",
    seeds: &[
        "Asia/Jakarta\n5 0 * * *",
        "Africa/Cairo\n0 0 * * FRI#L",
        "America/New_York\n30 2 8-14 3 SUN",
        "Australia/Lord_Howe\n*/15 30 1 29 2 *",
        "Pacific/Apia\n0 0 30 12 *",
        "Asia/Jakarta\n, * * * * 5L",
    ],
    check: |input| {
        let text = String::from_utf8_lossy(input);
        let (zone, text) = text.split_once('\n').unwrap_or(("Asia/Jakarta", &text));
        let Ok(calendar) = Calendar::parse(zone) else {
            return;
        };
        let Ok(cron) = Cron::parse(text, &calendar) else {
            return;
        };
        // Around the beginnings and ends of summer time, and a day that one zone skipped.
        for second in [1_325_116_800, 1_396_000_000, 1_710_000_000, 1_729_990_000] {
            let mut time = Timestamp::from(DateTime::from_timestamp(second, 0).expect("a time"));
            for _ in 0..3 {
                let Some(next) = cron.after(time) else {
                    return;
                };
                assert!(next > time, "{next} after {time}");
                time = next;
            }
        }
    },
};

/// An accepted URL has a scheme of Redis, and its text for logs contains no password.
pub const REDIS_URL: Property = Property {
    name: "redis_url",
    seeds: &[
        "redis://127.0.0.1:6379",
        "rediss://user:hunter2@redis.example:6380/2",
        "redis-sentinel://[::1]:26379/0?sentinelServiceName=main&sentinelPassword=hunter2",
        "redis-cluster://a:7000?node=b:7001&node=c",
        "redis://%FF:%00@x:1/99999999999",
    ],
    check: |input| {
        let text = String::from_utf8_lossy(input);
        if redis::RedisUrl::parse(&text).is_ok() {
            assert!(text.to_ascii_lowercase().starts_with("redis"));
        }
        // The same host after a password.
        let host = text.split("://").last().unwrap_or_default();
        let url = redis::RedisUrl::parse(&format!("redis://somebody:{SECRET}@{host}"));
        assert!(!url.is_ok_and(|url| url.address().contains(SECRET)));
    },
};

/// Lines of NAME=value, for the gateway.
pub const GATEWAY: Property = Property {
    name: "gateway_settings",
    seeds: &[
        "PORT=0\nHOST=::1\nSSE_EMIT=change\nRUST_LOG=warn,gateway=debug\nREDIS_KEY_PREFIX={lib}:",
        "CORS_ORIGINS=https://a.example\nFRAME_ANCESTORS=self,https://a.example\nMAX_PER_ADDRESS=7\nLOG_FORMAT=json",
        "RUST_LOG=warn,\u{c}wate w\u{fffd}\u{fffd}=\nPORT=70000",
        "SHUTDOWN_DRAIN_SECONDS=3601\nSSE_MAX_CLIENTS=-1\nENABLE_DOCS=maybe\nRUST_LOG=[[=",
    ],
    check: |input| {
        use gateway::config::Config;
        let read = |environment: Environment<'_>| Config::read(environment).map(drop);
        check_configuration(&Config::variables(), input, read);
    },
};

/// Lines of NAME=value, for the worker.
pub const WORKER: Property = Property {
    name: "worker_settings",
    seeds: &[
        "MYSQL_USER=u\nMYSQL_DATABASE=d\nLIBRARY_TIMEZONE=Asia/Makassar\nVISITOR_SLOW_CRON=0 5 0 * * *",
        "MYSQL_USER=u\nMYSQL_DATABASE=d\nTODAY_COUNT_MODE=auto\nMEMBER_NAMES=masked\nMYSQL_TLS=verify",
        "MYSQL_PORT=65536\nBOOKS_SLOW_CRON=5 0 31 2 *\nREFRESH_DUTY_PERCENT=0\nSNAPSHOT_TTL_SECONDS=1",
    ],
    check: |input| {
        use worker::config::Config;
        let read = |environment: Environment<'_>| Config::read(environment).map(drop);
        check_configuration(&Config::variables(), input, read);
    },
};

/// Either the configuration is accepted, or the error names a variable. No error contains a secret.
fn check_configuration(
    variables: &[Variable],
    input: &[u8],
    read: impl Fn(Environment<'_>) -> Result<(), BadConfiguration>,
) {
    let text = String::from_utf8_lossy(input);
    let lookup = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        let found = lines.find(|(key, _)| *key == name);
        found.map(|(_, value)| value.to_owned())
    };
    if let Err(error) = read(Environment::from_lookup(lookup)) {
        let error = error.to_string();
        let mut names = variables.iter().map(|variable| variable.name);
        assert!(names.any(|name| error.contains(name)), "{error}");
    }
    let mut secrets = variables.iter().filter(|variable| variable.secret);
    let with_secrets = |name: &str| match secrets.clone().any(|secret| secret.name == name) {
        true => Some(format!("{SECRET}://:{SECRET}@x")),
        false => lookup(name),
    };
    let error = read(Environment::from_lookup(with_secrets));
    let error = error.expect_err("no Redis has such a URL").to_string();
    assert!(
        secrets.next().is_some() && !error.contains(SECRET),
        "{error}"
    );
}
