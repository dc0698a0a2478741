//! A client of the HTTP API.

use std::net::SocketAddr;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::Socket;

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: SocketAddr,
    cookie: std::sync::Arc<std::sync::Mutex<Option<String>>>,
    bearer: Option<String>,
    /// Named in front of each path.
    workspace: Option<String>,
    pub id: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The body, if the status is the one that is expected.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Checks that this is a problem document with `code` and its status.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(self.body["title"].is_string());
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        // Where a browser would be sent is what a test looks at.
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, address, cookie: Default::default(), bearer: None, workspace: None, id: String::new() }
    }

    pub fn with_bearer(&self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), cookie: Default::default(), ..self.clone() }
    }

    /// The same caller, whose requests name a workspace.
    pub fn within(&self, workspace: &str) -> Self {
        Self { workspace: Some(workspace.to_owned()), ..self.clone() }
    }

    /// The same caller, whose requests name none.
    pub fn at_home(&self) -> Self {
        Self { workspace: None, ..self.clone() }
    }

    /// The same session on a server that was restarted elsewhere.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    pub fn cookie(&self) -> Option<String> {
        self.cookie.lock().unwrap().clone()
    }

    pub async fn remember_me(mut self) -> Self {
        self.id = self.get("/v1/auth/me").await.expect(200)["user"]["id"].as_str().unwrap().to_owned();
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// A POST without a body.
    pub async fn act(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.finish(request).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = match &self.workspace {
            Some(workspace) if !path.starts_with("/v1/workspaces") => super::workspaces::within(workspace, path),
            _ => path.to_owned(),
        };
        let mut request = self.http.request(method, format!("http://{}{path}", self.address));
        if let Some(cookie) = self.cookie() {
            request = request.header("cookie", format!("boltorezka_session={cookie}"));
        }
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        request
    }

    pub async fn finish(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        for value in headers.get_all("set-cookie") {
            let value = value.to_str().unwrap();
            let cookie = value.split(';').next().unwrap();
            // That of a sign-in by a provider is for browsers.
            let Some(token) = cookie.strip_prefix("boltorezka_session=").map(str::to_owned) else { continue };
            *self.cookie.lock().unwrap() = Some(token).filter(|token| !token.is_empty());
        }
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    pub async fn ticket(&self) -> String {
        self.act("/v1/auth/ws-ticket").await.expect(201)["ticket"].as_str().unwrap().to_owned()
    }

    /// Opens a socket and takes its `server.ready`.
    pub async fn socket(&self) -> Socket {
        let ticket = self.ticket().await;
        let mut socket = Socket::open(self.address, &ticket).await;
        socket.expect("server.ready").await;
        socket
    }

    /// Opens a socket and enters a room.
    pub async fn in_room(&self, slug: &str) -> (Socket, String) {
        let mut socket = self.socket().await;
        let joined = socket.ack("room.join", json!({ "room": slug })).await;
        let participant_id = joined["participantId"].as_str().unwrap().to_owned();
        (socket, participant_id)
    }

    /// A client with a join token of this API key.
    pub async fn join_token(&self, room: &str, identity: &str, permissions: Value) -> Client {
        let mut body = json!({ "room": room, "identity": identity, "displayName": identity });
        if !permissions.is_null() {
            body["permissions"] = permissions;
        }
        let token = self.post("/v1/join-tokens", body).await.expect(201);
        self.with_bearer(token["token"].as_str().unwrap())
    }
}
