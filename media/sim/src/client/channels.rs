//! A client's two channels for data messages.

use std::collections::VecDeque;

use boltorezka_proto::data::DataKind;
use str0m::Rtc;
use str0m::change::SdpApi;
use str0m::channel::{ChannelConfig, ChannelData, ChannelId, Reliability};

/// What waits to be sent, and what has arrived.
#[derive(Debug, Default)]
pub struct DataChannels {
    /// Which channel is which: what comes may overtake the word that it is open (RFC 8832, section 6).
    offered: Vec<(DataKind, ChannelId)>,
    open: Vec<(DataKind, ChannelId)>,
    unsent: VecDeque<(DataKind, Vec<u8>)>,
    /// Messages since the world took them.
    pub arrived: Vec<(DataKind, Vec<u8>)>,
}

/// Offers both channels; which is which.
pub fn offer(api: &mut SdpApi<'_>) -> Vec<(DataKind, ChannelId)> {
    let mut offered = Vec::new();
    for (kind, ordered, reliability) in [
        (DataKind::Reliable, true, Reliability::Reliable),
        (DataKind::Lossy, false, Reliability::MaxRetransmits { retransmits: 0 }),
    ] {
        let label = kind.label().to_owned();
        let config = ChannelConfig { label, ordered, reliability, ..ChannelConfig::default() };
        offered.push((kind, api.add_channel_with_config(config)));
    }
    offered
}

impl DataChannels {
    /// Those that were offered.
    pub fn offered(offered: Vec<(DataKind, ChannelId)>) -> Self {
        Self { offered, ..Self::default() }
    }

    /// Whether both channels are open.
    pub fn is_open(&self) -> bool {
        self.open.len() == 2
    }

    /// A channel with this label is open.
    pub fn opened(&mut self, channel: ChannelId, label: &str) {
        self.open.extend(DataKind::of_label(label).map(|kind| (kind, channel)));
    }

    /// Takes what came on one of the channels.
    ///
    /// # Errors
    /// It is no data message.
    pub fn receive(&mut self, data: ChannelData) -> Result<(), String> {
        let Some((kind, _)) = self.offered.iter().find(|(_, channel)| *channel == data.id) else {
            return Err("a message on a channel that was not offered".into());
        };
        if !data.binary {
            return Err("a data message that is text".into());
        }
        self.arrived.push((*kind, data.data));
        Ok(())
    }

    /// Queues a message.
    pub fn send(&mut self, kind: DataKind, message: Vec<u8>) {
        self.unsent.push_back((kind, message));
    }

    /// Writes what waits, as much as there is room for; says whether that was anything.
    pub fn write(&mut self, rtc: &mut Rtc) -> bool {
        let mut has_written = false;
        while let Some((kind, message)) = self.unsent.front() {
            let Some((_, channel)) = self.open.iter().find(|(of, _)| of == kind) else { break };
            let Some(mut channel) = rtc.channel(*channel) else { break };
            if !channel.write(true, message).unwrap_or(false) {
                break;
            }
            self.unsent.pop_front();
            has_written = true;
        }
        has_written
    }
}
