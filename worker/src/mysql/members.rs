//! Reads `member`: the present members.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::column::TextColumn;
use crate::mysql::connection::Session;
use crate::mysql::schema::TableSchema;
use crate::mysql::{IN_LIST_SIZE, params};
use anyhow::Result;
use std::collections::HashMap;

/// A present member.
#[derive(Clone, Debug)]
pub struct Member {
    /// The id, as spelled in `member`.
    pub id: String,
    /// The present name.
    pub name: Option<String>,
    /// The present institution; `None` also if it was not requested.
    pub institution: Option<String>,
}

/// The columns to read of each member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Id and name.
    Name,
    /// Id, name and institution.
    NameAndInstitution,
}

/// The present members with these `ids`, by the key of their id under `collation`.
///
/// # Errors
/// If the database does not answer.
pub async fn find_present(
    session: &mut Session,
    collation: &mut Collation,
    ids: &[&str],
    columns: Columns,
) -> Result<HashMap<CollationKey, Member>> {
    let schema = TableSchema::of(session, "member").await?;
    let institution = match columns {
        Columns::Name => "NULL",
        Columns::NameAndInstitution => schema.or_null("inst_name"),
    };
    let column = TextColumn::load(session, "member", "member_id").await?;
    let mut members = Vec::new();
    for batch in ids.chunks(IN_LIST_SIZE) {
        let (condition, values) = column.is_one_of("member_id", batch);
        let sql =
            format!("SELECT member_id, member_name, {institution} FROM member WHERE {condition}");
        session
            .each("members", &sql, params(values), |row| {
                members.push(Member {
                    id: row.owned_text(0).unwrap_or_default(),
                    name: row.owned_text(1),
                    institution: row.owned_text(2),
                });
                Ok(())
            })
            .await?;
    }
    collation
        .learn(session, members.iter().map(|member| member.id.as_str()))
        .await?;
    Ok(members
        .into_iter()
        .map(|member| (collation.key(&member.id), member))
        .collect())
}
