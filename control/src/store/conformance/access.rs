use boltorezka_proto::UserId;
use boltorezka_proto::accounts::AccountState;
use boltorezka_proto::rest::Role;
use boltorezka_proto::webhooks::WebhookEventType;
use boltorezka_proto::workspaces::WorkspaceRole;

use super::database::{Database, at_once};
use super::people::{ALL, NOW_MS, account, audit, enter, entry, new_session, room, session, user};
use super::workspaces::{made, take_in};
use crate::auth::hash_token;
use crate::store::{Blocked, Grant, Join, NewAccount, NewWebhook};

on_every_database!(
    a_block_ends_everything,
    a_block_reaches_every_workspace,
    nobody_blocks_an_equal,
    who_waits_is_let_in_once,
    a_block_wins_over_a_join_and_a_sign_in_at_the_same_time,
);

async fn a_block_ends_everything(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let (talk, quiet) = (room(&*store, "talk", None).await.id, room(&*store, "quiet", None).await.id);
    let in_call = enter(&*store, talk, ann).await.participant_id;
    let inside = enter(&*store, quiet, ann).await.participant_id;
    enter(&*store, talk, bob).await;
    store.admit(talk, ann, None).await.unwrap();
    let session_id = session(&*store, "s", ann).await;
    session(&*store, "bob", bob).await;
    let grant = Grant {
        workspace_id: store.workspace_id(),
        user_id: ann,
        session: Some(session_id),
        room_id: None,
        permissions: ALL,
        expires_at_ms: NOW_MS + 10,
    };
    store.create_ticket(hash_token("t"), &grant).await.unwrap();
    store.create_ticket(hash_token("u"), &Grant { session: None, ..grant.clone() }).await.unwrap();

    let Blocked::Done { user: blocked, mut removed } = store.block(ann, Role::Admin, &audit()).await.unwrap() else {
        panic!("was not blocked")
    };
    assert_eq!(blocked.state(), AccountState::Blocked);
    let mut stays = vec![(talk, in_call), (quiet, inside)];
    removed.sort_unstable();
    stays.sort_unstable();
    assert_eq!(removed, stays);
    let orders = store.orders(0, 10).await.unwrap();
    assert_eq!(orders.len(), 1, "of the one call: {orders:?}");
    assert!(orders[0].payload.contains(&in_call.to_string()), "{orders:?}");
    assert!(store.session(hash_token("s"), NOW_MS).await.unwrap().is_none());
    assert!(store.session(hash_token("bob"), NOW_MS).await.unwrap().is_some());
    assert!(store.take_ticket(hash_token("t"), NOW_MS).await.unwrap().is_none());
    assert!(store.take_ticket(hash_token("u"), NOW_MS).await.unwrap().is_none());
    assert!(!store.grant_holds(&Grant { session: None, ..grant }).await.unwrap());
    assert!(store.create_session(&new_session("late", ann, NOW_MS + 10)).await.unwrap().is_none());
    assert!(matches!(store.join(entry(talk, ann)).await.unwrap(), Join::Blocked));
    assert_eq!(database.count("SELECT count(*) FROM participants").await, 1, "Bob stays");

    let Blocked::Done { user: back, .. } = store.unblock(ann, Role::Admin, &audit()).await.unwrap() else {
        panic!("was not unblocked")
    };
    assert_eq!(back.state(), AccountState::Active);
    assert!(matches!(store.join(entry(talk, ann)).await.unwrap(), Join::In(_)));
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action LIKE 'admin.user.%block'").await, 2);
}

/// Whichever of them the admin asks in.
async fn a_block_reaches_every_workspace(database: Database) {
    let store = database.open().await;
    let owner = user(&*store, "Owner").await;
    let acme = made(&*store, "acme", owner).await;
    let beta = made(&*store, "beta", owner).await;
    let url = "https://a.example/".to_owned();
    let hook = NewWebhook { url, events: vec![WebhookEventType::ParticipantLeft], secret: [1; 32] };
    acme.create_webhook(&hook, None, &audit()).await.unwrap().unwrap();
    for (n, by) in [&store, &acme, &beta].into_iter().enumerate() {
        let ann = user(&*store, &format!("Ann{n}")).await;
        take_in(&*acme, ann, WorkspaceRole::Member).await;
        let talk = room(&*acme, &format!("talk{n}"), None).await.id;
        let stay = enter(&*acme, talk, ann).await.participant_id;
        acme.admit(talk, ann, None).await.unwrap();
        let (workspace_id, expires_at_ms) = (acme.workspace_id(), NOW_MS + 10);
        let grant = Grant { workspace_id, user_id: ann, session: None, room_id: None, permissions: ALL, expires_at_ms };
        acme.create_ticket(hash_token("t"), &grant).await.unwrap();
        let Blocked::Done { removed, .. } = by.block(ann, Role::Admin, &audit()).await.unwrap() else {
            panic!("was not blocked")
        };
        assert_eq!(removed, [(talk, stay)]);
        assert!(store.take_ticket(hash_token("t"), NOW_MS).await.unwrap().is_none());
        assert!(!acme.grant_holds(&grant).await.unwrap());
        assert!(matches!(acme.join(entry(talk, ann)).await.unwrap(), Join::Blocked));
        let orders = store.orders(0, 10).await.unwrap();
        assert_eq!(orders.iter().filter(|order| order.payload.contains(&stay.to_string())).count(), 1, "{orders:?}");
    }
    assert_eq!(database.count("SELECT count(*) FROM participants").await, 0);
    assert_eq!(database.count("SELECT count(*) FROM webhook_deliveries").await, 3);
}

async fn nobody_blocks_an_equal(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    store.set_role(ann, Role::Admin, &audit()).await.unwrap();
    assert!(matches!(store.block(ann, Role::Admin, &audit()).await.unwrap(), Blocked::TooHigh));
    assert!(matches!(store.unblock(ann, Role::Admin, &audit()).await.unwrap(), Blocked::TooHigh));
    assert!(matches!(store.block(UserId::generate(), Role::Admin, &audit()).await.unwrap(), Blocked::NoAccount));
    assert!(matches!(store.block(ann, Role::SuperAdmin, &audit()).await.unwrap(), Blocked::Done { .. }));
}

async fn who_waits_is_let_in_once(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await.id;
    let account = NewAccount { pending: true, ..account("Ann") };
    let ann = store.register(&account, NOW_MS).await.unwrap().unwrap();
    assert_eq!(ann.state(), AccountState::Pending);
    let ann = ann.user.id;
    session(&*store, "s", ann).await;
    assert!(matches!(store.join(entry(talk, ann)).await.unwrap(), Join::Blocked));
    for _ in 0..2 {
        assert_eq!(store.approve(ann, &audit()).await.unwrap().unwrap().state(), AccountState::Active);
    }
    assert!(matches!(store.join(entry(talk, ann)).await.unwrap(), Join::In(_)));
    assert!(store.approve(UserId::generate(), &audit()).await.unwrap().is_none());
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'admin.user.approve'").await, 1);
}

async fn a_block_wins_over_a_join_and_a_sign_in_at_the_same_time(database: Database) {
    let stores = [database.open().await, database.open().await];
    let talk = room(&*stores[0], "talk", None).await.id;
    for n in 0..10 {
        let ann = user(&*stores[0], &format!("User{n}")).await;
        let task = |what: usize| {
            let store = stores[what % 2].clone();
            async move {
                match what {
                    0 => drop(store.block(ann, Role::Admin, &audit()).await.unwrap()),
                    1 => drop(store.join(entry(talk, ann)).await.unwrap()),
                    _ => drop(store.create_session(&new_session(&format!("s{n}"), ann, NOW_MS + 10)).await.unwrap()),
                }
            }
        };
        at_once((0..3).map(task)).await;
    }
    assert_eq!(database.count("SELECT count(*) FROM participants").await, 0);
    assert_eq!(database.count("SELECT count(*) FROM sessions").await, 0);
}
