//! The thin part around [`CallCore`]: one UDP socket, the clock, and queues.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use boltorezka_proto::RoomSlug;
use boltorezka_proto::call::{EndReason, SlotWish, TrackSource};
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{CallCore, CallError, CallState, CallStats, Outcome, Phase, Playback, SlotFrame};
use crate::gateway::GatewayEvent;
use crate::media::Recorder;

/// Datagrams that are read before others get a turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// Room for the datagrams that come while the process is busy elsewhere: half a second of a busy call.
const SOCKET_BUFFER_BYTES: usize = 1024 * 1024;
/// Larger than any datagram that the media node sends.
const DATAGRAM_BYTES_MAX: usize = 2_000;
/// Time for the task to put the state out before it looks whether there is nobody left to see it.
const ENDED_GRACE: std::time::Duration = std::time::Duration::from_millis(500);

pub(super) enum Command {
    Play { playback: Playback, reply: oneshot::Sender<Result<(), CallError>> },
    Stop { source: TrackSource, reply: oneshot::Sender<Result<(), CallError>> },
    SetMuted { source: TrackSource, muted: bool, reply: oneshot::Sender<Result<(), CallError>> },
    Subscribe { slots: Vec<SlotWish>, reply: oneshot::Sender<()> },
    Stats(oneshot::Sender<Box<CallStats>>),
    Close(oneshot::Sender<()>),
}

/// Local addresses by the remote address that they lead to. The socket is bound to no address, so that one serves all
/// candidates, and the kernel chooses by route: this says what it chooses.
pub(super) struct Route(Vec<(IpAddr, SocketAddr)>);

impl Route {
    fn local_for(&self, remote: IpAddr) -> Option<SocketAddr> {
        let known = self.0.iter().find(|(ip, _)| *ip == remote).or_else(|| self.0.first());
        known.map(|(_, local)| *local)
    }
}

/// Takes the answer and opens the socket towards its candidates.
pub(super) async fn connect(core: &mut CallCore, answer: &str) -> Result<(UdpSocket, Route), CallError> {
    let candidates = core.accept_answer(answer, Instant::now())?;
    // One socket serves one family. IPv4 when there is any: it is never worse towards one node.
    let is_v4 = candidates.iter().any(SocketAddr::is_ipv4);
    let socket = open_socket(is_v4).map_err(CallError::Socket)?;
    // Until the runtime has seen it writable once, it takes nothing: the first check would be lost, and sent again only
    // after 250 ms.
    socket.writable().await.map_err(CallError::Socket)?;
    let port = socket.local_addr().map_err(CallError::Socket)?.port();
    let mut route = Vec::new();
    let mut last_error = None;
    for candidate in candidates.into_iter().filter(|candidate| candidate.is_ipv4() == is_v4) {
        match local_ip_towards(candidate) {
            Ok(ip) => {
                let local = SocketAddr::new(ip, port);
                core.add_local_address(local, Instant::now());
                route.push((candidate.ip(), local));
            }
            Err(error) => last_error = Some(error),
        }
    }
    if let (true, Some(error)) = (route.is_empty(), last_error) {
        return Err(CallError::Socket(error));
    }
    Ok((socket, Route(route)))
}

fn open_socket(is_v4: bool) -> std::io::Result<UdpSocket> {
    let (domain, any): (_, IpAddr) =
        if is_v4 { (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()) } else { (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()) };
    let socket = Socket::new(domain, Type::DGRAM, None)?;
    // The kernel may grant less; then a stall loses packets, which the counts tell.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(any, 0).into())?;
    UdpSocket::from_std(socket.into())
}

/// The address that the kernel sends from towards `remote`. Connecting a UDP socket sends nothing.
fn local_ip_towards(remote: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}

pub(super) struct CallTask {
    pub(super) core: CallCore,
    pub(super) socket: UdpSocket,
    pub(super) route: Route,
    pub(super) room: RoomSlug,
    pub(super) state: watch::Sender<Arc<CallState>>,
    pub(super) frames: Option<mpsc::Sender<SlotFrame>>,
    pub(super) frames_dropped: u64,
    pub(super) datagrams_dropped: u64,
    pub(super) recorder: Option<Recorder>,
    pub(super) recording_error: Option<String>,
    pub(super) outcome: Arc<OnceLock<Outcome>>,
}

impl CallTask {
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: broadcast::Receiver<Arc<GatewayEvent>>,
    ) {
        let sleep = tokio::time::sleep(std::time::Duration::ZERO);
        tokio::pin!(sleep);
        let mut has_gateway = true;
        let mut ends_at = None;
        loop {
            self.put_out();
            let now = Instant::now();
            if self.has_ended() && ends_at.is_none() {
                ends_at = Some(now + ENDED_GRACE);
            }
            let Some(timeout) = self.core.poll_timeout() else { break };
            if ends_at.is_some_and(|at| now >= at) {
                break;
            }
            sleep.as_mut().reset(ends_at.map_or(timeout, |at| at.min(timeout)).into());
            tokio::select! {
                ready = self.socket.readable() => {
                    if ready.is_err() {
                        break;
                    }
                    self.read_datagrams();
                }
                () = &mut sleep => self.core.handle_timeout(Instant::now()),
                command = commands.recv() => {
                    let command = command.unwrap_or_else(|| Command::Close(oneshot::channel().0));
                    if self.handle_command(command) {
                        break;
                    }
                }
                event = events.recv(), if has_gateway => match event {
                    Ok(event) => self.handle_gateway_event(&event),
                    // Skipped events are made up for by the in-call channel, which tells of the end as well.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => has_gateway = false,
                },
            }
        }
        self.finish();
    }

    fn read_datagrams(&mut self) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..DATAGRAMS_PER_TURN {
            // An error of one datagram (an ICMP message that came back) is not the end of the socket.
            let Ok((length, source)) = self.socket.try_recv_from(&mut buffer) else { return };
            let (Some(destination), Some(datagram)) = (self.route.local_for(source.ip()), buffer.get(..length)) else {
                return;
            };
            self.core.handle_datagram(Instant::now(), source, destination, datagram);
            self.put_out();
        }
    }

    /// Sends, records and tells what the core has put out.
    fn put_out(&mut self) {
        while let Some(transmit) = self.core.poll_transmit() {
            if self.socket.try_send_to(&transmit.contents, transmit.destination).is_err() {
                self.datagrams_dropped += 1;
            }
        }
        while let Some(frame) = self.core.poll_frame() {
            if let Some(recorder) = &mut self.recorder
                && let Err(error) = recorder.write(&frame)
            {
                tracing::warn!(%error, "recording failed");
                self.recording_error.get_or_insert_with(|| error.to_string());
            }
            if let Some(frames) = &self.frames
                && frames.try_send(frame).is_err()
            {
                self.frames_dropped += 1;
            }
        }
        if let Some(state) = self.core.poll_state() {
            self.state.send_replace(Arc::new(state.clone()));
        }
    }

    /// Whether that was the last one.
    fn handle_command(&mut self, command: Command) -> bool {
        let now = Instant::now();
        // An answer that nobody waits for any more is no fault.
        match command {
            Command::Play { playback, reply } => drop(reply.send(self.core.play_files(playback, now))),
            Command::Stop { source, reply } => drop(reply.send(self.core.stop(source, now))),
            Command::SetMuted { source, muted, reply } => drop(reply.send(self.core.set_muted(source, muted, now))),
            Command::Subscribe { slots, reply } => {
                self.core.subscribe(slots, now);
                let _ = reply.send(());
            }
            Command::Stats(reply) => drop(reply.send(Box::new(self.stats()))),
            Command::Close(reply) => {
                self.core.close(EndReason::Left, now);
                let _ = reply.send(());
                return true;
            }
        }
        false
    }

    fn handle_gateway_event(&mut self, event: &GatewayEvent) {
        if let GatewayEvent::CallEnded { room, reason } = event
            && *room == self.room
            && !self.core.ignores_end()
        {
            self.core.close(*reason, Instant::now());
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.state.borrow().phase, Phase::Ended(_)) && !self.core.ignores_end()
    }

    fn stats(&self) -> CallStats {
        let mut stats = self.core.stats();
        stats.frames_dropped += self.frames_dropped;
        stats.datagrams_dropped += self.datagrams_dropped;
        stats
    }

    fn finish(mut self) {
        if !self.has_ended() {
            self.core.close(EndReason::Failed, Instant::now());
        }
        self.put_out();
        let mut outcome =
            Outcome { stats: self.stats(), recorded: Vec::new(), recording_error: self.recording_error.take() };
        match self.recorder.take().map(Recorder::finish) {
            Some(Ok(files)) => outcome.recorded = files,
            Some(Err(error)) => {
                outcome.recording_error.get_or_insert_with(|| error.to_string());
            }
            None => {}
        }
        let _ = self.outcome.set(outcome);
    }
}
