//! Who and what the cases need.

use boltorezka_proto::rest::RoomKind;
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::{DisplayName, MessageText, RoomId, RoomSlug, RoomTitle, UserId};

use uuid::Uuid;

use crate::auth::hash_token;
use crate::calls::PermissionBits;
use crate::store::{
    Actor, ApiKeyRecord, Audit, Join, JoinRequest, NewAccount, NewApiKey, NewMessage, NewRoom, NewSession,
    ParticipantRecord, RoomRecord, SendOutcome, Store,
};

pub const NOW_MS: i64 = 1_800_000_000_000;
pub const ALL: PermissionBits = PermissionBits(31);

pub fn name(text: &str) -> DisplayName {
    DisplayName::new(text).unwrap()
}

pub fn slug(text: &str) -> RoomSlug {
    RoomSlug::new(text).unwrap()
}

pub fn text(text: &str) -> MessageText {
    MessageText::new(text).unwrap()
}

pub fn account(who: &str) -> NewAccount {
    let email = format!("{}@example.org", who.to_lowercase());
    NewAccount { email, password_hash: format!("hash of {who}"), display_name: name(who), pending: false, mail: None }
}

pub fn audit() -> Audit {
    Audit { actor: Actor::OwnerLink, address: "192.0.2.1".to_owned(), now_ms: NOW_MS }
}

pub async fn user(store: &dyn Store, who: &str) -> UserId {
    store.register(&account(who), NOW_MS).await.unwrap().unwrap().user.id
}

pub fn new_session(token: &str, user_id: UserId, expires_at_ms: i64) -> NewSession {
    let hash = hash_token(token);
    let (address, user_agent) = (None, None);
    NewSession { hash, user_id, credentials_rev: 0, address, user_agent, now_ms: NOW_MS, expires_at_ms }
}

pub async fn session(store: &dyn Store, token: &str, user_id: UserId) -> Uuid {
    store.create_session(&new_session(token, user_id, NOW_MS + 1000)).await.unwrap().unwrap()
}

pub async fn api_key(store: &dyn Store, key: &str) -> ApiKeyRecord {
    let key = NewApiKey { hash: hash_token(key), name: "shop".to_owned(), scopes: None };
    store.create_api_key(&key, &audit()).await.unwrap()
}

pub fn new_room(name: &str, capacity: Option<u32>, owner: Option<UserId>) -> NewRoom {
    let title = RoomTitle::new(name).unwrap();
    let settings = RoomSettingsChange::default();
    NewRoom { slug: slug(name), title, kind: RoomKind::Video, capacity, settings, owner }
}

pub async fn room(store: &dyn Store, name: &str, capacity: Option<u32>) -> RoomRecord {
    store.create_room(&new_room(name, capacity, None), &audit()).await.unwrap().unwrap()
}

pub fn entry(room_id: RoomId, user_id: UserId) -> JoinRequest {
    JoinRequest { room_id, user_id, only_room: None, token_permissions: ALL, whip: None, now_ms: NOW_MS }
}

/// Somebody who is in already stays.
pub async fn enter(store: &dyn Store, room_id: RoomId, user_id: UserId) -> ParticipantRecord {
    match store.join(entry(room_id, user_id)).await.unwrap() {
        Join::In(record) => record,
        other => panic!("{other:?}"),
    }
}

pub fn message<'a>(room_id: RoomId, sender_id: UserId, text: &'a MessageText, key: &'a str) -> NewMessage<'a> {
    let (reply_to, mentions, attachments) = (None, &[] as &[_], &[] as &[_]);
    NewMessage { room_id, sender_id, text, reply_to, mentions, attachments, idempotency_key: key, now_ms: NOW_MS }
}

/// Says something new.
pub async fn say(store: &dyn Store, room_id: RoomId, sender_id: UserId, what: &str, key: &str) {
    let outcome = store.send_message(message(room_id, sender_id, &text(what), key)).await.unwrap();
    assert!(matches!(outcome, SendOutcome::Stored(_)), "{outcome:?}");
}
