//! A media node without media: it speaks the contract of `boltorezka_proto::admission` over a Unix socket.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use boltorezka_proto::admission::{
    Admitted, ConnectionState, ControlMessage, LINE_BYTES_MAX, MediaMessage, ParticipantStatus, VERSION,
};
use boltorezka_proto::inspection::{Carrier, InspectedConnection, MediaInspection};
use boltorezka_proto::{ErrorCode, ParticipantId};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::codec::{Framed, LinesCodec};

/// How the node answers offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// At once.
    Answer,
    /// With a refusal.
    Refuse,
    /// Not at all.
    Silent,
}

#[derive(Default)]
struct Seen {
    /// What control said on the connection of this moment, and when.
    heard: Vec<(Instant, ControlMessage)>,
    served: HashMap<ParticipantId, Admitted>,
    applied_rev: u64,
}

pub struct TestNode {
    path: PathBuf,
    seen: Arc<Mutex<Seen>>,
    manner: Arc<Mutex<Manner>>,
    confirms: Arc<Mutex<bool>>,
    say: mpsc::UnboundedSender<MediaMessage>,
    heard: watch::Receiver<usize>,
    task: JoinHandle<()>,
    cut: watch::Sender<u64>,
    version: Arc<Mutex<u32>>,
}

impl TestNode {
    pub async fn start(path: &Path) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let manner = Arc::new(Mutex::new(Manner::Answer));
        let confirms = Arc::new(Mutex::new(true));
        let version = Arc::new(Mutex::new(VERSION));
        let (say, said) = mpsc::unbounded_channel();
        let (hearing, heard) = watch::channel(0);
        let (cut, cut_receiver) = watch::channel(0);
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).unwrap();
        let serving = Serving {
            seen: seen.clone(),
            manner: manner.clone(),
            confirms: confirms.clone(),
            version: version.clone(),
            hearing,
        };
        let task = tokio::spawn(serving.accept(listener, said, cut_receiver));
        Self { path: path.to_owned(), seen, manner, confirms, say, heard, task, cut, version }
    }

    pub fn answers(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Whether it says `applied`.
    pub fn confirms(&self, confirms: bool) {
        *self.confirms.lock().unwrap() = confirms;
    }

    pub fn speaks_version(&self, version: u32) {
        *self.version.lock().unwrap() = version;
    }

    /// Forgets what control said so far.
    pub fn forget_heard(&self) {
        self.seen.lock().unwrap().heard.clear();
    }

    /// Cuts the connection and forgets what was said on it; control connects again by itself.
    pub fn cut(&self) {
        self.forget_heard();
        self.cut.send_modify(|count| *count += 1);
    }

    /// Ends: the socket's file is gone.
    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
        let _ = std::fs::remove_file(&self.path);
    }

    /// A fresh run of the node: it knows nobody.
    pub fn forget_everybody(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.served.clear();
        seen.applied_rev = 0;
    }

    pub fn serves(&self, participant_id: &str) -> bool {
        self.seen.lock().unwrap().served.contains_key(&participant_id.parse().unwrap())
    }

    pub fn served(&self, participant_id: &str) -> Option<Admitted> {
        self.seen.lock().unwrap().served.get(&participant_id.parse().unwrap()).cloned()
    }

    /// Says that a participant is connected, with these tracks.
    pub fn say_status(
        &self,
        participant_id: &str,
        state: ConnectionState,
        tracks: Vec<boltorezka_proto::admission::PublishedTrack>,
    ) {
        let admitted = self.served(participant_id).unwrap();
        let status = ParticipantStatus { participant_id: admitted.participant_id, room: admitted.room, state, tracks };
        self.say(MediaMessage::Participant(status));
    }

    pub fn say(&self, message: MediaMessage) {
        if let MediaMessage::Left { participant_id, .. } = &message {
            self.seen.lock().unwrap().served.remove(participant_id);
        }
        self.say.send(message).unwrap();
    }

    /// What control said since the connection began.
    pub fn heard(&self) -> Vec<(Instant, ControlMessage)> {
        self.seen.lock().unwrap().heard.clone()
    }

    /// Waits for a message that satisfies `wanted`.
    pub async fn hear(&mut self, wanted: impl Fn(&ControlMessage) -> bool) -> (Instant, ControlMessage) {
        let find = async {
            loop {
                self.heard.borrow_and_update();
                let found = self.seen.lock().unwrap().heard.iter().find(|(_, message)| wanted(message)).cloned();
                if let Some(found) = found {
                    return found;
                }
                self.heard.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(8), find).await.expect("control did not say it within 8 s")
    }
}

struct Serving {
    seen: Arc<Mutex<Seen>>,
    manner: Arc<Mutex<Manner>>,
    confirms: Arc<Mutex<bool>>,
    version: Arc<Mutex<u32>>,
    hearing: watch::Sender<usize>,
}

impl Serving {
    async fn accept(
        self,
        listener: UnixListener,
        mut said: mpsc::UnboundedReceiver<MediaMessage>,
        mut cut: watch::Receiver<u64>,
    ) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            cut.borrow_and_update();
            tokio::select! {
                () = self.serve(stream, &mut said) => {}
                _ = cut.changed() => {}
            }
        }
    }

    async fn serve(&self, stream: UnixStream, said: &mut mpsc::UnboundedReceiver<MediaMessage>) {
        let mut lines = Framed::new(stream, LinesCodec::new_with_max_length(LINE_BYTES_MAX));
        let hello = self.hello();
        if say(&mut lines, &hello).await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                line = lines.next() => {
                    let Some(Ok(line)) = line else { return };
                    let message: ControlMessage = serde_json::from_str(&line).unwrap();
                    for answer in self.handle(message) {
                        if say(&mut lines, &answer).await.is_err() {
                            return;
                        }
                    }
                }
                message = said.recv() => {
                    let Some(message) = message else { return };
                    if say(&mut lines, &message).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn hello(&self) -> MediaMessage {
        let mut seen = self.seen.lock().unwrap();
        seen.heard.clear();
        let status = |admitted: &Admitted| ParticipantStatus {
            participant_id: admitted.participant_id,
            room: admitted.room,
            state: ConnectionState::Connected,
            tracks: vec![],
        };
        MediaMessage::Hello {
            version: *self.version.lock().unwrap(),
            pid: std::process::id(),
            epoch: 1,
            rev: seen.applied_rev,
            participants: seen.served.values().map(status).collect(),
        }
    }

    fn handle(&self, message: ControlMessage) -> Vec<MediaMessage> {
        let mut seen = self.seen.lock().unwrap();
        seen.heard.push((Instant::now(), message.clone()));
        let mut answers = Vec::new();
        let applied = match message {
            ControlMessage::Snapshot { rev, admitted } => {
                let kept: Vec<ParticipantId> = admitted.iter().map(|admitted| admitted.participant_id).collect();
                seen.served.retain(|id, _| kept.contains(id));
                Some(rev)
            }
            ControlMessage::Admit { request_id, admitted, offer } => {
                match *self.manner.lock().unwrap() {
                    Manner::Answer => {
                        seen.served.insert(admitted.participant_id, admitted);
                        answers.push(MediaMessage::Answer { request_id, sdp: format!("answer to {offer}") });
                    }
                    Manner::Refuse => {
                        let code = ErrorCode::UnacceptableOffer;
                        answers.push(MediaMessage::Refused { request_id, code, message: "no codec fits".into() });
                    }
                    Manner::Silent => {}
                }
                None
            }
            ControlMessage::Revoke { rev, participant_id, reason } => {
                if let Some(gone) = seen.served.remove(&participant_id) {
                    answers.push(MediaMessage::Left { participant_id, room: gone.room, reason });
                }
                Some(rev)
            }
            ControlMessage::SetPermissions { rev, participant_id, permissions } => {
                if let Some(admitted) = seen.served.get_mut(&participant_id) {
                    admitted.permissions = permissions;
                }
                Some(rev)
            }
            ControlMessage::CloseRoom { rev, room, .. } => {
                seen.served.retain(|_, admitted| admitted.room != room);
                Some(rev)
            }
            ControlMessage::Resume { request_id, token, offer } => {
                answers.push(match *self.manner.lock().unwrap() {
                    Manner::Refuse => {
                        let (code, message) = (ErrorCode::InvalidToken, "the token has expired; join again".to_owned());
                        MediaMessage::Refused { request_id, code, message }
                    }
                    _ => MediaMessage::Answer { request_id, sdp: format!("{token} resumes {offer}") },
                });
                None
            }
            ControlMessage::Inspect { request_id, room } => {
                let asked = seen.served.values().filter(|admitted| room.is_none_or(|room| room == admitted.room));
                let inspection = MediaInspection { connections: asked.map(inspected).collect(), ..Default::default() };
                answers.push(MediaMessage::Inspection { request_id, inspection });
                None
            }
            ControlMessage::Drain { .. } | ControlMessage::Undrain {} => None,
        };
        if let Some(rev) = applied.filter(|_| *self.confirms.lock().unwrap()) {
            seen.applied_rev = rev;
            answers.push(MediaMessage::Applied { rev });
        }
        let count = seen.heard.len();
        drop(seen);
        self.hearing.send_replace(count);
        answers
    }
}

/// A connection of a kind.
fn inspected(admitted: &Admitted) -> InspectedConnection {
    InspectedConnection {
        participant_id: admitted.participant_id,
        room: admitted.room,
        shard: 0,
        state: ConnectionState::Connected,
        state_age_ms: 1_500,
        permissions: admitted.permissions,
        carrier: Some(Carrier::Udp),
        has_channel: true,
        estimate_bps: 600_000,
        desired_bps: 2_000_000,
        rtt_ms: Some(42),
        slots: Vec::new(),
    }
}

async fn say(
    lines: &mut Framed<UnixStream, LinesCodec>,
    message: &MediaMessage,
) -> Result<(), tokio_util::codec::LinesCodecError> {
    lines.send(serde_json::to_string(message).unwrap()).await
}
