use async_trait::async_trait;
use boltorezka_proto::reports::Report;
use boltorezka_proto::{MessageId, ReportId, Timestamp, UserId};
use sqlx::Row as _;

use super::{Row, SqlStore};
use crate::store::write::retried;
use crate::store::{Audit, NewReport, ReportStore, StoreError, codec};

macro_rules! select_report {
    ($tail:literal) => {
        concat!(
            "SELECT p.id, r.slug, p.message_id, p.sender_id, s.display_name, p.reporter_id, u.display_name, p.text, p.reason, ",
            "p.created_at, p.resolved_at FROM reports p JOIN rooms r ON r.id = p.room_id ",
            "JOIN users s ON s.id = p.sender_id JOIN users u ON u.id = p.reporter_id ",
            $tail
        )
    };
}

fn report(row: &Row) -> Result<Report, StoreError> {
    Ok(Report {
        id: ReportId(row.try_get(0)?),
        room: codec::slug(row.try_get(1)?)?,
        message_id: MessageId(row.try_get(2)?),
        sender_id: UserId(row.try_get(3)?),
        sender_name: codec::display_name(row.try_get(4)?)?,
        reporter_id: UserId(row.try_get(5)?),
        reporter_name: codec::display_name(row.try_get(6)?)?,
        text: codec::message_text(row.try_get(7)?)?,
        reason: codec::report_reason(row.try_get(8)?)?,
        created_at: Timestamp::from_unix_ms(row.try_get(9)?),
        resolved_at: row.try_get::<Option<_>, _>(10)?.map(Timestamp::from_unix_ms),
    })
}

#[async_trait]
impl ReportStore for SqlStore {
    async fn report_message(&self, new: NewReport<'_>) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let inserted = sqlx::query(
                "INSERT INTO reports (id, workspace_id, room_id, message_id, sender_id, reporter_id, text, reason, created_at)
                 SELECT $1, m.workspace_id, m.room_id, m.id, m.sender_id, $2, m.text, $3, $4 FROM messages m
                 WHERE m.id = $5 AND m.room_id = $6 AND m.workspace_id = $7 AND m.deleted_at IS NULL
                 ON CONFLICT (reporter_id, message_id) DO NOTHING",
            )
            .bind(ReportId::generate().0)
            .bind(new.reporter_id.0)
            .bind(new.reason.as_str())
            .bind(new.now_ms)
            .bind(new.message_id.0)
            .bind(new.room_id.0)
            .bind(self.workspace_id.0)
            .execute(&mut *tx)
            .await?;
            let reported = inserted.rows_affected() == 1
                || sqlx::query_scalar(
                    "SELECT EXISTS (SELECT 1 FROM reports WHERE reporter_id = $1 AND message_id = $2 AND room_id = $3
                         AND workspace_id = $4)",
                )
                .bind(new.reporter_id.0)
                .bind(new.message_id.0)
                .bind(new.room_id.0)
                .bind(self.workspace_id.0)
                .fetch_one(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(reported)
        })
        .await
    }

    async fn reports(&self, before: Option<ReportId>, limit: u32) -> Result<Vec<Report>, StoreError> {
        let rows = sqlx::query(select_report!(
            "WHERE p.workspace_id = $1 AND ($2 IS NULL OR p.id < $2) ORDER BY p.id DESC LIMIT $3"
        ))
        .bind(self.workspace_id.0)
        .bind(before.map(|id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(report).collect()
    }

    async fn resolve_report(&self, id: ReportId, audit: &Audit) -> Result<Option<Report>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let resolved = sqlx::query(
                "UPDATE reports SET resolved_at = $1 WHERE id = $2 AND workspace_id = $3 AND resolved_at IS NULL",
            )
            .bind(audit.now_ms)
            .bind(id.0)
            .bind(self.workspace_id.0)
            .execute(&mut *tx)
            .await?;
            if resolved.rows_affected() == 1 {
                self.put_audit(&mut tx, audit, "chat.report.resolve", &id.to_string()).await?;
            }
            let row = sqlx::query(select_report!("WHERE p.id = $1 AND p.workspace_id = $2"))
                .bind(id.0)
                .bind(self.workspace_id.0)
                .fetch_optional(&mut *tx)
                .await?;
            let record = row.as_ref().map(report).transpose()?;
            tx.commit().await?;
            Ok(record)
        })
        .await
    }

    async fn drop_old_reports(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM reports WHERE resolved_at < $1").bind(before_ms).execute(&self.writer).await?;
        Ok(())
    }
}
