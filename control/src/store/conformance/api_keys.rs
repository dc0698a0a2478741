use uuid::Uuid;

use super::database::{Database, at_once};
use super::people::{NOW_MS, api_key, audit, user};
use super::workspaces::made;
use crate::auth::hash_token;
use crate::permissions::Scopes;
use crate::store::NewApiKey;

on_every_database!(
    a_key_is_in_force_until_it_is_revoked,
    keys_are_listed_with_what_they_may_do,
    a_key_is_of_one_workspace,
    a_key_is_revoked_once
);

async fn a_key_is_in_force_until_it_is_revoked(database: Database) {
    let store = database.open().await;
    let key = api_key(&*store, "k").await;
    assert_eq!(store.api_key(hash_token("k")).await.unwrap(), Some(key.clone()));
    assert_eq!(store.api_key(hash_token("other")).await.unwrap(), None);
    assert_eq!((key.used_at_ms, key.allowed()), (None, Scopes::ALL));
    store.touch_api_key(key.id, NOW_MS + 1).await.unwrap();
    assert_eq!(store.api_key(hash_token("k")).await.unwrap().unwrap().used_at_ms, Some(NOW_MS + 1));
    assert!(store.revoke_api_key(key.id, &audit()).await.unwrap());
    assert_eq!(store.api_key(hash_token("k")).await.unwrap(), None);
    assert!(!store.revoke_api_key(Uuid::now_v7(), &audit()).await.unwrap());
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
    assert!(!store.revoke_api_key(theirs.id, &audit()).await.unwrap());
    assert!(acme.revoke_api_key(theirs.id, &audit()).await.unwrap());
}

async fn a_key_is_revoked_once(database: Database) {
    let stores = [database.open().await, database.open().await];
    let id = api_key(&*stores[0], "k").await.id;
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.revoke_api_key(id, &audit()).await.unwrap() }
    });
    assert_eq!(at_once(tries).await.into_iter().filter(|revoked| *revoked).count(), 1);
}
