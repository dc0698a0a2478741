//! What adapters see of the media stack.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::MediaError;
use super::engine::{Command, EngineHandle};
use super::negotiation::{Local, Negotiation};
use super::session::{Sections, Session};

/// How far a transport has come.
#[derive(Clone, Debug, Default)]
pub struct TransportState {
    /// When DTLS was complete.
    pub connected_at: Option<Instant>,
    /// When the first media packet arrived.
    pub media_at: Option<Instant>,
    /// Why it failed, if it did.
    pub failed: Option<Arc<str>>,
}

/// Makes transports. Cheap to clone.
#[derive(Clone)]
pub struct Transports {
    engine: EngineHandle,
}

impl Transports {
    /// Transports of an engine.
    pub fn new(engine: EngineHandle) -> Self {
        Self { engine }
    }

    /// A transport of its own address. The time that joining takes counts from here: call it right before the request
    /// that leads to media.
    ///
    /// # Errors
    /// [`MediaError::Addresses`].
    pub fn open(&self) -> Result<Transport, MediaError> {
        let (id, ip) = self.engine.take_address()?;
        let local =
            Local::new(SocketAddrV4::new(ip, self.engine.port()), self.engine.fingerprint(), self.engine.target_ip())?;
        let (state, states) = watch::channel(TransportState::default());
        Ok(Transport {
            engine: self.engine.clone(),
            id,
            negotiation: Negotiation::new(local),
            state: Some(state),
            states,
            opened_at: Instant::now(),
        })
    }
}

/// One client's ICE and DTLS transport. It connects by itself once both descriptions are there, and ends when dropped.
pub struct Transport {
    engine: EngineHandle,
    id: u32,
    negotiation: Negotiation,
    state: Option<watch::Sender<TransportState>>,
    states: watch::Receiver<TransportState>,
    opened_at: Instant,
}

impl Transport {
    /// The client's address.
    pub fn ip(&self) -> Ipv4Addr {
        *self.negotiation.local().address.ip()
    }

    /// ICE credentials of this side, `(ufrag, password)`, for servers without SDP.
    pub fn ice_credentials(&self) -> (&str, &str) {
        let local = self.negotiation.local();
        (&local.ufrag, &local.password)
    }

    /// Makes an offer. Offering again changes nothing but the sections.
    pub fn offer(&mut self, sections: &Sections) -> String {
        self.negotiation.offer(sections)
    }

    /// Takes the answer to the last offer, and connects.
    ///
    /// # Errors
    /// [`MediaError::Sdp`] when it cannot be used.
    pub fn accept_answer(&mut self, answer: &str) -> Result<(), MediaError> {
        let session = self.negotiation.accept_answer(answer)?;
        self.connect(session)
    }

    /// Answers an offer to send media to this client, and connects. May be called again when the other side offers more.
    ///
    /// # Errors
    /// [`MediaError::Sdp`] when it cannot be used.
    pub fn answer(&mut self, offer: &str) -> Result<String, MediaError> {
        let (answer, session) = self.negotiation.answer(offer)?;
        self.connect(session)?;
        Ok(answer)
    }

    /// Connects as agreed on without SDP; later calls change what is sent and received.
    ///
    /// # Errors
    /// [`MediaError::Ended`].
    pub fn connect(&mut self, session: Session) -> Result<(), MediaError> {
        let command = match self.state.take() {
            Some(state) => {
                let local = self.negotiation.local();
                Command::Open {
                    id: self.id,
                    ufrag: local.ufrag.clone(),
                    password: local.password.clone(),
                    session: Box::new(session),
                    state,
                }
            }
            None => Command::Change { id: self.id, session: Box::new(session) },
        };
        self.engine.send(command)
    }

    /// Waits until DTLS is complete, and says how long that took since the transport was opened.
    ///
    /// # Errors
    /// [`MediaError::Failed`].
    pub async fn connected(&self) -> Result<Duration, MediaError> {
        self.wait_for(|state| state.connected_at).await
    }

    /// Waits until the first media packet has arrived, and says how long that took since the transport was opened.
    ///
    /// # Errors
    /// [`MediaError::Failed`].
    pub async fn has_media(&self) -> Result<Duration, MediaError> {
        self.wait_for(|state| state.media_at).await
    }

    async fn wait_for(&self, reached: impl Fn(&TransportState) -> Option<Instant>) -> Result<Duration, MediaError> {
        let mut states = self.states.clone();
        let state = states.wait_for(|state| state.failed.is_some() || reached(state).is_some()).await;
        let state = state.map_err(|_| MediaError::Ended)?;
        match (&state.failed, reached(&state)) {
            (_, Some(at)) => Ok(at.saturating_duration_since(self.opened_at)),
            (failed, None) => Err(MediaError::Failed(failed.as_deref().unwrap_or("it was closed").to_owned())),
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        // When the engine has ended there is nothing left to close.
        let _ = self.engine.send(Command::Close { id: self.id });
    }
}
