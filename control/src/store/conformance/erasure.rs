use boltorezka_proto::UserId;
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::workspaces::WorkspaceRole;

use super::database::{Database, at_once};
use super::people::{NOW_MS, account, audit, enter, new_session, room, say, session, user};
use super::workspaces::{made, take_in};
use crate::auth::hash_token;
use crate::store::{Blocked, Planned, SetupOutcome};

on_every_database!(
    an_erased_account_leaves_its_messages_without_its_name,
    signing_in_takes_it_back,
    it_is_gone_from_every_workspace,
    the_last_super_admin_stays,
    an_export_has_what_is_kept,
);

async fn an_erased_account_leaves_its_messages_without_its_name(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await.id;
    let stay = enter(&*store, talk, ann).await.participant_id;
    enter(&*store, talk, bob).await;
    say(&*store, talk, ann, "hello", "k").await;
    say(&*store, talk, bob, "hello Ann", "k").await;
    store.set_member(talk, ann, RoomRole::Owner, &audit()).await.unwrap();
    session(&*store, "s", ann).await;
    let planned = store.plan_erasure(ann, NOW_MS + 10, NOW_MS).await.unwrap();
    assert_eq!(planned, Planned::Done { removed: vec![(talk, stay)] });
    assert!(store.session(hash_token("s"), NOW_MS).await.unwrap().is_none());
    assert!(store.erase_one(NOW_MS + 9).await.unwrap().is_none(), "its time has not come");
    assert!(store.erase_one(NOW_MS + 10).await.unwrap().is_some());
    assert!(store.erase_one(NOW_MS + 10).await.unwrap().is_none());
    assert!(store.user_by_email("ann@example.org").await.unwrap().is_none());
    assert!(store.register(&account("Ann"), NOW_MS).await.unwrap().is_some(), "the address is free");
    let left = store.user(ann).await.unwrap().unwrap();
    assert_eq!((left.user.display_name.as_str(), left.password_hash, left.blocked), ("deleted account", None, true));
    assert!(!store.users(None, 10).await.unwrap().iter().any(|record| record.user.id == ann));
    assert!(matches!(store.unblock(ann, Role::SuperAdmin, &audit()).await.unwrap(), Blocked::NoAccount));
    let names = "SELECT count(*) FROM messages WHERE sender_name = 'deleted account' AND text = 'hello'";
    assert_eq!(database.count(names).await, 1);
    assert_eq!(database.count("SELECT count(*) FROM messages WHERE sender_name = 'Bob'").await, 1);
    assert_eq!(database.count("SELECT count(*) FROM room_members").await, 0);
    assert_eq!(database.count("SELECT count(*) FROM users WHERE email LIKE 'ann%'").await, 1);
}

async fn it_is_gone_from_every_workspace(database: Database) {
    let store = database.open().await;
    let (ann, owner) = (user(&*store, "Ann").await, user(&*store, "Owner").await);
    let acme = made(&*store, "acme", owner).await;
    take_in(&*acme, ann, WorkspaceRole::Admin).await;
    let talk = room(&*acme, "talk", None).await.id;
    let stay = enter(&*acme, talk, ann).await.participant_id;
    say(&*acme, talk, ann, "hello", "k").await;
    let planned = store.plan_erasure(ann, NOW_MS + 10, NOW_MS).await.unwrap();
    assert_eq!(planned, Planned::Done { removed: vec![(talk, stay)] });
    assert_eq!(acme.workspace_role(ann).await.unwrap(), Some(WorkspaceRole::Admin), "it may be taken back");
    assert!(store.erase_one(NOW_MS + 10).await.unwrap().is_some());
    assert_eq!(acme.workspace_role(ann).await.unwrap(), None);
    assert_eq!(database.count("SELECT count(*) FROM workspace_members").await, 1, "the owner stays");
    assert_eq!(database.count("SELECT count(*) FROM messages WHERE sender_name = 'deleted account'").await, 1);
}

async fn signing_in_takes_it_back(database: Database) {
    let stores = [database.open().await, database.open().await];
    let ann = user(&*stores[0], "Ann").await;
    stores[0].plan_erasure(ann, NOW_MS + 10, NOW_MS).await.unwrap();
    session(&*stores[0], "s", ann).await;
    assert!(stores[0].erase_one(NOW_MS + 10).await.unwrap().is_none());
    // At the same moment one of them is first, and then the other does nothing.
    for n in 0..10 {
        let bob = user(&*stores[0], &format!("User{n}")).await;
        stores[0].plan_erasure(bob, NOW_MS, NOW_MS).await.unwrap();
        let task = |signs_in: bool| {
            let store = stores[usize::from(signs_in)].clone();
            async move {
                if signs_in {
                    let session = new_session(&format!("s{n}"), bob, NOW_MS + 10);
                    store.create_session(&session).await.unwrap().is_some()
                } else {
                    store.erase_one(NOW_MS).await.unwrap().is_some()
                }
            }
        };
        at_once([task(true), task(false)]).await;
    }
    let half = "SELECT count(*) FROM users u WHERE erased_at IS NOT NULL
        AND EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id)";
    assert_eq!(database.count(half).await, 0);
}

async fn the_last_super_admin_stays(database: Database) {
    let stores = [database.open().await, database.open().await];
    let SetupOutcome::Done(owner) = stores[0].set_up(&account("Owner"), &audit()).await.unwrap() else {
        panic!("was set up")
    };
    let owner = owner.user.id;
    let plan = async |user_id| stores[0].plan_erasure(user_id, NOW_MS + 10, NOW_MS).await.unwrap();
    assert_eq!(plan(owner).await, Planned::LastSuperAdmin);
    assert_eq!(plan(UserId::generate()).await, Planned::NoAccount);
    let second = user(&*stores[0], "Second").await;
    stores[0].set_role(second, Role::SuperAdmin, &audit()).await.unwrap();
    let tries = [owner, second].into_iter().enumerate().map(|(n, user_id)| {
        let store = stores[n].clone();
        async move { store.plan_erasure(user_id, NOW_MS + 10, NOW_MS).await.unwrap() == Planned::LastSuperAdmin }
    });
    assert_eq!(at_once(tries).await.into_iter().filter(|stays| *stays).count(), 1, "two at once");
}

async fn an_export_has_what_is_kept(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    store.set_member(talk, ann, RoomRole::Moderator, &audit()).await.unwrap();
    for n in 0..3 {
        say(&*store, talk, ann, &format!("message {n}"), &format!("k{n}")).await;
    }
    let by_ann = crate::store::Audit { actor: crate::store::Actor::User(ann), ..audit() };
    store.delete_member(talk, ann, &by_ann).await.unwrap();
    store.set_member(talk, ann, RoomRole::Owner, &audit()).await.unwrap();
    let (record, created_at_ms) = store.account(ann).await.unwrap().unwrap();
    assert_eq!((record.user.id, created_at_ms), (ann, NOW_MS));
    let roles = store.roles_of(ann).await.unwrap();
    assert_eq!((roles.len(), roles[0].0.as_str(), roles[0].1), (1, "talk", RoomRole::Owner));
    let acts = store.acts_of(ann, 10).await.unwrap();
    assert_eq!((acts.len(), acts[0].action.as_str()), (1, "rooms.member.delete"));
    let first = store.written_by(ann, None, 2).await.unwrap();
    assert_eq!(first.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["message 0", "message 1"]);
    let rest = store.written_by(ann, Some(first[1].id), 2).await.unwrap();
    assert_eq!((rest.len(), rest[0].text.as_str(), rest[0].room.as_str()), (1, "message 2", "talk"));
}
