//! A UDP socket that takes and gives datagrams in batches (recvmmsg(2), sendmmsg(2)).

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::addresses::socket_address;
use super::control::{CONTROL_BYTES, ControlBuffer, local_address};
use super::poller::Poller;
use super::steering::split_off_reports;
use super::wake::{Waker, wait};

/// Datagrams in one system call: enough to spread its cost, few enough to stay in the cache.
pub const BATCH_MAX: usize = 64;
/// Longest datagram that is taken: that of an Ethernet frame. WebRTC keeps below 1,300 bytes; longer ones are dropped.
const DATAGRAM_BYTES_MAX: usize = 1500;
/// Kernel buffers: 4 MiB hold a quarter of a second at 100 Mb/s, so that a busy turn loses nothing. The kernel may give less.
const BUFFER_BYTES: usize = 4 << 20;

/// A bound, non-blocking socket. It has room for one batch of its own.
pub struct UdpSocket {
    pub(super) socket: Socket,
    /// Where RTCP comes in, on the same port; `None` where the kernel cannot tell it apart.
    reports: Option<Socket>,
    pub(super) is_ipv6: bool,
    pub(super) local: Vec<IpAddr>,
    buffers: Vec<[u8; DATAGRAM_BYTES_MAX]>,
    addresses: Vec<libc::sockaddr_storage>,
    pub(super) controls: Vec<ControlBuffer>,
    lengths: Vec<Meta>,
    pub(super) names: Vec<SockAddr>,
    pub(super) has_segmentation: bool,
}

/// What waits at a port, by how soon it has to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Media, and all that is not RTCP; where the kernel cannot tell RTCP apart, that too.
    Media,
    /// RTCP.
    Reports,
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
        let reports = match socket.local_addr()?.as_socket() {
            Some(address) => split_off_reports(&socket, address),
            None => Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        let reports = reports.inspect_err(|error| tracing::info!(%error, "RTCP is not told apart by the kernel")).ok();
        for socket in [Some(&socket), reports.as_ref()].into_iter().flatten() {
            set_options(socket, is_ipv6)?;
        }
        Ok(Self {
            socket,
            reports,
            is_ipv6,
            local: super::host_addresses().unwrap_or_default(),
            buffers: vec![[0; DATAGRAM_BYTES_MAX]; BATCH_MAX],
            // SAFETY: all-zero storage is a valid one of no family.
            addresses: vec![unsafe { mem::zeroed() }; BATCH_MAX],
            controls: vec![ControlBuffer([0; CONTROL_BYTES]); BATCH_MAX],
            lengths: Vec::with_capacity(BATCH_MAX),
            names: Vec::with_capacity(BATCH_MAX),
            has_segmentation: true,
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

    /// Blocks until something is in one of the lanes, one of the sockets of `others` is ready, `waker` was woken, or
    /// `timeout` is over. Says whether one of `others` is ready.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn wait(&self, waker: &Waker, timeout: Duration, lanes: &[Lane], others: &Poller) -> io::Result<bool> {
        let sockets = lanes.iter().filter_map(|lane| self.socket_of(*lane));
        wait(sockets, others, waker, timeout)
    }

    fn socket_of(&self, lane: Lane) -> Option<&Socket> {
        match lane {
            Lane::Media => Some(&self.socket),
            Lane::Reports => self.reports.as_ref(),
        }
    }

    /// Takes what has arrived in a lane, at most one batch; nothing when nothing has.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&mut self, lane: Lane) -> io::Result<impl Iterator<Item = Received<'_>>> {
        self.lengths.clear();
        if let Some(descriptor) = self.socket_of(lane).map(AsRawFd::as_raw_fd) {
            self.receive_batch(descriptor)?;
        }
        let datagrams = self.buffers.iter().zip(&self.lengths);
        Ok(datagrams.filter(|(_, meta)| meta.length > 0).filter_map(|(buffer, meta)| {
            let contents = buffer.get(..meta.length)?;
            Some(Received { source: meta.source, local: meta.local, contents })
        }))
    }

    /// Takes one batch from a socket into the buffers.
    fn receive_batch(&mut self, descriptor: RawFd) -> io::Result<()> {
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
                descriptor,
                headers.as_mut_ptr(),
                BATCH_MAX as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let count = match usize::try_from(count) {
            Ok(count) => count,
            Err(_) => match io::Error::last_os_error() {
                error if is_transient(&error) => return Ok(()),
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
        Ok(())
    }
}

fn open(ip: IpAddr, port: u16) -> io::Result<Socket> {
    let address = SocketAddr::new(ip, port);
    let socket = new_socket(address)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A non-blocking socket for the address's IP version; for both where it is the unspecified one of IPv6.
pub(super) fn new_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn set_options(socket: &Socket, is_ipv6: bool) -> io::Result<()> {
    // The kernel caps what it gives; less only costs losses under load, which are counted elsewhere.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(BUFFER_BYTES);
    let set = |level, option, value: libc::c_int| {
        // SAFETY: these options take an integer.
        unsafe { set_option(socket, level, option, &value) }
    };
    set(libc::IPPROTO_IP, libc::IP_PKTINFO, 1).or_else(|error| if is_ipv6 { Ok(()) } else { Err(error) })?;
    if is_ipv6 {
        set(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
    }
    // Datagrams of WebRTC fit every path and are not to be cut on one. So the kernel need not number them either, which
    // is a twentieth of what sending costs. Without it they are sent all the same.
    let _ = set(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE);
    Ok(())
}

/// Sets an option of a socket.
///
/// # Safety
/// `T` is what the option takes, and what it points to is valid until the call is over.
pub(super) unsafe fn set_option<T>(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: `value` is valid for the length that is given; the rest is the contract.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const *value).cast(),
            mem::size_of::<T>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether a receive error says nothing about the socket: nothing there, a signal, or an ICMP answer to an earlier send.
fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted | ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::{Message, Sent};
    use super::*;

    type Taken = (SocketAddr, Option<IpAddr>, Vec<u8>);

    fn take(socket: &mut UdpSocket, lane: Lane) -> Vec<Taken> {
        socket.receive(lane).unwrap().map(|d| (d.source, d.local, d.contents.to_vec())).collect()
    }

    fn receive_all(socket: &mut UdpSocket, count: usize) -> Vec<Taken> {
        let mut all = Vec::new();
        let (waker, others) = (Waker::new().unwrap(), Poller::new().unwrap());
        let deadline = Instant::now() + Duration::from_secs(5);
        while all.len() < count && Instant::now() < deadline {
            socket.wait(&waker, Duration::from_millis(100), &[Lane::Media], &others).unwrap();
            all.extend(take(socket, Lane::Media));
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
        let to = client.local_addr().unwrap();
        let sent = server.send(contents.iter().map(|c| Message::datagram(localhost, to, c))).unwrap();
        assert_eq!(sent, Sent { messages: 50, datagrams: 50, bytes: 250, dropped: 0 });
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
    fn reports_have_a_lane_of_their_own() {
        for ip in [None, Some(Ipv4Addr::LOCALHOST.into())] {
            let mut server = UdpSocket::bind(ip, 0).unwrap();
            let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let to = ("127.0.0.1", server.local_port().unwrap());
            // STUN, DTLS, RTP, RTP with the marker, nothing, one byte; and RTCP from end to end of its range.
            let others: [&[u8]; 7] = [&[0, 1], &[22, 254], &[128, 96], &[144, 255], &[191, 191], &[], &[128]];
            let reports: [&[u8]; 4] = [&[128, 192], &[129, 200], &[143, 205], &[191, 223]];
            for datagram in others.iter().chain(&reports) {
                client.send_to(datagram, to).unwrap();
            }
            let in_lane = |server: &mut UdpSocket, lane| -> Vec<Vec<u8>> {
                take(server, lane).into_iter().map(|(_, _, contents)| contents).collect()
            };
            let is_filled = |datagram: &&&[u8]| !datagram.is_empty();
            assert_eq!(in_lane(&mut server, Lane::Media), others.iter().filter(is_filled).copied().collect::<Vec<_>>());
            assert_eq!(in_lane(&mut server, Lane::Reports), reports);
        }
    }

    #[test]
    fn a_lane_that_is_not_waited_for_wakes_nobody() {
        let server = UdpSocket::bind(None, 0).unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(&[128, 200], ("127.0.0.1", server.local_port().unwrap())).unwrap();
        let (waker, others) = (Waker::new().unwrap(), Poller::new().unwrap());
        let timed = |lanes: &[Lane]| {
            let start = Instant::now();
            assert!(!server.wait(&waker, Duration::from_millis(200), lanes, &others).unwrap());
            start.elapsed()
        };
        assert!(timed(&[Lane::Media]) >= Duration::from_millis(200));
        assert!(timed(&[Lane::Media, Lane::Reports]) < Duration::from_millis(200));
    }

    #[test]
    fn a_port_is_had_by_one_alone() {
        let first = UdpSocket::bind(None, 0).unwrap();
        let error = UdpSocket::bind(None, first.local_port().unwrap()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
