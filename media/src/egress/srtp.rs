//! SRTP as far as the egress needs it: sealing RTP and RTCP, opening RTCP (RFC 3711; AEAD in RFC 7714).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::{hmac, iv::FixedLength};
use thiserror::Error;

use super::replay::ReplayWindow;

const GCM_TAG_BYTES: usize = 16;
const GCM_SALT_BYTES: usize = 12;
const SHA1_TAG_BYTES: usize = 10;
const SHA1_KEY_BYTES: usize = 20;
const CM_SALT_BYTES: usize = 14;
/// Header and sender of an RTCP packet, which stay readable.
const RTCP_HEADER_BYTES: usize = 8;
/// The word with the index and the bit that says that the packet is encrypted.
const RTCP_INDEX_BYTES: usize = 4;
const RTCP_ENCRYPTED: u32 = 1 << 31;
/// Senders of RTCP that one client may be in its life: one for each stream that it sends, and one more. Reports of more are
/// refused.
const RTCP_SENDERS_MAX: usize = 256;

/// Key derivation labels (RFC 3711, section 4.3.2).
#[derive(Clone, Copy)]
enum Label {
    RtpKey = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpKey = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// A protection profile (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80`
    Aes128CmSha1_80,
    /// `SRTP_AEAD_AES_128_GCM`
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`
    AeadAes256Gcm,
}

/// Why a packet was not sealed or opened.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SrtpError {
    /// The keying material has another length than the profile needs, or the crypto library refuses it.
    #[error("the keying material does not fit the profile")]
    Keys,
    /// It is too short, or not encrypted.
    #[error("not an encrypted RTCP packet")]
    Malformed,
    /// It was changed, or is of another key.
    #[error("the authentication tag does not fit")]
    NotAuthentic,
    /// It came before.
    #[error("the packet came before")]
    Replayed,
    /// All 2^31 RTCP indices of the key are used.
    #[error("the key is used up")]
    Exhausted,
}

/// Seals what we send under the keys of one DTLS association.
///
/// The caller never gives the same source and index twice: see [`super::Stream`].
#[derive(Debug)]
pub struct Sealer {
    rtp: Cipher,
    rtcp: Cipher,
    rtcp_index: u32,
}

/// Opens what the client sends.
#[derive(Debug)]
pub struct Opener {
    rtcp: Cipher,
    windows: Vec<(u32, ReplayWindow)>,
}

/// The two halves of an association, from what DTLS exported (RFC 5764, section 4.2): keys of client and server, then
/// their salts.
///
/// # Errors
/// [`SrtpError::Keys`].
pub fn association(profile: Profile, material: &[u8], is_client: bool) -> Result<(Sealer, Opener), SrtpError> {
    let (key, salt) = match profile {
        Profile::Aes128CmSha1_80 => (16, CM_SALT_BYTES),
        Profile::AeadAes128Gcm => (16, GCM_SALT_BYTES),
        Profile::AeadAes256Gcm => (32, GCM_SALT_BYTES),
    };
    let master = |is_client: bool| {
        let offset = usize::from(!is_client);
        let key_at = offset * key;
        let salt_at = 2 * key + offset * salt;
        let key = material.get(key_at..key_at + key).ok_or(SrtpError::Keys)?;
        let salt = material.get(salt_at..salt_at + salt).ok_or(SrtpError::Keys)?;
        Ok(Master { profile, key, salt })
    };
    let (local, remote) = (master(is_client)?, master(!is_client)?);
    let sealer = Sealer { rtp: local.rtp()?, rtcp: local.rtcp()?, rtcp_index: 0 };
    Ok((sealer, Opener { rtcp: remote.rtcp()?, windows: Vec::new() }))
}

impl Sealer {
    /// Bytes that sealing an RTP packet adds.
    pub fn tag_bytes(&self) -> usize {
        match self.rtp {
            Cipher::Gcm { .. } => GCM_TAG_BYTES,
            Cipher::CmSha1(_) => SHA1_TAG_BYTES,
        }
    }

    /// Seals the RTP packet that stands at the end of `arena` from `start` on, with a header of `header_bytes`. `index` is
    /// its sequence number with rollovers counted (RFC 3711, section 3.3.1).
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] when there is no such packet.
    pub fn seal_rtp(
        &self,
        arena: &mut Vec<u8>,
        start: usize,
        header_bytes: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        let packet = arena.get_mut(start..).ok_or(SrtpError::Malformed)?;
        let (header, payload) = packet.split_at_mut_checked(header_bytes).ok_or(SrtpError::Malformed)?;
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                let tag = key
                    .seal_in_place_separate_tag(gcm_nonce(salt, ssrc, index), Aad::from(&*header), payload)
                    .map_err(|_| SrtpError::Malformed)?;
                arena.extend_from_slice(tag.as_ref());
            }
            Cipher::CmSha1(cipher) => {
                let CmSha1 { key, salt, authentication } = &**cipher;
                apply_keystream(key, cm_counter(salt, ssrc, index), payload)?;
                let rollovers = ((index >> 16) as u32).to_be_bytes();
                let tag = sha1_tag(authentication, packet, &rollovers);
                arena.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Seals the RTCP packet that stands at the end of `arena` from `start` on.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] when there is no such packet, [`SrtpError::Exhausted`] after 2^31 of them.
    pub fn seal_rtcp(&mut self, arena: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        if self.rtcp_index >= RTCP_ENCRYPTED - 1 {
            return Err(SrtpError::Exhausted);
        }
        self.rtcp_index += 1;
        let packet = arena.get_mut(start..).ok_or(SrtpError::Malformed)?;
        let (header, payload) = packet.split_first_chunk_mut::<RTCP_HEADER_BYTES>().ok_or(SrtpError::Malformed)?;
        let ssrc = rtcp_ssrc(header);
        let index = u64::from(self.rtcp_index);
        let word = (RTCP_ENCRYPTED | self.rtcp_index).to_be_bytes();
        match &self.rtcp {
            Cipher::Gcm { key, salt } => {
                let tag = key
                    .seal_in_place_separate_tag(
                        gcm_nonce(salt, ssrc, index),
                        Aad::from(rtcp_aad(header, word)),
                        payload,
                    )
                    .map_err(|_| SrtpError::Malformed)?;
                arena.extend_from_slice(tag.as_ref());
                arena.extend_from_slice(&word);
            }
            Cipher::CmSha1(cipher) => {
                let CmSha1 { key, salt, authentication } = &**cipher;
                apply_keystream(key, cm_counter(salt, ssrc, index), payload)?;
                let tag = sha1_tag(authentication, packet, &word);
                arena.extend_from_slice(&word);
                arena.extend_from_slice(&tag);
            }
        }
        Ok(())
    }
}

impl Opener {
    /// Opens an RTCP packet into `out`, which is emptied first.
    ///
    /// # Errors
    /// [`SrtpError`]; `out` is of no use then.
    pub fn open_rtcp(&mut self, datagram: &[u8], out: &mut Vec<u8>) -> Result<(), SrtpError> {
        out.clear();
        let (header, rest) = datagram.split_first_chunk::<RTCP_HEADER_BYTES>().ok_or(SrtpError::Malformed)?;
        let ssrc = rtcp_ssrc(header);
        let index = match &self.rtcp {
            Cipher::Gcm { key, salt } => {
                let (sealed, word) = rest.split_last_chunk::<RTCP_INDEX_BYTES>().ok_or(SrtpError::Malformed)?;
                let index = encrypted_index(*word)?;
                out.extend_from_slice(header);
                out.extend_from_slice(sealed);
                let sealed = out.get_mut(RTCP_HEADER_BYTES..).ok_or(SrtpError::Malformed)?;
                let nonce = gcm_nonce(salt, ssrc, index);
                let opened = key.open_in_place(nonce, Aad::from(rtcp_aad(header, *word)), sealed);
                let length = opened.map_err(|_| SrtpError::NotAuthentic)?.len();
                out.truncate(RTCP_HEADER_BYTES + length);
                index
            }
            Cipher::CmSha1(cipher) => {
                let CmSha1 { key, salt, authentication } = &**cipher;
                let (signed, tag) = datagram.split_last_chunk::<SHA1_TAG_BYTES>().ok_or(SrtpError::Malformed)?;
                let (packet, word) = signed.split_last_chunk::<RTCP_INDEX_BYTES>().ok_or(SrtpError::Malformed)?;
                let expected = sha1_tag(authentication, packet, word);
                aws_lc_rs::constant_time::verify_slices_are_equal(&expected, tag)
                    .map_err(|_| SrtpError::NotAuthentic)?;
                let index = encrypted_index(*word)?;
                out.extend_from_slice(packet);
                let sealed = out.get_mut(RTCP_HEADER_BYTES..).ok_or(SrtpError::Malformed)?;
                apply_keystream(key, cm_counter(salt, ssrc, index), sealed)?;
                index
            }
        };
        if self.accept(ssrc, index) { Ok(()) } else { Err(SrtpError::Replayed) }
    }

    /// Notes an authentic index; `false` when it came before, or when the client is too many senders.
    fn accept(&mut self, ssrc: u32, index: u64) -> bool {
        if let Some((_, window)) = self.windows.iter_mut().find(|(known, _)| *known == ssrc) {
            return window.accept(index);
        }
        let has_room = self.windows.len() < RTCP_SENDERS_MAX;
        if has_room {
            self.windows.push((ssrc, ReplayWindow::starting_with(index)));
        }
        has_room
    }
}

struct Master<'a> {
    profile: Profile,
    key: &'a [u8],
    salt: &'a [u8],
}

/// The session keys of one direction, for RTP or for RTCP.
enum Cipher {
    Gcm {
        key: LessSafeKey,
        salt: [u8; GCM_SALT_BYTES],
    },
    /// Rare and large, and so kept apart.
    CmSha1(Box<CmSha1>),
}

struct CmSha1 {
    key: EncryptingKey,
    salt: [u8; CM_SALT_BYTES],
    authentication: hmac::Key,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gcm { .. } => "Gcm",
            Self::CmSha1(_) => "CmSha1",
        })
    }
}

impl Master<'_> {
    fn rtp(&self) -> Result<Cipher, SrtpError> {
        self.cipher(Label::RtpKey, Label::RtpAuthentication, Label::RtpSalt)
    }

    fn rtcp(&self) -> Result<Cipher, SrtpError> {
        self.cipher(Label::RtcpKey, Label::RtcpAuthentication, Label::RtcpSalt)
    }

    fn cipher(&self, key: Label, authentication: Label, salt: Label) -> Result<Cipher, SrtpError> {
        if self.profile == Profile::Aes128CmSha1_80 {
            let authentication: [u8; SHA1_KEY_BYTES] = self.derive(authentication)?;
            return Ok(Cipher::CmSha1(Box::new(CmSha1 {
                key: counter_mode_key(&self.derive::<16>(key)?)?,
                salt: self.derive(salt)?,
                authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication),
            })));
        }
        let key = match self.profile {
            Profile::AeadAes256Gcm => UnboundKey::new(&AES_256_GCM, &self.derive::<32>(key)?),
            _ => UnboundKey::new(&AES_128_GCM, &self.derive::<16>(key)?),
        };
        Ok(Cipher::Gcm { key: LessSafeKey::new(key.map_err(|_| SrtpError::Keys)?), salt: self.derive(salt)? })
    }

    /// The key stream of AES in counter mode (RFC 3711, section 4.3.3) at a label, with a derivation rate of zero.
    fn derive<const N: usize>(&self, label: Label) -> Result<[u8; N], SrtpError> {
        let mut counter = [0; 16];
        for (place, byte) in counter.iter_mut().zip(self.salt) {
            *place = *byte;
        }
        let [.., place, _, _, _, _, _, _, _, _] = &mut counter;
        *place ^= label as u8;
        let mut out = [0; N];
        apply_keystream(&counter_mode_key(self.key)?, counter, &mut out)?;
        Ok(out)
    }
}

fn counter_mode_key(key: &[u8]) -> Result<EncryptingKey, SrtpError> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| SrtpError::Keys)?;
    EncryptingKey::ctr(key).map_err(|_| SrtpError::Keys)
}

fn apply_keystream(key: &EncryptingKey, counter: [u8; 16], in_out: &mut [u8]) -> Result<(), SrtpError> {
    let context = EncryptionContext::Iv128(FixedLength::from(counter));
    key.less_safe_encrypt(in_out, context).map_err(|_| SrtpError::Malformed)?;
    Ok(())
}

/// RFC 7714, sections 8.1 and 9.1: two zero bytes, the source, the index in 48 bits; that, mixed with the salt.
fn gcm_nonce(salt: &[u8; GCM_SALT_BYTES], ssrc: u32, index: u64) -> Nonce {
    let plain = (u128::from(ssrc) << 48) | u128::from(index & 0xffff_ffff_ffff);
    let [_, _, _, _, salted @ ..] = (plain ^ (widened(salt))).to_be_bytes();
    Nonce::assume_unique_for_key(salted)
}

fn widened(salt: &[u8; GCM_SALT_BYTES]) -> u128 {
    salt.iter().fold(0, |wide, byte| (wide << 8) | u128::from(*byte))
}

/// RFC 3711, section 4.1.1.
fn cm_counter(salt: &[u8; CM_SALT_BYTES], ssrc: u32, index: u64) -> [u8; 16] {
    let salt = salt.iter().fold(0_u128, |wide, byte| (wide << 8) | u128::from(*byte));
    ((salt << 16) ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16)).to_be_bytes()
}

fn sha1_tag(key: &hmac::Key, packet: &[u8], trailer: &[u8]) -> [u8; SHA1_TAG_BYTES] {
    let mut context = hmac::Context::with_key(key);
    context.update(packet);
    context.update(trailer);
    let tag = context.sign();
    let mut short = [0; SHA1_TAG_BYTES];
    for (place, byte) in short.iter_mut().zip(tag.as_ref()) {
        *place = *byte;
    }
    short
}

fn rtcp_ssrc(header: &[u8; RTCP_HEADER_BYTES]) -> u32 {
    let [_, _, _, _, ssrc @ ..] = *header;
    u32::from_be_bytes(ssrc)
}

fn rtcp_aad(header: &[u8; RTCP_HEADER_BYTES], word: [u8; RTCP_INDEX_BYTES]) -> [u8; 12] {
    let [h0, h1, h2, h3, h4, h5, h6, h7] = *header;
    let [w0, w1, w2, w3] = word;
    [h0, h1, h2, h3, h4, h5, h6, h7, w0, w1, w2, w3]
}

fn encrypted_index(word: [u8; RTCP_INDEX_BYTES]) -> Result<u64, SrtpError> {
    let word = u32::from_be_bytes(word);
    if word & RTCP_ENCRYPTED == 0 { Err(SrtpError::Malformed) } else { Ok(u64::from(word & !RTCP_ENCRYPTED)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [Profile; 3] = [Profile::Aes128CmSha1_80, Profile::AeadAes128Gcm, Profile::AeadAes256Gcm];

    fn both(profile: Profile) -> ((Sealer, Opener), (Sealer, Opener)) {
        let length = match profile {
            Profile::Aes128CmSha1_80 => 60,
            Profile::AeadAes128Gcm => 56,
            Profile::AeadAes256Gcm => 88,
        };
        let material: Vec<u8> = (0..length).collect();
        (association(profile, &material, true).unwrap(), association(profile, &material, false).unwrap())
    }

    /// RFC 3711, appendix B.3.
    #[test]
    fn keys_are_derived_as_the_rfc_shows() {
        let key = [0xE1, 0xF9, 0x7A, 0x0D, 0x3E, 0x01, 0x8B, 0xE0, 0xD6, 0x4F, 0xA3, 0x2C, 0x06, 0xDE, 0x41, 0x39];
        let salt = [0x0E, 0xC6, 0x75, 0xAD, 0x49, 0x8A, 0xFE, 0xEB, 0xB6, 0x96, 0x0B, 0x3A, 0xAB, 0xE6];
        let master = Master { profile: Profile::Aes128CmSha1_80, key: &key, salt: &salt };
        let session_key: [u8; 16] = master.derive(Label::RtpKey).unwrap();
        assert_eq!(session_key[..4], [0xC6, 0x1E, 0x7A, 0x93]);
        let session_salt: [u8; 14] = master.derive(Label::RtpSalt).unwrap();
        assert_eq!(session_salt[..4], [0x30, 0xCB, 0xBC, 0x08]);
        let authentication: [u8; 20] = master.derive(Label::RtpAuthentication).unwrap();
        assert_eq!(authentication[..4], [0xCE, 0xBE, 0x32, 0x1F]);
    }

    #[test]
    fn rtcp_is_opened_once_by_the_other_side() {
        for profile in PROFILES {
            let ((mut sealer, _), (_, mut opener)) = both(profile);
            let plain = [0x80, 200, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];
            let mut sealed = vec![0xff; 3];
            sealed.extend_from_slice(&plain);
            sealer.seal_rtcp(&mut sealed, 3).unwrap();
            assert_ne!(sealed[3 + 8..][..4], plain[8..]);
            let mut opened = Vec::new();
            opener.open_rtcp(&sealed[3..], &mut opened).unwrap();
            assert_eq!(opened, plain, "{profile:?}");
            assert_eq!(opener.open_rtcp(&sealed[3..], &mut opened), Err(SrtpError::Replayed));
            for place in 3..sealed.len() {
                let mut changed = sealed.clone();
                changed[place] ^= 1;
                assert!(opener.open_rtcp(&changed[3..], &mut opened).is_err(), "{profile:?} byte {place}");
            }
            for length in 0..sealed.len() - 3 {
                assert!(opener.open_rtcp(&sealed[3..3 + length], &mut opened).is_err());
            }
        }
    }

    /// RFC 7714, section 16.1.1, with its session keys.
    #[test]
    fn rtp_is_sealed_as_the_rfc_shows() {
        let key: Vec<u8> = (0..16).collect();
        let salt = *b"Quid pro quo";
        let cipher = || Cipher::Gcm { key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap()), salt };
        let sealer = Sealer { rtp: cipher(), rtcp: cipher(), rtcp_index: 0 };
        let mut packet = vec![0x80, 0x40, 0xf1, 0x7b, 0x80, 0x41, 0xf8, 0xd3, 0x55, 0x01, 0xa0, 0xb2];
        packet.extend_from_slice(b"Gallia est omnis divisa in partes tres");
        sealer.seal_rtp(&mut packet, 0, 12, 0x5501_a0b2, 0xf17b).unwrap();
        assert_eq!(packet[12..20], [0xf2, 0x4d, 0xe3, 0xa3, 0xfb, 0x34, 0xde, 0x6c]);
        assert_eq!(packet[packet.len() - 4..], [0xe4, 0x39, 0x0c, 0xce]);
        assert_eq!(packet.len(), 12 + 38 + 16);
    }

    #[test]
    fn material_of_another_length_is_refused() {
        assert!(association(Profile::AeadAes256Gcm, &[0; 87], true).is_err());
    }
}
