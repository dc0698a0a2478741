//! What waited for a client's link leaves.

use std::time::Instant;

use super::connection::Connection;
use super::{ConnectionKey, ShardCore};
use crate::egress::Waiting;

impl ShardCore {
    /// Sends what waited for a client's link as far as there is room now, and what of it may still be sent: somebody's rights
    /// may have changed since, or a track may be gone.
    pub(super) fn send_paced(&mut self, now: Instant, key: ConnectionKey) {
        let Self { tracks, connections, counters, batch, .. } = self;
        let Some(connection) = connections.get_mut(key) else { return };
        while let Some(waiting) = connection.pacer.pop(now, connection.sender.pace(now)) {
            counters.packets_offered += 1;
            let is_shown = tracks.get(&waiting.packet.track).is_some_and(|track| !track.muted);
            if !is_shown || !connection.permissions.subscribe {
                counters.drop("not_selected");
                connection.forget_waiting(&waiting);
                continue;
            }
            let packet = std::slice::from_ref(&waiting.packet);
            let written = connection.sender.send(now, waiting.slot, &[waiting.queued], packet, batch);
            counters.packets_forwarded += written.packets;
            counters.drop_many("not_sendable", written.refused);
        }
    }
}

impl Connection {
    /// What waits of the same track in the same slot is as little to be sent as `first`, which came before it. Where nothing else
    /// has a number behind them, theirs are free again: a number left out would look like a loss.
    fn forget_waiting(&mut self, first: &Waiting) {
        let numbers = self.pacer.forget(first.slot, first.packet.track).chain([first.queued.munged.sequence]);
        let Some(last) = numbers.max() else { return };
        if let Some(slot) = self.slots.get_mut(first.slot) {
            // One that came late has a number below others that have left.
            let from = first.queued.munged.sequence.max(self.sender.next_sequence(first.slot));
            slot.forwarder.take_back(from..=last);
        }
    }
}
