//! Operators' questions to the media node.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use boltorezka_proto::RoomId;
use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::inspection::MediaInspection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::node_events::media_unavailable;
use crate::error::ApiError;
use crate::sync::lock;

/// Questions that wait to be written; the node takes no more at a time.
const QUESTIONS_MAX: usize = 4;
/// A node answers in milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

type Answer = Result<MediaInspection, ApiError>;

/// The questions that are on their way.
#[derive(Default)]
pub struct Inspections {
    questions: Mutex<Option<mpsc::Sender<ControlMessage>>>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

impl Inspections {
    /// A new connection to the node: what is asked from here on comes out of the queue.
    pub fn open(&self) -> mpsc::Receiver<ControlMessage> {
        let (sender, questions) = mpsc::channel(QUESTIONS_MAX);
        *lock(&self.questions) = Some(sender);
        questions
    }

    /// The connection is gone; whoever waits is told by the drop.
    pub fn close(&self) {
        *lock(&self.questions) = None;
        lock(&self.waiting).clear();
    }

    /// Asks the node what it does with its connections, or with those of one room. `request_id` is one of the link's.
    ///
    /// # Errors
    /// `media_unavailable`; `rate_limited` when too many ask.
    pub async fn ask(&self, request_id: u64, room: Option<RoomId>) -> Answer {
        let questions = lock(&self.questions).clone().ok_or_else(media_unavailable)?;
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(request_id, sender);
        let asked = questions.try_send(ControlMessage::Inspect { request_id, room });
        let answer = match asked {
            Ok(()) => timeout(ANSWER_TIMEOUT, answer).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        lock(&self.waiting).remove(&request_id);
        answer.unwrap_or_else(|| Err(media_unavailable()))
    }

    /// The node answered.
    pub fn answer(&self, request_id: u64, answer: Answer) {
        if let Some(waiting) = lock(&self.waiting).remove(&request_id) {
            let _ = waiting.send(answer);
        }
    }
}
