//! Waiting for a socket, a wake-up from another thread, or time.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Arc;
use std::time::Duration;

use super::poller::Poller;

/// Wakes a thread out of [`wait`]. Waking it many times before it looks is waking it once.
#[derive(Clone, Debug)]
pub struct Waker(Arc<File>);

impl Waker {
    /// A new one.
    ///
    /// # Errors
    /// What `eventfd(2)` says, as when no file descriptor is free.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer; the result is checked before it is owned.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is open and nobody else owns it.
        Ok(Self(Arc::new(unsafe { File::from_raw_fd(fd) })))
    }

    /// Wakes the thread. Fails only when it is awake already.
    pub fn wake(&self) {
        // A full counter means that a wake-up is pending, which is all that is wanted.
        if let Err(error) = (&*self.0).write(&1_u64.to_ne_bytes())
            && error.kind() != io::ErrorKind::WouldBlock
        {
            tracing::error!(%error, "could not wake a shard");
        }
    }

    /// Takes the pending wake-ups.
    fn reset(&self) {
        // An empty counter means that there was none.
        let _ = (&*self.0).read(&mut [0; 8]);
    }
}

/// Sockets that one thread waits for at most.
const SOCKETS_MAX: usize = 2;

/// Blocks until one of `sockets` is readable, one in `others` is ready, `waker` was woken, or `timeout` is over. Pending
/// wake-ups are taken. Sockets beyond the second are not waited for. Says whether one in `others` is ready.
///
/// # Errors
/// What `ppoll(2)` says, but not an interruption by a signal, which counts as waking.
pub(super) fn wait<'a>(
    sockets: impl Iterator<Item = &'a (impl AsRawFd + 'a)>,
    others: &Poller,
    waker: &Waker,
    timeout: Duration,
) -> io::Result<bool> {
    let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // No file: poll(2) passes it over.
    let mut entries = [entry(waker.0.as_raw_fd()), entry(others.as_raw_fd()), entry(-1), entry(-1)];
    for (place, socket) in entries.iter_mut().skip(2).zip(sockets.take(SOCKETS_MAX)) {
        *place = entry(socket.as_raw_fd());
    }
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: `entries` and `timeout` outlive the call, the count is that of the array, no signal mask is given.
    let result =
        unsafe { libc::ppoll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, &timeout, std::ptr::null()) };
    match result {
        0.. => {
            let [woken, others, ..] = entries;
            if woken.revents != 0 {
                waker.reset();
            }
            Ok(others.revents != 0)
        }
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_waiting_thread_is_woken_by_each_cause() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let waker = Waker::new().unwrap();
        let mut others = Poller::new().unwrap();
        let (mut far, near) = std::os::unix::net::UnixStream::pair().unwrap();
        others.add(&near, 1).unwrap();
        let timed = |timeout| {
            let start = Instant::now();
            assert!(!wait([&socket].into_iter(), &others, &waker, timeout).unwrap());
            start.elapsed()
        };
        assert!(timed(Duration::from_millis(30)) >= Duration::from_millis(30));
        waker.wake();
        waker.wake();
        assert!(timed(Duration::from_secs(5)) < Duration::from_secs(1));
        assert!(timed(Duration::from_millis(30)) >= Duration::from_millis(30), "woken once");
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        assert!(timed(Duration::from_secs(5)) < Duration::from_secs(1));
        far.write_all(b"x").unwrap();
        assert!(wait([&socket; 0].into_iter(), &others, &waker, Duration::from_secs(5)).unwrap());
    }
}
