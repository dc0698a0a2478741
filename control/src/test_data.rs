//! What a test environment needs: people, rooms of each kind, and messages in them.

use std::net::{IpAddr, Ipv4Addr};

use boltorezka_proto::call::{EndReason, MediaPermissions};
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::{DisplayName, MessageId, MessageText, RoomSlug, UserId};
use thiserror::Error;

use crate::app::App;
use crate::error::ApiError;
use crate::seed::{ROOMS, seed};
use crate::store::{Actor, Audit, Join, JoinRequest, NewAccount, NewMessage, RoomRecord, SendOutcome, StoreError};

/// Of every account that is made. It is in this file for everybody to read.
pub const PASSWORD: &str = "for tests only";

/// Address, name, role on the server, and role in each room, where there is one of its own. `.test` is nobody's (RFC 6761).
const PEOPLE: [(&str, &str, Role, Option<RoomRole>); 5] = [
    ("admin@boltorezka.test", "Ada Admin", Role::Admin, None),
    ("mod@boltorezka.test", "Mo Moderator", Role::User, Some(RoomRole::Moderator)),
    ("ann@boltorezka.test", "Ann", Role::User, None),
    ("bob@boltorezka.test", "Bob", Role::User, None),
    ("listener@boltorezka.test", "Lin Listener", Role::User, Some(RoomRole::Listener)),
];

/// Who says what in each room: a place in [`PEOPLE`], the text, and whether it answers the one before.
const MESSAGES: [(usize, &str, bool); 5] = [
    (2, "Hello! Is anybody here?", false),
    (3, "I am.", true),
    (0, "Welcome to the test environment. See https://example.org for nothing at all.", false),
    (1, "Ключ на старт! 🚀", false),
    (
        2,
        "A longer message, so that a line breaks somewhere:\nit has two lines, and the second of them goes on for a while.",
        false,
    ),
];

/// Accounts that are read at once, to see whose they are.
const ACCOUNTS_AT_ONCE: u32 = 100;

/// What is there now, and how much of it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestData {
    /// Addresses, with the role of each.
    pub accounts: Vec<(&'static str, Role)>,
    /// Accounts that were made.
    pub accounts_made: u32,
    /// Slugs.
    pub rooms: Vec<&'static str>,
    /// Rooms that were made.
    pub rooms_made: u32,
    /// Messages that were sent.
    pub messages_made: u32,
    /// Of the accounts that were made.
    pub password: &'static str,
}

/// Why nothing, or not all, was made.
#[derive(Debug, Error)]
pub enum TestDataError {
    /// People may be using it.
    #[error(
        "the database holds accounts that this command did not make, such as {0}: everybody knows the password of those \
         that it makes. Use another database, or give --force"
    )]
    OthersAreHere(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An account cannot be made.
    #[error("an account cannot be made: {}", .0.message())]
    Account(ApiError),
    /// A text of this file breaks a rule.
    #[error("{0} breaks a rule of this server")]
    Text(&'static str),
}

/// Makes what is missing. With accounts of others in the database it is refused, unless `force`.
///
/// # Errors
/// [`TestDataError`]. What was made before stays, and another run goes on from there.
pub async fn make(app: &App, force: bool) -> Result<TestData, TestDataError> {
    if !force && let Some(email) = somebody_else(app).await? {
        return Err(TestDataError::OthersAreHere(email));
    }
    let mut made = TestData { password: PASSWORD, rooms_made: seed(app).await?, ..TestData::default() };
    let mut people = Vec::new();
    for (email, name, role, _) in PEOPLE {
        people.push(person(app, email, name, role, &mut made).await?);
    }
    for (slug, ..) in ROOMS {
        let name = RoomSlug::new(slug).map_err(|_| TestDataError::Text(slug))?;
        let Some(room) = app.store.room(&name).await? else { continue };
        made.rooms.push(slug);
        for (user_id, (.., role)) in people.iter().zip(PEOPLE) {
            let Some(role) = role else { continue };
            if app.store.standing(room.id, *user_id).await?.is_none_or(|standing| standing.role != role) {
                app.store.set_member(room.id, *user_id, role, &audit(app)).await?;
            }
        }
        made.messages_made += talk(app, &room, &people).await?;
    }
    Ok(made)
}

/// The address of an account that is not one of ours.
async fn somebody_else(app: &App) -> Result<Option<String>, StoreError> {
    let mut after = None;
    loop {
        let accounts = app.store.users(after, ACCOUNTS_AT_ONCE).await?;
        let is_ours = |email: &str| PEOPLE.iter().any(|(ours, ..)| *ours == email);
        if let Some(other) = accounts.iter().find(|account| !is_ours(&account.user.email)) {
            return Ok(Some(other.user.email.clone()));
        }
        match accounts.last() {
            Some(last) => after = Some(last.user.id),
            None => return Ok(None),
        }
    }
}

async fn person(
    app: &App,
    email: &'static str,
    name: &'static str,
    role: Role,
    made: &mut TestData,
) -> Result<UserId, TestDataError> {
    made.accounts.push((email, role));
    let known = app.store.user_by_email(email).await?;
    let record = match known {
        Some(record) => record,
        None => {
            let display_name = DisplayName::new(name).map_err(|_| TestDataError::Text(name))?;
            let password_hash = app.passwords.hash(PASSWORD.to_owned()).await.map_err(TestDataError::Account)?;
            let account =
                NewAccount { email: email.to_owned(), password_hash, display_name, pending: false, mail: None };
            let record = app.store.register(&account, app.clock.now_ms()).await?;
            made.accounts_made += 1;
            record.ok_or(TestDataError::Text(email))?
        }
    };
    if record.user.role < role {
        app.store.set_role(record.user.id, role, &audit(app)).await?;
    }
    Ok(record.user.id)
}

/// Has the messages of a room sent that are missing. Returns how many were.
async fn talk(app: &App, room: &RoomRecord, people: &[UserId]) -> Result<u32, TestDataError> {
    let (mut sent, mut before): (u32, Option<MessageId>) = (0, None);
    for (number, (who, text, answers)) in MESSAGES.into_iter().enumerate() {
        let Some(sender_id) = people.get(who).copied() else { continue };
        let text = MessageText::new(text).map_err(|_| TestDataError::Text(text))?;
        let now_ms = app.clock.now_ms();
        let entry = JoinRequest {
            room_id: room.id,
            user_id: sender_id,
            only_room: None,
            token_permissions: MediaPermissions::ALL.into(),
            whip: None,
            now_ms,
        };
        let Join::In(seat) = app.store.join(entry).await? else { continue };
        let key = format!("test-data-{}-{number}", room.slug);
        let message = NewMessage {
            room_id: room.id,
            sender_id,
            text: &text,
            reply_to: before.filter(|_| answers),
            mentions: &[],
            attachments: &[],
            idempotency_key: &key,
            now_ms,
        };
        let outcome = app.store.send_message(message).await?;
        app.store.leave(seat.participant_id, EndReason::Left, now_ms).await?;
        before = match outcome {
            SendOutcome::Stored(message) => {
                sent += 1;
                Some(message.id)
            }
            SendOutcome::Duplicate(message) => Some(message.id),
            // Somebody changed who may speak there.
            _ => None,
        };
    }
    Ok(sent)
}

fn audit(app: &App) -> Audit {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST).to_string();
    Audit { actor: Actor::OwnerLink, address, now_ms: app.clock.now_ms() }
}
