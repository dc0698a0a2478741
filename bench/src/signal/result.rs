//! What a run found.

use boltorezka_proto::RoomSlug;
use serde::{Deserialize, Serialize};

use super::accounts::Asked;
use super::chat::Talk;
use super::crowd::Entered;
use super::delivery::Deliveries;
use super::opening::Counts;
use super::socket::Tally;
use super::usage::Usage;
use crate::options::{SignalLoad, SignalOptions};
use crate::report::{Host, doubts};

/// What came out. Times in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignalResult {
    /// Always `signal`, so that reports can tell it from media runs.
    pub scenario: String,
    /// Sockets that connected and joined.
    pub sockets: u32,
    /// Sockets that could not.
    pub sockets_failed: u32,
    /// Sockets that broke later.
    pub sockets_broken: u32,
    /// Rooms.
    pub rooms: u32,
    /// Sockets a second, from the ticket to the ack of `room.join`.
    pub connects_per_s: f64,
    /// From the request for a ticket to `server.ready`.
    pub connect_ms_p50: f64,
    /// The same.
    pub connect_ms_p95: f64,
    /// The same.
    pub connect_ms_p99: f64,
    /// From `room.join` to its ack.
    pub join_ms_p50: f64,
    /// The same.
    pub join_ms_p95: f64,

    /// Messages sent.
    pub messages_sent: u64,
    /// Messages that were acked, a second.
    pub messages_per_s: f64,
    /// Messages that were refused.
    pub messages_refused: u64,
    /// Messages that were due and not sent, because their participant had too many unwritten ones, or was gone.
    pub messages_skipped: u64,
    /// Messages that were sent and got no answer.
    pub messages_unanswered: u64,
    /// Messages that were acked and are not in the room's history.
    pub messages_lost: u64,
    /// Messages that are in the room's history more than once.
    pub messages_double: u64,
    /// From sending a message to its ack.
    pub ack_ms_p50: f64,
    /// The same.
    pub ack_ms_p95: f64,
    /// The same.
    pub ack_ms_p99: f64,

    /// `message.new` frames that arrived, a second.
    pub deliveries_per_s: f64,
    /// What arrived of what should have: each stored message at each member of its room.
    pub delivery_ratio: f64,
    /// Deliveries that did not come.
    pub deliveries_missing: u64,
    /// Deliveries that came again.
    pub deliveries_double: u64,
    /// Deliveries that came after one of a message that was stored later.
    pub deliveries_out_of_order: u64,
    /// Deliveries of messages that are not in the room's history.
    pub deliveries_unknown: u64,
    /// From sending a message to `message.new` at a member.
    pub delivery_ms_p50: f64,
    /// The same.
    pub delivery_ms_p95: f64,
    /// The same.
    pub delivery_ms_p99: f64,

    /// `GET /v1/auth/me`; absent when it was not asked for.
    pub me: Option<MeResult>,
    /// Many who enter one room; absent without a crowd.
    pub crowd: Option<CrowdResult>,

    /// Cores that the server kept busy while messages were sent; absent when it runs elsewhere.
    pub server_cpu_ratio: Option<f64>,
    /// Share of its core that this program kept busy meanwhile, 0 to 1.
    pub generator_cpu_ratio: f64,
    /// Cores that were busy with neither meanwhile.
    pub others_cpu_ratio: f64,
    /// Whether this program's core was over 90 % busy while messages were sent or accounts asked for: then the figures say
    /// little of the server.
    pub generator_was_bottleneck: bool,

    /// The load.
    pub load: SignalLoad,
    /// For how long messages were sent, in seconds.
    pub duration_s: f64,
    /// The host.
    pub host: Host,
}

/// What came out of `GET /v1/auth/me`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct MeResult {
    /// Answers a second.
    pub requests_per_s: f64,
    /// Requests that were refused, or had to be left out because too many waited.
    pub requests_failed: u64,
    /// From the request to its answer.
    pub request_ms_p50: f64,
    /// The same.
    pub request_ms_p95: f64,
    /// The same.
    pub request_ms_p99: f64,
    /// Cores that the server kept busy meanwhile; absent when it runs elsewhere.
    pub server_cpu_ratio: Option<f64>,
    /// Share of its core that this program kept busy meanwhile, 0 to 1.
    pub generator_cpu_ratio: f64,
}

/// What came out of many who entered one room at once.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct CrowdResult {
    /// Those who got in.
    pub members: u32,
    /// Those who did not.
    pub members_failed: u32,
    /// From the first `room.join` to the last ack, in seconds.
    pub joins_took_s: f64,
    /// From `room.join` to its ack.
    pub join_ms_p50: f64,
    /// The same.
    pub join_ms_p95: f64,
    /// `presence.update` frames that a member received, at the median.
    pub presence_messages_p50: u32,
    /// The most that a member received.
    pub presence_messages_max: u32,
    /// Bytes of them that a member received, at the median.
    pub presence_bytes_p50: u32,
}

impl SignalResult {
    /// What makes the figures doubtful, for people.
    pub fn doubts(&self) -> Vec<String> {
        doubts(self.generator_was_bottleneck, self.others_cpu_ratio)
    }

    /// 3 when the generator was the bottleneck, else 0.
    pub fn exit_code(&self) -> u8 {
        if self.generator_was_bottleneck { 3 } else { 0 }
    }
}

/// All that a result is made of.
pub struct Parts<'a> {
    pub options: &'a SignalOptions,
    pub opening: Counts,
    pub talk: Talk,
    pub heard: Vec<Tally>,
    pub deliveries: Deliveries,
    pub asked: Option<Asked>,
    pub entered: Option<Entered>,
}

impl Parts<'_> {
    /// The figures.
    pub fn into_result(self) -> SignalResult {
        let Self { options, opening, talk, heard, deliveries, asked, entered } = self;
        let Usage { server_cpu_ratio, generator_cpu_ratio, others_cpu_ratio } = talk.usage;
        let was_bottleneck = |usage: Usage| usage.generator_was_bottleneck();
        let generator_was_bottleneck =
            was_bottleneck(talk.usage) || asked.as_ref().is_some_and(|asked| was_bottleneck(asked.usage));
        let talked_s = talk.took.as_secs_f64().max(f64::MIN_POSITIVE);
        let connects = sorted(heard.iter().map(|tally| tally.connect_us));
        let joins = sorted(heard.iter().map(|tally| tally.join_us));
        let acks = sorted(heard.iter().flat_map(|tally| &tally.ack_us).copied());
        let arrived = sorted(heard.iter().flat_map(|tally| &tally.delivery_us).copied());
        let [sent, refused] = [|tally: &Tally| tally.sent, |tally: &Tally| tally.refused]
            .map(|count| heard.iter().map(count).sum::<u64>());
        let rooms: std::collections::BTreeSet<Option<&RoomSlug>> =
            heard.iter().map(|tally| tally.room.as_ref()).collect();
        SignalResult {
            scenario: "signal".into(),
            sockets: opening.opened,
            sockets_failed: opening.failed,
            sockets_broken: heard.iter().map(|tally| u32::from(tally.broke)).sum(),
            rooms: u32::try_from(rooms.len()).unwrap_or(u32::MAX),
            connects_per_s: f64::from(opening.opened) / opening.took.as_secs_f64().max(f64::MIN_POSITIVE),
            connect_ms_p50: quantile_ms(&connects, 0.50),
            connect_ms_p95: quantile_ms(&connects, 0.95),
            connect_ms_p99: quantile_ms(&connects, 0.99),
            join_ms_p50: quantile_ms(&joins, 0.50),
            join_ms_p95: quantile_ms(&joins, 0.95),
            messages_sent: sent,
            messages_per_s: acks.len() as f64 / talked_s,
            messages_refused: refused,
            messages_skipped: talk.skipped,
            messages_unanswered: sent.saturating_sub(refused + acks.len() as u64),
            messages_lost: deliveries.lost_messages,
            messages_double: deliveries.double_messages,
            ack_ms_p50: quantile_ms(&acks, 0.50),
            ack_ms_p95: quantile_ms(&acks, 0.95),
            ack_ms_p99: quantile_ms(&acks, 0.99),
            deliveries_per_s: arrived.len() as f64 / talked_s,
            delivery_ratio: deliveries.ratio(),
            deliveries_missing: deliveries.missing,
            deliveries_double: deliveries.double,
            deliveries_out_of_order: deliveries.out_of_order,
            deliveries_unknown: deliveries.unknown,
            delivery_ms_p50: quantile_ms(&arrived, 0.50),
            delivery_ms_p95: quantile_ms(&arrived, 0.95),
            delivery_ms_p99: quantile_ms(&arrived, 0.99),
            me: asked.map(me),
            crowd: entered.map(|entered| crowd(&entered)),
            server_cpu_ratio,
            generator_cpu_ratio,
            others_cpu_ratio,
            generator_was_bottleneck,
            load: options.load.clone(),
            duration_s: talk.took.as_secs_f64(),
            host: Host::here(),
        }
    }
}

fn me(asked: Asked) -> MeResult {
    let times = sorted(asked.times_us.into_iter());
    MeResult {
        requests_per_s: times.len() as f64 / asked.took.as_secs_f64().max(f64::MIN_POSITIVE),
        requests_failed: asked.failed,
        request_ms_p50: quantile_ms(&times, 0.50),
        request_ms_p95: quantile_ms(&times, 0.95),
        request_ms_p99: quantile_ms(&times, 0.99),
        server_cpu_ratio: asked.usage.server_cpu_ratio,
        generator_cpu_ratio: asked.usage.generator_cpu_ratio,
    }
}

fn crowd(entered: &Entered) -> CrowdResult {
    let number = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let joins = sorted(entered.members.iter().map(|member| member.join_us));
    let messages = sorted(entered.members.iter().map(|member| number(member.presence.messages)));
    let bytes = sorted(entered.members.iter().map(|member| number(member.presence.bytes)));
    CrowdResult {
        members: number(entered.members.len() as u64),
        members_failed: entered.failed,
        joins_took_s: entered.took.as_secs_f64(),
        join_ms_p50: quantile_ms(&joins, 0.50),
        join_ms_p95: quantile_ms(&joins, 0.95),
        presence_messages_p50: quantile(&messages, 0.50),
        presence_messages_max: quantile(&messages, 1.0),
        presence_bytes_p50: quantile(&bytes, 0.50),
    }
}

fn sorted(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    values
}

fn quantile_ms(sorted_us: &[u32], share: f64) -> f64 {
    f64::from(quantile(sorted_us, share)) / 1_000.0
}

/// A quantile of sorted values by the nearest rank; 0 when there are none.
fn quantile(sorted: &[u32], share: f64) -> u32 {
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize - 1;
    sorted.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::super::crowd::Member;
    use super::*;
    use crate::options::{Command, Options};
    use crate::target::boltorezka::gateway::Presence;

    #[test]
    fn quantiles_take_the_nearest_rank() {
        let times: Vec<u32> = (1..=100).map(|ms| ms * 1_000).collect();
        assert!((quantile_ms(&times, 0.50) - 50.0).abs() < f64::EPSILON);
        assert!((quantile_ms(&times, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!((quantile_ms(&times, 1.00) - 100.0).abs() < f64::EPSILON);
        assert_eq!((quantile(&[], 0.99), quantile(&[7], 0.50)), (0, 7));
    }

    fn parts(options: &SignalOptions) -> Parts<'_> {
        let usage = Usage { server_cpu_ratio: Some(0.5), generator_cpu_ratio: 0.2, others_cpu_ratio: 0.0 };
        let tally = |room: &str| Tally {
            room: RoomSlug::new(room).ok(),
            connect_us: 4_000,
            ack_us: vec![1_000, 2_000, 3_000],
            delivery_us: vec![5_000; 6],
            sent: 5,
            refused: 1,
            ..Tally::default()
        };
        Parts {
            options,
            opening: Counts { opened: 3, failed: 1, took: Duration::from_millis(1_500) },
            talk: Talk { skipped: 2, took: Duration::from_secs(3), usage },
            heard: vec![tally("one"), tally("one"), Tally { broke: true, ..tally("two") }],
            deliveries: Deliveries { expected: 20, missing: 2, lost_messages: 1, ..Deliveries::default() },
            asked: Some(Asked { times_us: vec![9_000, 1_000], failed: 1, took: Duration::from_secs(2), usage }),
            entered: None,
        }
    }

    fn options() -> SignalOptions {
        match Options::try_parse_from(["boltorezka-bench", "signal"]).unwrap().command {
            Command::Signal(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn figures_are_those_of_all_participants() {
        let options = options();
        let result = parts(&options).into_result();
        assert_eq!((result.sockets, result.sockets_failed, result.sockets_broken, result.rooms), (3, 1, 1, 2));
        assert_eq!((result.messages_sent, result.messages_refused, result.messages_skipped), (15, 3, 2));
        assert_eq!((result.messages_unanswered, result.messages_lost, result.deliveries_missing), (3, 1, 2));
        let per_s = [result.connects_per_s, result.messages_per_s, result.deliveries_per_s];
        assert_eq!(per_s, [2.0, 3.0, 6.0]);
        assert_eq!([result.ack_ms_p50, result.ack_ms_p95, result.delivery_ratio], [2.0, 3.0, 0.9]);
        let me = result.me.unwrap();
        assert_eq!((me.requests_per_s, me.requests_failed), (1.0, 1));
        assert_eq!([me.request_ms_p50, me.request_ms_p95], [1.0, 9.0]);
    }

    #[test]
    fn a_busy_generator_in_either_part_makes_the_run_doubtful() {
        let options = options();
        let busy = |usage: &mut Usage| usage.generator_cpu_ratio = 0.95;
        assert_eq!(parts(&options).into_result().exit_code(), 0);
        let mut talking = parts(&options);
        busy(&mut talking.talk.usage);
        assert_eq!(talking.into_result().exit_code(), 3);
        let mut asking = parts(&options);
        busy(&mut asking.asked.as_mut().unwrap().usage);
        let result = asking.into_result();
        assert_eq!(result.exit_code(), 3);
        assert!(result.doubts().iter().any(|doubt| doubt.contains("bottleneck")));
    }

    #[test]
    fn a_crowd_is_told_by_what_its_members_received() {
        let member = |messages| Member { join_us: 2_000, presence: Presence { messages, bytes: messages * 100 } };
        let members = [3, 9, 4].map(member).into();
        let result = crowd(&Entered { members, failed: 2, took: Duration::from_millis(1_200) });
        assert_eq!((result.members, result.members_failed), (3, 2));
        assert_eq!(
            (result.presence_messages_p50, result.presence_messages_max, result.presence_bytes_p50),
            (4, 9, 400)
        );
        assert_eq!([result.joins_took_s, result.join_ms_p95], [1.2, 2.0]);
    }
}
