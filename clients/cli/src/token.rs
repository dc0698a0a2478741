//! The room that a join token names. The token is not verified here: the server does that.

use boltorezka_sdk::RoomSlug;

/// Reads the claim `room` of a JSON Web Token (RFC 7519).
pub fn room_of(token: &str) -> Option<RoomSlug> {
    let claims = decode_base64url(token.split('.').nth(1)?)?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    RoomSlug::new(claims.get("room")?.as_str()?).ok()
}

/// RFC 4648, section 5, without padding.
fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut bit_count) = (0u32, 0);
    for c in text.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        bit_count += 6;
        if bit_count >= 8 {
            bit_count -= 8;
            bytes.push((bits >> bit_count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_read_from_the_claims() {
        // {"alg":"HS256"} . {"room":"stand-up","name":"Ada?>"}
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoic3RhbmQtdXAiLCJuYW1lIjoiQWRhPz4ifQ.c2ln";
        assert_eq!(room_of(token).unwrap().as_str(), "stand-up");
        for token in ["", "a.b", "a.!.c", "a.e30.c", "key_without_dots"] {
            assert!(room_of(token).is_none(), "{token}");
        }
    }
}
