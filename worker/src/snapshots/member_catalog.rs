//! Every member of the library, in memory: the type and the institution of each, by the member's id.

use crate::mysql::connection::Session;
use crate::mysql::members::{self, MemberRow};
use crate::snapshots::interner::Interner;
use crate::snapshots::spelling_map::{Lookup, NUMBER_LIMIT, SpellingMap};
use anyhow::{Context, Result};
use std::borrow::Cow;
use std::collections::HashMap;

/// The members, their types and their institutions: 36 bytes for each member.
pub struct MemberCatalog {
    /// The index of each member by id.
    ids: SpellingMap,
    members: Vec<Entry>,
    types: MemberTypes,
    institutions: Interner<()>,
}

struct Entry {
    /// The index of the type; `None` if it is unknown.
    member_type: Option<u16>,
    /// The symbol of the institution as stored.
    institution: u32,
}

/// The member types, ascending by id.
#[derive(Default)]
pub struct MemberTypes {
    names: Vec<String>,
    indexes: HashMap<i64, u16>,
}

impl MemberTypes {
    /// Reads the types.
    ///
    /// # Errors
    /// If the database does not answer, or there are more than 65,535.
    pub async fn read(session: &mut Session) -> Result<Self> {
        let types = members::types(session).await?;
        let mut indexes = HashMap::with_capacity(types.len());
        for (index, (id, _)) in types.iter().enumerate() {
            indexes.insert(*id, u16::try_from(index).context("too many member types")?);
        }
        let names = types.into_iter().map(|(_, name)| name).collect();
        Ok(Self { names, indexes })
    }

    /// The names, ascending by id.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The index of a type; `None` if there is no such type.
    pub fn index(&self, id: Option<i64>) -> Option<u16> {
        self.indexes.get(&id?).copied()
    }
}

impl MemberCatalog {
    /// Creates a catalogue without members.
    pub fn new(types: MemberTypes) -> Self {
        Self {
            ids: SpellingMap::new("visitor_count", "member_id"),
            members: Vec::new(),
            types,
            institutions: Interner::default(),
        }
    }

    /// Adds a member.
    ///
    /// # Errors
    /// If there are too many members.
    pub fn add(&mut self, member: &MemberRow<'_>) -> Result<()> {
        let index = u32::try_from(self.members.len()).ok();
        let index = index.filter(|index| *index < NUMBER_LIMIT);
        let index = index.context("more members than fit in 32 bits")?;
        self.ids.insert(member.id, Some(index))?;
        let (institution, ()) = self.institutions.get_or_intern(member.institution, || ())?;
        self.members.push(Entry {
            member_type: self.types.index(member.member_type),
            institution,
        });
        Ok(())
    }

    /// The member types.
    pub fn types(&self) -> &MemberTypes {
        &self.types
    }

    /// Looks up the index of a member.
    ///
    /// # Errors
    /// If there are too many ids.
    pub fn lookup(&mut self, id: &[u8]) -> Result<Lookup> {
        self.ids.lookup(id)
    }

    /// The index of the member with an id that was looked up before; `None` if there is no such member.
    pub fn find(&self, id: &[u8]) -> Option<u32> {
        found(self.ids.get(id))
    }

    /// The index of the member whose look-up was pending.
    pub fn resolved(&self, symbol: u32) -> Option<u32> {
        found(self.ids.resolved(symbol))
    }

    /// The index of a member's type; `None` if it is unknown.
    pub fn member_type(&self, member: u32) -> Option<u16> {
        self.members[member as usize].member_type
    }

    /// A member's institution as stored, which may be blank.
    pub fn institution(&self, member: u32) -> Cow<'_, str> {
        let symbol = self.members[member as usize].institution;
        String::from_utf8_lossy(self.institutions.text(symbol))
    }

    /// Resolves the spellings that no member has, with the collation of the visits' ids.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn resolve_pending(&mut self, session: &mut Session) -> Result<()> {
        self.ids.resolve_pending(session).await
    }
}

fn found(lookup: Lookup) -> Option<u32> {
    match lookup {
        Lookup::Found(member) => Some(member),
        Lookup::Missing | Lookup::Pending(_) => None,
    }
}
