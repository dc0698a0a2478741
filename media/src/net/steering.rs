//! Two queues behind one port: what clients report about what they receive waits apart from everything else.
//!
//! Two sockets are bound to the port (`SO_REUSEPORT` in socket(7)), and a filter chooses between them by the first two
//! bytes (RFC 5761, section 4; RFC 7983). So a loop may sleep through reports, which can wait some milliseconds, and
//! still wake for each media packet.

use std::io;
use std::net::SocketAddr;

use socket2::{SockAddr, Socket};

use super::udp::{new_socket, set_option};

/// The first byte of RTP and RTCP is below this, and not below [`RTP_FIRST`].
const RTP_END: u32 = 192;
const RTP_FIRST: u32 = 128;
/// The second byte of RTCP: its packet types.
const RTCP_FIRST: u32 = 192;
const RTCP_END: u32 = 224;
/// Places in the port's group, in the order of binding.
const FIRST_SOCKET: u32 = 0;
const SECOND_SOCKET: u32 = 1;

/// Binds a second socket to the port of `first`, which from then on gets all RTCP that comes to the port.
///
/// `first` was bound without sharing, so that a port that anybody else has is refused there.
///
/// # Errors
/// What the kernel says where it has no such filter; then `first` gets everything, as before.
pub(super) fn split_off_reports(first: &Socket, address: SocketAddr) -> io::Result<Socket> {
    first.set_reuse_port(true)?;
    let second = join(address);
    if second.is_err() {
        first.set_reuse_port(false)?;
    }
    second
}

fn join(address: SocketAddr) -> io::Result<Socket> {
    let second = new_socket(address)?;
    second.set_reuse_port(true)?;
    second.bind(&SockAddr::from(address))?;
    attach_filter(&second)?;
    Ok(second)
}

fn attach_filter(socket: &Socket) -> io::Result<()> {
    let load = |offset| statement(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, offset);
    let at_least = |value, yes, no| jump(libc::BPF_JGE, value, yes, no);
    let choose = |place| statement(libc::BPF_RET | libc::BPF_K, place);
    // A load beyond the end returns 0, which is the first socket. Jumps count the instructions that they skip.
    let mut program = [
        load(0),
        at_least(RTP_FIRST, 0, 5),
        at_least(RTP_END, 4, 0),
        load(1),
        at_least(RTCP_FIRST, 0, 2),
        at_least(RTCP_END, 1, 0),
        choose(SECOND_SOCKET),
        choose(FIRST_SOCKET),
    ];
    let filter = libc::sock_fprog { len: program.len() as libc::c_ushort, filter: program.as_mut_ptr() };
    // SAFETY: `filter` names `program` with its length; both outlive the call, and the kernel copies them.
    unsafe { set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF, &filter) }
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn jump(condition: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { jt, jf, ..statement(libc::BPF_JMP | condition | libc::BPF_K, k) }
}
