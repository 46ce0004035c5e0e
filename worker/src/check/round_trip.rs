//! The round trips to MySQL and Redis, and what they cost.

use crate::check::findings::{Finding, Topic};
use crate::check::format;
use serde_json::json;
use std::time::Duration;

/// Within a building it is far below a millisecond. Up to this nobody notices it.
const CLOSE: Duration = Duration::from_millis(5);
/// Statements of a daily refresh of two million visits and loans, in chunks of a millisecond of the server's work.
const STATEMENTS: u32 = 1_000;

/// Tells of the round trip to MySQL.
pub(super) fn mysql(round_trip: Duration) -> Finding {
    let found = found(Topic::Database, round_trip);
    if round_trip <= CLOSE {
        return found;
    }
    let longer = format::duration(round_trip.saturating_mul(STATEMENTS));
    found.advise(format!(
        "Each statement waits for it: a daily refresh of two million rows takes about {longer} longer, and today's count \
         arrives later by it. The database is not busier for that. Run the worker near it if you can."
    ))
}

/// Tells of the round trip to Redis.
pub(super) fn redis(round_trip: Duration) -> Finding {
    let found = found(Topic::Redis, round_trip);
    if round_trip <= CLOSE {
        return found;
    }
    found.advise(
        "Each count and each figure arrives at the gateways later by it. Run worker, gateways and Redis near each other if \
         you can.",
    )
}

fn found(topic: Topic, round_trip: Duration) -> Finding {
    let details = json!({ "round_trip_ms": round_trip.as_secs_f64() * 1e3 });
    Finding::ok(topic, "round trip", format::duration(round_trip)).with(details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::findings::Verdict;

    #[test]
    fn a_server_far_away_is_worth_advice() {
        for (millis, verdict) in [(0, Verdict::Ok), (5, Verdict::Ok), (60, Verdict::Advice)] {
            let round_trip = Duration::from_millis(millis);
            assert_eq!(mysql(round_trip).verdict, verdict, "{millis}");
            assert_eq!(redis(round_trip).verdict, verdict, "{millis}");
        }
        let advice = mysql(Duration::from_millis(60)).advice.unwrap();
        assert!(advice.contains("60.0 s"), "{advice}");
    }
}
