use boltorezka_proto::UserId;
use boltorezka_proto::accounts::LinkKind;
use boltorezka_proto::rest::Role;

use super::database::{Database, at_once};
use super::people::{NOW_MS, account, audit, name, new_session, user};
use crate::auth::hash_token;
use crate::store::{
    EndedState, Identity, NewAccount, NewInvite, NewLink, Newcomer, OidcLinked, OidcSignIn, OidcSignedIn, OidcUnlinked,
    SetupOutcome, Store,
};

on_every_database!(
    a_new_identity_becomes_one_account_however_many_come_at_once,
    a_sign_in_ends_once,
    an_address_is_linked_when_both_have_shown_it,
    newcomers_come_as_the_server_wants_them,
    an_invite_makes_as_many_accounts_as_it_may,
    who_proves_the_super_admins_address_is_super_admin,
    an_identity_is_one_accounts_and_the_last_way_in_stays,
    a_link_that_is_taken_away_makes_no_session,
    a_stronger_proof_takes_links_away,
    ended_sign_ins_are_forgotten,
);

const ISSUER: &str = "https://id.example";
const ANYBODY: Newcomer = Newcomer::Welcome { pending: false };

fn identity(who: &str, email_verified: bool) -> Identity {
    let subject = format!("subject of {who}");
    let email = Some(format!("{}@example.org", who.to_lowercase()));
    Identity { issuer: ISSUER.to_owned(), subject, email, email_verified, display_name: name(who) }
}

fn state(text: &str) -> EndedState {
    EndedState { hash: hash_token(text), expires_at_ms: NOW_MS + 100 }
}

async fn sign_in(store: &dyn Store, state_of: &str, identity: &Identity, newcomer: Newcomer) -> OidcSignedIn {
    let sign_in = OidcSignIn {
        state: state(state_of),
        identity,
        newcomer,
        mail: Some(LinkKind::VerifyEmail),
        super_admin: Some("boss@example.org"),
        address: "192.0.2.7",
        now_ms: NOW_MS,
    };
    store.oidc_sign_in(sign_in).await.unwrap()
}

async fn signed_in(store: &dyn Store, state: &str, identity: &Identity) -> crate::store::UserRecord {
    match sign_in(store, state, identity, ANYBODY).await {
        OidcSignedIn::Done { user, .. } => *user,
        other => panic!("{other:?}"),
    }
}

async fn a_new_identity_becomes_one_account_however_many_come_at_once(database: Database) {
    let stores = [database.open().await, database.open().await];
    assert!(stores[0].is_oidc_newcomer(&identity("Ann", true)).await.unwrap());
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { signed_in(&*store, &format!("s{n}"), &identity("Ann", true)).await.user.id }
    });
    let users: Vec<UserId> = at_once(tries).await;
    assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
    assert_eq!(database.count("SELECT count(*) FROM users WHERE email = 'ann@example.org'").await, 1);
    assert_eq!(database.count("SELECT count(*) FROM oidc_links").await, 1);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'accounts.oidc.link'").await, 1);
    let ann = stores[0].user(users[0]).await.unwrap().unwrap();
    assert_eq!((ann.password_hash, ann.email_verified, ann.user.role), (None, true, Role::User));
    assert!(!stores[0].is_oidc_newcomer(&identity("Ann", true)).await.unwrap());
    // The address may change; who it is does not. Another provider's subject of the same name is somebody else.
    let moved = Identity { email: Some("new@example.org".to_owned()), ..identity("Ann", true) };
    assert_eq!(signed_in(&*stores[0], "moved", &moved).await.user.email, "ann@example.org");
    let elsewhere = Identity { issuer: "https://other.example".to_owned(), ..moved };
    assert_ne!(signed_in(&*stores[0], "other", &elsewhere).await.user.id, users[0]);
}

async fn a_sign_in_ends_once(database: Database) {
    let stores = [database.open().await, database.open().await];
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { matches!(sign_in(&*store, "s", &identity("Ann", true), ANYBODY).await, OidcSignedIn::Ended) }
    });
    assert_eq!(at_once(tries).await.into_iter().filter(|ended| !*ended).count(), 1);
    // Also one that was refused, and also for a link.
    assert!(matches!(sign_in(&*stores[0], "t", &identity("Bob", true), Newcomer::Refused).await, OidcSignedIn::Closed));
    assert!(matches!(sign_in(&*stores[0], "t", &identity("Bob", true), ANYBODY).await, OidcSignedIn::Ended));
    let cid = user(&*stores[0], "Cid").await;
    let linked = stores[0].link_oidc(cid, state("t"), &identity("Cid", true), None, &audit()).await.unwrap();
    assert_eq!(linked, OidcLinked::Ended);
}

async fn an_address_is_linked_when_both_have_shown_it(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    for (n, verified) in [false, true].into_iter().enumerate() {
        let outcome = sign_in(&*store, &format!("s{n}"), &identity("Ann", verified), ANYBODY).await;
        assert!(matches!(outcome, OidcSignedIn::AddressTaken), "{outcome:?}");
    }
    let link =
        NewLink { hash: hash_token("v"), kind: LinkKind::VerifyEmail, now_ms: NOW_MS, expires_at_ms: NOW_MS + 9 };
    store.create_link(ann, &link, &audit()).await.unwrap();
    store.verify_email(ann, hash_token("v"), None, &audit()).await.unwrap();
    let outcome = sign_in(&*store, "s2", &identity("Ann", false), ANYBODY).await;
    assert!(matches!(outcome, OidcSignedIn::AddressTaken), "{outcome:?}");
    assert_eq!(signed_in(&*store, "s3", &identity("Ann", true)).await.user.id, ann);
    // It has its identity: another one with the same address is told so.
    let second = Identity { subject: "another".to_owned(), ..identity("Ann", true) };
    let outcome = sign_in(&*store, "s4", &second, ANYBODY).await;
    assert!(matches!(outcome, OidcSignedIn::AddressTaken), "{outcome:?}");
    assert_eq!(database.count("SELECT count(*) FROM oidc_links").await, 1);
    store.block(ann, Role::Admin, &audit()).await.unwrap();
    assert!(matches!(sign_in(&*store, "s5", &identity("Ann", true), ANYBODY).await, OidcSignedIn::Blocked));
}

async fn newcomers_come_as_the_server_wants_them(database: Database) {
    let store = database.open().await;
    let refused = sign_in(&*store, "a", &identity("Ann", true), Newcomer::Refused).await;
    assert!(matches!(refused, OidcSignedIn::Closed), "{refused:?}");
    let nobody = Identity { email: None, email_verified: false, ..identity("Ann", true) };
    assert!(matches!(sign_in(&*store, "b", &nobody, ANYBODY).await, OidcSignedIn::NoAddress));
    assert_eq!(database.count("SELECT count(*) FROM users").await, 0);
    let OidcSignedIn::Done { user, .. } =
        sign_in(&*store, "c", &identity("Ann", false), Newcomer::Welcome { pending: true }).await
    else {
        panic!("not made")
    };
    assert_eq!((user.pending, user.email_verified), (true, false));
    assert_eq!(database.count("SELECT count(*) FROM mails").await, 1, "it is to show that the address is its own");
    signed_in(&*store, "d", &identity("Bob", true)).await;
    assert_eq!(database.count("SELECT count(*) FROM mails").await, 1, "the provider has said so");
}

async fn an_invite_makes_as_many_accounts_as_it_may(database: Database) {
    let stores = [database.open().await, database.open().await];
    let invite = NewInvite { hash: hash_token("i"), email: None, uses_max: 1, expires_at_ms: NOW_MS + 10 };
    stores[0].create_invite(&invite, &audit()).await.unwrap();
    let by_invite = Newcomer::Invited(hash_token("i"));
    let tries = (0..4).map(|n| {
        let store = stores[n % 2].clone();
        let who = identity(&format!("User{n}"), true);
        async move { matches!(sign_in(&*store, &format!("s{n}"), &who, by_invite).await, OidcSignedIn::Done { .. }) }
    });
    assert_eq!(at_once(tries).await.into_iter().filter(|done| *done).count(), 1);
    assert_eq!(database.count("SELECT count(*) FROM users").await, 1);
    let guess = sign_in(&*stores[0], "g", &identity("Ann", true), Newcomer::Invited(hash_token("a guess"))).await;
    assert!(matches!(guess, OidcSignedIn::NoInvite), "{guess:?}");
}

async fn who_proves_the_super_admins_address_is_super_admin(database: Database) {
    let store = database.open().await;
    let role = async |user_id| store.user(user_id).await.unwrap().unwrap().user.role;
    let unproved = signed_in(&*store, "a", &identity("Boss", false)).await.user.id;
    assert_eq!(role(unproved).await, Role::User);
    // The provider has come to know it.
    let OidcSignedIn::Done { user: boss, promoted } = sign_in(&*store, "b", &identity("Boss", true), ANYBODY).await
    else {
        panic!("not signed in")
    };
    assert_eq!((boss.user.id, boss.user.role, boss.email_verified, promoted), (unproved, Role::SuperAdmin, true, true));
    // Whoever has the account, and an identity with another address, has shown nothing.
    let database_says = "SELECT count(*) FROM audit WHERE action = 'accounts.email.verify'";
    assert_eq!(database.count(database_says).await, 1);
    let OidcSignedIn::Done { promoted, .. } = sign_in(&*store, "c", &identity("Boss", true), ANYBODY).await else {
        panic!("not signed in")
    };
    assert!(!promoted);
    let ann = user(&*store, "Ann").await;
    let address = Some("ann@example.org");
    let other = identity("Other", true);
    let linked = store.link_oidc(ann, state("d"), &other, address, &audit()).await.unwrap();
    assert_eq!((linked, role(ann).await), (OidcLinked::Done { promoted: false }, Role::User));
    assert!(!store.user(ann).await.unwrap().unwrap().email_verified);
    let bob = user(&*store, "Bob").await;
    let linked = store.link_oidc(bob, state("e"), &identity("Bob", true), Some("bob@example.org"), &audit()).await;
    assert_eq!((linked.unwrap(), role(bob).await), (OidcLinked::Done { promoted: true }, Role::SuperAdmin));
}

async fn an_identity_is_one_accounts_and_the_last_way_in_stays(database: Database) {
    let stores = [database.open().await, database.open().await];
    let store = &*stores[0];
    let (ann, bob) = (user(store, "Ann").await, user(store, "Bob").await);
    let shared = identity("Shared", true);
    let tries = [ann, bob].into_iter().enumerate().map(|(n, user_id)| {
        let (store, shared) = (stores[n].clone(), shared.clone());
        async move { store.link_oidc(user_id, state(&format!("s{n}")), &shared, None, &audit()).await.unwrap() }
    });
    let outcomes = at_once(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == OidcLinked::Elsewhere).count(), 1, "{outcomes:?}");
    let (holder, other) = if outcomes[0] == OidcLinked::Elsewhere { (bob, ann) } else { (ann, bob) };
    let again = store.link_oidc(holder, state("again"), &shared, None, &audit()).await.unwrap();
    assert_eq!(again, OidcLinked::Done { promoted: false });
    let second = store.link_oidc(holder, state("second"), &identity("Second", true), None, &audit()).await.unwrap();
    assert_eq!(second, OidcLinked::Elsewhere, "one identity of a provider");
    let nobody = store.link_oidc(UserId::generate(), state("nobody"), &identity("X", true), None, &audit()).await;
    assert_eq!(nobody.unwrap(), OidcLinked::NoAccount);
    let links = store.oidc_links(holder).await.unwrap();
    assert_eq!((links.len(), links[0].issuer.as_str(), links[0].created_at_ms), (1, ISSUER, NOW_MS));

    assert_eq!(store.unlink_oidc(other, ISSUER, &audit()).await.unwrap(), OidcUnlinked::NoLink);
    assert_eq!(store.unlink_oidc(holder, "https://other.example", &audit()).await.unwrap(), OidcUnlinked::NoLink);
    assert_eq!(store.unlink_oidc(holder, ISSUER, &audit()).await.unwrap(), OidcUnlinked::Done);
    assert!(store.oidc_links(holder).await.unwrap().is_empty());
    let cid = signed_in(store, "cid", &identity("Cid", true)).await.user.id;
    assert_eq!(store.unlink_oidc(cid, ISSUER, &audit()).await.unwrap(), OidcUnlinked::LastWayIn);
    assert!(store.change_password(cid, 0, "a hash", None).await.unwrap());
    assert_eq!(store.unlink_oidc(cid, ISSUER, &audit()).await.unwrap(), OidcUnlinked::Done);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'accounts.oidc.unlink'").await, 2);
}

async fn a_link_that_is_taken_away_makes_no_session(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    store.link_oidc(ann, state("l"), &identity("Ann", true), None, &audit()).await.unwrap();
    let proved = signed_in(&*store, "s", &identity("Ann", true)).await;
    store.unlink_oidc(ann, ISSUER, &audit()).await.unwrap();
    let late =
        crate::store::NewSession { credentials_rev: proved.credentials_rev, ..new_session("late", ann, NOW_MS + 10) };
    assert!(store.create_session(&late).await.unwrap().is_none());
}

async fn a_stronger_proof_takes_links_away(database: Database) {
    let store = database.open().await;
    // Somebody took the owner's address, and linked an identity of their own.
    let taker = user(&*store, "Owner").await;
    store.link_oidc(taker, state("a"), &identity("Taker", true), None, &audit()).await.unwrap();
    let SetupOutcome::Done(owner) = store.set_up(&account("Owner"), &audit()).await.unwrap() else {
        panic!("was set up")
    };
    assert_eq!(owner.user.id, taker);
    assert!(store.oidc_links(taker).await.unwrap().is_empty());
    // The same with whoever reads the mailbox.
    let ann = user(&*store, "Ann").await;
    store.link_oidc(ann, state("b"), &identity("Taker", true), None, &audit()).await.unwrap();
    let link =
        NewLink { hash: hash_token("r"), kind: LinkKind::ResetPassword, now_ms: NOW_MS, expires_at_ms: NOW_MS + 9 };
    store.create_link(ann, &link, &audit()).await.unwrap();
    assert!(store.reset_password(hash_token("r"), "mine", NOW_MS).await.unwrap().is_some());
    assert!(store.oidc_links(ann).await.unwrap().is_empty());
    // An account that is gone is nobody's.
    let bob = NewAccount { password_hash: String::new(), ..account("Bob") };
    let bob = store.register(&bob, NOW_MS).await.unwrap().unwrap().user.id;
    store.link_oidc(bob, state("c"), &identity("Bob", true), None, &audit()).await.unwrap();
    store.plan_erasure(bob, NOW_MS, NOW_MS).await.unwrap();
    assert!(store.erase_one(NOW_MS).await.unwrap().is_some());
    assert!(store.oidc_links(bob).await.unwrap().is_empty());
    assert_ne!(signed_in(&*store, "d", &identity("Bob", true)).await.user.id, bob);
}

async fn ended_sign_ins_are_forgotten(database: Database) {
    let store = database.open().await;
    signed_in(&*store, "s", &identity("Ann", true)).await;
    store.delete_expired_oidc(NOW_MS + 99).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM oidc_ended").await, 1);
    store.delete_expired_oidc(NOW_MS + 100).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM oidc_ended").await, 0);
}
