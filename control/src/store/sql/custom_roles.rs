use async_trait::async_trait;
use boltorezka_proto::custom_roles::HeldRole;
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{CustomRoleId, CustomRoleName, UserId, WorkspaceId};
use sqlx::{Executor, Row as _};
use uuid::Uuid;

use super::workspaces::{membership, reaches};
use super::{Db, Row, SqlStore, Tx, lock, participants};
use crate::permissions::Grants;
use crate::store::write::{Lock, retried};
use crate::store::{
    Audit, CUSTOM_ROLES_MAX, CustomRoleChange, CustomRoleRecord, CustomRoleStore, CustomRoleUpdate, HELD_ROLES_MAX,
    StoreError, Topic, codec,
};

macro_rules! select_role {
    ($tail:literal) => {
        concat!(
            "SELECT c.id, c.name, c.room_role || ' ' || c.permissions, \
             (SELECT count(*) FROM custom_role_members h WHERE h.role_id = c.id), c.created_at FROM custom_roles c ",
            $tail
        )
    };
}

fn role_record(row: &Row) -> Result<CustomRoleRecord, StoreError> {
    Ok(CustomRoleRecord {
        id: CustomRoleId(row.try_get(0)?),
        name: codec::custom_role_name(row.try_get(1)?)?,
        grants: Grants::read(row.try_get(2)?),
        member_count: codec::count(row.try_get(3)?),
        created_at_ms: row.try_get(4)?,
    })
}

async fn role_by_id(
    executor: impl Executor<'_, Database = Db>,
    workspace_id: WorkspaceId,
    id: CustomRoleId,
) -> Result<Option<CustomRoleRecord>, StoreError> {
    let row = sqlx::query(select_role!("WHERE c.id = $1 AND c.workspace_id = $2"))
        .bind(id.0)
        .bind(workspace_id.0)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(role_record).transpose()
}

/// Whether another custom role of the workspace is called so.
async fn is_taken(
    tx: &mut Tx,
    workspace_id: WorkspaceId,
    name: &CustomRoleName,
    but: Option<CustomRoleId>,
) -> Result<bool, StoreError> {
    let taken = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM custom_roles WHERE workspace_id = $1 AND name = $2 AND ($3 IS NULL OR id <> $3))",
    );
    Ok(taken.bind(workspace_id.0).bind(name.as_str()).bind(but.map(|id| id.0)).fetch_one(&mut **tx).await?)
}

/// Who holds a custom role, of which nobody enters a call meanwhile.
async fn holders(tx: &mut Tx, id: CustomRoleId) -> Result<Vec<UserId>, StoreError> {
    lock(tx, Lock::Holders(id)).await?;
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT user_id FROM custom_role_members WHERE role_id = $1")
        .bind(id.0)
        .fetch_all(&mut **tx)
        .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// What the audit keeps of a role: what it is called, and what it gives.
fn in_words(record: &CustomRoleRecord) -> String {
    let CustomRoleRecord { id, name, grants, .. } = record;
    format!("{id} {name}: {} {}", codec::room_role_text(grants.room_role()), grants.words())
}

impl SqlStore {
    async fn put_role(&self, tx: &mut Tx, id: CustomRoleId, grants: Grants) -> Result<(), StoreError> {
        sqlx::query("UPDATE custom_roles SET permissions = $1, room_role = $2 WHERE id = $3 AND workspace_id = $4")
            .bind(grants.words())
            .bind(codec::room_role_text(grants.room_role()))
            .bind(id.0)
            .bind(self.workspace_id.0)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    /// Why a member is not given a custom role, or does not lose it, if it may not.
    async fn refusal(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        by: WorkspaceRole,
    ) -> Result<Option<CustomRoleChange<()>>, StoreError> {
        let is_account = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND kind = 'local' AND erased_at IS NULL)",
        );
        let is_account: bool = is_account.bind(user_id.0).fetch_one(&mut **tx).await?;
        let member = membership(&mut **tx, self.workspace_id, user_id).await?.filter(|_| is_account);
        Ok(match member {
            None => Some(CustomRoleChange::NoMember),
            Some((role, _)) if !reaches(by, Some(role)) => Some(CustomRoleChange::TooHigh),
            Some(_) => None,
        })
    }

    /// Whether it was not held before.
    async fn put_holder(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        id: CustomRoleId,
        now_ms: i64,
    ) -> Result<CustomRoleChange<bool>, StoreError> {
        let held: Vec<Uuid> =
            sqlx::query_scalar("SELECT role_id FROM custom_role_members WHERE workspace_id = $1 AND user_id = $2")
                .bind(self.workspace_id.0)
                .bind(user_id.0)
                .fetch_all(&mut **tx)
                .await?;
        if held.contains(&id.0) {
            return Ok(CustomRoleChange::Done(false));
        }
        if held.len() >= HELD_ROLES_MAX as usize {
            return Ok(CustomRoleChange::TooManyHeld);
        }
        sqlx::query(
            "INSERT INTO custom_role_members (workspace_id, user_id, role_id, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(self.workspace_id.0)
        .bind(user_id.0)
        .bind(id.0)
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
        Ok(CustomRoleChange::Done(true))
    }
}

#[async_trait]
impl CustomRoleStore for SqlStore {
    async fn custom_roles(&self) -> Result<Vec<CustomRoleRecord>, StoreError> {
        let rows = sqlx::query(select_role!("WHERE c.workspace_id = $1 ORDER BY c.name, c.id"))
            .bind(self.workspace_id.0)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(role_record).collect()
    }

    async fn create_custom_role(
        &self,
        name: &CustomRoleName,
        grants: Grants,
        audit: &Audit,
    ) -> Result<CustomRoleChange<CustomRoleRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::CustomRoles(self.workspace_id)).await?;
            if is_taken(&mut tx, self.workspace_id, name, None).await? {
                return Ok(CustomRoleChange::NameTaken);
            }
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM custom_roles WHERE workspace_id = $1")
                .bind(self.workspace_id.0)
                .fetch_one(&mut *tx)
                .await?;
            if count >= i64::from(CUSTOM_ROLES_MAX) {
                return Ok(CustomRoleChange::TooMany);
            }
            let (id, name) = (CustomRoleId::generate(), name.clone());
            sqlx::query(
                "INSERT INTO custom_roles (id, workspace_id, name, permissions, room_role, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(id.0)
            .bind(self.workspace_id.0)
            .bind(name.as_str())
            .bind(grants.words())
            .bind(codec::room_role_text(grants.room_role()))
            .bind(audit.now_ms)
            .execute(&mut *tx)
            .await?;
            let record = CustomRoleRecord { id, name, grants, member_count: 0, created_at_ms: audit.now_ms };
            self.put_audit(&mut tx, audit, "workspaces.role.create", &in_words(&record)).await?;
            tx.commit().await?;
            Ok(CustomRoleChange::Done(record))
        })
        .await
    }

    async fn update_custom_role(
        &self,
        id: CustomRoleId,
        update: &CustomRoleUpdate,
        audit: &Audit,
    ) -> Result<CustomRoleChange<(CustomRoleRecord, Vec<UserId>)>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::CustomRoles(self.workspace_id)).await?;
            let Some(before) = role_by_id(&mut *tx, self.workspace_id, id).await? else {
                return Ok(CustomRoleChange::NoRole);
            };
            let name = update.name.clone().unwrap_or(before.name);
            if is_taken(&mut tx, self.workspace_id, &name, Some(id)).await? {
                return Ok(CustomRoleChange::NameTaken);
            }
            let holders = holders(&mut tx, id).await?;
            let actions = update.actions.clone().unwrap_or_else(|| before.grants.actions().collect());
            let grants = Grants::new(&actions, update.room_role.unwrap_or(before.grants.room_role()));
            sqlx::query("UPDATE custom_roles SET name = $1 WHERE id = $2 AND workspace_id = $3")
                .bind(name.as_str())
                .bind(id.0)
                .bind(self.workspace_id.0)
                .execute(&mut *tx)
                .await?;
            self.put_role(&mut tx, id, grants).await?;
            let record = CustomRoleRecord { name, grants, ..before };
            self.put_audit(&mut tx, audit, "workspaces.role.update", &in_words(&record)).await?;
            participants::tell_holders(self, &mut tx, id, audit.now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(CustomRoleChange::Done((record, holders)))
        })
        .await
    }

    async fn delete_custom_role(
        &self,
        id: CustomRoleId,
        audit: &Audit,
    ) -> Result<CustomRoleChange<Vec<UserId>>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::CustomRoles(self.workspace_id)).await?;
            let Some(record) = role_by_id(&mut *tx, self.workspace_id, id).await? else {
                return Ok(CustomRoleChange::NoRole);
            };
            let holders = holders(&mut tx, id).await?;
            // First it gives nothing any more, while it says whom that concerns.
            self.put_role(&mut tx, id, Grants::NONE).await?;
            participants::tell_holders(self, &mut tx, id, audit.now_ms).await?;
            sqlx::query("DELETE FROM custom_roles WHERE id = $1 AND workspace_id = $2")
                .bind(id.0)
                .bind(self.workspace_id.0)
                .execute(&mut *tx)
                .await?;
            self.put_audit(&mut tx, audit, "workspaces.role.delete", &format!("{id} {}", record.name)).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(CustomRoleChange::Done(holders))
        })
        .await
    }

    async fn set_custom_role(
        &self,
        user_id: UserId,
        id: CustomRoleId,
        held: bool,
        by: WorkspaceRole,
        audit: &Audit,
    ) -> Result<CustomRoleChange<()>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::CustomRoles(self.workspace_id)).await?;
            lock(&mut tx, Lock::Account(user_id)).await?;
            if let Some(refusal) = self.refusal(&mut tx, user_id, by).await? {
                return Ok(refusal);
            }
            let Some(role) = role_by_id(&mut *tx, self.workspace_id, id).await? else {
                return Ok(CustomRoleChange::NoRole);
            };
            let is_change = if held {
                match self.put_holder(&mut tx, user_id, id, audit.now_ms).await? {
                    CustomRoleChange::Done(is_new) => is_new,
                    _ => return Ok(CustomRoleChange::TooManyHeld),
                }
            } else {
                let statement =
                    "DELETE FROM custom_role_members WHERE workspace_id = $1 AND user_id = $2 AND role_id = $3";
                let deleted = sqlx::query(statement).bind(self.workspace_id.0).bind(user_id.0).bind(id.0);
                deleted.execute(&mut *tx).await?.rows_affected() > 0
            };
            if is_change {
                participants::tell_permissions(self, &mut tx, user_id, None, audit.now_ms).await?;
                let action = if held { "workspaces.role.assign" } else { "workspaces.role.unassign" };
                self.put_audit(&mut tx, audit, action, &format!("{user_id} {id} {}", role.name)).await?;
                self.commit_and_wake(tx, Topic::Media).await?;
            }
            Ok(CustomRoleChange::Done(()))
        })
        .await
    }

    async fn held_roles(&self, first: UserId, last: UserId) -> Result<Vec<(UserId, HeldRole)>, StoreError> {
        let rows = sqlx::query(
            "SELECT h.user_id, c.id, c.name FROM custom_role_members h JOIN custom_roles c ON c.id = h.role_id
             WHERE h.workspace_id = $1 AND h.user_id >= $2 AND h.user_id <= $3 ORDER BY h.user_id, c.name",
        )
        .bind(self.workspace_id.0)
        .bind(first.0)
        .bind(last.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((UserId(row.try_get(0)?), held_role(row)?))).collect()
    }

    async fn custom_roles_of(&self, user_id: UserId) -> Result<Vec<(WorkspaceId, HeldRole, Grants)>, StoreError> {
        let rows = sqlx::query(
            "SELECT h.workspace_id, c.id, c.name, c.room_role || ' ' || c.permissions
             FROM custom_role_members h JOIN custom_roles c ON c.id = h.role_id WHERE h.user_id = $1 ORDER BY c.name, c.id",
        )
        .bind(user_id.0)
        .fetch_all(&self.readers)
        .await?;
        let held = |row: &Row| Ok((WorkspaceId(row.try_get(0)?), held_role(row)?, Grants::read(row.try_get(3)?)));
        rows.iter().map(held).collect()
    }
}

fn held_role(row: &Row) -> Result<HeldRole, StoreError> {
    Ok(HeldRole { id: CustomRoleId(row.try_get(1)?), name: codec::custom_role_name(row.try_get(2)?)? })
}
