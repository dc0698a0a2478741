//! Random bytes and texts.

use super::MediaError;

/// Random bytes.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N], MediaError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| MediaError::Crypto("there is no randomness".into()))?;
    Ok(bytes)
}

/// A text of hexadecimal digits, two for each byte.
pub(super) fn text<const N: usize>() -> Result<String, MediaError> {
    Ok(bytes::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
