use boltorezka_proto::ParticipantId;
use boltorezka_proto::call::EndReason;

use super::database::Database;
use super::people::{NOW_MS, enter, room, user};
use crate::auth::{TokenHash, hash_token};
use crate::store::NewWhipSession;
use crate::whip::Kind;

on_every_database!(a_session_is_the_participants_only_one, an_offer_is_renewed_from_the_one_before);

fn session(token_hash: TokenHash, participant_id: ParticipantId) -> NewWhipSession<'static> {
    NewWhipSession { token_hash, participant_id, kind: Kind::Whep, offer: "first", now_ms: NOW_MS }
}

async fn a_session_is_the_participants_only_one(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (talk, other) = (room(&*store, "talk", None).await, room(&*store, "other", None).await);
    let seat = enter(&*store, talk.id, ann).await.participant_id;
    let (a, b) = (hash_token("a"), hash_token("b"));
    assert!(!store.put_whip_session(&session(a, ParticipantId::generate())).await.unwrap());
    assert!(!store.has_whip_session(seat).await.unwrap());
    assert!(store.put_whip_session(&session(a, seat)).await.unwrap());
    assert!(store.put_whip_session(&session(b, seat)).await.unwrap());
    assert!(store.whip_session(a).await.unwrap().is_none());
    let kept = store.whip_session(b).await.unwrap().unwrap();
    assert_eq!((kept.participant_id, kept.room_id, kept.user_id), (seat, talk.id, ann));
    assert_eq!((kept.kind, kept.offer.as_str(), kept.generation), (Kind::Whep, "first", 1));
    assert_eq!(store.whip_sessions_elsewhere(ann, talk.id).await.unwrap(), 0);
    assert_eq!(store.whip_sessions_elsewhere(ann, other.id).await.unwrap(), 1);
    store.leave(seat, EndReason::Left, NOW_MS).await.unwrap();
    assert!(store.whip_session(b).await.unwrap().is_none(), "goes with its seat");
}

async fn an_offer_is_renewed_from_the_one_before(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let seat = enter(&*store, talk.id, ann).await.participant_id;
    let hash = hash_token("a");
    store.put_whip_session(&session(hash, seat)).await.unwrap();
    assert!(store.renew_whip_session(hash, 1, "second").await.unwrap());
    assert!(!store.renew_whip_session(hash, 1, "third").await.unwrap());
    let kept = store.whip_session(hash).await.unwrap().unwrap();
    assert_eq!((kept.offer.as_str(), kept.generation), ("second", 2));
    assert!(store.has_whip_session(seat).await.unwrap());
}
