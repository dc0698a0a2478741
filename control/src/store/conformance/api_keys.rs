use uuid::Uuid;

use super::database::{Database, at_once};
use super::people::{ALL, NOW_MS, api_key, audit, enter, name, room, user};
use super::workspaces::made;
use crate::auth::hash_token;
use crate::permissions::Scopes;
use crate::store::{Grant, NewApiKey, RevokedApiKey};

on_every_database!(
    a_key_is_in_force_until_it_is_revoked,
    keys_are_listed_with_what_they_may_do,
    a_key_is_of_one_workspace,
    a_key_is_revoked_once,
    whom_a_key_vouched_for_goes_with_it,
    nobody_is_vouched_for_while_a_key_is_revoked
);

async fn a_key_is_in_force_until_it_is_revoked(database: Database) {
    let store = database.open().await;
    let key = api_key(&*store, "k").await;
    assert_eq!(store.api_key(hash_token("k")).await.unwrap(), Some(key.clone()));
    assert_eq!(store.api_key(hash_token("other")).await.unwrap(), None);
    assert_eq!((key.used_at_ms, key.allowed()), (None, Scopes::ALL));
    store.touch_api_key(key.id, NOW_MS + 1).await.unwrap();
    assert_eq!(store.api_key(hash_token("k")).await.unwrap().unwrap().used_at_ms, Some(NOW_MS + 1));
    assert_eq!(store.revoke_api_key(key.id, &audit()).await.unwrap(), Some(RevokedApiKey::default()));
    assert_eq!(store.api_key(hash_token("k")).await.unwrap(), None);
    assert_eq!(store.revoke_api_key(Uuid::now_v7(), &audit()).await.unwrap(), None);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action LIKE 'admin.api_key.%'").await, 2);
}

async fn keys_are_listed_with_what_they_may_do(database: Database) {
    let store = database.open().await;
    let whole = api_key(&*store, "k").await;
    let scopes = vec!["rooms.room".to_owned(), "chat".to_owned()];
    let new = NewApiKey { hash: hash_token("l"), name: "list".to_owned(), scopes: Some(scopes.clone()) };
    let less = store.create_api_key(&new, &audit()).await.unwrap();
    assert_eq!((less.scopes.as_ref(), less.allowed()), (Some(&scopes), Scopes::known(&scopes)));
    store.revoke_api_key(whole.id, &audit()).await.unwrap();
    let listed = store.api_keys(None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|key| key.id).collect::<Vec<_>>(), [whole.id, less.id]);
    assert_eq!(listed[0].revoked_at_ms, Some(NOW_MS));
    assert_eq!(store.api_keys(Some(whole.id), 10).await.unwrap(), [less]);
}

async fn a_key_is_of_one_workspace(database: Database) {
    let store = database.open().await;
    let acme = made(&*store, "acme", user(&*store, "Ann").await).await;
    let (ours, theirs) = (api_key(&*store, "k").await, api_key(&*acme, "l").await);
    assert_eq!((ours.workspace_id, theirs.workspace_id), (store.workspace_id(), acme.workspace_id()));
    assert_eq!(store.api_key(hash_token("l")).await.unwrap().unwrap().workspace_id, acme.workspace_id());
    assert_eq!(store.api_keys(None, 10).await.unwrap(), [ours]);
    assert_eq!(acme.api_keys(None, 10).await.unwrap(), std::slice::from_ref(&theirs));
    assert_eq!(store.revoke_api_key(theirs.id, &audit()).await.unwrap(), None);
    assert!(acme.revoke_api_key(theirs.id, &audit()).await.unwrap().is_some());
}

async fn a_key_is_revoked_once(database: Database) {
    let stores = [database.open().await, database.open().await];
    let id = api_key(&*stores[0], "k").await.id;
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.revoke_api_key(id, &audit()).await.unwrap() }
    });
    assert_eq!(at_once(tries).await.into_iter().flatten().count(), 1);
}

async fn whom_a_key_vouched_for_goes_with_it(database: Database) {
    let store = database.open().await;
    let (key, other) = (api_key(&*store, "k").await, api_key(&*store, "l").await);
    let talk = room(&*store, "talk", None).await.id;
    let vouched = async |id, identity| store.external_user(id, identity, &name("Visitor"), NOW_MS).await.unwrap();
    let (cid, dan) = (vouched(key.id, "cid").await.unwrap().user.id, vouched(other.id, "cid").await.unwrap().user.id);
    let stay = enter(&*store, talk, cid).await.participant_id;
    enter(&*store, talk, dan).await;
    let grant = |user_id| Grant {
        workspace_id: store.workspace_id(),
        user_id,
        session: None,
        room_id: Some(talk),
        permissions: ALL,
        expires_at_ms: NOW_MS + 1000,
    };
    assert!(store.create_ticket(hash_token("cid"), &grant(cid)).await.unwrap());
    assert!(store.create_ticket(hash_token("dan"), &grant(dan)).await.unwrap());

    let revoked = store.revoke_api_key(key.id, &audit()).await.unwrap().unwrap();
    assert_eq!(revoked, RevokedApiKey { identities: vec![cid], removed: vec![(talk, stay)] });
    assert!(store.take_ticket(hash_token("cid"), NOW_MS).await.unwrap().is_none());
    assert!(!store.create_ticket(hash_token("again"), &grant(cid)).await.unwrap());
    assert!(!store.grant_holds(&grant(cid)).await.unwrap());
    assert!(vouched(key.id, "cid").await.is_none() && vouched(key.id, "eve").await.is_none());
    // Of the other key nothing is gone.
    assert!(store.take_ticket(hash_token("dan"), NOW_MS).await.unwrap().is_some());
    assert!(store.grant_holds(&grant(dan)).await.unwrap() && vouched(other.id, "cid").await.is_some());
    assert_eq!(database.count("SELECT count(*) FROM participants").await, 1);
}

async fn nobody_is_vouched_for_while_a_key_is_revoked(database: Database) {
    let stores = [database.open().await, database.open().await];
    let id = api_key(&*stores[0], "k").await.id;
    let tries = (0..16).map(|n| {
        let store = stores[n % 2].clone();
        async move {
            if n == 7 {
                store.revoke_api_key(id, &audit()).await.unwrap();
            } else {
                store.external_user(id, &format!("visitor-{n}"), &name("Visitor"), NOW_MS).await.unwrap();
            }
        }
    });
    at_once(tries).await;
    assert_eq!(database.count("SELECT count(*) FROM users WHERE kind = 'external' AND blocked_at IS NULL").await, 0);
}
