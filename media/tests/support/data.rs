//! Data messages of a client.

use std::time::Instant;

use boltorezka_proto::ParticipantId;
use boltorezka_proto::data::{self, DataFrom, DataKind, DataTo};
use str0m::Rtc;
use str0m::change::SdpApi;
use str0m::channel::{ChannelConfig, ChannelData, ChannelId, Reliability};

use super::Client;

pub fn offer(api: &mut SdpApi<'_>) {
    for (kind, ordered, reliability) in [
        (DataKind::Reliable, true, Reliability::Reliable),
        (DataKind::Lossy, false, Reliability::MaxRetransmits { retransmits: 0 }),
    ] {
        let label = kind.label().to_owned();
        api.add_channel_with_config(ChannelConfig { label, ordered, reliability, ..ChannelConfig::default() });
    }
}

/// A message as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrived {
    pub at: Instant,
    pub kind: DataKind,
    pub from: DataFrom,
    pub payload: Vec<u8>,
}

#[derive(Default)]
pub struct DataLog {
    channels: Vec<(DataKind, ChannelId)>,
    unsent: Vec<(DataKind, Vec<u8>)>,
    pub arrived: Vec<Arrived>,
}

impl DataLog {
    pub fn is_open(&self) -> bool {
        self.channels.len() == 2
    }

    pub fn open(&mut self, channel: ChannelId, label: &str) {
        self.channels.push((DataKind::of_label(label).unwrap(), channel));
    }

    pub fn note(&mut self, at: Instant, data: &ChannelData) {
        assert!(data.binary);
        let (kind, _) = *self.channels.iter().find(|(_, channel)| *channel == data.id).unwrap();
        let (from, payload) = data::read(&data.data).unwrap();
        self.arrived.push(Arrived { at, kind, from, payload: payload.to_vec() });
    }

    pub fn write(&mut self, rtc: &mut Rtc) {
        let channels = &self.channels;
        self.unsent.retain(|(kind, message)| {
            let Some((_, channel)) = channels.iter().find(|(of, _)| of == kind) else { return true };
            !rtc.channel(*channel).unwrap().write(true, message).unwrap()
        });
    }

    /// What came from a participant.
    pub fn of(&self, kind: DataKind, from: ParticipantId) -> impl Iterator<Item = &Arrived> {
        self.arrived.iter().filter(move |arrived| {
            arrived.kind == kind && matches!(&arrived.from, DataFrom::Message { from: who, .. } if *who == from)
        })
    }

    /// How many messages it was told it missed.
    pub fn missed(&self) -> u32 {
        let missed = self.arrived.iter().map(|arrived| match arrived.from {
            DataFrom::Missed { missed } => missed,
            DataFrom::Message { .. } => 0,
        });
        missed.sum()
    }
}

impl Client {
    pub fn send_data(&mut self, kind: DataKind, to: Option<Vec<ParticipantId>>, topic: Option<&str>, payload: &[u8]) {
        let header = DataTo { to, topic: topic.map(str::to_owned) };
        self.send_raw_data(kind, data::write(&header, payload));
    }

    pub fn send_raw_data(&mut self, kind: DataKind, message: Vec<u8>) {
        self.data.unsent.push((kind, message));
    }
}
