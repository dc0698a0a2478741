use std::sync::Arc;

use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::workspaces::{OptionalFeature, WorkspaceRole};
use boltorezka_proto::{ParticipantId, UserId, WorkspaceSlug, WorkspaceTitle};

use super::database::{Database, at_once};
use super::people::{ALL, NOW_MS, api_key, audit, enter, entry, message, new_room, room, say, slug, text, user};
use crate::auth::hash_token;
use crate::calls::MediaOrder;
use crate::store::{Actor, Admission, Audit, Grant, Join, MemberChange, SendOutcome, Store, WorkspaceCreated};

on_every_database!(
    a_workspace_is_made_once,
    one_of_many_makes_it,
    nothing_of_another_workspace_is_there,
    roles_give_what_they_say,
    nobody_reaches_above_themselves,
    who_goes_is_cut,
    a_lowered_role_reaches_calls,
    a_switched_feature_takes_its_rights_and_gives_them_back,
    switched_off_calls_end_and_stay_off,
    who_races_a_switch_does_not_keep_the_right,
);

pub(super) async fn made(store: &dyn Store, name: &str, owner: UserId) -> Arc<dyn Store> {
    match create(store, name, name, owner).await {
        WorkspaceCreated::New(record) => store.of(record.id),
        other => panic!("{other:?}"),
    }
}

async fn create(store: &dyn Store, name: &str, title: &str, owner: UserId) -> WorkspaceCreated {
    let (name, title) = (WorkspaceSlug::new(name).unwrap(), WorkspaceTitle::new(title).unwrap());
    store.create_workspace(&name, &title, owner, &audit()).await.unwrap()
}

pub(super) async fn take_in(store: &dyn Store, who: UserId, role: WorkspaceRole) {
    let change = store.set_workspace_member(who, role, WorkspaceRole::Owner, &audit()).await.unwrap();
    assert!(matches!(change, MemberChange::Done(member) if member.role == role));
}

async fn orders(store: &dyn Store) -> Vec<MediaOrder> {
    let rows = store.orders(0, 1000).await.unwrap();
    rows.iter().map(|row| serde_json::from_str(&row.payload).unwrap()).collect()
}

/// Admits, and gives the camera's right.
async fn camera(store: &dyn Store, room_id: boltorezka_proto::RoomId, who: UserId) -> bool {
    match store.admit(room_id, who, None).await.unwrap() {
        Admission::Admitted(admitted) => admitted.permissions.camera,
        other => panic!("{other:?}"),
    }
}

async fn a_workspace_is_made_once(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let acme = made(&*store, "acme", ann).await;
    assert!(
        matches!(create(&*store, "acme", "acme", ann).await, WorkspaceCreated::Again(it) if it.id == acme.workspace_id())
    );
    assert!(matches!(create(&*store, "acme", "Other", ann).await, WorkspaceCreated::Taken));
    assert!(matches!(create(&*store, "acme", "acme", bob).await, WorkspaceCreated::Taken));
    assert!(matches!(create(&*store, "default", "Default", ann).await, WorkspaceCreated::Taken));
    assert_eq!(acme.workspace_role(ann).await.unwrap(), Some(WorkspaceRole::Owner));
    assert_eq!(acme.workspace_role(bob).await.unwrap(), None);
    let of = async |who| {
        let found = store.workspaces_of(who, None, 10).await.unwrap();
        found.into_iter().map(|(record, role)| (record.slug.to_string(), role)).collect::<Vec<_>>()
    };
    let home = ("default".to_owned(), WorkspaceRole::Member);
    assert_eq!(of(ann).await, [("acme".to_owned(), WorkspaceRole::Owner), home.clone()]);
    assert_eq!(of(bob).await, [home]);
    store.set_role(bob, Role::Admin, &audit()).await.unwrap();
    let roles: Vec<_> = of(bob).await.into_iter().map(|(_, role)| role).collect();
    assert_eq!(roles, [WorkspaceRole::Owner, WorkspaceRole::Admin]);
    let title = WorkspaceTitle::new("New").unwrap();
    assert_eq!(acme.update_workspace(&title, &audit()).await.unwrap().title, title);
    assert_eq!(
        store.workspace(&WorkspaceSlug::new("default").unwrap()).await.unwrap().unwrap().title.as_str(),
        "Default"
    );
}

async fn one_of_many_makes_it(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let tries = (0..8).map(|_| {
        let store = store.clone();
        async move { create(&*store, "acme", "acme", ann).await }
    });
    let outcomes = at_once(tries).await;
    let new = outcomes.iter().filter(|outcome| matches!(outcome, WorkspaceCreated::New(_))).count();
    let again = outcomes.iter().filter(|outcome| matches!(outcome, WorkspaceCreated::Again(_))).count();
    assert_eq!((new, again), (1, 7));
    assert_eq!(database.count("SELECT count(*) FROM workspaces").await, 2);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'workspaces.workspace.create'").await, 1);
}

/// With its ids in hand, another workspace's store sees nothing and changes nothing.
async fn nothing_of_another_workspace_is_there(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (acme, beta) = (made(&*store, "acme", ann).await, made(&*store, "beta", ann).await);
    let talk = room(&*beta, "talk", None).await;
    let stay = enter(&*beta, talk.id, ann).await;
    say(&*beta, talk.id, ann, "a secret", "key").await;
    beta.set_member(talk.id, ann, RoomRole::Moderator, &audit()).await.unwrap();
    camera(&*beta, talk.id, ann).await;
    let waiting = orders(&*store).await.len();

    assert!(acme.room(&slug("talk")).await.unwrap().is_none());
    assert!(acme.rooms(Some(ann), None, 10).await.unwrap().is_empty());
    assert_eq!(acme.room_count().await.unwrap(), 0);
    assert!(acme.standing(talk.id, ann).await.unwrap().is_none());
    assert!(acme.members(talk.id, None, 10).await.unwrap().is_empty());
    assert!(acme.messages(talk.id, None, 10).await.unwrap().is_empty());
    assert!(acme.update_room(talk.id, &Default::default(), &audit()).await.unwrap().is_none());
    assert!(!acme.delete_room(talk.id, &audit()).await.unwrap());
    assert!(acme.set_member(talk.id, ann, RoomRole::Listener, &audit()).await.unwrap().is_none());
    assert!(!acme.delete_member(talk.id, ann, &audit()).await.unwrap());
    assert!(acme.expel(talk.id, stay.participant_id, EndReason::Banned, &audit()).await.unwrap().is_none());
    let source = boltorezka_proto::call::TrackSource::Camera;
    assert!(acme.mute(talk.id, stay.participant_id, source, true, &audit()).await.unwrap().is_none());
    assert!(matches!(acme.join(entry(talk.id, ann)).await.unwrap(), Join::NoRoom));
    assert!(!acme.leave(stay.participant_id, EndReason::Left, NOW_MS).await.unwrap());
    assert!(acme.leave_call(stay.participant_id, NOW_MS).await.unwrap().is_none());
    assert!(matches!(acme.admit(talk.id, ann, None).await.unwrap(), Admission::NotJoined));
    acme.unadmit(stay.participant_id).await.unwrap();
    let (words, outcome) = (text("x"), acme.send_message(message(talk.id, ann, &text("x"), "other")).await.unwrap());
    assert!(matches!(outcome, SendOutcome::NotJoined), "{words:?} {outcome:?}");
    // A feature that is switched there is on here.
    acme.set_feature(OptionalFeature::Calls, false, &audit()).await.unwrap();

    assert_eq!(orders(&*store).await.len(), waiting, "the media node was told nothing");
    assert_eq!(beta.standing(talk.id, ann).await.unwrap().unwrap().role, RoomRole::Owner);
    assert_eq!(beta.messages(talk.id, None, 10).await.unwrap().len(), 1);
    assert_eq!(beta.members(talk.id, None, 10).await.unwrap()[0].role, RoomRole::Moderator);
    let records = store.participants().await.unwrap();
    assert!(records.len() == 1 && records[0].admitted && records[0].workspace_id == beta.workspace_id());
    // The same name is another room.
    assert!(acme.create_room(&new_room("talk", None, None), &audit()).await.unwrap().is_some());
    assert_ne!(acme.room(&slug("talk")).await.unwrap().unwrap().id, talk.id);
}

async fn roles_give_what_they_say(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let acme = made(&*store, "acme", ann).await;
    let talk = room(&*acme, "talk", None).await;
    assert_eq!(acme.standing(talk.id, ann).await.unwrap().unwrap().role, RoomRole::Owner);
    assert!(acme.standing(talk.id, bob).await.unwrap().is_none());
    assert!(matches!(acme.join(entry(talk.id, bob)).await.unwrap(), Join::NoRoom));
    assert!(acme.set_member(talk.id, bob, RoomRole::Owner, &audit()).await.unwrap().is_none(), "a stranger");
    for (role, expected) in [
        (WorkspaceRole::Guest, RoomRole::Listener),
        (WorkspaceRole::Member, RoomRole::Member),
        (WorkspaceRole::Admin, RoomRole::Owner),
    ] {
        take_in(&*acme, bob, role).await;
        assert_eq!(acme.standing(talk.id, bob).await.unwrap().unwrap().role, expected, "{role:?}");
    }
    take_in(&*acme, bob, WorkspaceRole::Guest).await;
    acme.set_member(talk.id, bob, RoomRole::Moderator, &audit()).await.unwrap().unwrap();
    assert_eq!(acme.standing(talk.id, bob).await.unwrap().unwrap().role, RoomRole::Moderator);
    let members = acme.workspace_members(None, 10).await.unwrap();
    assert_eq!(
        members.iter().map(|member| member.role).collect::<Vec<_>>(),
        [WorkspaceRole::Owner, WorkspaceRole::Guest]
    );
    assert_eq!(acme.workspace_members(Some(ann), 10).await.unwrap().len(), 1);
    assert_eq!(store.workspace_members(None, 10).await.unwrap().len(), 2);
    // An identity of a key lives where the key does.
    let key = api_key(&*acme, "key").await;
    assert_eq!(store.api_key(hash_token("key")).await.unwrap().unwrap().workspace_id, acme.workspace_id());
    let guest =
        acme.external_user(key.id, "guest", &super::people::name("Guest"), NOW_MS).await.unwrap().unwrap().user.id;
    assert_eq!(acme.workspace_role(guest).await.unwrap(), Some(WorkspaceRole::Member));
    assert_eq!(store.workspace_role(guest).await.unwrap(), None);
    let change =
        store.set_workspace_member(guest, WorkspaceRole::Member, WorkspaceRole::Owner, &audit()).await.unwrap();
    assert!(matches!(change, MemberChange::NoMember), "{change:?}");
}

async fn nobody_reaches_above_themselves(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let acme = made(&*store, "acme", ann).await;
    take_in(&*acme, bob, WorkspaceRole::Admin).await;
    take_in(&*acme, cid, WorkspaceRole::Admin).await;
    let by_admin = async |who, role| {
        let change = acme.set_workspace_member(who, role, WorkspaceRole::Admin, &audit()).await.unwrap();
        matches!(change, MemberChange::Done(_))
    };
    assert!(!by_admin(ann, WorkspaceRole::Member).await);
    assert!(!by_admin(cid, WorkspaceRole::Member).await);
    let dan = user(&*store, "Dan").await;
    assert!(!by_admin(dan, WorkspaceRole::Owner).await);
    assert!(by_admin(dan, WorkspaceRole::Admin).await);
    let remove = async |who, actor| {
        let audit = Audit { actor, ..audit() };
        let change = acme.remove_workspace_member(who, WorkspaceRole::Admin, &audit).await.unwrap();
        matches!(change, MemberChange::Done(_))
    };
    assert!(!remove(ann, Actor::User(bob)).await && !remove(cid, Actor::User(bob)).await);
    assert!(remove(bob, Actor::User(bob)).await, "everybody may go");
    assert!(!remove(bob, Actor::User(bob)).await, "once");
}

async fn who_goes_is_cut(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let acme = made(&*store, "acme", ann).await;
    take_in(&*acme, bob, WorkspaceRole::Member).await;
    let (talk, home) = (room(&*acme, "talk", None).await, room(&*store, "talk", None).await);
    let stay = enter(&*acme, talk.id, bob).await.participant_id;
    enter(&*store, home.id, bob).await;
    acme.set_member(talk.id, bob, RoomRole::Owner, &audit()).await.unwrap().unwrap();
    assert!(camera(&*acme, talk.id, bob).await && camera(&*store, home.id, bob).await);
    let ticket = Grant {
        workspace_id: acme.workspace_id(),
        user_id: bob,
        session: None,
        room_id: None,
        permissions: ALL,
        expires_at_ms: NOW_MS + 1,
    };
    acme.create_ticket([1; 32], &ticket).await.unwrap();
    let by = Audit { actor: Actor::User(ann), ..audit() };
    let MemberChange::Done(ended) = acme.remove_workspace_member(bob, WorkspaceRole::Owner, &by).await.unwrap() else {
        panic!("not removed")
    };
    assert_eq!(ended.iter().map(|ended| (ended.participant_id, ended.stays_as)).collect::<Vec<_>>(), [(stay, None)]);
    let revoke = MediaOrder::Revoke { participant_id: stay, reason: EndReason::Revoked };
    assert_eq!(orders(&*store).await, [revoke]);
    assert!(store.take_ticket([1; 32], NOW_MS).await.unwrap().is_none());
    assert!(matches!(acme.join(entry(talk.id, bob)).await.unwrap(), Join::NoRoom));
    assert_eq!(store.participants().await.unwrap().len(), 1, "elsewhere it stays");
    // Taken in again, it is what it was given now, and no more.
    take_in(&*acme, bob, WorkspaceRole::Guest).await;
    assert_eq!(acme.standing(talk.id, bob).await.unwrap().unwrap().role, RoomRole::Listener);
}

async fn a_lowered_role_reaches_calls(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let acme = made(&*store, "acme", ann).await;
    take_in(&*acme, bob, WorkspaceRole::Member).await;
    let talk = room(&*acme, "talk", None).await;
    enter(&*acme, talk.id, bob).await;
    assert!(camera(&*acme, talk.id, bob).await);
    take_in(&*acme, bob, WorkspaceRole::Guest).await;
    let told = orders(&*store).await;
    assert!(
        matches!(told[..], [MediaOrder::SetPermissions { permissions, .. }] if !permissions.camera && permissions.subscribe)
    );
}

async fn a_switched_feature_takes_its_rights_and_gives_them_back(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (acme, beta) = (made(&*store, "acme", ann).await, made(&*store, "beta", ann).await);
    for workspace in [&acme, &beta] {
        let talk = room(&**workspace, "talk", None).await;
        enter(&**workspace, talk.id, ann).await;
        assert!(camera(&**workspace, talk.id, ann).await);
    }
    let talk = acme.room(&slug("talk")).await.unwrap().unwrap();
    for enabled in [false, true] {
        let waiting = orders(&*store).await.len();
        for _ in 0..2 {
            assert!(acme.set_feature(OptionalFeature::Video, enabled, &audit()).await.unwrap().is_empty());
        }
        let told = orders(&*store).await.split_off(waiting);
        assert!(
            matches!(told[..], [MediaOrder::SetPermissions { permissions, .. }]
                if permissions.camera == enabled && permissions.microphone && permissions.screen),
            "once, and of nobody else: {told:?}"
        );
        assert_eq!(camera(&*acme, talk.id, ann).await, enabled);
        let off = store.features_off().await.unwrap();
        assert_eq!(off.contains(&(acme.workspace_id(), OptionalFeature::Video)), !enabled);
        // As after a restart of either side.
        let on_node: Vec<ParticipantId> =
            store.participants().await.unwrap().iter().map(|it| it.participant_id).collect();
        let (admitted, ..) = store.reconcile(&on_node).await.unwrap();
        let cameras: Vec<bool> = admitted.iter().map(|it| it.permissions.camera || it.room != talk.id).collect();
        assert_eq!(cameras.contains(&false), !enabled);
    }
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'workspaces.feature.set'").await, 4);
}

async fn switched_off_calls_end_and_stay_off(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let stay = enter(&*store, talk.id, ann).await.participant_id;
    camera(&*store, talk.id, ann).await;
    let ended = store.set_feature(OptionalFeature::Calls, false, &audit()).await.unwrap();
    let stays_as = ended[0].stays_as.expect("it stays in the room");
    assert!(ended.len() == 1 && ended[0].participant_id == stay && stays_as != stay);
    let revoke = MediaOrder::Revoke { participant_id: stay, reason: EndReason::FeatureDisabled };
    assert_eq!(orders(&*store).await, [revoke]);
    assert!(matches!(store.admit(talk.id, ann, None).await.unwrap(), Admission::Nothing));
    store.set_feature(OptionalFeature::Calls, true, &audit()).await.unwrap();
    assert!(camera(&*store, talk.id, ann).await);
    assert_eq!(store.participants().await.unwrap()[0].participant_id, stays_as);
}

/// Whoever is admitted in the moment of the switch is told of it, or was not given the right.
async fn who_races_a_switch_does_not_keep_the_right(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await;
    for round in 0..10 {
        let who = user(&*store, &format!("User{round}")).await;
        enter(&*store, talk.id, who).await;
        store.set_feature(OptionalFeature::Video, true, &audit()).await.unwrap();
        let (one, other) = (store.clone(), store.clone());
        let admit: futures_util::future::BoxFuture<'static, ()> =
            Box::pin(async move { one.admit(talk.id, who, None).await.map(|_| ()).unwrap() });
        let switch: futures_util::future::BoxFuture<'static, ()> = Box::pin(async move {
            other.set_feature(OptionalFeature::Video, false, &audit()).await.unwrap();
        });
        at_once([admit, switch]).await;
        let on_node: Vec<_> = store.participants().await.unwrap().iter().map(|it| it.participant_id).collect();
        let (admitted, ..) = store.reconcile(&on_node).await.unwrap();
        assert!(admitted.iter().all(|it| !it.permissions.camera), "round {round}: {admitted:?}");
    }
}
