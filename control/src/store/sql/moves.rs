use async_trait::async_trait;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::{ParticipantId, RoomId, RoomSlug};

use super::SqlStore;
use super::stays::{Stays, stay_in};
use crate::store::write::retried;
use crate::store::{Audit, MoveStore, Removed, StoreError, Topic};

#[async_trait]
impl MoveStore for SqlStore {
    async fn move_out(
        &self,
        from: RoomId,
        participant_id: ParticipantId,
        to: &RoomSlug,
        reason: EndReason,
        audit: &Audit,
    ) -> Result<Option<Removed>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let stay = stay_in(&mut tx, self.workspace_id, from, participant_id).await?;
            let Some((user_id, slug)) = stay else { return Ok(None) };
            self.put_audit(&mut tx, audit, "rooms.participant.move", &format!("{slug} {user_id} {to}")).await?;
            self.end_stays(&mut tx, Stays::One(participant_id), reason, audit.now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Some(Removed { participant_id, user_id }))
        })
        .await
    }
}
