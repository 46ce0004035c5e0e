//! What fails at present, for `/health`: one short text for each failing part, removed as soon as the part works again.

use fred::error::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reading from Redis at all.
pub const REDIS: &str = "redis";
/// Subscribing to the two channels.
pub const SUBSCRIPTION: &str = "subscription";
/// What arrives on them.
pub const MESSAGES: &str = "messages";
/// The value and the remaining time of today's count.
pub const TODAY: &str = "today";
/// Asking the worker for a fresh count.
pub const REFRESH_REQUESTS: &str = "refresh_requests";

/// The failing parts: those above, and each snapshot by its name. Bounded by their number.
#[derive(Debug, Default)]
pub struct Failures(Mutex<BTreeMap<String, String>>);

impl Failures {
    /// Notes that a part fails; returns whether that is new, or fails for another reason than before.
    pub fn set(&self, part: &str, why: impl Into<String>) -> bool {
        let why = why.into();
        let mut failing = self.lock();
        let is_new = failing.get(part).is_none_or(|before| *before != why);
        if is_new {
            failing.insert(part.to_owned(), why);
        }
        is_new
    }

    /// Notes that a part works.
    pub fn clear(&self, part: &str) {
        self.lock().remove(part);
    }

    /// Whether a part fails.
    pub fn contains(&self, part: &str) -> bool {
        self.lock().contains_key(part)
    }

    /// All that fails now.
    pub fn report(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // Nothing can panic in between.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error of Redis in a few words. Never its own text, which may repeat a command and with it a password.
pub fn in_short(error: &Error) -> String {
    let details = error.details();
    let code = details.split(' ').next().unwrap_or_default();
    let is_code = code.len() > 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    match error.kind() {
        _ if is_permission(error) => {
            match details.split('\'').nth(1).filter(|name| is_name(name)) {
                Some(command) => format!("the account may not run {command} (NOPERM)"),
                None => "the account may not do this (NOPERM)".to_owned(),
            }
        }
        ErrorKind::Auth if is_code => format!("Redis refuses the user or the password ({code})"),
        _ if is_code => format!("Redis answers {code}"),
        ErrorKind::Auth => "Redis refuses the user or the password".to_owned(),
        ErrorKind::Timeout => "Redis does not answer in time".to_owned(),
        ErrorKind::IO | ErrorKind::Canceled => "there is no connection to Redis".to_owned(),
        kind => format!("the connection to Redis fails: {}", kind.to_str()),
    }
}

/// Whether Redis refuses a command because the account lacks the right.
pub fn is_permission(error: &Error) -> bool {
    error.details().starts_with("NOPERM")
}

/// Whether this may be the name of a command, such as `client|id`.
fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'|' | b'-');
    text.len() <= 32 && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_without_its_own_text() {
        let tell = |kind, details: &'static str| in_short(&Error::new(kind, details));
        for (kind, details, told) in [
            (
                ErrorKind::Unknown,
                "NOPERM this user has no permissions to run the 'client|id' command",
                "the account may not run client|id (NOPERM)",
            ),
            (
                ErrorKind::Unknown,
                "NOPERM no permissions to access a channel 'hunter2 x'",
                "the account may not do this (NOPERM)",
            ),
            (
                ErrorKind::Unknown,
                "ERR unknown command `HELLO`, with args beginning with: `3` `AUTH` `user` `hunter2`",
                "Redis answers ERR",
            ),
            (
                ErrorKind::Auth,
                "invalid hunter2",
                "Redis refuses the user or the password",
            ),
            (
                ErrorKind::Auth,
                "WRONGPASS invalid username-password pair or user is disabled.",
                "Redis refuses the user or the password (WRONGPASS)",
            ),
            (
                ErrorKind::Timeout,
                "Request timed out.",
                "Redis does not answer in time",
            ),
            (
                ErrorKind::IO,
                "Connection refused",
                "there is no connection to Redis",
            ),
        ] {
            assert_eq!(tell(kind, details), told);
        }
    }

    #[test]
    fn a_part_is_new_once_for_each_reason() {
        let failures = Failures::default();
        assert!(failures.set(REDIS, "a") && !failures.set(REDIS, "a") && failures.set(REDIS, "b"));
        failures.clear(REDIS);
        assert!(failures.report().is_empty() && failures.set(REDIS, "b"));
    }
}
