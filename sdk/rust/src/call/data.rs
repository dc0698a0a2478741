//! The two channels for data messages.

use std::collections::VecDeque;

use boltorezka_proto::data::{self, DataFrom, DataKind, DataTo};
use str0m::Rtc;
use str0m::change::SdpApi;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};

use super::CallError;

/// Messages that wait to be sent on a channel. Of reliable ones, further ones are refused; of lossy ones, the oldest goes.
const OUTGOING_MAX: usize = 64;
/// Bytes that str0m is given of a channel before more have to wait.
const BUFFERED_MAX: usize = 64 * 1024;
/// Received messages that wait to be taken; the oldest go and are counted.
const INCOMING_MAX: usize = 1_024;

/// A data message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedData {
    /// On which channel.
    pub kind: DataKind,
    /// Whose it is; or, on the reliable channel, how many were missed here.
    pub from: DataFrom,
    /// What it holds.
    pub payload: Vec<u8>,
}

#[derive(Default)]
pub(super) struct DataChannels {
    is_offered: bool,
    channels: Vec<(DataKind, ChannelId)>,
    reliable: VecDeque<Vec<u8>>,
    lossy: VecDeque<Vec<u8>>,
    incoming: VecDeque<ReceivedData>,
    pub(super) dropped: u64,
}

impl DataChannels {
    /// Adds the channels to the offer.
    pub(super) fn offer(api: &mut SdpApi<'_>) -> Self {
        for kind in [DataKind::Reliable, DataKind::Lossy] {
            let (ordered, reliability) = match kind {
                DataKind::Reliable => (true, Reliability::Reliable),
                DataKind::Lossy => (false, Reliability::MaxRetransmits { retransmits: 0 }),
            };
            let label = kind.label().to_owned();
            api.add_channel_with_config(ChannelConfig { label, ordered, reliability, ..ChannelConfig::default() });
        }
        Self { is_offered: true, ..Self::default() }
    }

    pub(super) fn open(&mut self, id: ChannelId, label: &str) {
        self.channels.extend(DataKind::of_label(label).map(|kind| (kind, id)));
    }

    pub(super) fn send(&mut self, kind: DataKind, header: &DataTo, payload: &[u8]) -> Result<(), CallError> {
        if !self.is_offered {
            return Err(CallError::Config(
                "no data channels were offered: ask for them in the call's configuration".into(),
            ));
        }
        header.check(kind, payload)?;
        let queue = match kind {
            DataKind::Reliable if self.reliable.len() >= OUTGOING_MAX => return Err(CallError::DataFull),
            DataKind::Reliable => &mut self.reliable,
            DataKind::Lossy => &mut self.lossy,
        };
        if queue.len() >= OUTGOING_MAX {
            queue.pop_front();
        }
        queue.push_back(data::write(header, payload));
        Ok(())
    }

    /// Gives str0m what it takes; says whether that was anything.
    pub(super) fn flush(&mut self, rtc: &mut Rtc) -> bool {
        let mut has_written = false;
        for (kind, id) in &self.channels {
            let queue = match kind {
                DataKind::Reliable => &mut self.reliable,
                DataKind::Lossy => &mut self.lossy,
            };
            while let Some(message) = queue.front()
                && let Some(mut channel) = rtc.channel(*id)
                && channel.buffered_amount() < BUFFERED_MAX
                && channel.write(true, message).is_ok_and(|is_written| is_written)
            {
                queue.pop_front();
                has_written = true;
            }
        }
        has_written
    }

    /// Takes a message, where it is one of a data channel. What cannot be read is left out: the server may be newer.
    pub(super) fn receive(&mut self, id: ChannelId, message: &[u8]) {
        let Some((kind, _)) = self.channels.iter().find(|(_, channel)| *channel == id) else { return };
        match data::read(message) {
            Ok((from, payload)) => {
                if self.incoming.len() >= INCOMING_MAX {
                    self.incoming.pop_front();
                    self.dropped += 1;
                }
                self.incoming.push_back(ReceivedData { kind: *kind, from, payload: payload.to_vec() });
            }
            Err(error) => tracing::debug!(%error, "a data message was not understood"),
        }
    }

    pub(super) fn poll(&mut self) -> Option<ReceivedData> {
        self.incoming.pop_front()
    }
}
