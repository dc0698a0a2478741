//! TCP sockets of a shard: one that listens, and those that it accepted. None of them ever blocks.

use std::io::{self, IoSlice, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::udp::UdpSocket;

/// Connections that wait to be accepted: those of a shard's turn, many times over.
const BACKLOG: i32 = 256;
/// Bytes that the kernel takes beyond those that it may send now. What waits longer waits with us, where the rest of it
/// can still be given up; less would leave the line idle between two turns.
const NOT_SENT_BYTES_MAX: u32 = 16 << 10;
/// A connection that nothing was heard on for so long is asked whether it is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
/// How often it is asked, and without an answer for [`GIVEN_UP_AFTER`] it has failed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// What was sent and not acknowledged for so long will not be any more.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(20);

/// A listening socket.
#[derive(Debug)]
pub struct TcpListener {
    socket: Socket,
}

/// An accepted connection. It is closed when it is dropped.
#[derive(Debug)]
pub struct TcpConnection {
    socket: Socket,
    /// Who has connected.
    pub source: SocketAddr,
    /// The local address that it connected to.
    pub local: IpAddr,
}

impl TcpListener {
    /// Listens where a UDP socket is bound: on its address and port.
    ///
    /// # Errors
    /// What the kernel says, as when the port is taken.
    pub fn beside(udp: &UdpSocket) -> io::Result<Self> {
        let address = udp.socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        // Connections of a server that ended a moment ago do not keep the port from the next.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self { socket })
    }

    /// Takes the next connection; none when nobody waits, or when who waited is gone again.
    ///
    /// # Errors
    /// What the kernel says, as when no file descriptor is free.
    pub fn accept(&self) -> io::Result<Option<TcpConnection>> {
        let (socket, source) = match self.socket.accept() {
            Ok(accepted) => accepted,
            Err(error) if is_transient(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(source) = source.as_socket() else { return Ok(None) };
        socket.set_nonblocking(true)?;
        // Frames leave when they are written: we write many at once where there are many.
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_notsent_lowat(NOT_SENT_BYTES_MAX)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_INTERVAL);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(GIVEN_UP_AFTER))?;
        let local = socket.local_addr()?.as_socket().map_or(source.ip(), |local| local.ip());
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        Ok(Some(TcpConnection { socket, source, local: local.to_canonical() }))
    }
}

impl TcpConnection {
    /// Reads what has come; `None` when nothing has, 0 when the other side has ended the connection.
    ///
    /// # Errors
    /// What the kernel says: the connection has failed.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.socket).read(buffer) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_transient(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes what the kernel takes of `slices`, which may be nothing, and says how much that was.
    ///
    /// # Errors
    /// What the kernel says: the connection has failed.
    pub fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.socket.send_vectored_with_flags(slices, libc::MSG_NOSIGNAL) {
            Ok(bytes) => Ok(bytes),
            Err(error) if is_transient(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsRawFd for TcpConnection {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Whether an error only says that there is nothing to do now. A connection that was reset before it was accepted is none.
fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted | ConnectionAborted)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};

    use super::super::{Poller, Waker};
    use super::*;

    /// A port that is free for both.
    fn bind(ip: Option<IpAddr>) -> (UdpSocket, TcpListener) {
        loop {
            let udp = UdpSocket::bind(ip, 0).unwrap();
            match TcpListener::beside(&udp) {
                Ok(listener) => return (udp, listener),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
            }
        }
    }

    fn accept(listener: &TcpListener, udp: &UdpSocket) -> TcpConnection {
        let mut poller = Poller::new().unwrap();
        poller.add(listener, 1).unwrap();
        assert!(udp.wait(&Waker::new().unwrap(), Duration::from_secs(5), &[], &poller).unwrap());
        listener.accept().unwrap().unwrap()
    }

    #[test]
    fn both_ends_of_a_connection_are_named_in_both_ip_versions() {
        for ip in [None, Some(Ipv4Addr::LOCALHOST.into()), Some(Ipv6Addr::LOCALHOST.into())] {
            let (udp, listener) = bind(ip);
            let hosts: &[IpAddr] = match &ip {
                Some(ip) => std::slice::from_ref(ip),
                None => &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            };
            for host in hosts {
                let mut client = TcpStream::connect((*host, udp.local_port().unwrap())).unwrap();
                let connection = accept(&listener, &udp);
                assert_eq!((connection.source, connection.local), (client.local_addr().unwrap(), *host));
                assert_eq!(connection.read(&mut [0; 8]).unwrap(), None);
                client.write_all(b"abc").unwrap();
                client.shutdown(std::net::Shutdown::Write).unwrap();
                let mut buffer = [0; 8];
                while connection.read(&mut buffer).unwrap().is_none() {}
                assert_eq!(&buffer[..3], b"abc");
                while connection.read(&mut buffer).unwrap().is_none() {}
                assert_eq!(connection.read(&mut buffer).unwrap(), Some(0));
                assert_eq!(connection.write(&[IoSlice::new(b"de"), IoSlice::new(b"f")]).unwrap(), 3);
                client.read_exact(&mut buffer[..3]).unwrap();
                assert_eq!(&buffer[..3], b"def");
            }
            assert!(listener.accept().unwrap().is_none());
        }
    }

    #[test]
    fn who_does_not_read_is_not_written_to_without_end() {
        let (udp, listener) = bind(Some(Ipv4Addr::LOCALHOST.into()));
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, udp.local_port().unwrap())).unwrap();
        let connection = accept(&listener, &udp);
        let block = [7; 1 << 20];
        let taken: usize = (0..64).map(|_| connection.write(&[IoSlice::new(&block)]).unwrap()).sum();
        assert!(taken < 32 << 20, "the kernel took {taken} bytes");
    }

    #[test]
    fn a_port_is_had_by_one_alone() {
        let (udp, _first) = bind(Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(TcpListener::beside(&udp).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
