use uuid::Uuid;

use super::database::{Database, at_once};
use super::people::{NOW_MS, account, audit, user};
use crate::auth::hash_token;
use crate::store::{InviteRecord, NewInvite, Registered, Store};

on_every_database!(
    an_invite_makes_accounts_until_it_is_used_up,
    an_invite_ends,
    an_invite_for_an_address_is_for_nobody_else,
    invites_are_listed,
    the_last_use_is_taken_once,
);

async fn invite(store: &dyn Store, token: &str, uses_max: u32, email: Option<&str>) -> InviteRecord {
    let hash = hash_token(token);
    let invite = NewInvite { hash, email: email.map(str::to_owned), uses_max, expires_at_ms: NOW_MS + 10 };
    store.create_invite(&invite, &audit()).await.unwrap()
}

async fn register(store: &dyn Store, who: &str, token: &str, now_ms: i64) -> Registered {
    store.register_invited(&account(who), hash_token(token), now_ms).await.unwrap()
}

async fn an_invite_makes_accounts_until_it_is_used_up(database: Database) {
    let store = database.open().await;
    invite(&*store, "i", 2, None).await;
    assert!(store.invite_opens(hash_token("i"), "ann@example.org", NOW_MS).await.unwrap());
    assert!(matches!(register(&*store, "Ann", "i", NOW_MS).await, Registered::Done(_)));
    // Who has an account uses nothing up.
    assert!(matches!(register(&*store, "Ann", "i", NOW_MS).await, Registered::Taken));
    assert!(matches!(register(&*store, "Bob", "i", NOW_MS).await, Registered::Done(_)));
    assert!(matches!(register(&*store, "Cid", "i", NOW_MS).await, Registered::NoInvite));
    assert!(!store.invite_opens(hash_token("i"), "cid@example.org", NOW_MS).await.unwrap());
    assert!(matches!(register(&*store, "Cid", "other", NOW_MS).await, Registered::NoInvite));
    assert_eq!(store.invites(None, 10).await.unwrap()[0].uses, 2);
    assert_eq!(database.count("SELECT count(*) FROM users").await, 2);
}

async fn an_invite_ends(database: Database) {
    let store = database.open().await;
    let id = invite(&*store, "i", 5, None).await.id;
    assert!(matches!(register(&*store, "Ann", "i", NOW_MS + 10).await, Registered::NoInvite), "it has expired");
    assert!(store.revoke_invite(id, &audit()).await.unwrap());
    assert!(matches!(register(&*store, "Ann", "i", NOW_MS).await, Registered::NoInvite), "it was taken back");
    assert!(!store.invite_opens(hash_token("i"), "ann@example.org", NOW_MS).await.unwrap());
    for nothing in [id, Uuid::now_v7()] {
        assert!(!store.revoke_invite(nothing, &audit()).await.unwrap());
    }
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action LIKE 'admin.invite.%'").await, 2);
}

async fn an_invite_for_an_address_is_for_nobody_else(database: Database) {
    let store = database.open().await;
    invite(&*store, "i", 5, Some("ann@example.org")).await;
    assert!(!store.invite_opens(hash_token("i"), "bob@example.org", NOW_MS).await.unwrap());
    assert!(matches!(register(&*store, "Bob", "i", NOW_MS).await, Registered::NoInvite));
    assert!(matches!(register(&*store, "Ann", "i", NOW_MS).await, Registered::Done(_)));
}

async fn invites_are_listed(database: Database) {
    let store = database.open().await;
    user(&*store, "Ann").await;
    let first = invite(&*store, "a", 1, None).await;
    let second = invite(&*store, "b", 3, Some("bob@example.org")).await;
    assert_eq!((second.uses_max, second.uses, second.email.as_deref()), (3, 0, Some("bob@example.org")));
    assert_eq!((second.created_at_ms, second.expires_at_ms), (NOW_MS, NOW_MS + 10));
    assert_eq!(store.invites(None, 1).await.unwrap(), std::slice::from_ref(&first));
    store.revoke_invite(second.id, &audit()).await.unwrap();
    let rest = store.invites(Some(first.id), 10).await.unwrap();
    assert!(rest.len() == 1 && rest[0].revoked, "{rest:?}");
}

async fn the_last_use_is_taken_once(database: Database) {
    let stores = [database.open().await, database.open().await];
    invite(&*stores[0], "i", 3, None).await;
    let tries = (0..16).map(|n| {
        let store = stores[n % 2].clone();
        async move { register(&*store, &format!("User{n}"), "i", NOW_MS).await }
    });
    let outcomes = at_once(tries).await;
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Registered::Done(_))).count();
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Registered::NoInvite)).count();
    assert_eq!((done, refused), (3, 13), "{outcomes:?}");
    assert_eq!(database.count("SELECT count(*) FROM users").await, 3);
}
