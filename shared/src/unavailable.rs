//! The snapshots that cannot be computed until somebody changes the database, and why. The worker stores them as JSON, so
//! that gateways can tell clients who would wait for ever.

use crate::catalog::Snapshot;
use std::collections::BTreeMap;

/// The reason for each such snapshot: a few words for clients, without names of accounts, hosts or people.
pub type Reasons = BTreeMap<Snapshot, String>;

/// Writes the reasons by the names of the snapshots: `{"books:circulation":"column loan.due_date is missing …"}`.
pub fn encode(reasons: &Reasons) -> String {
    let by_name = reasons.iter();
    let by_name = by_name.map(|(snapshot, reason)| (snapshot.name(), reason.as_str().into()));
    serde_json::Value::Object(by_name.collect()).to_string()
}

/// Reads what [`encode`] has written. Names that this version does not know are left out; anything else is empty.
pub fn decode(stored: &[u8]) -> Reasons {
    let by_name: BTreeMap<String, String> = serde_json::from_slice(stored).unwrap_or_default();
    let known = by_name.into_iter();
    known
        .filter_map(|(name, reason)| Some((Snapshot::by_name(&name)?, reason)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_as_written() {
        let reasons = Reasons::from([(Snapshot::Circulation, "a \"table\" is missing".to_owned())]);
        assert_eq!(decode(encode(&reasons).as_bytes()), reasons);
        assert!(decode(b"").is_empty() && decode(b"[1]").is_empty());
        assert!(decode(br#"{"books:later":"x"}"#).is_empty());
    }
}
