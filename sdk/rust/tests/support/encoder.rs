//! An encoder that publishes by WHIP: plain str0m and HTTP, no data channel, nothing of this project's client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};
use tokio::net::UdpSocket;

/// Names of the camera's encodings, the smallest first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];
const FRAME: Duration = Duration::from_millis(40);
const FRAME_TICKS: u32 = 3_600;

pub struct Encoder {
    rtc: Rtc,
    socket: UdpSocket,
    http: reqwest::Client,
    token: String,
    /// The session's address.
    pub session: String,
    etag: String,
    answer: String,
    camera: Mid,
    next_frame: Instant,
    frames: u64,
    wants_keyframe: [bool; 3],
    pub is_connected: bool,
    /// Whether the ICE session of now has found a path.
    pub has_path: bool,
}

impl Encoder {
    /// Posts an offer and takes the answer.
    pub async fn publish(base: &str, room: &str, token: &str) -> Self {
        let now = Instant::now();
        let mut rtc = Rtc::builder().set_rtp_mode(true).build(now);
        let socket = open_socket(&mut rtc).await;
        let mut api = rtc.sdp_api();
        let send = RIDS.map(SimulcastLayer::new).to_vec();
        let simulcast = Simulcast { send, recv: Vec::new() };
        let camera = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, Some(simulcast));
        let (offer, pending) = api.apply().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut encoder = Self {
            rtc,
            socket,
            http,
            token: token.to_owned(),
            session: String::new(),
            etag: String::new(),
            answer: String::new(),
            camera,
            next_frame: now,
            frames: 0,
            wants_keyframe: [true; 3],
            is_connected: false,
            has_path: false,
        };
        let url = format!("{base}/v1/whip/{room}");
        let offer = offer.to_sdp_string();
        assert!(offer.contains("a=simulcast:send q;h;f"), "{offer}");
        let (status, headers, answer) = encoder.send(Method::POST, &url, &[], "application/sdp", offer).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        encoder.session = format!("{base}{}", headers["location"].to_str().unwrap());
        encoder.etag = headers["etag"].to_str().unwrap().to_owned();
        encoder.accept(pending, answer);
        encoder
    }

    /// Goes over to another address, as after a change of network: an ICE restart by `PATCH` (RFC 9725, section 4.3.3).
    pub async fn change_network(&mut self) {
        let mut api = self.rtc.sdp_api();
        let credentials = api.ice_restart(false);
        let (_, pending) = api.apply().unwrap();
        let (ufrag, password) = (credentials.ufrag, credentials.pass);
        let fragment =
            format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n");
        let session = self.session.clone();
        let sent =
            self.send(Method::PATCH, &session, &[("if-match", "*")], "application/trickle-ice-sdpfrag", fragment);
        let (status, headers, fragment) = sent.await;
        assert_eq!(status, StatusCode::OK, "{fragment}");
        assert_ne!(headers["etag"], self.etag.as_str());
        // The answer of before, with the server's new credentials, and with candidates, which name them.
        let new = |start: &str| -> String {
            let lines = fragment.lines().filter(|line| line.starts_with(start));
            lines.map(|line| format!("{line}\r\n")).collect()
        };
        let line = |line: &str| match line.split_once(':') {
            Some(("a=candidate", _)) => String::new(),
            Some(("a=ice-ufrag", _)) => new("a=ice-ufrag:") + &new("a=candidate:"),
            Some(("a=ice-pwd", _)) => new("a=ice-pwd:"),
            _ => format!("{line}\r\n"),
        };
        let answer: String = self.answer.lines().map(line).collect();
        assert_ne!(answer, self.answer);
        self.accept(pending, answer);
        self.has_path = false;
        // The restart takes effect with the answer, and forgets the candidates of before.
        self.socket = open_socket(&mut self.rtc).await;
    }

    /// Deletes the session; the status.
    pub async fn delete(&self) -> StatusCode {
        self.send(Method::DELETE, &self.session, &[], "application/sdp", String::new()).await.0
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        content_type: &str,
        body: String,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = self.http.request(method, url).bearer_auth(&self.token).header("content-type", content_type);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body).send().await.unwrap();
        (response.status(), response.headers().clone(), response.text().await.unwrap())
    }

    fn accept(&mut self, pending: SdpPendingOffer, answer: String) {
        let parsed = SdpAnswer::from_sdp_string(&answer).unwrap();
        self.rtc.sdp_api().accept_answer(pending, parsed).unwrap();
        self.answer = answer;
    }

    /// Sends all encodings and takes part in the connection for this long.
    pub async fn run_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.produce(Instant::now());
            let wake = self.drain().await.min(until).min(self.next_frame);
            let mut datagram = [0; 2_000];
            let address = self.socket.local_addr().unwrap();
            match tokio::time::timeout_at(wake.into(), self.socket.recv_from(&mut datagram)).await {
                Ok(Ok((length, source))) => {
                    let receive = Receive::new(Protocol::Udp, source, address, &datagram[..length]).unwrap();
                    self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
                }
                _ => self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap(),
            }
        }
    }

    /// Runs until something is so.
    pub async fn run_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !is_so(self) {
            assert!(started.elapsed() < Duration::from_secs(15), "never came true: {what}");
            self.run_for(FRAME).await;
        }
    }

    async fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => return at,
                // To an address of another family, or of a socket that is closed.
                Output::Transmit(transmit) => drop(self.socket.send_to(&transmit.contents, transmit.destination).await),
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::IceConnectionStateChange(state)) => {
                    self.has_path = matches!(state, IceConnectionState::Connected | IceConnectionState::Completed);
                }
                Output::Event(Event::KeyframeRequest(request)) => {
                    let wanted = |rid: &str| request.rid.is_none_or(|wanted| *wanted == *rid);
                    for (index, _) in RIDS.iter().enumerate().filter(|(_, rid)| wanted(rid)) {
                        self.wants_keyframe[index] = true;
                    }
                }
                Output::Event(_) => {}
            }
        }
    }

    fn produce(&mut self, now: Instant) {
        if !self.is_connected || now < self.next_frame {
            return;
        }
        self.next_frame = now + FRAME;
        self.frames += 1;
        let pt = self.rtc.codec_config().find(|params| params.spec().codec == Codec::Vp8).unwrap().pt();
        for (index, rid) in RIDS.iter().enumerate() {
            let is_key = std::mem::take(&mut self.wants_keyframe[index]);
            let picture = (self.frames as u16) | 0x8000;
            let (high, low) = ((picture >> 8) as u8, picture as u8);
            // VP8 (RFC 7741): a picture id of 15 bits, TL0PICIDX, then the first byte of the payload header.
            let mut payload = vec![0x90, 0xe0, high, low, self.frames as u8, 0, u8::from(!is_key)];
            payload.resize(60 << (2 * index), index as u8);
            let mut direct = self.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(self.camera, Some(Rid::from(*rid))).unwrap();
            let sequence = self.frames.into();
            let timestamp = (self.frames as u32).wrapping_mul(FRAME_TICKS);
            let write = RtpWrite::new(pt, sequence, timestamp, now, payload).marker(true).nackable(true);
            stream.write_rtp(write.ext_vals(ExtensionValues::default()));
        }
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
    }
}

async fn open_socket(rtc: &mut Rtc) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), Protocol::Udp).unwrap());
    socket
}
