//! A UDP socket that takes and gives datagrams in batches (recvmmsg(2), sendmmsg(2)).

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::addresses::socket_address;
use super::control::{CONTROL_BYTES, ControlBuffer, local_address, set_source};

/// Datagrams in one system call: enough to spread its cost, few enough to stay in the cache.
pub const BATCH_MAX: usize = 64;
/// Longest datagram that is taken: that of an Ethernet frame. WebRTC keeps below 1,300 bytes; longer ones are dropped.
const DATAGRAM_BYTES_MAX: usize = 1500;
/// Kernel buffers: 4 MiB hold a quarter of a second at 100 Mb/s, so that a busy turn loses nothing. The kernel may give less.
const BUFFER_BYTES: usize = 4 << 20;

/// A bound, non-blocking socket. It has room for one batch of its own.
pub struct UdpSocket {
    socket: Socket,
    is_ipv6: bool,
    local: Vec<IpAddr>,
    buffers: Vec<[u8; DATAGRAM_BYTES_MAX]>,
    addresses: Vec<libc::sockaddr_storage>,
    controls: Vec<ControlBuffer>,
    lengths: Vec<Meta>,
}

/// What is known of a received datagram.
#[derive(Clone, Copy)]
struct Meta {
    length: usize,
    source: SocketAddr,
    local: Option<IpAddr>,
}

/// A received datagram.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Where it came from.
    pub source: SocketAddr,
    /// The local address that it was sent to, where the kernel told.
    pub local: Option<IpAddr>,
    /// What it holds.
    pub contents: &'a [u8],
}

impl UdpSocket {
    /// Binds `port` on `ip`; without one on all addresses of both IP versions, or of IPv4 where the host has no IPv6.
    ///
    /// # Errors
    /// What the kernel says, as when the port is taken.
    pub fn bind(ip: Option<IpAddr>, port: u16) -> io::Result<Self> {
        let (socket, is_ipv6) = match ip {
            Some(ip) => (open(ip, port)?, ip.is_ipv6()),
            None => match open(Ipv6Addr::UNSPECIFIED.into(), port) {
                Ok(socket) => (socket, true),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
                Err(_) => (open(Ipv4Addr::UNSPECIFIED.into(), port)?, false),
            },
        };
        // The kernel caps what it gives; less only costs losses under load, which are counted elsewhere.
        let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(BUFFER_BYTES);
        set_option(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO)
            .or_else(|error| if is_ipv6 { Ok(()) } else { Err(error) })?;
        if is_ipv6 {
            set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
        }
        Ok(Self {
            socket,
            is_ipv6,
            local: super::host_addresses().unwrap_or_default(),
            buffers: vec![[0; DATAGRAM_BYTES_MAX]; BATCH_MAX],
            // SAFETY: all-zero storage is a valid one of no family.
            addresses: vec![unsafe { mem::zeroed() }; BATCH_MAX],
            controls: vec![ControlBuffer([0; CONTROL_BYTES]); BATCH_MAX],
            lengths: Vec::with_capacity(BATCH_MAX),
        })
    }

    /// The port that it is bound to.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn local_port(&self) -> io::Result<u16> {
        let address = self.socket.local_addr()?.as_socket();
        Ok(address.map_or(0, |address| address.port()))
    }

    /// Takes what has arrived, at most one batch; nothing when nothing has.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&mut self) -> io::Result<impl Iterator<Item = Received<'_>>> {
        self.lengths.clear();
        // SAFETY: all-zero headers are valid ones that point nowhere.
        let mut headers: [libc::mmsghdr; BATCH_MAX] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut vectors: [libc::iovec; BATCH_MAX] = unsafe { mem::zeroed() };
        let places = self.buffers.iter_mut().zip(&mut self.addresses).zip(&mut self.controls);
        for ((header, vector), ((buffer, address), control)) in headers.iter_mut().zip(&mut vectors).zip(places) {
            *vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = (&raw mut *address).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        }
        // SAFETY: the headers point into buffers of `self` and into `vectors`, all alive and not used otherwise until the
        // call is over.
        let count = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH_MAX as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let count = match usize::try_from(count) {
            Ok(count) => count,
            Err(_) => match io::Error::last_os_error() {
                error if is_transient(&error) => 0,
                error => return Err(error),
            },
        };
        for (header, address) in headers.iter().zip(&self.addresses).take(count) {
            let is_whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            // SAFETY: the kernel wrote an address into the storage, which has room for one of any family.
            let source = unsafe { socket_address((&raw const *address).cast()) };
            // SAFETY: the kernel filled the header in, and its control buffer is part of `self`.
            let local = unsafe { local_address(&header.msg_hdr) };
            let source = source.filter(|_| is_whole).map(|source| (header.msg_len as usize, source));
            let (length, source) = source.unwrap_or((0, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))));
            let source = SocketAddr::new(source.ip().to_canonical(), source.port());
            self.lengths.push(Meta { length, source, local });
        }
        let datagrams = self.buffers.iter().zip(&self.lengths);
        Ok(datagrams.filter(|(_, meta)| meta.length > 0).filter_map(|(buffer, meta)| {
            let contents = buffer.get(..meta.length)?;
            Some(Received { source: meta.source, local: meta.local, contents })
        }))
    }

    /// Sends datagrams, each `(source, destination, contents)`, and says how many the kernel took. What it does not take
    /// is lost, as on any network: a full buffer must not hold up the others.
    ///
    /// # Errors
    /// What the kernel says, when it is not about a single destination.
    pub fn send<'a>(&mut self, datagrams: impl Iterator<Item = (IpAddr, SocketAddr, &'a [u8])>) -> io::Result<usize> {
        // SAFETY: all-zero headers are valid ones that point nowhere.
        let mut headers: [libc::mmsghdr; BATCH_MAX] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut vectors: [libc::iovec; BATCH_MAX] = unsafe { mem::zeroed() };
        let mut names: Vec<SockAddr> = Vec::with_capacity(BATCH_MAX);
        let mut count = 0;
        for (source, destination, contents) in datagrams.take(BATCH_MAX) {
            let (Some(header), Some(vector), Some(control)) =
                (headers.get_mut(count), vectors.get_mut(count), self.controls.get_mut(count))
            else {
                break;
            };
            names.push(SockAddr::from(to_family(destination, self.is_ipv6)));
            let Some(name) = names.last() else { break };
            *vector = libc::iovec { iov_base: contents.as_ptr().cast_mut().cast(), iov_len: contents.len() };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = name.len();
            // A candidate that a NAT maps is no address of this host: the kernel chooses then.
            if self.local.contains(&source) {
                header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
                // SAFETY: the header points to `control` with its full length.
                header.msg_hdr.msg_controllen = unsafe { set_source(&mut header.msg_hdr, source, self.is_ipv6) } as _;
            }
            count += 1;
        }
        let mut sent = 0;
        while let Some(rest) = headers.get_mut(sent..count).filter(|rest| !rest.is_empty()) {
            // SAFETY: the headers point to `contents` borrowed for this call, to `names` (whose storage does not move, its
            // capacity being reserved), to `vectors` and to buffers of `self`, all alive until the call is over.
            let result = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                )
            };
            match usize::try_from(result) {
                Ok(0) => break,
                Ok(taken) => sent += taken,
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The first of the rest cannot be sent, as to a network that went away: the others still can.
                    error => {
                        tracing::debug!(%error, "a datagram could not be sent");
                        sent += 1;
                    }
                },
            }
        }
        Ok(sent)
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn open(ip: IpAddr, port: u16) -> io::Result<Socket> {
    let address = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if ip.is_ipv6() {
        socket.set_only_v6(!ip.is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn set_option(socket: &Socket, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: `on` is valid for the length that is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// An IPv4 destination on a socket of both versions is written as a mapped IPv6 address.
fn to_family(destination: SocketAddr, is_ipv6: bool) -> SocketAddr {
    match destination.ip() {
        IpAddr::V4(ip) if is_ipv6 => SocketAddr::new(ip.to_ipv6_mapped().into(), destination.port()),
        _ => destination,
    }
}

/// Whether a receive error says nothing about the socket: nothing there, a signal, or an ICMP answer to an earlier send.
fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted | ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::{Waker, wait};
    use super::*;

    fn receive_all(socket: &mut UdpSocket, count: usize) -> Vec<(SocketAddr, Option<IpAddr>, Vec<u8>)> {
        let mut all = Vec::new();
        let waker = Waker::new().unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while all.len() < count && Instant::now() < deadline {
            wait(socket, &waker, Duration::from_millis(100)).unwrap();
            all.extend(socket.receive().unwrap().map(|d| (d.source, d.local, d.contents.to_vec())));
        }
        all
    }

    #[test]
    fn a_batch_crosses_the_loopback_and_names_both_ends() {
        let mut server = UdpSocket::bind(None, 0).unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = server.local_port().unwrap();
        for n in 0..100_u8 {
            client.send_to(&[n; 3], ("127.0.0.1", port)).unwrap();
        }
        let received = receive_all(&mut server, 100);
        assert_eq!(received.len(), 100);
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert!(received.iter().all(|d| d.0 == client.local_addr().unwrap() && d.1 == Some(localhost)));
        assert_eq!(received[99].2, [99; 3]);

        let contents: Vec<_> = (0..50_u8).map(|n| [n; 5]).collect();
        let datagrams = contents.iter().map(|c| (localhost, client.local_addr().unwrap(), c.as_slice()));
        assert_eq!(server.send(datagrams).unwrap(), 50);
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        for n in 0..50_u8 {
            let mut buffer = [0; 16];
            let (length, source) = client.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], source.port()), (&[n; 5][..], port));
        }
    }

    #[test]
    fn an_oversized_datagram_is_dropped() {
        let mut server = UdpSocket::bind(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = ("127.0.0.1", server.local_port().unwrap());
        client.send_to(&[1; 4000], to).unwrap();
        client.send_to(&[2; 10], to).unwrap();
        assert_eq!(receive_all(&mut server, 1)[0].2, [2; 10]);
    }

    #[test]
    fn a_destination_that_cannot_be_reached_does_not_hold_up_the_rest() {
        let mut server = UdpSocket::bind(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let datagrams = [(localhost, nowhere, &b"a"[..]), (localhost, client.local_addr().unwrap(), &b"b"[..])];
        assert_eq!(server.send(datagrams.into_iter()).unwrap(), 2);
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(client.recv(&mut [0; 4]).unwrap(), 1);
    }
}
