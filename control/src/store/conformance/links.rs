use boltorezka_proto::UserId;
use boltorezka_proto::accounts::LinkKind;
use boltorezka_proto::rest::Role;

use super::database::{Database, at_once};
use super::people::{NOW_MS, account, audit, new_session, session, user};
use crate::auth::hash_token;
use crate::store::{MailRecord, NewAccount, NewLink, Store, Verified};

on_every_database!(
    a_mail_waits_until_it_was_sent,
    a_mail_is_taken_by_one,
    an_account_is_not_written_to_again_and_again,
    a_reset_is_used_once_and_ends_everything,
    a_blocked_account_is_not_reset,
    an_address_is_verified_by_its_account,
    the_address_of_the_super_admin_has_to_be_mailed,
    links_expire,
);

const SUPER_ADMIN: Option<&str> = Some("ann@example.org");

fn link(token: &str, kind: LinkKind) -> NewLink {
    NewLink { hash: hash_token(token), kind, now_ms: NOW_MS, expires_at_ms: NOW_MS + 100 }
}

fn minute(attempts: u32) -> i64 {
    i64::from(attempts) * 60_000
}

async fn take(store: &dyn Store, now_ms: i64) -> Option<MailRecord> {
    store.take_mail(now_ms, minute).await.unwrap()
}

async fn a_mail_waits_until_it_was_sent(database: Database) {
    let store = database.open().await;
    // In the transaction that makes the account.
    let account = NewAccount { mail: Some(LinkKind::VerifyEmail), ..account("Ann") };
    let ann = store.register(&account, NOW_MS).await.unwrap().unwrap().user;
    let mail = take(&*store, NOW_MS).await.unwrap();
    assert_eq!((&mail.user, mail.kind, mail.attempts), (&ann, LinkKind::VerifyEmail, 1));
    assert!(take(&*store, NOW_MS + 59_999).await.is_none(), "somebody sends it");
    let again = take(&*store, NOW_MS + 60_000).await.unwrap();
    assert_eq!((again.id, again.attempts), (mail.id, 2));
    assert!(take(&*store, NOW_MS + 179_999).await.is_none());
    store.delete_mail(mail.id).await.unwrap();
    assert!(take(&*store, i64::MAX).await.is_none());
}

async fn a_mail_is_taken_by_one(database: Database) {
    let stores = [database.open().await, database.open().await];
    user(&*stores[0], "Ann").await;
    stores[0].queue_mail("ann@example.org", LinkKind::ResetPassword, NOW_MS, NOW_MS).await.unwrap();
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { take(&*store, NOW_MS).await.is_some() }
    });
    assert_eq!(at_once(tries).await.into_iter().filter(|taken| *taken).count(), 1);
}

async fn an_account_is_not_written_to_again_and_again(database: Database) {
    let store = database.open().await;
    user(&*store, "Ann").await;
    let queue = async |email: &str, since_ms| {
        store.queue_mail(email, LinkKind::ResetPassword, since_ms, NOW_MS).await.unwrap();
    };
    let waiting = async || database.count("SELECT count(*) FROM mails").await;
    queue("nobody@example.org", NOW_MS - 10).await;
    assert_eq!(waiting().await, 0);
    queue("ann@example.org", NOW_MS - 10).await;
    queue("ann@example.org", NOW_MS - 10).await;
    assert_eq!(waiting().await, 1);
    let mail = take(&*store, NOW_MS).await.unwrap();
    store.link_mail(&mail, &link("t", LinkKind::ResetPassword)).await.unwrap();
    store.delete_mail(mail.id).await.unwrap();
    queue("ann@example.org", NOW_MS - 10).await;
    assert_eq!(waiting().await, 0, "one was sent just now");
    queue("ann@example.org", NOW_MS).await;
    assert_eq!(waiting().await, 1);
}

async fn a_reset_is_used_once_and_ends_everything(database: Database) {
    let stores = [database.open().await, database.open().await];
    let ann = user(&*stores[0], "Ann").await;
    session(&*stores[0], "s", ann).await;
    for token in ["t", "u"] {
        assert!(stores[0].create_link(ann, &link(token, LinkKind::ResetPassword), &audit()).await.unwrap());
    }
    assert!(stores[0].reset_opens(hash_token("t"), NOW_MS).await.unwrap());
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.reset_password(hash_token("t"), &format!("hash {n}"), NOW_MS).await.unwrap() }
    });
    let used: Vec<UserId> = at_once(tries).await.into_iter().flatten().collect();
    assert_eq!(used, [ann]);
    let record = stores[0].user(ann).await.unwrap().unwrap();
    assert_eq!(record.credentials_rev, 1);
    assert!(record.password_hash.unwrap().starts_with("hash "));
    assert!(stores[0].session(hash_token("s"), NOW_MS).await.unwrap().is_none());
    assert!(stores[0].create_session(&new_session("late", ann, NOW_MS + 1)).await.unwrap().is_none());
    assert!(stores[0].reset_password(hash_token("u"), "mine", NOW_MS).await.unwrap().is_none(), "the others too");
    assert!(!stores[0].reset_opens(hash_token("u"), NOW_MS).await.unwrap());
    assert!(!stores[0].create_link(UserId::generate(), &link("v", LinkKind::ResetPassword), &audit()).await.unwrap());
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'admin.link.create'").await, 2);
}

async fn a_blocked_account_is_not_reset(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    store.create_link(ann, &link("t", LinkKind::ResetPassword), &audit()).await.unwrap();
    store.block(ann, Role::Admin, &audit()).await.unwrap();
    assert!(store.reset_password(hash_token("t"), "mine", NOW_MS).await.unwrap().is_none());
    assert_eq!(store.user(ann).await.unwrap().unwrap().password_hash.as_deref(), Some("hash of Ann"));
}

async fn mailed(store: &dyn Store, email: &str, token: &str) {
    store.queue_mail(email, LinkKind::VerifyEmail, NOW_MS, NOW_MS).await.unwrap();
    let mail = take(store, NOW_MS).await.unwrap();
    store.link_mail(&mail, &link(token, LinkKind::VerifyEmail)).await.unwrap();
    store.delete_mail(mail.id).await.unwrap();
}

async fn an_address_is_verified_by_its_account(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    mailed(&*store, "ann@example.org", "t").await;
    let verify =
        async |user_id, token: &str| store.verify_email(user_id, hash_token(token), None, &audit()).await.unwrap();
    assert_eq!(verify(bob, "t").await, Verified::NoLink);
    assert!(!store.reset_opens(hash_token("t"), NOW_MS).await.unwrap(), "each is for one thing");
    assert!(store.reset_password(hash_token("t"), "mine", NOW_MS).await.unwrap().is_none());
    assert_eq!(verify(ann, "t").await, Verified::Done { super_admin: false });
    assert_eq!(verify(ann, "t").await, Verified::NoLink);
    let verified = async |user_id| store.user(user_id).await.unwrap().unwrap().email_verified;
    assert_eq!((verified(ann).await, verified(bob).await), (true, false));
}

async fn the_address_of_the_super_admin_has_to_be_mailed(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let role = async |user_id| store.user(user_id).await.unwrap().unwrap().user.role;
    let verify = async |user_id, token: &str| {
        store.verify_email(user_id, hash_token(token), SUPER_ADMIN, &audit()).await.unwrap()
    };
    store.create_link(ann, &link("by an admin", LinkKind::VerifyEmail), &audit()).await.unwrap();
    assert_eq!(verify(ann, "by an admin").await, Verified::Done { super_admin: false });
    mailed(&*store, "bob@example.org", "to bob").await;
    assert_eq!(verify(bob, "to bob").await, Verified::Done { super_admin: false });
    mailed(&*store, "ann@example.org", "to ann").await;
    assert_eq!(verify(ann, "to ann").await, Verified::Done { super_admin: true });
    assert_eq!((role(ann).await, role(bob).await), (Role::SuperAdmin, Role::User));
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'accounts.email.verify'").await, 1);
}

async fn links_expire(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    store.create_link(ann, &link("t", LinkKind::ResetPassword), &audit()).await.unwrap();
    assert!(!store.reset_opens(hash_token("t"), NOW_MS + 100).await.unwrap());
    assert!(store.reset_password(hash_token("t"), "mine", NOW_MS + 100).await.unwrap().is_none());
    store.delete_expired_links(NOW_MS + 99).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM account_links").await, 1);
    store.delete_expired_links(NOW_MS + 100).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM account_links").await, 0);
}
