use async_trait::async_trait;
use boltorezka_proto::admission::Admitted;
use boltorezka_proto::call::{EndReason, MediaPermissions};
use boltorezka_proto::rest::RoomKind;
use boltorezka_proto::webhooks::WebhookEvent;
use boltorezka_proto::workspaces::OptionalFeature;
use boltorezka_proto::{CustomRoleId, EventId, ParticipantId, RoomId, UserId, WorkspaceId};
use sqlx::Row as _;
use std::collections::HashSet;
use uuid::Uuid;

use super::rooms::{given_role, grants, standing, standing_of};
use super::stays::Stays;
use super::{Row, SqlStore, Tx, access, lock};
use crate::calls::{MediaOrder, PermissionBits, media_permissions};
use crate::store::write::{Lock, retried};
use crate::store::{
    Admission, Ended, Join, JoinRequest, ParticipantRecord, ParticipantStore, Standing, StoreError, Topic, codec,
};
use crate::whip::Kind;

/// A participant with all that decides over its rights.
pub(super) struct Facts {
    record: ParticipantRecord,
    standing: Standing,
    kind: RoomKind,
    token: PermissionBits,
    muted: PermissionBits,
    told: PermissionBits,
    off: FeaturesOff,
}

impl Facts {
    /// What it may do as of now.
    pub(super) fn allowed(&self) -> MediaPermissions {
        media_permissions(self.standing, self.kind, self.token, self.muted).and(self.off.rights_left())
    }
}

/// What the workspace has switched off of what concerns media, as `features_off!` counts it.
#[derive(Clone, Copy)]
struct FeaturesOff(i64);

impl FeaturesOff {
    fn has(self, feature: OptionalFeature) -> bool {
        let bit = match feature {
            OptionalFeature::Calls => 1,
            OptionalFeature::Video => 2,
            OptionalFeature::Screen => 4,
            OptionalFeature::Whip => 8,
            OptionalFeature::Chat | OptionalFeature::Telemetry => 0,
        };
        self.0 & bit != 0
    }

    /// The rights that are left.
    fn rights_left(self) -> MediaPermissions {
        if self.has(OptionalFeature::Calls) {
            return MediaPermissions::default();
        }
        MediaPermissions {
            camera: !self.has(OptionalFeature::Video),
            screen: !self.has(OptionalFeature::Screen),
            ..MediaPermissions::ALL
        }
    }
}

/// Of the workspace of `p`; one number, so that a participant is one row.
macro_rules! features_off {
    () => {
        "(SELECT coalesce(sum(CASE f.feature WHEN 'calls' THEN 1 WHEN 'video' THEN 2 WHEN 'screen' THEN 4 WHEN 'whip' THEN 8 ELSE 0 END), 0) \
         FROM workspace_features f WHERE f.workspace_id = p.workspace_id AND f.enabled = FALSE)"
    };
}

macro_rules! select_facts {
    ($tail:literal) => {
        concat!(
            "SELECT p.id, p.room_id, r.slug, p.user_id, u.display_name, p.joined_at, p.admitted, ",
            "r.kind, p.token_permissions, coalesce(x.muted, 0), p.permissions, p.workspace_id, ",
            features_off!(),
            ", u.role, u.workspace_id = p.workspace_id, wm.role, ",
            given_role!(),
            ", ",
            grants!("p.workspace_id"),
            " ",
            "FROM participants p JOIN rooms r ON r.id = p.room_id JOIN users u ON u.id = p.user_id ",
            "LEFT JOIN workspace_members wm ON wm.workspace_id = p.workspace_id AND wm.user_id = p.user_id ",
            "LEFT JOIN room_members m ON m.room_id = p.room_id AND m.user_id = p.user_id ",
            "LEFT JOIN room_mutes x ON x.room_id = p.room_id AND x.user_id = p.user_id ",
            $tail
        )
    };
}

fn read_facts(row: &Row) -> Result<Facts, StoreError> {
    // Whoever leaves the workspace leaves its rooms in the same transaction.
    let standing = standing(row, 13, false)?.ok_or(StoreError::Corrupt("participants.user_id"))?;
    Ok(Facts {
        record: ParticipantRecord {
            participant_id: ParticipantId(row.try_get(0)?),
            room_id: RoomId(row.try_get(1)?),
            room: codec::slug(row.try_get(2)?)?,
            user_id: UserId(row.try_get(3)?),
            display_name: codec::display_name(row.try_get(4)?)?,
            role: standing.role,
            grants: standing.grants,
            joined_at_ms: row.try_get(5)?,
            admitted: row.try_get(6)?,
            hidden: PermissionBits(row.try_get(8)?).is_hidden(),
            workspace_id: WorkspaceId(row.try_get(11)?),
        },
        standing,
        kind: codec::kind(row.try_get(7)?)?,
        token: PermissionBits(row.try_get(8)?),
        muted: PermissionBits(row.try_get(9)?),
        told: PermissionBits(row.try_get(10)?),
        off: FeaturesOff(row.try_get(12)?),
    })
}

pub(super) async fn facts(
    tx: &mut Tx,
    workspace_id: WorkspaceId,
    room_id: RoomId,
    user_id: UserId,
) -> Result<Option<Facts>, StoreError> {
    let row = sqlx::query(select_facts!("WHERE p.room_id = $1 AND p.user_id = $2 AND p.workspace_id = $3"))
        .bind(room_id.0)
        .bind(user_id.0)
        .bind(workspace_id.0)
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(read_facts).transpose()
}

async fn facts_by_id(
    tx: &mut Tx,
    workspace_id: WorkspaceId,
    participant_id: ParticipantId,
) -> Result<Option<Facts>, StoreError> {
    let row = sqlx::query(select_facts!("WHERE p.id = $1 AND p.workspace_id = $2"))
        .bind(participant_id.0)
        .bind(workspace_id.0)
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(read_facts).transpose()
}

/// Orders the media node to give a user's admitted participants (in one room, or everywhere, in every workspace) the rights that they have
/// as of this transaction, where these differ from what the node was told last.
pub(super) async fn tell_permissions(
    store: &SqlStore,
    tx: &mut Tx,
    user_id: UserId,
    room_id: Option<RoomId>,
    now_ms: i64,
) -> Result<(), StoreError> {
    // All of them, and before they are read: of two who change something, the later one sees what the earlier one did.
    lock(tx, Lock::ParticipantsOf(user_id, room_id)).await?;
    let rows = sqlx::query(select_facts!(
        "WHERE p.user_id = $1 AND p.admitted = TRUE AND ($2 IS NULL OR p.room_id = $2) ORDER BY p.id"
    ))
    .bind(user_id.0)
    .bind(room_id.map(|id| id.0))
    .fetch_all(&mut **tx)
    .await?;
    for row in &rows {
        tell_rights(store, tx, &read_facts(row)?, now_ms).await?;
    }
    Ok(())
}

/// The same for one participant that is admitted.
async fn tell_rights(store: &SqlStore, tx: &mut Tx, facts: &Facts, now_ms: i64) -> Result<(), StoreError> {
    let permissions = facts.allowed();
    let participant_id = facts.record.participant_id;
    if PermissionBits::from(permissions) == facts.told {
        return Ok(());
    }
    set_told(tx, participant_id, permissions).await?;
    let order = MediaOrder::SetPermissions { participant_id, permissions };
    store.put_outbox(tx, Topic::Media, &order, now_ms).await
}

/// The same for all who [hold](Lock::Holders) a custom role, in its workspace.
pub(super) async fn tell_holders(
    store: &SqlStore,
    tx: &mut Tx,
    role_id: CustomRoleId,
    now_ms: i64,
) -> Result<(), StoreError> {
    lock(tx, Lock::ParticipantsIn(store.workspace_id)).await?;
    let rows = sqlx::query(select_facts!(
        "WHERE p.workspace_id = $1 AND p.admitted = TRUE \
         AND p.user_id IN (SELECT h.user_id FROM custom_role_members h WHERE h.role_id = $2) ORDER BY p.id"
    ))
    .bind(store.workspace_id.0)
    .bind(role_id.0)
    .fetch_all(&mut **tx)
    .await?;
    for row in &rows {
        tell_rights(store, tx, &read_facts(row)?, now_ms).await?;
    }
    Ok(())
}

/// Has the media node serve the workspace as its features say as of this transaction: calls that they do not allow end,
/// and rights follow them up and down.
pub(super) async fn apply_features(store: &SqlStore, tx: &mut Tx, now_ms: i64) -> Result<Vec<Ended>, StoreError> {
    lock(tx, Lock::ParticipantsIn(store.workspace_id)).await?;
    let rows = sqlx::query(select_facts!("WHERE p.workspace_id = $1 ORDER BY p.id"))
        .bind(store.workspace_id.0)
        .fetch_all(&mut **tx)
        .await?;
    let mut ended = Vec::new();
    for row in &rows {
        let facts = read_facts(row)?;
        let (room_id, participant_id) = (facts.record.room_id, facts.record.participant_id);
        let is_session = session_kind(tx, participant_id).await?.is_some();
        let no_calls = facts.off.has(OptionalFeature::Calls);
        if is_session && (no_calls || facts.off.has(OptionalFeature::Whip)) {
            // It was there for its media alone.
            let stay = Stays::One(participant_id);
            ended.extend(store.end_stays(tx, stay, EndReason::FeatureDisabled, now_ms).await?);
        } else if no_calls && facts.record.admitted {
            let stays_as = Some(store.end_call(tx, participant_id, EndReason::FeatureDisabled, now_ms).await?);
            ended.push(Ended { room_id, participant_id, stays_as });
        } else if facts.record.admitted {
            tell_rights(store, tx, &facts, now_ms).await?;
        }
    }
    Ok(ended)
}

/// Whether this workspace has a feature, as of this transaction.
pub(super) async fn has_feature(
    tx: &mut Tx,
    workspace_id: WorkspaceId,
    feature: OptionalFeature,
) -> Result<bool, StoreError> {
    let off: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM workspace_features WHERE workspace_id = $1 AND feature = $2 AND enabled = FALSE)",
    )
    .bind(workspace_id.0)
    .bind(feature.name())
    .fetch_one(&mut **tx)
    .await?;
    Ok(!off)
}

/// The kind of the session that carries a participant's call, if it is one.
async fn session_kind(tx: &mut Tx, participant_id: ParticipantId) -> Result<Option<Kind>, StoreError> {
    let kind: Option<String> = sqlx::query_scalar("SELECT kind FROM whip_sessions WHERE participant_id = $1")
        .bind(participant_id.0)
        .fetch_optional(&mut **tx)
        .await?;
    kind.as_deref().map(codec::whip_kind).transpose()
}

async fn set_told(tx: &mut Tx, participant_id: ParticipantId, permissions: MediaPermissions) -> Result<(), StoreError> {
    sqlx::query("UPDATE participants SET permissions = $1 WHERE id = $2")
        .bind(PermissionBits::from(permissions).0)
        .bind(participant_id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl SqlStore {
    /// A seat for somebody who is not in the room yet.
    async fn take_seat(
        &self,
        tx: &mut Tx,
        room_id: RoomId,
        capacity: Option<u32>,
        request: &JoinRequest,
    ) -> Result<bool, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO participants (id, workspace_id, room_id, user_id, token_permissions, joined_at)
             SELECT $1, $2, $3, $4, $5, $6
             WHERE $7 IS NULL OR (SELECT count(*) FROM participants WHERE room_id = $3) < $7",
        )
        .bind(ParticipantId::generate().0)
        .bind(self.workspace_id.0)
        .bind(room_id.0)
        .bind(request.user_id.0)
        .bind(request.token_permissions.0)
        .bind(request.now_ms)
        .bind(capacity.map(i64::from))
        .execute(&mut **tx)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }
}

#[async_trait]
impl ParticipantStore for SqlStore {
    async fn join(&self, request: JoinRequest) -> Result<Join, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let room_id = request.room_id;
            lock(&mut tx, Lock::User(request.user_id)).await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            let room: Option<(Option<i64>, bool)> =
                sqlx::query_as("SELECT capacity, lobby FROM rooms WHERE id = $1 AND workspace_id = $2")
                    .bind(room_id.0)
                    .bind(self.workspace_id.0)
                    .fetch_optional(&mut *tx)
                    .await?;
            let opens = request.only_room.is_none_or(|only| only == room_id);
            let Some((capacity, lobby)) = room.filter(|_| opens) else { return Ok(Join::NoRoom) };
            let capacity = capacity.map(codec::count);
            match standing_of(&mut *tx, self.workspace_id, room_id, request.user_id).await? {
                None => return Ok(Join::NoRoom),
                Some(standing) if standing.banned => return Ok(Join::Banned),
                Some(standing) if standing.outside && !request.token_permissions.passes_lobby() => {
                    return Ok(Join::Lobby);
                }
                Some(_) => {}
            }
            if access::is_shut(&mut tx, request.user_id).await? {
                return Ok(Join::Blocked);
            }
            let before = facts(&mut tx, self.workspace_id, room_id, request.user_id).await?;
            let is_new = before.is_none();
            if let Some(facts) = before {
                let carried_by = session_kind(&mut tx, facts.record.participant_id).await?;
                if let Some(kind) = carried_by.filter(|kind| request.whip != Some(*kind)) {
                    return Ok(Join::Carried(kind));
                }
                sqlx::query("UPDATE participants SET token_permissions = $1 WHERE room_id = $2 AND user_id = $3")
                    .bind(request.token_permissions.0)
                    .bind(room_id.0)
                    .bind(request.user_id.0)
                    .execute(&mut *tx)
                    .await?;
                tell_permissions(self, &mut tx, request.user_id, Some(room_id), request.now_ms).await?;
            } else if !self.take_seat(&mut tx, room_id, capacity, &request).await? {
                return Ok(Join::Full { capacity: capacity.unwrap_or_default() });
            }
            let facts = facts(&mut tx, self.workspace_id, room_id, request.user_id)
                .await?
                .ok_or(StoreError::Corrupt("participants.id"))?;
            if is_new && lobby {
                self.grant_while_inside(&mut tx, room_id, request.user_id).await?;
            }
            if is_new {
                let ParticipantRecord { room, participant_id, user_id, display_name, .. } = facts.record.clone();
                let event = WebhookEvent::ParticipantJoined { room, participant_id, user_id, display_name };
                self.put_event(&mut tx, EventId::generate(), event, request.now_ms).await?;
            }
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Join::In(facts.record))
        })
        .await
    }

    async fn leave(&self, participant_id: ParticipantId, reason: EndReason, now_ms: i64) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let ended = self.end_stays(&mut tx, Stays::One(participant_id), reason, now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(!ended.is_empty())
        })
        .await
    }

    async fn leave_call(
        &self,
        participant_id: ParticipantId,
        now_ms: i64,
    ) -> Result<Option<ParticipantRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Participant(participant_id)).await?;
            let Some(facts) = facts_by_id(&mut tx, self.workspace_id, participant_id).await? else { return Ok(None) };
            let mut record = facts.record;
            if record.admitted {
                let new_id = self.end_call(&mut tx, participant_id, EndReason::Left, now_ms).await?;
                record = ParticipantRecord { participant_id: new_id, admitted: false, ..record };
            }
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Some(record))
        })
        .await
    }

    async fn admit(
        &self,
        room_id: RoomId,
        user_id: UserId,
        in_calls_max: Option<u32>,
    ) -> Result<Admission, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::User(user_id)).await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            lock(&mut tx, Lock::ParticipantsOf(user_id, Some(room_id))).await?;
            let Some(facts) = facts(&mut tx, self.workspace_id, room_id, user_id).await? else {
                return Ok(Admission::NotJoined);
            };
            if let Some(refusal) = self.direct_refusal(&mut tx, room_id, user_id).await? {
                return Ok(Admission::Direct(refusal));
            }
            let permissions = facts.allowed();
            if permissions.is_nothing() {
                return Ok(Admission::Nothing);
            }
            let participant_id = facts.record.participant_id;
            if !facts.record.admitted {
                lock(&mut tx, Lock::SeatsInCalls).await?;
                let changed = sqlx::query(
                    "UPDATE participants SET admitted = TRUE WHERE id = $1
                     AND ($2 IS NULL OR (SELECT count(*) FROM participants WHERE admitted = TRUE) < $2)",
                )
                .bind(participant_id.0)
                .bind(in_calls_max.map(i64::from))
                .execute(&mut *tx)
                .await?;
                if changed.rows_affected() == 0 {
                    return Ok(Admission::Full);
                }
            }
            set_told(&mut tx, participant_id, permissions).await?;
            tx.commit().await?;
            Ok(Admission::Admitted(Admitted { participant_id, room: room_id, permissions }))
        })
        .await
    }

    async fn unadmit(&self, participant_id: ParticipantId) -> Result<(), StoreError> {
        sqlx::query("UPDATE participants SET admitted = FALSE WHERE id = $1 AND workspace_id = $2")
            .bind(participant_id.0)
            .bind(self.workspace_id.0)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn reconcile(
        &self,
        on_node: &[ParticipantId],
    ) -> Result<(Vec<Admitted>, u64, Vec<ParticipantId>), StoreError> {
        retried(|| async {
            let on_node: HashSet<ParticipantId> = on_node.iter().copied().collect();
            let mut tx = self.begin().await?;
            // Before the participants: what the orders up to here changed is then seen in them.
            let rev: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM outbox WHERE topic = $1")
                .bind(Topic::Media.as_str())
                .fetch_one(&mut *tx)
                .await?;
            let rows: Vec<(Uuid, Uuid, i64)> =
                sqlx::query_as("SELECT id, room_id, permissions FROM participants WHERE admitted = TRUE ORDER BY id")
                    .fetch_all(&mut *tx)
                    .await?;
            let (kept, lost): (Vec<_>, Vec<_>) =
                rows.into_iter().partition(|(id, ..)| on_node.contains(&ParticipantId(*id)));
            for (id, ..) in &lost {
                sqlx::query("UPDATE participants SET admitted = FALSE WHERE id = $1")
                    .bind(id)
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            let admitted = kept.into_iter().map(|(id, room, bits)| Admitted {
                participant_id: ParticipantId(id),
                room: RoomId(room),
                permissions: PermissionBits(bits).into(),
            });
            let lost = lost.into_iter().map(|(id, ..)| ParticipantId(id)).collect();
            Ok((admitted.collect(), u64::try_from(rev).unwrap_or(0), lost))
        })
        .await
    }

    async fn participants(&self) -> Result<Vec<ParticipantRecord>, StoreError> {
        let rows = sqlx::query(select_facts!("ORDER BY p.id")).fetch_all(&self.readers).await?;
        rows.iter().map(|row| read_facts(row).map(|facts| facts.record)).collect()
    }
}
