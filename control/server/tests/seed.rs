//! `boltorezka seed --test`: a test environment, made once, and not where people are.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod common;

use std::process::Output;

use boltorezka_proto::DisplayName;
use boltorezka_proto::rest::{Page, Role, RoomKind};
use boltorezka_proto::socket::Message;
use boltorezka_sdk::Client;
use common::Place;

const PASSWORD: &str = "for tests only";

fn seed(place: &Place, more: &[&str]) -> Output {
    place.command("seed", more).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_test_environment_is_made_once_and_not_among_others() {
    let place = Place::new();
    let first = seed(&place, &["--test"]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    for part in ["admin@boltorezka.test (Admin)", "room notes", "5 accounts, 3 rooms and 15 messages made", PASSWORD] {
        assert!(said(&first).contains(part), "{part:?} is missing in {:?}", said(&first));
    }
    let again = seed(&place, &["--test"]);
    assert!(again.status.success() && said(&again).contains("0 accounts, 0 rooms and 0 messages made"), "{again:?}");

    let server = place.serve(&[]);
    let (admin, user) = Client::log_in(&server.origin, "admin@boltorezka.test", PASSWORD).await.unwrap();
    assert_eq!(user.role, Role::Admin);
    let rooms = admin.rooms().await.unwrap();
    let mut kinds: Vec<RoomKind> = rooms.iter().map(|room| room.kind).collect();
    kinds.sort_by_key(|kind| format!("{kind:?}"));
    assert_eq!(kinds, [RoomKind::Text, RoomKind::Video, RoomKind::Voice]);
    for room in rooms {
        assert_eq!(room.participant_count, 0, "nobody is left inside");
        let page: Page<Message> = admin.get(&format!("/v1/rooms/{}/messages", room.slug)).await.unwrap();
        assert_eq!(page.items.len(), 5);
        assert_eq!(page.items.iter().filter(|message| message.reply_to.is_some()).count(), 1);
    }
    let name = DisplayName::new("Real").unwrap();
    Client::register(&server.origin, "real@example.org", "a long password", name).await.unwrap();
    drop(server);
    let refused = seed(&place, &["--test"]);
    let message = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{message}");
    assert!(message.contains("real@example.org") && message.contains("--force"), "{message}");
    assert!(seed(&place, &["--test", "--force"]).status.success());
    assert_eq!(seed(&place, &["--force"]).status.code(), Some(2), "only with --test");
}
