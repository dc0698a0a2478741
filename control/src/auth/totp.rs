//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 s, which is what every authenticator takes.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;

const STEP_MS: i64 = 30_000;
/// Codes of this many steps before and after now are right too: clocks differ, and typing takes time.
const STEPS_AROUND: i64 = 1;
const DIGITS: usize = 6;
const ISSUER: &str = "Boltorezka";

/// A secret of 160 bits (RFC 4226, section 4).
pub type Secret = [u8; 20];

/// The time step of `code`, if it is one of now and later than `last_step`.
pub fn step_of(secret: &[u8], code: &str, last_step: i64, now_ms: i64) -> Option<i64> {
    let now = now_ms.div_euclid(STEP_MS);
    let steps = now - STEPS_AROUND..=now + STEPS_AROUND;
    steps.filter(|step| *step > last_step).find(|step| {
        let right = code_of(secret, step.cast_unsigned());
        verify_slices_are_equal(right.as_bytes(), code.as_bytes()).is_ok()
    })
}

/// RFC 4226, section 5.3.
fn code_of(secret: &[u8], counter: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0xf);
    let bytes = tag.get(offset..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    let number = u32::from_be_bytes(bytes) & 0x7fff_ffff;
    format!("{:0DIGITS$}", number % 10_u32.pow(DIGITS as u32))
}

/// The secret as people type it.
pub fn base32(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// The secret as an authenticator scans it.
pub fn uri(secret: &[u8], email: &str) -> String {
    let label: String = email.bytes().map(percent_encoded).collect();
    format!("otpauth://totp/{ISSUER}:{label}?secret={}&issuer={ISSUER}", base32(secret))
}

fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, of which the last six digits are ours.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (time_s, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step_of(secret, code, 0, time_s * 1000), Some(time_s / 30), "{time_s}");
        }
    }

    #[test]
    fn a_code_is_right_for_a_step_around_its_own_and_after_the_last() {
        let secret = b"12345678901234567890";
        let (code, step) = ("287082", 1);
        let at = |time_s: i64, last_step| step_of(secret, code, last_step, time_s * 1000);
        assert_eq!([0, 59, 89].map(|time_s| at(time_s, 0)), [Some(step); 3]);
        assert_eq!(at(90, 0), None);
        assert_eq!(at(59, step), None, "it was taken");
        assert_eq!(step_of(secret, "28708", 0, 59_000), None);
        assert_eq!(step_of(secret, "", 0, 59_000), None);
    }

    #[test]
    fn an_authenticator_gets_label_and_secret() {
        let uri = uri(b"12345678901234567890", "ann+x@example.org");
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(uri, format!("otpauth://totp/Boltorezka:ann%2Bx@example.org?secret={secret}&issuer=Boltorezka"));
    }
}
