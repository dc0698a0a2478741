//! A shard's inputs as a whole: an input is a story of what comes to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use boltorezka_media::router::Needs;
use boltorezka_media::rtp::{Codec, Descriptor, Format, LayerRates, Packet};
use boltorezka_media::shard::{PeerMessage, ShardCommand, TrackAnnouncement};
use boltorezka_proto::TrackNumber;
use boltorezka_proto::call::{EndReason, MediaPermissions, TrackSource};

use crate::input::Reader;
use crate::peer::World;

/// A shard relays no longer ones.
const PAYLOAD_BYTES_MAX: usize = 1_350;
/// Things that happen in one story.
const EVENTS_MAX: usize = 64;
const CODECS: [Codec; 6] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1];
const SOURCES: [TrackSource; 4] =
    [TrackSource::Microphone, TrackSource::Camera, TrackSource::Screen, TrackSource::ScreenAudio];

/// What [`shard`] reads first of each thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Happening {
    /// Media, sealed as a client.
    Media,
    /// A report, sealed as a client.
    Report,
    /// A message on a client's data channel.
    Message,
    /// A datagram from a client's address, or from anywhere.
    Datagram,
    /// Time goes by.
    Time,
    /// A command of the node.
    Command,
    /// A message of another shard.
    Peer,
}

const HAPPENINGS: [Happening; 7] = [
    Happening::Media,
    Happening::Report,
    Happening::Message,
    Happening::Datagram,
    Happening::Time,
    Happening::Command,
    Happening::Peer,
];

/// Datagrams of strangers to a shard where a client is expected: STUN, DTLS, media, whatever.
pub fn strangers(input: &[u8]) {
    let mut world = World::new();
    let mut reader = Reader(input);
    for _ in 0..EVENTS_MAX {
        if reader.is_empty() {
            break;
        }
        let source = anybody(&mut reader);
        world.take(source, reader.bytes());
    }
    world.turn();
    assert_eq!(world.shard.leftovers(), None, "strangers leave nothing behind");
}

/// Two clients are connected, and then things happen.
pub fn shard(input: &[u8]) {
    let mut world = play(input);
    for peer in 0..world.peers.len() {
        let participant_id = world.peers[peer].participant_id;
        let reason = EndReason::Kicked;
        world.shard.handle_command(world.now, ShardCommand::Revoke { participant_id, reason });
    }
    world.now += Duration::from_secs(2);
    world.turn();
    let leftovers = world.shard.leftovers().unwrap_or_default();
    assert!(leftovers.is_empty() || leftovers.starts_with("0 connections, 0 participants"), "{leftovers}");
}

/// Plays a story.
fn play(input: &[u8]) -> World {
    let mut world = World::new();
    world.join();
    world.join();
    let mut reader = Reader(input);
    for _ in 0..EVENTS_MAX {
        if reader.is_empty() {
            break;
        }
        happen(&mut world, &mut reader);
        world.turn();
    }
    world.settle();
    world
}

fn happen(world: &mut World, reader: &mut Reader<'_>) {
    let who = reader.below(2);
    let kind = HAPPENINGS[reader.below(HAPPENINGS.len())];
    match kind {
        Happening::Media => media(world, who, reader),
        Happening::Report => report(world, who, reader),
        Happening::Message => {
            let text = reader.bytes();
            world.peers[who].say(text);
            world.settle();
        }
        Happening::Datagram => {
            let source = if reader.byte() & 1 == 0 { world.peers[who].address } else { anybody(reader) };
            world.take(source, reader.bytes());
        }
        Happening::Time => {
            world.now += Duration::from_millis(u64::from(reader.byte()) << (reader.byte() & 7));
            world.settle();
        }
        Happening::Command => command(world, who, reader),
        Happening::Peer => peer_message(world, reader),
    }
}

fn anybody(reader: &mut Reader<'_>) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, reader.byte() & 3], 5000 + u16::from(reader.byte() & 3)))
}

/// A packet that its receiver can open, whatever is in it. Header and payload may be anything.
fn media(world: &mut World, who: usize, reader: &mut Reader<'_>) {
    let peer = &world.peers[who];
    let Some(sealer) = &peer.sealer else { return };
    let (flags, kind) = (reader.byte(), reader.byte());
    let types = &peer.payload_types;
    let payload_type = types.get(usize::from(kind & 0x7f)).copied().unwrap_or(kind & 0x7f);
    let sequence = 1000 + (reader.word() & 0x3ff) as u16;
    let timestamp = reader.word();
    let source = reader.byte();
    let ssrc = peer.sources.get(usize::from(source)).copied().unwrap_or_else(|| u32::from(source));
    let mut packet = vec![0x80 | (flags & 0x3f), payload_type | (kind & 0x80)];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(reader.bytes());
    let csrc_bytes = 12 + 4 * usize::from(flags & 0x0f);
    let extension_words =
        packet.get(csrc_bytes + 2..csrc_bytes + 4).map(|words| u16::from_be_bytes([words[0], words[1]]));
    let extension_bytes = if flags & 0x10 == 0 { 0 } else { 4 + 4 * usize::from(extension_words.unwrap_or_default()) };
    let header_bytes = (csrc_bytes + extension_bytes).min(packet.len());
    if sealer.seal_rtp(&mut packet, 0, header_bytes, ssrc, u64::from(sequence)).is_ok() {
        let address = peer.address;
        world.take(address, &packet);
    }
}

fn report(world: &mut World, who: usize, reader: &mut Reader<'_>) {
    let peer = &mut world.peers[who];
    let Some(sealer) = &mut peer.sealer else { return };
    let mut packet = vec![0x80 | (reader.byte() & 0x3f), 192 + (reader.byte() & 0x1f)];
    packet.extend(reader.bytes());
    if sealer.seal_rtcp(&mut packet, 0).is_ok() {
        let address = peer.address;
        world.take(address, &packet);
    }
}

fn command(world: &mut World, who: usize, reader: &mut Reader<'_>) {
    let participant_id = world.peers[who].participant_id;
    match reader.below(8) {
        0 => {
            let reason = EndReason::Kicked;
            world.shard.handle_command(world.now, ShardCommand::Revoke { participant_id, reason });
        }
        1 => world.shard.handle_command(world.now, ShardCommand::Barrier { rev: reader.word().into() }),
        2 => {
            let offer = String::from_utf8_lossy(reader.bytes()).into_owned();
            let _ = world.admit(participant_id, &offer);
        }
        _ => {
            let rights = reader.byte();
            let permissions = MediaPermissions {
                subscribe: rights & 1 == 0,
                microphone: rights & 2 == 0,
                camera: rights & 4 == 0,
                screen: rights & 8 == 0,
                data: rights & 16 == 0,
                hidden: rights & 32 != 0,
            };
            world.shard.handle_command(world.now, ShardCommand::SetPermissions { participant_id, permissions });
        }
    }
}

fn peer_message(world: &mut World, reader: &mut Reader<'_>) {
    let room = world.room;
    let theirs = TrackNumber::new(1, u32::from(reader.byte() & 7));
    let ours = TrackNumber::new(0, u32::from(reader.byte() & 7));
    let message = match reader.below(8) {
        0 => PeerMessage::Interest { room, interested: reader.byte() & 1 == 0 },
        1 => {
            let mut announcement = TrackAnnouncement {
                track: theirs,
                room,
                participant_id: world.peers[reader.below(2)].participant_id,
                source: SOURCES[reader.below(SOURCES.len())],
                muted: reader.byte() & 3 == 0,
                height: reader.word(),
                heights: Vec::new(),
                rids: (0..reader.below(9)).map(|rid| rid.to_string()).collect(),
                bitrates_bps: (0..reader.below(9)).map(|_| Some(LayerRates::single(reader.word().into()))).collect(),
                since: world.now,
                chosen: None,
                formats: Vec::new(),
            };
            // Of what was read already, so that older stories mean what they meant.
            let format = Format::plain(CODECS[announcement.height as usize % CODECS.len()]);
            if announcement.height & 1 == 1 {
                announcement.chosen = Some(format);
                announcement.heights = vec![announcement.height; announcement.bitrates_bps.len()];
                announcement.formats = vec![Some(format); announcement.bitrates_bps.len()];
            }
            PeerMessage::Track(announcement)
        }
        2 => PeerMessage::TrackGone { room, track: theirs },
        3 => {
            let wants = reader.byte();
            let needs =
                Needs { encodings: wants & 0x0f, bitrate_bps: u64::from(wants) << 12, lacks_codec: wants & 0x10 != 0 };
            PeerMessage::Wanted { track: ours, needs }
        }
        4 => PeerMessage::Keyframe { track: ours, encoding: reader.byte() },
        _ => {
            let codec = CODECS[reader.below(CODECS.len())];
            let payload = reader.bytes();
            let payload: Arc<[u8]> = payload[..payload.len().min(PAYLOAD_BYTES_MAX)].into();
            PeerMessage::Packet {
                room,
                packet: Packet {
                    track: theirs,
                    encoding: reader.byte(),
                    format: Format::plain(codec),
                    sequence: reader.word().into(),
                    timestamp: reader.word(),
                    marker: reader.byte() & 1 == 0,
                    descriptor: Descriptor::parse(codec, &payload),
                    audio_level_dbov: Some(reader.byte() as i8),
                    voice: None,
                    rotation: Some(reader.byte()),
                    dependency: None,
                    arrival: world.now,
                    payload,
                },
            }
        }
    };
    world.shard.handle_peer(world.now, 1, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_valid_stories_come_as_far_as_they_can() {
        let mut reached = Vec::new();
        for story in crate::seeds::of("shard") {
            let mut world = play(&story);
            let counters = world.shard.counters_mut().clone();
            assert_eq!(counters.connections_failed, 0, "{counters:?}");
            let heard = world.peers.iter().map(|peer| peer.texts).sum::<usize>();
            reached.push((counters, heard));
        }
        let [(show, _), (speak, _), (_, told), (report, _), (others, _), (all, _)] = &reached[..] else {
            panic!("{} stories", reached.len())
        };
        assert!(show.packets_received >= 10 && show.packets_forwarded > 5, "{show:?}");
        assert!(speak.packets_received >= 7 && speak.packets_forwarded > 3, "{speak:?}");
        let greeted = reached[3].1;
        assert!(*told >= greeted + 4, "messages are answered: {told}, {greeted} without any");
        assert_eq!(report.packets_dropped.get("not_authentic"), None, "{report:?}");
        assert!(others.packets_relay_received > 0, "{others:?}");
        assert!(all.packets_forwarded > 0 && all.packets_relay_received > 0, "{all:?}");
    }
}
