use async_trait::async_trait;
use boltorezka_proto::rest::{RoomRole, UpdateRoomRequest};
use boltorezka_proto::rooms::RoomSettings;
use boltorezka_proto::webhooks::WebhookEvent;
use boltorezka_proto::{EventId, RoomCategory, RoomId, RoomSlug, RoomTitle, UserId, WorkspaceId};
use sqlx::{Executor, Row as _};

use super::{Db, Row, SqlStore};
use crate::calls::PermissionBits;
use crate::permissions::{Action, Grants};
use crate::store::write::retried;
use crate::store::{
    Audit, MemberRecord, NewRoom, RoomPlace, RoomRecord, RoomStore, Standing, StoreError, codec, workspace_role,
};

/// What [`room_record`] reads: the room, with the number of those in it who are shown. Further columns may follow. The first
/// argument of the query is [`PermissionBits::HIDDEN`].
macro_rules! room_columns {
    () => {
        "r.id, r.slug, r.title, CASE WHEN r.direct_low IS NULL THEN r.kind ELSE 'direct' END, r.capacity, r.created_at, \
         (SELECT count(*) FROM participants p WHERE p.room_id = r.id AND (p.token_permissions & $1) = 0), \
         r.category, r.position, r.hidden, r.read_only, r.slow_mode_s, r.retention_days, r.lobby"
    };
}

/// How many they are.
const ROOM_COLUMNS: usize = 14;

macro_rules! select_room {
    ($tail:literal) => {
        concat!("SELECT ", room_columns!(), " FROM rooms r ", $tail)
    };
}

/// Whether the room `r` is there for the user `u`, who may be `wm` in the workspace and `m` in the room. External identities
/// come by a join token, which names the room. A direct room is there for its two alone.
macro_rules! is_seen {
    () => {
        "CASE WHEN r.direct_low IS NOT NULL THEN u.id = r.direct_low OR u.id = r.direct_high \
         ELSE r.hidden = FALSE OR u.kind = 'external' OR u.role <> 'user' OR wm.role IN ('admin', 'owner') OR m.role IS NOT NULL END"
    };
}
pub(super) use is_seen;

/// What the user `u` was given in the room `r`, where it may be `m`: [`standing`] reads it. In a direct room nobody is given anything.
macro_rules! given_role {
    () => {
        "CASE WHEN r.direct_low IS NULL THEN m.role ELSE 'direct' END"
    };
}
pub(super) use given_role;

/// What custom roles in the workspace, which the argument names, give the user `u`: [`Grants::read`] reads it.
macro_rules! grants {
    ($workspace:literal) => {
        concat!(
            "(SELECT string_agg(c.room_role || ' ' || c.permissions, ' ') FROM custom_role_members h \
             JOIN custom_roles c ON c.id = h.role_id WHERE h.user_id = u.id AND h.workspace_id = ",
            $workspace,
            ")"
        )
    };
}
pub(super) use grants;

/// The joins that bring `wm` and `m` to the room `r` and the user `u`.
macro_rules! join_roles {
    () => {
        "LEFT JOIN workspace_members wm ON wm.workspace_id = r.workspace_id AND wm.user_id = u.id \
         LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = u.id "
    };
}
pub(super) use join_roles;

/// A query of what the user `$2` is in the room `$1` of the workspace `$3`, whether it sees the room, and perhaps more columns; the
/// last one is whether the lobby is between them, if it does not moderate.
macro_rules! select_standing {
    ($more:literal) => {
        concat!(
            "SELECT u.role, u.workspace_id = r.workspace_id, wm.role, ",
            given_role!(),
            ", ",
            grants!("r.workspace_id"),
            ", EXISTS (SELECT 1 FROM room_bans b WHERE b.room_id = $1 AND b.user_id = $2), (",
            is_seen!(),
            ") IS TRUE",
            $more,
            ", r.lobby = TRUE AND NOT EXISTS (SELECT 1 FROM lobby_grants g WHERE g.room_id = $1 AND g.user_id = $2) AS outside",
            " FROM rooms r JOIN users u ON u.id = $2 ",
            join_roles!(),
            "WHERE r.id = $1 AND r.workspace_id = $3"
        )
    };
}
pub(super) use select_standing;

fn room_record(row: &Row) -> Result<RoomRecord, StoreError> {
    Ok(RoomRecord {
        id: RoomId(row.try_get(0)?),
        slug: codec::slug(row.try_get(1)?)?,
        title: codec::title(row.try_get(2)?)?,
        kind: codec::kind(row.try_get(3)?)?,
        capacity: row.try_get::<Option<i64>, _>(4)?.map(codec::count),
        created_at_ms: row.try_get(5)?,
        participant_count: codec::count(row.try_get(6)?),
        settings: RoomSettings {
            category: codec::category(row.try_get(7)?)?,
            position: codec::count(row.try_get(8)?),
            hidden: row.try_get(9)?,
            read_only: row.try_get(10)?,
            slow_mode_s: limit(row.try_get(11)?),
            retention_days: limit(row.try_get(12)?),
            lobby: row.try_get(13)?,
        },
    })
}

/// 0 stands for none.
fn limit(stored: i64) -> Option<u32> {
    Some(codec::count(stored)).filter(|&limit| limit > 0)
}

async fn room_by_id(
    executor: impl Executor<'_, Database = Db>,
    workspace_id: WorkspaceId,
    room_id: RoomId,
) -> Result<Option<RoomRecord>, StoreError> {
    let row = sqlx::query(select_room!("WHERE r.id = $2 AND r.workspace_id = $3"))
        .bind(PermissionBits::HIDDEN.0)
        .bind(room_id.0)
        .bind(workspace_id.0)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(room_record).transpose()
}

/// Reads `u.role, u.workspace_id = r.workspace_id, wm.role`, [`given_role`] and [`grants`] from `first` on, and whether there is a ban. `None` for
/// who is not in the workspace.
pub(super) fn standing(row: &Row, first: usize, banned: bool) -> Result<Option<Standing>, StoreError> {
    let Some(server_role) = row.try_get::<Option<&str>, _>(first)? else { return Ok(None) };
    let server_role = codec::role(server_role)?;
    let at_home: bool = row.try_get(first + 1)?;
    let given = row.try_get::<Option<&str>, _>(first + 2)?.map(codec::workspace_role).transpose()?;
    let in_workspace = workspace_role(server_role, at_home, given);
    let given_role = row.try_get::<Option<&str>, _>(first + 3)?;
    if given_role == Some("direct") {
        return Ok(in_workspace.map(|in_workspace| Standing::in_direct_room(server_role, in_workspace)));
    }
    let member_role = given_role.map(codec::room_role).transpose()?;
    let grants = Grants::read(row.try_get(first + 4)?);
    Ok(in_workspace.map(|in_workspace| Standing::new(server_role, in_workspace, member_role, banned).granted(grants)))
}

/// What somebody is in a room of a workspace, as of the transaction or connection that is given. `None` when one of both is
/// not there, or the room is hidden from the user.
pub(super) async fn standing_of(
    executor: impl Executor<'_, Database = Db>,
    workspace_id: WorkspaceId,
    room_id: RoomId,
    user_id: UserId,
) -> Result<Option<Standing>, StoreError> {
    let sight = standing_and_sight(executor, workspace_id, room_id, user_id).await?;
    Ok(sight.and_then(|(standing, is_seen)| is_seen.then_some(standing)))
}

/// The same also where the room is hidden from the user, and whether it is not.
pub(super) async fn standing_and_sight(
    executor: impl Executor<'_, Database = Db>,
    workspace_id: WorkspaceId,
    room_id: RoomId,
    user_id: UserId,
) -> Result<Option<(Standing, bool)>, StoreError> {
    let row = sqlx::query(select_standing!(""))
        .bind(room_id.0)
        .bind(user_id.0)
        .bind(workspace_id.0)
        .fetch_optional(executor)
        .await?;
    let Some(row) = row else { return Ok(None) };
    sighted(&row)
}

/// Reads a row of [`select_standing`].
pub(super) fn sighted(row: &Row) -> Result<Option<(Standing, bool)>, StoreError> {
    let (is_seen, outside) = (row.try_get(6)?, row.try_get("outside")?);
    let waits = |standing| outside && !Action::PassLobby.is_open_to(standing);
    let standing = standing(row, 0, row.try_get(5)?)?;
    Ok(standing.map(|standing| (Standing { outside: waits(standing), ..standing }, is_seen)))
}

impl SqlStore {
    pub(super) async fn put_member(
        &self,
        tx: &mut super::Tx,
        room_id: RoomId,
        user_id: UserId,
        role: RoomRole,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO room_members (workspace_id, room_id, user_id, role, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role",
        )
        .bind(self.workspace_id.0)
        .bind(room_id.0)
        .bind(user_id.0)
        .bind(codec::room_role_text(role))
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

#[async_trait]
impl RoomStore for SqlStore {
    async fn create_room(&self, room: &NewRoom, audit: &Audit) -> Result<Option<RoomRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let room_id = RoomId::generate();
            let inserted = sqlx::query(
                "INSERT INTO rooms (id, workspace_id, slug, title, kind, capacity, created_at, category, position, hidden,
                                    read_only, slow_mode_s, retention_days, lobby)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                 ON CONFLICT (workspace_id, slug) DO NOTHING",
            )
            .bind(room_id.0)
            .bind(self.workspace_id.0)
            .bind(room.slug.as_str())
            .bind(room.title.as_str())
            .bind(codec::kind_text(room.kind))
            .bind(room.capacity.map(i64::from))
            .bind(audit.now_ms)
            .bind(room.settings.category.as_ref().map_or("", RoomCategory::as_str))
            .bind(i64::from(room.settings.position.unwrap_or_default()))
            .bind(room.settings.hidden.unwrap_or_default())
            .bind(room.settings.read_only.unwrap_or_default())
            .bind(i64::from(room.settings.slow_mode_s.unwrap_or_default()))
            .bind(i64::from(room.settings.retention_days.unwrap_or_default()))
            .bind(room.settings.lobby.unwrap_or_default())
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 0 {
                return Ok(None);
            }
            if let Some(owner) = room.owner {
                self.put_member(&mut tx, room_id, owner, RoomRole::Owner, audit.now_ms).await?;
            }
            self.put_audit(&mut tx, audit, "rooms.room.create", room.slug.as_str()).await?;
            let event = WebhookEvent::RoomCreated { room: room.slug.clone(), title: room.title.clone(), kind: room.kind };
            self.put_event(&mut tx, EventId::generate(), event, audit.now_ms).await?;
            let record = room_by_id(&mut *tx, self.workspace_id, room_id).await?;
            tx.commit().await?;
            Ok(record)
        })
        .await
    }

    async fn room_count(&self) -> Result<u32, StoreError> {
        let count = sqlx::query_scalar("SELECT count(*) FROM rooms WHERE workspace_id = $1 AND direct_low IS NULL")
            .bind(self.workspace_id.0)
            .fetch_one(&self.readers)
            .await?;
        Ok(codec::count(count))
    }

    async fn room(&self, slug: &RoomSlug) -> Result<Option<RoomRecord>, StoreError> {
        let row = sqlx::query(select_room!("WHERE r.workspace_id = $2 AND r.slug = $3"))
            .bind(PermissionBits::HIDDEN.0)
            .bind(self.workspace_id.0)
            .bind(slug.as_str())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(room_record).transpose()
    }

    async fn rooms(
        &self,
        user: Option<UserId>,
        after: Option<&RoomPlace>,
        limit: u32,
    ) -> Result<Vec<(RoomRecord, Option<Standing>)>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            room_columns!(),
            ", u.role, u.workspace_id = r.workspace_id, wm.role, m.role, ",
            grants!("r.workspace_id"),
            ", b.user_id IS NOT NULL ",
            "FROM rooms r LEFT JOIN users u ON u.id = $2 ",
            join_roles!(),
            "LEFT JOIN room_bans b ON b.room_id = r.id AND b.user_id = $2 ",
            "WHERE r.workspace_id = $3 AND r.direct_low IS NULL AND ($2 IS NULL OR ",
            is_seen!(),
            ") AND ($4 IS NULL OR (r.category, r.position, r.title, r.slug) > ($4, $5, $6, $7)) ",
            "ORDER BY r.category, r.position, r.title, r.slug LIMIT $8"
        ))
        .bind(PermissionBits::HIDDEN.0)
        .bind(user.map(|id| id.0))
        .bind(self.workspace_id.0)
        .bind(after.map(|place| place.category.as_str()))
        .bind(after.map(|place| i64::from(place.position)))
        .bind(after.map(|place| place.title.as_str()))
        .bind(after.map(|place| place.slug.as_str()))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let banned = |row: &Row| row.try_get(ROOM_COLUMNS + 5);
        rows.iter().map(|row| Ok((room_record(row)?, standing(row, ROOM_COLUMNS, banned(row)?)?))).collect()
    }

    async fn update_room(
        &self,
        room_id: RoomId,
        change: &UpdateRoomRequest,
        audit: &Audit,
    ) -> Result<Option<RoomRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let UpdateRoomRequest { title, capacity, settings } = change;
            if let Some(lobby) = settings.lobby {
                self.switch_lobby(&mut tx, room_id, lobby).await?;
            }
            sqlx::query(
                "UPDATE rooms SET title = coalesce($1, title), capacity = coalesce($2, capacity),
                     category = coalesce($3, category), position = coalesce($4, position), hidden = coalesce($5, hidden),
                     read_only = coalesce($6, read_only), slow_mode_s = coalesce($7, slow_mode_s),
                     retention_days = coalesce($8, retention_days), lobby = coalesce($9, lobby)
                 WHERE id = $10 AND workspace_id = $11",
            )
            .bind(title.as_ref().map(RoomTitle::as_str))
            .bind(capacity.map(i64::from))
            .bind(settings.category.as_ref().map(RoomCategory::as_str))
            .bind(settings.position.map(i64::from))
            .bind(settings.hidden)
            .bind(settings.read_only)
            .bind(settings.slow_mode_s.map(i64::from))
            .bind(settings.retention_days.map(i64::from))
            .bind(settings.lobby)
            .bind(room_id.0)
            .bind(self.workspace_id.0)
            .execute(&mut *tx)
            .await?;
            let Some(room) = room_by_id(&mut *tx, self.workspace_id, room_id).await? else { return Ok(None) };
            self.put_audit(&mut tx, audit, "rooms.room.update", room.slug.as_str()).await?;
            let event = WebhookEvent::RoomUpdated { room: room.slug.clone(), title: room.title.clone() };
            self.put_event(&mut tx, EventId::generate(), event, audit.now_ms).await?;
            tx.commit().await?;
            Ok(Some(room))
        })
        .await
    }

    async fn standing(&self, room_id: RoomId, user_id: UserId) -> Result<Option<Standing>, StoreError> {
        standing_of(&self.readers, self.workspace_id, room_id, user_id).await
    }

    async fn members(
        &self,
        room_id: RoomId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<MemberRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.user_id, u.display_name, m.role FROM room_members m JOIN users u ON u.id = m.user_id
             WHERE m.room_id = $1 AND ($2 IS NULL OR m.user_id > $2) AND m.workspace_id = $4
             ORDER BY m.user_id LIMIT $3",
        )
        .bind(room_id.0)
        .bind(after.map(|id| id.0))
        .bind(i64::from(limit))
        .bind(self.workspace_id.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(member_record).collect()
    }
}

pub(super) fn member_record(row: &Row) -> Result<MemberRecord, StoreError> {
    Ok(MemberRecord {
        user_id: UserId(row.try_get(0)?),
        display_name: codec::display_name(row.try_get(1)?)?,
        role: codec::room_role(row.try_get(2)?)?,
    })
}
