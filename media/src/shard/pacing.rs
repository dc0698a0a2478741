//! What waited for a client's link leaves.

use std::time::Instant;

use super::{ConnectionKey, ShardCore};

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
                continue;
            }
            let packet = std::slice::from_ref(&waiting.packet);
            let written = connection.sender.send(now, waiting.slot, &[waiting.queued], packet, batch);
            counters.packets_forwarded += written.packets;
            counters.drop_many("not_sendable", written.refused);
        }
    }
}
