//! The registry is whole, and a feature that cannot be started takes no other along.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use boltorezka_proto::socket::ClientMessage;
use boltorezka_proto::workspaces::OptionalFeature;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::super::{Feature, Routes};
use super::Features;
use crate::app::App;
use crate::config::Config;
use crate::permissions::Action;
use crate::store::migration_names;
use crate::telemetry::Telemetry;
use crate::{Control, SystemClock, admin, auth, http, rooms, workspaces};

#[test]
fn everything_belongs_to_one_feature() {
    let features = Features::default();
    let names: Vec<&str> = features.all().map(Feature::name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    for action in Action::ALL {
        assert!(names.contains(&action.feature()), "{} is of no feature", action.name());
    }
    for kind in ClientMessage::TYPES {
        let answering = features.all().filter(|feature| feature.events().requests.contains(&kind)).count();
        assert_eq!(answering, 1, "{kind}");
    }
    for switch in OptionalFeature::ALL {
        let switched = features.all().filter(|feature| feature.switch().is_some_and(|(of, _)| of == switch));
        assert_eq!(switched.map(Feature::name).collect::<Vec<_>>(), [switch.name()]);
    }
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/golden/ServerMessage");
    for file in std::fs::read_dir(golden).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let kind = file.trim_end_matches(".json");
        let told_by = features.all().filter(|feature| feature.events().told.contains(&kind)).count();
        assert_eq!(told_by, 1, "{kind}");
    }
}

#[test]
fn each_migration_is_of_a_feature_and_keeps_its_order() {
    let known = migration_names();
    let mut claimed = BTreeSet::new();
    for feature in Features::default().all() {
        let places: Vec<_> = feature
            .migrations()
            .iter()
            .map(|name| known.iter().position(|known| known == name).unwrap_or_else(|| panic!("there is no {name}")))
            .collect();
        assert!(places.is_sorted(), "{}", feature.name());
        claimed.extend(places);
    }
    let left: Vec<_> = (0..known.len()).filter(|place| !claimed.contains(place)).map(|place| known[place]).collect();
    assert!(left.is_empty(), "{left:?} are of no feature");
}

/// Telemetry, on a bad day.
struct Broken {
    critical: bool,
}

#[async_trait::async_trait]
impl Feature for Broken {
    fn name(&self) -> &'static str {
        Telemetry.name()
    }

    fn title(&self) -> &'static str {
        Telemetry.title()
    }

    fn is_critical(&self) -> bool {
        self.critical
    }

    fn routes(&self) -> Routes {
        Telemetry.routes()
    }

    async fn start(&self, _: &App) -> Result<(), String> {
        Err("the counter is stuck".to_owned())
    }
}

struct Running {
    url: String,
    control: Control,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(critical: bool) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let features = Features::new(vec![
            Box::new(auth::Accounts),
            Box::new(Broken { critical }),
            Box::new(workspaces::Workspaces),
            Box::new(rooms::Rooms),
            Box::new(admin::Admin),
            Box::new(http::Health),
        ]);
        let control = Control::open_with(Config::new(folder.path()), Arc::new(SystemClock), features).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = control.router(None).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        let stop = CancellationToken::new();
        let task = tokio::spawn(control.clone().run(stop.clone()));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url, control, http, _folder: folder, stop, task }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }
}

#[tokio::test]
async fn a_feature_that_cannot_start_leaves_the_others_running() {
    let server = Running::start(false).await;
    let token = server.control.owner_token().await.unwrap().unwrap();
    let owner = json!({ "token": token, "email": "o@example.org", "password": "a long password", "displayName": "O" });
    let answer = server.http.post(format!("{}/v1/setup", server.url)).json(&owner).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    // The others work; it does not, and says so to whoever asks for it.
    let rooms = server.http.get(format!("{}/v1/rooms", server.url)).header("cookie", &cookie);
    assert_eq!(server.send(rooms).await.0, 200);
    let events = json!({ "events": [{ "type": "sessionBegan" }] });
    let telemetry = server.http.post(format!("{}/v1/telemetry", server.url)).header("cookie", &cookie).json(&events);
    let (status, problem) = server.send(telemetry).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("unavailable")), "{problem}");
    // The server is ready without it, and shows it. Why is for admins.
    let (status, ready) = server.get("/readyz").await;
    assert_eq!(status, 200, "{ready}");
    let of = |list: &Value, name: &str| list.as_array().unwrap().iter().find(|item| item["name"] == name).cloned();
    let shown = of(&ready["features"], "telemetry").unwrap();
    assert_eq!((shown["status"].as_str(), shown["critical"].as_bool()), (Some("failed"), Some(false)), "{shown}");
    assert!(shown["detail"].is_null());
    assert_eq!(of(&ready["features"], "rooms").unwrap()["status"], "ok");
    let admin = server.http.get(format!("{}/v1/admin/features", server.url)).header("cookie", &cookie);
    let listed = of(&server.send(admin).await.1["items"], "telemetry").unwrap();
    assert_eq!(listed["detail"], "the counter is stuck");
    server.stop.cancel();
    server.task.await.unwrap();
}

#[tokio::test]
async fn without_a_critical_feature_the_server_is_not_ready() {
    let server = Running::start(true).await;
    for _ in 0..200 {
        let (status, problem) = server.get("/readyz").await;
        assert_eq!(status, 503, "{problem}");
        if problem["detail"] == "telemetry could not be started" {
            return assert_eq!(server.get("/livez").await.0, 200);
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it is not told what is missing");
}
