//! The host's own addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

/// The addresses of all interfaces that are up: those that other hosts may reach first, loopback only when there is no
/// other. Link-local IPv6 is left out, since it means nothing without a scope.
///
/// # Errors
/// What `getifaddrs(3)` says.
pub fn host_addresses() -> io::Result<Vec<IpAddr>> {
    let mut list = ptr::null_mut();
    // SAFETY: `list` is a valid place for the result, which is freed below and not used after that.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: the kernel made a list of valid entries that ends with null; it lives until `freeifaddrs`.
        let entry = unsafe { &*next };
        if entry.ifa_flags & libc::IFF_UP as u32 != 0 {
            // SAFETY: `ifa_addr` is null or points to an address of the family that it names.
            addresses.extend(unsafe { socket_address(entry.ifa_addr) }.map(|address| address.ip()));
        }
        next = entry.ifa_next;
    }
    // SAFETY: the list came from `getifaddrs` and nothing refers to it any more.
    unsafe { libc::freeifaddrs(list) };
    let is_reachable = |address: &IpAddr| !address.is_loopback() && !is_link_local(address);
    let reachable: Vec<_> = addresses.iter().copied().filter(is_reachable).collect();
    Ok(if reachable.is_empty() { addresses.into_iter().filter(IpAddr::is_loopback).collect() } else { reachable })
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// # Safety
/// `address` is null or points to a socket address as large as its family says.
pub(super) unsafe fn socket_address(address: *const libc::sockaddr) -> Option<SocketAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: by the contract above, and each cast follows the family.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let address = &*address.cast::<libc::sockaddr_in>();
                let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
                Some(SocketAddr::from((ip, u16::from_be(address.sin_port))))
            }
            libc::AF_INET6 => {
                let address = &*address.cast::<libc::sockaddr_in6>();
                let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
                Some(SocketAddr::from((ip, u16::from_be(address.sin6_port))))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_an_address_that_can_be_bound() {
        let addresses = host_addresses().unwrap();
        assert!(!addresses.is_empty());
        for address in addresses {
            std::net::UdpSocket::bind((address, 0)).unwrap();
        }
    }
}
