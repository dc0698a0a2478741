//! From a datagram to its connection.
//!
//! A known source address belongs to one connection. Anything else must be a STUN binding request whose user name starts
//! with a fragment that this shard gave out in this run, or a report (RTCP) of a source that a connection has reported under
//! before: a client that a NAT has moved is found by its next report, while browsers check a path only every 2.5 s to 6 s. The
//! connection then shows the datagram's integrity before the address becomes known. A TCP connection is told from others by
//! its number, and otherwise treated as an address.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::egress::{Path, Via};
use crate::tcp::TcpId;

/// Addresses that one connection may use at a time: its interfaces times two IP versions, with room for changes of
/// network. A client that uses more loses its oldest.
const ADDRESSES_PER_CONNECTION_MAX: usize = 8;

/// Transactions of checks that a connection remembers: minutes of them, a browser checks each path every few seconds.
const TRANSACTIONS_MAX: usize = 128;

/// Addresses that a connection may come from in its life, each a candidate that ICE remembers: hours of changing networks.
const ADDRESSES_LEARNED_MAX: usize = 128;
/// User fragments of a connection: that in force and that before an ICE restart, for checks on their way.
const UFRAGS_MAX: usize = 2;

/// Sources that a connection is known to report under: a browser's streams and their retransmissions. Those beyond are of no
/// help in finding it.
const REPORTERS_MAX: usize = 16;

/// Length of the part of a user fragment that tells shard and epoch apart.
const PREFIX_LENGTH: usize = 8;
/// Length of the random part: 96 bits, above the 24 that RFC 8445, section 5.3 asks for.
const RANDOM_LENGTH: usize = 16;
/// 128 random bits are needed (same section); this gives 192.
const PASSWORD_LENGTH: usize = 32;

/// What each STUN message has in its header, and the header's length (RFC 8489, section 5).
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_HEADER_LENGTH: usize = 20;

/// The characters of ICE credentials (RFC 8839, section 5.4).
const ICE_CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Which connection a datagram belongs to.
#[derive(Debug)]
pub struct Demux<K> {
    prefix: String,
    by_address: HashMap<SocketAddr, K>,
    by_tcp: HashMap<TcpId, K>,
    by_ufrag: HashMap<String, K>,
    by_reporter: HashMap<u32, K>,
    /// TCP connections that are of no more use.
    unused: Vec<TcpId>,
}

/// How one connection is reached.
#[derive(Debug, Default)]
pub struct Reach {
    paths: Vec<KnownPath>,
    ufrags: Vec<String>,
    reporters: Vec<u32>,
    learned: usize,
    transactions: VecDeque<TransactionId>,
}

/// A way to the client.
#[derive(Debug)]
struct KnownPath {
    path: Path,
    /// The client chose it for data (RFC 8445, section 8.1.1).
    is_nominated: bool,
}

impl Reach {
    /// Notes that the client chose a path for data. The last choice counts.
    pub fn nominate(&mut self, path: Path) {
        if let Some(index) = self.paths.iter().position(|known| is_same_way(known.path, path)) {
            self.paths.remove(index);
            self.paths.push(KnownPath { path, is_nominated: true });
        }
    }

    /// A TCP connection of the client is closed.
    pub fn close(&mut self, id: TcpId) {
        self.paths.retain(|known| known.path.via != Via::Tcp(id));
    }

    /// The path that the client chose last.
    pub fn nominated(&self) -> Option<Path> {
        self.paths.iter().rev().find(|known| known.is_nominated).map(|known| known.path)
    }

    /// Whether another address may be learned. str0m keeps what it has seen.
    pub fn may_grow(&self) -> bool {
        self.learned < ADDRESSES_LEARNED_MAX
    }

    /// Whether a check with this id was taken before. A client repeats one only from the address that it came from: from
    /// another it is somebody's who overheard it, and who would be sent the client's media for it.
    pub fn has_taken(&self, transaction: TransactionId) -> bool {
        self.transactions.contains(&transaction)
    }

    /// Remembers a check whose integrity was shown.
    pub fn take(&mut self, transaction: TransactionId) {
        if self.transactions.len() == TRANSACTIONS_MAX {
            self.transactions.pop_front();
        }
        self.transactions.push_back(transaction);
    }
}

/// What tells one STUN transaction from another: 96 random bits (RFC 8489, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransactionId([u8; 12]);

impl TransactionId {
    /// That of a STUN message; `None` for any other datagram.
    pub fn of(datagram: &[u8]) -> Option<Self> {
        let (header, _) = datagram.split_first_chunk::<STUN_HEADER_LENGTH>()?;
        let (_, id) = header.split_last_chunk::<12>()?;
        (header.first()? < &4 && header.get(4..8)? == MAGIC_COOKIE).then_some(Self(*id))
    }
}

/// Where a datagram goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination<K> {
    /// The source address is known.
    Known(K),
    /// A binding request or a report for this connection from a new address, not yet authenticated.
    Claimed(K),
    /// Nobody's. The reason is a label of the dropped-packets counter.
    Unknown(&'static str),
}

impl<K: Copy + PartialEq> Demux<K> {
    /// A demultiplexer for shard `shard` of the node's run `epoch`.
    pub fn new(shard: u8, epoch: u64) -> Self {
        let bits = (u64::from(shard) << 40) | (epoch & 0xff_ffff_ffff);
        let characters = (0..PREFIX_LENGTH).map(|place| ice_character((bits >> (6 * place)) as u8));
        Self {
            prefix: characters.collect(),
            by_address: HashMap::new(),
            by_tcp: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_reporter: HashMap::new(),
            unused: Vec::new(),
        }
    }

    /// A new user fragment and password, made of random bytes.
    pub fn credentials(&self, mut random: impl FnMut(&mut [u8])) -> (String, String) {
        let mut bytes = [0; RANDOM_LENGTH + PASSWORD_LENGTH];
        random(&mut bytes);
        let mut characters = bytes.iter().map(|&byte| ice_character(byte));
        let ufrag = self.prefix.chars().chain(characters.by_ref().take(RANDOM_LENGTH)).collect();
        (ufrag, characters.collect())
    }

    /// Expects binding requests for `ufrag`.
    pub fn expect(&mut self, ufrag: String, key: K, reach: &mut Reach) {
        self.by_ufrag.insert(ufrag.clone(), key);
        reach.ufrags.push(ufrag);
        if reach.ufrags.len() > UFRAGS_MAX {
            self.by_ufrag.remove(&reach.ufrags.remove(0));
        }
    }

    /// Notes that `key` has proven to be at the other end of `path`.
    pub fn learn(&mut self, path: Path, key: K, reach: &mut Reach) {
        match path.via {
            Via::Udp => self.by_address.insert(path.destination, key),
            Via::Tcp(id) => self.by_tcp.insert(id, key),
        };
        reach.learned += 1;
        reach.paths.retain(|known| !is_same_way(known.path, path));
        reach.paths.push(KnownPath { path, is_nominated: false });
        if reach.paths.len() > ADDRESSES_PER_CONNECTION_MAX {
            match reach.paths.remove(0).path {
                Path { via: Via::Tcp(id), .. } => self.unused.push(id),
                path => self.release(path, key),
            }
        }
    }

    /// Notes that `key` has sent an authentic report. A source that another connection has used stays with that one: the other
    /// is found by its checks alone.
    pub fn note_report(&mut self, report: &[u8], key: K, reach: &mut Reach) {
        let Some(source) = reporter(report) else { return };
        if reach.reporters.contains(&source) || reach.reporters.len() == REPORTERS_MAX {
            return;
        }
        if *self.by_reporter.entry(source).or_insert(key) == key {
            reach.reporters.push(source);
        }
    }

    /// The connection that is known to be at the other end of a path.
    pub fn owner(&self, via: Via, address: SocketAddr) -> Option<K> {
        match via {
            Via::Udp => self.by_address.get(&address).copied(),
            Via::Tcp(id) => self.by_tcp.get(&id).copied(),
        }
    }

    /// Forgets a TCP connection that is closed; says whose it was.
    pub fn close(&mut self, id: TcpId) -> Option<K> {
        self.by_tcp.remove(&id)
    }

    /// Takes the TCP connections that are of no more use.
    pub fn take_unused(&mut self) -> impl Iterator<Item = TcpId> + '_ {
        self.unused.drain(..)
    }

    /// Forgets a connection.
    pub fn forget(&mut self, key: K, reach: &Reach) {
        for known in &reach.paths {
            self.release(known.path, key);
        }
        for ufrag in &reach.ufrags {
            self.by_ufrag.remove(ufrag);
        }
        for source in &reach.reporters {
            self.by_reporter.remove(source);
        }
    }

    /// Where a datagram goes that came from `source` by way of `via`. A binding request goes where its user name says, even from a known address:
    /// a browser may use a port again for its next connection.
    pub fn find(&self, via: Via, source: SocketAddr, datagram: &[u8]) -> Destination<K> {
        let known = self.owner(via, source);
        let Some(ufrag) = binding_request_ufrag(datagram) else {
            let moved = || self.by_reporter.get(&reporter(datagram).filter(|_| via == Via::Udp)?).copied();
            let known = known.map(Destination::Known);
            return known
                .or_else(|| moved().map(Destination::Claimed))
                .unwrap_or(Destination::Unknown("unknown_source"));
        };
        match self.by_ufrag.get(ufrag) {
            Some(&key) if known == Some(key) => Destination::Known(key),
            Some(&key) => Destination::Claimed(key),
            None if ufrag.starts_with(&self.prefix) => Destination::Unknown("ended_connection"),
            None => Destination::Unknown("unknown_ufrag"),
        }
    }

    fn release(&mut self, path: Path, key: K) {
        if self.owner(path.via, path.destination) == Some(key) {
            match path.via {
                Via::Udp => drop(self.by_address.remove(&path.destination)),
                Via::Tcp(id) => {
                    self.by_tcp.remove(&id);
                    self.unused.push(id);
                }
            }
        }
    }
}

/// Whether two paths are told apart by nothing when a datagram comes: two local addresses lead to the same client.
fn is_same_way(one: Path, other: Path) -> bool {
    one.via == other.via && one.destination == other.destination
}

fn ice_character(bits: u8) -> char {
    ICE_CHARACTERS.get(usize::from(bits & 0x3f)).map_or('A', |&byte| char::from(byte))
}

/// Whether a datagram is RTCP (RFC 5761, section 4; RFC 7983).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..192, 192..224, ..])
}

/// The source of a report's first part, which is not encrypted (RFC 3550, section 6.4.1; RFC 3711, section 3.4).
fn reporter(datagram: &[u8]) -> Option<u32> {
    let (&[_, _, _, _, s0, s1, s2, s3], _) = datagram.split_first_chunk::<8>()?;
    is_rtcp(datagram).then_some(u32::from_be_bytes([s0, s1, s2, s3]))
}

/// The server's half of the user name in a STUN binding request (RFC 8489, sections 5 and 14.3; RFC 8445, section 7.2.2).
fn binding_request_ufrag(datagram: &[u8]) -> Option<&str> {
    const USERNAME: u16 = 0x0006;
    let (_, name) = binding_request(datagram)?.find(|(kind, _)| *kind == USERNAME)?;
    std::str::from_utf8(name).ok()?.split(':').next()
}

/// Whether a datagram is a check that chooses its path for data (`USE-CANDIDATE` in RFC 8445, section 7.1.2).
pub fn is_nomination(datagram: &[u8]) -> bool {
    const USE_CANDIDATE: u16 = 0x0025;
    binding_request(datagram).is_some_and(|mut attributes| attributes.any(|(kind, _)| kind == USE_CANDIDATE))
}

/// The attributes of a STUN binding request that its integrity covers; `None` for any other datagram (RFC 8489).
fn binding_request(datagram: &[u8]) -> Option<impl Iterator<Item = (u16, &[u8])>> {
    const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
    const MESSAGE_INTEGRITY: u16 = 0x0008;

    let (header, mut attributes) = datagram.split_first_chunk::<STUN_HEADER_LENGTH>()?;
    let [k0, k1, _, _, c0, c1, c2, c3, ..] = *header;
    if [k0, k1] != BINDING_REQUEST || [c0, c1, c2, c3] != MAGIC_COOKIE {
        return None;
    }
    let all = std::iter::from_fn(move || {
        let (&[t0, t1, l0, l1], rest) = attributes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let value = rest.get(..length)?;
        attributes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_be_bytes([t0, t1]), value))
    });
    Some(all.take_while(|(kind, _)| *kind != MESSAGE_INTEGRITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(username: &str) -> Vec<u8> {
        let mut message = vec![0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend([7; 12]);
        message.extend([0x80, 0x22, 0, 3, b'x', b'y', b'z', 0]);
        message.extend([0x00, 0x06, 0, u8::try_from(username.len()).unwrap()]);
        message.extend(username.as_bytes());
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn udp(address: &str) -> Path {
        let source = [203, 0, 113, 1].into();
        Path { via: Via::Udp, source, destination: address.parse().unwrap() }
    }

    fn find(demux: &Demux<char>, path: Path, datagram: &[u8]) -> Destination<char> {
        demux.find(path.via, path.destination, datagram)
    }

    #[test]
    fn a_request_with_a_known_fragment_claims_its_connection() {
        let mut demux = Demux::new(3, 99);
        let (ufrag, password) = demux.credentials(|bytes| bytes.fill(5));
        assert_eq!((ufrag.len(), password.len()), (PREFIX_LENGTH + RANDOM_LENGTH, PASSWORD_LENGTH));
        let mut reach = Reach::default();
        demux.expect(ufrag.clone(), 'a', &mut reach);
        let path = udp("192.0.2.1:5000");
        let claim = request(&format!("{ufrag}:client"));
        assert_eq!(find(&demux, path, &claim), Destination::Claimed('a'));
        assert_eq!(find(&demux, path, &[0x80, 111, 0, 1]), Destination::Unknown("unknown_source"));
        demux.learn(path, 'a', &mut reach);
        assert_eq!(find(&demux, path, &claim), Destination::Known('a'));
        assert_eq!(find(&demux, path, &[0x80, 111, 0, 1]), Destination::Known('a'));
        demux.forget('a', &reach);
        assert_eq!(find(&demux, path, &claim), Destination::Unknown("ended_connection"));
        assert_eq!(find(&demux, path, &request("else:client")), Destination::Unknown("unknown_ufrag"));
    }

    #[test]
    fn a_report_from_a_new_address_claims_the_connection_that_reported_under_its_source() {
        let report = |source: u8| [0x80, 201, 0, 1, 0, 0, 0, source, 1, 2, 3, 4];
        let mut demux = Demux::new(0, 1);
        let (mut one, mut other) = (Reach::default(), Reach::default());
        let moved = udp("192.0.2.9:5000");
        assert_eq!(find(&demux, moved, &report(1)), Destination::Unknown("unknown_source"));
        demux.note_report(&report(1), 'a', &mut one);
        demux.note_report(&report(1), 'b', &mut other);
        assert_eq!(find(&demux, moved, &report(1)), Destination::Claimed('a'), "the first keeps it");
        assert_eq!(find(&demux, moved, &report(2)), Destination::Unknown("unknown_source"));
        let over_tcp = Path { via: Via::Tcp(TcpId(4)), ..moved };
        assert_eq!(
            find(&demux, over_tcp, &report(1)),
            Destination::Unknown("unknown_source"),
            "a check comes first there"
        );
        demux.note_report(&[0x80, 111, 0, 1, 0, 0, 0, 3], 'a', &mut one);
        assert_eq!(find(&demux, moved, &report(3)), Destination::Unknown("unknown_source"), "only reports count");
        for source in 10..100 {
            demux.note_report(&report(source), 'a', &mut one);
        }
        assert_eq!(demux.by_reporter.len(), REPORTERS_MAX);
        demux.forget('b', &other);
        assert_eq!(find(&demux, moved, &report(1)), Destination::Claimed('a'));
        demux.forget('a', &one);
        assert!(demux.by_reporter.is_empty());
    }

    #[test]
    fn a_port_that_is_used_again_belongs_to_the_newest() {
        let mut demux = Demux::new(0, 1);
        let (mut old, mut new) = (Reach::default(), Reach::default());
        demux.expect("new".into(), 'n', &mut new);
        let path = udp("192.0.2.1:5000");
        demux.learn(path, 'o', &mut old);
        assert_eq!(find(&demux, path, &request("new:client")), Destination::Claimed('n'));
        demux.learn(path, 'n', &mut new);
        demux.forget('o', &old);
        assert_eq!(find(&demux, path, &[0x80]), Destination::Known('n'));
    }

    #[test]
    fn a_connection_has_few_addresses() {
        let mut demux = Demux::new(0, 1);
        let mut reach = Reach::default();
        for port in 1..=20 {
            demux.learn(udp(&format!("192.0.2.1:{port}")), 'a', &mut reach);
        }
        assert_eq!((reach.paths.len(), demux.by_address.len()), (ADDRESSES_PER_CONNECTION_MAX, 8));
    }

    #[test]
    fn a_tcp_connection_is_known_by_its_number() {
        let mut demux = Demux::new(0, 1);
        let mut reach = Reach::default();
        let over_udp = udp("192.0.2.1:5000");
        let over_tcp = Path { via: Via::Tcp(TcpId(4)), ..over_udp };
        demux.learn(over_tcp, 'a', &mut reach);
        assert_eq!(find(&demux, over_tcp, &[0x80]), Destination::Known('a'));
        assert_eq!(find(&demux, over_udp, &[0x80]), Destination::Unknown("unknown_source"));
        let other = Path { via: Via::Tcp(TcpId(5)), ..over_tcp };
        assert_eq!(find(&demux, other, &[0x80]), Destination::Unknown("unknown_source"));
        demux.learn(other, 'a', &mut reach);
        assert_eq!(demux.close(TcpId(4)), Some('a'));
        reach.close(TcpId(4));
        assert_eq!(find(&demux, over_tcp, &[0x80]), Destination::Unknown("unknown_source"));
        demux.forget('a', &reach);
        assert_eq!(demux.take_unused().collect::<Vec<_>>(), [TcpId(5)], "the other is closed already");
    }

    #[test]
    fn the_path_that_was_chosen_last_is_in_force() {
        let mut demux = Demux::new(0, 1);
        let mut reach = Reach::default();
        let paths = [udp("192.0.2.1:1"), Path { via: Via::Tcp(TcpId(4)), ..udp("192.0.2.1:2") }, udp("192.0.2.1:3")];
        paths.iter().for_each(|path| demux.learn(*path, 'a', &mut reach));
        assert_eq!(reach.nominated(), None);
        reach.nominate(paths[0]);
        reach.nominate(paths[1]);
        assert_eq!(reach.nominated(), Some(paths[1]));
        reach.close(TcpId(4));
        assert_eq!(reach.nominated(), Some(paths[0]));
        reach.nominate(udp("192.0.2.1:9"));
        assert_eq!(reach.nominated(), Some(paths[0]), "one that never passed a check is none");
    }

    #[test]
    fn only_a_check_that_says_so_chooses_a_path() {
        let mut check = request("someone");
        assert!(!is_nomination(&check));
        let mut after_its_integrity = [&check[..], &[0x00, 0x08, 0, 4, 0, 0, 0, 0]].concat();
        for message in [&mut check, &mut after_its_integrity] {
            message.extend([0x00, 0x25, 0, 0]);
        }
        assert!(is_nomination(&check));
        assert!(!is_nomination(&after_its_integrity));
        check[1] = 0x01;
        check[0] = 0x01;
        assert!(!is_nomination(&check), "an answer");
    }

    #[test]
    fn the_transactions_of_the_last_minutes_are_remembered() {
        let mut reach = Reach::default();
        let id = |number: usize| TransactionId([u8::try_from(number).unwrap(); 12]);
        for number in 0..=TRANSACTIONS_MAX {
            assert!(!reach.has_taken(id(number)));
            reach.take(id(number));
        }
        assert!(!reach.has_taken(id(0)), "the oldest gives way");
        assert!(reach.has_taken(id(1)) && reach.has_taken(id(TRANSACTIONS_MAX)));
    }

    #[test]
    fn only_stun_has_a_transaction() {
        assert_eq!(TransactionId::of(&request("someone")), Some(TransactionId([7; 12])));
        assert_eq!(TransactionId::of(&[0x80; 40]), None);
        assert_eq!(TransactionId::of(&request("someone")[..19]), None);
    }

    #[test]
    fn shards_and_epochs_differ_in_their_prefix() {
        let prefix = |shard, epoch| Demux::<u8>::new(shard, epoch).prefix;
        assert_ne!(prefix(0, 1), prefix(1, 1));
        assert_ne!(prefix(0, 1), prefix(0, 2));
    }

    proptest::proptest! {
        #[test]
        fn any_datagram_is_read_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            binding_request_ufrag(&bytes);
            let mut stun = request("someone");
            stun.truncate(20);
            stun.extend(&bytes);
            binding_request_ufrag(&stun);
        }
    }
}
