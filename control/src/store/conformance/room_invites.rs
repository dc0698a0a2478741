use boltorezka_proto::RoomId;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::workspaces::WorkspaceRole;
use uuid::Uuid;

use super::database::{Database, at_once};
use super::people::{NOW_MS, api_key, audit, enter, room, user};
use super::room_settings::set;
use super::workspaces::{made, take_in};
use crate::auth::hash_token;
use crate::calls::MediaOrder;
use crate::store::{Actor, Audit, NewRoomInvite, Redeemed, RoomInviteRecord, RoomInvited, Store};

on_every_database!(
    an_invite_gives_its_role_until_it_is_used_up,
    an_invite_ends,
    an_invite_makes_guests_and_shows_hidden_rooms,
    the_banned_stay_out,
    an_invite_is_worth_what_its_maker_is,
    open_invites_are_limited_and_listed,
    uses_are_exact,
    one_who_redeems_many_times_uses_one,
);

pub fn by(actor: Actor) -> Audit {
    Audit { actor, ..audit() }
}

async fn try_invite(store: &dyn Store, room_id: RoomId, token: &str, role: RoomRole, by: &Audit) -> RoomInvited {
    let invite = NewRoomInvite { hash: hash_token(token), role, uses_max: 2, expires_at_ms: NOW_MS + 10 };
    store.create_room_invite(room_id, &invite, 3, by).await.unwrap()
}

pub async fn invite(store: &dyn Store, room_id: RoomId, token: &str, role: RoomRole, by: &Audit) -> RoomInviteRecord {
    match try_invite(store, room_id, token, role, by).await {
        RoomInvited::Made(invite) => invite,
        other => panic!("{other:?}"),
    }
}

async fn redeem(store: &dyn Store, token: &str, user_id: boltorezka_proto::UserId, now_ms: i64) -> Redeemed {
    let audit = Audit { now_ms, ..by(Actor::User(user_id)) };
    store.redeem_room_invite(hash_token(token), user_id, &audit).await.unwrap()
}

async fn an_invite_gives_its_role_until_it_is_used_up(database: Database) {
    let store = database.open().await;
    let key = Actor::ApiKey(api_key(&*store, "key").await.id);
    let talk = room(&*store, "talk", None).await.id;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    invite(&*store, talk, "i", RoomRole::Listener, &by(key)).await;
    let to = store.invited_to(hash_token("i")).await.unwrap().unwrap();
    assert_eq!((to.room_id, to.workspace_id, to.workspace.as_str()), (talk, store.workspace_id(), "default"));
    // It also takes rights from who is inside: a role of its own is what counts.
    enter(&*store, talk, ann).await;
    store.admit(talk, ann, None).await.unwrap();
    assert_eq!(redeem(&*store, "i", ann, NOW_MS).await, Redeemed::Given);
    let orders = store.orders(0, 10).await.unwrap();
    let order = serde_json::from_str(&orders[0].payload).unwrap();
    assert!(matches!(order, MediaOrder::SetPermissions { permissions, .. } if !permissions.microphone), "{order:?}");
    // A higher role is not lowered, and uses nothing up.
    store.set_member(talk, bob, RoomRole::Moderator, &audit()).await.unwrap();
    for has_it in [ann, bob] {
        assert_eq!(redeem(&*store, "i", has_it, NOW_MS).await, Redeemed::Had);
    }
    assert_eq!(store.standing(talk, bob).await.unwrap().unwrap().role, RoomRole::Moderator);
    assert_eq!(redeem(&*store, "i", cid, NOW_MS).await, Redeemed::Given);
    let late = user(&*store, "Late").await;
    assert_eq!(redeem(&*store, "i", late, NOW_MS).await, Redeemed::NoInvite);
    assert_eq!(redeem(&*store, "other", late, NOW_MS).await, Redeemed::NoInvite);
    assert_eq!(store.room_invites(talk, None, 10).await.unwrap()[0].uses, 2);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'rooms.invite.redeem'").await, 2);
    assert!(store.invited_to(hash_token("other")).await.unwrap().is_none());
}

async fn an_invite_ends(database: Database) {
    let store = database.open().await;
    let key = Actor::ApiKey(api_key(&*store, "key").await.id);
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    let ann = user(&*store, "Ann").await;
    let id = invite(&*store, talk, "i", RoomRole::Member, &by(key)).await.id;
    assert_eq!(redeem(&*store, "i", ann, NOW_MS + 10).await, Redeemed::NoInvite, "it has expired");
    assert!(!store.revoke_room_invite(other, id, &audit()).await.unwrap(), "it is of another room");
    assert!(store.revoke_room_invite(talk, id, &audit()).await.unwrap());
    assert_eq!(redeem(&*store, "i", ann, NOW_MS).await, Redeemed::NoInvite, "it was taken back");
    for nothing in [id, Uuid::now_v7()] {
        assert!(!store.revoke_room_invite(talk, nothing, &audit()).await.unwrap());
    }
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action LIKE 'rooms.invite.%'").await, 2);
    assert_eq!(database.count("SELECT count(*) FROM room_members").await, 0);
    store.forget_room_invites(NOW_MS + 10).await.unwrap();
    assert_eq!(store.room_invites(talk, None, 10).await.unwrap().len(), 1);
    store.forget_room_invites(NOW_MS + 11).await.unwrap();
    assert_eq!(store.room_invites(talk, None, 10).await.unwrap(), []);
}

async fn an_invite_makes_guests_and_shows_hidden_rooms(database: Database) {
    let home = database.open().await;
    let (owner, ann, bob) = (user(&*home, "Owner").await, user(&*home, "Ann").await, user(&*home, "Bob").await);
    let acme = made(&*home, "acme", owner).await;
    take_in(&*acme, bob, WorkspaceRole::Member).await;
    let back = room(&*acme, "back", None).await.id;
    set(&*acme, back, RoomSettingsChange { hidden: Some(true), ..Default::default() }).await;
    invite(&*acme, back, "i", RoomRole::Member, &by(Actor::User(owner))).await;
    assert_eq!(redeem(&*home, "i", ann, NOW_MS).await, Redeemed::NoInvite, "not from another workspace");
    for who in [ann, bob] {
        assert_eq!(redeem(&*acme, "i", who, NOW_MS).await, Redeemed::Given);
        assert_eq!(acme.standing(back, who).await.unwrap().unwrap().role, RoomRole::Member);
    }
    assert_eq!(acme.workspace_role(ann).await.unwrap(), Some(WorkspaceRole::Guest));
    assert_eq!(acme.workspace_role(bob).await.unwrap(), Some(WorkspaceRole::Member), "as before");
    // Admins own the room as it is.
    assert_eq!(redeem(&*acme, "i", owner, NOW_MS).await, Redeemed::Had);
    // Those of the default workspace are members of it without a row.
    let talk = room(&*home, "talk", None).await.id;
    home.set_member(talk, owner, RoomRole::Owner, &audit()).await.unwrap();
    invite(&*home, talk, "home", RoomRole::Moderator, &by(Actor::User(owner))).await;
    assert_eq!(redeem(&*home, "home", ann, NOW_MS).await, Redeemed::Given);
    assert_eq!(database.count("SELECT count(*) FROM workspace_members").await, 3);
}

async fn the_banned_stay_out(database: Database) {
    let store = database.open().await;
    let key = Actor::ApiKey(api_key(&*store, "key").await.id);
    let talk = room(&*store, "talk", None).await.id;
    let ann = user(&*store, "Ann").await;
    let stay = enter(&*store, talk, ann).await.participant_id;
    store.expel(talk, stay, EndReason::Banned, &audit()).await.unwrap().unwrap();
    invite(&*store, talk, "i", RoomRole::Member, &by(key)).await;
    assert_eq!(redeem(&*store, "i", ann, NOW_MS).await, Redeemed::Banned);
    assert_eq!(store.room_invites(talk, None, 10).await.unwrap()[0].uses, 0);
    assert!(store.standing(talk, ann).await.unwrap().unwrap().banned);
    assert_eq!(database.count("SELECT count(*) FROM room_members").await, 0);
}

/// No right outlives its revocation.
async fn an_invite_is_worth_what_its_maker_is(database: Database) {
    let store = database.open().await;
    let key = api_key(&*store, "key").await;
    let talk = room(&*store, "talk", None).await.id;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let role = async |role| store.set_member(talk, ann, role, &audit()).await.unwrap().unwrap();
    role(RoomRole::Owner).await;
    invite(&*store, talk, "owner", RoomRole::Owner, &by(Actor::User(ann))).await;
    invite(&*store, talk, "member", RoomRole::Member, &by(Actor::User(ann))).await;
    invite(&*store, talk, "key", RoomRole::Member, &by(Actor::ApiKey(key.id))).await;
    role(RoomRole::Moderator).await;
    assert_eq!(redeem(&*store, "owner", bob, NOW_MS).await, Redeemed::NoInvite);
    role(RoomRole::Member).await;
    assert_eq!(redeem(&*store, "member", bob, NOW_MS).await, Redeemed::NoInvite);
    role(RoomRole::Moderator).await;
    store.block(ann, Role::Admin, &audit()).await.unwrap();
    assert_eq!(redeem(&*store, "member", bob, NOW_MS).await, Redeemed::NoInvite);
    store.unblock(ann, Role::Admin, &audit()).await.unwrap();
    store.revoke_api_key(key.id, &audit()).await.unwrap();
    assert_eq!(redeem(&*store, "key", bob, NOW_MS).await, Redeemed::NoInvite);
    assert_eq!(redeem(&*store, "member", bob, NOW_MS).await, Redeemed::Given);
}

async fn open_invites_are_limited_and_listed(database: Database) {
    let store = database.open().await;
    let by_key = by(Actor::ApiKey(api_key(&*store, "key").await.id));
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    let mut made = Vec::new();
    for token in ["a", "b", "c"] {
        made.push(invite(&*store, talk, token, RoomRole::Listener, &by_key).await);
    }
    assert!(matches!(try_invite(&*store, talk, "d", RoomRole::Listener, &by_key).await, RoomInvited::TooMany));
    assert!(matches!(try_invite(&*store, other, "d", RoomRole::Listener, &by_key).await, RoomInvited::Made(_)));
    let nowhere = RoomId::generate();
    assert!(matches!(try_invite(&*store, nowhere, "e", RoomRole::Listener, &by_key).await, RoomInvited::NoRoom));
    assert_eq!((made[0].uses_max, made[0].uses, made[0].created_by), (2, 0, None));
    assert_eq!((made[0].created_at_ms, made[0].expires_at_ms), (NOW_MS, NOW_MS + 10));
    assert_eq!(store.room_invites(talk, None, 2).await.unwrap(), made[..2]);
    assert_eq!(store.room_invites(talk, Some(made[1].id), 2).await.unwrap(), made[2..]);
    store.revoke_room_invite(talk, made[0].id, &by_key).await.unwrap();
    assert!(store.room_invites(talk, None, 1).await.unwrap()[0].revoked);
    invite(&*store, talk, "e", RoomRole::Listener, &by_key).await;
}

async fn uses_are_exact(database: Database) {
    let stores = [database.open().await, database.open().await];
    let key = api_key(&*stores[0], "key").await.id;
    let talk = room(&*stores[0], "talk", None).await.id;
    let hash = hash_token("i");
    let new = NewRoomInvite { hash, role: RoomRole::Moderator, uses_max: 10, expires_at_ms: NOW_MS + 10 };
    let made = stores[0].create_room_invite(talk, &new, 3, &by(Actor::ApiKey(key))).await.unwrap();
    assert!(matches!(made, RoomInvited::Made(_)));
    let mut people = Vec::new();
    for n in 0..50 {
        people.push(user(&*stores[0], &format!("User{n}")).await);
    }
    let tries = people.into_iter().enumerate().map(|(n, who)| {
        let store = stores[n % 2].clone();
        async move { redeem(&*store, "i", who, NOW_MS).await }
    });
    let outcomes = at_once(tries).await;
    let given = outcomes.iter().filter(|outcome| **outcome == Redeemed::Given).count();
    let refused = outcomes.iter().filter(|outcome| **outcome == Redeemed::NoInvite).count();
    assert_eq!((given, refused), (10, 40));
    assert_eq!(database.count("SELECT count(*) FROM room_members").await, 10);
    assert_eq!(database.count("SELECT uses FROM room_invites").await, 10);
}

async fn one_who_redeems_many_times_uses_one(database: Database) {
    let stores = [database.open().await, database.open().await];
    let key = api_key(&*stores[0], "key").await.id;
    let talk = room(&*stores[0], "talk", None).await.id;
    let ann = user(&*stores[0], "Ann").await;
    invite(&*stores[0], talk, "i", RoomRole::Member, &by(Actor::ApiKey(key))).await;
    let tries = (0..50_usize).map(|n| {
        let store = stores[n % 2].clone();
        async move { redeem(&*store, "i", ann, NOW_MS).await }
    });
    let outcomes = at_once(tries).await;
    let given = outcomes.iter().filter(|outcome| **outcome == Redeemed::Given).count();
    let had = outcomes.iter().filter(|outcome| **outcome == Redeemed::Had).count();
    assert_eq!((given, had), (1, 49), "{outcomes:?}");
    assert_eq!(database.count("SELECT uses FROM room_invites").await, 1);
}
