//! What leaves on data channels.

use str0m::channel::ChannelId;

use super::Transport;

/// Data messages are written while fewer bytes than this wait in str0m or are not acknowledged, of all channels: SCTP sends
/// what it was given in order, so that an in-call message waits for this much and one data message at most, a quarter of a
/// second at 1 Mb/s. It also bounds what one client receives to this much in a round trip: 1.3 Mb/s at 100 ms.
const DATA_BUFFERED_MAX: usize = 16 * 1024;

impl Transport {
    /// Writes a text to a data channel; `false` when it has to wait for room. A text that the client cannot take at all
    /// is dropped.
    pub fn write_text(&mut self, channel: ChannelId, text: &str) -> bool {
        if self.is_broken {
            return true;
        }
        let written = self.guard(|transport| match transport.rtc.channel(channel) {
            Some(mut channel) => Ok(channel.write(false, text.as_bytes())?),
            None => Ok(true),
        });
        written.unwrap_or_else(|error| {
            tracing::warn!(%error, bytes = text.len(), "an in-call message could not be sent");
            true
        })
    }

    /// Writes a data message; `false` when it has to wait, so that in-call messages never wait for long.
    pub fn write_data(&mut self, channel: ChannelId, message: &[u8]) -> bool {
        if self.is_broken {
            return true;
        }
        let written = self.guard(|Self { rtc, channels, .. }| {
            let buffered =
                |channel: &ChannelId| rtc.channel(*channel).map_or(0, |mut channel| channel.buffered_amount());
            if channels.iter().map(buffered).sum::<usize>() >= DATA_BUFFERED_MAX {
                return Ok(false);
            }
            match rtc.channel(channel) {
                Some(mut channel) => Ok(channel.write(true, message)?),
                None => Ok(true),
            }
        });
        written.unwrap_or_else(|error| {
            tracing::debug!(%error, bytes = message.len(), "a data message could not be sent");
            true
        })
    }
}
