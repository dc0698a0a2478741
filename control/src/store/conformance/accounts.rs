use boltorezka_proto::UserId;
use boltorezka_proto::rest::Role;

use super::database::Database;
use super::people::{NOW_MS, account, api_key, audit, name, session, user};
use crate::auth::hash_token;
use crate::store::SetupOutcome;

on_every_database!(
    settings_are_kept,
    the_first_super_admin_takes_an_account_over,
    an_address_is_taken_once,
    accounts_are_listed_by_creation,
    only_accounts_get_roles,
    api_keys_vouch_for_identities,
    a_text_that_cannot_be_kept_is_told_apart,
);

async fn settings_are_kept(database: Database) {
    let store = database.open().await;
    assert_eq!(store.setting("a").await.unwrap(), None);
    assert_eq!(store.put_setting("a", b"1", true).await.unwrap(), b"1");
    assert_eq!(store.put_setting("a", b"2", true).await.unwrap(), b"1", "what is there stays");
    assert_eq!(store.put_setting("a", b"3", false).await.unwrap(), b"3");
    assert_eq!(store.setting("a").await.unwrap().unwrap(), b"3");
    store.check().await.unwrap();
}

async fn the_first_super_admin_takes_an_account_over(database: Database) {
    let store = database.open().await;
    let before = user(&*store, "Ann").await;
    session(&*store, "s", before).await;
    assert!(!store.is_set_up().await.unwrap());
    let owner = crate::store::NewAccount { password_hash: "new".to_owned(), ..account("Ann") };
    let SetupOutcome::Done(done) = store.set_up(&owner, &audit()).await.unwrap() else { panic!("was set up") };
    assert_eq!((done.user.id, done.user.role), (before, Role::SuperAdmin));
    assert_eq!(done.password_hash.as_deref(), Some("new"));
    assert!(store.session(hash_token("s"), NOW_MS).await.unwrap().is_none(), "signed out everywhere");
    assert!(store.is_set_up().await.unwrap());
    assert!(matches!(store.set_up(&account("Bob"), &audit()).await.unwrap(), SetupOutcome::AlreadySetUp));
    assert!(store.user_by_email("bob@example.org").await.unwrap().is_none());
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'server.set_up'").await, 1);
}

async fn an_address_is_taken_once(database: Database) {
    let store = database.open().await;
    let ann = store.register(&account("Ann"), NOW_MS).await.unwrap().unwrap();
    assert_eq!((ann.user.role, ann.blocked), (Role::User, false));
    assert!(store.register(&account("Ann"), NOW_MS).await.unwrap().is_none());
    let found = store.user_by_email("ann@example.org").await.unwrap().unwrap();
    assert_eq!((found.user.id, found.password_hash), (ann.user.id, Some("hash of Ann".to_owned())));
    assert!(store.user(UserId::generate()).await.unwrap().is_none());
    database.execute("UPDATE users SET blocked_at = 1").await;
    assert!(store.user(ann.user.id).await.unwrap().unwrap().blocked);
}

async fn accounts_are_listed_by_creation(database: Database) {
    let store = database.open().await;
    let mut made = Vec::new();
    for who in ["Cid", "Ann", "Bob"] {
        made.push(user(&*store, who).await);
    }
    let key = api_key(&*store, "k").await;
    store.external_user(key.id, "visitor", &name("Visitor"), NOW_MS).await.unwrap().unwrap();
    let ids = async |after, limit| {
        let users = store.users(after, limit).await.unwrap();
        users.into_iter().map(|record| record.user.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 2).await, made[..2]);
    assert_eq!(ids(Some(made[1]), 2).await, made[2..], "and no identity of an API key");
}

async fn only_accounts_get_roles(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let changed = store.set_role(ann, Role::Admin, &audit()).await.unwrap().unwrap();
    assert_eq!(changed.user.role, Role::Admin);
    assert_eq!(store.user(ann).await.unwrap().unwrap().user.role, Role::Admin);
    let key = api_key(&*store, "k").await;
    let visitor = store.external_user(key.id, "visitor", &name("Visitor"), NOW_MS).await.unwrap().unwrap();
    for nobody in [visitor.user.id, UserId::generate()] {
        assert!(store.set_role(nobody, Role::Admin, &audit()).await.unwrap().is_none());
    }
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'admin.user.promote'").await, 1);
}

async fn api_keys_vouch_for_identities(database: Database) {
    let store = database.open().await;
    let key = api_key(&*store, "k").await;
    let first = store.external_user(key.id, "visitor", &name("Visitor"), NOW_MS).await.unwrap().unwrap();
    let again = store.external_user(key.id, "visitor", &name("Renamed"), NOW_MS).await.unwrap().unwrap();
    assert_eq!((again.user.id, again.user.display_name), (first.user.id, name("Renamed")));
    assert_eq!((first.user.email.as_str(), first.password_hash), ("", None));
}

/// PostgreSQL takes no U+0000. What cannot be kept is the caller's mistake, not a failure of ours.
async fn a_text_that_cannot_be_kept_is_told_apart(database: Database) {
    let store = database.open().await;
    let asked = store.user_by_email("ann\0@example.org").await;
    match database {
        Database::Sqlite(_) => assert!(asked.unwrap().is_none()),
        Database::Postgres(_) => assert!(asked.unwrap_err().is_untakable_text()),
    }
}
