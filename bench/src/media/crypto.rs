//! What all clients share of DTLS: one certificate and one validated configuration.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use dimpl::{Config, Dtls, DtlsCertificate};

use super::MediaError;

/// A handshake message is repeated after this time, as browsers do, then after twice the time, and so on: a server that
/// is not ready for the first one costs no second.
const FIRST_REPEAT: Duration = Duration::from_millis(50);
/// Repetitions, until about 50 s have passed: longer than a join may take.
const REPEATS: usize = 9;

/// The certificate and the configuration of all clients.
pub struct Identity {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

impl Identity {
    /// A new certificate.
    ///
    /// # Errors
    /// [`MediaError::Crypto`].
    pub fn new() -> Result<Self, MediaError> {
        let failed = |what: &str| MediaError::Crypto(what.to_owned());
        let config = Config::builder().use_server_cookie(false).flight_start_rto(FIRST_REPEAT).flight_retries(REPEATS);
        let config = config.build().map_err(|error| failed(&error.to_string()))?;
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| failed(&format!("no certificate: {error}")))?;
        let fingerprint = fingerprint(&certificate.certificate).ok_or_else(|| failed("no fingerprint"))?;
        Ok(Self { config: Arc::new(config), certificate, fingerprint })
    }

    /// DTLS 1.2 of one client, the version that every target speaks.
    pub fn dtls(&self, is_client: bool, now: Instant) -> Dtls {
        let certificate = DtlsCertificate {
            certificate: self.certificate.certificate.clone(),
            private_key: self.certificate.private_key.clone(),
        };
        let mut dtls = Dtls::new_12(self.config.clone(), certificate, now);
        dtls.set_active(is_client);
        dtls
    }
}

/// SHA-256 of a certificate in DER.
pub fn fingerprint(certificate: &[u8]) -> Option<[u8; 32]> {
    digest::digest(&digest::SHA256, certificate).as_ref().try_into().ok()
}
