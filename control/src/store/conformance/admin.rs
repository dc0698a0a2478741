use boltorezka_proto::admin::{AuditActor, OutboxTopic};
use boltorezka_proto::rest::Role;
use boltorezka_proto::webhooks::WebhookEventType;
use uuid::Uuid;

use super::database::Database;
use super::people::{NOW_MS, api_key, audit, enter, name, new_room, room, say, user};
use super::workspaces::made;
use crate::store::{Actor, Audit, AuditFilter, FailedDelivery, NewWebhook, Store};

on_every_database!(
    the_audit_is_read_from_its_end,
    the_audit_is_searched,
    rooms_of_all_workspaces_are_listed,
    who_is_in_rooms_of_all_workspaces_is_listed,
    what_waits_is_listed_without_what_it_says,
    dead_letters_of_all_workspaces_are_listed,
);

async fn act(store: &dyn Store, actor: Actor, action: &str, target: &str, now_ms: i64) {
    let audit = Audit { actor, address: "192.0.2.1".to_owned(), now_ms };
    store.note_act(action, target, &audit).await.unwrap();
}

async fn targets(store: &dyn Store, filter: AuditFilter) -> Vec<String> {
    let found = store.audit_log(&filter, None, 100).await.unwrap();
    found.into_iter().map(|entry| entry.target).collect()
}

async fn the_audit_is_read_from_its_end(database: Database) {
    let store = database.open().await;
    // Two at the same moment, and one that is written late.
    for (target, at_ms) in [("1", NOW_MS), ("3", NOW_MS + 2), ("4", NOW_MS + 2), ("2", NOW_MS + 1)] {
        act(&*store, Actor::OwnerLink, "a.b.c", target, at_ms).await;
    }
    assert_eq!(targets(&*store, AuditFilter::default()).await, ["4", "3", "2", "1"]);
    let (mut before, mut read) = (None, Vec::new());
    loop {
        let page = store.audit_log(&AuditFilter::default(), before, 1).await.unwrap();
        let Some(entry) = page.first() else { break };
        before = Some((entry.created_at.unix_ms(), entry.id));
        read.push(entry.target.clone());
        // What comes meanwhile is before the place where the reader is.
        act(&*store, Actor::OwnerLink, "a.b.c", "new", NOW_MS + 3).await;
    }
    assert_eq!(read, ["4", "3", "2", "1"], "each once");
}

async fn the_audit_is_searched(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let acme = made(&*store, "acme", ann).await;
    let key = api_key(&*acme, "k").await;
    act(&*store, Actor::User(ann), "admin.user.block", "by Ann", NOW_MS + 10).await;
    act(&*acme, Actor::ApiKey(key.id), "admin.user.unblock", "by a key", NOW_MS + 20).await;
    act(&*store, Actor::User(ann), "admin.users", "alike", NOW_MS + 30).await;
    act(&*store, Actor::User(ann), "admin_user.block", "a wildcard", NOW_MS + 40).await;

    let by = |actor: Uuid| AuditFilter { actor: Some(actor), ..AuditFilter::default() };
    assert_eq!(targets(&*store, by(ann.0)).await, ["a wildcard", "alike", "by Ann"]);
    assert_eq!(targets(&*store, by(key.id)).await, ["by a key"]);
    let called = |action: &str| AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    assert_eq!(targets(&*store, called("admin.user")).await, ["by a key", "by Ann"]);
    assert_eq!(targets(&*store, called("admin.user.block")).await, ["by Ann"]);
    assert_eq!(targets(&*store, called("admin.use")).await, [""; 0]);
    assert_eq!(targets(&*store, called("%")).await, [""; 0]);
    let from_ms = Some(NOW_MS + 10);
    let between = AuditFilter { from_ms, until_ms: Some(NOW_MS + 20), ..AuditFilter::default() };
    assert_eq!(targets(&*store, between).await, ["by Ann"], "the first moment counts, the last does not");
    let all = AuditFilter { actor: Some(ann.0), action: Some("admin".to_owned()), from_ms, until_ms: None };
    assert_eq!(targets(&*store, all).await, ["alike", "by Ann"]);

    let entries = store.audit_log(&called("admin.user"), None, 10).await.unwrap();
    let workspaces: Vec<_> = entries.iter().map(|entry| entry.workspace.as_ref().unwrap().as_str()).collect();
    assert_eq!(workspaces, ["acme", "default"]);
    let of_key = AuditActor::ApiKey { api_key_id: key.id.into(), name: Some("shop".to_owned()) };
    assert_eq!(entries[0].actor, of_key);
    assert_eq!(entries[1].actor, AuditActor::User { user_id: ann, name: Some(name("Ann")) });
    assert_eq!((entries[1].address.as_str(), entries[1].created_at.unix_ms()), ("192.0.2.1", NOW_MS + 10));
}

async fn rooms_of_all_workspaces_are_listed(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let acme = made(&*store, "acme", ann).await;
    room(&*store, "alpha", Some(5)).await;
    let talk = store.create_room(&new_room("talk", None, Some(ann)), &audit()).await.unwrap().unwrap();
    room(&*acme, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    enter(&*store, talk.id, bob).await;
    store.admit(talk.id, ann, None).await.unwrap();
    say(&*store, talk.id, ann, "hello", "1").await;

    let rooms = store.all_rooms(None, 10).await.unwrap();
    let names: Vec<_> = rooms.iter().map(|room| format!("{}/{}", room.workspace, room.slug)).collect();
    assert_eq!(names, ["acme/talk", "default/alpha", "default/talk"]);
    let of_talk = &rooms[2];
    assert_eq!((of_talk.participant_count, of_talk.in_call_count, of_talk.member_count), (2, 1, 1));
    assert_eq!((of_talk.last_message_at.unwrap().unix_ms(), of_talk.capacity), (NOW_MS, None));
    assert_eq!((rooms[1].capacity, rooms[1].participant_count, rooms[1].last_message_at), (Some(5), 0, None));
    let next = store.all_rooms(Some(("acme", "talk")), 1).await.unwrap();
    assert_eq!(next[0].slug.as_str(), "alpha");
    assert!(store.all_rooms(Some(("default", "talk")), 1).await.unwrap().is_empty());
}

async fn who_is_in_rooms_of_all_workspaces_is_listed(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    store.set_role(bob, Role::Admin, &audit()).await.unwrap();
    let acme = made(&*store, "acme", ann).await;
    let (talk, of_acme) = (room(&*store, "talk", None).await, room(&*acme, "talk", None).await);
    for who in [ann, bob] {
        enter(&*store, talk.id, who).await;
    }
    enter(&*acme, of_acme.id, ann).await;
    store.admit(talk.id, ann, None).await.unwrap();

    let (mut after, mut seen) = (None, Vec::new());
    while let Some((room_id, found)) = store.all_participants(after, 1).await.unwrap().pop() {
        after = Some((room_id, found.participant_id));
        seen.push(found);
    }
    let of = |who, workspace: &str| {
        let found = seen.iter().filter(|seen| seen.user_id == who && seen.workspace.as_str() == workspace);
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), 1);
        found[0]
    };
    assert_eq!(seen.len(), 3);
    assert!(of(ann, "default").in_call && !of(bob, "default").in_call && !of(ann, "acme").in_call);
    use boltorezka_proto::rest::RoomRole::{Member, Owner};
    let roles = [of(ann, "default"), of(bob, "default"), of(ann, "acme")].map(|seen| seen.role);
    assert_eq!(roles, [Member, Owner, Owner]);
    assert!(seen.iter().all(|seen| seen.connection.is_none() && !seen.hidden && seen.joined_at.unix_ms() == NOW_MS));
}

async fn what_waits_is_listed_without_what_it_says(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let acme = made(&*store, "acme", ann).await;
    let talk = room(&*acme, "talk", None).await;
    enter(&*acme, talk.id, ann).await;
    say(&*acme, talk.id, ann, "a secret", "1").await;
    let gone = room(&*store, "gone", None).await;
    store.delete_room(gone.id, &audit()).await.unwrap();

    let waiting = store.outbox(None, 10).await.unwrap();
    let seen: Vec<_> = waiting.iter().map(|row| (row.topic, row.kind.as_str())).collect();
    assert_eq!(seen, [(OutboxTopic::Gateway, "messageNew"), (OutboxTopic::Media, "closeRoom")]);
    let workspaces: Vec<_> = waiting.iter().map(|row| row.workspace.as_ref().unwrap().as_str()).collect();
    assert_eq!(workspaces, ["acme", "default"]);
    assert!(!serde_json::to_string(&waiting).unwrap().contains("a secret"));
    let next = store.outbox(Some(waiting[0].id), 10).await.unwrap();
    assert_eq!(next, waiting[1..]);
    store.events_told(&[waiting[0].id], NOW_MS).await.unwrap();
    store.orders_applied(waiting[1].id, NOW_MS).await.unwrap();
    assert!(store.outbox(None, 10).await.unwrap().is_empty());
}

async fn dead_letters_of_all_workspaces_are_listed(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let acme = made(&*store, "acme", ann).await;
    let url = "https://a.example/hook?key=hunter22".to_owned();
    let new = NewWebhook { url, events: vec![WebhookEventType::RoomCreated], secret: [7; 32] };
    let of_acme = acme.create_webhook(&new, None, &audit()).await.unwrap().unwrap();
    store.create_webhook(&new, None, &audit()).await.unwrap().unwrap();
    for slug in ["one", "two"] {
        room(&*acme, slug, None).await;
    }
    room(&*store, "waits", None).await;
    for delivery in store.take_due_deliveries(NOW_MS, NOW_MS + 1, 10, 10).await.unwrap() {
        let next_attempt_at_ms = (delivery.webhook_id != of_acme.id).then_some(NOW_MS + 5000);
        let failed = FailedDelivery { error: "no answer".to_owned(), next_attempt_at_ms, disables: false };
        store.delivery_failed(&delivery, &failed, NOW_MS).await.unwrap();
    }
    let dead = store.dead_letters(None, 10).await.unwrap();
    assert_eq!(dead.len(), 2, "what is tried again is no dead letter");
    for letter in &dead {
        assert_eq!((letter.workspace.as_str(), letter.webhook_id), ("acme", of_acme.id));
        assert_eq!((letter.url.as_str(), letter.attempts), ("https://a.example/hook", 1));
        assert_eq!(letter.last_error.as_deref(), Some("no answer"));
    }
    let next = store.dead_letters(Some((dead[0].webhook_id, dead[0].event_id)), 10).await.unwrap();
    assert_eq!(next, dead[1..]);
    acme.replay_webhook(of_acme.id, &audit()).await.unwrap().unwrap();
    assert!(store.dead_letters(None, 10).await.unwrap().is_empty());
}
