//! From a packet of str0m's to the envelope that everybody after it reads.

use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::rtcp::SenderInfo;
use str0m::rtp::{RtpPacket, Ssrc};

use super::super::formats::format_of;
use super::super::tap::SenderClock;
use super::{Transport, TransportEvent};
use crate::rtp::dependency::DependencyState;
use crate::rtp::{Descriptor, Format, Packet, red};

/// The format of a payload type, and with redundancy the type of what it wraps.
pub(super) type Wrapped = (Format, Option<u8>);

/// A source that the client sends under.
#[derive(Debug)]
pub(super) struct Stream {
    ssrc: Ssrc,
    mid: Mid,
    rid: Option<Rid>,
    dependency: DependencyState,
    /// What the client last said of its clock.
    clock: Option<SenderClock>,
}

impl Transport {
    /// The envelope of a packet; `None` for a stream or a codec that was not agreed on. Where a Dependency Descriptor speaks of
    /// something that has not come, the packet is unreadable: its payload may be encrypted, and must not be asked instead.
    pub(super) fn envelope(&mut self, packet: RtpPacket) -> Option<TransportEvent> {
        let (format, primary) = self.format(packet.header.payload_type)?;
        let place = self.stream(packet.header.ssrc)?;
        let Self { streams, received, .. } = self;
        let Stream { mid, rid, dependency, clock, .. } = streams.get_mut(place)?;
        *clock = packet.last_sender_info.map(|SenderInfo { ntp_time, rtp_time, .. }| {
            // str0m counts its rollovers.
            SenderClock { at: ntp_time, timestamp: rtp_time.numer() as u32 }
        });
        let dependency = match received.descriptor() {
            Some(bytes) => match dependency.read(bytes) {
                Some(read) => Some(read),
                None => return Some(TransportEvent::Unreadable { mid: *mid, rid: *rid }),
            },
            None => None,
        };
        let mut descriptor = Descriptor::parse(format.codec, &packet.payload);
        if format.is_redundant {
            descriptor.redundancy = Some(red::parse(&packet.payload, primary?)?);
        }
        if let Some(dependency) = &dependency {
            descriptor = descriptor.described_by(dependency);
        }
        let extensions = &packet.header.ext_vals;
        let envelope = Packet {
            track: boltorezka_proto::TrackNumber(0),
            encoding: 0,
            format,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            descriptor,
            audio_level_dbov: extensions.audio_level,
            voice: extensions.voice_activity,
            rotation: extensions.video_orientation.map(|orientation| orientation as u8),
            dependency,
            arrival: packet.timestamp,
            payload: packet.payload,
        };
        Some(TransportEvent::Packet { mid: *mid, rid: *rid, packet: envelope })
    }

    /// What the client last said of the clock of an encoding.
    pub fn sender_clock(&self, mid: Mid, rid: Option<&str>) -> Option<SenderClock> {
        let is_it = |stream: &&Stream| stream.mid == mid && stream.rid.as_deref() == rid;
        self.streams.iter().find(is_it)?.clock
    }

    /// The place of a source in the list.
    fn stream(&mut self, ssrc: Ssrc) -> Option<usize> {
        if let Some(place) = self.streams.iter().position(|stream| stream.ssrc == ssrc) {
            return Some(place);
        }
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_rx(&ssrc)?;
        let (mid, rid) = (stream.mid(), stream.rid());
        // A stream that starts anew with another SSRC replaces its predecessor, so that the list stays short.
        self.streams.retain(|old| (old.mid, old.rid) != (mid, rid));
        self.streams.push(Stream { ssrc, mid, rid, dependency: DependencyState::default(), clock: None });
        self.streams.len().checked_sub(1)
    }

    fn format(&mut self, pt: Pt) -> Option<Wrapped> {
        if let Some((_, format)) = self.formats.iter().find(|(known, _)| *known == pt) {
            return *format;
        }
        let mut known = self.rtc.codec_config().params().iter();
        let format = known.find(|params| params.pt() == pt || params.red() == Some(pt)).and_then(|params| {
            let is_redundant = params.pt() != pt;
            Some((format_of(params)?.redundant(is_redundant), is_redundant.then_some(*params.pt())))
        });
        self.formats.push((pt, format));
        format
    }
}
