//! Janus's API over one WebSocket: a session, and requests to handles of the videoroom plugin.

use std::collections::HashMap;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::target::{JOIN_TIMEOUT, TargetError};

/// The plugin that forwards media.
const PLUGIN: &str = "janus.plugin.videoroom";
/// Requests that wait to be written; who asks for more waits. Above the joins that are under way at the same time.
const REQUESTS_MAX: usize = 2_048;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A session. Cheap to clone; it ends with the last clone.
#[derive(Clone)]
pub struct Api {
    requests: mpsc::Sender<Request>,
    session: u64,
}

/// What the plugin answered.
#[derive(Debug)]
pub struct Answer {
    data: Value,
    /// The session description that came along.
    pub sdp: Option<String>,
}

impl Answer {
    /// Why the plugin refused, as its number.
    pub fn error_code(&self) -> Option<u64> {
        self.data.get("error_code").and_then(Value::as_u64)
    }

    /// Turns a refusal into an error.
    pub fn done(self, what: &'static str) -> Result<Self, TargetError> {
        match self.data.get("error") {
            Some(why) => Err(TargetError::refused(what, why)),
            None => Ok(self),
        }
    }
}

struct Request {
    frame: Value,
    /// Nobody waits when absent.
    reply: Option<oneshot::Sender<Value>>,
}

impl Api {
    /// Connects and makes a session.
    pub async fn connect(url: &str) -> Result<Self, TargetError> {
        let failed = |why: String| TargetError::refused("connecting to Janus", why);
        let mut request = url.into_client_request().map_err(|error| failed(error.to_string()))?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("janus-protocol"));
        let (stream, _) = connect_async(request).await.map_err(|error| failed(error.to_string()))?;
        let (requests, queue) = mpsc::channel(REQUESTS_MAX);
        tokio::spawn(run(stream, queue));
        let mut api = Self { requests, session: 0 };
        let created = api.request("creating a session", json!({"janus": "create"})).await?;
        api.session = id_of(&created).ok_or_else(|| failed(format!("no session in {created}")))?;
        Ok(api)
    }

    /// The server's name and version.
    pub async fn version(&self) -> Result<String, TargetError> {
        let info = self.request("asking for the version", json!({"janus": "info"})).await?;
        let text = |key: &str| info.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
        Ok(format!("{} {}", text("name"), text("version_string")))
    }

    /// Makes a handle of the videoroom plugin: the place of one connection.
    pub async fn attach(&self) -> Result<u64, TargetError> {
        let frame = json!({"janus": "attach", "session_id": self.session, "plugin": PLUGIN});
        let answer = self.request("attaching a handle", frame).await?;
        id_of(&answer).ok_or_else(|| TargetError::refused("attaching a handle", format!("no id in {answer}")))
    }

    /// Asks the plugin for something and waits until it has been done.
    pub async fn ask(
        &self,
        what: &'static str,
        handle: u64,
        body: Value,
        sdp: Option<(&str, String)>,
    ) -> Result<Answer, TargetError> {
        self.try_ask(what, handle, body, sdp).await?.done(what)
    }

    /// Asks the plugin for something and waits for its answer, which may be a refusal.
    pub async fn try_ask(
        &self,
        what: &'static str,
        handle: u64,
        body: Value,
        sdp: Option<(&str, String)>,
    ) -> Result<Answer, TargetError> {
        let mut frame = json!({"janus": "message", "session_id": self.session, "handle_id": handle, "body": body});
        if let (Some((kind, sdp)), Some(frame)) = (sdp, frame.as_object_mut()) {
            frame.insert("jsep".into(), json!({"type": kind, "sdp": sdp}));
        }
        let answer = self.request(what, frame).await?;
        let data = answer.pointer("/plugindata/data").cloned().unwrap_or_default();
        Ok(Answer { data, sdp: answer.pointer("/jsep/sdp").and_then(Value::as_str).map(str::to_owned) })
    }

    /// Ends a handle and its connection, without waiting.
    pub fn detach(&self, handle: u64) {
        let frame = json!({"janus": "detach", "session_id": self.session, "handle_id": handle});
        // When the queue is full or the socket gone, the handle ends with the session.
        let _ = self.requests.try_send(Request { frame, reply: None });
    }

    async fn request(&self, what: &'static str, frame: Value) -> Result<Value, TargetError> {
        let gone = || TargetError::refused(what, "Janus closed the socket");
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.requests.send(Request { frame, reply: Some(reply) }).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())
        };
        let answer = tokio::time::timeout(JOIN_TIMEOUT, asked).await.map_err(|_| TargetError::Timeout(what))??;
        match answer.pointer("/error/reason") {
            Some(why) => Err(TargetError::refused(what, why)),
            None => Ok(answer),
        }
    }
}

/// Writes requests under transactions of their own and hands the answers back, until the socket or the last [`Api`] ends.
async fn run(mut stream: Stream, mut queue: mpsc::Receiver<Request>) {
    let mut waiting = HashMap::<String, oneshot::Sender<Value>>::new();
    let mut count: u64 = 0;
    loop {
        tokio::select! {
            request = queue.recv() => {
                let Some(Request { mut frame, reply }) = request else { break };
                count += 1;
                let transaction = count.to_string();
                if let Some(frame) = frame.as_object_mut() {
                    frame.insert("transaction".into(), json!(transaction));
                }
                if let Some(reply) = reply {
                    waiting.insert(transaction, reply);
                }
                if stream.send(Message::text(frame.to_string())).await.is_err() {
                    break;
                }
            }
            frame = stream.next() => match frame {
                Some(Ok(Message::Text(text))) => hand_over(&text, &mut waiting),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = stream.close(None).await;
}

/// Hands an answer to whoever waits for it. Events that nobody asked for are passed over, and so is the `ack` of a request
/// that the plugin answers later.
fn hand_over(text: &str, waiting: &mut HashMap<String, oneshot::Sender<Value>>) {
    let Ok(frame) = serde_json::from_str::<Value>(text) else { return };
    if frame.get("janus").and_then(Value::as_str) == Some("ack") {
        return;
    }
    let transaction = frame.get("transaction").and_then(Value::as_str);
    if let Some(reply) = transaction.and_then(|transaction| waiting.remove(transaction)) {
        // Whoever asked may have given up.
        let _ = reply.send(frame);
    }
}

fn id_of(answer: &Value) -> Option<u64> {
    answer.pointer("/data/id").and_then(Value::as_u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_those_who_asked() {
        let (reply, mut answer) = oneshot::channel();
        let mut waiting = HashMap::from([("7".to_owned(), reply)]);
        for other in [
            r#"{"janus":"webrtcup","sender":1}"#,
            r#"{"janus":"ack","transaction":"7"}"#,
            r#"{"janus":"event","transaction":"8"}"#,
            "{",
        ] {
            hand_over(other, &mut waiting);
            assert!(answer.try_recv().is_err(), "{other}");
        }
        hand_over(r#"{"janus":"success","transaction":"7","data":{"id":12}}"#, &mut waiting);
        assert_eq!(id_of(&answer.try_recv().unwrap()), Some(12));
    }
}
