use boltorezka_proto::{MessageId, ReportId, ReportReason, Timestamp};

use super::chat_changes::{change, changed, said};
use super::database::{Database, at_once};
use super::people::{NOW_MS, audit, enter, room, text, user};
use super::workspaces::made;
use crate::store::{Change, NewReport};

on_every_database!(a_report_keeps_what_was_said, reports_come_in_pages_and_are_resolved_once);

async fn a_report_keeps_what_was_said(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let beta = made(&*store, "beta", cid).await;
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    enter(&*store, talk, ann).await;
    let message = said(&*store, talk, ann, "something bad", "k").await;
    let reason = ReportReason::new("spam").unwrap();
    let new = |room_id, message_id, reporter_id| NewReport {
        room_id,
        message_id,
        reporter_id,
        reason: &reason,
        now_ms: NOW_MS,
    };
    for nothing in [new(other, message.id, bob), new(talk, MessageId::generate(), bob)] {
        assert!(!store.report_message(nothing).await.unwrap());
    }
    assert!(!beta.report_message(new(talk, message.id, bob)).await.unwrap(), "it is of another workspace");
    // Once of an account, also of those who race.
    let tries = (0..4).map(|_| {
        let (store, id, reason) = (store.clone(), message.id, ReportReason::new("spam").unwrap());
        async move {
            let new = NewReport { room_id: talk, message_id: id, reporter_id: bob, reason: &reason, now_ms: NOW_MS };
            store.report_message(new).await.unwrap()
        }
    });
    assert!(at_once(tries).await.into_iter().all(|reported| reported));
    let next = text("something nice");
    changed(&*store, change(&message, talk, ann, Change::Edit { text: &next, mentions: &[] })).await;
    assert!(store.report_message(new(talk, message.id, cid)).await.unwrap());
    changed(&*store, change(&message, talk, ann, Change::Delete { audit: audit() })).await;
    assert!(store.report_message(new(talk, message.id, bob)).await.unwrap(), "it is reported");
    assert!(!store.report_message(new(talk, message.id, ann)).await.unwrap(), "it is gone");
    let kept = store.reports(None, 10).await.unwrap();
    let texts: Vec<_> = kept.iter().map(|report| (report.reporter_id, report.text.as_str())).collect();
    assert_eq!(texts, [(cid, "something nice"), (bob, "something bad")], "as each of them saw it");
    assert_eq!((kept[1].sender_name.as_str(), kept[1].reporter_name.as_str()), ("Ann", "Bob"));
    assert!(beta.reports(None, 10).await.unwrap().is_empty());
    for gone in [ann, bob] {
        store.plan_erasure(gone, NOW_MS, NOW_MS).await.unwrap();
        store.erase_one(NOW_MS).await.unwrap();
    }
    let left = &store.reports(None, 10).await.unwrap()[1];
    assert_eq!(
        (left.sender_name.as_str(), left.reporter_name.as_str(), left.text.as_str()),
        ("deleted account", "deleted account", "something bad")
    );
    store.delete_room(talk, &audit()).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM reports").await, 0);
}

async fn reports_come_in_pages_and_are_resolved_once(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let beta = made(&*store, "beta", bob).await;
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    let reason = ReportReason::new("spam").unwrap();
    for n in 0..3 {
        let message_id = said(&*store, talk, ann, &format!("message {n}"), &format!("k{n}")).await.id;
        let new = NewReport { room_id: talk, message_id, reporter_id: bob, reason: &reason, now_ms: NOW_MS };
        assert!(store.report_message(new).await.unwrap());
    }
    let all = store.reports(None, 10).await.unwrap();
    assert_eq!(
        all.iter().map(|report| report.text.as_str()).collect::<Vec<_>>(),
        ["message 2", "message 1", "message 0"]
    );
    assert_eq!(store.reports(None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.reports(Some(all[1].id), 2).await.unwrap(), all[2..]);
    assert!(beta.resolve_report(all[0].id, &audit()).await.unwrap().is_none(), "it is of another workspace");
    assert!(store.resolve_report(ReportId::generate(), &audit()).await.unwrap().is_none());
    let later = crate::store::Audit { now_ms: NOW_MS + 5, ..audit() };
    for audit in [audit(), later] {
        let resolved = store.resolve_report(all[0].id, &audit).await.unwrap().unwrap();
        assert_eq!(resolved.resolved_at, Some(Timestamp::from_unix_ms(NOW_MS)));
    }
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'chat.report.resolve'").await, 1);
    store.drop_old_reports(NOW_MS).await.unwrap();
    assert_eq!(store.reports(None, 10).await.unwrap().len(), 3);
    store.drop_old_reports(NOW_MS + 1).await.unwrap();
    assert_eq!(store.reports(None, 10).await.unwrap(), all[1..], "what is open stays");
}
