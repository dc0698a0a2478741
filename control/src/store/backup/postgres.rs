//! PostgreSQL: each table by `COPY`, all in one snapshot. No tool of PostgreSQL's own is needed, nor one of its version.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};

use super::manifest::Manifest;
use super::{BackupError, steps_of};
use crate::store::address::Kind;
use crate::store::{migrations, postgres};

/// What a backup sees is what was committed before its first statement.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Files are sent in pieces of this size.
const PIECE_BYTES: usize = 1 << 16;
/// The migrations' own table: migrating writes it.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Copies the database at `url` into the folder.
pub async fn backup(url: &str, folder: &Path) -> Result<Manifest, BackupError> {
    let mut connection = PgConnection::connect_with(&postgres::options(url)?).await?;
    let mut tx = connection.begin_with(BEGIN).await?;
    let migrations = sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version");
    let mut manifest = Manifest::new(Kind::Postgres, migrations.fetch_all(&mut *tx).await?);
    for table in tables(&mut tx).await? {
        let name = format!("{table}.copy");
        let path = folder.join(&name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await;
        let mut file = BufWriter::new(file.map_err(BackupError::file(&path))?);
        let statement = format!("COPY \"{table}\" ({}) TO STDOUT", columns(&mut tx, &table).await?);
        let mut pieces = tx.copy_out_raw(&statement).await?;
        while let Some(piece) = pieces.try_next().await? {
            file.write_all(&piece).await.map_err(BackupError::file(&path))?;
        }
        file.flush().await.map_err(BackupError::file(&path))?;
        drop(pieces);
        manifest.add(folder, name).await?;
    }
    let sequences: Vec<(String, i64)> = sqlx::query_as(
        "SELECT sequencename::text, last_value FROM pg_sequences
         WHERE schemaname = current_schema() AND last_value IS NOT NULL",
    )
    .fetch_all(&mut *tx)
    .await?;
    manifest.sequences = BTreeMap::from_iter(sequences);
    tx.commit().await?;
    connection.close().await?;
    Ok(manifest)
}

/// Brings it back into an empty database, with the schema that it had then, in one transaction behind the migrations.
pub async fn restore(folder: &Path, manifest: &Manifest, url: &str) -> Result<(), BackupError> {
    let steps = steps_of(folder, manifest, migrations::POSTGRES)?;
    let options = postgres::options(url)?;
    let mut connection = PgConnection::connect_with(&options).await?;
    if !tables(&mut connection).await?.is_empty() {
        return Err(BackupError::NotEmpty { place: "the database".to_owned() });
    }
    postgres::migrate(&options, steps).await?;
    let mut tx = connection.begin().await?;
    for (name, _) in &manifest.files {
        let table = name.trim_end_matches(".copy");
        let path = folder.join(name);
        let mut file = File::open(&path).await.map_err(BackupError::file(&path))?;
        // A migration may have put something into its tables.
        sqlx::query(AssertSqlSafe(format!("DELETE FROM \"{table}\""))).execute(&mut *tx).await?;
        let statement = format!("COPY \"{table}\" ({}) FROM STDIN", columns(&mut tx, table).await?);
        let mut copy = tx.copy_in_raw(&statement).await?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let count = file.read(&mut piece).await.map_err(BackupError::file(&path))?;
            match piece.get(..count) {
                Some([]) | None => break,
                Some(read) => drop(copy.send(read).await?),
            }
        }
        copy.finish().await?;
    }
    for (name, value) in &manifest.sequences {
        sqlx::query("SELECT setval(quote_ident($1)::regclass, $2)").bind(name).bind(value).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(connection.close().await?)
}

/// The tables, each behind those that it refers to.
async fn tables(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let all: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name <> $1 ORDER BY 1",
    )
    .bind(MIGRATIONS)
    .fetch_all(&mut *connection)
    .await?;
    let references: Vec<(String, String)> = sqlx::query_as(
        "SELECT f.relname::text, t.relname::text FROM pg_constraint c
         JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class t ON t.oid = c.confrelid
         WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace AND c.conrelid <> c.confrelid",
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(in_order(all, &references))
}

/// Those that refer to nothing that is still to come first. Tables in a circle come last.
fn in_order(mut left: Vec<String>, references: &[(String, String)]) -> Vec<String> {
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |table: &String| references.iter().any(|(from, to)| from == table && left.contains(to));
        let (waiting, free): (Vec<_>, Vec<_>) = left.iter().cloned().partition(waits);
        if free.is_empty() {
            order.extend(waiting);
            break;
        }
        order.extend(free);
        left = waiting;
    }
    order
}

/// The columns of a table that are written, for `COPY`.
async fn columns(connection: &mut PgConnection, table: &str) -> Result<String, sqlx::Error> {
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT quote_ident(column_name) FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    Ok(columns.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_behind_those_that_it_refers_to() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let refers = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let references = [refers("a", "c"), refers("b", "a"), refers("b", "c"), refers("x", "y"), refers("y", "x")];
        assert_eq!(in_order(names(&["a", "b", "c", "x", "y"]), &references), names(&["c", "a", "b", "x", "y"]));
    }
}
