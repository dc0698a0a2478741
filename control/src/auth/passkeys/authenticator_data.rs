//! Authenticator data: what a device says of itself and of what it did (Web Authentication, section 6.1).

use super::cose::item;

/// Longest that is read: a key, a credential id and what extensions add.
pub const BYTES_MAX: usize = 4096;
/// Longest credential id (section 5.8.3).
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1023;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// What a device says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// SHA-256 of the id of the relying party.
    pub party_hash: &'a [u8; 32],
    flags: u8,
    /// How often it was used, for devices that count; 0 of others.
    pub sign_count: u32,
    /// The new passkey, where one was made.
    pub credential: Option<Credential<'a>>,
}

/// A new passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential<'a> {
    /// What it is called.
    pub id: &'a [u8],
    /// Its key (COSE).
    pub public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads all of it. `None` when it is cut off, too long, or has more than its flags say.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > BYTES_MAX {
            return None;
        }
        let (party_hash, rest) = bytes.split_first_chunk()?;
        let (flags, rest) = rest.split_first()?;
        let (sign_count, mut rest) = rest.split_first_chunk()?;
        let has = |flag| flags & flag != 0;
        let credential = if has(HAS_CREDENTIAL) {
            let (credential, behind) = Credential::read(rest)?;
            rest = behind;
            Some(credential)
        } else {
            None
        };
        if has(HAS_EXTENSIONS) {
            let (extensions, behind) = item(rest)?;
            extensions.as_map()?;
            rest = behind;
        }
        let sign_count = u32::from_be_bytes(*sign_count);
        rest.is_empty().then_some(Self { party_hash, flags: *flags, sign_count, credential })
    }

    /// Whether somebody was there.
    pub fn is_user_present(&self) -> bool {
        self.flags & USER_PRESENT != 0
    }

    /// Whether the device has checked who.
    pub fn is_user_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }

    /// Whether the passkey may be copied to other devices of its owner.
    pub fn is_backup_eligible(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// Whether it is.
    pub fn is_backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

impl<'a> Credential<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // What model the device is does not matter.
        let (_model, rest) = bytes.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > CREDENTIAL_ID_BYTES_MAX {
            return None;
        }
        let (id, rest) = rest.split_at_checked(length)?;
        let (_, behind) = item(rest)?;
        let (public_key, behind) = rest.split_at_checked(rest.len() - behind.len())?;
        Some((Self { id, public_key }, behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a party, flags and a count.
    fn head(flags: u8) -> Vec<u8> {
        [[7; 32].as_slice(), &[flags], &[0, 0, 1, 2]].concat()
    }

    fn credential(id: &[u8]) -> Vec<u8> {
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        // A map with one pair: the key is read elsewhere.
        [[9; 16].as_slice(), &length, id, &[0xa1, 1, 2]].concat()
    }

    #[test]
    fn every_part_is_read_and_nothing_is_left() {
        let plain = head(USER_PRESENT | USER_VERIFIED);
        let read = AuthenticatorData::read(&plain).unwrap();
        assert_eq!((read.party_hash, read.sign_count, read.credential), (&[7; 32], 258, None));
        assert!(read.is_user_present() && read.is_user_verified());
        assert!(!read.is_backup_eligible() && !read.is_backed_up());
        let synced = head(BACKUP_ELIGIBLE | BACKED_UP);
        let read = AuthenticatorData::read(&synced).unwrap();
        assert!(!read.is_user_present() && !read.is_user_verified());
        assert!(read.is_backup_eligible() && read.is_backed_up());

        let made = [head(HAS_CREDENTIAL | HAS_EXTENSIONS), credential(b"id"), vec![0xa0]].concat();
        let read = AuthenticatorData::read(&made).unwrap().credential.unwrap();
        assert_eq!((read.id, read.public_key), (b"id".as_slice(), [0xa1, 1, 2].as_slice()));
        for end in 0..made.len() {
            assert_eq!(AuthenticatorData::read(&made[..end]), None, "cut off at {end}");
        }
    }

    #[test]
    fn what_flags_do_not_say_is_refused() {
        let wrong = [
            [head(0), vec![0]].concat(),
            [head(0), credential(b"id")].concat(),
            [head(HAS_CREDENTIAL), credential(b"id"), vec![0xa0]].concat(),
            [head(HAS_CREDENTIAL), credential(b"")].concat(),
            [head(HAS_CREDENTIAL), credential(&[1; 1024])].concat(),
            // Extensions are a map.
            [head(HAS_EXTENSIONS), vec![0x80]].concat(),
            [head(HAS_EXTENSIONS), vec![0x58, 200]].concat(),
            [head(HAS_EXTENSIONS), vec![0x42; BYTES_MAX]].concat(),
        ];
        for bytes in wrong {
            assert_eq!(AuthenticatorData::read(&bytes), None, "{bytes:?}");
        }
        assert!(AuthenticatorData::read(&[head(HAS_CREDENTIAL), credential(&[1; 1023])].concat()).is_some());
    }
}
