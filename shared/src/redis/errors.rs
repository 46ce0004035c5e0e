//! What an operator can do about an error of the Redis client.

use crate::tls::Fault;
use fred::error::Error;

/// Redis repeats the arguments of a command that it does not know. Those of `HELLO` are user and password.
const ARGUMENTS: &str = ", with args beginning with";

/// What the client says of a Cluster whose `cluster_state` is not `ok`.
const CLUSTER_DOWN: &str = "Invalid or missing cluster state";

/// The error without the arguments of a command, which may be secrets, and with a remedy if it is about RESP3 or a
/// Cluster that is down.
pub fn plain_error(error: Error) -> Error {
    let details = error.details();
    let plain = if is_without_resp3(details) {
        "this server, or a proxy before it, does not know HELLO. Redis 6.2 or later is needed, and every proxy must pass \
         RESP3 on, because one connection carries both commands and messages"
            .to_owned()
    } else if details.starts_with(CLUSTER_DOWN) {
        "this Redis Cluster says that it is down (CLUSTER INFO); redis-cli --cluster check says why, such as a slot without a server"
            .to_owned()
    } else {
        match details.split_once(ARGUMENTS) {
            Some((before, _)) => before.to_owned(),
            None => return error,
        }
    };
    Error::new(error.kind().clone(), plain)
}

/// Whether the text of an error says that the server cannot switch to RESP3.
pub fn is_without_resp3(details: &str) -> bool {
    let text = details.to_ascii_lowercase();
    let is_refused = ["unknown", "unsupported", "not supported", "does not know"];
    text.starts_with("noproto")
        || text.contains("hello") && is_refused.iter().any(|words| text.contains(words))
}

/// Advice about a failed TLS handshake, by the text of its error; `None` for other errors.
pub fn tls_advice(error: &str) -> Option<&'static str> {
    // A Redis without TLS reads the handshake as an incomplete line and waits for the rest.
    let plain = error.contains("timed out").then_some(Fault::Plain);
    Some(match Fault::classify(error).or(plain)? {
        Fault::Authority => {
            "its certificate is signed by an unknown authority: set REDIS_TLS_CA to the PEM file of that authority"
        }
        Fault::Host => {
            "its certificate is for another host: use the certificate's host name in REDIS_URL"
        }
        Fault::Time => {
            "its certificate is not valid at this time: renew it, or correct this machine's clock"
        }
        Fault::Plain => {
            "that port may not use TLS: set REDIS_URL to the TLS port, or begin it with redis://"
        }
        Fault::Version => {
            "its certificate is of X.509 version 1, which cannot be used: make one of version 3"
        }
        Fault::Demanded => {
            "it demands a client certificate: set REDIS_TLS_CERT and REDIS_TLS_KEY, or its tls-auth-clients to no"
        }
        Fault::Refused => {
            "it does not accept the client certificate: set REDIS_TLS_CERT to one that its tls-ca-cert-file has signed"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fred::error::ErrorKind;

    #[test]
    fn arguments_of_unknown_commands_are_not_shown() {
        for (details, is_about_resp3) in [
            (
                "ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `u`, `hunter2`, ",
                true,
            ),
            (
                "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'u' 'hunter2' ",
                true,
            ),
            ("NOPROTO unsupported protocol version", true),
            ("ERR unsupported command 'hello'", true),
            (
                "ERR unknown command 'PTTL', with args beginning with: 'hunter2' ",
                false,
            ),
            (
                "NOAUTH HELLO must be called with the client already authenticated",
                false,
            ),
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                false,
            ),
        ] {
            let plain = plain_error(Error::new(ErrorKind::Unknown, details));
            assert!(!plain.details().contains("hunter2"), "{plain}");
            assert_eq!(plain.details().contains("RESP3"), is_about_resp3, "{plain}");
            assert_eq!(is_without_resp3(plain.details()), is_about_resp3, "{plain}");
        }
    }

    #[test]
    fn a_cluster_that_is_down_says_so() {
        let error = Error::new(ErrorKind::Protocol, "Invalid or missing cluster state.");
        assert!(plain_error(error).details().contains("--cluster check"));
    }
}
