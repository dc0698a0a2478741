//! Which of many sockets have something to do (epoll(7)). A poller is a file itself: a loop that sleeps on it beside
//! others pays nothing for the sockets in it until one of them is ready.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Sockets that one look finds ready; others are found by the next.
pub const READY_MAX: usize = 64;

/// A set of sockets, each under a number.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
}

/// What a socket is ready for. A connection that has failed is ready for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Its number.
    pub token: u64,
    /// It can be read, or has ended.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
}

impl Poller {
    /// An empty one.
    ///
    /// # Errors
    /// What `epoll_create1(2)` says, as when no file descriptor is free.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer; the result is checked before it is owned.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `descriptor` is open and nobody else owns it.
        Ok(Self { epoll: unsafe { OwnedFd::from_raw_fd(descriptor) } })
    }

    /// Adds a socket, to be told when it can be read. When it is closed it is out again.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` says.
    pub fn add(&mut self, socket: &impl AsRawFd, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket, libc::EPOLLIN, token)
    }

    /// Says whether to be told too when a socket can be written.
    ///
    /// # Errors
    /// As [`Poller::add`].
    pub fn set_writable(&mut self, socket: &impl AsRawFd, token: u64, is_wanted: bool) -> io::Result<()> {
        let events = if is_wanted { libc::EPOLLIN | libc::EPOLLOUT } else { libc::EPOLLIN };
        self.control(libc::EPOLL_CTL_MOD, socket, events, token)
    }

    /// Says whether to be told of a socket at all.
    ///
    /// # Errors
    /// As [`Poller::add`].
    pub fn set_watched(&mut self, socket: &impl AsRawFd, token: u64, is_watched: bool) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, socket, if is_watched { libc::EPOLLIN } else { 0 }, token)
    }

    fn control(&mut self, operation: i32, socket: &impl AsRawFd, events: i32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `event` outlives the call, and both descriptors are open while they are borrowed.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, socket.as_raw_fd(), &raw mut event) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Puts what is ready now into `ready`, at most [`READY_MAX`]. Who is not served is found again.
    ///
    /// # Errors
    /// What `epoll_wait(2)` says.
    pub fn poll(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; READY_MAX];
        // SAFETY: `events` has room for as many as are asked for, and outlives the call.
        let count =
            unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), READY_MAX as libc::c_int, 0) };
        let count = match usize::try_from(count) {
            Ok(count) => count,
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => 0,
                error => return Err(error),
            },
        };
        ready.extend(events.iter().take(count).map(|event| {
            let has = |flags: i32| event.events & flags as u32 != 0;
            let has_failed = has(libc::EPOLLERR | libc::EPOLLHUP);
            Ready {
                token: event.u64,
                readable: has(libc::EPOLLIN) || has_failed,
                writable: has(libc::EPOLLOUT) || has_failed,
            }
        }));
        Ok(())
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn poll(poller: &mut Poller) -> Vec<Ready> {
        let mut ready = Vec::new();
        poller.poll(&mut ready).unwrap();
        ready
    }

    #[test]
    fn a_socket_is_ready_for_what_is_wanted_of_it() {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let mut poller = Poller::new().unwrap();
        poller.add(&near, 7).unwrap();
        assert_eq!(poll(&mut poller), []);
        far.write_all(b"x").unwrap();
        let readable = Ready { token: 7, readable: true, writable: false };
        assert_eq!(poll(&mut poller), [readable]);
        assert_eq!(poll(&mut poller), [readable], "until it is read");
        poller.set_watched(&near, 7, false).unwrap();
        assert_eq!(poll(&mut poller), []);
        poller.set_watched(&near, 7, true).unwrap();
        near.read_exact(&mut [0]).unwrap();
        poller.set_writable(&near, 7, true).unwrap();
        assert_eq!(poll(&mut poller), [Ready { token: 7, readable: false, writable: true }]);
        poller.set_writable(&near, 7, false).unwrap();
        assert_eq!(poll(&mut poller), []);
        drop(far);
        assert!(poll(&mut poller)[0].readable);
        drop(near);
        assert_eq!(poll(&mut poller), []);
    }
}
