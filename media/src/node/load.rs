//! What the shards' counters say: of the node as a whole, and of how much each shard has to do.

use std::collections::BTreeMap;

use boltorezka_proto::admission::NodeLoad;

use crate::shard::Counters;

/// Packets that a shard could not hand on for want of room, since its last report a second ago: above this it counts as working
/// all the time, whatever its clock says. Below it are bursts that retransmissions make good.
const LOST_MAX: u64 = 100;
/// The reasons of such drops.
const LOST: [&str; 2] = ["peer_queue_full", "socket_full"];

/// The share of its time that a shard worked between two of its reports.
pub fn busy_ratio(before: Option<&Counters>, now: &Counters) -> f64 {
    let of = |figure: fn(&Counters) -> u64| figure(now).saturating_sub(before.map_or(0, figure));
    let lost = |counters: &Counters| LOST.iter().filter_map(|reason| counters.packets_dropped.get(reason)).sum::<u64>();
    let elapsed_us = of(|counters| counters.uptime_us);
    if lost(now).saturating_sub(before.map_or(0, lost)) > LOST_MAX {
        return 1.0;
    }
    if elapsed_us == 0 { 0.0 } else { of(|counters| counters.busy_us) as f64 / elapsed_us as f64 }
}

/// The counters of all shards together.
pub fn sum<'a>(shards: impl IntoIterator<Item = &'a Counters>) -> NodeLoad {
    let mut load = NodeLoad::default();
    for counters in shards {
        load.packets_received += counters.packets_received;
        load.packets_relayed += counters.packets_relayed;
        load.packets_relay_received += counters.packets_relay_received;
        load.packets_routed += counters.packets_routed;
        load.packets_offered += counters.packets_offered;
        load.packets_forwarded += counters.packets_forwarded;
        load.packets_resent += counters.packets_resent;
        load.datagrams_generated += counters.datagrams_generated;
        load.datagrams_sent += counters.datagrams_sent;
        load.messages_sent += counters.messages_sent;
        load.bytes_received += counters.bytes_received;
        load.bytes_sent += counters.bytes_sent;
        load.connections += counters.connections;
        load.connections_failed += counters.connections_failed;
        load.tcp_connections += counters.tcp_connections;
        load.busy_us += counters.busy_us;
        add(&mut load.tcp_closed, &counters.tcp_closed);
        add(&mut load.packets_dropped, &counters.packets_dropped);
        add(&mut load.budget_exhausted, &counters.budget_exhausted);
    }
    load
}

fn add(to: &mut BTreeMap<String, u64>, counts: &BTreeMap<&'static str, u64>) {
    for (reason, count) in counts {
        *to.entry((*reason).to_owned()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(busy_us: u64, uptime_us: u64, lost: u64) -> Counters {
        let mut counters = Counters { busy_us, uptime_us, ..Counters::default() };
        counters.drop_many("socket_full", lost);
        counters
    }

    #[test]
    fn a_shard_is_as_busy_as_since_its_last_report() {
        let first = counters(300_000, 1_000_000, 0);
        assert_eq!(busy_ratio(None, &first), 0.3);
        assert_eq!(busy_ratio(Some(&first), &counters(1_200_000, 2_000_000, 0)), 0.9);
        assert_eq!(busy_ratio(Some(&first), &counters(400_000, 2_000_000, LOST_MAX)), 0.1);
        assert_eq!(busy_ratio(Some(&first), &counters(400_000, 2_000_000, LOST_MAX + 1)), 1.0);
        assert_eq!(busy_ratio(Some(&first), &first), 0.0);
    }
}
