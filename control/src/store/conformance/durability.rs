//! That what was answered lasts rests on what each connection asks of the database.

use super::database::Database;
use crate::store::sqlite;

#[tokio::test]
async fn sqlite_waits_for_the_disk() {
    let database = Database::sqlite();
    database.open().await;
    let writer = sqlite::writer(&database.sqlite_path()).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&writer).await.unwrap();
    assert_eq!(synchronous, 2, "FULL");
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&writer).await.unwrap();
    assert_eq!(journal, "wal");
}
