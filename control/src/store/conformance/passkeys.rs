use boltorezka_proto::accounts::LinkKind;
use boltorezka_proto::passkeys::PASSKEYS_MAX;
use boltorezka_proto::rest::Role;
use boltorezka_proto::{DisplayName, PasskeyId, PasskeyName, UserId};

use super::database::{Database, at_once};
use super::people::{NOW_MS, account, audit, new_session, user};
use crate::auth::hash_token;
use crate::store::{
    EndedState, Identity, NewAccount, NewLink, NewPasskey, NewSession, OidcUnlinked, PasskeyAdded, PasskeyRemoved,
    PasskeySignedIn, PasskeyUse, SetupOutcome, Store,
};

on_every_database!(
    a_ceremony_makes_one_passkey,
    a_passkey_is_one_accounts_and_there_are_not_too_many,
    a_signature_signs_in_once,
    a_count_never_goes_back,
    who_may_not_come_in_is_told_so,
    the_last_way_in_stays_whatever_it_is,
    a_passkey_that_is_taken_away_makes_no_session,
    a_stronger_proof_takes_passkeys_away,
    ended_ceremonies_are_forgotten,
);

const ISSUER: &str = "https://id.example";

fn ended(text: &str) -> EndedState {
    EndedState { hash: hash_token(text), expires_at_ms: NOW_MS + 100 }
}

fn passkey(id: &str) -> NewPasskey {
    NewPasskey {
        credential_id: id.as_bytes().to_vec(),
        public_key: vec![1, 2, 3],
        sign_count: 0,
        backup_eligible: true,
        name: PasskeyName::new(id).unwrap(),
    }
}

async fn added(store: &dyn Store, user_id: UserId, id: &str) -> PasskeyId {
    match store.add_passkey(user_id, ended(&format!("adding {id}")), &passkey(id), &audit()).await.unwrap() {
        PasskeyAdded::Done(record) => record.id,
        other => panic!("{other:?}"),
    }
}

async fn used(store: &dyn Store, ceremony: &str, id: &str, sign_count: u32) -> PasskeySignedIn {
    let used = PasskeyUse { ended: ended(ceremony), credential_id: id.as_bytes(), sign_count, now_ms: NOW_MS + 7 };
    store.passkey_sign_in(used).await.unwrap()
}

async fn link(store: &dyn Store, user_id: UserId, who: &str) {
    let identity = Identity {
        issuer: ISSUER.to_owned(),
        subject: who.to_owned(),
        email: None,
        email_verified: false,
        display_name: DisplayName::new(who).unwrap(),
    };
    store.link_oidc(user_id, ended(&format!("linking {who}")), &identity, None, &audit()).await.unwrap();
}

async fn a_ceremony_makes_one_passkey(database: Database) {
    let stores = [database.open().await, database.open().await];
    let ann = user(&*stores[0], "Ann").await;
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.add_passkey(ann, ended("one"), &passkey(&format!("k{n}")), &audit()).await.unwrap() }
    });
    let outcomes = at_once(tries).await;
    assert_eq!(outcomes.iter().filter(|each| **each != PasskeyAdded::Ended).count(), 1, "{outcomes:?}");
    assert_eq!(database.count("SELECT count(*) FROM passkeys").await, 1);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'accounts.passkey.add'").await, 1);
    let nobody = stores[0].add_passkey(UserId::generate(), ended("two"), &passkey("k"), &audit()).await.unwrap();
    assert_eq!(nobody, PasskeyAdded::NoAccount);
}

async fn a_passkey_is_one_accounts_and_there_are_not_too_many(database: Database) {
    let stores = [database.open().await, database.open().await];
    let (ann, bob) = (user(&*stores[0], "Ann").await, user(&*stores[0], "Bob").await);
    let tries = [ann, bob].into_iter().enumerate().map(|(n, who)| {
        let store = stores[n].clone();
        async move { store.add_passkey(who, ended(&format!("c{n}")), &passkey("same"), &audit()).await.unwrap() }
    });
    let outcomes = at_once(tries).await;
    assert_eq!(outcomes.iter().filter(|each| **each == PasskeyAdded::Taken).count(), 1, "{outcomes:?}");
    let store = &*stores[0];
    let holder = if outcomes[0] == PasskeyAdded::Taken { bob } else { ann };
    let key = store.passkey(b"same").await.unwrap().unwrap();
    assert_eq!((key.user_id, key.public_key, key.backup_eligible), (holder, vec![1, 2, 3], true));
    assert_eq!(store.passkey(b"another").await.unwrap(), None);
    // Several at once, and there is room for fewer.
    let cid = user(store, "Cid").await;
    for n in 2..PASSKEYS_MAX {
        added(store, cid, &format!("cid {n}")).await;
    }
    let tries = (0..6).map(|n| {
        let store = stores[n % 2].clone();
        let key = format!("late {n}");
        async move { store.add_passkey(cid, ended(&key), &passkey(&key), &audit()).await.unwrap() }
    });
    let outcomes = at_once(tries).await;
    assert_eq!(outcomes.iter().filter(|each| **each == PasskeyAdded::TooMany).count(), 4, "{outcomes:?}");
    let all = store.passkeys(cid).await.unwrap();
    assert_eq!((all.len(), all[0].name.as_str(), all[0].used_at_ms), (PASSKEYS_MAX, "cid 2", None));
    let name = PasskeyName::new("Phone").unwrap();
    assert!(store.rename_passkey(cid, all[0].id, &name).await.unwrap());
    assert!(!store.rename_passkey(ann, all[0].id, &PasskeyName::new("mine").unwrap()).await.unwrap());
    assert_eq!(store.passkeys(cid).await.unwrap()[0].name, name);
}

async fn a_signature_signs_in_once(database: Database) {
    let stores = [database.open().await, database.open().await];
    let ann = user(&*stores[0], "Ann").await;
    added(&*stores[0], ann, "k").await;
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move {
            match used(&*store, "s", "k", 0).await {
                PasskeySignedIn::Done(user) => Some(user.user.id),
                PasskeySignedIn::Ended => None,
                other => panic!("{other:?}"),
            }
        }
    });
    let outcomes: Vec<UserId> = at_once(tries).await.into_iter().flatten().collect();
    assert_eq!(outcomes, [ann]);
    assert_eq!(stores[0].passkeys(ann).await.unwrap()[0].used_at_ms, Some(NOW_MS + 7));
    // A challenge for the one is none for the other.
    let add = stores[0].add_passkey(ann, ended("s"), &passkey("k2"), &audit()).await.unwrap();
    assert_eq!(add, PasskeyAdded::Ended);
    assert!(matches!(used(&*stores[0], "t", "nobody's", 0).await, PasskeySignedIn::Gone));
}

async fn a_count_never_goes_back(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    added(&*store, ann, "k").await;
    let steps = [(0, true), (0, true), (5, true), (5, false), (4, false), (0, false), (6, true), (u32::MAX, true)];
    for (n, (count, is_taken)) in steps.into_iter().enumerate() {
        let outcome = used(&*store, &format!("s{n}"), "k", count).await;
        assert_eq!(matches!(outcome, PasskeySignedIn::Done(_)), is_taken, "{count}: {outcome:?}");
        assert_eq!(matches!(outcome, PasskeySignedIn::CountWentBack), !is_taken);
        assert!(matches!(used(&*store, &format!("s{n}"), "k", u32::MAX).await, PasskeySignedIn::Ended));
    }
}

async fn who_may_not_come_in_is_told_so(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    added(&*store, ann, "k").await;
    store.block(ann, Role::Admin, &audit()).await.unwrap();
    assert!(matches!(used(&*store, "s", "k", 0).await, PasskeySignedIn::Blocked));
}

async fn the_last_way_in_stays_whatever_it_is(database: Database) {
    let store = database.open().await;
    let without = |who: &str| NewAccount { password_hash: String::new(), ..account(who) };
    let ann = store.register(&without("Ann"), NOW_MS).await.unwrap().unwrap().user.id;
    let (one, two) = (added(&*store, ann, "one").await, added(&*store, ann, "two").await);
    let remove = async |id, issuer| store.remove_passkey(ann, id, issuer, &audit()).await.unwrap();
    assert_eq!(remove(PasskeyId::generate(), None).await, PasskeyRemoved::Missing);
    assert_eq!(remove(one, None).await, PasskeyRemoved::Done);
    assert_eq!(remove(two, None).await, PasskeyRemoved::LastWayIn);
    assert_eq!(store.passkeys(ann).await.unwrap().len(), 1, "it is still there");
    link(&*store, ann, "ann").await;
    assert_eq!(remove(two, None).await, PasskeyRemoved::LastWayIn, "no provider is known");
    assert_eq!(remove(two, Some("https://other.example")).await, PasskeyRemoved::LastWayIn);
    // With a passkey the link is not the last way in.
    assert_eq!(store.unlink_oidc(ann, ISSUER, &audit()).await.unwrap(), OidcUnlinked::Done);
    link(&*store, ann, "ann again").await;
    assert_eq!(remove(two, Some(ISSUER)).await, PasskeyRemoved::Done);
    assert_eq!(store.unlink_oidc(ann, ISSUER, &audit()).await.unwrap(), OidcUnlinked::LastWayIn);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'accounts.passkey.remove'").await, 2);
    let bob = user(&*store, "Bob").await;
    let only = added(&*store, bob, "bob's").await;
    assert_eq!(remove(only, None).await, PasskeyRemoved::Missing, "it is another's");
    assert_eq!(store.remove_passkey(bob, only, None, &audit()).await.unwrap(), PasskeyRemoved::Done, "by password");
    // Two of the last ones at once: one stays.
    let cid = store.register(&without("Cid"), NOW_MS).await.unwrap().unwrap().user.id;
    let both = [added(&*store, cid, "c1").await, added(&*store, cid, "c2").await];
    let tries = both.map(|id| {
        let store = store.clone();
        async move { store.remove_passkey(cid, id, None, &audit()).await.unwrap() }
    });
    assert_eq!(at_once(tries.into_iter()).await.iter().filter(|each| **each == PasskeyRemoved::LastWayIn).count(), 1);
}

async fn a_passkey_that_is_taken_away_makes_no_session(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let id = added(&*store, ann, "k").await;
    let PasskeySignedIn::Done(proved) = used(&*store, "s", "k", 0).await else { panic!("not signed in") };
    store.remove_passkey(ann, id, None, &audit()).await.unwrap();
    assert!(matches!(used(&*store, "t", "k", 0).await, PasskeySignedIn::Gone));
    let late = NewSession { credentials_rev: proved.credentials_rev, ..new_session("late", ann, NOW_MS + 10) };
    assert!(store.create_session(&late).await.unwrap().is_none());
}

/// Uses a link for another password.
async fn reset(store: &dyn Store, user_id: UserId, token: &str) {
    let link =
        NewLink { hash: hash_token(token), kind: LinkKind::ResetPassword, now_ms: NOW_MS, expires_at_ms: NOW_MS + 9 };
    store.create_link(user_id, &link, &audit()).await.unwrap();
    assert!(store.reset_password(hash_token(token), "another", NOW_MS).await.unwrap().is_some());
}

async fn a_stronger_proof_takes_passkeys_away(database: Database) {
    let store = database.open().await;
    let left = async |user_id| store.passkeys(user_id).await.unwrap().len();
    let taker = user(&*store, "Owner").await;
    added(&*store, taker, "taker's").await;
    let SetupOutcome::Done(owner) = store.set_up(&account("Owner"), &audit()).await.unwrap() else {
        panic!("was set up")
    };
    assert_eq!((owner.user.id, left(taker).await), (taker, 0));
    // A link that an admin hands out.
    let ann = user(&*store, "Ann").await;
    added(&*store, ann, "ann's").await;
    database.execute("UPDATE users SET email_verified_at = 1").await;
    reset(&*store, ann, "handed out").await;
    assert_eq!(left(ann).await, 0);
    // A link by mail: passkeys of before the mailbox was shown to be the account's may be a stranger's.
    let bob = user(&*store, "Bob").await;
    added(&*store, bob, "bob's").await;
    for (token, verified, count) in [("by mail", "1", 1), ("by mail again", "NULL", 0)] {
        let link = NewLink {
            hash: hash_token(token),
            kind: LinkKind::ResetPassword,
            now_ms: NOW_MS,
            expires_at_ms: NOW_MS + 9,
        };
        store.create_link(bob, &link, &audit()).await.unwrap();
        database.execute("UPDATE account_links SET mailed = TRUE").await;
        database
            .execute(if verified == "1" {
                "UPDATE users SET email_verified_at = 1"
            } else {
                "UPDATE users SET email_verified_at = NULL"
            })
            .await;
        assert!(store.reset_password(hash_token(token), "another", NOW_MS).await.unwrap().is_some());
        assert_eq!(left(bob).await, count, "{token}");
    }
    // Signing out everywhere takes none, and the end of the account does.
    let cid = user(&*store, "Cid").await;
    added(&*store, cid, "cid's").await;
    store.plan_erasure(cid, NOW_MS, NOW_MS).await.unwrap();
    assert_eq!(left(cid).await, 1);
    assert!(store.erase_one(NOW_MS).await.unwrap().is_some());
    assert_eq!(left(cid).await, 0);
}

async fn ended_ceremonies_are_forgotten(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    added(&*store, ann, "k").await;
    store.delete_expired_passkey_ceremonies(NOW_MS + 99).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM passkey_ended").await, 1);
    store.delete_expired_passkey_ceremonies(NOW_MS + 100).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM passkey_ended").await, 0);
}
