//! SRTP and SRTCP with AES-GCM (RFC 3711, RFC 7714): one key pair a direction, as DTLS exports it (RFC 5764).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use dimpl::SrtpProfile;

use super::MediaError;

/// Length of the authentication tag.
pub const TAG_BYTES: usize = 16;
/// What SRTCP adds: the tag and the index.
pub const RTCP_ADDED_BYTES: usize = TAG_BYTES + 4;
const SALT_BYTES: usize = 12;
/// The part of an RTCP packet that is not encrypted.
const RTCP_HEADER_BYTES: usize = 8;
const ENCRYPTED: u32 = 1 << 31;

/// Labels of the key derivation (RFC 3711, section 4.3.1).
const LABEL_RTP_KEY: u8 = 0;
const LABEL_RTP_SALT: u8 = 2;
const LABEL_RTCP_KEY: u8 = 3;
const LABEL_RTCP_SALT: u8 = 5;

/// One direction's keys.
pub struct Keys {
    rtp: LessSafeKey,
    rtp_salt: [u8; SALT_BYTES],
    rtcp: LessSafeKey,
    rtcp_salt: [u8; SALT_BYTES],
    rtcp_index: u32,
}

impl Keys {
    /// The keys of both directions, `(client's, server's)`, from what DTLS exports.
    ///
    /// # Errors
    /// [`MediaError::Crypto`] when the profile is not one of AES-GCM.
    pub fn from_dtls(material: &[u8], profile: SrtpProfile) -> Result<(Self, Self), MediaError> {
        let key_bytes = match profile {
            SrtpProfile::AEAD_AES_256_GCM => 32,
            SrtpProfile::AEAD_AES_128_GCM => 16,
            _ => return Err(MediaError::Crypto(format!("the target wants {profile:?}, this generator AES-GCM"))),
        };
        let part = |start: usize, length: usize| {
            let missing = || MediaError::Crypto("DTLS exported too little".into());
            material.get(start..start + length).ok_or_else(missing)
        };
        let salts = 2 * key_bytes;
        let client = Self::new(part(0, key_bytes)?, part(salts, SALT_BYTES)?)?;
        let server = Self::new(part(key_bytes, key_bytes)?, part(salts + SALT_BYTES, SALT_BYTES)?)?;
        Ok((client, server))
    }

    /// Keys from a master key of 16 or 32 bytes and a master salt of 12.
    ///
    /// # Errors
    /// [`MediaError::Crypto`] when the lengths are others.
    pub fn new(master_key: &[u8], master_salt: &[u8]) -> Result<Self, MediaError> {
        let algorithm = if master_key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        let unusable = |_| MediaError::Crypto("a key cannot be used".into());
        let key = |label| -> Result<LessSafeKey, MediaError> {
            let mut bytes = vec![0; master_key.len()];
            derive(master_key, master_salt, label, &mut bytes)?;
            Ok(LessSafeKey::new(UnboundKey::new(algorithm, &bytes).map_err(unusable)?))
        };
        let salt = |label| -> Result<[u8; SALT_BYTES], MediaError> {
            let mut bytes = [0; SALT_BYTES];
            derive(master_key, master_salt, label, &mut bytes)?;
            Ok(bytes)
        };
        Ok(Self {
            rtp: key(LABEL_RTP_KEY)?,
            rtp_salt: salt(LABEL_RTP_SALT)?,
            rtcp: key(LABEL_RTCP_KEY)?,
            rtcp_salt: salt(LABEL_RTCP_SALT)?,
            rtcp_index: 0,
        })
    }

    /// Seals an RTP packet in place: `length` bytes of `buffer`, the first `header_bytes` of them in the clear. Returns
    /// the new length; `None` when there is no room for the tag.
    ///
    /// The same (SSRC, index) must never be sealed twice with different contents.
    pub fn seal_rtp(
        &self,
        buffer: &mut [u8],
        header_bytes: usize,
        length: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        let (packet, room) = buffer.split_at_mut_checked(length)?;
        let (header, payload) = packet.split_at_mut_checked(header_bytes)?;
        let nonce = rtp_nonce(&self.rtp_salt, ssrc, index);
        let tag = self.rtp.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload).ok()?;
        room.get_mut(..TAG_BYTES)?.copy_from_slice(tag.as_ref());
        Some(length + TAG_BYTES)
    }

    /// Opens an RTP packet: a copy of its payload, decrypted into `out`; `None` when it is not authentic.
    pub fn open_rtp<'a>(
        &self,
        packet: &[u8],
        header_bytes: usize,
        ssrc: u32,
        index: u64,
        out: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let (header, sealed) = packet.split_at_checked(header_bytes)?;
        out.clear();
        out.extend_from_slice(sealed);
        let nonce = rtp_nonce(&self.rtp_salt, ssrc, index);
        self.rtp.open_in_place(nonce, Aad::from(header), out).ok().map(|payload| &*payload)
    }

    /// Seals an RTCP packet of `length` bytes in place and returns the new length; `None` when there is no room.
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.rtcp_index = self.rtcp_index.wrapping_add(1) & !ENCRYPTED;
        let word = (ENCRYPTED | self.rtcp_index).to_be_bytes();
        let (packet, room) = buffer.split_at_mut_checked(length)?;
        let (aad, nonce) = self.rtcp_context(packet, word)?;
        let payload = packet.get_mut(RTCP_HEADER_BYTES..)?;
        let tag = self.rtcp.seal_in_place_separate_tag(nonce, Aad::from(aad), payload).ok()?;
        room.get_mut(..TAG_BYTES)?.copy_from_slice(tag.as_ref());
        room.get_mut(TAG_BYTES..RTCP_ADDED_BYTES)?.copy_from_slice(&word);
        Some(length + RTCP_ADDED_BYTES)
    }

    /// Opens an RTCP packet: the whole of it, decrypted into `out`; `None` when it is not authentic or not encrypted.
    pub fn open_rtcp<'a>(&self, packet: &[u8], out: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let (sealed, word) = packet.split_at_checked(packet.len().checked_sub(4)?)?;
        let word: [u8; 4] = word.try_into().ok()?;
        let (aad, nonce) = self.rtcp_context(sealed, word)?;
        out.clear();
        out.extend_from_slice(sealed);
        let contents = out.get_mut(RTCP_HEADER_BYTES..)?;
        let opened = self.rtcp.open_in_place(nonce, Aad::from(aad), contents).ok()?.len();
        out.get(..RTCP_HEADER_BYTES + opened)
    }

    fn rtcp_context(&self, packet: &[u8], word: [u8; 4]) -> Option<([u8; 12], Nonce)> {
        let header: [u8; RTCP_HEADER_BYTES] = packet.get(..RTCP_HEADER_BYTES)?.try_into().ok()?;
        let [a0, a1, a2, a3, s0, s1, s2, s3] = header;
        let [w0, w1, w2, w3] = word;
        let aad = [a0, a1, a2, a3, s0, s1, s2, s3, w0, w1, w2, w3];
        let iv = [0, 0, s0, s1, s2, s3, 0, 0, w0 & 0x7f, w1, w2, w3];
        Some((aad, salted(&self.rtcp_salt, iv)))
    }
}

/// The profile's name as registered.
pub fn profile_name(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::AEAD_AES_256_GCM => "AEAD_AES_256_GCM",
        SrtpProfile::AEAD_AES_128_GCM => "AEAD_AES_128_GCM",
        _ => "AES128_CM_SHA1_80",
    }
}

fn rtp_nonce(salt: &[u8; SALT_BYTES], ssrc: u32, index: u64) -> Nonce {
    let [s0, s1, s2, s3] = ssrc.to_be_bytes();
    let [_, _, i0, i1, i2, i3, i4, i5] = index.to_be_bytes();
    salted(salt, [0, 0, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5])
}

fn salted(salt: &[u8; SALT_BYTES], mut iv: [u8; SALT_BYTES]) -> Nonce {
    iv.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    Nonce::assume_unique_for_key(iv)
}

/// The AES-CM key derivation (RFC 3711, section 4.3.3), with a salt of 96 bits (RFC 7714, section 11).
fn derive(master_key: &[u8], master_salt: &[u8], label: u8, out: &mut [u8]) -> Result<(), MediaError> {
    let unusable = |_| MediaError::Crypto("a key cannot be derived".into());
    let algorithm = if master_key.len() == 32 { &AES_256 } else { &AES_128 };
    let mut iv = [0u8; 16];
    iv.iter_mut().zip(master_salt).for_each(|(byte, salt)| *byte = *salt);
    // The label is the first of seven bytes at the end of the 112 bits.
    iv.iter_mut().skip(7).take(1).for_each(|byte| *byte ^= label);
    let key = UnboundCipherKey::new(algorithm, master_key).and_then(EncryptingKey::ctr).map_err(unusable)?;
    out.fill(0);
    key.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv))).map_err(unusable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_derivation_matches_the_standards_vectors() {
        // RFC 3711, appendix B.3; a salt of 112 bits, of which ours take 96: the last two bytes are added by hand.
        let key = [0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39];
        let salt = [0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6];
        let mut out = [0; 16];
        derive(&key, &salt, LABEL_RTP_KEY, &mut out).unwrap();
        let expected = [0xc6, 0x1e, 0x7a, 0x93, 0x74, 0x4f, 0x39, 0xee, 0x10, 0x73, 0x4a, 0xfe, 0x3f, 0xf7, 0xa0, 0x87];
        assert_eq!(out, expected);
        let mut out = [0; 14];
        derive(&key, &salt, LABEL_RTP_SALT, &mut out).unwrap();
        assert_eq!(out, [0x30, 0xcb, 0xbc, 0x08, 0x86, 0x3d, 0x8c, 0x85, 0xd4, 0x9d, 0xb3, 0x4a, 0x9a, 0xe1]);
    }

    #[test]
    fn media_comes_back_and_forgeries_do_not() {
        for (key_bytes, profile) in [(32, SrtpProfile::AEAD_AES_256_GCM), (16, SrtpProfile::AEAD_AES_128_GCM)] {
            let material: Vec<u8> = (0..2 * key_bytes as u8 + 24).collect();
            let (client, _) = Keys::from_dtls(&material, profile).unwrap();
            let (same, other) = Keys::from_dtls(&material, profile).unwrap();
            let mut buffer = [5u8; 200];
            let index = (3 << 16) | 65_535;
            let length = client.seal_rtp(&mut buffer, 12, 112, 77, index).unwrap();
            assert_eq!(length, 128);
            let mut out = Vec::new();
            assert_eq!(same.open_rtp(&buffer[..length], 12, 77, index, &mut out).unwrap(), [5; 100]);
            assert!(other.open_rtp(&buffer[..length], 12, 77, index, &mut out).is_none(), "the other direction");
            assert!(same.open_rtp(&buffer[..length], 12, 77, index + 1, &mut out).is_none(), "another index");
            buffer[3] ^= 1;
            assert!(same.open_rtp(&buffer[..length], 12, 77, index, &mut out).is_none(), "another header");
        }
    }

    #[test]
    fn reports_come_back_and_each_has_an_index_of_its_own() {
        let mut keys = Keys::new(&[1; 16], &[2; 12]).unwrap();
        let mut sealed = Vec::new();
        for _ in 0..2 {
            let mut buffer = [9u8; 100];
            let length = keys.seal_rtcp(&mut buffer, 32).unwrap();
            assert_eq!(length, 32 + RTCP_ADDED_BYTES);
            let mut out = Vec::new();
            assert_eq!(keys.open_rtcp(&buffer[..length], &mut out).unwrap(), [9; 32]);
            sealed.push(buffer[..length].to_vec());
        }
        assert_ne!(sealed[0], sealed[1]);
        assert!(keys.open_rtcp(&sealed[0][..20], &mut Vec::new()).is_none());
        assert!(keys.seal_rtcp(&mut [0; 40], 32).is_none(), "no room");
    }

    #[test]
    fn other_profiles_are_refused_in_words() {
        let error = Keys::from_dtls(&[0; 60], SrtpProfile::AES128_CM_SHA1_80).err().unwrap();
        assert!(error.to_string().contains("AES-GCM"));
    }
}
