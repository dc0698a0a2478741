//! The way in for HTTP and HTTPS.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Failure;
use crate::settings::{SettingError, Settings};

/// How long requests that run may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(3);

/// A socket that listens, and whether it speaks TLS.
pub struct Entrance {
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    address: SocketAddr,
}

impl Entrance {
    /// Takes the port and reads the certificate.
    ///
    /// # Errors
    /// When the port is taken or the certificate cannot be used; the message names the setting.
    pub fn open(settings: &Settings) -> Result<Self, Failure> {
        let tls = settings.tls().map(|(cert, key)| tls_config(cert, key)).transpose()?;
        let named = |error: std::io::Error| Failure::other(explain(settings.http, &error));
        let listener = TcpListener::bind(settings.http).map_err(named)?;
        listener.set_nonblocking(true).map_err(named)?;
        let address = listener.local_addr().map_err(named)?;
        Ok(Self { listener, tls, address })
    }

    /// `http://…` or `https://…` of the listening address.
    pub fn origin(&self) -> String {
        origin(self.tls.is_some(), self.address)
    }

    /// Where people on this machine open the page: a wildcard address is not one.
    pub fn local_origin(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        origin(self.tls.is_some(), address)
    }

    /// Serves until `handle` is told to stop.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(self, router: Router, handle: Handle<SocketAddr>) -> std::io::Result<()> {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = axum_server::from_tcp(self.listener)?.handle(handle);
        // An ack and the answer after it are two small writes: the second would wait for the client's delayed
        // acknowledgement of the first, 40 ms of each join.
        let acceptor = NoDelayAcceptor::new();
        match self.tls {
            Some(tls) => server.acceptor(RustlsAcceptor::new(tls).acceptor(acceptor)).serve(service).await,
            None => server.acceptor(acceptor).serve(service).await,
        }
    }
}

/// Lets running requests end, for a while.
pub fn stop(handle: &Handle<SocketAddr>) {
    handle.graceful_shutdown(Some(GRACE));
}

fn origin(tls: bool, address: SocketAddr) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

fn explain(address: SocketAddr, error: &std::io::Error) -> String {
    let cure = match error.kind() {
        std::io::ErrorKind::AddrInUse => "Stop the program that uses it, or choose another port with --http",
        std::io::ErrorKind::PermissionDenied => "Choose a port above 1023, or give the program the right to use it",
        std::io::ErrorKind::AddrNotAvailable => "Give an address of this machine, or 0.0.0.0 for all",
        _ => "Choose another address with --http",
    };
    format!("setting http = {address}: {error}. {cure}.")
}

fn tls_config(cert: &std::path::Path, key: &std::path::Path) -> Result<RustlsConfig, SettingError> {
    let wrong = |name: &str, path: &std::path::Path, error: &dyn std::fmt::Display| {
        SettingError::new(format!("setting {name} = {:?}: {error}. Give a PEM file.", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong("tls_cert", cert, &error))?;
    if chain.is_empty() {
        return Err(wrong("tls_cert", cert, &"it holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong("tls_key", key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("tls_cert", cert, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong("tls_key", key, &format!("it does not fit tls_cert: {error}")))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}
