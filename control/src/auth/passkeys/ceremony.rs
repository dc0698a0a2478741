//! Checking what a browser brings: a new passkey (Web Authentication, section 7.1), or a signature (section 7.2).

use aws_lc_rs::digest::{SHA256, digest};
use ciborium::Value;
use serde::Deserialize;
use thiserror::Error;

use super::authenticator_data::AuthenticatorData;
use super::cose::{PublicKey, item, only};
use super::party::RelyingParty;

/// Longest client data: browsers write some two hundred bytes, and may write more one day.
pub const CLIENT_DATA_BYTES_MAX: usize = 4096;
/// Longest attestation object: authenticator data, and a statement with certificates that is read over.
pub const ATTESTATION_BYTES_MAX: usize = 16 * 1024;
/// Longest signature: that of an RSA key of 4,096 bits.
pub const SIGNATURE_BYTES_MAX: usize = 512;

/// What a ceremony was begun with.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// In base64url.
    pub challenge: &'a str,
    /// Who we are.
    pub party: &'a RelyingParty,
}

/// A new passkey that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// What its device calls it.
    pub credential_id: Vec<u8>,
    /// Its key (COSE), as [`PublicKey::read`] takes it.
    pub public_key: Vec<u8>,
    /// How often it was used, for devices that count.
    pub sign_count: u32,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
}

/// What a browser brings of a signature.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// What the browser says.
    pub client_data: &'a [u8],
    /// What the device says.
    pub authenticator_data: &'a [u8],
    /// Of both.
    pub signature: &'a [u8],
}

/// Why it is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Refusal {
    /// It cannot be read.
    #[error("what the browser sent cannot be read")]
    Unreadable,
    /// It is of another ceremony.
    #[error("it is of another ceremony")]
    OtherCeremony,
    /// Another challenge was signed.
    #[error("it is for another challenge; begin anew")]
    OtherChallenge,
    /// It was made on a page of another origin.
    #[error("it was made on a page of another address; open the page on this server's own address")]
    OtherOrigin,
    /// It was made within a page of another origin.
    #[error("it was made within another site's page; open the page by itself")]
    Framed,
    /// It is of another relying party.
    #[error("it is for another server")]
    OtherParty,
    /// Nobody touched the device.
    #[error("nobody confirmed it on the device")]
    NotPresent,
    /// The device has not checked who uses it.
    #[error("the device has not checked who you are; set up its lock (fingerprint, face or PIN) and try again")]
    NotVerified,
    /// It says to be copied and not to be copied.
    #[error("the device contradicts itself")]
    Contradiction,
    /// Its key is of no kind that is taken.
    #[error("the device makes no keys of a kind that is taken here (EdDSA, ES256, RS256)")]
    UnknownKey,
    /// The signature is not of this key.
    #[error("the signature is wrong")]
    WrongSignature,
}

/// Checks a new passkey. Its attestation is not looked at.
///
/// # Errors
/// [`Refusal`].
pub fn register(expected: Expected<'_>, client_data: &[u8], attestation_object: &[u8]) -> Result<Registered, Refusal> {
    check_client_data(expected, "webauthn.create", client_data)?;
    if attestation_object.len() > ATTESTATION_BYTES_MAX {
        return Err(Refusal::Unreadable);
    }
    let (object, rest) = item(attestation_object).ok_or(Refusal::Unreadable)?;
    let map = object.as_map().filter(|_| rest.is_empty()).ok_or(Refusal::Unreadable)?;
    let said = only(map, &Value::Text("authData".to_owned())).and_then(Value::as_bytes).ok_or(Refusal::Unreadable)?;
    let said = AuthenticatorData::read(said).ok_or(Refusal::Unreadable)?;
    check_authenticator_data(expected, &said)?;
    let credential = said.credential.ok_or(Refusal::Unreadable)?;
    PublicKey::read(credential.public_key).ok_or(Refusal::UnknownKey)?;
    Ok(Registered {
        credential_id: credential.id.to_vec(),
        public_key: credential.public_key.to_vec(),
        sign_count: said.sign_count,
        backup_eligible: said.is_backup_eligible(),
    })
}

/// Checks a signature by a passkey with this key. Returns how often the passkey was used, which the store compares.
///
/// # Errors
/// [`Refusal`].
pub fn authenticate(
    expected: Expected<'_>,
    assertion: Assertion<'_>,
    public_key: &[u8],
    backup_eligible: bool,
) -> Result<u32, Refusal> {
    check_client_data(expected, "webauthn.get", assertion.client_data)?;
    let said = AuthenticatorData::read(assertion.authenticator_data).ok_or(Refusal::Unreadable)?;
    check_authenticator_data(expected, &said)?;
    if said.is_backup_eligible() != backup_eligible {
        return Err(Refusal::Contradiction);
    }
    if assertion.signature.len() > SIGNATURE_BYTES_MAX {
        return Err(Refusal::WrongSignature);
    }
    let key = PublicKey::read(public_key).ok_or(Refusal::UnknownKey)?;
    if !key.verifies(&signed(&assertion), assertion.signature) {
        return Err(Refusal::WrongSignature);
    }
    Ok(said.sign_count)
}

/// What a device signs.
fn signed(assertion: &Assertion<'_>) -> Vec<u8> {
    [assertion.authenticator_data, digest(&SHA256, assertion.client_data).as_ref()].concat()
}

/// `CollectedClientData` (section 5.8.1).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    #[serde(default)]
    top_origin: Option<serde_json::Value>,
}

fn check_client_data(expected: Expected<'_>, kind: &str, bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > CLIENT_DATA_BYTES_MAX {
        return Err(Refusal::Unreadable);
    }
    let said: ClientData = serde_json::from_slice(bytes).map_err(|_| Refusal::Unreadable)?;
    if said.kind != kind {
        return Err(Refusal::OtherCeremony);
    }
    if said.challenge != expected.challenge {
        return Err(Refusal::OtherChallenge);
    }
    if said.origin != expected.party.origin {
        return Err(Refusal::OtherOrigin);
    }
    if said.cross_origin || said.top_origin.is_some() {
        return Err(Refusal::Framed);
    }
    Ok(())
}

fn check_authenticator_data(expected: Expected<'_>, said: &AuthenticatorData<'_>) -> Result<(), Refusal> {
    if digest(&SHA256, expected.party.id.as_bytes()).as_ref() != said.party_hash {
        return Err(Refusal::OtherParty);
    }
    if !said.is_user_present() {
        return Err(Refusal::NotPresent);
    }
    // It stands for the second factor.
    if !said.is_user_verified() {
        return Err(Refusal::NotVerified);
    }
    if said.is_backed_up() && !said.is_backup_eligible() {
        return Err(Refusal::Contradiction);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use data_encoding::HEXLOWER;
    use serde_json::json;

    use super::*;

    const CHALLENGE: &str = "Y2hhbGxlbmdl";

    fn party() -> RelyingParty {
        RelyingParty { id: "example.org".to_owned(), origin: "https://example.org".to_owned() }
    }

    fn client_data(kind: &str) -> serde_json::Value {
        json!({ "type": kind, "challenge": CHALLENGE, "origin": "https://example.org", "crossOrigin": false })
    }

    /// A device with one passkey.
    struct Device(Ed25519KeyPair);

    impl Device {
        fn new() -> Self {
            Self(Ed25519KeyPair::generate().unwrap())
        }

        fn key(&self) -> Vec<u8> {
            [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32], self.0.public_key().as_ref()].concat()
        }

        fn says(party: &str, flags: u8) -> Vec<u8> {
            [digest(&SHA256, party.as_bytes()).as_ref(), &[flags], &[0, 0, 0, 5]].concat()
        }

        fn makes(&self, party: &str, flags: u8) -> Vec<u8> {
            let said = [Self::says(party, flags | 64), vec![0; 16], vec![0, 2], b"id".to_vec(), self.key()].concat();
            let object = Value::Map(vec![
                (Value::Text("fmt".to_owned()), Value::Text("none".to_owned())),
                (Value::Text("attStmt".to_owned()), Value::Map(Vec::new())),
                (Value::Text("authData".to_owned()), Value::Bytes(said)),
            ]);
            let mut bytes = Vec::new();
            ciborium::into_writer(&object, &mut bytes).unwrap();
            bytes
        }
    }

    fn registers(client_data: &serde_json::Value, attestation: &[u8]) -> Result<Registered, Refusal> {
        let party = party();
        register(Expected { challenge: CHALLENGE, party: &party }, client_data.to_string().as_bytes(), attestation)
    }

    fn authenticates(
        device: &Device,
        client_data: &serde_json::Value,
        said: &[u8],
        eligible: bool,
    ) -> Result<u32, Refusal> {
        let (party, client_data) = (party(), client_data.to_string());
        let assertion = Assertion { client_data: client_data.as_bytes(), authenticator_data: said, signature: b"" };
        let signature = device.0.sign(&signed(&assertion));
        let assertion = Assertion { signature: signature.as_ref(), ..assertion };
        authenticate(Expected { challenge: CHALLENGE, party: &party }, assertion, &device.key(), eligible)
    }

    /// With one value changed.
    fn but(value: serde_json::Value, name: &str, other: serde_json::Value) -> serde_json::Value {
        let mut value = value;
        value[name] = other;
        value
    }

    #[test]
    fn a_passkey_is_made_and_signs() {
        let device = Device::new();
        let made = registers(&client_data("webauthn.create"), &device.makes("example.org", 1 | 4 | 8)).unwrap();
        let expected = Registered {
            credential_id: b"id".to_vec(),
            public_key: device.key(),
            sign_count: 5,
            backup_eligible: true,
        };
        assert_eq!(made, expected);
        let said = Device::says("example.org", 1 | 4 | 8 | 16);
        assert_eq!(authenticates(&device, &client_data("webauthn.get"), &said, true), Ok(5));
    }

    #[test]
    fn what_the_browser_says_is_checked() {
        let device = Device::new();
        let cases = [
            ("type", json!("webauthn.other"), Refusal::OtherCeremony),
            ("challenge", json!("b3RoZXI"), Refusal::OtherChallenge),
            ("origin", json!("https://evil.example"), Refusal::OtherOrigin),
            ("origin", json!("https://example.org:8443"), Refusal::OtherOrigin),
            ("origin", json!("http://example.org"), Refusal::OtherOrigin),
            ("origin", json!("https://sub.example.org"), Refusal::OtherOrigin),
            ("crossOrigin", json!(true), Refusal::Framed),
            ("topOrigin", json!("https://example.com"), Refusal::Framed),
            ("challenge", json!(7), Refusal::Unreadable),
            ("padding", json!("x".repeat(CLIENT_DATA_BYTES_MAX)), Refusal::Unreadable),
        ];
        let (made, said) = (device.makes("example.org", 5), Device::says("example.org", 5));
        for (name, value, refusal) in cases {
            let create = but(client_data("webauthn.create"), name, value.clone());
            assert_eq!(registers(&create, &made), Err(refusal), "{name}");
            let get = but(client_data("webauthn.get"), name, value);
            assert_eq!(authenticates(&device, &get, &said, false), Err(refusal), "{name}");
        }
        // One ceremony's is not taken for the other's.
        assert_eq!(registers(&client_data("webauthn.get"), &made), Err(Refusal::OtherCeremony));
        let create = client_data("webauthn.create");
        assert_eq!(authenticates(&device, &create, &said, false), Err(Refusal::OtherCeremony));
        // Later browsers may say more.
        assert!(registers(&but(client_data("webauthn.create"), "more", json!({})), &made).is_ok());
    }

    #[test]
    fn what_the_device_says_is_checked() {
        let device = Device::new();
        let cases = [
            ("evil.example", 5, Refusal::OtherParty),
            ("example.org", 4, Refusal::NotPresent),
            ("example.org", 1, Refusal::NotVerified),
            ("example.org", 5 | 16, Refusal::Contradiction),
        ];
        for (party, flags, refusal) in cases {
            let made = device.makes(party, flags);
            assert_eq!(registers(&client_data("webauthn.create"), &made), Err(refusal), "{party} {flags}");
            let said = Device::says(party, flags);
            assert_eq!(authenticates(&device, &client_data("webauthn.get"), &said, false), Err(refusal));
        }
        // A passkey stays what it was made as.
        for (flags, eligible) in [(5, true), (5 | 8, false)] {
            let said = Device::says("example.org", flags);
            let outcome = authenticates(&device, &client_data("webauthn.get"), &said, eligible);
            assert_eq!(outcome, Err(Refusal::Contradiction));
        }
        for unreadable in [b"".as_slice(), &[0xa0], &[0xff; 30], &[0xbf; 100], &vec![0x41; ATTESTATION_BYTES_MAX + 1]] {
            assert_eq!(registers(&client_data("webauthn.create"), unreadable), Err(Refusal::Unreadable));
        }
        let nothing_made =
            [&[0xa1, 0x68], b"authData".as_slice(), &[0x58, 37], &Device::says("example.org", 5)].concat();
        assert_eq!(registers(&client_data("webauthn.create"), &nothing_made), Err(Refusal::Unreadable));
    }

    #[test]
    fn only_its_own_key_signs_for_it() {
        let (device, other) = (Device::new(), Device::new());
        let (party, client_data) = (party(), client_data("webauthn.get").to_string());
        let said = Device::says("example.org", 5);
        let assertion = Assertion { client_data: client_data.as_bytes(), authenticator_data: &said, signature: b"" };
        let by = |device: &Device| device.0.sign(&signed(&assertion)).as_ref().to_vec();
        let (right, foreign) = (by(&device), by(&other));
        let try_with = |signature: &[u8], said: &[u8]| {
            let assertion = Assertion { signature, authenticator_data: said, ..assertion };
            authenticate(Expected { challenge: CHALLENGE, party: &party }, assertion, &device.key(), false)
        };
        assert_eq!(try_with(&right, &said), Ok(5));
        for wrong in [foreign.as_slice(), b"", &[0; 64], &[0; SIGNATURE_BYTES_MAX + 1]] {
            assert_eq!(try_with(wrong, &said), Err(Refusal::WrongSignature));
        }
        let mut counted = said.clone();
        *counted.last_mut().unwrap() += 1;
        assert_eq!(try_with(&right, &counted), Err(Refusal::WrongSignature), "another count was signed");
    }

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        registration: Registration,
        authentication: Authentication,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Registration {
        challenge: String,
        #[serde(rename = "credential_id")]
        credential_id: String,
        #[serde(rename = "clientDataJSON")]
        client_data: String,
        attestation_object: String,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Authentication {
        challenge: String,
        #[serde(rename = "clientDataJSON")]
        client_data: String,
        authenticator_data: String,
        signature: String,
    }

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// The vectors of the specification. Most of its devices have not checked who uses them: of those the key, the signature
    /// and everything else is right, and that is what they are refused for.
    #[test]
    fn the_vectors_of_the_specification_are_read() {
        let vectors: Vectors = serde_json::from_str(include_str!("vectors.json")).unwrap();
        let party = party();
        let mut outcomes = Vec::new();
        for Vector { name, registration, authentication } in vectors.vectors {
            let challenge = URL_SAFE_NO_PAD.encode(hex(&registration.challenge));
            let object = hex(&registration.attestation_object);
            let expected = Expected { challenge: &challenge, party: &party };
            let registered = register(expected, &hex(&registration.client_data), &object);
            // What it was made with, whether it was refused or not.
            let (map, _) = item(&object).unwrap();
            let said = only(map.as_map().unwrap(), &Value::Text("authData".to_owned())).unwrap().as_bytes().unwrap();
            let said = AuthenticatorData::read(said).unwrap();
            let credential = said.credential.unwrap();
            assert_eq!(credential.id, hex(&registration.credential_id), "{name}");

            let challenge = URL_SAFE_NO_PAD.encode(hex(&authentication.challenge));
            let expected = Expected { challenge: &challenge, party: &party };
            let (client_data, signature) = (hex(&authentication.client_data), hex(&authentication.signature));
            let device_data = hex(&authentication.authenticator_data);
            let assertion =
                Assertion { client_data: &client_data, authenticator_data: &device_data, signature: &signature };
            let verifies =
                PublicKey::read(credential.public_key).map(|key| key.verifies(&signed(&assertion), &signature));
            let authenticated = authenticate(expected, assertion, credential.public_key, said.is_backup_eligible());
            outcomes.push((name, registered.err(), verifies, authenticated.err()));
        }
        let unverified = Some(Refusal::NotVerified);
        let expected = [
            ("ES256", unverified, Some(true), unverified),
            ("ES256, self attestation", None, Some(true), unverified),
            ("crossOrigin", Some(Refusal::Framed), Some(true), Some(Refusal::Framed)),
            ("topOrigin", Some(Refusal::Framed), Some(true), Some(Refusal::Framed)),
            ("long id", unverified, Some(true), None),
            ("ES384", unverified, None, Some(Refusal::UnknownKey)),
            ("RS256", None, Some(true), unverified),
            ("EdDSA", unverified, Some(true), unverified),
            ("U2F", unverified, Some(true), unverified),
        ];
        let expected = expected.map(|(name, a, b, c)| (name.to_owned(), a, b, c));
        assert_eq!(outcomes, expected);
    }
}
