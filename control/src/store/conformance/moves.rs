use boltorezka_proto::ParticipantId;
use boltorezka_proto::call::EndReason;

use super::database::Database;
use super::people::{audit, enter, room, slug, user};
use crate::store::Removed;

on_every_database!(a_move_is_kept_once_with_both_rooms);

async fn a_move_is_kept_once_with_both_rooms(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (talk, other) = (room(&*store, "talk", None).await, room(&*store, "other", None).await);
    let stay = enter(&*store, talk.id, ann).await.participant_id;
    let seat = enter(&*store, other.id, ann).await.participant_id;
    let move_out =
        async |from, stay| store.move_out(from, stay, &slug("other"), EndReason::Kicked, &audit()).await.unwrap();
    assert_eq!(move_out(other.id, stay).await, None, "it is not in that room");
    assert_eq!(move_out(talk.id, ParticipantId::generate()).await, None);
    assert_eq!(move_out(talk.id, stay).await, Some(Removed { participant_id: stay, user_id: ann }));
    assert_eq!(move_out(talk.id, stay).await, None);
    let kept = database.text("SELECT target FROM audit WHERE action = 'rooms.participant.move'").await;
    assert_eq!(kept, format!("talk {ann} other"));
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action LIKE 'rooms.participant.%'").await, 1);
    assert_eq!(store.participants().await.unwrap()[0].participant_id, seat);
}
