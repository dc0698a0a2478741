//! What of a packet leaves towards one receiver: the part of its payload, its descriptors, what its header says.

use super::header::{ExtensionIds, Header};
use super::sender::Queued;
use crate::rtp::dependency::DESCRIPTOR_BYTES_MAX;
use crate::rtp::{Codec, Packet, red, vp8, vp9};

/// Writes the receiver's numbers into a copy of the payload. Who is sent a Dependency Descriptor needs none of them there, and
/// the payload may be encrypted: it stays as it is.
pub fn rewrite_payload(packet: &Packet, queued: &Queued, is_described: bool, payload: &mut [u8]) {
    match packet.format.codec {
        _ if is_described => {}
        Codec::Vp8 => vp8::rewrite(payload, queued.munged.rewrite),
        Codec::Vp9 => vp9::rewrite(payload, queued.munged.rewrite),
        _ => {}
    }
    if let Some(block_type) = queued.block_type {
        red::set_types(payload, block_type);
    }
}

/// The part of a payload that leaves.
pub fn payload_of<'a>(packet: &'a Packet, queued: &Queued) -> &'a [u8] {
    match packet.descriptor.redundancy {
        Some(redundancy) if queued.block_type.is_none() => {
            packet.payload.get(usize::from(redundancy.primary_at)..).unwrap_or_default()
        }
        _ => &packet.payload,
    }
}

/// Whether a packet has a Dependency Descriptor, and its receiver takes them.
pub fn is_described(packet: &Packet, ids: &ExtensionIds) -> bool {
    packet.dependency.is_some() && ids.dependency.is_some()
}

/// The Dependency Descriptor that a packet leaves with.
pub fn descriptor<'a>(packet: &Packet, queued: &Queued, room: &'a mut [u8; DESCRIPTOR_BYTES_MAX]) -> &'a [u8] {
    let rewritten = packet.dependency.as_ref().zip(queued.munged.rewrite.dependency);
    let length = rewritten.map_or(0, |(dependency, rewrite)| dependency.write(rewrite, room));
    room.get(..length).unwrap_or_default()
}

/// The header, without source and number.
pub fn header_of<'a>(
    packet: &Packet,
    queued: &Queued,
    dependency: &'a [u8],
    padding_bytes: u8,
    transport_wide: u16,
) -> Header<'a> {
    Header {
        payload_type: queued.payload_type,
        marker: queued.munged.marker,
        sequence: queued.munged.sequence as u16,
        timestamp: queued.munged.timestamp,
        ssrc: 0,
        csrc: packet.track.0,
        transport_wide,
        audio_level: packet.audio_level_dbov.map(|level| (level, packet.voice.unwrap_or(false))),
        video_orientation: packet.rotation,
        dependency,
        padding_bytes,
    }
}
