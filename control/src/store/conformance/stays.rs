use std::sync::Arc;

use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::Role;
use boltorezka_proto::webhooks::{WebhookBody, WebhookEvent, WebhookEventType};
use boltorezka_proto::workspaces::{OptionalFeature, WorkspaceRole};
use boltorezka_proto::{ParticipantId, RoomId, UserId};

use super::database::Database;
use super::people::{NOW_MS, audit, enter, entry, room, slug, user};
use super::workspaces::{made, take_in};
use crate::auth::hash_token;
use crate::calls::MediaOrder;
use crate::store::{Join, NewWebhook, NewWhipSession, ParticipantRecord, Store};
use crate::whip::Kind;

on_every_database!(however_a_stay_ends_it_ends_once_and_whole, a_workspace_ends_every_stay_in_it);

/// How stays end.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    Leaving,
    Session,
    Kick,
    Ban,
    RoomHidden,
    Move,
    Block,
    PlannedErasure,
    Erasure,
    MemberRemoved,
    WhipOff,
    CallsOff,
    RoomDeleted,
}

const ALL: [Way; 13] = [
    Way::Leaving,
    Way::Session,
    Way::Kick,
    Way::Ban,
    Way::RoomHidden,
    Way::Move,
    Way::Block,
    Way::PlannedErasure,
    Way::Erasure,
    Way::MemberRemoved,
    Way::WhipOff,
    Way::CallsOff,
    Way::RoomDeleted,
];

impl Way {
    /// What the media node and webhooks are told.
    fn reason(self) -> EndReason {
        match self {
            Self::Leaving | Self::Session => EndReason::Left,
            Self::Kick | Self::Move => EndReason::Kicked,
            Self::Ban => EndReason::Banned,
            Self::RoomHidden | Self::Block | Self::PlannedErasure | Self::Erasure | Self::MemberRemoved => {
                EndReason::Revoked
            }
            Self::WhipOff | Self::CallsOff => EndReason::FeatureDisabled,
            Self::RoomDeleted => EndReason::RoomDeleted,
        }
    }

    /// What comes before the stays.
    async fn prepare(self, home: &dyn Store, people: &[UserId]) {
        for who in people {
            if self == Self::Erasure {
                home.plan_erasure(*who, NOW_MS, NOW_MS).await.unwrap();
            }
        }
    }

    async fn end(self, home: &dyn Store, here: &dyn Store, stays: &[ParticipantRecord]) {
        for stay in stays {
            let (room_id, id, user_id) = (stay.room_id, stay.participant_id, stay.user_id);
            match self {
                Self::Leaving | Self::Session | Self::RoomHidden => {
                    here.leave(id, self.reason(), NOW_MS).await.map(drop).unwrap();
                }
                Self::Kick | Self::Ban => here.expel(room_id, id, self.reason(), &audit()).await.map(drop).unwrap(),
                Self::Move => {
                    here.move_out(room_id, id, &slug("other"), self.reason(), &audit()).await.map(drop).unwrap();
                }
                Self::Block => home.block(user_id, Role::SuperAdmin, &audit()).await.map(drop).unwrap(),
                Self::PlannedErasure => home.plan_erasure(user_id, NOW_MS + 10, NOW_MS).await.map(drop).unwrap(),
                Self::Erasure => home.erase_one(NOW_MS).await.map(drop).unwrap(),
                Self::MemberRemoved => {
                    here.remove_workspace_member(user_id, WorkspaceRole::Owner, &audit()).await.map(drop).unwrap();
                }
                Self::WhipOff => here.set_feature(OptionalFeature::Whip, false, &audit()).await.map(drop).unwrap(),
                Self::CallsOff => here.set_feature(OptionalFeature::Calls, false, &audit()).await.map(drop).unwrap(),
                Self::RoomDeleted => here.delete_room(room_id, &audit()).await.map(drop).unwrap(),
            }
        }
    }

    /// That of the media node's orders, which is one for each whom it served; a room that goes is closed with all.
    fn orders(self, room: RoomId, admitted: ParticipantId) -> Vec<MediaOrder> {
        let reason = self.reason();
        if self == Self::RoomDeleted {
            return vec![MediaOrder::CloseRoom { room, reason }];
        }
        vec![MediaOrder::Revoke { participant_id: admitted, reason }]
    }
}

async fn orders_after(store: &dyn Store, rev: u64) -> Vec<MediaOrder> {
    let rows = store.orders(rev, 100).await.unwrap();
    rows.iter().map(|row| serde_json::from_str(&row.payload).unwrap()).collect()
}

/// Who was told to have left since this was asked last: in the order of the participants.
async fn told(store: &dyn Store) -> Vec<(ParticipantId, UserId, String, EndReason)> {
    let due = store.take_due_deliveries(NOW_MS, NOW_MS + 60_000, 100, 100).await.unwrap();
    let mut told: Vec<_> = due
        .iter()
        .map(|delivery| match serde_json::from_str::<WebhookBody>(&delivery.body).unwrap().event {
            WebhookEvent::ParticipantLeft { room, participant_id, user_id, reason } => {
                (participant_id, user_id, room.as_str().to_owned(), reason)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_by_key(|(participant_id, ..)| *participant_id);
    told
}

/// A workspace with a webhook that is told of who leaves.
async fn workspace(store: &dyn Store) -> Arc<dyn Store> {
    let owner = user(store, "Owner").await;
    let here = made(store, "acme", owner).await;
    let events = vec![WebhookEventType::ParticipantLeft];
    for workspace in [&*here, store] {
        let webhook = NewWebhook { url: "https://a.example/".to_owned(), events: events.clone(), secret: [7; 32] };
        workspace.create_webhook(&webhook, None, &audit()).await.unwrap().unwrap();
    }
    here
}

async fn however_a_stay_ends_it_ends_once_and_whole(database: Database) {
    let home = database.open().await;
    let here = workspace(&*home).await;
    let next = user(&*home, "Next").await;
    take_in(&*here, next, WorkspaceRole::Member).await;
    for way in ALL {
        let place = format!("{way:?}").to_lowercase();
        let talk = room(&*here, &place, Some(2)).await.id;
        let (ann, bob) = (user(&*home, &format!("Ann-{place}")).await, user(&*home, &format!("Bob-{place}")).await);
        for who in [ann, bob] {
            take_in(&*here, who, WorkspaceRole::Member).await;
        }
        way.prepare(&*home, &[ann, bob]).await;
        // One of them is in the call.
        let stays = [enter(&*here, talk, ann).await, enter(&*here, talk, bob).await];
        if matches!(way, Way::Session | Way::WhipOff | Way::CallsOff) {
            for stay in &stays {
                let (participant_id, now_ms) = (stay.participant_id, NOW_MS);
                let token_hash = hash_token(&participant_id.to_string());
                let session = NewWhipSession { token_hash, participant_id, kind: Kind::Whip, offer: "v=0", now_ms };
                assert!(here.put_whip_session(&session).await.unwrap());
            }
        }
        here.admit(talk, ann, None).await.unwrap();
        assert!(matches!(here.join(entry(talk, next)).await.unwrap(), Join::Full { .. }), "{way:?}");
        let rev = home.orders(0, 1000).await.unwrap().last().map_or(0, |row| row.id);

        // Twice is once.
        way.end(&*home, &*here, &stays).await;
        way.end(&*home, &*here, &stays).await;

        let left = home.participants().await.unwrap();
        assert!(!left.iter().any(|stay| stay.room_id == talk), "{way:?}: {left:?}");
        assert_eq!(orders_after(&*home, rev).await, way.orders(talk, stays[0].participant_id), "{way:?}");
        let mut expected: Vec<_> =
            stays.iter().map(|stay| (stay.participant_id, stay.user_id, place.clone(), way.reason())).collect();
        expected.sort_by_key(|(participant_id, ..)| *participant_id);
        if way == Way::RoomDeleted {
            // The webhook's `room.deleted` says it for all.
            expected.clear();
        }
        assert_eq!(told(&*home).await, expected, "{way:?}");
        for feature in [OptionalFeature::Whip, OptionalFeature::Calls] {
            here.set_feature(feature, true, &audit()).await.unwrap();
        }
        let seat = here.join(entry(talk, next)).await.unwrap();
        assert_eq!(matches!(seat, Join::In(_)), way != Way::RoomDeleted, "{way:?}: {seat:?}");
        if let Join::In(record) = seat {
            here.leave(record.participant_id, EndReason::Left, NOW_MS).await.unwrap();
            told(&*home).await;
        }
    }
}

/// Its webhooks go with it: nobody is left to be told.
async fn a_workspace_ends_every_stay_in_it(database: Database) {
    let home = database.open().await;
    let here = workspace(&*home).await;
    let ann = user(&*home, "Ann").await;
    take_in(&*here, ann, WorkspaceRole::Member).await;
    let talk = room(&*here, "talk", None).await.id;
    enter(&*here, talk, ann).await;
    here.admit(talk, ann, None).await.unwrap();
    assert!(here.delete_workspace(&audit()).await.unwrap());
    assert!(home.participants().await.unwrap().is_empty());
    let closed = MediaOrder::CloseRoom { room: talk, reason: EndReason::RoomDeleted };
    assert_eq!(orders_after(&*home, 0).await, [closed]);
    assert!(told(&*home).await.is_empty());
}
