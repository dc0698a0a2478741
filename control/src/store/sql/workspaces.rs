use std::sync::Arc;

use async_trait::async_trait;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::workspaces::{OptionalFeature, WorkspaceRole};
use boltorezka_proto::{UserId, WorkspaceId, WorkspaceSlug, WorkspaceTitle};
use sqlx::{Executor, Row as _};

use super::rooms::grants;
use super::stays::Stays;
use super::{Db, Row, SqlStore, Tx, lock, participants};
use crate::permissions::Grants;
use crate::store::workspaces::workspace_role;
use crate::store::write::{Lock, retried};
use crate::store::{
    Actor, Audit, Ended, MemberChange, Store, StoreError, Topic, WorkspaceCreated, WorkspaceMemberRecord,
    WorkspaceRecord, WorkspaceStore, codec,
};

fn workspace_record(row: &Row) -> Result<WorkspaceRecord, StoreError> {
    Ok(WorkspaceRecord {
        id: WorkspaceId(row.try_get(0)?),
        slug: codec::workspace_slug(row.try_get(1)?)?,
        title: codec::workspace_title(row.try_get(2)?)?,
        created_at_ms: row.try_get(3)?,
    })
}

async fn by_slug(
    executor: impl Executor<'_, Database = Db>,
    slug: &WorkspaceSlug,
) -> Result<Option<WorkspaceRecord>, StoreError> {
    let row = sqlx::query("SELECT id, slug, title, created_at FROM workspaces WHERE slug = $1")
        .bind(slug.as_str())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(workspace_record).transpose()
}

/// What a user is in a workspace, and what its custom roles give it there; as of the transaction or connection that is given.
pub(super) async fn membership(
    executor: impl Executor<'_, Database = Db>,
    workspace_id: WorkspaceId,
    user_id: UserId,
) -> Result<Option<(WorkspaceRole, Grants)>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT u.role, u.workspace_id = $1, wm.role, ",
        grants!("$1"),
        " FROM users u LEFT JOIN workspace_members wm ON wm.workspace_id = $1 AND wm.user_id = u.id WHERE u.id = $2"
    ))
    .bind(workspace_id.0)
    .bind(user_id.0)
    .fetch_optional(executor)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let given = row.try_get::<Option<&str>, _>(2)?.map(codec::workspace_role).transpose()?;
    let role = workspace_role(codec::role(row.try_get(0)?)?, row.try_get(1)?, given);
    let grants = Grants::read(row.try_get(3)?);
    Ok(role.map(|role| (role, grants)))
}

/// The role that a member was given; none for strangers and for those who are at home.
async fn given_role(
    tx: &mut Tx,
    workspace_id: WorkspaceId,
    user_id: UserId,
) -> Result<Option<WorkspaceRole>, StoreError> {
    let role: Option<String> =
        sqlx::query_scalar("SELECT role FROM workspace_members WHERE workspace_id = $1 AND user_id = $2")
            .bind(workspace_id.0)
            .bind(user_id.0)
            .fetch_optional(&mut **tx)
            .await?;
    role.as_deref().map(codec::workspace_role).transpose()
}

/// Whether `by` may have something to do with somebody who is `whom`: owners with all, admins with those below them.
pub(super) fn reaches(by: WorkspaceRole, whom: Option<WorkspaceRole>) -> bool {
    by == WorkspaceRole::Owner || whom.is_none_or(|whom| whom < by)
}

impl SqlStore {
    pub(super) async fn put_workspace_member(
        &self,
        tx: &mut Tx,
        workspace_id: WorkspaceId,
        user_id: UserId,
        role: WorkspaceRole,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO workspace_members (workspace_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role",
        )
        .bind(workspace_id.0)
        .bind(user_id.0)
        .bind(codec::workspace_role_text(role))
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

#[async_trait]
impl WorkspaceStore for SqlStore {
    fn workspace_id(&self) -> WorkspaceId {
        self.workspace_id
    }

    fn home_id(&self) -> WorkspaceId {
        self.home_id
    }

    fn of(&self, workspace_id: WorkspaceId) -> Arc<dyn Store> {
        Arc::new(self.in_workspace(workspace_id))
    }

    async fn create_workspace(
        &self,
        slug: &WorkspaceSlug,
        title: &WorkspaceTitle,
        owner: UserId,
        audit: &Audit,
    ) -> Result<WorkspaceCreated, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let id = WorkspaceId::generate();
            let inserted = sqlx::query(
                "INSERT INTO workspaces (id, slug, title, created_by, created_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (slug) DO NOTHING",
            )
            .bind(id.0)
            .bind(slug.as_str())
            .bind(title.as_str())
            .bind(owner.0)
            .bind(audit.now_ms)
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 0 {
                let made_by: Option<uuid::Uuid> =
                    sqlx::query_scalar("SELECT created_by FROM workspaces WHERE slug = $1")
                        .bind(slug.as_str())
                        .fetch_one(&mut *tx)
                        .await?;
                let there = by_slug(&mut *tx, slug).await?.ok_or(StoreError::Corrupt("workspaces.slug"))?;
                let same = made_by == Some(owner.0) && there.title == *title;
                return Ok(if same { WorkspaceCreated::Again(there) } else { WorkspaceCreated::Taken });
            }
            self.put_workspace_member(&mut tx, id, owner, WorkspaceRole::Owner, audit.now_ms).await?;
            self.in_workspace(id).put_audit(&mut tx, audit, "workspaces.workspace.create", slug.as_str()).await?;
            let record = by_slug(&mut *tx, slug).await?.ok_or(StoreError::Corrupt("workspaces.slug"))?;
            tx.commit().await?;
            Ok(WorkspaceCreated::New(record))
        })
        .await
    }

    async fn workspace(&self, slug: &WorkspaceSlug) -> Result<Option<WorkspaceRecord>, StoreError> {
        by_slug(&self.readers, slug).await
    }

    async fn workspaces_of(
        &self,
        user_id: UserId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(WorkspaceRecord, WorkspaceRole)>, StoreError> {
        let rows = sqlx::query(
            "SELECT w.id, w.slug, w.title, w.created_at, u.role, u.workspace_id = w.id, wm.role
             FROM workspaces w JOIN users u ON u.id = $1
             LEFT JOIN workspace_members wm ON wm.workspace_id = w.id AND wm.user_id = u.id
             WHERE (wm.role IS NOT NULL OR u.workspace_id = w.id OR u.role <> 'user') AND ($2 IS NULL OR w.slug > $2)
             ORDER BY w.slug LIMIT $3",
        )
        .bind(user_id.0)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let mut workspaces = Vec::new();
        for row in &rows {
            let given = row.try_get::<Option<&str>, _>(6)?.map(codec::workspace_role).transpose()?;
            let role = workspace_role(codec::role(row.try_get(4)?)?, row.try_get(5)?, given);
            workspaces.extend(role.map(|role| Ok::<_, StoreError>((workspace_record(row)?, role))).transpose()?);
        }
        Ok(workspaces)
    }

    async fn update_workspace(&self, title: &WorkspaceTitle, audit: &Audit) -> Result<WorkspaceRecord, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let row =
                sqlx::query("UPDATE workspaces SET title = $1 WHERE id = $2 RETURNING id, slug, title, created_at")
                    .bind(title.as_str())
                    .bind(self.workspace_id.0)
                    .fetch_one(&mut *tx)
                    .await?;
            let record = workspace_record(&row)?;
            self.put_audit(&mut tx, audit, "workspaces.workspace.update", record.slug.as_str()).await?;
            tx.commit().await?;
            Ok(record)
        })
        .await
    }

    async fn workspace_role(&self, user_id: UserId) -> Result<Option<WorkspaceRole>, StoreError> {
        Ok(self.membership(user_id).await?.map(|(role, _)| role))
    }

    async fn membership(&self, user_id: UserId) -> Result<Option<(WorkspaceRole, Grants)>, StoreError> {
        membership(&self.readers, self.workspace_id, user_id).await
    }

    async fn workspace_members(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<WorkspaceMemberRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT u.id, u.display_name, u.role, u.workspace_id = $1, wm.role FROM users u
             LEFT JOIN workspace_members wm ON wm.workspace_id = $1 AND wm.user_id = u.id
             WHERE u.kind = 'local' AND (wm.role IS NOT NULL OR u.workspace_id = $1) AND ($2 IS NULL OR u.id > $2)
             ORDER BY u.id LIMIT $3",
        )
        .bind(self.workspace_id.0)
        .bind(after.map(|id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let mut members = Vec::new();
        for row in &rows {
            let given = row.try_get::<Option<&str>, _>(4)?.map(codec::workspace_role).transpose()?;
            let at_home = row.try_get(3)?;
            // A given role is shown as it was given, also of admins of the server, who may do everything anyway.
            let role = if at_home { workspace_role(codec::role(row.try_get(2)?)?, true, None) } else { given };
            let (user_id, display_name) = (UserId(row.try_get(0)?), codec::display_name(row.try_get(1)?)?);
            members.extend(role.map(|role| WorkspaceMemberRecord { user_id, display_name, role }));
        }
        Ok(members)
    }

    async fn set_workspace_member(
        &self,
        user_id: UserId,
        role: WorkspaceRole,
        by: WorkspaceRole,
        audit: &Audit,
    ) -> Result<MemberChange<WorkspaceMemberRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Account(user_id)).await?;
            let known: Option<String> = sqlx::query_scalar(
                "SELECT display_name FROM users WHERE id = $1 AND kind = 'local' AND workspace_id <> $2",
            )
            .bind(user_id.0)
            .bind(self.workspace_id.0)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(name) = known else { return Ok(MemberChange::NoMember) };
            if role > by || !reaches(by, given_role(&mut tx, self.workspace_id, user_id).await?) {
                return Ok(MemberChange::TooHigh);
            }
            self.put_workspace_member(&mut tx, self.workspace_id, user_id, role, audit.now_ms).await?;
            participants::tell_permissions(self, &mut tx, user_id, None, audit.now_ms).await?;
            let target = format!("{user_id} {}", codec::workspace_role_text(role));
            self.put_audit(&mut tx, audit, "workspaces.member.set", &target).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            let display_name = codec::display_name(&name)?;
            Ok(MemberChange::Done(WorkspaceMemberRecord { user_id, display_name, role }))
        })
        .await
    }

    async fn remove_workspace_member(
        &self,
        user_id: UserId,
        by: WorkspaceRole,
        audit: &Audit,
    ) -> Result<MemberChange<Vec<Ended>>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Account(user_id)).await?;
            let Some(role) = given_role(&mut tx, self.workspace_id, user_id).await? else {
                return Ok(MemberChange::NoMember);
            };
            if audit.actor != Actor::User(user_id) && !reaches(by, Some(role)) {
                return Ok(MemberChange::TooHigh);
            }
            for statement in [
                "DELETE FROM workspace_members WHERE workspace_id = $1 AND user_id = $2",
                "DELETE FROM custom_role_members WHERE workspace_id = $1 AND user_id = $2",
                "DELETE FROM room_members WHERE workspace_id = $1 AND user_id = $2",
                "DELETE FROM tickets WHERE workspace_id = $1 AND user_id = $2",
            ] {
                sqlx::query(statement).bind(self.workspace_id.0).bind(user_id.0).execute(&mut *tx).await?;
            }
            self.put_audit(&mut tx, audit, "workspaces.member.delete", &user_id.to_string()).await?;
            let stays = Stays::OfMember(user_id);
            let ended = self.end_stays(&mut tx, stays, EndReason::Revoked, audit.now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(MemberChange::Done(ended))
        })
        .await
    }

    async fn features_off(&self) -> Result<Vec<(WorkspaceId, OptionalFeature)>, StoreError> {
        let rows: Vec<(uuid::Uuid, String)> =
            sqlx::query_as("SELECT workspace_id, feature FROM workspace_features WHERE enabled = FALSE")
                .fetch_all(&self.readers)
                .await?;
        // What this version does not know was switched off in another one.
        let known = |(id, name): (uuid::Uuid, String)| Some((WorkspaceId(id), OptionalFeature::find(&name)?));
        Ok(rows.into_iter().filter_map(known).collect())
    }

    async fn set_feature(
        &self,
        feature: OptionalFeature,
        enabled: bool,
        audit: &Audit,
    ) -> Result<Vec<Ended>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            sqlx::query(
                "INSERT INTO workspace_features (workspace_id, feature, enabled, changed_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (workspace_id, feature) DO UPDATE SET enabled = excluded.enabled, changed_at = excluded.changed_at",
            )
            .bind(self.workspace_id.0)
            .bind(feature.name())
            .bind(enabled)
            .bind(audit.now_ms)
            .execute(&mut *tx)
            .await?;
            let target = format!("{} {}", feature.name(), if enabled { "on" } else { "off" });
            self.put_audit(&mut tx, audit, "workspaces.feature.set", &target).await?;
            let ended = participants::apply_features(self, &mut tx, audit.now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(ended)
        })
        .await
    }
}
