use std::sync::Arc;

use boltorezka_proto::call::MediaPermissions;
use boltorezka_proto::custom_roles::HeldRole;
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{CustomRoleId, CustomRoleName, RoomId, UserId};

use super::database::{Database, at_once};
use super::people::{NOW_MS, api_key, audit, enter, message, name, new_room, room, session, slug, text, user};
use super::room_settings::set;
use super::workspaces::{made, take_in};
use crate::auth::hash_token;
use crate::calls::{MediaOrder, PermissionBits};
use crate::permissions::{Action, GRANTABLE, Grants};
use crate::store::{
    Admission, CUSTOM_ROLES_MAX, CustomRoleChange, CustomRoleRecord, CustomRoleUpdate, HELD_ROLES_MAX, SendOutcome,
    Store,
};

on_every_database!(
    a_role_is_of_one_workspace,
    there_are_no_more_than_may_be,
    what_a_role_gives_is_found_with_everything_else,
    what_is_hidden_closed_or_between_two_stays_so,
    messages_follow_at_once,
    calls_follow_at_once,
    nobody_reaches_above_themselves,
    who_goes_leaves_its_roles,
    rights_are_those_of_the_last_change,
    a_deleted_role_is_held_by_nobody,
);

pub(super) fn called(text: &str) -> CustomRoleName {
    CustomRoleName::new(text).unwrap()
}

pub(super) async fn custom_role(store: &dyn Store, text: &str, grants: Grants) -> CustomRoleRecord {
    match store.create_custom_role(&called(text), grants, &audit()).await.unwrap() {
        CustomRoleChange::Done(record) => record,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn hold(store: &dyn Store, who: UserId, id: CustomRoleId, held: bool) {
    let change = store.set_custom_role(who, id, held, WorkspaceRole::Owner, &audit()).await.unwrap();
    assert!(matches!(change, CustomRoleChange::Done(())), "{change:?}");
}

fn speaking() -> Grants {
    Grants::new(&[Action::PublishMicrophone, Action::SendMessage], RoomRole::Listener)
}

fn actions(actions: &[Action]) -> CustomRoleUpdate {
    CustomRoleUpdate { actions: Some(actions.to_vec()), ..CustomRoleUpdate::default() }
}

/// A workspace with an owner, and a guest of it.
async fn with_guest(store: &dyn Store) -> (Arc<dyn Store>, UserId) {
    let (ann, bob) = (user(store, "Ann").await, user(store, "Bob").await);
    let acme = made(store, "acme", ann).await;
    take_in(&*acme, bob, WorkspaceRole::Guest).await;
    (acme, bob)
}

async fn grants_of(store: &dyn Store, who: UserId) -> Grants {
    store.membership(who).await.unwrap().unwrap().1
}

async fn admitted(store: &dyn Store, room_id: RoomId, who: UserId) -> MediaPermissions {
    match store.admit(room_id, who, None).await.unwrap() {
        Admission::Admitted(admitted) => admitted.permissions,
        other => panic!("{other:?}"),
    }
}

async fn a_role_is_of_one_workspace(database: Database) {
    let store = database.open().await;
    let (acme, bob) = with_guest(&*store).await;
    let beta = made(&*store, "beta", bob).await;
    let made = custom_role(&*acme, "Speaker", speaking()).await;
    assert!(matches!(
        acme.create_custom_role(&called("Speaker"), Grants::NONE, &audit()).await.unwrap(),
        CustomRoleChange::NameTaken
    ));
    custom_role(&*beta, "Speaker", Grants::NONE).await;
    custom_role(&*acme, "Alto", Grants::NONE).await;
    hold(&*acme, bob, made.id, true).await;
    let listed = acme.custom_roles().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|it| (it.name.as_str(), it.grants, it.member_count)).collect();
    assert_eq!(seen, [("Alto", Grants::NONE, 0), ("Speaker", speaking(), 1)]);
    assert_eq!(listed[1].created_at_ms, NOW_MS);

    let rename = CustomRoleUpdate { name: Some(called("Alto")), ..CustomRoleUpdate::default() };
    let taken = acme.update_custom_role(made.id, &rename, &audit()).await.unwrap();
    assert!(matches!(taken, CustomRoleChange::NameTaken));
    let rename = CustomRoleUpdate { name: Some(called("Voice")), ..CustomRoleUpdate::default() };
    match acme.update_custom_role(made.id, &rename, &audit()).await.unwrap() {
        CustomRoleChange::Done((record, holders)) => {
            assert_eq!((record.name.as_str(), record.grants, holders), ("Voice", speaking(), vec![bob]));
        }
        other => panic!("{other:?}"),
    }
    let voice = HeldRole { id: made.id, name: called("Voice") };
    assert_eq!(acme.held_roles(bob, bob).await.unwrap(), [(bob, voice.clone())]);
    assert_eq!(store.custom_roles_of(bob).await.unwrap(), [(acme.workspace_id(), voice, speaking())]);

    // From elsewhere there is no such role.
    let moderator = CustomRoleUpdate { room_role: Some(RoomRole::Owner), ..CustomRoleUpdate::default() };
    assert!(matches!(beta.update_custom_role(made.id, &moderator, &audit()).await.unwrap(), CustomRoleChange::NoRole));
    assert!(matches!(beta.delete_custom_role(made.id, &audit()).await.unwrap(), CustomRoleChange::NoRole));
    for held in [true, false] {
        let change = beta.set_custom_role(bob, made.id, held, WorkspaceRole::Owner, &audit()).await.unwrap();
        assert!(matches!(change, CustomRoleChange::NoRole));
    }
    assert_eq!(grants_of(&*beta, bob).await, Grants::NONE);
    assert_eq!(grants_of(&*acme, bob).await, speaking());
    assert!(beta.held_roles(bob, bob).await.unwrap().is_empty());
    let entries = "SELECT count(*) FROM audit WHERE action IN ('workspaces.role.create', 'workspaces.role.update', 'workspaces.role.assign')";
    assert_eq!(database.count(entries).await, 5);
}

async fn there_are_no_more_than_may_be(database: Database) {
    let store = database.open().await;
    let (acme, bob) = with_guest(&*store).await;
    for number in 0..CUSTOM_ROLES_MAX - 2 {
        custom_role(&*acme, &format!("Role {number}"), Grants::NONE).await;
    }
    let made = at_once((0..6).map(|number| {
        let acme = acme.clone();
        async move {
            let name = called(&format!("Last {number}"));
            matches!(acme.create_custom_role(&name, Grants::NONE, &audit()).await.unwrap(), CustomRoleChange::Done(_))
        }
    }));
    assert_eq!(made.await.into_iter().filter(|made| *made).count(), 2);
    let all = acme.custom_roles().await.unwrap();
    assert_eq!(all.len(), CUSTOM_ROLES_MAX as usize);
    let held = at_once(all.iter().take(HELD_ROLES_MAX as usize + 3).map(|role| {
        let (acme, id) = (acme.clone(), role.id);
        async move {
            let change = acme.set_custom_role(bob, id, true, WorkspaceRole::Owner, &audit()).await.unwrap();
            matches!(change, CustomRoleChange::Done(()))
        }
    }));
    assert_eq!(held.await.into_iter().filter(|held| *held).count(), HELD_ROLES_MAX as usize);
    let own = acme.held_roles(bob, bob).await.unwrap();
    assert_eq!(own.len(), HELD_ROLES_MAX as usize);
    // One that is held already is no further one.
    hold(&*acme, bob, own[0].1.id, true).await;
    hold(&*acme, bob, own[0].1.id, false).await;
    let free = all.iter().find(|role| own.iter().all(|(_, held)| held.id != role.id)).unwrap();
    hold(&*acme, bob, free.id, true).await;
}

async fn what_a_role_gives_is_found_with_everything_else(database: Database) {
    let store = database.open().await;
    let (acme, bob) = with_guest(&*store).await;
    let talk = room(&*acme, "talk", None).await;
    let before = acme.standing(talk.id, bob).await.unwrap().unwrap();
    assert_eq!((before.role, before.grants), (RoomRole::Listener, Grants::NONE));
    let (one, other) = (
        custom_role(&*acme, "Speaker", speaking()).await,
        custom_role(&*acme, "Moderator", Grants::new(&[Action::CreateRoom], RoomRole::Moderator)).await,
    );
    hold(&*acme, bob, one.id, true).await;
    hold(&*acme, bob, other.id, true).await;
    let both = Grants::new(&[Action::PublishMicrophone, Action::SendMessage, Action::CreateRoom], RoomRole::Moderator);
    let standing = acme.standing(talk.id, bob).await.unwrap().unwrap();
    assert_eq!((standing.role, standing.grants), (RoomRole::Moderator, both));
    assert_eq!(acme.membership(bob).await.unwrap(), Some((WorkspaceRole::Guest, both)));
    let listed = acme.rooms(Some(bob), None, 10).await.unwrap();
    assert_eq!(listed[0].1.map(|standing| (standing.role, standing.grants)), Some((RoomRole::Moderator, both)));
    assert_eq!(
        (enter(&*acme, talk.id, bob).await.role, enter(&*acme, talk.id, bob).await.grants),
        (RoomRole::Moderator, both)
    );
    assert_eq!(store.all_participants(None, 10).await.unwrap()[0].1.role, RoomRole::Moderator);
    // A role in the room that is higher stays, one that is lower does not count.
    for (given, is) in [(RoomRole::Owner, RoomRole::Owner), (RoomRole::Listener, RoomRole::Moderator)] {
        acme.set_member(talk.id, bob, given, &audit()).await.unwrap();
        assert_eq!(acme.standing(talk.id, bob).await.unwrap().unwrap().role, is);
    }
    // At home the session brings it.
    session(&*store, "s", bob).await;
    let at_home = async || store.session(hash_token("s"), NOW_MS).await.unwrap().unwrap().2;
    assert_eq!(at_home().await, Grants::NONE, "it is of another workspace");
    let home = custom_role(&*store, "Speaker", speaking()).await;
    hold(&*store, bob, home.id, true).await;
    assert_eq!(at_home().await, speaking());
    // What a later version, or somebody by hand, has left gives nothing.
    database
        .execute("UPDATE custom_roles SET permissions = 'admin.user.promote rooms.member.set rooms.room.fly'")
        .await;
    assert_eq!(grants_of(&*acme, bob).await, Grants::new(&[], RoomRole::Moderator));
}

async fn what_is_hidden_closed_or_between_two_stays_so(database: Database) {
    use boltorezka_proto::rooms::RoomSettingsChange;
    let store = database.open().await;
    let (acme, bob) = with_guest(&*store).await;
    let all = custom_role(&*acme, "All", Grants::new(&GRANTABLE, RoomRole::Owner)).await;
    hold(&*acme, bob, all.id, true).await;
    let talk = room(&*acme, "talk", None).await;
    assert_eq!(acme.standing(talk.id, bob).await.unwrap().unwrap().role, RoomRole::Owner);
    set(&*acme, talk.id, RoomSettingsChange { hidden: Some(true), ..Default::default() }).await;
    assert!(acme.standing(talk.id, bob).await.unwrap().is_none(), "hidden");
    assert!(acme.rooms(Some(bob), None, 10).await.unwrap().is_empty());
    let lobby = room(&*acme, "lobby", None).await;
    set(&*acme, lobby.id, RoomSettingsChange { lobby: Some(true), ..Default::default() }).await;
    assert!(!acme.standing(lobby.id, bob).await.unwrap().unwrap().outside);
    let update =
        CustomRoleUpdate { actions: Some(vec![Action::SendMessage]), room_role: Some(RoomRole::Member), name: None };
    acme.update_custom_role(all.id, &update, &audit()).await.unwrap();
    assert!(acme.standing(lobby.id, bob).await.unwrap().unwrap().outside, "it waits");
    let passes = actions(&[Action::PassLobby]);
    acme.update_custom_role(all.id, &passes, &audit()).await.unwrap();
    assert!(!acme.standing(lobby.id, bob).await.unwrap().unwrap().outside);
    let banned = room(&*acme, "banned", None).await;
    let stay = enter(&*acme, banned.id, bob).await.participant_id;
    acme.expel(banned.id, stay, boltorezka_proto::call::EndReason::Banned, &audit()).await.unwrap().unwrap();
    assert!(acme.standing(banned.id, bob).await.unwrap().unwrap().banned);
    let cid = user(&*store, "Cid").await;
    take_in(&*acme, cid, WorkspaceRole::Member).await;
    let of_two = super::direct::direct(&*acme, cid, bob).await.room_id;
    let standing = acme.standing(of_two, bob).await.unwrap().unwrap();
    assert_eq!((standing.role, standing.grants), (RoomRole::Member, Grants::NONE), "nobody is more between two");
}

async fn messages_follow_at_once(database: Database) {
    let store = database.open().await;
    let (acme, bob) = with_guest(&*store).await;
    let talk = room(&*acme, "talk", None).await;
    let say = async |key: &str| {
        let hello = text("hello");
        acme.send_message(message(talk.id, bob, &hello, key)).await.unwrap()
    };
    enter(&*acme, talk.id, bob).await;
    assert!(matches!(say("1").await, SendOutcome::Forbidden));
    let role = custom_role(&*acme, "Writer", speaking()).await;
    hold(&*acme, bob, role.id, true).await;
    assert!(matches!(say("2").await, SendOutcome::Stored(_)));
    acme.update_custom_role(role.id, &actions(&[Action::PublishMicrophone]), &audit()).await.unwrap();
    assert!(matches!(say("3").await, SendOutcome::Forbidden));
    acme.update_custom_role(role.id, &actions(&[Action::SendMessage]), &audit()).await.unwrap();
    assert!(matches!(say("4").await, SendOutcome::Stored(_)));
    hold(&*acme, bob, role.id, false).await;
    assert!(matches!(say("5").await, SendOutcome::Forbidden));
    hold(&*acme, bob, role.id, true).await;
    assert!(matches!(say("6").await, SendOutcome::Stored(_)));
    assert!(
        matches!(acme.delete_custom_role(role.id, &audit()).await.unwrap(), CustomRoleChange::Done(of) if of == [bob])
    );
    assert!(matches!(say("7").await, SendOutcome::Forbidden));
}

async fn calls_follow_at_once(database: Database) {
    let store = database.open().await;
    let (acme, bob) = with_guest(&*store).await;
    let other = user(&*store, "Other").await;
    take_in(&*acme, other, WorkspaceRole::Guest).await;
    let talk = room(&*acme, "talk", None).await;
    let stay = enter(&*acme, talk.id, bob).await.participant_id;
    enter(&*acme, talk.id, other).await;
    assert!(!admitted(&*acme, talk.id, bob).await.microphone);
    admitted(&*acme, talk.id, other).await;
    let mut seen = 0;
    let mut told = async || {
        let rows = store.orders(seen, 1000).await.unwrap();
        seen = rows.last().map_or(seen, |row| row.id);
        let order = |row: &crate::store::OutboxRow| match serde_json::from_str(&row.payload).unwrap() {
            MediaOrder::SetPermissions { participant_id, permissions } if participant_id == stay => permissions,
            other => panic!("{other:?}"),
        };
        rows.iter().map(order).collect::<Vec<MediaPermissions>>()
    };
    let listening = MediaPermissions { subscribe: true, ..MediaPermissions::default() };
    let role = custom_role(&*acme, "Speaker", speaking()).await;
    for _ in 0..2 {
        hold(&*acme, bob, role.id, true).await;
    }
    assert_eq!(told().await, [MediaPermissions { microphone: true, ..listening }], "once, and of nobody else");
    acme.update_custom_role(role.id, &actions(&[Action::PublishCamera]), &audit()).await.unwrap();
    assert_eq!(told().await, [MediaPermissions { camera: true, ..listening }]);
    let rename = CustomRoleUpdate { name: Some(called("Camera")), ..CustomRoleUpdate::default() };
    acme.update_custom_role(role.id, &rename, &audit()).await.unwrap();
    assert!(told().await.is_empty(), "a name changes no right");
    let taking_part = CustomRoleUpdate { room_role: Some(RoomRole::Member), ..CustomRoleUpdate::default() };
    acme.update_custom_role(role.id, &taking_part, &audit()).await.unwrap();
    assert_eq!(told().await, [MediaPermissions::ALL]);
    hold(&*acme, bob, role.id, false).await;
    assert_eq!(told().await, [listening]);
    hold(&*acme, bob, role.id, true).await;
    assert_eq!(told().await, [MediaPermissions::ALL]);
    acme.delete_custom_role(role.id, &audit()).await.unwrap();
    assert_eq!(told().await, [listening]);
    assert_eq!(admitted(&*acme, talk.id, bob).await, listening);
}

async fn nobody_reaches_above_themselves(database: Database) {
    let store = database.open().await;
    let (acme, guest) = with_guest(&*store).await;
    let (admin, member) = (user(&*store, "Admin").await, user(&*store, "Member").await);
    let stranger = user(&*store, "Stranger").await;
    take_in(&*acme, admin, WorkspaceRole::Admin).await;
    take_in(&*acme, member, WorkspaceRole::Member).await;
    let key = api_key(&*acme, "key").await;
    let visitor = acme.external_user(key.id, "visitor", &name("Visitor"), NOW_MS).await.unwrap().unwrap().user.id;
    let role = custom_role(&*acme, "Speaker", speaking()).await;
    for held in [true, false] {
        let set = async |who, by| acme.set_custom_role(who, role.id, held, by, &audit()).await.unwrap();
        for who in [member, guest] {
            assert!(matches!(set(who, WorkspaceRole::Admin).await, CustomRoleChange::Done(())));
        }
        assert!(matches!(set(admin, WorkspaceRole::Owner).await, CustomRoleChange::Done(())));
        assert!(matches!(set(admin, WorkspaceRole::Admin).await, CustomRoleChange::TooHigh));
        for nobody in [stranger, visitor, UserId::generate()] {
            assert!(matches!(set(nobody, WorkspaceRole::Owner).await, CustomRoleChange::NoMember));
        }
    }
    // At home by the roles on the server.
    let home = custom_role(&*store, "Speaker", speaking()).await;
    store.set_role(admin, Role::Admin, &audit()).await.unwrap();
    let set = async |who, by| store.set_custom_role(who, home.id, true, by, &audit()).await.unwrap();
    assert!(matches!(set(stranger, WorkspaceRole::Admin).await, CustomRoleChange::Done(())));
    assert!(matches!(set(admin, WorkspaceRole::Admin).await, CustomRoleChange::TooHigh));
    assert!(matches!(set(visitor, WorkspaceRole::Owner).await, CustomRoleChange::NoMember));
}

async fn who_goes_leaves_its_roles(database: Database) {
    let store = database.open().await;
    let (acme, bob) = with_guest(&*store).await;
    let role = custom_role(&*acme, "Speaker", speaking()).await;
    hold(&*acme, bob, role.id, true).await;
    acme.remove_workspace_member(bob, WorkspaceRole::Owner, &audit()).await.unwrap();
    take_in(&*acme, bob, WorkspaceRole::Guest).await;
    assert_eq!(grants_of(&*acme, bob).await, Grants::NONE, "it comes back as a guest");
    hold(&*acme, bob, role.id, true).await;
    store.plan_erasure(bob, NOW_MS + 10, NOW_MS).await.unwrap();
    assert!(store.erase_one(NOW_MS + 10).await.unwrap().is_some());
    assert_eq!(database.count("SELECT count(*) FROM custom_role_members").await, 0);
    let change = store.set_custom_role(bob, role.id, true, WorkspaceRole::Owner, &audit()).await.unwrap();
    assert!(matches!(change, CustomRoleChange::NoMember), "who is erased is nobody: {change:?}");
}

/// Whatever comes together, on two instances: in the end the node was told the rights that hold.
async fn rights_are_those_of_the_last_change(database: Database) {
    let stores = [database.open().await, database.open().await];
    let (acme, bob) = with_guest(&*stores[0]).await;
    let stores = stores.map(|store| store.of(acme.workspace_id()));
    for round in 0..20 {
        let talk = stores[0].create_room(&new_room(&format!("room-{round}"), None, None), &audit()).await.unwrap();
        let talk = talk.unwrap().id;
        let role = custom_role(&*stores[0], &format!("Role {round}"), speaking()).await.id;
        enter(&*stores[0], talk, bob).await;
        if round % 2 == 0 {
            hold(&*stores[0], bob, role, true).await;
            admitted(&*stores[0], talk, bob).await;
        }
        let tasks = (0..4).map(|task| {
            let store = stores[task % 2].clone();
            async move {
                match task {
                    0 => hold(&*store, bob, role, true).await,
                    1 => drop(store.update_custom_role(role, &actions(&[]), &audit()).await.unwrap()),
                    2 => drop(admitted(&*store, talk, bob).await),
                    _ => {
                        let shown =
                            CustomRoleUpdate { room_role: Some(RoomRole::Member), ..actions(&[Action::PublishCamera]) };
                        drop(store.update_custom_role(role, &shown, &audit()).await.unwrap());
                    }
                }
            }
        });
        at_once(tasks).await;
        let told = database.count("SELECT permissions FROM participants ORDER BY id DESC LIMIT 1").await;
        let now = admitted(&*stores[0], talk, bob).await;
        assert_eq!(PermissionBits(told), PermissionBits::from(now), "round {round}");
        hold(&*stores[0], bob, role, false).await;
        let told = database.count("SELECT permissions FROM participants ORDER BY id DESC LIMIT 1").await;
        assert!(!MediaPermissions::from(PermissionBits(told)).microphone, "round {round}");
        stores[0].delete_custom_role(role, &audit()).await.unwrap();
        assert!(stores[0].room(&slug(&format!("room-{round}"))).await.unwrap().is_some());
    }
}

/// A role that is deleted while it is given, and while who gets it enters a call.
async fn a_deleted_role_is_held_by_nobody(database: Database) {
    let stores = [database.open().await, database.open().await];
    let (acme, bob) = with_guest(&*stores[0]).await;
    let stores = stores.map(|store| store.of(acme.workspace_id()));
    let talk = room(&*stores[0], "talk", None).await.id;
    for round in 0..20 {
        let role = custom_role(&*stores[0], "Speaker", speaking()).await.id;
        let stay = enter(&*stores[0], talk, bob).await.participant_id;
        let tasks = (0..3).map(|task| {
            let store = stores[task % 2].clone();
            async move {
                match task {
                    0 => {
                        let change =
                            store.set_custom_role(bob, role, true, WorkspaceRole::Owner, &audit()).await.unwrap();
                        assert!(matches!(change, CustomRoleChange::Done(()) | CustomRoleChange::NoRole), "{change:?}");
                    }
                    1 => {
                        let change = store.delete_custom_role(role, &audit()).await.unwrap();
                        assert!(matches!(change, CustomRoleChange::Done(_)), "{change:?}");
                    }
                    _ => drop(admitted(&*store, talk, bob).await),
                }
            }
        });
        at_once(tasks).await;
        assert_eq!(database.count("SELECT count(*) FROM custom_role_members").await, 0, "round {round}");
        let told = database.count("SELECT permissions FROM participants").await;
        assert!(!MediaPermissions::from(PermissionBits(told)).microphone, "round {round}: it speaks without a role");
        stores[0].leave(stay, boltorezka_proto::call::EndReason::Left, NOW_MS).await.unwrap();
    }
}
