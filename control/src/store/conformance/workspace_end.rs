use boltorezka_proto::call::TrackSource;
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::webhooks::WebhookEventType;
use boltorezka_proto::workspaces::{OptionalFeature, WorkspaceRole};
use boltorezka_proto::{ReactionEmoji, RoomId, UserId, WorkspaceSlug};
use uuid::Uuid;

use super::attachments::added;
use super::chat_changes::{change, changed};
use super::custom_roles::{custom_role, hold};
use super::database::{Database, at_once};
use super::direct::direct;
use super::people::{ALL, NOW_MS, api_key, audit, enter, message, name, new_room, room, say, text, user};
use super::push::browser;
use super::room_invites::{by, invite};
use super::room_settings::set;
use super::workspaces::{made, take_in};
use crate::auth::hash_token;
use crate::calls::MediaOrder;
use crate::permissions::Grants;
use crate::store::{
    Actor, Change, Grant, MessageChange, NewMessage, NewReport, NewWebhook, NewWhipSession, SendOutcome, Store,
};
use crate::whip::Kind;

on_every_database!(
    nothing_of_a_workspace_is_left_and_its_accounts_are,
    the_default_workspace_stays,
    who_makes_a_room_meanwhile_leaves_nothing,
);

/// Of accounts and of the server, which are at home in the default workspace.
const AT_HOME: [&str; 11] = [
    "account_invites",
    "account_links",
    "mails",
    "oidc_ended",
    "oidc_links",
    "passkey_ended",
    "passkeys",
    "push_subscriptions",
    "recovery_codes",
    "second_factors",
    "sessions",
];
/// It outlives what it names.
const KEPT: &str = "audit";

/// Puts something into every table that knows workspaces. Returns the rooms.
async fn fill(store: &dyn Store, owner: UserId) -> Vec<RoomId> {
    let (bob, cid) = (user(store, &Uuid::now_v7().to_string()).await, user(store, &Uuid::now_v7().to_string()).await);
    for who in [bob, cid] {
        take_in(store, who, WorkspaceRole::Member).await;
    }
    let key = api_key(store, &Uuid::now_v7().to_string()).await;
    let visitor = store.external_user(key.id, "visitor", &name("Visitor"), NOW_MS).await.unwrap().unwrap().user.id;
    let talk = store.create_room(&new_room("talk", None, Some(owner)), &audit()).await.unwrap().unwrap();
    let other = room(store, "other", None).await;
    set(store, other.id, RoomSettingsChange { slow_mode_s: Some(60), ..Default::default() }).await;
    enter(store, other.id, cid).await;
    set(store, other.id, RoomSettingsChange { lobby: Some(true), ..Default::default() }).await;
    say(store, other.id, cid, "slowly", &Uuid::now_v7().to_string()).await;
    added(store, talk.id, owner).await;
    invite(store, talk.id, &Uuid::now_v7().to_string(), RoomRole::Listener, &by(Actor::ApiKey(key.id))).await;
    store.set_member(talk.id, bob, RoomRole::Moderator, &audit()).await.unwrap();
    for who in [owner, bob, cid, visitor] {
        enter(store, talk.id, who).await;
        store.admit(talk.id, who, None).await.unwrap();
    }
    let banned = enter(store, talk.id, cid).await.participant_id;
    store.expel(talk.id, banned, boltorezka_proto::call::EndReason::Banned, &audit()).await.unwrap().unwrap();
    let seat = enter(store, talk.id, bob).await.participant_id;
    store.mute(talk.id, seat, TrackSource::Camera, true, &audit()).await.unwrap().unwrap();
    say(store, talk.id, visitor, "from outside", &Uuid::now_v7().to_string()).await;
    browser(store, bob, &Uuid::now_v7().to_string()).await;
    let (hello, own) = (text("hello"), Uuid::now_v7().to_string());
    let mentioning = NewMessage { mentions: &[bob], ..message(talk.id, owner, &hello, &own) };
    let SendOutcome::Stored(said) = store.send_message(mentioning).await.unwrap() else { panic!("not stored") };
    let (emoji, own) = (ReactionEmoji::new("+").unwrap(), Uuid::now_v7().to_string());
    let reaction = change(&said, talk.id, bob, Change::React { emoji: &emoji, on: true });
    changed(store, MessageChange { idempotency_key: Some(&own), ..reaction }).await;
    let reason = boltorezka_proto::ReportReason::new("spam").unwrap();
    let report = NewReport { room_id: talk.id, message_id: said.id, reporter_id: bob, reason: &reason, now_ms: NOW_MS };
    assert!(store.report_message(report).await.unwrap());
    store.mark_read(talk.id, bob, 1).await.unwrap();
    let of_two = direct(store, owner, bob).await.room_id;
    enter(store, of_two, owner).await;
    say(store, of_two, owner, "between us", &Uuid::now_v7().to_string()).await;
    store.admit(of_two, owner, None).await.unwrap();
    store.call_joined(of_two, owner, NOW_MS).await.unwrap();
    store.set_block(bob, cid, true, NOW_MS).await.unwrap();
    let token_hash = hash_token(&Uuid::now_v7().to_string());
    let session = NewWhipSession { token_hash, participant_id: seat, kind: Kind::Whip, offer: "v=0", now_ms: NOW_MS };
    assert!(store.put_whip_session(&session).await.unwrap());
    let grant = Grant {
        workspace_id: store.workspace_id(),
        user_id: bob,
        session: None,
        room_id: None,
        permissions: ALL,
        expires_at_ms: NOW_MS + 45_000,
    };
    assert!(store.create_ticket(token_hash, &grant).await.unwrap());
    let webhook =
        NewWebhook { url: "https://a.example/".to_owned(), events: WebhookEventType::ALL.to_vec(), secret: [7; 32] };
    store.create_webhook(&webhook, None, &audit()).await.unwrap().unwrap();
    let role = custom_role(store, "Speaker", Grants::NONE).await;
    hold(store, bob, role.id, true).await;
    room(store, "third", None).await;
    store.set_feature(OptionalFeature::Telemetry, false, &audit()).await.unwrap();
    let third = store.room(&super::people::slug("third")).await.unwrap().unwrap().id;
    vec![talk.id, other.id, third, of_two]
}

async fn nothing_of_a_workspace_is_left_and_its_accounts_are(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (acme, beta) = (made(&*store, "acme", ann).await, made(&*store, "beta", ann).await);
    let rooms = fill(&*acme, ann).await;
    fill(&*beta, ann).await;
    let tables = database.tables_with("workspace_id").await;
    assert!(tables.len() > 20, "{tables:?}");
    let mut of_beta = Vec::new();
    for table in tables.iter().filter(|table| !AT_HOME.contains(&table.as_str())) {
        let count = database.rows_of(table, acme.workspace_id()).await;
        assert!(count > 0, "{table} holds nothing of a workspace: have fill() put something into it");
        of_beta.push((table.clone(), database.rows_of(table, beta.workspace_id()).await));
    }
    let accounts = database.count("SELECT count(*) FROM users WHERE kind = 'local'").await;
    let orders = store.orders(0, 1000).await.unwrap().len();
    let (messages, deliveries) = (
        database.count("SELECT count(*) FROM messages").await,
        database.count("SELECT count(*) FROM webhook_deliveries").await,
    );

    assert!(acme.delete_workspace(&audit()).await.unwrap());
    for table in tables.iter().filter(|table| *table != KEPT) {
        assert_eq!(database.rows_of(table, acme.workspace_id()).await, 0, "{table}");
    }
    assert!(store.workspace(&WorkspaceSlug::new("acme").unwrap()).await.unwrap().is_none());
    assert_eq!(database.count("SELECT count(*) FROM users WHERE kind = 'local'").await, accounts);
    assert_eq!(store.user(ann).await.unwrap().unwrap().user.id, ann);
    // What has no workspace of its own went with what it hangs on.
    assert_eq!(database.count("SELECT count(*) FROM messages").await, messages / 2);
    assert_eq!(database.count("SELECT count(*) FROM webhook_deliveries").await, deliveries / 2);
    assert_eq!(database.count("SELECT count(*) FROM webhook_types").await, WebhookEventType::ALL.len() as i64);
    // The other one has all that it had.
    for (table, count) in of_beta {
        assert_eq!(database.rows_of(&table, beta.workspace_id()).await, count, "{table}");
    }
    // The media node is told of each room, after all that it was to be told before.
    let told = store.orders(0, 1000).await.unwrap();
    assert_eq!(told.len(), orders + rooms.len());
    let mut closed: Vec<RoomId> = told[orders..]
        .iter()
        .map(|row| match serde_json::from_str(&row.payload).unwrap() {
            MediaOrder::CloseRoom { room, .. } => room,
            other => panic!("{other:?}"),
        })
        .collect();
    closed.sort();
    let mut rooms = rooms;
    rooms.sort();
    assert_eq!(closed, rooms);
    let entry = "SELECT target FROM audit WHERE action = 'workspaces.workspace.delete'";
    assert_eq!(database.text(entry).await, "acme");
    assert!(!acme.delete_workspace(&audit()).await.unwrap(), "it is gone");
    // The name is free again, and what is made under it is another one.
    let again = made(&*store, "acme", ann).await;
    assert_eq!(again.room_count().await.unwrap(), 0);
    assert_ne!(again.workspace_id(), acme.workspace_id());
}

async fn the_default_workspace_stays(database: Database) {
    let store = database.open().await;
    room(&*store, "talk", None).await;
    assert!(!store.delete_workspace(&audit()).await.unwrap());
    assert_eq!(store.room_count().await.unwrap(), 1);
}

async fn who_makes_a_room_meanwhile_leaves_nothing(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    for round in 0..5 {
        let acme = made(&*store, &format!("acme-{round}"), ann).await;
        room(&*acme, "talk", None).await;
        let tries = (0..6).map(|number| {
            let acme = acme.clone();
            async move {
                if number == 3 {
                    return acme.delete_workspace(&audit()).await.map(|deleted| assert!(deleted)).is_ok();
                }
                // Too late, it fails: there is no workspace to have it.
                drop(acme.create_room(&new_room(&format!("room-{number}"), None, None), &audit()).await);
                true
            }
        });
        assert!(at_once(tries).await.into_iter().all(|went| went), "the workspace is deleted in any case");
        for table in database.tables_with("workspace_id").await.iter().filter(|table| *table != KEPT) {
            assert_eq!(database.rows_of(table, acme.workspace_id()).await, 0, "{table}");
        }
    }
}
