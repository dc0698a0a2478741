//! Control messages: the local address of a datagram (`IP_PKTINFO`, `IPV6_PKTINFO`), the length of a message's segments
//! (`UDP_SEGMENT`).

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for one `in6_pktinfo` or `in_pktinfo` with its header (40 bytes), and a segment length with its (24).
pub const CONTROL_BYTES: usize = 64;

/// Storage for control messages, aligned as their headers need.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct ControlBuffer(pub [u8; CONTROL_BYTES]);

/// The local address that the datagram of `header` was sent to.
///
/// # Safety
/// The kernel has filled `header` in, and its control buffer is still valid.
pub unsafe fn local_address(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: by the contract the chain of control messages is valid, and each cast follows its level and type. The data
    // is read unaligned, since only headers are aligned.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let data = libc::CMSG_DATA(message);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info: libc::in_pktinfo = data.cast::<libc::in_pktinfo>().read_unaligned();
                    return Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info: libc::in6_pktinfo = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    return Some(IpAddr::from(Ipv6Addr::from(info.ipi6_addr.s6_addr)).to_canonical());
                }
                _ => message = libc::CMSG_NXTHDR(header, message),
            }
        }
    }
    None
}

/// Makes a message leave from `source`, where one is given, cut into segments of `segment_bytes`, where that is given.
/// Returns the length used.
///
/// An IPv4 source is given as such on sockets of both versions too: the kernel takes it (`ip_cmsg_send`), and its 32 bytes
/// fit where the 40 of IPv6 need an allocation for each message.
///
/// # Safety
/// `header` points to a [`ControlBuffer`] as its control buffer, with its full length.
pub unsafe fn set_controls(header: &mut libc::msghdr, source: Option<IpAddr>, segment_bytes: Option<u16>) -> usize {
    let mut used = 0;
    if let Some(source) = source {
        let mut v4: libc::in_pktinfo = ipv4_info();
        let mut v6: libc::in6_pktinfo = ipv6_info();
        // SAFETY: by the contract there are `CONTROL_BYTES` behind the header's pointer, of which nothing is used yet.
        used += unsafe {
            match source {
                IpAddr::V4(address) => {
                    v4.ipi_spec_dst.s_addr = u32::from(address).to_be();
                    append(header, used, libc::IPPROTO_IP, libc::IP_PKTINFO, v4)
                }
                IpAddr::V6(address) => {
                    v6.ipi6_addr.s6_addr = address.octets();
                    append(header, used, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, v6)
                }
            }
        };
    }
    if let Some(bytes) = segment_bytes {
        // SAFETY: as above, with at most 40 bytes used.
        used += unsafe { append(header, used, libc::IPPROTO_UDP, libc::UDP_SEGMENT, bytes) };
    }
    used
}

/// Writes a control message behind the `used` bytes of the header's buffer, and returns its length with padding.
///
/// # Safety
/// The header's control buffer is aligned for `cmsghdr` at `used`, and has room for the message there.
unsafe fn append<T>(header: &libc::msghdr, used: usize, level: libc::c_int, kind: libc::c_int, data: T) -> usize {
    let length = mem::size_of::<T>() as libc::c_uint;
    // SAFETY: by the contract header and data fit; `CMSG_DATA` is within that room, and is written unaligned.
    unsafe {
        let message = header.msg_control.cast::<u8>().add(used).cast::<libc::cmsghdr>();
        (*message).cmsg_level = level;
        (*message).cmsg_type = kind;
        (*message).cmsg_len = libc::CMSG_LEN(length) as _;
        libc::CMSG_DATA(message).cast::<T>().write_unaligned(data);
        libc::CMSG_SPACE(length) as usize
    }
}

fn ipv4_info() -> libc::in_pktinfo {
    let nowhere = libc::in_addr { s_addr: 0 };
    libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: nowhere, ipi_addr: nowhere }
}

fn ipv6_info() -> libc::in6_pktinfo {
    libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: [0; 16] }, ipi6_ifindex: 0 }
}
