//! Who sends: the server's key, and the token that it signs for a push service (RFC 8292).

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::key_file::read_or_make;

/// The file in the data directory: the pair as PKCS #8.
pub const PUSH_KEY_FILE: &str = "push.key";
/// A token is good for so long; the most is a day (section 2), by a clock that may differ from ours.
const TOKEN_S: i64 = 12 * 3600;
/// The head of each token.
const HEADER: &str = r#"{"typ":"JWT","alg":"ES256"}"#;

/// The server's key pair.
pub struct Vapid(EcdsaKeyPair);

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

impl Vapid {
    /// With the key in `data_dir`, which is made when it is not there. It is never replaced: browsers take only what comes from
    /// the key that they subscribed with. Several servers with one database need one key.
    ///
    /// # Errors
    /// When it can neither be read nor made, with the path.
    pub fn open(data_dir: &Path) -> Result<Self, String> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let path = data_dir.join(PUSH_KEY_FILE);
        let make = || Some(EcdsaKeyPair::generate(algorithm).ok()?.to_pkcs8v1().ok()?.as_ref().to_vec());
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &read_or_make(&path, make)?);
        pair.map(Self).map_err(|_| {
            let cure =
                "put the one back that belongs to this database, or move it away and have all browsers subscribe anew";
            format!("{}: it is not a key of P-256 in PKCS #8; {cure}", path.display())
        })
    }

    /// The public key as browsers and push services are given it: an uncompressed point in base64url.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref())
    }

    /// The value of `Authorization` for the push service at `origin`.
    ///
    /// # Errors
    /// When nothing can be signed: there is no randomness.
    pub fn authorization(&self, origin: &str, contact: Option<&str>, now_ms: i64) -> Result<String, &'static str> {
        let claims = Claims { aud: origin, exp: now_ms / 1000 + TOKEN_S, sub: contact };
        let claims = serde_json::to_vec(&claims).map_err(|_| "the claims cannot be written")?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| "nothing can be signed")?;
        Ok(format!("vapid t={signed}.{}, k={}", URL_SAFE_NO_PAD.encode(signature), self.public_key()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use serde_json::{Value, json};

    use super::*;

    /// What a token says, if its signature is that of its key.
    fn verified(authorization: &str) -> Option<(Value, Value)> {
        let (token, key) = authorization.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decoded(key));
        key.verify(signed.as_bytes(), &decoded(signature)).ok()?;
        let (header, claims) = signed.split_once('.').unwrap();
        let json = |text| serde_json::from_slice(&decoded(text)).unwrap();
        Some((json(header), json(claims)))
    }

    #[test]
    fn a_token_has_the_form_of_the_example_of_rfc_8292() {
        let example = "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsIn\
                       N1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, \
                       k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";
        let (header, claims) = verified(example).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let vapid = Vapid::open(folder.path()).unwrap();
        let now_ms = 1_453_523_768_000 - TOKEN_S * 1000;
        let own = vapid.authorization("https://push.example.net", Some("mailto:push@example.com"), now_ms).unwrap();
        assert_eq!(verified(&own).unwrap(), (header, claims));
        let nameless = vapid.authorization("https://push.example.net", None, 0).unwrap();
        assert_eq!(verified(&nameless).unwrap().1, json!({ "aud": "https://push.example.net", "exp": TOKEN_S }));
        assert!(verified(&own.replace("t=ey", "t=ez")).is_none(), "the test can fail");
    }

    #[test]
    fn the_key_is_kept_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let key = Vapid::open(folder.path()).unwrap().public_key();
        assert_eq!(Vapid::open(folder.path()).unwrap().public_key(), key);
        let path = folder.path().join(PUSH_KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, b"short").unwrap();
        let error = Vapid::open(folder.path()).err().unwrap();
        assert!(error.contains("push.key") && error.contains("put the one back"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }
}
