//! The sending side of a [`UdpSocket`]: messages of one or more datagrams, in batches.

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use socket2::SockAddr;

use super::control::{CONTROL_BYTES, set_controls};
use super::udp::{BATCH_MAX, UdpSocket};

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
                let used = unsafe { set_controls(&mut header.msg_hdr, source, segment_bytes) };
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

/// An IPv4 destination on a socket of both versions is written as a mapped IPv6 address.
fn to_family(destination: SocketAddr, is_ipv6: bool) -> SocketAddr {
    match destination.ip() {
        IpAddr::V4(ip) if is_ipv6 => SocketAddr::new(ip.to_ipv6_mapped().into(), destination.port()),
        _ => destination,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

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
