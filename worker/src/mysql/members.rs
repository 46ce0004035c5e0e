//! Reads `member`, the present members, and `mst_member_type`, their types.

use crate::mysql::collation::{Collation, CollationKey};
use crate::mysql::column::TextColumn;
use crate::mysql::connection::{FULL_SCAN_LIMIT, Session};
use crate::mysql::error::is_unreadable;
use crate::mysql::row::{RowDecoder, WallTime};
use crate::mysql::scan_settings::ScanSettings;
use crate::mysql::schema::TableSchema;
use crate::mysql::throttle::Throttle;
use crate::mysql::{IN_LIST_SIZE, params};
use anyhow::Result;
use mysql_async::Params;
use std::collections::HashMap;
use tracing::warn;

/// The table.
pub const TABLE: &str = "member";
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
    let schema = TableSchema::of(session, TABLE).await?;
    let institution = match columns {
        Columns::Name => "NULL",
        Columns::NameAndInstitution => schema.or_null("inst_name"),
    };
    let column = TextColumn::load(session, TABLE, "member_id").await?;
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
    TableSchema::of(session, TABLE)
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

/// One member. What was not requested is empty.
#[derive(Clone, Copy, Debug)]
pub struct MemberRow<'a> {
    /// The id as stored.
    pub id: &'a [u8],
    /// The id of the type.
    pub member_type: Option<i64>,
    /// The institution as stored.
    pub institution: &'a [u8],
    /// The last day of the membership, which may be a zero date.
    pub expires: WallTime,
    /// Whether the member may not borrow yet.
    pub is_pending: bool,
    /// When the member joined, which may be a zero date.
    pub since: WallTime,
    /// When the row was made, which may be a zero date.
    pub added: WallTime,
}

/// Calls `on_member` for every member, in short statements along the primary key, or in one statement if there is no
/// such key. Reads the `wanted` columns of those that exist.
///
/// # Errors
/// If the database does not answer, there are no ids, or the callback fails.
pub async fn each(
    session: &mut Session,
    settings: &ScanSettings,
    wanted: &[&str],
    mut on_member: impl FnMut(MemberRow<'_>) -> Result<()>,
) -> Result<()> {
    let schema = TableSchema::of(session, TABLE).await?;
    schema.require("member_id")?;
    let column = |name: &'static str| match wanted.contains(&name) {
        true => schema.or_null(name),
        false => "NULL",
    };
    let columns = [
        &*schema.as_text("member_id"),
        column("member_type_id"),
        column("inst_name"),
        column("expire_date"),
        column("is_pending"),
        column("member_since_date"),
        column("input_date"),
    ];
    let columns = columns.join(", ");
    let mut on_row = |row: &RowDecoder<'_>| {
        on_member(MemberRow {
            id: row.bytes(0),
            member_type: row.integer(1)?,
            institution: row.bytes(2),
            expires: row.time(3)?,
            is_pending: row.integer(4)? == Some(1),
            since: row.time(5)?,
            added: row.time(6)?,
        })
    };
    if !schema.is_primary_key("member_id") {
        session.allow(FULL_SCAN_LIMIT).await?;
        let sql = format!("SELECT {columns} FROM member");
        let read = session.each("members", &sql, Params::Empty, |row| on_row(&row));
        return read.await;
    }
    let id = TextColumn::load(session, TABLE, "member_id").await?;
    let mut throttle = Throttle::new(settings);
    let mut last: Option<Vec<u8>> = None;
    loop {
        let after = match last {
            Some(_) if id.is_text() => format!("WHERE member_id > {}", id.converted("?")),
            Some(_) => "WHERE member_id > ?".to_owned(),
            None => String::new(),
        };
        let sql = format!(
            "SELECT {columns} FROM member {after} ORDER BY member_id LIMIT {MEMBERS_PER_CHUNK}"
        );
        let (mut rows, before) = (0, session.time_spent());
        session
            .each("members", &sql, params(last.take()), |row| {
                rows += 1;
                last = Some(row.bytes(0).to_vec());
                on_row(&row)
            })
            .await?;
        if rows < MEMBERS_PER_CHUNK {
            session.release_read_slot();
            return Ok(());
        }
        throttle.pause_since(session, before).await?;
    }
}
