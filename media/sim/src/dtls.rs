//! A handshake of fixed length in place of DTLS: the real one signs with random numbers, so that its records differ in length
//! from run to run. Nothing is encrypted; the keys for SRTP come from both sides' random numbers.
//!
//! Two flights: the client's hello, the server's; then the client's end. Each is repeated until the next one comes. It
//! stands where str0m's DTLS provider stands, so that str0m, SRTP and the node are the real ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_media::shard::export_keys;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, KeyingMaterial, ProtocolVersion,
    SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

use crate::random::Random;

/// Bytes of each hello: about those of a real one.
const HELLO_BYTES: usize = 220;
/// Bytes of a certificate, which is nothing but random.
const CERTIFICATE_BYTES: usize = 64;
const RANDOM_BYTES: usize = 32;
/// Keys and salts of AES-128-GCM, twice (RFC 7714, section 12).
const KEYING_BYTES: usize = 56;
/// A flight is repeated after this long, then after twice that, and so on.
const REPEAT_AFTER: Duration = Duration::from_millis(100);
const REPEAT_AFTER_MAX: Duration = Duration::from_secs(3);

/// Content types of DTLS, so that datagrams are told apart as real ones are (RFC 7983).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const FINISHED: u8 = 20;

/// The crypto of a node and its clients: with DTLS as it is, or everything but that.
pub fn crypto_provider(real_dtls: bool) -> Arc<CryptoProvider> {
    match real_dtls {
        true => boltorezka_media::shard::crypto_provider(),
        false => Arc::new(CryptoProvider { dtls_provider: &FixedLength, ..from_feature_flags() }),
    }
}

#[derive(Debug)]
struct FixedLength;

impl DtlsProvider for FixedLength {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        let certificate = std::iter::repeat_with(|| fastrand::u8(..)).take(CERTIFICATE_BYTES).collect();
        Some(DtlsCert { certificate, private_key: Vec::new() })
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        _version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let mut random = [0; RANDOM_BYTES];
        random.fill_with(|| fastrand::u8(..));
        Ok(Box::new(Handshake {
            certificate: certificate.certificate.clone(),
            random,
            is_client: false,
            now,
            repeat_at: None,
            repeat_after: REPEAT_AFTER,
            flight: None,
            remote: None,
            is_done: false,
            is_closed: false,
            output: VecDeque::new(),
        }))
    }
}

#[derive(Debug)]
enum Event {
    Packet(Vec<u8>),
    Certificate(Vec<u8>),
    Keys(Vec<u8>),
    Connected,
    Data(Vec<u8>),
    Closed,
}

#[derive(Debug)]
struct Handshake {
    certificate: Vec<u8>,
    random: [u8; RANDOM_BYTES],
    is_client: bool,
    now: Instant,
    repeat_at: Option<Instant>,
    repeat_after: Duration,
    /// What is repeated until the other side has seen it.
    flight: Option<Vec<u8>>,
    /// The other side's random number.
    remote: Option<Vec<u8>>,
    is_done: bool,
    is_closed: bool,
    output: VecDeque<Event>,
}

impl Handshake {
    fn hello(&self, kind: u8) -> Vec<u8> {
        let mut hello = record(HANDSHAKE, &[kind]);
        hello.extend(self.random);
        hello.extend(&self.certificate);
        hello.resize(HELLO_BYTES, 0);
        hello
    }

    fn send_flight(&mut self, flight: Vec<u8>) {
        self.output.push_back(Event::Packet(flight.clone()));
        self.flight = Some(flight);
        self.repeat_at = Some(self.now + self.repeat_after);
    }

    fn take_hello(&mut self, hello: &[u8]) {
        let Some((random, rest)) = hello.split_at_checked(RANDOM_BYTES) else { return };
        let Some(certificate) = rest.get(..CERTIFICATE_BYTES) else { return };
        self.remote = Some(random.to_vec());
        let seed = |bytes: &[u8]| bytes.iter().fold(0_u64, |seed, byte| seed.rotate_left(7) ^ u64::from(*byte));
        let mut keys = vec![0; KEYING_BYTES];
        Random::new(seed(random) ^ seed(&self.random)).fill(&mut keys);
        self.output.push_back(Event::Certificate(certificate.to_vec()));
        self.output.push_back(Event::Keys(keys));
    }

    fn finish(&mut self) {
        self.flight = None;
        self.repeat_at = None;
        if !std::mem::replace(&mut self.is_done, true) {
            self.output.push_back(Event::Connected);
        }
    }
}

impl DtlsInstance for Handshake {
    fn set_active(&mut self, active: bool) {
        self.is_client = active;
        if active {
            self.send_flight(self.hello(CLIENT_HELLO));
        }
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        match packet {
            [HANDSHAKE, _, _, CLIENT_HELLO, hello @ ..] if !self.is_client => {
                if self.remote.is_none() {
                    self.take_hello(hello);
                }
                self.send_flight(self.hello(SERVER_HELLO));
            }
            [HANDSHAKE, _, _, SERVER_HELLO, hello @ ..] if self.is_client => {
                if self.remote.is_none() {
                    self.take_hello(hello);
                }
                self.output.push_back(Event::Packet(record(HANDSHAKE, &[FINISHED])));
                self.finish();
            }
            [HANDSHAKE, _, _, FINISHED, ..] if self.remote.is_some() => self.finish(),
            [APPLICATION_DATA, _, _, data @ ..] if self.remote.is_some() => {
                self.finish();
                self.output.push_back(Event::Data(data.to_vec()));
            }
            [ALERT, ..] if self.is_done => {
                self.is_closed = true;
                self.output.push_back(Event::Closed);
            }
            _ => {}
        }
        Ok(())
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        fn fill<'a>(buffer: &'a mut [u8], bytes: &[u8]) -> &'a [u8] {
            let length = bytes.len().min(buffer.len());
            buffer[..length].copy_from_slice(&bytes[..length]);
            &buffer[..length]
        }
        match self.output.pop_front() {
            Some(Event::Packet(packet)) => DtlsOutput::Packet(fill(buffer, &packet)),
            Some(Event::Certificate(certificate)) => DtlsOutput::PeerCert(fill(buffer, &certificate)),
            Some(Event::Keys(keys)) => {
                let profile = SrtpProfile::AEAD_AES_128_GCM;
                let keys = KeyingMaterial::new(&keys);
                export_keys(&keys, profile, self.is_client);
                DtlsOutput::KeyingMaterial(keys, profile)
            }
            Some(Event::Connected) => DtlsOutput::Connected,
            Some(Event::Data(data)) => DtlsOutput::ApplicationData(fill(buffer, &data)),
            Some(Event::Closed) => DtlsOutput::CloseNotify,
            None => DtlsOutput::Timeout(self.repeat_at.unwrap_or(self.now + Duration::from_secs(3600))),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        if self.repeat_at.is_some_and(|at| at <= now)
            && let Some(flight) = self.flight.take()
        {
            self.repeat_after = (self.repeat_after * 2).min(REPEAT_AFTER_MAX);
            self.send_flight(flight);
        }
        Ok(())
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        if !self.is_done {
            return Ok(0);
        }
        self.output.push_back(Event::Packet(record(APPLICATION_DATA, data)));
        Ok(data.len())
    }

    fn is_active(&self) -> bool {
        self.is_client
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        None
    }

    fn is_closing(&self) -> bool {
        self.is_closed
    }

    fn is_closed(&self) -> bool {
        self.is_closed && self.output.is_empty()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.is_closed = true;
        self.output.push_back(Event::Packet(record(ALERT, &[])));
        Ok(())
    }
}

fn record(content_type: u8, contents: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 0xfe, 0xfd];
    record.extend(contents);
    record
}
