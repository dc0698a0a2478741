//! A UDP socket that takes and gives datagrams in batches (recvmmsg(2), sendmmsg(2)).

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::addresses::socket_address;
use super::control::{CONTROL_BYTES, ControlBuffer, local_address, set_controls};

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
    names: Vec<SockAddr>,
    has_segmentation: bool,
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

/// Datagrams for one destination, one behind the other: each but the last of `segment_bytes`, the last of that or less.
/// More than one need a kernel and a device that cut them apart (`UDP_SEGMENT` in udp(7)); where those refuse, they are
/// sent one by one.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The local address to send from.
    pub source: IpAddr,
    /// Where to.
    pub destination: SocketAddr,
    /// The datagrams: at most 64, and 65,000 bytes.
    pub contents: &'a [u8],
    /// Length of each but the last.
    pub segment_bytes: usize,
}

/// What became of messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Messages that the kernel took.
    pub messages: u64,
    /// Their datagrams.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Datagrams that it did not take.
    pub dropped: u64,
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
        set_option(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
            .or_else(|error| if is_ipv6 { Ok(()) } else { Err(error) })?;
        if is_ipv6 {
            set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
        }
        // Datagrams of WebRTC fit every path and are not to be cut on one. So the kernel need not number them either, which
        // is a twentieth of what sending costs. Without it they are sent all the same.
        let _ = set_option(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE);
        Ok(Self {
            socket,
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

    /// Sends messages, and says what became of their datagrams. What the kernel does not take is lost, as on any network: a
    /// full buffer must not hold up the others.
    ///
    /// # Errors
    /// What the kernel says, when it is not about a single destination.
    pub fn send<'a>(&mut self, messages: impl Iterator<Item = Message<'a>>) -> io::Result<Sent> {
        let mut sent = Sent::default();
        let mut batch: Vec<Message<'a>> = Vec::with_capacity(BATCH_MAX);
        for message in messages {
            match self.has_segmentation {
                true => batch.push(message),
                false => batch.extend(message.split()),
            }
            while batch.len() >= BATCH_MAX {
                let rest = batch.split_off(BATCH_MAX);
                self.send_batch(&batch, &mut sent)?;
                batch = rest;
            }
        }
        self.send_batch(&batch, &mut sent)?;
        Ok(sent)
    }

    /// Sends at most [`BATCH_MAX`] messages.
    fn send_batch(&mut self, messages: &[Message<'_>], sent: &mut Sent) -> io::Result<()> {
        let mut rest = messages;
        while !rest.is_empty() {
            let error = match self.submit(rest) {
                Ok(0) => break,
                Ok(taken) => {
                    let (taken, later) = rest.split_at(taken.min(rest.len()));
                    taken.iter().for_each(|message| sent.count(message));
                    rest = later;
                    continue;
                }
                Err(error) => error,
            };
            let Some((first, later)) = rest.split_first() else { break };
            match error.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock => break,
                _ if first.is_segmented() => self.send_split(first, &error, sent)?,
                // It cannot be sent, as to a network that went away: the others still can.
                _ => {
                    tracing::debug!(%error, "a datagram could not be sent");
                    sent.dropped += 1;
                }
            }
            rest = later;
        }
        sent.dropped += rest.iter().map(|message| message.datagram_count() as u64).sum::<u64>();
        Ok(())
    }

    /// Sends the datagrams of a message one by one, and no message in one any more when that helps: the device cannot cut
    /// them apart.
    fn send_split(&mut self, message: &Message<'_>, refusal: &io::Error, sent: &mut Sent) -> io::Result<()> {
        let before = sent.datagrams;
        let datagrams: Vec<_> = message.split().collect();
        self.send_batch(&datagrams, sent)?;
        if sent.datagrams > before && self.has_segmentation {
            tracing::warn!(error = %refusal, "segmentation offload is refused here; datagrams are sent one by one");
            self.has_segmentation = false;
        }
        Ok(())
    }

    /// Hands messages to the kernel; says how many it took.
    fn submit(&mut self, messages: &[Message<'_>]) -> io::Result<usize> {
        // SAFETY: all-zero headers are valid ones that point nowhere.
        let mut headers: [libc::mmsghdr; BATCH_MAX] = unsafe { mem::zeroed() };
        // SAFETY: as above.
        let mut vectors: [libc::iovec; BATCH_MAX] = unsafe { mem::zeroed() };
        let Self { names, controls, local, is_ipv6, .. } = self;
        names.clear();
        names.extend(messages.iter().take(BATCH_MAX).map(|m| SockAddr::from(to_family(m.destination, *is_ipv6))));
        let places = headers.iter_mut().zip(&mut vectors).zip(controls.iter_mut()).zip(names.iter());
        for (message, (((header, vector), control), name)) in messages.iter().zip(places) {
            *vector =
                libc::iovec { iov_base: message.contents.as_ptr().cast_mut().cast(), iov_len: message.contents.len() };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = name.len();
            // A candidate that a NAT maps is no address of this host: the kernel chooses then.
            let source = Some(message.source).filter(|source| local.contains(source));
            let segment_bytes = message.is_segmented().then_some(message.segment_bytes as u16);
            if source.is_some() || segment_bytes.is_some() {
                header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
                // SAFETY: the header points to `control` with its full length.
                let used = unsafe { set_controls(&mut header.msg_hdr, source, *is_ipv6, segment_bytes) };
                header.msg_hdr.msg_controllen = used as _;
            }
        }
        // SAFETY: the headers point to `contents` borrowed for this call, to `vectors` and to buffers of `self`, all alive
        // and unmoved until the call is over; there are at least as many headers as names.
        let result = unsafe {
            libc::sendmmsg(
                self.socket.as_raw_fd(),
                headers.as_mut_ptr(),
                self.names.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
            )
        };
        usize::try_from(result).map_err(|_| io::Error::last_os_error())
    }
}

impl<'a> Message<'a> {
    /// One datagram.
    pub fn datagram(source: IpAddr, destination: SocketAddr, contents: &'a [u8]) -> Self {
        Self { source, destination, contents, segment_bytes: contents.len() }
    }

    fn is_segmented(&self) -> bool {
        self.contents.len() > self.segment_bytes
    }

    fn datagram_count(&self) -> usize {
        self.contents.len().div_ceil(self.segment_bytes.max(1))
    }

    fn split(self) -> impl Iterator<Item = Self> {
        let datagrams = self.contents.chunks(self.segment_bytes.max(1));
        datagrams.map(move |datagram| Self::datagram(self.source, self.destination, datagram))
    }
}

impl Sent {
    fn count(&mut self, message: &Message<'_>) {
        self.messages += 1;
        self.datagrams += message.datagram_count() as u64;
        self.bytes += message.contents.len() as u64;
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

fn set_option(socket: &Socket, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: `value` is valid for the length that is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
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
    fn a_destination_that_cannot_be_reached_does_not_hold_up_the_rest() {
        let mut server = UdpSocket::bind(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let there = client.local_addr().unwrap();
        let datagrams = [Message::datagram(localhost, nowhere, b"a"), Message::datagram(localhost, there, b"b")];
        let sent = server.send(datagrams.into_iter()).unwrap();
        assert_eq!((sent.datagrams, sent.dropped), (1, 1));
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(client.recv(&mut [0; 4]).unwrap(), 1);
    }

    #[test]
    fn a_message_arrives_as_its_datagrams() {
        for (has_segmentation, messages) in [(true, 1), (false, 3)] {
            let mut server = UdpSocket::bind(None, 0).unwrap();
            server.has_segmentation = has_segmentation;
            let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let source = IpAddr::from(Ipv4Addr::LOCALHOST);
            let contents = [[1; 100], [2; 100], [3; 100]].concat();
            let message = Message {
                source,
                destination: client.local_addr().unwrap(),
                contents: contents.get(..250).unwrap(),
                segment_bytes: 100,
            };
            let sent = server.send([message].into_iter()).unwrap();
            assert_eq!(sent, Sent { messages, datagrams: 3, bytes: 250, dropped: 0 });
            for (value, expected) in [(1, 100), (2, 100), (3, 50)] {
                let mut buffer = [0; 200];
                assert_eq!(client.recv(&mut buffer).unwrap(), expected);
                assert_eq!(buffer[0], value);
            }
        }
    }

    #[test]
    fn a_refused_segmentation_is_given_up() {
        let mut server = UdpSocket::bind(None, 0).unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let source = IpAddr::from(Ipv4Addr::LOCALHOST);
        // More segments than any kernel takes in one message.
        let contents = [7; 300];
        let destination = client.local_addr().unwrap();
        let message = Message { source, destination, contents: &contents, segment_bytes: 1 };
        let sent = server.send([message].into_iter()).unwrap();
        assert_eq!(sent.datagrams, 300);
        assert!(!server.has_segmentation);
        assert_eq!(client.recv(&mut [0; 10]).unwrap(), 1);
    }
}
