//! A device that makes passkeys, and what may be wrong with one.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::oidc::Browser;
use super::{Client, TestServer};

pub const ORIGIN: &str = "https://talk.example";
pub const PASSWORD: &str = "a long password";

/// Somebody was there, was checked, and the passkey is copied to other devices.
pub const FLAGS: u8 = 1 | 4 | 8 | 16;

/// A server that is reached by a name.
pub async fn server() -> TestServer {
    TestServer::start_with(|config| config.public_url = Some(ORIGIN.to_owned())).await
}

/// A browser that is signed in as `client`.
pub fn browser_of(server: &TestServer, client: &Client) -> Browser {
    let mut browser = Browser::new(server);
    browser.cookies.insert("boltorezka_session".to_owned(), client.cookie().unwrap());
    browser
}

/// A device with one passkey.
pub struct Device {
    pair: EcdsaKeyPair,
    pub id: Vec<u8>,
    pub user_handle: String,
    pub origin: String,
    pub party: String,
    pub flags: u8,
    pub count: u32,
}

impl Device {
    pub fn new(id: &str) -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: id.as_bytes().to_vec(),
            user_handle: String::new(),
            origin: ORIGIN.to_owned(),
            party: "talk.example".to_owned(),
            flags: FLAGS,
            count: 0,
        }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> String {
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false }).to_string()
    }

    fn says(&self, flags: u8) -> Vec<u8> {
        let party = digest(&SHA256, self.party.as_bytes());
        [party.as_ref(), &[flags], &self.count.to_be_bytes()].concat()
    }

    /// What the browser sends after the device has made the passkey.
    pub fn makes(&mut self, creation: &Value) -> Value {
        self.user_handle = creation["userHandle"].as_str().unwrap().to_owned();
        let point = self.pair.public_key().as_ref();
        let key = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], &point[1..33], &[0x22, 0x58, 32], &point[33..]];
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let said = [self.says(self.flags | 64), vec![0; 16], length.to_vec(), self.id.clone(), key.concat()].concat();
        let size = u16::try_from(said.len()).unwrap().to_be_bytes();
        let none = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".as_slice();
        json!({
            "name": "Phone",
            "clientData": URL_SAFE_NO_PAD.encode(self.client_data("webauthn.create", &creation["challenge"])),
            "attestation": URL_SAFE_NO_PAD.encode([none, &size, &said].concat()),
        })
    }

    /// What the browser sends after the device has signed.
    pub fn signs(&self, asked: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", &asked["challenge"]);
        let said = self.says(self.flags);
        let message = [said.as_slice(), digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &message).unwrap();
        json!({
            "credentialId": URL_SAFE_NO_PAD.encode(&self.id),
            "userHandle": self.user_handle,
            "clientData": URL_SAFE_NO_PAD.encode(client_data),
            "authenticatorData": URL_SAFE_NO_PAD.encode(said),
            "signature": URL_SAFE_NO_PAD.encode(signature.as_ref()),
        })
    }

    /// Adds the passkey to the account of a browser.
    pub async fn add(&mut self, browser: &mut Browser) -> (u16, Value) {
        let (status, creation) = browser.post("/v1/auth/passkeys/begin", json!({ "password": PASSWORD })).await;
        if status != 200 {
            return (status, creation);
        }
        browser.post("/v1/auth/passkeys", self.makes(&creation)).await
    }

    /// Signs in by it.
    pub async fn sign_in(&self, browser: &mut Browser) -> (u16, Value) {
        let (status, _, asked) = browser.send(Method::POST, "/v1/auth/passkeys/sign-in/begin", None).await;
        assert_eq!(status, 200, "{asked}");
        browser.post("/v1/auth/passkeys/sign-in", self.signs(&asked)).await
    }
}
