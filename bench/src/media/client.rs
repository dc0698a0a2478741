//! One client's transport: ICE, DTLS, and what runs over them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Dtls, Output};
use tokio::sync::watch;

use super::counters::Counters;
use super::crypto::{self, Identity};
use super::feedback::Feedback;
use super::receiver::{Arrival, Receiver};
use super::rtcp::{self, Message};
use super::sender::{Out, PACE_NS, Sender, SendingParameters};
use super::session::Session;
use super::srtp::{self, Keys};
use super::stun::{self, Check, TransactionId};
use super::timers::{Task, Timers};
use super::to_server::Destination;
use super::transports::TransportState;
use super::{random, source};
use crate::socket::Outbox;

/// Between the first two checks, as in libwebrtc; doubled until one is answered, up to the second figure.
const CHECK_AGAIN_NS: u64 = 50_000_000;
const CHECK_AGAIN_NS_MAX: u64 = 800_000_000;
/// Between two checks of a path that works, as in libwebrtc.
const CONSENT_NS: u64 = 2_500_000_000;
/// How long a transport may take to connect.
const CONNECT_NS_MAX: u64 = 25_000_000_000;
/// Between two feedbacks: libwebrtc's, for a client that only receives and for one that also sends.
const FEEDBACK_RECEIVING_NS: u64 = 100_000_000;
const FEEDBACK_SENDING_NS: u64 = 50_000_000;
/// Random bytes at the beginning of a check's name; a number follows.
const CHECKS_BYTES: usize = 8;
/// Between two reports.
const REPORT_NS: u64 = 1_000_000_000;
/// Room for a DTLS record that is put out.
const DTLS_BYTES: usize = 2_048;
/// Outputs of DTLS that are taken in one go: a handshake has some tens.
const DTLS_OUTPUTS_MAX: usize = 256;
/// From 1900, where NTP begins, to 1970.
const NTP_UNIX_S: u64 = 2_208_988_800;

/// What all clients share while one of them works.
pub struct Context<'a> {
    /// The engine's clock.
    pub now_ns: u64,
    /// The moment at which that was 0.
    pub epoch: Instant,
    /// Where datagrams leave.
    pub outbox: &'a mut Outbox,
    /// What is counted.
    pub counters: &'a mut Counters,
    /// What is to be done.
    pub timers: &'a mut Timers,
    /// Room to decrypt in.
    pub scratch: &'a mut Vec<u8>,
    /// The certificate of all.
    pub identity: &'a Identity,
    /// How everybody sends.
    pub parameters: SendingParameters,
}

impl Context<'_> {
    fn instant(&self) -> Instant {
        self.epoch + Duration::from_nanos(self.now_ns)
    }
}

/// A client's transport.
pub struct Client {
    id: u32,
    ip: Ipv4Addr,
    ufrag: String,
    password: String,
    session: Session,
    opened_ns: u64,
    /// What the names of all of its checks begin with: an answer to any of them will do, however late it is.
    checks: [u8; CHECKS_BYTES],
    sent_checks: u32,
    has_path: bool,
    dtls: Option<Dtls>,
    keys: Option<(Keys, Keys)>,
    receiver: Receiver,
    sender: Option<Sender>,
    state: watch::Sender<TransportState>,
    has_media: bool,
    has_failed: bool,
}

impl Client {
    /// A transport that begins to connect.
    pub fn new(
        id: u32,
        ip: Ipv4Addr,
        (ufrag, password): (String, String),
        session: Session,
        state: watch::Sender<TransportState>,
        context: &mut Context<'_>,
    ) -> Self {
        let mut receiver = Receiver::default();
        receiver.set(session.receiving.clone());
        context.timers.set(context.now_ns, id, Task::Check);
        Self {
            id,
            ip,
            ufrag,
            password,
            session,
            opened_ns: context.now_ns,
            checks: [0; CHECKS_BYTES],
            sent_checks: 0,
            has_path: false,
            dtls: None,
            keys: None,
            receiver,
            sender: None,
            state,
            has_media: false,
            has_failed: false,
        }
    }

    /// Where its datagrams come from.
    pub fn server(&self) -> SocketAddrV4 {
        self.session.remote.address
    }

    /// Something else was agreed on.
    pub fn change(&mut self, session: Session, context: &mut Context<'_>) {
        self.receiver.set(session.receiving.clone());
        let is_other = session.sending != self.session.sending;
        self.session = session;
        if is_other && self.keys.is_some() {
            self.start_sending(context);
        }
    }

    /// Ends: says good-bye, and returns what its receiver counted as expected and lost.
    pub fn close(mut self, context: &mut Context<'_>) -> (u64, u64) {
        if let Some(dtls) = &mut self.dtls
            && dtls.close().is_ok()
        {
            self.drain_dtls(context);
        }
        if self.keys.is_some() {
            context.counters.connected = context.counters.connected.saturating_sub(1);
        }
        self.receiver.expected_and_lost()
    }

    /// Packets that were to be expected, and those of them that did not arrive.
    pub fn expected_and_lost(&self) -> (u64, u64) {
        self.receiver.expected_and_lost()
    }

    /// Takes a media datagram.
    #[inline]
    pub fn take_media(&mut self, datagram: &[u8], arrival: Arrival, context: &mut Context<'_>) {
        let Some((_, remote)) = &self.keys else { return };
        if super::rtp::is_rtcp(datagram) {
            return self.take_rtcp(datagram, context);
        }
        let is_media = self.receiver.take(datagram, arrival, remote, context.scratch, context.counters);
        if self.receiver.has_new_gap() {
            self.send_nacks(context);
        }
        if is_media && !self.has_media {
            self.has_media = true;
            let at = context.instant();
            self.state.send_modify(|state| state.media_at = Some(at));
        }
    }

    /// Takes a datagram of STUN or DTLS.
    pub fn take_other(&mut self, datagram: &[u8], context: &mut Context<'_>) {
        match datagram.first() {
            Some(0..=3) => self.take_stun(datagram, context),
            Some(20..=63) => {
                if self.dtls.is_none() && !self.session.is_dtls_client {
                    let mut dtls = context.identity.dtls(false, context.instant());
                    // A server learns the time from this call; without it, it cannot make its random.
                    if let Err(error) = dtls.handle_timeout(context.instant()) {
                        return self.fail(&format!("DTLS: {error}"), context);
                    }
                    self.dtls = Some(dtls);
                }
                let Some(dtls) = &mut self.dtls else { return };
                match dtls.handle_packet(datagram) {
                    Ok(()) => self.drain_dtls(context),
                    Err(error) => self.fail(&format!("DTLS: {error}"), context),
                }
            }
            _ => {}
        }
    }

    /// Does what is due.
    pub fn run(&mut self, at_ns: u64, task: Task, context: &mut Context<'_>) {
        if self.has_failed {
            return;
        }
        match task {
            Task::Check => self.send_check(context),
            Task::Dtls => {
                if let (Some(dtls), None) = (&mut self.dtls, &self.keys) {
                    match dtls.handle_timeout(context.epoch + Duration::from_nanos(context.now_ns)) {
                        Ok(()) => self.drain_dtls(context),
                        Err(error) => self.fail(&format!("DTLS: {error}"), context),
                    }
                }
            }
            Task::Feedback => {
                self.send_feedback(context);
                self.send_nacks(context);
                self.send_keyframe_requests(context);
                let every = if self.sender.is_some() { FEEDBACK_SENDING_NS } else { FEEDBACK_RECEIVING_NS };
                context.timers.set(at_ns + every, self.id, Task::Feedback);
            }
            Task::Report => {
                self.send_reports(context);
                context.timers.set(at_ns + REPORT_NS, self.id, Task::Report);
            }
            Task::Picture | Task::Pace | Task::Sound => self.send_media(at_ns, task, context),
        }
    }

    fn send_media(&mut self, at_ns: u64, task: Task, context: &mut Context<'_>) {
        let (Some((local, _)), Some(sender)) = (&self.keys, &mut self.sender) else { return };
        let mut out = self.session.remote.address.out(context.outbox, self.ip);
        let (now_ns, counters) = (context.now_ns, &mut *context.counters);
        match task {
            Task::Picture => {
                if sender.picture(now_ns, local, &mut out, counters) {
                    // The pacer's ticks are the client's own, not the camera's.
                    let phase = u64::from(self.id).wrapping_mul(1_234_567) % PACE_NS;
                    let next = (now_ns.saturating_sub(phase) / PACE_NS + 1) * PACE_NS + phase;
                    context.timers.set(next, self.id, Task::Pace);
                }
                context.timers.set(at_ns + sender.picture_ns(), self.id, Task::Picture);
            }
            Task::Pace => {
                if sender.pace(now_ns, local, &mut out, counters) {
                    context.timers.set(at_ns + PACE_NS, self.id, Task::Pace);
                }
            }
            _ => {
                sender.sound(now_ns, local, &mut out, counters);
                context.timers.set(at_ns + source::SOUND_NS, self.id, Task::Sound);
            }
        }
    }

    fn send_check(&mut self, context: &mut Context<'_>) {
        if self.keys.is_none() && context.now_ns.saturating_sub(self.opened_ns) > CONNECT_NS_MAX {
            let what = if self.has_path { "DTLS did not complete" } else { "no check was answered" };
            return self.fail(&format!("{what} within 25 s"), context);
        }
        if self.sent_checks == 0 {
            let Ok(checks) = random::bytes() else { return };
            self.checks = checks;
        }
        let mut id: TransactionId = [0; 12];
        let bytes = self.checks.iter().copied().chain(self.sent_checks.to_be_bytes());
        id.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        let doubled = CHECK_AGAIN_NS << self.sent_checks.min(8);
        self.sent_checks += 1;
        let username = format!("{}:{}", self.session.remote.ufrag, self.ufrag);
        let check = Check {
            id,
            username: &username,
            password: &self.session.remote.password,
            is_controlling: self.session.is_controlling,
            tie_breaker: u64::from(self.id),
        };
        let mut out = self.session.remote.address.out(context.outbox, self.ip);
        if let Some(length) = stun::write_check(out.slot(), &check) {
            out.send(length);
        }
        let again = if self.has_path { CONSENT_NS } else { doubled.min(CHECK_AGAIN_NS_MAX) };
        context.timers.set(context.now_ns + again, self.id, Task::Check);
    }

    fn take_stun(&mut self, datagram: &[u8], context: &mut Context<'_>) {
        match stun::parse(datagram) {
            Some(stun::Message::Request(id)) => {
                let remote = self.session.remote.address;
                let mut out = remote.out(context.outbox, self.ip);
                if let Some(length) = stun::write_success(out.slot(), id, remote, &self.password) {
                    out.send(length);
                }
            }
            Some(stun::Message::Success(id)) if id.starts_with(&self.checks) && !self.has_path => {
                self.has_path = true;
                if self.session.is_dtls_client {
                    let mut dtls = context.identity.dtls(true, context.instant());
                    match dtls.handle_timeout(context.instant()) {
                        Ok(()) => {
                            self.dtls = Some(dtls);
                            self.drain_dtls(context);
                        }
                        Err(error) => self.fail(&format!("DTLS: {error}"), context),
                    }
                }
            }
            _ => {}
        }
    }

    fn drain_dtls(&mut self, context: &mut Context<'_>) {
        let mut buffer = [0; DTLS_BYTES];
        for _ in 0..DTLS_OUTPUTS_MAX {
            let Some(dtls) = &mut self.dtls else { return };
            match dtls.poll_output(&mut buffer) {
                Output::Packet(record) => {
                    let mut out = self.session.remote.address.out(context.outbox, self.ip);
                    if let Some(place) = out.slot().get_mut(..record.len()) {
                        place.copy_from_slice(record);
                        out.send(record.len());
                    }
                }
                Output::PeerCert(certificate)
                    if crypto::fingerprint(certificate) != Some(self.session.remote.fingerprint) =>
                {
                    return self.fail("the certificate is not the one of the description", context);
                }
                Output::KeyingMaterial(material, profile) => {
                    let keys = Keys::from_dtls(&material, profile);
                    match keys {
                        Ok((client, server)) if self.session.is_dtls_client => self.keys = Some((client, server)),
                        Ok((client, server)) => self.keys = Some((server, client)),
                        Err(error) => return self.fail(&error.to_string(), context),
                    }
                    context.counters.srtp_profile = srtp::profile_name(profile);
                    self.connected(context);
                }
                Output::Timeout(at) => {
                    if self.keys.is_none() {
                        let at_ns = at.saturating_duration_since(context.epoch).as_nanos() as u64;
                        context.timers.set(at_ns.max(context.now_ns), self.id, Task::Dtls);
                    }
                    return;
                }
                Output::BufferTooSmall { .. } => return self.fail("DTLS: a record is too long", context),
                _ => {}
            }
        }
    }

    fn connected(&mut self, context: &mut Context<'_>) {
        context.counters.connected += 1;
        let at = context.instant();
        self.state.send_modify(|state| state.connected_at = Some(at));
        self.start_sending(context);
        // Spread over the interval, so that clients that joined together do not all speak at once.
        let spread = |every: u64| context.now_ns + u64::from(self.id).wrapping_mul(7_654_321) % every;
        let (feedback, report) = (spread(FEEDBACK_RECEIVING_NS), spread(REPORT_NS));
        context.timers.set(feedback, self.id, Task::Feedback);
        context.timers.set(report, self.id, Task::Report);
    }

    fn start_sending(&mut self, context: &mut Context<'_>) {
        if self.session.sending.is_empty() || self.sender.is_some() {
            return;
        }
        let sender = Sender::new(&self.session.sending, context.parameters, self.id, context.now_ns);
        if sender.has_camera() {
            let phase = u64::from(self.id).wrapping_mul(9_876_543) % sender.picture_ns();
            context.timers.set(context.now_ns + phase, self.id, Task::Picture);
        }
        if sender.has_microphone() {
            let phase = u64::from(self.id).wrapping_mul(3_141_593) % source::SOUND_NS;
            context.timers.set(context.now_ns + phase, self.id, Task::Sound);
        }
        self.sender = Some(sender);
    }

    fn take_rtcp(&mut self, datagram: &[u8], context: &mut Context<'_>) {
        let Some((local, remote)) = &self.keys else { return };
        let Some(compound) = remote.open_rtcp(datagram, context.scratch) else {
            context.counters.unreadable += 1;
            return;
        };
        for message in rtcp::parse(compound) {
            match (message, &mut self.sender) {
                (Message::SenderReport { ssrc, ntp_middle }, _) => {
                    self.receiver.take_sender_report(ssrc, ntp_middle, context.now_ns);
                }
                (Message::Keyframe { ssrc }, Some(sender)) => sender.want_keyframe(ssrc),
                (Message::Nack { ssrc, sequences }, Some(sender)) => {
                    let mut out = self.session.remote.address.out(context.outbox, self.ip);
                    sender.repeat(ssrc, &sequences, local, &mut out, context.counters);
                }
                (_, None) => {}
            }
        }
    }

    fn send_feedback(&mut self, context: &mut Context<'_>) {
        while self.receiver.feedback().0.is_due() {
            let own_ssrc = self.own_ssrc();
            let (feedback, media_ssrc): (&mut Feedback, u32) = self.receiver.feedback();
            let mut length = None;
            let write = |buffer: &mut [u8]| {
                length = feedback.write(buffer, own_ssrc, media_ssrc);
                length
            };
            send_rtcp(&mut self.keys, &self.session, self.ip, context, write);
            if length.is_none() {
                return;
            }
        }
    }

    fn send_nacks(&mut self, context: &mut Context<'_>) {
        let own_ssrc = self.own_ssrc();
        let (keys, session, ip) = (&mut self.keys, &self.session, self.ip);
        self.receiver.nacks(context.now_ns, |ssrc, sequences| {
            context.counters.nacked += sequences.len() as u64;
            send_rtcp(keys, session, ip, context, |buffer| rtcp::write_nack(buffer, own_ssrc, ssrc, sequences));
        });
    }

    fn send_keyframe_requests(&mut self, context: &mut Context<'_>) {
        let own_ssrc = self.own_ssrc();
        let (keys, session, ip) = (&mut self.keys, &self.session, self.ip);
        self.receiver.keyframe_requests(context.now_ns, |ssrc| {
            context.counters.keyframe_requests += 1;
            send_rtcp(keys, session, ip, context, |buffer| rtcp::write_pli(buffer, own_ssrc, ssrc));
        });
    }

    fn send_reports(&mut self, context: &mut Context<'_>) {
        let own_ssrc = self.own_ssrc();
        for blocks in self.receiver.reports(context.now_ns).chunks(rtcp::BLOCKS_MAX) {
            let write = |buffer: &mut [u8]| rtcp::write_receiver_report(buffer, own_ssrc, blocks);
            send_rtcp(&mut self.keys, &self.session, self.ip, context, write);
        }
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
        let ntp = ((since_epoch.as_secs() + NTP_UNIX_S) << 32) | fraction;
        let infos = self.sender.as_ref().map(|sender| sender.reports(context.now_ns, ntp)).unwrap_or_default();
        for info in infos {
            let name = &self.ufrag;
            let write = |buffer: &mut [u8]| rtcp::write_sender_report(buffer, &info, name);
            send_rtcp(&mut self.keys, &self.session, self.ip, context, write);
        }
    }

    /// The stream under which this client speaks of others.
    fn own_ssrc(&self) -> u32 {
        let first = self.session.sending.first().and_then(|sending| sending.encodings.first());
        first.map_or(1, |encoding| encoding.ssrc)
    }

    fn fail(&mut self, why: &str, context: &mut Context<'_>) {
        if !self.has_failed {
            self.has_failed = true;
            context.counters.failed += 1;
            tracing::debug!(client = self.id, why, "a transport failed");
            self.state.send_modify(|state| state.failed = Some(Arc::from(why)));
        }
    }
}

/// Writes, seals and sends an RTCP packet.
fn send_rtcp(
    keys: &mut Option<(Keys, Keys)>,
    session: &Session,
    ip: Ipv4Addr,
    context: &mut Context<'_>,
    write: impl FnOnce(&mut [u8]) -> Option<usize>,
) {
    let Some((local, _)) = keys else { return };
    let mut out = session.remote.address.out(context.outbox, ip);
    let slot = out.slot();
    let Some(room) = slot.get_mut(..rtcp::PACKET_BYTES_MAX) else { return };
    if let Some(length) = write(room)
        && let Some(sealed) = local.seal_rtcp(slot, length)
    {
        out.send(sealed);
    }
}
