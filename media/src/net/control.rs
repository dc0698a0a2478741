//! Control messages: the local address of a datagram (`IP_PKTINFO`, `IPV6_PKTINFO`).

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for one `in6_pktinfo` or `in_pktinfo` with its header, and to spare.
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

/// Makes a datagram leave from `source`, on a socket of the IP version that `is_ipv6` says. Returns the length used.
///
/// # Safety
/// `header` points to `buffer` as its control buffer, with its full length.
pub unsafe fn set_source(header: &mut libc::msghdr, source: IpAddr, is_ipv6: bool) -> usize {
    // SAFETY: the buffer has room for either message, so that CMSG_FIRSTHDR is not null and the data fits behind it.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        if message.is_null() {
            return 0;
        }
        let data = libc::CMSG_DATA(message);
        let length = match source {
            IpAddr::V4(address) if !is_ipv6 => {
                let mut info: libc::in_pktinfo = mem::zeroed();
                info.ipi_spec_dst.s_addr = u32::from(address).to_be();
                (*message).cmsg_level = libc::IPPROTO_IP;
                (*message).cmsg_type = libc::IP_PKTINFO;
                data.cast::<libc::in_pktinfo>().write_unaligned(info);
                mem::size_of::<libc::in_pktinfo>()
            }
            _ => {
                let mut info: libc::in6_pktinfo = mem::zeroed();
                info.ipi6_addr.s6_addr = match source {
                    IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                    IpAddr::V6(address) => address.octets(),
                };
                (*message).cmsg_level = libc::IPPROTO_IPV6;
                (*message).cmsg_type = libc::IPV6_PKTINFO;
                data.cast::<libc::in6_pktinfo>().write_unaligned(info);
                mem::size_of::<libc::in6_pktinfo>()
            }
        };
        (*message).cmsg_len = libc::CMSG_LEN(length as u32) as _;
        libc::CMSG_SPACE(length as u32) as usize
    }
}
