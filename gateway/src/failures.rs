//! Records what fails at present, for `/health`: one short text per failing part, removed as soon as the part works
//! again.

use fred::error::{Error, ErrorKind};
use shared::redis::is_without_resp3;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reads from Redis.
pub const REDIS: &str = "redis";
/// The subscription to the two channels.
pub const SUBSCRIPTION: &str = "subscription";
/// The messages on these channels.
pub const MESSAGES: &str = "messages";
/// Reads of the first bytes of a value.
pub const READS: &str = "reads";
/// The key of today's count: its value and its TTL.
pub const TODAY: &str = "today";
/// Refresh requests to the worker.
pub const REFRESH_REQUESTS: &str = "refresh_requests";
/// `LIBRARY_FILE` and the logo.
pub const LIBRARY_FILE: &str = "library_file";

/// The failing parts and the reasons: the parts above, and each snapshot by its name.
#[derive(Debug, Default)]
pub struct Failures(Mutex<BTreeMap<String, String>>);

impl Failures {
    /// Records that a part fails. Returns whether the failure or its reason is new.
    pub fn set(&self, part: &str, reason: impl Into<String>) -> bool {
        let reason = reason.into();
        let mut failing = self.lock();
        let is_new = failing.get(part).is_none_or(|before| *before != reason);
        if is_new {
            failing.insert(part.to_owned(), reason);
        }
        is_new
    }

    /// Records that a part works.
    pub fn clear(&self, part: &str) {
        self.lock().remove(part);
    }

    /// Returns whether a part fails.
    pub fn contains(&self, part: &str) -> bool {
        self.lock().contains_key(part)
    }

    /// Returns all failing parts with their reasons.
    pub fn report(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // No code panics while it holds the lock, so a poisoned map would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Describes a Redis error in a few words. Never includes its own text, which may repeat a command with a password.
pub fn describe_error(error: &Error) -> String {
    let details = error.details();
    let code = details.split(' ').next().unwrap_or_default();
    let is_code = code.len() > 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    match error.kind() {
        _ if is_permission(error) => {
            match details
                .split('\'')
                .nth(1)
                .filter(|name| is_command_name(name))
            {
                Some(command) => format!("the account may not run {command} (NOPERM)"),
                None => "the account may not do this (NOPERM)".to_owned(),
            }
        }
        _ if is_without_resp3(details) => {
            "Redis, or a proxy before it, does not know RESP3 (HELLO)".to_owned()
        }
        ErrorKind::Auth if is_code => format!("Redis refuses the user or the password ({code})"),
        _ if is_code => format!("Redis responds with {code}"),
        ErrorKind::Auth => "Redis refuses the user or the password".to_owned(),
        ErrorKind::Timeout => "Redis does not answer in time".to_owned(),
        ErrorKind::IO | ErrorKind::Canceled => "there is no connection to Redis".to_owned(),
        kind => format!("the connection to Redis fails: {}", kind.to_str()),
    }
}

/// Returns whether Redis refused a command because the account lacks the permission.
pub fn is_permission(error: &Error) -> bool {
    error.details().starts_with("NOPERM")
}

/// Returns whether `text` may be the name of a command, such as `client|id`.
fn is_command_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'|' | b'-');
    text.len() <= 32 && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_do_not_include_the_text_of_the_error() {
        let describe = |kind, details: &'static str| describe_error(&Error::new(kind, details));
        for (kind, details, expected) in [
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
                "Redis, or a proxy before it, does not know RESP3 (HELLO)",
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
            assert_eq!(describe(kind, details), expected);
        }
    }

    #[test]
    fn a_failure_is_new_once_per_reason() {
        let failures = Failures::default();
        assert!(failures.set(REDIS, "a") && !failures.set(REDIS, "a") && failures.set(REDIS, "b"));
        failures.clear(REDIS);
        assert!(failures.report().is_empty() && failures.set(REDIS, "b"));
    }
}
