//! Reads `member`: who is a member now.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::column::TextColumn;
use crate::mysql::connection::Session;
use crate::mysql::{BATCH, params, spellings};
use anyhow::Result;
use std::collections::HashMap;

/// A present member.
#[derive(Clone, Debug)]
pub struct Member {
    /// The id as the library spells it.
    pub id: String,
    /// The present name.
    pub name: Option<String>,
    /// The present institution; `None` also where it was not asked for.
    pub institution: Option<String>,
}

/// What is read of each member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Id and name.
    Name,
    /// Id, name and institution.
    NameAndInstitution,
}

/// Those of `ids` that belong to a present member, by their key under `collation`.
///
/// # Errors
/// As the database says.
pub async fn present(
    session: &mut Session,
    collation: &mut Collation,
    ids: &[&str],
    columns: Columns,
) -> Result<HashMap<CollationKey, Member>> {
    let columns = match columns {
        Columns::Name => "member_id, member_name",
        Columns::NameAndInstitution => "member_id, member_name, inst_name",
    };
    let column = TextColumn::of(session, "member", "member_id").await?;
    let mut found = Vec::new();
    for batch in spellings(ids).chunks(BATCH) {
        let marks = column.marks(batch.len());
        let sql = format!("SELECT {columns} FROM member WHERE member_id IN ({marks})");
        session
            .each("members", &sql, params(batch.iter().copied()), |cells| {
                found.push(Member {
                    id: cells.owned_text(0).unwrap_or_default(),
                    name: cells.owned_text(1),
                    institution: cells.owned_text(2),
                });
                Ok(())
            })
            .await?;
    }
    collation
        .learn(session, found.iter().map(|member| member.id.as_str()))
        .await?;
    Ok(found
        .into_iter()
        .map(|member| (collation.key(&member.id), member))
        .collect())
}
