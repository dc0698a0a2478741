use boltorezka_proto::rest::{Role, RoomRole, UpdateRoomRequest};
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{RoomId, RoomTitle, UserId};

use super::database::Database;
use super::people::{ALL, audit, enter, entry, new_room, room, slug, user};
use crate::calls::PermissionBits;
use crate::store::{JoinRequest, RoomPlace, Standing};

on_every_database!(
    a_name_is_taken_once,
    rooms_are_listed_by_the_bytes_of_their_names,
    those_who_are_hidden_are_not_counted,
    a_change_leaves_what_it_does_not_name,
    a_standing_is_role_and_ban,
    members_come_in_pages,
);

async fn a_name_is_taken_once(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let made = store.create_room(&new_room("talk", Some(7), Some(ann)), &audit()).await.unwrap().unwrap();
    assert_eq!((made.capacity, made.participant_count, made.slug), (Some(7), 0, slug("talk")));
    assert_eq!(store.standing(made.id, ann).await.unwrap().unwrap().role, RoomRole::Owner);
    assert!(store.create_room(&new_room("talk", None, None), &audit()).await.unwrap().is_none());
    assert_eq!(store.room_count().await.unwrap(), 1);
    assert_eq!(store.room(&slug("talk")).await.unwrap().unwrap().id, made.id);
    assert!(store.room(&slug("other")).await.unwrap().is_none());
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'rooms.room.create'").await, 1);
}

/// Also where the database sorts otherwise: a page begins where the one before ended.
async fn rooms_are_listed_by_the_bytes_of_their_names(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    for name in ["talk", "taa", "ta-c", "ta2"] {
        room(&*store, name, None).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    while let Some((record, standing)) = store.rooms(Some(ann), after.as_ref(), 1).await.unwrap().pop() {
        assert_eq!(standing.unwrap().role, RoomRole::Member);
        after = Some(RoomPlace::from(&record));
        seen.push(record.slug.to_string());
    }
    assert_eq!(seen, ["ta-c", "ta2", "taa", "talk"]);
    assert!(store.rooms(None, None, 10).await.unwrap().iter().all(|(_, standing)| standing.is_none()));
}

async fn those_who_are_hidden_are_not_counted(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    let hidden = PermissionBits(ALL.0 | PermissionBits::HIDDEN.0);
    store.join(JoinRequest { token_permissions: hidden, ..entry(talk.id, bob) }).await.unwrap();
    assert_eq!(store.room(&slug("talk")).await.unwrap().unwrap().participant_count, 1);
    assert_eq!(store.rooms(None, None, 10).await.unwrap()[0].0.participant_count, 1);
}

async fn a_change_leaves_what_it_does_not_name(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", Some(5)).await;
    let title = RoomTitle::new("New title").unwrap();
    let titled = UpdateRoomRequest { title: Some(title.clone()), ..UpdateRoomRequest::default() };
    let changed = store.update_room(talk.id, &titled, &audit()).await.unwrap().unwrap();
    assert_eq!((changed.title, changed.capacity), (title.clone(), Some(5)));
    let six = UpdateRoomRequest { capacity: Some(6), ..UpdateRoomRequest::default() };
    let changed = store.update_room(talk.id, &six, &audit()).await.unwrap().unwrap();
    assert_eq!((changed.title, changed.capacity), (title, Some(6)));
    assert!(store.update_room(RoomId::generate(), &six, &audit()).await.unwrap().is_none());
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'rooms.room.update'").await, 2);
}

async fn a_standing_is_role_and_ban(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let standing = async || store.standing(talk.id, ann).await.unwrap().unwrap();
    assert_eq!(standing().await, Standing::new(Role::User, WorkspaceRole::Member, None, false));
    store.set_member(talk.id, ann, RoomRole::Listener, &audit()).await.unwrap();
    assert_eq!(standing().await.role, RoomRole::Listener);
    store.set_role(ann, Role::Admin, &audit()).await.unwrap();
    assert_eq!(standing().await.role, RoomRole::Owner);
    assert!(store.standing(talk.id, UserId::generate()).await.unwrap().is_none());
}

async fn members_come_in_pages(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await;
    let mut made = Vec::new();
    for who in ["Ann", "Bob", "Cid"] {
        let user_id = user(&*store, who).await;
        store.set_member(talk.id, user_id, RoomRole::Moderator, &audit()).await.unwrap();
        made.push(user_id);
    }
    let ids = async |after, limit| {
        let members = store.members(talk.id, after, limit).await.unwrap();
        members.into_iter().map(|member| member.user_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 2).await, made[..2]);
    assert_eq!(ids(Some(made[1]), 2).await, made[2..]);
}
