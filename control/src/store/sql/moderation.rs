use async_trait::async_trait;
use boltorezka_proto::call::{EndReason, TrackSource};
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::webhooks::WebhookEvent;
use boltorezka_proto::{EventId, ParticipantId, RoomId, UserId};

use super::rooms::{member_record, standing_and_sight};
use super::stays::{Stays, stay_in};
use super::{SqlStore, lock, participants};
use crate::calls::{MediaOrder, PermissionBits};
use crate::store::write::{Lock, retried};
use crate::store::{Audit, MemberRecord, ModerationStore, Permitted, Removed, StoreError, Topic, codec};

#[async_trait]
impl ModerationStore for SqlStore {
    async fn expel(
        &self,
        room_id: RoomId,
        participant_id: ParticipantId,
        reason: EndReason,
        audit: &Audit,
    ) -> Result<Option<Removed>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let stay = stay_in(&mut tx, self.workspace_id, room_id, participant_id).await?;
            let Some((user_id, slug)) = stay else { return Ok(None) };
            if reason == EndReason::Banned {
                self.put_ban(&mut tx, room_id, user_id, audit.now_ms).await?;
            }
            let action = if reason == EndReason::Banned { "rooms.participant.ban" } else { "rooms.participant.kick" };
            self.put_audit(&mut tx, audit, action, &format!("{slug} {user_id}")).await?;
            self.end_stays(&mut tx, Stays::One(participant_id), reason, audit.now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Some(Removed { participant_id, user_id }))
        })
        .await
    }

    async fn mute(
        &self,
        room_id: RoomId,
        participant_id: ParticipantId,
        source: TrackSource,
        muted: bool,
        audit: &Audit,
    ) -> Result<Option<Permitted>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let stay = stay_in(&mut tx, self.workspace_id, room_id, participant_id).await?;
            let Some((user_id, slug)) = stay else { return Ok(None) };
            let before: Option<i64> =
                sqlx::query_scalar("SELECT muted FROM room_mutes WHERE room_id = $1 AND user_id = $2")
                    .bind(room_id.0)
                    .bind(user_id.0)
                    .fetch_optional(&mut *tx)
                    .await?;
            let bits = PermissionBits(before.unwrap_or(0)).with(PermissionBits::of_source(source), muted);
            sqlx::query(
                "INSERT INTO room_mutes (workspace_id, room_id, user_id, muted, created_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (room_id, user_id) DO UPDATE SET muted = excluded.muted, created_at = excluded.created_at",
            )
            .bind(self.workspace_id.0)
            .bind(room_id.0)
            .bind(user_id.0)
            .bind(bits.0)
            .bind(audit.now_ms)
            .execute(&mut *tx)
            .await?;
            participants::tell_permissions(self, &mut tx, user_id, Some(room_id), audit.now_ms).await?;
            let action = if muted { "rooms.participant.mute" } else { "rooms.participant.unmute" };
            self.put_audit(&mut tx, audit, action, &format!("{slug} {user_id} {source:?}")).await?;
            let permissions =
                participants::facts(&mut tx, self.workspace_id, room_id, user_id).await?.map(|facts| facts.allowed());
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(permissions.map(|permissions| Permitted { participant_id, permissions }))
        })
        .await
    }

    async fn set_member(
        &self,
        room_id: RoomId,
        user_id: UserId,
        role: RoomRole,
        audit: &Audit,
    ) -> Result<Option<MemberRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::User(user_id)).await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            // A role of its own is what shows a hidden room.
            if standing_and_sight(&mut *tx, self.workspace_id, room_id, user_id).await?.is_none() {
                return Ok(None);
            }
            self.put_member(&mut tx, room_id, user_id, role, audit.now_ms).await?;
            participants::tell_permissions(self, &mut tx, user_id, Some(room_id), audit.now_ms).await?;
            self.put_audit(&mut tx, audit, "rooms.member.set", &format!("{room_id} {user_id} {role:?}")).await?;
            let row = sqlx::query(
                "SELECT m.user_id, u.display_name, m.role FROM room_members m JOIN users u ON u.id = m.user_id
                 WHERE m.room_id = $1 AND m.user_id = $2",
            )
            .bind(room_id.0)
            .bind(user_id.0)
            .fetch_one(&mut *tx)
            .await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Some(member_record(&row)?))
        })
        .await
    }

    async fn delete_member(&self, room_id: RoomId, user_id: UserId, audit: &Audit) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            let deleted =
                sqlx::query("DELETE FROM room_members WHERE room_id = $1 AND user_id = $2 AND workspace_id = $3")
                    .bind(room_id.0)
                    .bind(user_id.0)
                    .bind(self.workspace_id.0)
                    .execute(&mut *tx)
                    .await?;
            if deleted.rows_affected() == 0 {
                return Ok(false);
            }
            participants::tell_permissions(self, &mut tx, user_id, Some(room_id), audit.now_ms).await?;
            self.put_audit(&mut tx, audit, "rooms.member.delete", &format!("{room_id} {user_id}")).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(true)
        })
        .await
    }

    async fn delete_room(&self, room_id: RoomId, audit: &Audit) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let slug: Option<String> =
                sqlx::query_scalar("DELETE FROM rooms WHERE id = $1 AND workspace_id = $2 RETURNING slug")
                    .bind(room_id.0)
                    .bind(self.workspace_id.0)
                    .fetch_optional(&mut *tx)
                    .await?;
            let Some(slug) = slug else { return Ok(false) };
            let order = MediaOrder::CloseRoom { room: room_id, reason: EndReason::RoomDeleted };
            self.put_outbox(&mut tx, Topic::Media, &order, audit.now_ms).await?;
            self.put_audit(&mut tx, audit, "rooms.room.delete", &slug).await?;
            let event = WebhookEvent::RoomDeleted { room: codec::slug(&slug)? };
            self.put_event(&mut tx, EventId::generate(), event, audit.now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(true)
        })
        .await
    }
}
