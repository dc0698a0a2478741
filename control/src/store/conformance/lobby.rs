use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::{RoomId, UserId};

use super::database::{Database, at_once};
use super::people::{ALL, NOW_MS, audit, enter, entry, room, user};
use super::room_settings::set;
use crate::calls::PermissionBits;
use crate::store::{Audit, Join, JoinRequest, LOBBY_GRANT_MS, Store};

on_every_database!(
    who_was_let_in_comes_in,
    who_does_not_come_or_leaves_waits_again_after_a_while,
    who_is_sent_out_waits_again,
    who_is_inside_when_it_begins_stays,
    nobody_is_let_in_who_may_not_enter,
    whoever_begins_it_meanwhile_everybody_inside_has_a_grant,
);

async fn switch(store: &dyn Store, room_id: RoomId, on: bool) {
    set(store, room_id, RoomSettingsChange { lobby: Some(on), ..RoomSettingsChange::default() }).await;
}

async fn is_outside(store: &dyn Store, room_id: RoomId, user_id: UserId) -> bool {
    store.standing(room_id, user_id).await.unwrap().unwrap().outside
}

async fn waits(store: &dyn Store, request: JoinRequest) -> bool {
    match store.join(request).await.unwrap() {
        Join::Lobby => true,
        Join::In(_) => false,
        other => panic!("{other:?}"),
    }
}

fn at(now_ms: i64) -> Audit {
    Audit { now_ms, ..audit() }
}

async fn who_was_let_in_comes_in(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let talk = room(&*store, "talk", None).await.id;
    let other = room(&*store, "other", None).await.id;
    for room_id in [talk, other] {
        switch(&*store, room_id, true).await;
    }
    assert!(waits(&*store, entry(talk, ann)).await && is_outside(&*store, talk, ann).await);
    assert!(store.participants().await.unwrap().is_empty(), "it holds no seat");
    assert_eq!(store.let_in(talk, &[ann], &audit()).await.unwrap(), [ann]);
    assert!(!is_outside(&*store, talk, ann).await && is_outside(&*store, talk, bob).await);
    assert!(waits(&*store, entry(other, ann)).await, "another room is another lobby");
    enter(&*store, talk, ann).await;
    enter(&*store, talk, ann).await;
    store.set_member(talk, bob, RoomRole::Moderator, &audit()).await.unwrap().unwrap();
    assert!(!is_outside(&*store, talk, bob).await);
    enter(&*store, talk, bob).await;
    store.set_member(talk, bob, RoomRole::Member, &audit()).await.unwrap().unwrap();
    assert!(!is_outside(&*store, talk, bob).await, "who was inside stays when it does not moderate any more");
    let passing = PermissionBits(ALL.0).with(PermissionBits::PASSES_LOBBY, true);
    assert!(!waits(&*store, JoinRequest { token_permissions: passing, ..entry(talk, cid) }).await);
    assert!(!is_outside(&*store, talk, cid).await);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'rooms.lobby.admit'").await, 1);
    assert!(store.turn_away(talk, cid, &audit()).await.unwrap());
    assert!(!store.turn_away(RoomId::generate(), cid, &audit()).await.unwrap());
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'rooms.lobby.refuse'").await, 1);
}

async fn who_does_not_come_or_leaves_waits_again_after_a_while(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await.id;
    switch(&*store, talk, true).await;
    store.let_in(talk, &[ann, bob], &audit()).await.unwrap();
    let seat = enter(&*store, talk, ann).await.participant_id;
    store.forget_lobby_grants(NOW_MS + LOBBY_GRANT_MS - 1).await.unwrap();
    assert!(!is_outside(&*store, talk, bob).await);
    store.forget_lobby_grants(NOW_MS + LOBBY_GRANT_MS).await.unwrap();
    assert!(is_outside(&*store, talk, bob).await, "it did not come");
    store.forget_lobby_grants(i64::MAX).await.unwrap();
    assert!(!is_outside(&*store, talk, ann).await, "it is inside");
    // Another id for a call that ended is the same stay.
    store.admit(talk, ann, None).await.unwrap();
    let seat = store.leave_call(seat, NOW_MS).await.unwrap().unwrap().participant_id;
    store.forget_lobby_grants(i64::MAX).await.unwrap();
    let left_ms = NOW_MS + 5;
    assert!(store.leave(seat, EndReason::Left, left_ms).await.unwrap());
    store.forget_lobby_grants(left_ms + LOBBY_GRANT_MS - 1).await.unwrap();
    assert!(!is_outside(&*store, talk, ann).await);
    let seat = enter(&*store, talk, ann).await.participant_id;
    store.let_in(talk, &[ann], &audit()).await.unwrap();
    store.forget_lobby_grants(i64::MAX).await.unwrap();
    assert!(!is_outside(&*store, talk, ann).await, "letting in who is inside sets it no end");
    store.leave(seat, EndReason::Left, left_ms).await.unwrap();
    store.forget_lobby_grants(left_ms + LOBBY_GRANT_MS).await.unwrap();
    assert!(waits(&*store, entry(talk, ann)).await);
}

async fn who_is_sent_out_waits_again(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await.id;
    switch(&*store, talk, true).await;
    for (who, reason) in [("Ann", EndReason::Kicked), ("Bob", EndReason::Revoked), ("Cid", EndReason::Banned)] {
        let user_id = user(&*store, who).await;
        store.let_in(talk, &[user_id], &audit()).await.unwrap();
        let seat = enter(&*store, talk, user_id).await.participant_id;
        store.expel(talk, seat, reason, &audit()).await.unwrap().unwrap();
        assert!(is_outside(&*store, talk, user_id).await, "{reason:?}");
        if reason == EndReason::Banned {
            store.lift_ban(talk, user_id, &audit()).await.unwrap();
        }
        assert!(waits(&*store, entry(talk, user_id)).await, "{reason:?}");
    }
}

async fn who_is_inside_when_it_begins_stays(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await.id;
    let seat = enter(&*store, talk, ann).await.participant_id;
    switch(&*store, talk, true).await;
    assert_eq!(enter(&*store, talk, ann).await.participant_id, seat);
    assert!(!is_outside(&*store, talk, ann).await && waits(&*store, entry(talk, bob)).await);
    store.let_in(talk, &[bob], &audit()).await.unwrap();
    switch(&*store, talk, false).await;
    enter(&*store, talk, bob).await;
    store.leave(seat, EndReason::Left, NOW_MS).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM lobby_grants").await, 0, "nothing is left of it");
    switch(&*store, talk, true).await;
    assert!(!is_outside(&*store, talk, bob).await && is_outside(&*store, talk, ann).await);
    // What concerns something else does not begin it anew.
    set(&*store, talk, RoomSettingsChange { position: Some(1), ..RoomSettingsChange::default() }).await;
    assert!(is_outside(&*store, talk, ann).await);
}

async fn nobody_is_let_in_who_may_not_enter(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await.id;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let seat = enter(&*store, talk, ann).await.participant_id;
    store.expel(talk, seat, EndReason::Banned, &audit()).await.unwrap().unwrap();
    let blocked = user(&*store, "Cid").await;
    store.block(blocked, boltorezka_proto::rest::Role::Admin, &audit()).await.unwrap();
    switch(&*store, talk, true).await;
    let all = [ann, UserId::generate(), bob, blocked];
    assert_eq!(store.let_in(talk, &all, &at(NOW_MS + 1)).await.unwrap(), [bob]);
    assert!(store.let_in(RoomId::generate(), &[bob], &audit()).await.unwrap().is_empty());
    assert_eq!(database.count("SELECT count(*) FROM lobby_grants").await, 1);
    assert!(matches!(store.join(entry(talk, ann)).await.unwrap(), Join::Banned));
}

async fn whoever_begins_it_meanwhile_everybody_inside_has_a_grant(database: Database) {
    let stores = [database.open().await, database.open().await];
    for round in 0..5 {
        let talk = room(&*stores[0], &format!("talk-{round}"), None).await.id;
        let mut people = Vec::new();
        for number in 0..4 {
            people.push(user(&*stores[0], &format!("U{round}x{number}")).await);
        }
        let joins = people.iter().map(|who| {
            let store = stores[1].clone();
            let who = *who;
            async move { waits(&*store, entry(talk, who)).await }
        });
        let (outcomes, ()) = tokio::join!(at_once(joins), switch(&*stores[0], talk, true));
        for (who, waited) in people.iter().zip(outcomes) {
            assert_eq!(
                is_outside(&*stores[0], talk, *who).await,
                waited,
                "who is inside has a grant, others have none"
            );
        }
    }
}
