//! What is pushed, as of the moment at which it goes: nothing that was read, deleted, or is not its reader's any more.

use boltorezka_proto::Timestamp;
use boltorezka_proto::direct::RING_MS;
use boltorezka_proto::push::{PUSH_TEXT_CHARACTERS_MAX, PushNotice};
use boltorezka_proto::workspaces::OptionalFeature;

use crate::app::App;
use crate::permissions::{Action, Who};
use crate::store::{DuePush, PushAbout, PushContent, PushTarget, StoreError};

/// Of the workspace that `app` sees. `None` when there is nothing to be told.
///
/// # Errors
/// When the database fails.
pub async fn notice(
    app: &App,
    push: &DuePush,
    target: &PushTarget,
    now_ms: i64,
) -> Result<Option<PushNotice>, StoreError> {
    let user_id = target.user_id;
    let Some((role, grants)) = app.store.membership(user_id).await? else { return Ok(None) };
    let who = Who::Account(target.role, role, grants);
    let standing = app.store.standing(push.room_id, user_id).await?;
    let action = match push.about {
        PushAbout::Message if !app.live_workspace().has(OptionalFeature::Chat) => return Ok(None),
        PushAbout::Message => Action::ListMessages,
        PushAbout::Call => Action::JoinRoom,
    };
    if action.check(who, standing).is_err() {
        return Ok(None);
    }
    Ok(app.store.push_content(push, user_id, now_ms).await?.map(shown))
}

fn shown(content: PushContent) -> PushNotice {
    match content {
        PushContent::Message {
            workspace,
            room,
            room_title,
            notification_id,
            kind,
            sender_name,
            text,
            created_at_ms,
        } => PushNotice::Message {
            workspace,
            room,
            room_title,
            notification_id,
            kind,
            sender_name,
            text: beginning(&text),
            at: Timestamp::from_unix_ms(created_at_ms),
        },
        PushContent::Ringing { workspace, room, call_id, caller_name, began_at_ms } => {
            let ends_at = Timestamp::from_unix_ms(began_at_ms.saturating_add(RING_MS));
            PushNotice::Ringing { workspace, room, call_id, caller_name, ends_at }
        }
        PushContent::MissedCall { workspace, room, notification_id, caller_name, created_at_ms } => {
            let at = Timestamp::from_unix_ms(created_at_ms);
            PushNotice::MissedCall { workspace, room, notification_id, caller_name, at }
        }
    }
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(PUSH_TEXT_CHARACTERS_MAX) {
        None => text.to_owned(),
        Some(_) => text.chars().take(PUSH_TEXT_CHARACTERS_MAX - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use boltorezka_proto::notifications::NotificationKind;
    use boltorezka_proto::{NotificationId, RoomSlug, RoomTitle, WorkspaceSlug};

    use super::*;
    use crate::push::encryption::PLAIN_BYTES_MAX;

    #[test]
    fn a_long_message_is_cut() {
        assert_eq!(beginning("hello"), "hello");
        let exact = "ü".repeat(PUSH_TEXT_CHARACTERS_MAX);
        assert_eq!(beginning(&exact), exact);
        let cut = beginning(&"ü".repeat(PUSH_TEXT_CHARACTERS_MAX + 1));
        assert_eq!((cut.chars().count(), cut.ends_with("ü…")), (PUSH_TEXT_CHARACTERS_MAX, true));
    }

    #[test]
    fn the_longest_notice_fits() {
        let notice = shown(PushContent::Message {
            workspace: WorkspaceSlug::new(&"w".repeat(40)).unwrap(),
            room: RoomSlug::new(&"r".repeat(40)).unwrap(),
            room_title: RoomTitle::new(&"\u{1F600}".repeat(80)).unwrap(),
            notification_id: NotificationId::generate(),
            kind: NotificationKind::MissedCall,
            sender_name: "\u{1F600}".repeat(80),
            text: "\u{1}".repeat(4_000),
            created_at_ms: 0,
        });
        assert!(serde_json::to_vec(&notice).unwrap().len() <= PLAIN_BYTES_MAX);
    }
}
