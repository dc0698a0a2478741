use boltorezka_proto::RoomId;

use super::chat_changes::{change, changed, said};
use super::database::{Database, at_once};
use super::people::{NOW_MS, audit, enter, room, text, user};
use super::workspaces::made;
use crate::store::migrations::{POSTGRES, SQLITE};
use crate::store::{Change, Planned, SearchWords, Store, postgres, sqlite};

on_every_database!(
    words_are_found_newest_first,
    what_changes_is_found_as_it_is_now,
    a_room_finds_its_own,
    no_query_is_an_error,
    what_was_said_before_is_indexed_by_the_migration,
    many_writers_leave_a_whole_index,
);

async fn found(store: &dyn Store, room_id: RoomId, query: &str) -> Vec<String> {
    let words = SearchWords::of(query).unwrap();
    let records = store.search(room_id, &words, None, 100).await.unwrap();
    records.into_iter().map(|record| record.message.said().to_owned()).collect()
}

async fn words_are_found_newest_first(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    let lines = [
        "The quick brown fox",
        "Быстрая лиса и ЛЕС",
        "see https://example.org/path-to_page?x=1",
        "日本語 です",
        "हिन्दी में",
        "quick, quicker: quickest!",
        "Straße nach Köln",
    ];
    for (number, line) in lines.iter().enumerate() {
        said(&*store, talk, ann, line, &number.to_string()).await;
    }
    for (query, expected) in [
        ("quick", vec![lines[5], lines[0]]),
        ("QUICK fox", vec![lines[0]]),
        ("fox quick", vec![lines[0]]),
        ("bro", vec![lines[0]]),
        ("rown", vec![]),
        ("лес", vec![lines[1]]),
        ("Лис", vec![lines[1]]),
        ("example page", vec![lines[2]]),
        ("path-to", vec![lines[2]]),
        ("日本", vec![lines[3]]),
        ("हिन्दी", vec![lines[4]]),
        ("köln strasse", vec![]),
        ("köln", vec![lines[6]]),
        ("koln", vec![]),
        ("room", vec![]),
        ("text", vec![]),
    ] {
        assert_eq!(found(&*store, talk, query).await, expected, "{query}");
    }
    // Pages: nothing twice, nothing left out, whatever is said meanwhile.
    for number in 0..7 {
        said(&*store, talk, ann, &format!("needle {number}"), &format!("n{number}")).await;
    }
    let words = SearchWords::of("needle").unwrap();
    let (mut before, mut seen) = (None, Vec::new());
    for _ in 0..4 {
        let page = store.search(talk, &words, before, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.seq);
        seen.extend(page.iter().map(|record| record.message.said().to_owned()));
        said(&*store, talk, ann, "needle again", &format!("again {}", seen.len())).await;
    }
    assert_eq!(seen, (0..7).rev().map(|number| format!("needle {number}")).collect::<Vec<_>>());
    assert!(store.search(talk, &words, Some(0), 3).await.unwrap().is_empty());
    assert_eq!(store.search(talk, &words, Some(i64::MAX), 3).await.unwrap().len(), 3);
}

async fn what_changes_is_found_as_it_is_now(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    enter(&*store, talk, bob).await;
    let one = said(&*store, talk, ann, "apples", "1").await;
    said(&*store, talk, ann, "apples and pears", "2").await;
    let pears = text("pears");
    changed(&*store, change(&one, talk, ann, Change::Edit { text: &pears, mentions: &[] })).await;
    assert_eq!(found(&*store, talk, "apples").await, ["apples and pears"]);
    assert_eq!(found(&*store, talk, "pears").await, ["apples and pears", "pears"], "in its place");
    changed(&*store, change(&one, talk, ann, Change::Delete { audit: audit() })).await;
    assert_eq!(found(&*store, talk, "pears").await, ["apples and pears"]);
    // Without its name, what an account wrote is found all the same.
    assert!(matches!(store.plan_erasure(ann, NOW_MS, NOW_MS).await.unwrap(), Planned::Done { .. }));
    assert!(store.erase_one(NOW_MS).await.unwrap().is_some());
    assert_eq!(found(&*store, talk, "pears").await, ["apples and pears"]);
    let ann_words = SearchWords::of("apples").unwrap();
    assert_eq!(store.search(talk, &ann_words, None, 1).await.unwrap()[0].message.sender_name, "deleted account");
    // What is deleted for good is gone from the index, however it goes.
    said(&*store, talk, bob, "plums", "1").await;
    database.execute("DELETE FROM messages WHERE text = 'apples and pears'").await;
    assert!(found(&*store, talk, "pears").await.is_empty());
    assert_eq!(found(&*store, talk, "plums").await, ["plums"]);
    assert!(store.delete_room(talk, &audit()).await.unwrap());
    assert!(found(&*store, talk, "plums").await.is_empty());
    if let Database::Sqlite(_) = database {
        assert_eq!(database.count("SELECT count(*) FROM message_search_entries").await, 0);
        assert_eq!(database.count("SELECT count(*) FROM message_search WHERE message_search MATCH 'plums'").await, 0);
        whole(&database).await;
    }
}

/// Fails when the index does not fit itself.
async fn whole(database: &Database) {
    database.execute("INSERT INTO message_search (message_search) VALUES ('integrity-check')").await;
    assert_eq!(database.text("PRAGMA integrity_check").await, "ok");
    let (entries, messages) = (
        database.count("SELECT count(*) FROM message_search_entries").await,
        database.count("SELECT count(*) FROM messages WHERE deleted_at IS NULL").await,
    );
    assert_eq!(entries, messages);
}

async fn a_room_finds_its_own(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let acme = made(&*store, "acme", ann).await;
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    let of_acme = room(&*acme, "talk", None).await.id;
    for (store, room_id, what) in
        [(&store, talk, "secret of talk"), (&store, other, "secret of other"), (&acme, of_acme, "secret of acme")]
    {
        enter(&**store, room_id, ann).await;
        said(&**store, room_id, ann, what, what).await;
    }
    assert_eq!(found(&*store, talk, "secret").await, ["secret of talk"]);
    assert_eq!(found(&*store, other, "secret").await, ["secret of other"]);
    assert_eq!(found(&*acme, of_acme, "secret").await, ["secret of acme"]);
    assert!(found(&*store, of_acme, "secret").await.is_empty(), "a view of one workspace finds nothing of another");
    assert!(found(&*store, talk, &other.0.simple().to_string()).await.is_empty());
    assert!(found(&*store, talk, &talk.0.simple().to_string()).await.is_empty(), "a room's id is no word of it");
}

async fn no_query_is_an_error(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    said(&*store, talk, ann, "and or not near the text", "1").await;
    let long = "x".repeat(10_000);
    let many = "ab ".repeat(70);
    for query in [
        "AND",
        "a OR",
        "NOT",
        "NEAR(the, text)",
        "{text}: the",
        "\"the",
        "the'",
        "'x':* & !the",
        "the:*",
        "the*",
        "^the",
        "-the",
        "the\\",
        "x\0y",
        "((((x",
        "% _ x",
        "Ⓐ",
        "½",
        "a\u{301}",
        "\u{202e}x",
        "🦀 x",
        "١٢٣",
        &long,
        &many,
    ] {
        let Some(words) = SearchWords::of(query) else { continue };
        store.search(talk, &words, None, 10).await.unwrap_or_else(|error| panic!("{query:?}: {error}"));
    }
    for query in ["AND", "near THE", "\"the\" text*", "not:the"] {
        assert_eq!(found(&*store, talk, query).await.len(), 1, "{query}");
    }
}

async fn what_was_said_before_is_indexed_by_the_migration(database: Database) {
    // The schema of before: without a search, written by SQL since no store of today fits it.
    match &database {
        Database::Sqlite(_) => {
            let writer = sqlite::writer(&database.sqlite_path()).await.unwrap();
            sqlite::migrate(&writer, &SQLITE[..6]).await.unwrap();
            writer.close().await;
        }
        Database::Postgres(_) => {
            postgres::migrate(&postgres::options(&database.url()).unwrap(), &POSTGRES[..6]).await.unwrap();
        }
    }
    let id = |digit: char| {
        let hex = format!("018f000000007000800000000000000{digit}");
        match &database {
            Database::Sqlite(_) => format!("x'{hex}'"),
            Database::Postgres(_) => format!("'{hex}'"),
        }
    };
    let (workspace, user, talk) = (id('1'), id('2'), id('3'));
    let mut script = format!(
        "INSERT INTO workspaces (id, slug, created_at) VALUES ({workspace}, 'default', 1);
         INSERT INTO users (id, workspace_id, kind, email, password_hash, display_name, role, created_at)
             VALUES ({user}, {workspace}, 'local', 'a@b', '', 'Ann', 'user', 1);
         INSERT INTO rooms (id, workspace_id, slug, title, kind, created_at) VALUES ({talk}, {workspace}, 'talk', 'T', 'text', 1);"
    );
    for (number, (what, deleted)) in
        [("old needle", "NULL"), ("hay", "NULL"), ("newer needle", "NULL"), ("", "5")].into_iter().enumerate()
    {
        // The last said has the smallest id: the order is that of numbers.
        let message = id(char::from_digit(8 - number as u32, 10).unwrap());
        script += &format!(
            "INSERT INTO messages (id, workspace_id, room_id, seq, sender_id, sender_name, text, idempotency_key, created_at, deleted_at)
                 VALUES ({message}, {workspace}, {talk}, {}, {user}, 'Ann', '{what}', '{number}', 1, {deleted});",
            number + 1
        );
    }
    database.execute(script.leak()).await;
    let store = database.open().await;
    let talk = store.room(&super::people::slug("talk")).await.unwrap().unwrap().id;
    assert_eq!(found(&*store, talk, "needle").await, ["newer needle", "old needle"]);
    if let Database::Sqlite(_) = database {
        whole(&database).await;
    }
}

async fn many_writers_leave_a_whole_index(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await.id;
    let mut people = Vec::new();
    for number in 0..4 {
        let user_id = user(&*store, &format!("User{number}")).await;
        enter(&*store, talk, user_id).await;
        people.push(user_id);
    }
    let writing = people.into_iter().map(|user_id| {
        let store = store.clone();
        async move {
            for number in 0..10 {
                let message = said(&*store, talk, user_id, &format!("word {number}"), &number.to_string()).await;
                let next = text(&format!("changed {number}"));
                match number % 3 {
                    0 => {}
                    1 => drop(
                        changed(&*store, change(&message, talk, user_id, Change::Edit { text: &next, mentions: &[] }))
                            .await,
                    ),
                    _ => {
                        drop(changed(&*store, change(&message, talk, user_id, Change::Delete { audit: audit() })).await)
                    }
                }
            }
        }
    });
    at_once(writing).await;
    assert_eq!((found(&*store, talk, "word").await.len(), found(&*store, talk, "changed").await.len()), (16, 12));
    let numbers: Vec<i64> = {
        let words = SearchWords::of("word").unwrap();
        store.search(talk, &words, None, 100).await.unwrap().iter().map(|record| record.seq).collect()
    };
    assert!(numbers.is_sorted_by(|newer, older| newer > older), "{numbers:?}");
    if let Database::Sqlite(_) = database {
        whole(&database).await;
    }
}
