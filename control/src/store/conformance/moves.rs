use boltorezka_proto::UserId;

use super::database::Database;
use super::people::{audit, slug};

on_every_database!(a_move_is_kept_with_both_rooms);

async fn a_move_is_kept_with_both_rooms(database: Database) {
    let store = database.open().await;
    let who = UserId::generate();
    store.audit_move(&slug("talk"), who, &slug("other"), &audit()).await.unwrap();
    let kept = database.text("SELECT target FROM audit WHERE action = 'rooms.participant.move'").await;
    assert_eq!(kept, format!("talk {who} other"));
}
