//! Public keys of passkeys (COSE, RFC 9052 and 9053; RFC 8812 for RSA), and CBOR (RFC 8949) as far as they need it.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use ciborium::Value;

/// What is taken, the best first: `COSEAlgorithmIdentifier`s of EdDSA, ES256 and RS256.
pub const ALGORITHMS: [i32; 3] = [EDDSA, ES256, RS256];
const EDDSA: i32 = -8;
const ES256: i32 = -7;
const RS256: i32 = -257;

/// Longest key: RSA of 4,096 bits takes some 530 bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// Sizes of an RSA modulus: 2,048 bits are the fewest that are safe, and devices make no more than 4,096.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// An exponent is 65,537; some take a few bits more.
const EXPONENT_BYTES_MAX: usize = 8;
/// An attestation statement is a map in a map, with a list of certificates in it.
const DEPTH_MAX: usize = 8;

/// Labels of a key's parts.
const KEY_TYPE: i32 = 1;
const ALGORITHM: i32 = 3;
/// Of the curve (OKP, EC2), or the modulus (RSA).
const FIRST: i32 = -1;
/// Of the x coordinate, or the exponent.
const SECOND: i32 = -2;
/// Of the y coordinate.
const THIRD: i32 = -3;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// P-256 with SHA-256: an uncompressed point.
    Es256([u8; 65]),
    /// Ed25519.
    Ed25519([u8; 32]),
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256 {
        /// Big-endian.
        modulus: Vec<u8>,
        /// Big-endian.
        exponent: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a key, and nothing behind it. `None` when it is none of those that are taken.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > KEY_BYTES_MAX {
            return None;
        }
        let (value, rest) = item(bytes)?;
        let key = value.as_map().filter(|_| rest.is_empty())?;
        let number = |label| i32::try_from(part(key, label)?.as_integer()?).ok();
        let bytes = |label| part(key, label)?.as_bytes().map(Vec::as_slice);
        match (number(KEY_TYPE)?, number(ALGORITHM)?) {
            (1, EDDSA) if number(FIRST)? == 6 => {
                let key: [u8; 32] = bytes(SECOND)?.try_into().ok()?;
                ParsedPublicKey::new(&ED25519, key).ok()?;
                Some(Self::Ed25519(key))
            }
            (2, ES256) if number(FIRST)? == 1 => {
                let (x, y): ([u8; 32], [u8; 32]) = (bytes(SECOND)?.try_into().ok()?, bytes(THIRD)?.try_into().ok()?);
                let point: [u8; 65] = [[4].as_slice(), &x, &y].concat().try_into().ok()?;
                // It is on the curve.
                ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).ok()?;
                Some(Self::Es256(point))
            }
            (3, RS256) => {
                let (modulus, exponent) = (bytes(FIRST)?, bytes(SECOND)?);
                let fits = MODULUS_BYTES.contains(&modulus.len())
                    && (1..=EXPONENT_BYTES_MAX).contains(&exponent.len())
                    && modulus.first() != Some(&0);
                fits.then(|| Self::Rs256 { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
            }
            _ => None,
        }
    }

    /// Whether `signature` is of `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok(),
            Self::Rs256 { modulus, exponent } => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
        }
    }
}

/// One item of CBOR, and what is behind it. The caller bounds `bytes`.
pub fn item(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX).ok()?;
    Some((value, rest))
}

/// What a key's map has under a label, where it is there once.
fn part(key: &[(Value, Value)], label: i32) -> Option<&Value> {
    only(key, &Value::Integer(label.into()))
}

/// What a map has under a key, where it is there once.
pub fn only<'a>(map: &'a [(Value, Value)], key: &Value) -> Option<&'a Value> {
    let mut found = map.iter().filter(|(each, _)| each == key).map(|(_, value)| value);
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    fn encoded(parts: &[(i32, Value)]) -> Vec<u8> {
        let map = parts.iter().map(|(label, value)| (Value::Integer((*label).into()), value.clone())).collect();
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(map), &mut bytes).unwrap();
        bytes
    }

    fn ed25519() -> (Ed25519KeyPair, Vec<(i32, Value)>) {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = Value::Bytes(pair.public_key().as_ref().to_vec());
        (pair, vec![(1, 1.into()), (3, (-8).into()), (-1, 6.into()), (-2, x)])
    }

    #[test]
    fn a_key_checks_its_own_signatures() {
        let (pair, parts) = ed25519();
        let key = PublicKey::read(&encoded(&parts)).unwrap();
        let signature = pair.sign(b"message");
        assert!(key.verifies(b"message", signature.as_ref()));
        assert!(!key.verifies(b"another", signature.as_ref()));
        assert!(!key.verifies(b"message", &signature.as_ref()[1..]));
        assert!(!key.verifies(b"message", b""));
    }

    #[test]
    fn only_whole_keys_of_what_is_taken_are_read() {
        let (_, parts) = ed25519();
        let with = |label: i32, value: Value| {
            let mut parts = parts.clone();
            parts.retain(|(each, _)| *each != label);
            parts.push((label, value));
            PublicKey::read(&encoded(&parts))
        };
        assert!(with(3, (-8).into()).is_some());
        assert_eq!(with(3, (-7).into()), None, "an algorithm of another kind of key");
        assert_eq!(with(3, (-35).into()), None, "an algorithm that is not taken");
        assert_eq!(with(1, 2.into()), None, "another kind of key");
        assert_eq!(with(-1, 7.into()), None, "another curve");
        assert_eq!(with(-2, Value::Bytes(vec![1; 31])), None, "too short");
        assert_eq!(with(-2, Value::Text("x".repeat(32))), None, "no bytes");
        let twice = [parts.clone(), parts.clone()].concat();
        assert_eq!(PublicKey::read(&encoded(&twice)), None, "everything twice");
        let mut longer = encoded(&parts);
        longer.push(0);
        assert_eq!(PublicKey::read(&longer), None, "something behind it");
        assert_eq!(PublicKey::read(&encoded(&parts)[..20]), None, "cut off");
        for nonsense in [b"".as_slice(), &[0xa0], &[0x80], &[0xff; 40], &[0x81; 1000], &[0xbb; 9], &[0x5f; 2000]] {
            assert_eq!(PublicKey::read(nonsense), None);
        }
        let nowhere = Value::Bytes(vec![7; 32]);
        let off_curve = [(1, 2.into()), (3, (-7).into()), (-1, 1.into()), (-2, nowhere.clone()), (-3, nowhere)];
        assert_eq!(PublicKey::read(&encoded(&off_curve)), None, "not on the curve");
        let rsa = |modulus: Vec<u8>, exponent: Vec<u8>| {
            let (modulus, exponent) = (Value::Bytes(modulus), Value::Bytes(exponent));
            PublicKey::read(&encoded(&[(1, 3.into()), (3, (-257).into()), (-1, modulus), (-2, exponent)]))
        };
        assert!(rsa(vec![255; 256], vec![1, 0, 1]).is_some());
        assert_eq!(rsa(vec![255; 128], vec![1, 0, 1]), None, "1,024 bits");
        assert_eq!(rsa(vec![255; 1000], vec![1, 0, 1]), None, "too long");
        assert_eq!(rsa(vec![255; 256], vec![1; 200]), None, "an exponent of any length");
    }
}
