//! What a browser is pushed, encrypted for it alone: RFC 8291, by the content coding `aes128gcm` of RFC 8188.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, ParsedPublicKey, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::auth::random_bytes;

/// Bytes of a public key: an uncompressed point of P-256.
pub const PUBLIC_KEY_LEN: usize = 65;
/// Bytes of the secret that browser and server share.
pub const AUTH_LEN: usize = 16;

const SALT_LEN: usize = 16;
const KEY_LEN: usize = 16;
/// Of the whole body: what every push service takes (RFC 8030, section 7.2).
const BODY_BYTES_MAX: usize = 4_096;
/// Size of a record, of which there is one.
const RECORD_BYTES: u32 = 4_096;
/// The header of RFC 8188 with a key in it, the tag, and the delimiter.
const OVERHEAD_BYTES: usize = SALT_LEN + 4 + 1 + PUBLIC_KEY_LEN + TAG_LEN + 1;
const TAG_LEN: usize = 16;
/// The most that is pushed at once.
pub const PLAIN_BYTES_MAX: usize = BODY_BYTES_MAX - OVERHEAD_BYTES;
/// A payload is padded to a multiple of this: a push service sees how long it is, and is not to know how long a message is.
const PADDED_TO: usize = 512;
/// Ends the last record.
const LAST: u8 = 2;

/// The browser's part: what it gave when it subscribed.
#[derive(Clone)]
pub struct BrowserKeys {
    /// An uncompressed point.
    pub p256dh: Vec<u8>,
    /// The shared secret.
    pub auth: Vec<u8>,
}

impl BrowserKeys {
    /// Whether they are keys: a point of the curve, and a secret of the right length.
    pub fn are_valid(&self) -> bool {
        let is_point = self.p256dh.len() == PUBLIC_KEY_LEN
            && self.p256dh.first() == Some(&4)
            && ParsedPublicKey::try_from(UnparsedPublicKey::new(&ECDH_P256, &self.p256dh)).is_ok();
        is_point && self.auth.len() == AUTH_LEN
    }
}

/// Encrypts `plain`, at most [`PLAIN_BYTES_MAX`], with a key that is used once.
///
/// # Errors
/// When it is too long, the browser's key is none, or there is no randomness.
pub fn encrypt(browser: &BrowserKeys, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(Unspecified);
    }
    let padded = (plain.len() + 1).next_multiple_of(PADDED_TO).min(PLAIN_BYTES_MAX + 1);
    let padding = padded.saturating_sub(plain.len() + 1);
    encrypt_with(browser, &PrivateKey::generate(&ECDH_P256)?, random_bytes()?, plain, padding)
}

fn encrypt_with(
    browser: &BrowserKeys,
    own: &PrivateKey,
    salt: [u8; SALT_LEN],
    plain: &[u8],
    padding: usize,
) -> Result<Vec<u8>, Unspecified> {
    let own_public = own.compute_public_key()?;
    let info = [b"WebPush: info\0".as_slice(), &browser.p256dh, own_public.as_ref()].concat();
    let peer = UnparsedPublicKey::new(&ECDH_P256, &browser.p256dh);
    let secret: [u8; 32] = agree(own, peer, Unspecified, |shared| derive(&browser.auth, shared, &info))?;
    let coding = Coding { secret: &secret, salt, key_id: own_public.as_ref(), record_bytes: RECORD_BYTES };
    coding.encode(&[(plain, padding)])
}

/// `HKDF(salt, secret, info)` (RFC 5869).
fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<[u8; N], Unspecified> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = [0; N];
    Salt::new(HKDF_SHA256, salt).extract(secret).expand(&[info], Length(N))?.fill(&mut out)?;
    Ok(out)
}

/// The content coding of RFC 8188.
struct Coding<'a> {
    secret: &'a [u8],
    salt: [u8; SALT_LEN],
    key_id: &'a [u8],
    record_bytes: u32,
}

impl Coding<'_> {
    /// The header and the records, each with so many bytes of padding.
    fn encode(&self, records: &[(&[u8], usize)]) -> Result<Vec<u8>, Unspecified> {
        let key: [u8; KEY_LEN] = derive(&self.salt, self.secret, b"Content-Encoding: aes128gcm\0")?;
        let base: [u8; NONCE_LEN] = derive(&self.salt, self.secret, b"Content-Encoding: nonce\0")?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
        let id_len = u8::try_from(self.key_id.len()).map_err(|_| Unspecified)?;
        let mut body = [&self.salt, self.record_bytes.to_be_bytes().as_slice(), &[id_len], self.key_id].concat();
        for (number, (plain, padding)) in (0_u128..).zip(records) {
            let is_last = number + 1 == records.len() as u128;
            let mut record = plain.to_vec();
            record.push(if is_last { LAST } else { LAST - 1 });
            record.resize(record.len() + padding, 0);
            // The number is the nonce's last bytes.
            let mut nonce = base;
            for (byte, of_number) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
                *byte ^= of_number;
            }
            key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;
            body.extend_from_slice(&record);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    fn browser() -> BrowserKeys {
        BrowserKeys {
            p256dh: bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        }
    }

    /// As a browser does it, which has the private key of RFC 8291, appendix A.
    fn decrypt(body: &[u8]) -> Vec<u8> {
        let own =
            PrivateKey::from_private_key(&ECDH_P256, &bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")).unwrap();
        let (salt, rest) = body.split_at(SALT_LEN);
        assert_eq!(rest[..5], [0, 0, 16, 0, 65]);
        let (server, sealed) = rest[5..].split_at(PUBLIC_KEY_LEN);
        let info = [b"WebPush: info\0".as_slice(), &browser().p256dh, server].concat();
        let peer = UnparsedPublicKey::new(&ECDH_P256, server);
        let secret: [u8; 32] = agree(&own, peer, Unspecified, |shared| derive(&browser().auth, shared, &info)).unwrap();
        let key: [u8; KEY_LEN] = derive(salt, &secret, b"Content-Encoding: aes128gcm\0").unwrap();
        let nonce: [u8; NONCE_LEN] = derive(salt, &secret, b"Content-Encoding: nonce\0").unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = key.open_in_place(nonce, Aad::empty(), &mut sealed).unwrap();
        let end = plain.iter().rposition(|byte| *byte != 0).unwrap();
        assert_eq!(plain[end], LAST);
        plain[..end].to_vec()
    }

    #[test]
    fn the_example_of_rfc_8291_comes_out() {
        let own =
            PrivateKey::from_private_key(&ECDH_P256, &bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let plain = b"When I grow up, I want to be a watermelon";
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBr\
                        u3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        let body = encrypt_with(&browser(), &own, salt, plain, 0).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(&body), expected);
        assert_eq!(decrypt(&body), plain);
    }

    #[test]
    fn the_examples_of_rfc_8188_come_out() {
        let (secret, salt) = (bytes("yqdlZ-tYemfogSmv7Ws5PQ"), bytes("I1BsxtFttlv3u_Oo94xnmw").try_into().unwrap());
        let coding = Coding { secret: &secret, salt, key_id: b"", record_bytes: 4096 };
        let body = coding.encode(&[(b"I am the walrus", 0)]).unwrap();
        let expected = "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
        let (secret, salt) = (bytes("BO3ZVPxUlnLORbVGMpbT1Q"), bytes("uNCkWiNYzKTnBN9ji3-qWA").try_into().unwrap());
        let coding = Coding { secret: &secret, salt, key_id: b"a1", record_bytes: 25 };
        let body = coding.encode(&[(b"I am th", 1), (b"e walrus", 0)]).unwrap();
        let expected =
            "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn each_body_is_another_one_and_says_little_of_its_length() {
        let (a, b) = (encrypt(&browser(), b"hello").unwrap(), encrypt(&browser(), b"hello").unwrap());
        assert_ne!(a, b);
        assert_eq!((decrypt(&a), decrypt(&b)), (b"hello".to_vec(), b"hello".to_vec()));
        assert_eq!(a.len(), encrypt(&browser(), &[7; 400]).unwrap().len());
        let longest = encrypt(&browser(), &[7; PLAIN_BYTES_MAX]).unwrap();
        assert_eq!((longest.len(), decrypt(&longest)), (BODY_BYTES_MAX, vec![7; PLAIN_BYTES_MAX]));
        assert!(encrypt(&browser(), &[7; PLAIN_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn keys_that_are_none_are_known() {
        assert!(browser().are_valid());
        let mut off_the_curve = browser();
        off_the_curve.p256dh[64] ^= 1;
        let compressed = BrowserKeys { p256dh: [&[2], &browser().p256dh[1..33]].concat(), ..browser() };
        let short = BrowserKeys { auth: vec![1; 15], ..browser() };
        let empty = BrowserKeys { p256dh: Vec::new(), ..browser() };
        for keys in [off_the_curve, compressed, short, empty] {
            assert!(!keys.are_valid());
        }
    }
}
