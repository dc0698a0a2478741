//! Resume tokens: a client that lost its signalling connection restarts ICE with nothing but one.
//!
//! A token names participant, room, shard, run of the node and the time until which it counts, under an HMAC whose key lives and
//! ends with that run. So the node that gave it out needs no other memory to believe it, and no other node does.

use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use boltorezka_proto::{ErrorCode, ParticipantId, RoomId};
use thiserror::Error;
use uuid::Uuid;

/// How long a token counts. Somebody who is away is removed after 75 s; this leaves a client all of that with the token that it
/// was given last.
pub const VALID_FOR: Duration = Duration::from_secs(600);
/// When a client is given the next.
pub const RENEW_AFTER: Duration = Duration::from_secs(300);

/// Version, shard, run, participant, room, end in milliseconds.
const CLAIMS_LENGTH: usize = 1 + 1 + 8 + 16 + 16 + 8;
const SIGNATURE_LENGTH: usize = 32;
/// The form of a token, should it change.
const FORM: u8 = 1;

/// What signs tokens, for one run of a node. All its shards have the same.
#[derive(Clone)]
pub struct ResumeKey {
    key: hmac::Key,
    epoch: u64,
    /// The zero of the times in tokens.
    started: Instant,
}

impl std::fmt::Debug for ResumeKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ResumeKey")
    }
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumeGrant {
    /// Whose connection may be resumed.
    pub participant_id: ParticipantId,
    /// Where.
    pub room: RoomId,
    /// The shard that has it.
    pub shard: u8,
    /// Until when.
    pub expires_at: Instant,
}

/// Why a token is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResumeError {
    /// Not a text that a node writes.
    #[error("this is no resume token; take the one that the last `resume` message on the data channel holds")]
    Malformed,
    /// Another node, or an earlier run of this one.
    #[error("the media node was restarted since the token was given; join again")]
    OtherRun,
    /// The signature is not ours.
    #[error("the token is not as the media node signed it")]
    Forged,
    /// Its time is over.
    #[error("the token has expired; join again")]
    Expired,
}

impl ResumeError {
    /// For programs.
    pub fn code(self) -> ErrorCode {
        ErrorCode::InvalidToken
    }
}

impl ResumeKey {
    /// The key of the run `epoch`, which began at `started`.
    pub fn new(secret: &[u8; 32], epoch: u64, started: Instant) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), epoch, started }
    }

    /// The run of the node.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Writes a token.
    pub fn sign(&self, grant: &ResumeGrant) -> String {
        let ends = grant.expires_at.saturating_duration_since(self.started).as_millis();
        let mut token = vec![FORM, grant.shard];
        token.extend(self.epoch.to_be_bytes());
        token.extend(Uuid::from(grant.participant_id).as_bytes());
        token.extend(Uuid::from(grant.room).as_bytes());
        token.extend(u64::try_from(ends).unwrap_or(u64::MAX).to_be_bytes());
        let signature = hmac::sign(&self.key, &token);
        token.extend(signature.as_ref());
        token.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads a token and checks its signature. Whether its time is over, the caller looks.
    ///
    /// # Errors
    /// [`ResumeError`], but [`ResumeError::Expired`].
    pub fn open(&self, token: &str) -> Result<ResumeGrant, ResumeError> {
        let bytes: [u8; CLAIMS_LENGTH + SIGNATURE_LENGTH] = read_hex(token).ok_or(ResumeError::Malformed)?;
        let (claims, signature) = bytes.split_at(CLAIMS_LENGTH);
        let mut rest = claims;
        let [form, shard] = take(&mut rest)?;
        let epoch = u64::from_be_bytes(take(&mut rest)?);
        let participant = Uuid::from_bytes(take(&mut rest)?);
        let room = Uuid::from_bytes(take(&mut rest)?);
        let ends = u64::from_be_bytes(take(&mut rest)?);
        if form != FORM {
            return Err(ResumeError::Malformed);
        }
        if epoch != self.epoch {
            return Err(ResumeError::OtherRun);
        }
        hmac::verify(&self.key, claims, signature).map_err(|_| ResumeError::Forged)?;
        let expires_at = self.started.checked_add(Duration::from_millis(ends)).ok_or(ResumeError::Malformed)?;
        Ok(ResumeGrant { participant_id: participant.into(), room: room.into(), shard, expires_at })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ResumeError> {
    let (first, behind) = rest.split_first_chunk::<N>().ok_or(ResumeError::Malformed)?;
    *rest = behind;
    Ok(*first)
}

fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Vec<u32> = text.chars().take(2 * N + 1).map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .filter_map(|pair| u8::try_from(pair.iter().fold(0, |sum, digit| sum << 4 | digit)).ok())
        .collect();
    (digits.len() == 2 * N).then_some(bytes)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(now: Instant) -> ResumeGrant {
        let (participant_id, room) = (ParticipantId::generate(), RoomId::generate());
        ResumeGrant { participant_id, room, shard: 3, expires_at: now + VALID_FOR }
    }

    #[test]
    fn a_token_says_what_was_signed_and_each_change_of_it_is_noticed() {
        let now = Instant::now();
        let key = ResumeKey::new(&[7; 32], 99, now);
        let token = key.sign(&grant(now));
        let opened = key.open(&token).unwrap();
        assert_eq!(key.sign(&opened), token);
        assert_eq!((opened.shard, opened.expires_at), (3, now + VALID_FOR));
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            let error = key.open(std::str::from_utf8(&changed).unwrap()).unwrap_err();
            let expected = match place {
                0..2 => ResumeError::Malformed,
                4..20 => ResumeError::OtherRun,
                _ => ResumeError::Forged,
            };
            assert_eq!(error, expected, "at {place}");
        }
    }

    #[test]
    fn another_run_and_another_key_are_told_apart() {
        let now = Instant::now();
        let token = ResumeKey::new(&[7; 32], 99, now).sign(&grant(now));
        assert_eq!(ResumeKey::new(&[7; 32], 98, now).open(&token), Err(ResumeError::OtherRun));
        assert_eq!(ResumeKey::new(&[8; 32], 99, now).open(&token), Err(ResumeError::Forged));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}", hex in "[0-9a-f]{164}") {
            let key = ResumeKey::new(&[7; 32], 99, Instant::now());
            proptest::prop_assert!(key.open(&text).is_err());
            proptest::prop_assert!(key.open(&hex).is_err());
        }
    }
}
