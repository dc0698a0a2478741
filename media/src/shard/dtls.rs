//! DTLS for str0m with one validated configuration for all connections.
//!
//! str0m's own provider builds and validates a dimpl configuration for each connection, about 1.1 ms of a shard's time
//! at each join. This one does it once for each MTU.
//!
//! The instances also let [`exported_keys`] see the keying material: str0m takes it and shows it to nobody, and the egress
//! seals under it.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, KeyingMaterial, ProtocolVersion,
    SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

use crate::egress::{Opener, Profile, Sealer, SrtpError, association};

/// A flight that nothing answered is sent again after this, and then after twice as long. RFC 6347's second is for unknown
/// paths; ICE has proven this one, browsers begin with 50 ms, and an encoder that is the DTLS server may not listen yet
/// when the first hello comes.
const RESEND_AFTER: Duration = Duration::from_millis(250);

/// What a DTLS association gives to SRTP: a profile, the keying material, and whether this side is the DTLS client.
type Exported = (Profile, Vec<u8>, bool);

thread_local! {
    /// What an instance on this thread exported last. str0m runs one connection at a time and knows nothing of what its
    /// DTLS instance belongs to: who runs it looks here before and after.
    static EXPORTED: RefCell<Option<Exported>> = const { RefCell::new(None) };
}

/// Runs one connection's str0m; with what it returns come the SRTP keys, when its DTLS association was made meanwhile.
pub fn exported_keys<T>(run: impl FnOnce() -> T) -> (T, Result<Option<(Sealer, Opener)>, SrtpError>) {
    EXPORTED.take();
    let outcome = run();
    let keys = EXPORTED.take().map(|(profile, material, is_client)| association(profile, &material, is_client));
    (outcome, keys.transpose())
}

/// Notes what a DTLS instance exports on this thread. A provider of one's own must call it with what its instances give as
/// [`DtlsOutput::KeyingMaterial`].
pub fn export_keys(material: &KeyingMaterial, profile: SrtpProfile, is_client: bool) {
    if let Some(profile) = profile_of(profile) {
        EXPORTED.set(Some((profile, material.to_vec(), is_client)));
    }
}

/// The crypto that shards hand to str0m: aws-lc-rs, with shared DTLS configuration.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    static DTLS: OnceLock<SharedDtls> = OnceLock::new();
    let build = || {
        let base = from_feature_flags();
        let dtls_provider = DTLS.get_or_init(|| SharedDtls { base: base.dtls_provider, config: Mutex::new(None) });
        Arc::new(CryptoProvider { dtls_provider, ..base })
    };
    PROVIDER.get_or_init(build).clone()
}

#[derive(Debug)]
struct SharedDtls {
    base: &'static dyn DtlsProvider,
    config: Mutex<Option<(Option<usize>, Arc<dimpl::Config>)>>,
}

impl SharedDtls {
    fn config(&self, mtu: Option<usize>) -> Result<Arc<dimpl::Config>, dimpl::Error> {
        let mut cached = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some((cached_mtu, config)) if *cached_mtu == mtu => Ok(config.clone()),
            _ => {
                // ICE has proven the address before DTLS starts, so that the server's cookie would only cost a round trip.
                let builder = dimpl::Config::builder().use_server_cookie(false).flight_start_rto(RESEND_AFTER);
                let builder = mtu.into_iter().fold(builder, |builder, mtu| builder.mtu(mtu));
                let config = Arc::new(builder.build()?);
                *cached = Some((mtu, config.clone()));
                Ok(config)
            }
        }
    }
}

impl DtlsProvider for SharedDtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.base.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        if !matches!(version, DtlsVersion::Dtls12) {
            return Err(CryptoError::Other("only DTLS 1.2 is configured".to_owned()));
        }
        let config = self.config(mtu).map_err(|error| CryptoError::Other(format!("DTLS configuration: {error}")))?;
        Ok(Box::new(Instance(dimpl::Dtls::new_12(config, certificate.clone(), now))))
    }
}

struct Instance(dimpl::Dtls);

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Instance")
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.0.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            export_keys(material, *profile, self.0.is_active());
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

fn profile_of(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1_80),
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        _ => None,
    }
}
