use async_trait::async_trait;
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{RoomId, UserId, WorkspaceId};
use sqlx::Row as _;
use uuid::Uuid;

use super::access::is_shut;
use super::rooms::{standing_and_sight, standing_of};
use super::{Row, SqlStore, Tx, lock, participants};
use crate::auth::TokenHash;
use crate::permissions::Action;
use crate::store::write::{Lock, retried};
use crate::store::{
    Actor, Audit, InvitedTo, NewRoomInvite, Redeemed, RoomInviteRecord, RoomInviteStore, RoomInvited, StoreError,
    Topic, codec,
};

macro_rules! select_invite {
    ($tail:literal) => {
        concat!(
            "SELECT id, role, uses_max, uses, created_by, created_at, expires_at, revoked_at FROM room_invites ",
            $tail
        )
    };
}

fn invite_record(row: &Row) -> Result<RoomInviteRecord, StoreError> {
    Ok(RoomInviteRecord {
        id: row.try_get(0)?,
        role: codec::room_role(row.try_get(1)?)?,
        uses_max: codec::count(row.try_get(2)?),
        uses: codec::count(row.try_get(3)?),
        created_by: row.try_get::<Option<Uuid>, _>(4)?.map(UserId),
        created_at_ms: row.try_get(5)?,
        expires_at_ms: row.try_get(6)?,
        revoked: row.try_get::<Option<i64>, _>(7)?.is_some(),
    })
}

/// An invite that somebody wants to redeem.
struct Redeemable {
    id: Uuid,
    room_id: RoomId,
    slug: String,
    role: RoomRole,
    created_by: Option<UserId>,
    api_key_id: Option<Uuid>,
}

impl SqlStore {
    async fn redeemable(&self, tx: &mut Tx, hash: TokenHash) -> Result<Option<Redeemable>, StoreError> {
        let row = sqlx::query(
            "SELECT i.id, i.room_id, r.slug, i.role, i.created_by, i.api_key_id FROM room_invites i
             JOIN rooms r ON r.id = i.room_id WHERE i.token_hash = $1 AND i.workspace_id = $2",
        )
        .bind(hash.as_slice())
        .bind(self.workspace_id.0)
        .fetch_optional(&mut **tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Redeemable {
            id: row.try_get(0)?,
            room_id: RoomId(row.try_get(1)?),
            slug: row.try_get(2)?,
            role: codec::room_role(row.try_get(3)?)?,
            created_by: row.try_get::<Option<Uuid>, _>(4)?.map(UserId),
            api_key_id: row.try_get(5)?,
        }))
    }

    /// Whether its maker could still make it.
    async fn is_backed(&self, tx: &mut Tx, invite: &Redeemable) -> Result<bool, StoreError> {
        if let Some(maker) = invite.created_by {
            let standing = standing_of(&mut **tx, self.workspace_id, invite.room_id, maker).await?;
            let may = standing.is_some_and(|standing| {
                !standing.banned && Action::CreateRoomInvite.is_open_to(standing) && standing.role >= invite.role
            });
            return Ok(may && !is_shut(tx, maker).await?);
        }
        let in_force =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM api_keys WHERE id = $1 AND revoked_at IS NULL)");
        Ok(in_force.bind(invite.api_key_id).fetch_one(&mut **tx).await?)
    }

    async fn redeem_in(
        &self,
        tx: &mut Tx,
        invite: &Redeemable,
        user_id: UserId,
        audit: &Audit,
    ) -> Result<Redeemed, StoreError> {
        let banned: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM room_bans WHERE room_id = $1 AND user_id = $2)")
                .bind(invite.room_id.0)
                .bind(user_id.0)
                .fetch_one(&mut **tx)
                .await?;
        if banned {
            return Ok(Redeemed::Banned);
        }
        if !self.is_backed(tx, invite).await? {
            return Ok(Redeemed::NoInvite);
        }
        // Taken first, and given back by an end without a commit.
        let used = sqlx::query(
            "UPDATE room_invites SET uses = uses + 1 WHERE id = $1 AND uses < uses_max AND expires_at > $2
                 AND revoked_at IS NULL",
        )
        .bind(invite.id)
        .bind(audit.now_ms)
        .execute(&mut **tx)
        .await?;
        let own: Option<String> =
            sqlx::query_scalar("SELECT role FROM room_members WHERE room_id = $1 AND user_id = $2")
                .bind(invite.room_id.0)
                .bind(user_id.0)
                .fetch_optional(&mut **tx)
                .await?;
        let own = own.as_deref().map(codec::room_role).transpose()?;
        let standing = standing_and_sight(&mut **tx, self.workspace_id, invite.room_id, user_id).await?;
        // Admins of the workspace own the room without a role of their own.
        let owns = standing.is_some_and(|(standing, _)| standing.workspace_role >= WorkspaceRole::Admin);
        if own.is_some_and(|own| own >= invite.role) || owns {
            return Ok(Redeemed::Had);
        }
        if used.rows_affected() == 0 {
            return Ok(Redeemed::NoInvite);
        }
        if standing.is_none() {
            let guest = WorkspaceRole::Guest;
            self.put_workspace_member(tx, self.workspace_id, user_id, guest, audit.now_ms).await?;
        }
        self.put_member(tx, invite.room_id, user_id, invite.role, audit.now_ms).await?;
        participants::tell_permissions(self, tx, user_id, Some(invite.room_id), audit.now_ms).await?;
        let target = format!("{} {} {}", invite.slug, codec::room_role_text(invite.role), invite.id);
        self.put_audit(tx, audit, "rooms.invite.redeem", &target).await?;
        Ok(Redeemed::Given)
    }
}

#[async_trait]
impl RoomInviteStore for SqlStore {
    async fn create_room_invite(
        &self,
        room_id: RoomId,
        invite: &NewRoomInvite,
        open_max: u32,
        audit: &Audit,
    ) -> Result<RoomInvited, StoreError> {
        retried(|| async {
            let (created_by, api_key_id) = match audit.actor {
                Actor::User(user_id) => (Some(user_id.0), None),
                Actor::ApiKey(id) => (None, Some(id)),
                Actor::OwnerLink => (None, None),
            };
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            let slug: Option<String> = sqlx::query_scalar("SELECT slug FROM rooms WHERE id = $1 AND workspace_id = $2")
                .bind(room_id.0)
                .bind(self.workspace_id.0)
                .fetch_optional(&mut *tx)
                .await?;
            let Some(slug) = slug else { return Ok(RoomInvited::NoRoom) };
            let open: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM room_invites WHERE room_id = $1 AND uses < uses_max AND expires_at > $2
                     AND revoked_at IS NULL",
            )
            .bind(room_id.0)
            .bind(audit.now_ms)
            .fetch_one(&mut *tx)
            .await?;
            if open >= i64::from(open_max) {
                return Ok(RoomInvited::TooMany);
            }
            let id = Uuid::now_v7();
            sqlx::query(
                "INSERT INTO room_invites
                     (id, workspace_id, room_id, token_hash, role, uses_max, created_by, api_key_id, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(id)
            .bind(self.workspace_id.0)
            .bind(room_id.0)
            .bind(invite.hash.as_slice())
            .bind(codec::room_role_text(invite.role))
            .bind(i64::from(invite.uses_max))
            .bind(created_by)
            .bind(api_key_id)
            .bind(audit.now_ms)
            .bind(invite.expires_at_ms)
            .execute(&mut *tx)
            .await?;
            let target = format!("{slug} {} {id}", codec::room_role_text(invite.role));
            self.put_audit(&mut tx, audit, "rooms.invite.create", &target).await?;
            let row = sqlx::query(select_invite!("WHERE id = $1")).bind(id).fetch_one(&mut *tx).await?;
            tx.commit().await?;
            Ok(RoomInvited::Made(invite_record(&row)?))
        })
        .await
    }

    async fn room_invites(
        &self,
        room_id: RoomId,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<RoomInviteRecord>, StoreError> {
        let rows = sqlx::query(select_invite!(
            "WHERE room_id = $1 AND workspace_id = $2 AND ($3 IS NULL OR id > $3) ORDER BY id LIMIT $4"
        ))
        .bind(room_id.0)
        .bind(self.workspace_id.0)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(invite_record).collect()
    }

    async fn revoke_room_invite(&self, room_id: RoomId, id: Uuid, audit: &Audit) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let slug: Option<String> = sqlx::query_scalar(
                "UPDATE room_invites SET revoked_at = $1
                 WHERE id = $2 AND room_id = $3 AND workspace_id = $4 AND revoked_at IS NULL
                 RETURNING (SELECT slug FROM rooms r WHERE r.id = room_invites.room_id)",
            )
            .bind(audit.now_ms)
            .bind(id)
            .bind(room_id.0)
            .bind(self.workspace_id.0)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(slug) = slug else { return Ok(false) };
            self.put_audit(&mut tx, audit, "rooms.invite.revoke", &format!("{slug} {id}")).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn invited_to(&self, hash: TokenHash) -> Result<Option<InvitedTo>, StoreError> {
        let row: Option<(Uuid, String, Uuid, String)> = sqlx::query_as(
            "SELECT w.id, w.slug, r.id, r.slug FROM room_invites i JOIN rooms r ON r.id = i.room_id
             JOIN workspaces w ON w.id = i.workspace_id WHERE i.token_hash = $1",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.readers)
        .await?;
        let Some((workspace_id, workspace, room_id, room)) = row else { return Ok(None) };
        Ok(Some(InvitedTo {
            workspace_id: WorkspaceId(workspace_id),
            workspace: codec::workspace_slug(&workspace)?,
            room_id: RoomId(room_id),
            room: codec::slug(&room)?,
        }))
    }

    async fn redeem_room_invite(
        &self,
        hash: TokenHash,
        user_id: UserId,
        audit: &Audit,
    ) -> Result<Redeemed, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Account(user_id)).await?;
            let Some(invite) = self.redeemable(&mut tx, hash).await? else { return Ok(Redeemed::NoInvite) };
            lock(&mut tx, Lock::Room(invite.room_id)).await?;
            if is_shut(&mut tx, user_id).await? {
                return Ok(Redeemed::NoInvite);
            }
            let redeemed = self.redeem_in(&mut tx, &invite, user_id, audit).await?;
            if redeemed == Redeemed::Given {
                self.commit_and_wake(tx, Topic::Media).await?;
            }
            Ok(redeemed)
        })
        .await
    }

    async fn forget_room_invites(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM room_invites WHERE expires_at < $1").bind(before_ms).execute(&self.writer).await?;
        Ok(())
    }
}
