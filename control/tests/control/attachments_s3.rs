//! Files in an S3 store that refuses, ends in the midst of something, is slow, or is another's.

use std::time::Duration;

use boltorezka_control::S3Config;
use reqwest::Method;
use serde_json::{Value, json};

use crate::attachments::{files, send, talk, upload};
use crate::common::s3::{S3Store, SECRET, Way};
use crate::common::server::make_room;
use crate::common::workspaces::take_in;
use crate::common::{Client, TestServer};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

async fn on(store: &S3Store) -> TestServer {
    on_config(store.config()).await
}

async fn on_config(config: S3Config) -> TestServer {
    TestServer::start_with(|settings| settings.s3 = Some(config)).await
}

fn path(file: &Value) -> String {
    format!("/v1/attachments/{}", file["id"].as_str().unwrap())
}

/// How the feature does, as an admin is shown it, once it has started.
async fn state(admin: &Client) -> Value {
    for _ in 0..1000 {
        let states = admin.get("/v1/admin/features").await.expect(200)["items"].clone();
        let state = states.as_array().unwrap().iter().find(|item| item["name"] == "attachments").unwrap();
        if state["status"] != "starting" {
            return state.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not start within 10 s");
}

/// Until it does well.
async fn is_well(admin: &Client) {
    for _ in 0..1500 {
        if state(admin).await["status"] == "ok" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 15 s: {}", state(admin).await);
}

/// Until so many objects are left.
async fn left(store: &S3Store, count: usize) {
    for _ in 0..1000 {
        if store.names().len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not {count} within 10 s: {:?}", store.names());
}

async fn is_unavailable(client: &Client) {
    let answer = upload(client, "talk", "a.txt", b"text").await;
    assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    answer.expect_problem(503, "unavailable");
}

/// Not all alike, so that what is cut off is missed.
fn content(size_bytes: usize) -> Vec<u8> {
    (0..size_bytes).map(|place| b'a' + (place / 7 % 26) as u8).collect()
}

#[tokio::test]
async fn wrong_settings_are_found_at_the_start_and_all_else_works() {
    let store = S3Store::start().await;
    let change = |change: &dyn Fn(&mut S3Config)| {
        let mut config = store.config();
        change(&mut config);
        config
    };
    for (config, setting) in [
        (change(&|config| config.secret_access_key = "hunter22".to_owned()), "correct s3_secret_access_key"),
        (change(&|config| config.access_key_id = "AKIDOTHER".to_owned()), "s3_access_key_id"),
        (change(&|config| config.bucket = "nowhere".to_owned()), "correct s3_bucket"),
    ] {
        let server = on_config(config).await;
        let (owner, ann, _, mut of_ann) = talk(&server).await;
        let state = state(&owner).await;
        assert_eq!((&state["status"], &state["critical"]), (&json!("failed"), &json!(false)), "{state}");
        let detail = state["detail"].as_str().unwrap();
        assert!(detail.contains(setting) && !detail.contains("hunter22") && !detail.contains(SECRET), "{detail}");
        is_unavailable(&ann).await;
        let said = send(&mut of_ann, &[], "k").await;
        assert_eq!(said["type"], "ack", "{said}");
        assert!(files(&server).is_empty() && store.names().is_empty());
    }
}

#[tokio::test]
async fn a_store_that_comes_later_is_taken() {
    let store = S3Store::start().await;
    store.set_way(Way::Closed);
    let server = on(&store).await;
    let (owner, ann, ..) = talk(&server).await;
    let state = state(&owner).await;
    assert_eq!(
        (&state["status"], &state["detail"]),
        (&json!("unhealthy"), &json!("the store of files does not answer"))
    );
    is_unavailable(&ann).await;
    store.set_way(Way::Open);
    is_well(&owner).await;
    let file = upload(&ann, "talk", "a.txt", b"text").await.expect(201);
    assert_eq!(ann.get(&path(&file)).await.expect(200), "text");
    // And goes again.
    store.set_way(Way::Closed);
    ann.get(&path(&file)).await.expect_problem(503, "unavailable");
    is_unavailable(&ann).await;
}

#[tokio::test]
async fn an_upload_that_the_store_does_not_take_leaves_nothing() {
    let store = S3Store::start().await;
    let server = on(&store).await;
    let (_owner, ann, mut of_owner, mut of_ann) = talk(&server).await;
    let large = content(1_000_000);
    // It goes in the midst, each time.
    store.set_way(Way::CutAfterSent(300_000));
    let before = store.connections();
    let answer = upload(&ann, "talk", "a.txt", &large).await;
    assert!(answer.headers.contains_key("retry-after"));
    answer.expect_problem(503, "unavailable");
    assert_eq!(store.connections() - before, 3, "it was tried so often");
    assert_eq!(server.count("SELECT count(*) FROM attachments").await, 0);
    assert!(store.names().is_empty(), "{:?}", store.names());
    let left = std::fs::read_dir(&server.config().data_dir).unwrap().flatten().map(|entry| entry.file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().contains("tmp")));
    // Messages go on.
    let said = send(&mut of_ann, &[], "k").await["payload"]["message"].clone();
    assert_eq!(of_owner.expect("message.new").await["message"], said);
    // It goes in the midst, and is back before the last try.
    let (uploading, mending) = tokio::join!(upload(&ann, "talk", "a.txt", &large), async {
        let before = store.connections();
        while store.connections() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.set_way(Way::Open);
    });
    let () = mending;
    let file = uploading.expect(201);
    assert_eq!(file["sizeBytes"], large.len());
    assert_eq!(store.names().len(), 1);
    assert!(std::fs::read(store.path(&store.names()[0])).unwrap() == large);
}

#[tokio::test]
async fn a_download_that_breaks_off_never_looks_whole() {
    let store = S3Store::start().await;
    let server = on(&store).await;
    let (_, ann, ..) = talk(&server).await;
    let large = content(2_000_000);
    let file = upload(&ann, "talk", "a.txt", &large).await.expect(201);
    let fetch = async || {
        let answer = ann.request(Method::GET, &path(&file)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-length"], "2000000");
        answer.bytes().await
    };
    store.set_way(Way::CutAfterReceived(700_000));
    assert!(fetch().await.is_err(), "half of it is no file");
    store.set_way(Way::Slow(Duration::from_millis(300)));
    assert!(fetch().await.unwrap() == large, "slow is not away");
    // What is gone there is gone.
    std::fs::remove_file(store.path(&store.names()[0])).unwrap();
    store.set_way(Way::Open);
    ann.get(&path(&file)).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_slow_store_is_waited_for() {
    let store = S3Store::start().await;
    store.set_way(Way::Slow(Duration::from_millis(200)));
    let server = on(&store).await;
    let (_, ann, ..) = talk(&server).await;
    let file = upload(&ann, "talk", "a.txt", b"text").await.expect(201);
    assert_eq!(ann.get(&path(&file)).await.expect(200), "text");
}

#[tokio::test]
async fn keys_are_ids_whatever_a_file_is_called() {
    let store = S3Store::start().await;
    let server = on(&store).await;
    let (_, ann, ..) = talk(&server).await;
    let names =
        ["a%3Fb%26c%23d.txt", "%D0%BE%D1%82%D1%87%D1%91%D1%82%20%E2%84%961.txt", "%2B%25%20server", "...%24(id).txt"];
    let mut expected = Vec::new();
    for name in names {
        let file = upload(&ann, "talk", name, name.as_bytes()).await.expect(201);
        assert_eq!(ann.get(&path(&file)).await.expect(200), name);
        expected.push(file["id"].as_str().unwrap().replace('-', ""));
    }
    expected.sort();
    assert_eq!(store.names(), expected);
}

#[tokio::test]
async fn what_an_account_or_a_workspace_had_goes_with_it() {
    let store = S3Store::start().await;
    let server = on(&store).await;
    let (owner, ann, _, mut of_ann) = talk(&server).await;
    let tenant = server.tenant(&owner, "acme").await;
    make_room(&tenant, "talk", "text").await;
    take_in(&tenant, "acme", &ann, "member").await;
    let of_ann_file = upload(&ann, "talk", "a.txt", b"of ann").await.expect(201);
    send(&mut of_ann, &[&of_ann_file["id"]], "k").await;
    let of_owner = upload(&owner, "talk", "a.txt", b"of owner").await.expect(201);
    let (mut of_owner_socket, _) = owner.in_room("talk").await;
    send(&mut of_owner_socket, &[&of_owner["id"]], "k").await;
    let (mut of_tenant, _) = tenant.in_room("talk").await;
    let of_acme = upload(&tenant, "talk", "a.txt", b"of acme").await.expect(201);
    send(&mut of_tenant, &[&of_acme["id"]], "k").await;
    assert_eq!(store.names().len(), 3);
    assert_eq!(tenant.send(Method::DELETE, "/v1/workspaces/acme", None).await.status, 204);
    let server = server.restart().await;
    left(&store, 2).await;
    let ann = ann.at(server.address);
    ann.send(Method::DELETE, "/v1/auth/me", Some(json!({ "password": "a long password" }))).await.expect(200);
    server.clock.advance_ms(15 * DAY_MS);
    // The first start erases, the sweep of the second finds what is left, unless that of the first was later.
    let server = server.restart().await;
    for _ in 0..500 {
        if server.count("SELECT count(*) FROM attachments").await == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _server = server.restart().await;
    left(&store, 1).await;
    assert_eq!(store.names(), [of_owner["id"].as_str().unwrap().replace('-', "")]);
}

#[tokio::test]
async fn strays_of_many_pages_go_and_what_is_not_ours_stays() {
    let store = S3Store::start().await;
    let server = on(&store).await;
    let (owner, ann, _, mut of_ann) = talk(&server).await;
    let file = upload(&ann, "talk", "a.txt", b"kept").await.expect(201);
    send(&mut of_ann, &[&file["id"]], "k").await;
    is_well(&owner).await;
    // As many crashes between file and row leave them: more than a list has at once.
    for number in 0..1_100 {
        std::fs::write(store.path(&format!("018f00000000700080000000{number:08x}")), "stray").unwrap();
    }
    std::fs::write(store.path("notes.txt"), "somebody's").unwrap();
    server.clock.advance_ms(HOUR_MS + 1000);
    let server = server.restart().await;
    left(&store, 2).await;
    assert!(store.path("notes.txt").exists());
    assert_eq!(ann.at(server.address).get(&path(&file)).await.expect(200), "kept");
}

#[tokio::test]
async fn two_servers_do_not_share_a_place() {
    let store = S3Store::start().await;
    let first = on(&store).await;
    let (_, ann, ..) = talk(&first).await;
    upload(&ann, "talk", "a.txt", b"text").await.expect(201);
    // To the second it is a file that nobody refers to.
    let second = on(&store).await;
    second.clock.advance_ms(HOUR_MS + 1000);
    let second = second.restart().await;
    let (owner, bob, ..) = talk(&second).await;
    let state = state(&owner).await;
    assert_eq!(state["status"], "failed");
    assert!(state["detail"].as_str().unwrap().contains("the files of another server"), "{state}");
    is_unavailable(&bob).await;
    assert_eq!(store.names().len(), 1, "it keeps its hands off");
    // Beside each other they do.
    let third = on_config(S3Config { prefix: "third/".to_owned(), ..store.config() }).await;
    let (_, cid, ..) = talk(&third).await;
    upload(&cid, "talk", "a.txt", b"text").await.expect(201);
    assert_eq!(store.names().len(), 1);
    // Who starts again is who it was.
    let first = first.restart().await;
    upload(&ann.at(first.address), "talk", "a.txt", b"text").await.expect(201);
}
