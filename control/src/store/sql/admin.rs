use async_trait::async_trait;
use boltorezka_proto::admin::{
    AdminParticipant, AdminRoom, AuditActor, AuditEntry, DeadLetter, OutboxEvent, OutboxTopic,
};
use boltorezka_proto::{
    ApiKeyId, AuditId, EventId, ParticipantId, RoomId, Timestamp, UserId, WebhookId, WorkspaceSlug,
};
use sqlx::{QueryBuilder, Row as _};
use uuid::Uuid;

use super::rooms::{grants, standing};
use super::{Db, Row, SqlStore};
use crate::calls::PermissionBits;
use crate::store::write::retried;
use crate::store::{AdminStore, Audit, AuditFilter, AuditPlace, StoreError, Topic, codec};

const AUDIT_LOG: &str =
    "SELECT a.id, a.created_at, a.actor_kind, a.actor_id, u.display_name, k.name, a.action, a.target, a.address, w.slug
     FROM audit a LEFT JOIN workspaces w ON w.id = a.workspace_id
     LEFT JOIN users u ON a.actor_kind = 'user' AND u.id = a.actor_id
     LEFT JOIN api_keys k ON a.actor_kind = 'api_key' AND k.id = a.actor_id WHERE TRUE";

fn workspace(slug: Option<&str>) -> Result<Option<WorkspaceSlug>, StoreError> {
    slug.map(codec::workspace_slug).transpose()
}

fn audit_entry(row: &Row) -> Result<AuditEntry, StoreError> {
    let actor_id: Option<Uuid> = row.try_get(3)?;
    let actor = match (row.try_get(2)?, actor_id) {
        ("user", Some(id)) => AuditActor::User {
            user_id: UserId(id),
            name: row.try_get::<Option<&str>, _>(4)?.map(codec::display_name).transpose()?,
        },
        ("api_key", Some(id)) => AuditActor::ApiKey { api_key_id: ApiKeyId(id), name: row.try_get(5)? },
        ("owner_link", None) => AuditActor::OwnerLink {},
        _ => return Err(StoreError::Corrupt("audit.actor_kind")),
    };
    Ok(AuditEntry {
        id: AuditId(row.try_get(0)?),
        created_at: Timestamp::from_unix_ms(row.try_get(1)?),
        actor,
        action: row.try_get(6)?,
        target: row.try_get(7)?,
        address: row.try_get(8)?,
        workspace: workspace(row.try_get(9)?)?,
    })
}

fn admin_room(row: &Row) -> Result<AdminRoom, StoreError> {
    Ok(AdminRoom {
        id: RoomId(row.try_get(0)?),
        workspace: codec::workspace_slug(row.try_get(1)?)?,
        slug: codec::slug(row.try_get(2)?)?,
        title: codec::title(row.try_get(3)?)?,
        kind: codec::kind(row.try_get(4)?)?,
        capacity: row.try_get::<Option<i64>, _>(5)?.map(codec::count),
        created_at: Timestamp::from_unix_ms(row.try_get(6)?),
        participant_count: codec::count(row.try_get(7)?),
        in_call_count: codec::count(row.try_get(8)?),
        member_count: codec::count(row.try_get(9)?),
        last_message_at: row.try_get::<Option<i64>, _>(10)?.map(Timestamp::from_unix_ms),
    })
}

fn admin_participant(row: &Row) -> Result<(RoomId, AdminParticipant), StoreError> {
    // Whoever leaves the workspace leaves its rooms in the same transaction.
    let standing = standing(row, 9, false)?.ok_or(StoreError::Corrupt("participants.user_id"))?;
    let participant = AdminParticipant {
        participant_id: ParticipantId(row.try_get(1)?),
        user_id: UserId(row.try_get(2)?),
        display_name: codec::display_name(row.try_get(3)?)?,
        workspace: codec::workspace_slug(row.try_get(4)?)?,
        room: codec::slug(row.try_get(5)?)?,
        role: standing.role,
        joined_at: Timestamp::from_unix_ms(row.try_get(6)?),
        hidden: PermissionBits(row.try_get(7)?).is_hidden(),
        in_call: row.try_get(8)?,
        connection: None,
    };
    Ok((RoomId(row.try_get(0)?), participant))
}

fn outbox_event(row: &Row) -> Result<OutboxEvent, StoreError> {
    let topic: &str = row.try_get(1)?;
    // What it says is for those who are told.
    let payload: serde_json::Value = serde_json::from_str(row.try_get(2)?).unwrap_or_default();
    Ok(OutboxEvent {
        id: codec::number(row.try_get(0)?),
        topic: if topic == Topic::Media.as_str() { OutboxTopic::Media } else { OutboxTopic::Gateway },
        kind: payload.get("type").and_then(|kind| kind.as_str()).unwrap_or("unknown").to_owned(),
        created_at: Timestamp::from_unix_ms(row.try_get(3)?),
        workspace: workspace(row.try_get(4)?)?,
    })
}

fn dead_letter(row: &Row) -> Result<DeadLetter, StoreError> {
    let url: &str = row.try_get(2)?;
    Ok(DeadLetter {
        workspace: codec::workspace_slug(row.try_get(0)?)?,
        webhook_id: WebhookId(row.try_get(1)?),
        // A receiver's key may stand behind it.
        url: url.split('?').next().unwrap_or_default().to_owned(),
        event_id: EventId(row.try_get(3)?),
        kind: codec::webhook_event_type(row.try_get(4)?)?,
        created_at: Timestamp::from_unix_ms(row.try_get(5)?),
        attempts: codec::count(row.try_get(6)?),
        last_error: row.try_get(7)?,
    })
}

#[async_trait]
impl AdminStore for SqlStore {
    async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<AuditPlace>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(AUDIT_LOG);
        if let Some(actor) = filter.actor {
            query.push(" AND a.actor_id = ").push_bind(actor);
        }
        if let Some(action) = &filter.action {
            let words = format!("{action}.");
            let length = i32::try_from(words.chars().count()).unwrap_or(i32::MAX);
            query.push(" AND (a.action = ").push_bind(action.clone());
            query.push(" OR substr(a.action, 1, ").push_bind(length).push(") = ").push_bind(words).push(")");
        }
        if let Some(from_ms) = filter.from_ms {
            query.push(" AND a.created_at >= ").push_bind(from_ms);
        }
        if let Some(until_ms) = filter.until_ms {
            query.push(" AND a.created_at < ").push_bind(until_ms);
        }
        if let Some((at_ms, AuditId(id))) = before {
            query.push(" AND (a.created_at, a.id) < (").push_bind(at_ms).push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY a.created_at DESC, a.id DESC LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter().map(audit_entry).collect()
    }

    async fn note_act(&self, action: &str, target: &str, audit: &Audit) -> Result<(), StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            self.put_audit(&mut tx, audit, action, target).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn all_rooms(&self, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<AdminRoom>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.id, w.slug, r.slug, r.title, r.kind, r.capacity, r.created_at,
                 (SELECT count(*) FROM participants p WHERE p.room_id = r.id),
                 (SELECT count(*) FROM participants p WHERE p.room_id = r.id AND p.admitted = TRUE),
                 (SELECT count(*) FROM room_members m WHERE m.room_id = r.id),
                 (SELECT m.created_at FROM messages m WHERE m.room_id = r.id ORDER BY m.seq DESC LIMIT 1)
             FROM rooms r JOIN workspaces w ON w.id = r.workspace_id
             WHERE r.direct_low IS NULL AND ($1 IS NULL OR (w.slug, r.slug) > ($1, $2)) ORDER BY w.slug, r.slug LIMIT $3",
        )
        .bind(after.map(|(workspace, _)| workspace))
        .bind(after.map(|(_, room)| room))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(admin_room).collect()
    }

    async fn all_participants(
        &self,
        after: Option<(RoomId, ParticipantId)>,
        limit: u32,
    ) -> Result<Vec<(RoomId, AdminParticipant)>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT p.room_id, p.id, p.user_id, u.display_name, w.slug, r.slug, p.joined_at, p.token_permissions, p.admitted,
                 u.role, u.workspace_id = p.workspace_id, wm.role, m.role, ",
            grants!("p.workspace_id"),
            " FROM participants p JOIN rooms r ON r.id = p.room_id JOIN users u ON u.id = p.user_id
             JOIN workspaces w ON w.id = p.workspace_id
             LEFT JOIN workspace_members wm ON wm.workspace_id = p.workspace_id AND wm.user_id = p.user_id
             LEFT JOIN room_members m ON m.room_id = p.room_id AND m.user_id = p.user_id
             WHERE r.direct_low IS NULL AND ($1 IS NULL OR (p.room_id, p.id) > ($1, $2)) ORDER BY p.room_id, p.id LIMIT $3",
        ))
        .bind(after.map(|(room, _)| room.0))
        .bind(after.map(|(_, participant)| participant.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(admin_participant).collect()
    }

    async fn outbox(&self, after: Option<u64>, limit: u32) -> Result<Vec<OutboxEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT o.id, o.topic, o.payload, o.created_at, w.slug
             FROM outbox o LEFT JOIN workspaces w ON w.id = o.workspace_id
             WHERE o.delivered_at IS NULL AND ($1 IS NULL OR o.id > $1) ORDER BY o.id LIMIT $2",
        )
        .bind(after.map(codec::stored))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(outbox_event).collect()
    }

    async fn dead_letters(
        &self,
        after: Option<(WebhookId, EventId)>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let rows = sqlx::query(
            "SELECT w.slug, d.webhook_id, h.url, d.event_id, d.type, d.created_at, d.attempts, d.last_error
             FROM webhook_deliveries d JOIN webhooks h ON h.id = d.webhook_id JOIN workspaces w ON w.id = h.workspace_id
             WHERE d.next_attempt_at IS NULL AND ($1 IS NULL OR (d.webhook_id, d.event_id) > ($1, $2))
             ORDER BY d.webhook_id, d.event_id LIMIT $3",
        )
        .bind(after.map(|(webhook, _)| webhook.0))
        .bind(after.map(|(_, event)| event.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(dead_letter).collect()
    }
}
