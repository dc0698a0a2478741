//! An S3 store for a test: a server of others (`s3s-fs`), which verifies each signature, behind a way that a test can cut or slow.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use boltorezka_control::{S3Addressing, S3Config};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt as _;

pub const BUCKET: &str = "talk";
pub const PREFIX: &str = "attachments/";
const KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What happens on the way to the store. A change ends the connections that there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Open,
    /// Each connection ends at once.
    Closed,
    /// Each connection ends when so many bytes have gone to the store.
    CutAfterSent(usize),
    /// Each connection ends when so many bytes have come from it.
    CutAfterReceived(usize),
    /// What goes to the store waits.
    Slow(Duration),
}

pub struct S3Store {
    address: SocketAddr,
    folder: TempDir,
    way: watch::Sender<Way>,
    /// Connections that were begun.
    connections: Arc<std::sync::atomic::AtomicUsize>,
}

impl S3Store {
    /// With an empty bucket.
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let routes = axum::Router::new().fallback(move |request: Request| {
            let service = service.clone();
            async move { service.oneshot(request).await.unwrap().map(Body::new) }
        });
        let behind = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let store = behind.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(behind, routes).await.unwrap() });

        let before = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, way) = (before.local_addr().unwrap(), watch::Sender::new(Way::Open));
        let (ways, connections) = (way.subscribe(), Arc::<std::sync::atomic::AtomicUsize>::default());
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = before.accept().await {
                counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                tokio::spawn(relay(client, store, ways.clone()));
            }
        });
        Self { address, folder, way, connections }
    }

    pub fn set_way(&self, way: Way) {
        self.way.send_replace(way);
    }

    pub fn connections(&self) -> usize {
        self.connections.load(std::sync::atomic::Ordering::SeqCst)
    }

    pub fn config(&self) -> S3Config {
        S3Config {
            endpoint: format!("http://{}", self.address),
            region: "us-east-1".to_owned(),
            bucket: BUCKET.to_owned(),
            prefix: PREFIX.to_owned(),
            access_key_id: KEY.to_owned(),
            secret_access_key: SECRET.to_owned(),
            addressing: S3Addressing::Path,
        }
    }

    /// Where the object of a name behind the prefix is on the disk.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(PREFIX).join(name)
    }

    /// What the objects behind the prefix are called, in order, without the one that says whose they are.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "server");
        names.sort();
        names
    }
}

async fn relay(client: TcpStream, store: SocketAddr, mut ways: watch::Receiver<Way>) {
    let way = *ways.borrow_and_update();
    if way == Way::Closed {
        return;
    }
    let store = TcpStream::connect(store).await.unwrap();
    client.set_nodelay(true).unwrap();
    store.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_store, to_store)) = (client.into_split(), store.into_split());
    let (mut sent, mut received, mut pause) = (usize::MAX, usize::MAX, Duration::ZERO);
    match way {
        Way::Open | Way::Closed => {}
        Way::CutAfterSent(bytes) => sent = bytes,
        Way::CutAfterReceived(bytes) => received = bytes,
        Way::Slow(by) => pause = by,
    }
    tokio::select! {
        () = carry(from_client, to_store, sent, pause) => {}
        () = carry(from_store, to_client, received, Duration::ZERO) => {}
        _ = ways.changed() => {}
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut bytes_max: usize,
    pause: Duration,
) {
    let mut piece = vec![0; 16 * 1024];
    while bytes_max > 0 {
        let Ok(count @ 1..) = from.read(&mut piece).await else { return };
        tokio::time::sleep(pause).await;
        let count = count.min(bytes_max);
        if to.write_all(&piece[..count]).await.is_err() {
            return;
        }
        bytes_max -= count;
    }
}
