use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::{RoomId, UserId};

use super::database::Database;
use super::people::{NOW_MS, audit, enter, entry, room, user};
use crate::store::{BanRecord, Join};

on_every_database!(a_ban_is_lifted_once, a_ban_ends_the_stay_of_who_is_inside, bans_come_in_pages);

async fn a_ban_is_lifted_once(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    store.set_member(talk, ann, RoomRole::Moderator, &audit()).await.unwrap();
    let stay = enter(&*store, talk, ann).await.participant_id;
    store.expel(talk, stay, EndReason::Banned, &audit()).await.unwrap().unwrap();
    assert!(matches!(store.join(entry(talk, ann)).await.unwrap(), Join::Banned));
    for nothing in [(other, ann), (talk, UserId::generate()), (RoomId::generate(), ann)] {
        assert!(!store.lift_ban(nothing.0, nothing.1, &audit()).await.unwrap());
    }
    assert!(store.lift_ban(talk, ann, &audit()).await.unwrap());
    assert!(!store.lift_ban(talk, ann, &audit()).await.unwrap());
    assert_eq!(enter(&*store, talk, ann).await.role, RoomRole::Moderator, "as it was before");
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'rooms.ban.lift'").await, 1);
}

async fn a_ban_ends_the_stay_of_who_is_inside(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    let stay = enter(&*store, talk, ann).await.participant_id;
    enter(&*store, other, ann).await;
    enter(&*store, talk, bob).await;
    assert_eq!(store.ban(talk, ann, &audit()).await.unwrap(), Some(Some(stay)));
    assert_eq!(store.ban(talk, ann, &audit()).await.unwrap(), Some(None));
    assert!(matches!(store.join(entry(talk, ann)).await.unwrap(), Join::Banned));
    assert_eq!(database.count("SELECT count(*) FROM participants").await, 2, "of the other room, and of somebody else");
    for nothing in [(talk, UserId::generate()), (RoomId::generate(), ann)] {
        assert_eq!(store.ban(nothing.0, nothing.1, &audit()).await.unwrap(), None);
    }
    assert_eq!(store.bans(talk, None, 10).await.unwrap().len(), 1);
}

async fn bans_come_in_pages(database: Database) {
    let store = database.open().await;
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    let mut made = Vec::new();
    for who in ["Ann", "Bob", "Cid"] {
        let user_id = user(&*store, who).await;
        let stay = enter(&*store, talk, user_id).await.participant_id;
        store.expel(talk, stay, EndReason::Banned, &audit()).await.unwrap().unwrap();
        made.push(BanRecord { user_id, display_name: super::people::name(who), banned_at_ms: NOW_MS });
    }
    assert_eq!(store.bans(talk, None, 2).await.unwrap(), made[..2]);
    assert_eq!(store.bans(talk, Some(made[1].user_id), 2).await.unwrap(), made[2..]);
    assert_eq!(store.bans(other, None, 2).await.unwrap(), []);
}
