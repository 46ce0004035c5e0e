//! Describes the round-trip times to MySQL and Redis, and what they cost.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use serde_json::json;
use std::time::Duration;

/// Up to this time nobody notices it. Within a building it is far below a millisecond.
const CLOSE: Duration = Duration::from_millis(5);
/// The statements of a daily refresh of two million visits and loans, with a millisecond of the server's work in each.
const STATEMENTS: u32 = 1_000;

/// Describes the round trip to MySQL.
pub(super) fn mysql(round_trip: Duration) -> Finding {
    let found = found(Topic::Database, round_trip);
    if round_trip <= CLOSE {
        return found;
    }
    let longer = format::duration(round_trip.saturating_mul(STATEMENTS));
    found.advise(format!(
        "Each statement waits for one round trip: a daily refresh of two million rows takes about {longer} longer, \
         and today's count arrives a little later. The database is not busier. If you can, run the worker near it."
    ))
}

/// Describes the round trip to Redis.
pub(super) fn redis(round_trip: Duration) -> Finding {
    let found = found(Topic::Redis, round_trip);
    if round_trip <= CLOSE {
        return found;
    }
    found.advise(
        "Each count and each figure reaches the gateways later by this time. If you can, run worker, gateways and \
         Redis near each other.",
    )
}

fn found(topic: Topic, round_trip: Duration) -> Finding {
    let details = json!({ "round_trip_ms": round_trip.as_secs_f64() * 1e3 });
    Finding::ok(topic, "round trip", format::duration(round_trip)).with_details(details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::findings::Verdict;

    #[test]
    fn a_distant_server_gets_advice() {
        for (millis, verdict) in [(0, Verdict::Ok), (5, Verdict::Ok), (60, Verdict::Advice)] {
            let round_trip = Duration::from_millis(millis);
            assert_eq!(mysql(round_trip).verdict, verdict, "{millis}");
            assert_eq!(redis(round_trip).verdict, verdict, "{millis}");
        }
        let advice = mysql(Duration::from_millis(60)).advice.unwrap();
        assert!(advice.contains("60.0 s"), "{advice}");
    }
}
