//! Opus in Ogg (RFC 7845).

use std::io::{self, Cursor, Write};

use ogg::{PacketReader, PacketWriteEndInfo, PacketWriter};

use super::{Codec, FRAMES_MAX, FileFrame, MediaFile, MediaFileError};

/// Longest Opus packet: 120 ms at 48 kHz (RFC 6716, section 3.2.5).
const PACKET_SAMPLES_MAX: u64 = 5_760;
/// Packets on a page: about a second of 20 ms packets, so that a crash loses no more.
const PACKETS_PER_PAGE: u32 = 50;
/// Silence that is filled packet by packet, 60 s; after a longer one only the position jumps.
const FILL_SAMPLES_MAX: u64 = 48_000 * 60;

/// Length of an Opus packet in samples at 48 kHz, told by its first bytes (RFC 6716, section 3.1). `None` when it is
/// not a valid packet.
pub fn packet_samples(packet: &[u8]) -> Option<u64> {
    let &toc = packet.first()?;
    let count = match toc & 0b11 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 0x3f),
    };
    let samples = count * frame_samples(toc);
    (1..=PACKET_SAMPLES_MAX).contains(&samples).then_some(samples)
}

fn frame_samples(toc: u8) -> u64 {
    let size = usize::from((toc >> 3) & 0b11);
    let sizes: [u64; 4] = match toc >> 3 {
        0..=11 => [480, 960, 1920, 2880],
        12..=15 => [480, 960, 480, 960],
        _ => [120, 240, 480, 960],
    };
    sizes.get(size).copied().unwrap_or(960)
}

pub(super) fn read(bytes: &[u8]) -> Result<MediaFile, MediaFileError> {
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let damaged = |what| MediaFileError::Damaged { offset: 0, what };
    let head = reader.read_packet().ok().flatten().ok_or_else(|| damaged("the first Ogg page is not readable"))?;
    if !head.data.starts_with(b"OpusHead") {
        let name = head.data.get(..8).unwrap_or(&head.data);
        return Err(MediaFileError::UnknownCodec { found: String::from_utf8_lossy(name).into_owned() });
    }
    let serial = head.stream_serial();
    reader.read_packet().ok().flatten().ok_or_else(|| damaged("there is no OpusTags packet"))?;

    let mut frames: Vec<FileFrame> = Vec::new();
    let mut page: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut position = 0u64;
    // A damaged page ends the file; what came before it plays.
    while let Ok(Some(packet)) = reader.read_packet() {
        if packet.stream_serial() != serial {
            continue;
        }
        let (ends_page, page_end) = (packet.last_in_page(), packet.absgp_page());
        if let Some(samples) = packet_samples(&packet.data) {
            page.push((samples, packet.data));
        }
        if !ends_page {
            continue;
        }
        let page_samples: u64 = page.iter().map(|(samples, _)| samples).sum();
        // A page that begins later than the last one ended has a gap before it: silence that was not encoded.
        // The first page tells where the file starts; the last may end early to trim, which changes no start.
        if let (Some(begin), false) = (page_end.checked_sub(page_samples), frames.is_empty()) {
            position = position.max(begin.min(position + FILL_SAMPLES_MAX));
        } else if frames.is_empty() {
            position = page_end.saturating_sub(page_samples).min(FILL_SAMPLES_MAX);
        }
        for (samples, data) in page.drain(..) {
            frames.push(FileFrame { time: position, keyframe: true, data: data.into() });
            position += samples;
        }
        if frames.len() > FRAMES_MAX {
            return Err(MediaFileError::TooLarge);
        }
    }
    for (samples, data) in page {
        frames.push(FileFrame { time: position, keyframe: true, data: data.into() });
        position += samples;
    }
    let first = frames.first().map_or(0, |frame| frame.time);
    for frame in &mut frames {
        frame.time -= first;
    }
    Ok(MediaFile { codec: Codec::Opus, frames, duration: (position - first).max(1), height: None })
}

/// Writes Opus packets into an Ogg file. Gaps are filled with packets that carry no frame data, which decoders conceal
/// (RFC 7845, section 4.1), so that what follows a silence is heard at its time.
pub struct OggOpusWriter<W: Write> {
    out: PacketWriter<'static, W>,
    serial: u32,
    /// End of what is written, in samples.
    position: u64,
    /// The last packet is held back: only the next one, or the end, tells how its page ends.
    held: Option<(Vec<u8>, u64)>,
    packets_on_page: u32,
}

impl<W: Write> OggOpusWriter<W> {
    /// Writes the headers. `serial` tells streams apart in one Ogg file; any number will do.
    ///
    /// # Errors
    /// As the writer says.
    pub fn new(out: W, channels: u8, serial: u32) -> io::Result<Self> {
        let mut out = PacketWriter::new(out);
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels.clamp(1, 2));
        head.extend_from_slice(&0u16.to_le_bytes());
        head.extend_from_slice(&48_000u32.to_le_bytes());
        head.extend_from_slice(&[0, 0, 0]);
        out.write_packet(head, serial, PacketWriteEndInfo::EndPage, 0)?;
        let vendor = b"boltorezka";
        let mut tags = b"OpusTags".to_vec();
        tags.extend_from_slice(&(vendor.len() as u32).to_le_bytes());
        tags.extend_from_slice(vendor);
        tags.extend_from_slice(&[0; 4]);
        out.write_packet(tags, serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { out, serial, position: 0, held: None, packets_on_page: 0 })
    }

    /// Writes a packet that begins at `time` samples (48 kHz) since the start. One that ends before what is already
    /// written is left out.
    ///
    /// # Errors
    /// As the writer says, and [`io::ErrorKind::InvalidData`] for what is not an Opus packet.
    pub fn write_packet(&mut self, time: u64, packet: &[u8]) -> io::Result<()> {
        let Some(samples) = packet_samples(packet) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not an Opus packet"));
        };
        if time + samples <= self.position {
            return Ok(());
        }
        let toc = packet.first().copied().unwrap_or(0) & !0b11;
        let gap_samples = frame_samples(toc);
        if time.saturating_sub(self.position) <= FILL_SAMPLES_MAX {
            while self.position + gap_samples <= time {
                self.push(vec![toc], gap_samples)?;
            }
        } else {
            self.flush_held(PacketWriteEndInfo::EndPage)?;
            self.position = time;
        }
        self.push(packet.to_vec(), samples)
    }

    /// Ends the stream and flushes.
    ///
    /// # Errors
    /// As the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush_held(PacketWriteEndInfo::EndStream)?;
        let mut out = self.out.into_inner();
        out.flush()?;
        Ok(out)
    }

    fn push(&mut self, packet: Vec<u8>, samples: u64) -> io::Result<()> {
        self.packets_on_page += 1;
        let end = if self.packets_on_page >= PACKETS_PER_PAGE {
            self.packets_on_page = 0;
            PacketWriteEndInfo::EndPage
        } else {
            PacketWriteEndInfo::NormalPacket
        };
        self.flush_held(end)?;
        self.position += samples;
        self.held = Some((packet, self.position));
        Ok(())
    }

    fn flush_held(&mut self, end: PacketWriteEndInfo) -> io::Result<()> {
        match self.held.take() {
            Some((packet, position)) => self.out.write_packet(packet, self.serial, end, position),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// CELT, 20 ms, mono, one frame.
    const TOC_20_MS: u8 = 0b1111_1000;

    fn file(packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut writer = OggOpusWriter::new(Vec::new(), 1, 7).unwrap();
        for (time, packet) in packets {
            writer.write_packet(*time, packet).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn the_first_bytes_tell_the_length() {
        assert_eq!(packet_samples(&[TOC_20_MS, 1, 2]), Some(960));
        assert_eq!(packet_samples(&[0b0000_0001]), Some(960), "two frames of 10 ms");
        assert_eq!(packet_samples(&[0b0001_1011, 2]), Some(5760), "two of 60 ms");
        assert_eq!(packet_samples(&[0b0001_1011, 3]), None, "longer than 120 ms");
        assert_eq!(packet_samples(&[]), None);
    }

    #[test]
    fn a_gap_is_filled_so_that_times_are_kept() {
        let bytes = file(&[(0, vec![TOC_20_MS, 9]), (960, vec![TOC_20_MS, 9]), (48_000, vec![TOC_20_MS, 8])]);
        let file = MediaFile::parse(&bytes, 30).unwrap();
        assert_eq!(file.duration, 48_960);
        let sounding: Vec<u64> = file.frames.iter().filter(|f| f.data.len() > 1).map(|f| f.time).collect();
        assert_eq!(sounding, [0, 960, 48_000]);
    }

    #[test]
    fn a_gap_in_the_positions_of_pages_is_a_silence() {
        let mut writer = OggOpusWriter::new(Vec::new(), 1, 7).unwrap();
        writer.write_packet(0, &[TOC_20_MS, 1]).unwrap();
        // Longer than what is filled: only the position jumps.
        let later = FILL_SAMPLES_MAX + 10 * 960;
        writer.write_packet(later, &[TOC_20_MS, 2]).unwrap();
        let file = MediaFile::parse(&writer.finish().unwrap(), 30).unwrap();
        let times: Vec<u64> = file.frames.iter().map(|frame| frame.time).collect();
        assert_eq!(times, [0, FILL_SAMPLES_MAX + 960], "a silence of a minute is the longest that is kept");
    }

    #[test]
    fn vorbis_is_refused_by_name() {
        let mut out = PacketWriter::new(Vec::new());
        out.write_packet(b"\x01vorbis....".to_vec(), 1, PacketWriteEndInfo::EndStream, 0).unwrap();
        assert!(matches!(MediaFile::parse(&out.into_inner(), 30), Err(MediaFileError::UnknownCodec { .. })));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 1..130)) {
            let packets: Vec<(u64, Vec<u8>)> =
                (0u64..).zip(&bodies).map(|(i, body)| (i * 960, [&[TOC_20_MS], &body[..]].concat())).collect();
            let file = MediaFile::parse(&file(&packets), 30).unwrap();
            let read: Vec<(u64, Vec<u8>)> = file.frames.iter().map(|f| (f.time, f.data.to_vec())).collect();
            prop_assert_eq!(read, packets);
        }

        #[test]
        fn damaged_files_never_panic(at in 0usize..400, value in any::<u8>(), cut in 0usize..400) {
            let packets: Vec<(u64, Vec<u8>)> = (0..9u64).map(|i| (i * 960, vec![TOC_20_MS; 20])).collect();
            let mut bytes = file(&packets);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = MediaFile::parse(&bytes, 30);
        }
    }
}
