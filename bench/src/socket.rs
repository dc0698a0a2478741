//! The generator's socket: datagrams in batches and runs (recvmmsg(2), sendmmsg(2), UDP_GRO and UDP_SEGMENT, udp(7)).
//!
//! All clients share one socket. Each has an address of its own: IP_PKTINFO (ip(7)) tells which one a datagram came to,
//! and sets which one it leaves from. This is the only file of the crate that speaks to the kernel by hand.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

/// Datagrams, or runs of them, in one system call.
pub const BATCH_MAX: usize = 64;
/// Room for a received run: the longest that the kernel makes.
const RUN_BYTES: usize = 65_536;
/// Room for a received datagram when runs are not taken: above every MTU that is used here.
const DATAGRAM_BYTES: usize = 9_216;
/// Room for the control messages of a datagram: three, of 72 bytes together, are in use.
const CONTROL_BYTES: usize = 128;
/// Length of an address.
const NAME_BYTES: libc::socklen_t = mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
/// Receive buffer; the kernel doubles it. 128 MiB hold about 50,000 packets, a seventh of a second of what the generator is
/// to take.
const RECEIVE_BUFFER_BYTES: libc::c_int = 64 << 20;
/// Send buffer: a burst of all publishers.
const SEND_BUFFER_BYTES: libc::c_int = 8 << 20;

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// Binds a UDP socket on all IPv4 addresses, and makes its two ends.
///
/// `outgoing_bytes` is the longest datagram, or run, that will be sent. With `runs` datagrams that were sent as a run are
/// received as one.
///
/// # Errors
/// What the kernel says.
pub fn bind(port: u16, outgoing_bytes: usize, runs: bool) -> io::Result<(Inbox, Outbox)> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Root may exceed the host's limit; anybody else gets what the limit allows.
    if set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES).is_err() {
        set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER_BYTES)?;
    }
    if set_option(&socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SEND_BUFFER_BYTES).is_err() {
        set_option(&socket, libc::SOL_SOCKET, libc::SO_SNDBUF, SEND_BUFFER_BYTES)?;
    }
    set_option(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
    set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    if runs {
        set_option(&socket, libc::IPPROTO_UDP, libc::UDP_GRO, 1)?;
    }
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    let socket = Arc::new(socket);
    Ok((Inbox::new(socket.clone(), if runs { RUN_BYTES } else { DATAGRAM_BYTES }), Outbox::new(socket, outgoing_bytes)))
}

/// What was received: one datagram, or several of one length that were sent as a run.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Where it came from.
    pub source: SocketAddrV4,
    /// The client's address.
    pub destination: Ipv4Addr,
    /// When the kernel took it, by the clock of the day, in ns; 0 when it did not say.
    pub at_realtime_ns: u64,
    /// Length of each datagram of the run but the last, which may be shorter.
    pub datagram_bytes: usize,
    /// What it holds.
    pub contents: &'a [u8],
}

/// Memory for a batch of messages: for each a stretch of the buffer, an address and control messages, which its header
/// points to.
struct Batch {
    stride: usize,
    buffer: Box<[u8]>,
    names: Box<[libc::sockaddr_in]>,
    // Reached through the headers alone.
    _controls: Box<[Control]>,
    vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    /// Messages in use.
    count: usize,
}

// SAFETY: the pointers in `vectors` and `headers` point into boxes of the same value, which do not move with it.
unsafe impl Send for Batch {}

impl Batch {
    /// For messages of up to `stride` bytes.
    fn new(stride: usize) -> Self {
        let mut buffer = vec![0_u8; stride * BATCH_MAX].into_boxed_slice();
        // SAFETY: this and the next two are plain C structures for which all zeros is a valid value.
        let mut names: Box<[libc::sockaddr_in]> = vec![unsafe { mem::zeroed() }; BATCH_MAX].into_boxed_slice();
        // SAFETY: as above.
        let mut vectors: Box<[libc::iovec]> = vec![unsafe { mem::zeroed() }; BATCH_MAX].into_boxed_slice();
        // SAFETY: as above.
        let mut headers: Box<[libc::mmsghdr]> = vec![unsafe { mem::zeroed() }; BATCH_MAX].into_boxed_slice();
        let mut controls = vec![Control([0; CONTROL_BYTES]); BATCH_MAX].into_boxed_slice();
        let places = buffer.chunks_mut(stride).zip(&mut names).zip(&mut controls);
        for ((header, vector), ((buffer, name), control)) in headers.iter_mut().zip(&mut vectors).zip(places) {
            name.sin_family = libc::AF_INET as libc::sa_family_t;
            *vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: stride };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = (&raw mut *name).cast();
            header.msg_hdr.msg_namelen = NAME_BYTES;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        }
        Self { stride, buffer, names, _controls: controls, vectors, headers, count: 0 }
    }
}

/// Receives.
pub struct Inbox {
    socket: Arc<Socket>,
    batch: Batch,
}

impl Inbox {
    fn new(socket: Arc<Socket>, stride: usize) -> Self {
        Self { socket, batch: Batch::new(stride) }
    }

    /// Takes what has arrived, at most one batch, and says how much that is.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&mut self) -> io::Result<usize> {
        let Batch { headers, count, .. } = &mut self.batch;
        // The kernel has put the lengths of what it wrote there.
        for header in headers.iter_mut().take(*count) {
            header.msg_hdr.msg_namelen = NAME_BYTES;
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        }
        // SAFETY: the headers point into boxes of `self`, which stay alive and are not used otherwise during the call.
        let taken = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH_MAX as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        *count = match usize::try_from(taken) {
            Ok(taken) => taken,
            Err(_) => match io::Error::last_os_error() {
                error if is_transient(&error) => 0,
                error => return Err(error),
            },
        };
        Ok(*count)
    }

    /// One of what the last [`Inbox::receive`] took.
    pub fn get(&self, index: usize) -> Option<Received<'_>> {
        let Batch { stride, buffer, names, headers, count, .. } = &self.batch;
        let header = headers.get(index).filter(|_| index < *count)?;
        let name = names.get(index)?;
        let start = index * stride;
        let contents = buffer.get(start..start + header.msg_len as usize)?;
        let mut received = Received {
            source: SocketAddrV4::new(Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)), u16::from_be(name.sin_port)),
            destination: Ipv4Addr::UNSPECIFIED,
            at_realtime_ns: 0,
            datagram_bytes: contents.len(),
            contents,
        };
        // SAFETY: the kernel filled the header in, and its control buffer is part of `self`.
        let mut message = unsafe { libc::CMSG_FIRSTHDR(&header.msg_hdr) };
        while !message.is_null() {
            // SAFETY: the macros keep within the buffer; the kernel writes whole messages of the type that they name,
            // and the reads do not rely on alignment.
            unsafe {
                let data = libc::CMSG_DATA(message);
                match ((*message).cmsg_level, (*message).cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info: libc::in_pktinfo = data.cast::<libc::in_pktinfo>().read_unaligned();
                        received.destination = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr));
                    }
                    (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                        let time: libc::timespec = data.cast::<libc::timespec>().read_unaligned();
                        let seconds = time.tv_sec.unsigned_abs();
                        received.at_realtime_ns = seconds * 1_000_000_000 + time.tv_nsec.unsigned_abs();
                    }
                    (libc::IPPROTO_UDP, libc::UDP_GRO) => {
                        let bytes: libc::c_int = data.cast::<libc::c_int>().read_unaligned();
                        received.datagram_bytes = usize::try_from(bytes).unwrap_or(0).max(1);
                    }
                    _ => {}
                }
                message = libc::CMSG_NXTHDR(&header.msg_hdr, message);
            }
        }
        Some(received)
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends. Datagrams are written into its slots and leave when it is full or flushed.
pub struct Outbox {
    socket: Arc<Socket>,
    batch: Batch,
    /// Datagrams, or runs, that the kernel did not take: its buffer was full, or there was no way.
    pub refused: u64,
}

impl Outbox {
    fn new(socket: Arc<Socket>, stride: usize) -> Self {
        Self { socket, batch: Batch::new(stride), refused: 0 }
    }

    /// The port that it is bound to.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.as_socket().map_or(0, |address| address.port()))
    }

    /// Room for the next datagram.
    pub fn slot(&mut self) -> &mut [u8] {
        if self.batch.count >= BATCH_MAX {
            self.flush();
        }
        let Batch { stride, buffer, count, .. } = &mut self.batch;
        let start = *count * *stride;
        buffer.get_mut(start..start + *stride).unwrap_or_default()
    }

    /// Puts what was written into [`Outbox::slot`] in line: `length` bytes from `source`, or from wherever the kernel
    /// likes, to `destination`; as a run of datagrams of `datagram_bytes` each, if given. Nothing happens when the
    /// length is none that fits.
    pub fn push(
        &mut self,
        length: usize,
        source: Option<Ipv4Addr>,
        destination: SocketAddrV4,
        datagram_bytes: Option<u16>,
    ) {
        let Batch { stride, names, vectors, headers, count, .. } = &mut self.batch;
        let (Some(header), Some(vector), Some(name)) =
            (headers.get_mut(*count), vectors.get_mut(*count), names.get_mut(*count))
        else {
            return;
        };
        if length == 0 || length > *stride {
            return;
        }
        name.sin_addr.s_addr = u32::from(*destination.ip()).to_be();
        name.sin_port = destination.port().to_be();
        vector.iov_len = length;
        header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        // SAFETY: `msg_control` points to a `Control` of `self` of CONTROL_BYTES, aligned as a control message has to
        // be, with room for both messages: CMSG_NXTHDR gives null otherwise. The whole of it is zeroed first, since
        // CMSG_NXTHDR reads the length of the message that it steps to.
        unsafe {
            std::ptr::write_bytes(header.msg_hdr.msg_control.cast::<u8>(), 0, CONTROL_BYTES);
            let mut used = 0;
            let mut message = libc::CMSG_FIRSTHDR(&header.msg_hdr);
            if let (Some(source), false) = (source, message.is_null()) {
                let mut info: libc::in_pktinfo = mem::zeroed();
                info.ipi_spec_dst.s_addr = u32::from(source).to_be();
                used += write_control(message, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
                message = libc::CMSG_NXTHDR(&header.msg_hdr, message);
            }
            if let (Some(bytes), false) = (datagram_bytes, message.is_null()) {
                used += write_control(message, libc::IPPROTO_UDP, libc::UDP_SEGMENT, bytes);
            }
            header.msg_hdr.msg_controllen = used as _;
        }
        *count += 1;
    }

    /// Sends what is in line. What the kernel does not take is lost, as on any network, and counted.
    pub fn flush(&mut self) {
        let count = mem::take(&mut self.batch.count);
        let mut sent = 0;
        while let Some(rest) = self.batch.headers.get_mut(sent..count).filter(|rest| !rest.is_empty()) {
            // SAFETY: the headers point into boxes of `self`, which stay alive and are not used otherwise during the
            // call.
            let result = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    libc::MSG_DONTWAIT as _,
                )
            };
            match usize::try_from(result) {
                Ok(taken) => sent += taken.max(1),
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    // The first of the rest cannot be sent: the others still may.
                    self.refused += 1;
                    sent += 1;
                }
            }
        }
    }
}

/// Writes a control message and returns the room that it takes.
///
/// # Safety
/// `message` must point to room for a whole message with `T` in it.
unsafe fn write_control<T>(message: *mut libc::cmsghdr, level: libc::c_int, kind: libc::c_int, value: T) -> usize {
    let size = mem::size_of::<T>() as libc::c_uint;
    // SAFETY: there is room, as the caller promises; the write does not rely on alignment.
    unsafe {
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        (*message).cmsg_len = libc::CMSG_LEN(size) as _;
        libc::CMSG_DATA(message).cast::<T>().write_unaligned(value);
        libc::CMSG_SPACE(size) as usize
    }
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

/// Whether a receive error says nothing about the socket: nothing there, a signal, or an ICMP answer to an earlier send.
fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted | ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 16, 3, 9);

    fn receive(inbox: &mut Inbox, bytes: usize) -> Vec<(SocketAddrV4, Ipv4Addr, usize, Vec<u8>)> {
        let mut all = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(5);
        while all.iter().map(|(.., contents): &(_, _, _, Vec<u8>)| contents.len()).sum::<usize>() < bytes {
            assert!(Instant::now() < deadline, "only {all:?}");
            for index in 0..inbox.receive().unwrap() {
                let r = inbox.get(index).unwrap();
                assert!(r.at_realtime_ns > 1_000_000_000_000_000_000, "the kernel's time is there");
                all.push((r.source, r.destination, r.datagram_bytes, r.contents.to_vec()));
            }
        }
        all
    }

    #[test]
    fn datagrams_leave_from_and_come_to_a_clients_own_address() {
        let (mut server_in, mut server_out) = bind(0, 2048, false).unwrap();
        let (mut client_in, mut client_out) = bind(0, 2048, false).unwrap();
        let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, server_out.port().unwrap());
        let client = SocketAddrV4::new(CLIENT, client_out.port().unwrap());
        for n in 0..100u8 {
            client_out.slot()[..10].fill(n);
            client_out.push(10, Some(CLIENT), server, None);
        }
        client_out.flush();
        let received = receive(&mut server_in, 1000);
        assert_eq!(received.len(), 100);
        assert!(received.iter().all(|(source, to, ..)| (*source, *to) == (client, Ipv4Addr::LOCALHOST)));
        assert_eq!(received[99].3, [99; 10]);

        server_out.slot()[..4].copy_from_slice(b"back");
        server_out.push(4, None, client, None);
        server_out.flush();
        assert_eq!(receive(&mut client_in, 4)[0], (server, CLIENT, 4, b"back".to_vec()));
        assert_eq!((client_out.refused, server_out.refused), (0, 0));
    }

    #[test]
    fn a_run_is_sent_as_one_and_received_as_one_or_as_many() {
        for (runs, datagrams) in [(true, 1), (false, 3)] {
            let (mut inbox, outbox) = bind(0, 2048, runs).unwrap();
            let (_, mut sender) = bind(0, 8192, false).unwrap();
            let to = SocketAddrV4::new(CLIENT, outbox.port().unwrap());
            sender.slot()[..2500].fill(7);
            sender.push(2500, None, to, Some(1000));
            sender.flush();
            let received = receive(&mut inbox, 2500);
            assert_eq!(received.len(), datagrams);
            assert_eq!(received[0].2, 1000);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_counted_and_does_not_hold_up_the_rest() {
        let (mut inbox, outbox) = bind(0, 2048, false).unwrap();
        let (_, mut sender) = bind(0, 2048, false).unwrap();
        sender.push(4, None, SocketAddrV4::new(CLIENT, 0), None);
        sender.push(5, None, SocketAddrV4::new(CLIENT, outbox.port().unwrap()), None);
        sender.flush();
        assert_eq!(receive(&mut inbox, 5).len(), 1);
        assert_eq!(sender.refused, 1);
    }
}
