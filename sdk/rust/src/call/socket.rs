//! The socket of a call: UDP, or TCP with a length before each datagram (RFC 4571) where UDP is blocked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use str0m::net::Transmit;
use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use super::{CallCore, CallError, MediaTransport};

/// Room for the datagrams that come while the process is busy elsewhere: half a second of a busy call.
const SOCKET_BUFFER_BYTES: usize = 1024 * 1024;
/// Larger than any datagram that the media node sends.
pub(super) const DATAGRAM_BYTES_MAX: usize = 2_000;
/// How long one candidate may take to accept a TCP connection.
const TCP_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that wait for a TCP connection to take them: a second of a busy call. More are dropped, as UDP would.
const UNSENT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of the length before a datagram.
const LENGTH_BYTES: usize = 2;

/// What datagrams go through.
pub(super) enum MediaSocket {
    Udp(UdpSocket, Route),
    Tcp(Box<TcpSocket>),
}

/// Local addresses by the remote address that they lead to. The socket is bound to no address, so that one serves all
/// candidates, and the kernel chooses by route: this says what it chooses.
pub(super) struct Route(Vec<(IpAddr, SocketAddr)>);

pub(super) struct TcpSocket {
    stream: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
    codec: LengthDelimitedCodec,
    received: BytesMut,
    unsent: BytesMut,
}

/// A datagram's source, the local address that it came to, and its length.
pub(super) type Received = (SocketAddr, SocketAddr, usize);

impl MediaSocket {
    /// Takes the answer and opens the socket towards its candidates.
    pub(super) async fn connect(core: &mut CallCore, answer: &str) -> Result<Self, CallError> {
        let candidates = core.accept_answer(answer, Instant::now())?;
        match core.transport() {
            MediaTransport::Udp => open_udp(core, candidates).await,
            MediaTransport::Tcp => open_tcp(core, candidates).await,
        }
    }

    /// Waits until a datagram may have come, or what waits may leave.
    pub(super) async fn ready(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket, _) => socket.readable().await,
            Self::Tcp(tcp) if tcp.unsent.is_empty() => tcp.stream.readable().await,
            Self::Tcp(tcp) => tcp.stream.ready(Interest::READABLE | Interest::WRITABLE).await.map(drop),
        }
    }

    /// Takes the next datagram; none when none is there.
    ///
    /// # Errors
    /// When the TCP connection has ended.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        match self {
            Self::Udp(socket, route) => {
                // An error of one datagram (an ICMP message that came back) is not the end of the socket.
                let Ok((length, source)) = socket.try_recv_from(buffer) else { return Ok(None) };
                Ok(route.local_for(source.ip()).map(|local| (source, local, length)))
            }
            Self::Tcp(tcp) => tcp.receive(buffer),
        }
    }

    /// Sends a datagram; `false` when it is dropped.
    pub(super) fn send(&mut self, transmit: &Transmit) -> bool {
        match self {
            Self::Udp(socket, _) => socket.try_send_to(&transmit.contents, transmit.destination).is_ok(),
            Self::Tcp(tcp) => tcp.send(transmit),
        }
    }
}

impl TcpSocket {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        self.flush()?;
        loop {
            if let Some(frame) = self.codec.decode(&mut self.received)? {
                let Some(place) = buffer.get_mut(..frame.len()) else { continue };
                place.copy_from_slice(&frame);
                return Ok(Some((self.remote, self.local, frame.len())));
            }
            match self.stream.try_read_buf(&mut self.received) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&mut self, transmit: &Transmit) -> bool {
        // A check of another candidate: there is one connection.
        if transmit.destination != self.remote {
            return true;
        }
        let frame = Bytes::copy_from_slice(&transmit.contents);
        let is_taken = self.unsent.len() + LENGTH_BYTES + frame.len() <= UNSENT_BYTES_MAX
            && self.codec.encode(frame, &mut self.unsent).is_ok();
        // A connection that has failed says so when it is read.
        let _ = self.flush();
        is_taken
    }

    /// Writes what waits, as much as the kernel takes.
    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.try_write(&self.unsent) {
                Ok(bytes) => drop(self.unsent.split_to(bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Route {
    fn local_for(&self, remote: IpAddr) -> Option<SocketAddr> {
        let known = self.0.iter().find(|(ip, _)| *ip == remote).or_else(|| self.0.first());
        known.map(|(_, local)| *local)
    }
}

async fn open_tcp(core: &mut CallCore, candidates: Vec<SocketAddr>) -> Result<MediaSocket, CallError> {
    let mut last_error = io::ErrorKind::AddrNotAvailable.into();
    for remote in candidates {
        let stream = match tokio::time::timeout(TCP_CONNECT_TIMEOUT, TcpStream::connect(remote)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                last_error = error;
                continue;
            }
            Err(_) => {
                last_error = io::ErrorKind::TimedOut.into();
                continue;
            }
        };
        stream.set_nodelay(true).map_err(CallError::Socket)?;
        let local = stream.local_addr().map_err(CallError::Socket)?;
        core.add_local_address(local, Instant::now());
        let codec = LengthDelimitedCodec::builder()
            .length_field_length(LENGTH_BYTES)
            .max_frame_length(DATAGRAM_BYTES_MAX)
            .new_codec();
        let (received, unsent) = (BytesMut::new(), BytesMut::new());
        return Ok(MediaSocket::Tcp(Box::new(TcpSocket { stream, local, remote, codec, received, unsent })));
    }
    Err(CallError::Socket(last_error))
}

async fn open_udp(core: &mut CallCore, candidates: Vec<SocketAddr>) -> Result<MediaSocket, CallError> {
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
    Ok(MediaSocket::Udp(socket, Route(route)))
}

fn open_socket(is_v4: bool) -> io::Result<UdpSocket> {
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
fn local_ip_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}
