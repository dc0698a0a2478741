//! The picture number of VP8 and VP9, which both write in the same way: 7 bits, or 15 behind a set bit (RFC 7741, section
//! 4.2; RFC 9628, section 4.2).

const WIDE: u8 = 0x80;

/// Reads the number, and whether its field has 15 bits; `None` when it is cut short.
pub fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<(u16, bool)> {
    let high = bytes.next()?;
    let is_wide = high & WIDE != 0;
    let number = if is_wide { u16::from_be_bytes([high & !WIDE, bytes.next()?]) } else { u16::from(high) };
    Some((number, is_wide))
}

/// Passes the field, and writes a new number into it where there is one, in as many bits as it has; `None` when it is cut short.
pub fn write<'a>(bytes: &mut impl Iterator<Item = &'a mut u8>, number: Option<u16>) -> Option<()> {
    let high = bytes.next()?;
    let [new_high, new_low] = number.unwrap_or_default().to_be_bytes();
    if *high & WIDE == 0 {
        *high = number.map_or(*high, |_| new_low & !WIDE);
    } else {
        let low = bytes.next()?;
        if number.is_some() {
            (*high, *low) = (WIDE | new_high, new_low);
        }
    }
    Some(())
}
