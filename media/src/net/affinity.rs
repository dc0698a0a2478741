//! Binding threads to cores.

use std::io;
use std::mem;

/// Binds the calling thread to a core, counted among those that the process may use and wrapping around.
///
/// # Errors
/// What the kernel says, as in a container that forbids it. The thread then runs anywhere.
pub fn pin_to_core(index: usize) -> io::Result<()> {
    // SAFETY: an all-zero `cpu_set_t` is a valid, empty set; the kernel writes at most its size into it.
    let mut allowed: libc::cpu_set_t = unsafe { mem::zeroed() };
    let size = mem::size_of::<libc::cpu_set_t>();
    // SAFETY: `allowed` is valid for `size` bytes.
    if unsafe { libc::sched_getaffinity(0, size, &mut allowed) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: every index is below CPU_SETSIZE.
    let cores: Vec<_> =
        (0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &allowed) }).collect();
    let Some(&core) = cores.get(index % cores.len().max(1)) else { return Ok(()) };
    // SAFETY: as above, and `core` is below CPU_SETSIZE.
    let mut chosen: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: `core` came from the set that the kernel gave.
    unsafe { libc::CPU_SET(core, &mut chosen) };
    // SAFETY: `chosen` is valid for `size` bytes.
    if unsafe { libc::sched_setaffinity(0, size, &chosen) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_be_bound_to_any_index() {
        std::thread::spawn(|| {
            pin_to_core(0).unwrap();
            pin_to_core(1_000).unwrap();
        })
        .join()
        .unwrap();
    }
}
