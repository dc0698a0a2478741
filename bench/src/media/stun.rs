//! Binding requests and responses (RFC 8489), as far as ICE needs them (RFC 8445).

use std::net::SocketAddrV4;

use aws_lc_rs::hmac;

const MAGIC: u32 = 0x2112_a442;
const HEADER_BYTES: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const ATTRIBUTE_USERNAME: u16 = 0x0006;
const ATTRIBUTE_INTEGRITY: u16 = 0x0008;
const ATTRIBUTE_MAPPED_ADDRESS: u16 = 0x0020;
const ATTRIBUTE_PRIORITY: u16 = 0x0024;
const ATTRIBUTE_USE_CANDIDATE: u16 = 0x0025;
const ATTRIBUTE_FINGERPRINT: u16 = 0x8028;
const ATTRIBUTE_CONTROLLED: u16 = 0x8029;
const ATTRIBUTE_CONTROLLING: u16 = 0x802a;
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// Of a peer-reflexive candidate (RFC 8445, section 5.1.2).
const PRIORITY: u32 = (110 << 24) | (0xffff << 8) | 255;

/// What names a transaction.
pub type TransactionId = [u8; 12];

/// A received message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// The other side checks.
    Request(TransactionId),
    /// A check was answered.
    Success(TransactionId),
    /// A check was refused.
    Error(TransactionId),
}

/// Reads a message's kind and name. Integrity is not looked at: whoever can answer a check of 96 random bits saw it.
pub fn parse(datagram: &[u8]) -> Option<Message> {
    let kind = u16::from_be_bytes(datagram.get(..2)?.try_into().ok()?);
    let magic = u32::from_be_bytes(datagram.get(4..8)?.try_into().ok()?);
    let id: TransactionId = datagram.get(8..HEADER_BYTES)?.try_into().ok()?;
    match (magic, kind) {
        (MAGIC, BINDING_REQUEST) => Some(Message::Request(id)),
        (MAGIC, BINDING_SUCCESS) => Some(Message::Success(id)),
        (MAGIC, BINDING_ERROR) => Some(Message::Error(id)),
        _ => None,
    }
}

/// A check: whose it is, and in which role.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// Names it.
    pub id: TransactionId,
    /// `remote:local` user fragments.
    pub username: &'a str,
    /// The other side's password.
    pub password: &'a str,
    /// Whether this side decides, and then nominates at once: there is one pair only.
    pub is_controlling: bool,
    /// Decides between two that both think they control.
    pub tie_breaker: u64,
}

/// Writes a check into `buffer` and returns its length; `None` when it has no room.
pub fn write_check(buffer: &mut [u8], check: &Check<'_>) -> Option<usize> {
    let mut writer = Writer::new(buffer, BINDING_REQUEST, check.id)?;
    writer.attribute(ATTRIBUTE_USERNAME, check.username.as_bytes())?;
    writer.attribute(ATTRIBUTE_PRIORITY, &PRIORITY.to_be_bytes())?;
    let role = if check.is_controlling { ATTRIBUTE_CONTROLLING } else { ATTRIBUTE_CONTROLLED };
    writer.attribute(role, &check.tie_breaker.to_be_bytes())?;
    if check.is_controlling {
        writer.attribute(ATTRIBUTE_USE_CANDIDATE, &[])?;
    }
    writer.finish(check.password)
}

/// Writes the answer to a check that came from `source`, and returns its length; `None` when there is no room.
pub fn write_success(buffer: &mut [u8], id: TransactionId, source: SocketAddrV4, password: &str) -> Option<usize> {
    let mut writer = Writer::new(buffer, BINDING_SUCCESS, id)?;
    let port = source.port() ^ (MAGIC >> 16) as u16;
    let address = u32::from(*source.ip()) ^ MAGIC;
    let ([p0, p1], [a0, a1, a2, a3]) = (port.to_be_bytes(), address.to_be_bytes());
    writer.attribute(ATTRIBUTE_MAPPED_ADDRESS, &[0, 1, p0, p1, a0, a1, a2, a3])?;
    writer.finish(password)
}

struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    fn new(buffer: &'a mut [u8], kind: u16, id: TransactionId) -> Option<Self> {
        buffer.get_mut(..2)?.copy_from_slice(&kind.to_be_bytes());
        buffer.get_mut(4..8)?.copy_from_slice(&MAGIC.to_be_bytes());
        buffer.get_mut(8..HEADER_BYTES)?.copy_from_slice(&id);
        Some(Self { buffer, length: HEADER_BYTES })
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) -> Option<()> {
        let padded = value.len().next_multiple_of(4);
        let place = self.buffer.get_mut(self.length..self.length + 4 + padded)?;
        place.fill(0);
        place.get_mut(..2)?.copy_from_slice(&kind.to_be_bytes());
        place.get_mut(2..4)?.copy_from_slice(&(value.len() as u16).to_be_bytes());
        place.get_mut(4..4 + value.len())?.copy_from_slice(value);
        self.length += 4 + padded;
        Some(())
    }

    /// The length field counts everything after the header, `further` bytes that follow included.
    fn set_length(&mut self, further: usize) -> Option<()> {
        let length = (self.length - HEADER_BYTES + further) as u16;
        self.buffer.get_mut(2..4)?.copy_from_slice(&length.to_be_bytes());
        Some(())
    }

    fn finish(mut self, password: &str) -> Option<usize> {
        self.set_length(4 + 20)?;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let tag = hmac::sign(&key, self.buffer.get(..self.length)?);
        self.attribute(ATTRIBUTE_INTEGRITY, tag.as_ref())?;
        self.set_length(8)?;
        let fingerprint = crc32(self.buffer.get(..self.length)?) ^ FINGERPRINT_MASK;
        self.attribute(ATTRIBUTE_FINGERPRINT, &fingerprint.to_be_bytes())?;
        Some(self.length)
    }
}

/// CRC-32 of ISO 3309, bit by bit: checks are few.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_check_is_what_another_stack_accepts() {
        let mut buffer = [0xff; 200];
        let check =
            Check { id: [7; 12], username: "remote:local", password: "secret", is_controlling: true, tie_breaker: 5 };
        let length = write_check(&mut buffer, &check).unwrap();
        let datagram = &buffer[..length];
        assert_eq!(parse(datagram), Some(Message::Request([7; 12])));
        assert_eq!(usize::from(u16::from_be_bytes([datagram[2], datagram[3]])), length - 20);
        // The fingerprint is the last attribute and covers everything before it.
        let expected = crc32(&datagram[..length - 8]) ^ FINGERPRINT_MASK;
        assert_eq!(datagram[length - 4..], expected.to_be_bytes());
        // The integrity covers what is before it, under a length that ends with it.
        let mut covered = datagram[..length - 32].to_vec();
        covered[2..4].copy_from_slice(&((length - 8 - 20) as u16).to_be_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret");
        hmac::verify(&key, &covered, &datagram[length - 28..length - 8]).unwrap();
    }

    #[test]
    fn an_answer_names_its_check_and_hides_the_address() {
        let mut buffer = [0; 200];
        let source = "192.0.2.1:32853".parse().unwrap();
        let length = write_success(&mut buffer, [9; 12], source, "p").unwrap();
        assert_eq!(parse(&buffer[..length]), Some(Message::Success([9; 12])));
        // The mapped address of the test vector in RFC 5769, section 2.2.
        assert_eq!(buffer[24..32], [0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    }

    #[test]
    fn rubbish_is_none_and_a_small_buffer_takes_nothing() {
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[0; 20]), None);
        let check = Check { id: [0; 12], username: "a:b", password: "c", is_controlling: false, tie_breaker: 0 };
        assert_eq!(write_check(&mut [0; 40], &check), None);
    }
}
