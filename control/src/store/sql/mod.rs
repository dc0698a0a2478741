//! The store, written once and compiled for each database, in SQL that all of them understand alike: `$1` parameters,
//! ids as UUIDs, times and counts as 64-bit numbers.
//!
//! The module around it is the database: [`Db`], [`Row`], [`Tx`], how a write begins ([`BEGIN`]) and what it
//! [locks](lock), how many messages share a transaction ([`SENDS_TOGETHER_MAX`]), and how it [searches](search_query).

mod access;
mod accounts;
mod admin;
mod api_keys;
mod attachments;
mod bans;
mod changes;
mod chat;
mod chat_sync;
mod custom_roles;
mod direct;
mod erasure;
mod invites;
mod links;
mod lobby;
mod message_rows;
mod moderation;
mod moves;
mod notifications;
mod oidc;
mod outbox;
mod participants;
mod passkeys;
mod push;
mod push_content;
mod reports;
mod restraints;
mod retention;
mod rings;
mod room_invites;
mod rooms;
mod search;
mod second_factors;
mod sends;
mod sessions;
mod stays;
mod webhooks;
mod whip;
mod workspace_end;
mod workspaces;

use std::sync::Arc;

use boltorezka_proto::WorkspaceId;
use sqlx::Pool;
use uuid::Uuid;

use super::{BEGIN, Db, Row, SENDS_TOGETHER_MAX, Tx, lock, search_query};
use crate::clock::{Clock, SystemClock};
use crate::store::write::Lock;
use crate::store::{Actor, Audit, OutboxSignal, StoreError, Topic};

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct SqlStore {
    writer: Pool<Db>,
    readers: Pool<Db>,
    signal: Arc<OutboxSignal>,
    /// The default workspace, where accounts are at home.
    home_id: WorkspaceId,
    /// Whose rooms, messages, participants and keys this store sees.
    workspace_id: WorkspaceId,
    sends: Arc<sends::Sends>,
}

impl SqlStore {
    /// On a database whose schema is up to date.
    ///
    /// # Errors
    /// When the first write fails.
    pub async fn new(writer: Pool<Db>, readers: Pool<Db>, signal: Arc<OutboxSignal>) -> Result<Self, StoreError> {
        let home_id = default_workspace(&writer).await?;
        Ok(Self { writer, readers, signal, home_id, workspace_id: home_id, sends: Arc::default() })
    }

    /// The store of another workspace.
    fn in_workspace(&self, workspace_id: WorkspaceId) -> Self {
        Self { workspace_id, ..self.clone() }
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(self.writer.begin_with(BEGIN).await?)
    }

    /// Commits and wakes those who wait for rows of `topic`.
    async fn commit_and_wake(&self, tx: Tx, topic: Topic) -> Result<(), StoreError> {
        tx.commit().await?;
        self.signal.of(topic).notify_one();
        Ok(())
    }

    /// Of an order, from here to the commit no other order gets an id. An event is in order with those of its room when
    /// the transaction has [locked](Lock::Room) that before.
    async fn put_outbox(
        &self,
        tx: &mut Tx,
        topic: Topic,
        payload: &impl serde::Serialize,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let payload = outbox::payload(payload)?;
        if topic == Topic::Media {
            lock(tx, Lock::Orders).await?;
        }
        sqlx::query("INSERT INTO outbox (workspace_id, topic, payload, created_at) VALUES ($1, $2, $3, $4)")
            .bind(self.workspace_id.0)
            .bind(topic.as_str())
            .bind(payload)
            .bind(now_ms)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn put_audit(&self, tx: &mut Tx, audit: &Audit, action: &str, target: &str) -> Result<(), StoreError> {
        let (kind, actor_id) = match audit.actor {
            Actor::User(user_id) => ("user", Some(user_id.0)),
            Actor::ApiKey(id) => ("api_key", Some(id)),
            Actor::OwnerLink => ("owner_link", None),
        };
        sqlx::query(
            "INSERT INTO audit (id, workspace_id, actor_kind, actor_id, action, target, address, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(Uuid::now_v7())
        .bind(self.workspace_id.0)
        .bind(kind)
        .bind(actor_id)
        .bind(action)
        .bind(target)
        .bind(&audit.address)
        .bind(audit.now_ms)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

async fn default_workspace(writer: &Pool<Db>) -> Result<WorkspaceId, StoreError> {
    sqlx::query(
        "INSERT INTO workspaces (id, slug, created_at) VALUES ($1, 'default', $2) ON CONFLICT (slug) DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .bind(SystemClock.now_ms())
    .execute(writer)
    .await?;
    let id = sqlx::query_scalar("SELECT id FROM workspaces WHERE slug = 'default'").fetch_one(writer).await?;
    Ok(WorkspaceId(id))
}
