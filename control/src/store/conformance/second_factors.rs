use super::database::{Database, at_once};
use super::people::{NOW_MS, audit, new_session, user};
use crate::auth::hash_token;
use crate::store::{Attempt, SecondFactorRecord};

on_every_database!(
    a_second_factor_counts_once_it_is_confirmed,
    a_time_step_is_taken_once,
    wrong_codes_make_the_next_one_wait,
    a_recovery_code_is_taken_once,
);

async fn a_second_factor_counts_once_it_is_confirmed(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let has = async || store.user(ann).await.unwrap().unwrap().second_factor;
    assert_eq!(store.second_factor_attempt(ann, NOW_MS).await.unwrap(), Attempt::Missing);
    assert!(!store.confirm_second_factor(ann, 7, &[], NOW_MS).await.unwrap());
    assert!(store.put_second_factor(ann, b"first", NOW_MS).await.unwrap());
    assert!(store.put_second_factor(ann, b"second", NOW_MS).await.unwrap(), "it did not count yet");
    let kept = SecondFactorRecord { secret: b"second".to_vec(), confirmed: false, last_step: 0 };
    assert_eq!(store.second_factor_attempt(ann, NOW_MS).await.unwrap(), Attempt::Allowed(kept.clone()));
    assert!(!has().await);
    assert!(store.confirm_second_factor(ann, 7, &[hash_token("a")], NOW_MS).await.unwrap());
    assert!(has().await);
    assert!(!store.confirm_second_factor(ann, 8, &[], NOW_MS).await.unwrap());
    assert!(!store.put_second_factor(ann, b"third", NOW_MS).await.unwrap());
    let kept = SecondFactorRecord { confirmed: true, last_step: 7, ..kept };
    assert_eq!(store.second_factor_attempt(ann, NOW_MS).await.unwrap(), Attempt::Allowed(kept));
    // Who gave the password before, without a code, and was slow.
    assert!(store.create_session(&new_session("late", ann, NOW_MS + 10)).await.unwrap().is_none());
    assert!(store.delete_second_factor(ann, None).await.unwrap());
    assert!(!store.delete_second_factor(ann, Some(&audit())).await.unwrap());
    assert!(!has().await);
    assert_eq!(database.count("SELECT count(*) FROM recovery_codes").await, 0);
    store.put_second_factor(ann, b"again", NOW_MS).await.unwrap();
    assert!(store.delete_second_factor(ann, Some(&audit())).await.unwrap());
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'admin.second_factor.delete'").await, 1);
}

async fn a_time_step_is_taken_once(database: Database) {
    let stores = [database.open().await, database.open().await];
    let ann = user(&*stores[0], "Ann").await;
    stores[0].put_second_factor(ann, b"secret", NOW_MS).await.unwrap();
    stores[0].confirm_second_factor(ann, 7, &[], NOW_MS).await.unwrap();
    assert!(!stores[0].second_factor_passed(ann, 7).await.unwrap(), "of the confirmation");
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.second_factor_passed(ann, 8).await.unwrap() }
    });
    assert_eq!(at_once(tries).await.into_iter().filter(|passed| *passed).count(), 1);
    assert!(!stores[0].second_factor_passed(ann, 7).await.unwrap(), "an earlier one");
    assert!(stores[0].second_factor_passed(ann, 9).await.unwrap());
}

async fn wrong_codes_make_the_next_one_wait(database: Database) {
    let stores = [database.open().await, database.open().await];
    let ann = user(&*stores[0], "Ann").await;
    stores[0].put_second_factor(ann, b"secret", NOW_MS).await.unwrap();
    let tries = (0..20).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.second_factor_attempt(ann, NOW_MS).await.unwrap() }
    });
    let allowed = at_once(tries).await.into_iter().filter(|attempt| matches!(attempt, Attempt::Allowed(_))).count();
    assert_eq!(allowed, 5, "however many come at once");
    let attempt = async |now_ms| stores[0].second_factor_attempt(ann, now_ms).await.unwrap();
    assert_eq!(attempt(NOW_MS + 10_000).await, Attempt::Wait { retry_after_ms: 20_000 });
    assert!(matches!(attempt(NOW_MS + 30_000).await, Attempt::Allowed(_)));
    assert_eq!(attempt(NOW_MS + 30_000).await, Attempt::Wait { retry_after_ms: 60_000 });
    assert!(stores[0].second_factor_passed(ann, 7).await.unwrap());
    assert!(matches!(attempt(NOW_MS + 30_000).await, Attempt::Allowed(_)), "a right one begins anew");
}

async fn a_recovery_code_is_taken_once(database: Database) {
    let stores = [database.open().await, database.open().await];
    let (ann, bob) = (user(&*stores[0], "Ann").await, user(&*stores[0], "Bob").await);
    stores[0].put_second_factor(ann, b"secret", NOW_MS).await.unwrap();
    stores[0].confirm_second_factor(ann, 7, &[hash_token("a"), hash_token("b")], NOW_MS).await.unwrap();
    assert!(!stores[0].take_recovery_code(bob, hash_token("a")).await.unwrap());
    assert!(!stores[0].take_recovery_code(ann, hash_token("c")).await.unwrap());
    let tries = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.take_recovery_code(ann, hash_token("a")).await.unwrap() }
    });
    assert_eq!(at_once(tries).await.into_iter().filter(|taken| *taken).count(), 1);
    assert!(stores[0].take_recovery_code(ann, hash_token("b")).await.unwrap());
}
