//! DTLS for str0m with one validated configuration for all connections.
//!
//! str0m's own provider builds and validates a dimpl configuration for each connection, about 1.1 ms of a shard's time
//! at each join. This one does it once for each MTU and DTLS version.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoProvider, from_feature_flags};

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
                let builder = dimpl::Config::builder().use_server_cookie(false);
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
    ) -> Result<Box<dyn DtlsInstance>, str0m::crypto::CryptoError> {
        if !matches!(version, DtlsVersion::Dtls12) {
            return self.base.new_dtls(certificate, now, version, mtu);
        }
        let config = self
            .config(mtu)
            .map_err(|error| str0m::crypto::CryptoError::Other(format!("DTLS configuration: {error}")))?;
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
        self.0.poll_output(buffer)
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
