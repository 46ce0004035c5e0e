//! The envelope around a snapshot's data. The worker stores it and the gateway serves it, byte for byte.

use crate::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;

/// The envelope around every figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Envelope<D> {
    /// When the worker began to read the rows that `data` is computed from.
    pub generated_at: Timestamp,
    /// How long the figures count as fresh, in seconds from `generated_at`. They are served for longer if there is
    /// nothing newer.
    #[cfg_attr(feature = "openapi", schema(format = Int64, minimum = 1, examples(90_000)))]
    pub ttl_seconds: u32,
    /// The month or the year that `data` covers, in the library's time zone: `2025-09`, `2025`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub period: Option<String>,
    /// The figures.
    pub data: D,
}

impl<'a> Envelope<&'a RawValue> {
    /// Parses the value of a snapshot's key; `data` stays raw JSON.
    ///
    /// # Errors
    /// If the bytes are not such an envelope, or if `ttl_seconds` is 0.
    pub fn parse(stored: &'a [u8]) -> Result<Self, serde_json::Error> {
        let envelope: Self = serde_json::from_slice(stored)?;
        if envelope.ttl_seconds == 0 {
            return Err(serde::de::Error::custom("ttl_seconds is 0"));
        }
        Ok(envelope)
    }
}

impl<D> Envelope<D> {
    /// The time since `generated_at`.
    pub fn age(&self, clock: &Clock) -> Duration {
        clock.now().since(self.generated_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_in_the_order_of_the_contract() {
        let text = r#"{"generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":90000,"period":"2025-09","data":[]}"#;
        let envelope = Envelope::parse(text.as_bytes()).expect("valid");
        assert_eq!(serde_json::to_string(&envelope).expect("text"), text);
    }

    #[test]
    fn invalid_envelopes_are_rejected() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"generated_at":"x","ttl_seconds":1,"data":[]}"#,
            "\u{0}",
        ] {
            assert!(Envelope::parse(text.as_bytes()).is_err(), "{text}");
        }
        let without_ttl =
            r#"{"generated_at":"2025-09-23T00:05:12.345Z","ttl_seconds":0,"data":[]}"#;
        assert!(Envelope::parse(without_ttl.as_bytes()).is_err());
    }
}
