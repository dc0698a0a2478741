use boltorezka_proto::rest::{Role, RoomRole, UpdateRoomRequest};
use boltorezka_proto::rooms::{RoomSettings, RoomSettingsChange};
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{RoomCategory, RoomId, RoomTitle, UserId, WorkspaceSlug, WorkspaceTitle};

use super::chat_changes::{change, said};
use super::database::{Database, at_once};
use super::people::{NOW_MS, api_key, audit, enter, entry, message, name, new_room, room, say, slug, text, user};
use crate::store::{
    Change, ChangeOutcome, ChangeRefusal, Join, MemberChange, NewMessage, NewRoom, RoomPlace, SendOutcome, Store,
    WorkspaceCreated,
};

on_every_database!(
    settings_are_kept_changed_and_taken_away,
    rooms_are_listed_by_category_position_and_title,
    a_hidden_room_is_there_for_its_members_alone,
    a_hidden_room_is_no_room_for_guests,
    who_loses_sight_is_a_stranger,
    where_it_is_read_only_moderators_speak,
    slow_mode_lets_one_message_through,
    slow_mode_counts_what_was_said,
);

const PAUSE_MS: i64 = 30_000;

pub async fn set(store: &dyn Store, room_id: RoomId, settings: RoomSettingsChange) -> RoomSettings {
    let change = UpdateRoomRequest { settings, ..UpdateRoomRequest::default() };
    store.update_room(room_id, &change, &audit()).await.unwrap().unwrap().settings
}

fn category(text: &str) -> RoomCategory {
    RoomCategory::new(text).unwrap()
}

fn hidden() -> RoomSettingsChange {
    RoomSettingsChange { hidden: Some(true), ..RoomSettingsChange::default() }
}

async fn settings_are_kept_changed_and_taken_away(database: Database) {
    let store = database.open().await;
    let settings = RoomSettingsChange {
        category: Some(category("Teams")),
        position: Some(7),
        hidden: Some(true),
        read_only: Some(true),
        lobby: Some(true),
        slow_mode_s: Some(30),
        retention_days: Some(2),
    };
    let made = NewRoom { settings: settings.clone(), ..new_room("talk", None, None) };
    let talk = store.create_room(&made, &audit()).await.unwrap().unwrap();
    let all = RoomSettings {
        category: Some(category("Teams")),
        position: 7,
        hidden: true,
        read_only: true,
        lobby: true,
        slow_mode_s: Some(30),
        retention_days: Some(2),
    };
    assert_eq!(talk.settings, all);
    assert_eq!(set(&*store, talk.id, RoomSettingsChange::default()).await, all, "what is absent stays");
    assert_eq!(store.room(&slug("talk")).await.unwrap().unwrap().settings, all);
    let nothing = RoomSettingsChange {
        category: Some(category("")),
        position: Some(0),
        hidden: Some(false),
        read_only: Some(false),
        lobby: Some(false),
        slow_mode_s: Some(0),
        retention_days: Some(0),
    };
    assert_eq!(set(&*store, talk.id, nothing).await, RoomSettings::default());
    assert_eq!(room(&*store, "plain", None).await.settings, RoomSettings::default());
}

async fn rooms_are_listed_by_category_position_and_title(database: Database) {
    let store = database.open().await;
    for (name, title, of, position) in [
        ("r-one", "Zeta", "b", 0),
        ("r-two", "Alpha", "b", 2),
        ("r-three", "Alpha", "b", 1),
        ("r-four", "Zeta", "", 5),
        ("r-five", "Same", "A", 0),
        ("r-six", "Same", "A", 0),
        ("r-seven", "Über", "é", 0),
    ] {
        let settings =
            RoomSettingsChange { category: Some(category(of)), position: Some(position), ..Default::default() };
        let room = NewRoom { settings, title: RoomTitle::new(title).unwrap(), ..new_room(name, None, None) };
        store.create_room(&room, &audit()).await.unwrap().unwrap();
    }
    for limit in [1, 3, 100] {
        let (mut seen, mut after): (Vec<String>, Option<RoomPlace>) = (Vec::new(), None);
        loop {
            let page = store.rooms(None, after.as_ref(), limit).await.unwrap();
            let Some((last, _)) = page.last() else { break };
            // As it goes over the wire.
            after = Some(RoomPlace::from(last).to_string().parse().unwrap());
            seen.extend(page.iter().map(|(record, _)| record.slug.to_string()));
        }
        assert_eq!(seen, ["r-four", "r-five", "r-six", "r-one", "r-three", "r-two", "r-seven"], "by {limit}");
    }
}

async fn listed(store: &dyn Store, user_id: UserId) -> Vec<String> {
    let rooms = store.rooms(Some(user_id), None, 10).await.unwrap();
    rooms.into_iter().map(|(record, _)| record.slug.to_string()).collect()
}

async fn a_hidden_room_is_there_for_its_members_alone(database: Database) {
    let store = database.open().await;
    let (ann, bob, eve) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Eve").await);
    let admin = user(&*store, "Admin").await;
    store.set_role(admin, Role::Admin, &audit()).await.unwrap();
    let key = api_key(&*store, "key").await;
    let visitor = store.external_user(key.id, "visitor", &name("Visitor"), NOW_MS).await.unwrap().unwrap().user.id;
    let back = room(&*store, "back", None).await.id;
    room(&*store, "front", None).await;
    store.set_member(back, bob, RoomRole::Listener, &audit()).await.unwrap();
    set(&*store, back, hidden()).await;
    // Whoever was banned and has no role hears nothing of it either.
    let eves = enter(&*store, room(&*store, "other", None).await.id, eve).await;
    store.expel(eves.room_id, eves.participant_id, boltorezka_proto::call::EndReason::Banned, &audit()).await.unwrap();
    set(&*store, eves.room_id, hidden()).await;
    assert_eq!(listed(&*store, eve).await, ["front"]);
    assert!(matches!(store.join(entry(eves.room_id, eve)).await.unwrap(), Join::NoRoom));

    assert_eq!(listed(&*store, ann).await, ["front"]);
    assert_eq!(listed(&*store, bob).await, ["back", "front"]);
    assert_eq!(listed(&*store, admin).await, ["back", "front", "other"]);
    assert_eq!(store.rooms(None, None, 10).await.unwrap().len(), 3, "an API key sees all");
    assert!(store.standing(back, ann).await.unwrap().is_none());
    assert!(matches!(store.join(entry(back, ann)).await.unwrap(), Join::NoRoom));
    for who in [bob, admin, visitor] {
        assert!(store.standing(back, who).await.unwrap().is_some());
        enter(&*store, back, who).await;
    }
    // Nobody learns of it by a mention.
    let (psst, mentions) = (text("psst"), [ann]);
    let mention = NewMessage { mentions: &mentions, ..message(back, admin, &psst, "k") };
    assert!(matches!(store.send_message(mention).await.unwrap(), SendOutcome::NoMentioned));
    // A role of one's own shows it, and goes with it.
    store.set_member(back, ann, RoomRole::Listener, &audit()).await.unwrap().unwrap();
    assert_eq!(listed(&*store, ann).await, ["back", "front"]);
    store.delete_member(back, ann, &audit()).await.unwrap();
    assert!(store.standing(back, ann).await.unwrap().is_none());
    assert!(store.set_member(back, UserId::generate(), RoomRole::Member, &audit()).await.unwrap().is_none());
}

async fn a_hidden_room_is_no_room_for_guests(database: Database) {
    let home = database.open().await;
    let (ann, bob) = (user(&*home, "Ann").await, user(&*home, "Bob").await);
    let (name, title) = (WorkspaceSlug::new("acme").unwrap(), WorkspaceTitle::new("Acme").unwrap());
    let made = home.create_workspace(&name, &title, ann, &audit()).await.unwrap();
    let WorkspaceCreated::New(acme) = made else { panic!("{made:?}") };
    let store = home.of(acme.id);
    let back = room(&*store, "back", None).await.id;
    set(&*store, back, hidden()).await;
    assert!(store.standing(back, bob).await.unwrap().is_none(), "no member of the workspace");
    for (role, sees) in [(WorkspaceRole::Guest, false), (WorkspaceRole::Member, false), (WorkspaceRole::Admin, true)] {
        let set = store.set_workspace_member(bob, role, WorkspaceRole::Owner, &audit()).await.unwrap();
        assert!(matches!(set, MemberChange::Done(_)));
        assert_eq!(store.standing(back, bob).await.unwrap().is_some(), sees, "{role:?}");
        assert_eq!(listed(&*store, bob).await.len(), usize::from(sees), "{role:?}");
    }
    assert!(home.standing(back, ann).await.unwrap().is_none(), "not from another workspace");
}

async fn who_loses_sight_is_a_stranger(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await.id;
    store.set_member(talk, bob, RoomRole::Listener, &audit()).await.unwrap();
    let anns = enter(&*store, talk, ann).await.participant_id;
    let bobs = enter(&*store, talk, bob).await.participant_id;
    let strangers = async || {
        let strangers = store.strangers().await.unwrap();
        strangers.into_iter().map(|stranger| (stranger.room_id, stranger.participant_id)).collect::<Vec<_>>()
    };
    assert_eq!(strangers().await, []);
    set(&*store, talk, hidden()).await;
    assert_eq!(strangers().await, [(talk, anns)]);
    store.delete_member(talk, bob, &audit()).await.unwrap();
    assert_eq!(strangers().await, [(talk, anns), (talk, bobs)]);
    store.set_role(ann, Role::Admin, &audit()).await.unwrap();
    assert_eq!(strangers().await, [(talk, bobs)]);
}

async fn where_it_is_read_only_moderators_speak(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let news = room(&*store, "news", None).await.id;
    for who in [ann, bob] {
        enter(&*store, news, who).await;
    }
    store.set_member(news, bob, RoomRole::Moderator, &audit()).await.unwrap();
    let before = said(&*store, news, ann, "before", "1").await;
    set(&*store, news, RoomSettingsChange { read_only: Some(true), ..Default::default() }).await;
    let send = async |who, key| store.send_message(message(news, who, &text("now"), key)).await.unwrap();
    assert!(matches!(send(ann, "2").await, SendOutcome::ReadOnly));
    let again = store.send_message(message(news, ann, &text("before"), "1")).await.unwrap();
    assert!(matches!(again, SendOutcome::Duplicate(_)), "what was stored is answered: {again:?}");
    assert!(matches!(send(bob, "3").await, SendOutcome::Stored(_)));
    let (new, mentions) = (text("something else"), []);
    let edit = change(&before, news, ann, Change::Edit { text: &new, mentions: &mentions });
    let refused = store.change_message(edit).await.unwrap();
    assert!(matches!(refused, ChangeOutcome::Refused(ChangeRefusal::ReadOnly)), "{refused:?}");
    let delete = change(&before, news, ann, Change::Delete { audit: audit() });
    assert!(matches!(store.change_message(delete).await.unwrap(), ChangeOutcome::Changed(_)));
    set(&*store, news, RoomSettingsChange { read_only: Some(false), ..Default::default() }).await;
    assert!(matches!(send(ann, "2").await, SendOutcome::Stored(_)));
}

async fn slow(store: &dyn Store) -> RoomId {
    let slow = room(store, "slow", None).await.id;
    set(store, slow, RoomSettingsChange { slow_mode_s: Some(30), ..Default::default() }).await;
    slow
}

async fn slow_mode_lets_one_message_through(database: Database) {
    let stores = [database.open().await, database.open().await];
    let ann = user(&*stores[0], "Ann").await;
    let slow = slow(&*stores[0]).await;
    enter(&*stores[0], slow, ann).await;
    let sends = (0..20).map(|n: usize| {
        let store = stores[n % 2].clone();
        async move { store.send_message(message(slow, ann, &text("hello"), &n.to_string())).await.unwrap() }
    });
    let outcomes = at_once(sends).await;
    let stored = outcomes.iter().filter(|outcome| matches!(outcome, SendOutcome::Stored(_))).count();
    let full = u64::try_from(PAUSE_MS).unwrap();
    let told_to_wait =
        |outcome: &&SendOutcome| matches!(outcome, SendOutcome::SlowMode { retry_after_ms } if *retry_after_ms == full);
    assert_eq!((stored, outcomes.iter().filter(told_to_wait).count()), (1, 19), "{outcomes:?}");
    assert_eq!(database.count("SELECT count(*) FROM messages").await, 1);
}

async fn slow_mode_counts_what_was_said(database: Database) {
    let store = database.open().await;
    let (ann, bob, mod_) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Mod").await);
    let slow = slow(&*store).await;
    for who in [ann, bob, mod_] {
        enter(&*store, slow, who).await;
    }
    store.set_member(slow, mod_, RoomRole::Moderator, &audit()).await.unwrap();
    let hello = text("hello");
    let send = async |who, key, now_ms| {
        store.send_message(NewMessage { now_ms, ..message(slow, who, &hello, key) }).await.unwrap()
    };
    // What is refused for another reason takes no turn.
    let nobody = [UserId::generate()];
    let mention = NewMessage { mentions: &nobody, ..message(slow, ann, &hello, "0") };
    assert!(matches!(store.send_message(mention).await.unwrap(), SendOutcome::NoMentioned));
    assert!(matches!(send(ann, "1", NOW_MS).await, SendOutcome::Stored(_)));
    let early = send(ann, "2", NOW_MS + 10_000).await;
    assert!(matches!(early, SendOutcome::SlowMode { retry_after_ms: 20_000 }), "{early:?}");
    // The key of a stored message gets its answer, and takes no turn either.
    assert!(matches!(send(ann, "1", NOW_MS + 10_000).await, SendOutcome::Duplicate(_)));
    let skewed = send(ann, "2", NOW_MS - 10_000).await;
    assert!(matches!(skewed, SendOutcome::SlowMode { retry_after_ms: 30_000 }), "{skewed:?}");
    assert!(matches!(send(bob, "1", NOW_MS + 1).await, SendOutcome::Stored(_)), "each for itself");
    assert!(matches!(send(ann, "2", NOW_MS + PAUSE_MS - 1).await, SendOutcome::SlowMode { retry_after_ms: 1 }));
    assert!(matches!(send(ann, "2", NOW_MS + PAUSE_MS).await, SendOutcome::Stored(_)));
    let later = NOW_MS + 3 * PAUSE_MS;
    // Also where it shares a transaction with what is stored.
    let together = (0..20).map(|n: usize| {
        let (store, again) = (store.clone(), n == 10);
        let key = if again { "2".to_owned() } else { format!("together {n}") };
        async move {
            let hello = text("hello");
            let new = message(slow, if again { ann } else { mod_ }, &hello, &key);
            store.send_message(NewMessage { now_ms: later, ..new }).await.unwrap()
        }
    });
    let outcomes = at_once(together).await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, SendOutcome::Duplicate(_))).count(), 1);
    assert!(matches!(send(ann, "4", later).await, SendOutcome::Stored(_)), "what was said again took no turn");
    for key in ["1", "2"] {
        say(&*store, slow, mod_, "at once", key).await;
    }
    store.forget_sends(NOW_MS + 2).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM room_sends").await, 1);
    set(&*store, slow, RoomSettingsChange { slow_mode_s: Some(0), ..Default::default() }).await;
    assert!(matches!(send(ann, "3", later).await, SendOutcome::Stored(_)));
}
