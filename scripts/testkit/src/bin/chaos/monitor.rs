//! Reads every command that Redis executes (MONITOR): which writes it accepted, and under which lease.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::judge::Judge;

/// Between two attempts to listen to a Redis that is away.
const AGAIN: Duration = Duration::from_millis(20);
/// The judge itself asks so often, so that a connection that is dead is left.
const SILENCE: Duration = Duration::from_secs(20);

/// Watches forever. A write of an older epoch after a newer one is stale, two names with one epoch are two publishers,
/// and a write without a script is not ours.
pub(crate) async fn watch(port: u16, judge: Arc<Judge>) {
    let mut account = Account::default();
    loop {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            if stream.get_mut().write_all(b"MONITOR\r\n").await.is_ok() {
                while let Ok(Ok(1..)) = timeout(SILENCE, stream.read_line(&mut line)).await {
                    account.read(&line, &judge);
                    line.clear();
                }
            }
        }
        sleep(AGAIN).await;
    }
}

/// What Redis has let through: epochs rise also over one that has lost everything.
#[derive(Default)]
struct Account {
    /// Of each lease's key: the last epoch that wrote, and its name.
    last: BTreeMap<String, (u64, String)>,
    /// The script that is being run: the key of its lease, and the lease that it names.
    script: Option<(String, String)>,
}

impl Account {
    fn read(&mut self, line: &str, judge: &Judge) {
        let words = words(line);
        let from_script = line.contains(" lua] ");
        match words
            .first()
            .map(|word| word.to_ascii_uppercase())
            .as_deref()
        {
            Some("EVAL") => self.script = script(&words),
            Some("SET" | "HSET" | "PUBLISH") if from_script => self.wrote(&words, judge),
            Some("SET" | "HSET" | "DEL" | "EXPIRE" | "PEXPIRE") if !from_script => {
                judge.finds(format!("a write that is not fenced: {}", words.join(" ")));
            }
            _ => {}
        }
    }

    fn wrote(&mut self, words: &[String], judge: &Judge) {
        // The lease itself is written by the worker that acquires it, under its name without an epoch.
        let Some((key, lease)) = &self.script else {
            return;
        };
        let Some((epoch, name)) = lease.split_once(' ') else {
            return;
        };
        let Ok(epoch) = epoch.parse::<u64>() else {
            return;
        };
        judge.saw("fenced writes");
        let last = self
            .last
            .entry(key.clone())
            .or_insert_with(|| (epoch, name.to_owned()));
        if epoch < last.0 {
            judge.finds(format!(
                "a stale write of {lease} after {last:?}: {words:?}"
            ));
        } else if epoch == last.0 && name != last.1 {
            judge.finds(format!("two publishers of one epoch: {lease} and {last:?}"));
        } else {
            *last = (epoch, name.to_owned());
        }
    }
}

/// `EVAL script count key … argument …`: the first key and the first argument.
fn script(words: &[String]) -> Option<(String, String)> {
    let keys: usize = words.get(2)?.parse().ok()?;
    Some((words.get(3)?.clone(), words.get(3 + keys)?.clone()))
}

/// The quoted words of a line.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut escaped) = (Vec::new(), None::<String>, false);
    for char in line.chars() {
        match (&mut word, char) {
            (Some(text), _) if escaped => {
                escaped = false;
                text.push(char);
            }
            (Some(_), '\\') => escaped = true,
            (Some(_), '"') => words.extend(word.take()),
            (Some(text), _) => text.push(char),
            (None, '"') => word = Some(String::new()),
            (None, _) => {}
        }
    }
    words
}
