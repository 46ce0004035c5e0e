//! Finds the type of a member by the member's id.

use crate::mysql::connection::Session;
use crate::mysql::members;
use crate::mysql::scan_settings::ScanSettings;
use crate::snapshots::spelling_map::{Lookup, MAX_NUMBERS, SpellingMap};
use anyhow::{Context, Result};
use std::collections::HashMap;

/// The member types, and the type of each member, in memory: 28 bytes for each member.
pub(super) struct MemberTypes {
    /// The names of the types, ascending by id.
    names: Vec<String>,
    /// The index of each member's type; none if the type is unknown.
    members: SpellingMap,
}

impl Default for MemberTypes {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            members: SpellingMap::new("visitor_count", "member_id"),
        }
    }
}

impl MemberTypes {
    /// Reads all types and all members. Without the table of types, the types are those of the members, and each is
    /// named by its id.
    pub(super) async fn read(session: &mut Session, settings: &ScanSettings) -> Result<Self> {
        let types = members::types(session).await?;
        let mut indexes = HashMap::new();
        for (index, (id, _)) in types.iter().enumerate() {
            let index = u32::try_from(index).ok();
            let index = index.filter(|index| *index < MAX_NUMBERS);
            indexes.insert(*id, index.context("more member types than fit in 32 bits")?);
        }
        let mut read = Self {
            names: types.into_iter().map(|(_, name)| name).collect(),
            ..Self::default()
        };
        members::each_type(session, settings, |id, member_type| {
            let index = member_type.and_then(|id| indexes.get(&id)).copied();
            read.members.insert(id, index)
        })
        .await?;
        Ok(read)
    }

    /// The names of the types, ascending by id.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Looks up the index of a member's type.
    pub(super) fn lookup(&mut self, id: &[u8]) -> Result<Lookup> {
        self.members.lookup(id)
    }

    /// The result for an id that was looked up before the last [`Self::resolve_pending`].
    pub(super) fn get(&self, id: &[u8]) -> Lookup {
        self.members.get(id)
    }

    /// The result for a pending spelling, after [`Self::resolve_pending`].
    pub(super) fn resolved(&self, symbol: u32) -> Lookup {
        self.members.resolved(symbol)
    }

    /// Resolves the spellings that no member has, with the collation of the visits' ids.
    pub(super) async fn resolve_pending(&mut self, session: &mut Session) -> Result<()> {
        self.members.resolve_pending(session).await
    }
}
