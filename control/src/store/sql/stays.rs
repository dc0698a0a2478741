//! The end of stays: whoever leaves a room that stays goes through here, so that none goes without its order and its event.
//! A room that goes takes everybody along, and its own order and event say it for all.

use boltorezka_proto::call::EndReason;
use boltorezka_proto::webhooks::WebhookEvent;
use boltorezka_proto::{EventId, ParticipantId, RoomId, UserId, WorkspaceId};
use uuid::Uuid;

use super::lobby::end_grant;
use super::{SqlStore, Tx, lock};
use crate::calls::MediaOrder;
use crate::store::write::Lock;
use crate::store::{Ended, StoreError, Topic, codec};

/// Which stays end.
#[derive(Clone, Copy)]
pub(super) enum Stays {
    /// This one, if it is in the store's workspace.
    One(ParticipantId),
    /// Those of a user in the store's workspace.
    OfMember(UserId),
    /// Those of a user in every workspace.
    OfAccount(UserId),
    /// Those of all whom an API key vouched for.
    OfApiKey(Uuid),
}

macro_rules! delete_stays {
    ($which:literal) => {
        concat!(
            "DELETE FROM participants WHERE ",
            $which,
            " RETURNING room_id, id, workspace_id, admitted, user_id, (SELECT slug FROM rooms r WHERE r.id = participants.room_id), \
             (SELECT lobby FROM rooms r WHERE r.id = participants.room_id)"
        )
    };
}

/// Whose stay in a room it is, and the name of the room, which is locked with the stay.
pub(super) async fn stay_in(
    tx: &mut Tx,
    workspace_id: WorkspaceId,
    room_id: RoomId,
    participant_id: ParticipantId,
) -> Result<Option<(UserId, String)>, StoreError> {
    lock(tx, Lock::Room(room_id)).await?;
    lock(tx, Lock::Participant(participant_id)).await?;
    let row: Option<(Uuid, String)> = sqlx::query_as(
        "SELECT p.user_id, r.slug FROM participants p JOIN rooms r ON r.id = p.room_id WHERE p.id = $1 AND p.room_id = $2
             AND p.workspace_id = $3",
    )
    .bind(participant_id.0)
    .bind(room_id.0)
    .bind(workspace_id.0)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(user_id, slug)| (UserId(user_id), slug)))
}

impl SqlStore {
    /// Ends stays: frees their seats, has webhooks told, and orders the media node to cut those whom it was to serve. What is
    /// not there is left out, so that twice is once. Best the last of a transaction: from an order to the commit all
    /// others wait.
    pub(super) async fn end_stays(
        &self,
        tx: &mut Tx,
        stays: Stays,
        reason: EndReason,
        now_ms: i64,
    ) -> Result<Vec<Ended>, StoreError> {
        if let Stays::OfMember(user_id) | Stays::OfAccount(user_id) = stays {
            lock(tx, Lock::ParticipantsOf(user_id, None)).await?;
        }
        let here = self.workspace_id.0;
        let statement = match stays {
            Stays::One(id) => sqlx::query_as(delete_stays!("id = $1 AND workspace_id = $2")).bind(id.0).bind(here),
            Stays::OfMember(id) => {
                sqlx::query_as(delete_stays!("user_id = $1 AND workspace_id = $2")).bind(id.0).bind(here)
            }
            Stays::OfAccount(id) => sqlx::query_as(delete_stays!("user_id = $1")).bind(id.0),
            Stays::OfApiKey(id) => {
                let of_it = delete_stays!("user_id IN (SELECT u.id FROM users u WHERE u.api_key_id = $1)");
                sqlx::query_as(of_it).bind(id)
            }
        };
        let rows: Vec<(Uuid, Uuid, Uuid, bool, Uuid, String, bool)> = statement.fetch_all(&mut **tx).await?;
        let mut ended = Vec::with_capacity(rows.len());
        let mut orders = Vec::new();
        for (room_id, id, workspace_id, admitted, user_id, slug, lobby) in rows {
            if lobby {
                end_grant(tx, RoomId(room_id), UserId(user_id), reason, now_ms).await?;
            }
            let (room, participant_id) = (codec::slug(&slug)?, ParticipantId(id));
            let of_it = self.in_workspace(WorkspaceId(workspace_id));
            let event = WebhookEvent::ParticipantLeft { room, participant_id, user_id: UserId(user_id), reason };
            of_it.put_event(tx, EventId::generate(), event, now_ms).await?;
            if admitted {
                orders.push((of_it, MediaOrder::Revoke { participant_id, reason }));
            }
            ended.push(Ended { room_id: RoomId(room_id), participant_id, stays_as: None });
        }
        for (of_it, order) in orders {
            of_it.put_outbox(tx, Topic::Media, &order, now_ms).await?;
        }
        Ok(ended)
    }

    /// Ends the call of a participant that was admitted and stays in the room: under a new id, which is returned, since one that
    /// was revoked is never used again.
    pub(super) async fn end_call(
        &self,
        tx: &mut Tx,
        participant_id: ParticipantId,
        reason: EndReason,
        now_ms: i64,
    ) -> Result<ParticipantId, StoreError> {
        let new_id = ParticipantId::generate();
        sqlx::query("UPDATE participants SET id = $1, admitted = FALSE, permissions = 0 WHERE id = $2")
            .bind(new_id.0)
            .bind(participant_id.0)
            .execute(&mut **tx)
            .await?;
        self.put_outbox(tx, Topic::Media, &MediaOrder::Revoke { participant_id, reason }, now_ms).await?;
        Ok(new_id)
    }
}
