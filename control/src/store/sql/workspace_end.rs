use async_trait::async_trait;
use boltorezka_proto::RoomId;
use boltorezka_proto::call::EndReason;
use uuid::Uuid;

use super::SqlStore;
use crate::calls::MediaOrder;
use crate::store::write::retried;
use crate::store::{Audit, StoreError, Topic, WorkspaceEndStore};

/// What is left of a workspace without its rooms, each after what refers to it. What hangs on a room, a message, a user or
/// a webhook goes with it.
const DELETED: [&str; 7] = [
    "DELETE FROM tickets WHERE workspace_id = $1",
    "DELETE FROM webhooks WHERE workspace_id = $1",
    "DELETE FROM chat_keys WHERE workspace_id = $1",
    "DELETE FROM outbox WHERE workspace_id = $1",
    "DELETE FROM users WHERE workspace_id = $1",
    "DELETE FROM api_keys WHERE workspace_id = $1",
    "DELETE FROM workspaces WHERE id = $1",
];

#[async_trait]
impl WorkspaceEndStore for SqlStore {
    async fn delete_workspace(&self, audit: &Audit) -> Result<bool, StoreError> {
        if self.workspace_id == self.home_id {
            return Ok(false);
        }
        let home = self.in_workspace(self.home_id);
        retried(|| async {
            let mut tx = self.begin().await?;
            let slug: Option<String> = sqlx::query_scalar("SELECT slug FROM workspaces WHERE id = $1")
                .bind(self.workspace_id.0)
                .fetch_optional(&mut *tx)
                .await?;
            let Some(slug) = slug else { return Ok(false) };
            let rooms: Vec<Uuid> = sqlx::query_scalar("DELETE FROM rooms WHERE workspace_id = $1 RETURNING id")
                .bind(self.workspace_id.0)
                .fetch_all(&mut *tx)
                .await?;
            // Orders that the media node has not confirmed outlive the workspace, and the last one is the revision of its state.
            sqlx::query("UPDATE outbox SET workspace_id = $1 WHERE workspace_id = $2 AND topic = $3")
                .bind(self.home_id.0)
                .bind(self.workspace_id.0)
                .bind(Topic::Media.as_str())
                .execute(&mut *tx)
                .await?;
            for statement in DELETED {
                sqlx::query(statement).bind(self.workspace_id.0).execute(&mut *tx).await?;
            }
            home.put_audit(&mut tx, audit, "workspaces.workspace.delete", &slug).await?;
            // Last: from here to the commit all other orders wait.
            for room in rooms {
                let order = MediaOrder::CloseRoom { room: RoomId(room), reason: EndReason::RoomDeleted };
                home.put_outbox(&mut tx, Topic::Media, &order, audit.now_ms).await?;
            }
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(true)
        })
        .await
    }
}
