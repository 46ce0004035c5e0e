//! Reads `member`, the present members, and `mst_member_type`, their types.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::column::TextColumn;
use crate::mysql::connection::{FULL_SCAN_LIMIT, Session};
use crate::mysql::error::is_unreadable;
use crate::mysql::row::RowDecoder;
use crate::mysql::scan_settings::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::{IN_LIST_SIZE, params};
use anyhow::Result;
use mysql_async::Params;
use std::collections::HashMap;
use tracing::warn;

/// Members per statement of a scan: about a millisecond.
const MEMBERS_PER_CHUNK: usize = 1_000;

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

/// The member types, each with its id and its name, ascending by id. Without `mst_member_type` the types are those of
/// the members, and each is named by its id.
///
/// # Errors
/// If the database does not answer, or `member.member_type_id` does not exist.
pub async fn types(session: &mut Session) -> Result<Vec<(i64, String)>> {
    let mut types = Vec::new();
    let sql =
        "SELECT member_type_id, member_type_name FROM mst_member_type ORDER BY member_type_id";
    let read = session.each("member types", sql, Params::Empty, |row| {
        let name = row.owned_text(1).unwrap_or_default();
        types.extend(row.integer(0)?.map(|id| (id, name)));
        Ok(())
    });
    match read.await {
        Ok(()) => return Ok(types),
        Err(error) if !is_unreadable(&error) => return Err(error),
        Err(error) => warn!(
            error = format!("{error:#}"),
            "mst_member_type cannot be read: member types are named by their ids"
        ),
    }
    TableSchema::of(session, "member")
        .await?
        .require("member_type_id")?;
    let mut types = Vec::new();
    let sql = "SELECT DISTINCT member_type_id FROM member WHERE member_type_id IS NOT NULL ORDER BY member_type_id";
    session
        .each("types of members", sql, Params::Empty, |row| {
            types.extend(row.integer(0)?.map(|id| (id, id.to_string())));
            Ok(())
        })
        .await?;
    Ok(types)
}

/// Calls `on_member` with the id and the type of every member, in short statements along the primary key, or in one
/// statement if there is no such key.
///
/// # Errors
/// If the database does not answer, a column does not exist, or the callback fails.
pub async fn each_type(
    session: &mut Session,
    settings: &ScanSettings,
    mut on_member: impl FnMut(&[u8], Option<i64>) -> Result<()>,
) -> Result<()> {
    let schema = TableSchema::of(session, "member").await?;
    schema.require("member_id")?;
    schema.require("member_type_id")?;
    let id = schema.as_text("member_id");
    if !schema.is_primary_key("member_id") {
        session.allow(FULL_SCAN_LIMIT).await?;
        let sql = format!("SELECT {id}, member_type_id FROM member");
        let on_row = |row: RowDecoder<'_>| on_member(row.bytes(0), row.integer(1)?);
        return session.each("members", &sql, Params::Empty, on_row).await;
    }
    let column = TextColumn::load(session, "member", "member_id").await?;
    let mut throttle = Throttle::new(settings);
    let mut last: Option<Vec<u8>> = None;
    loop {
        let after = match last {
            Some(_) => format!("WHERE member_id > {}", column.converted("?")),
            None => String::new(),
        };
        let sql = format!(
            "SELECT {id}, member_type_id FROM member {after} ORDER BY member_id LIMIT {MEMBERS_PER_CHUNK}"
        );
        let (mut rows, before) = (0, session.time_spent());
        session
            .each("members", &sql, params(last.take()), |row| {
                rows += 1;
                last = Some(row.bytes(0).to_vec());
                on_member(row.bytes(0), row.integer(1)?)
            })
            .await?;
        if rows < MEMBERS_PER_CHUNK {
            session.release_read_slot();
            return Ok(());
        }
        throttle.pause_since(session, before).await?;
    }
}
