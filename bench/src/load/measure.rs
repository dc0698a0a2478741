//! The measured window.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, interval_at};

use super::Show;
use super::joins::Crowd;
use crate::error::BenchError;
use crate::link::Link;
use crate::media::Counters;
use crate::media::engine::EngineHandle;
use crate::options::{LoadOptions, Scenario};
use crate::plan::{Plan, Seat};
use crate::process;
use crate::report::table::Event;
use crate::report::{Host, RunResult, Second};
use crate::target::{Processes, Target};

/// Above this share of its core the generator may have held the target back.
pub const BUSY_RATIO_MAX: f64 = 0.9;
/// Seconds of a run that are kept one by one; of a longer one, the last.
const SECONDS_MAX: usize = 7_200;

/// A moment's figures.
#[derive(Clone, Debug)]
pub struct Reading {
    at: Instant,
    counters: Counters,
    media_cpu: Duration,
    control_cpu: Duration,
    resident_bytes: u64,
    dropped: u64,
    /// Of all others on this host.
    others_cpu: Duration,
}

/// Reads figures.
pub struct Meter {
    engine: EngineHandle,
    processes: Processes,
}

impl Meter {
    /// Of an engine and the target's processes.
    pub fn new(engine: EngineHandle, processes: Processes) -> Self {
        Self { engine, processes }
    }

    /// The figures of this moment.
    ///
    /// # Errors
    /// [`BenchError::Media`] when the engine has ended.
    pub async fn read(&mut self) -> Result<Reading, BenchError> {
        let counters = self.engine.count().await?;
        let media_cpu = process::cpu_time_of(&self.processes.media);
        let control_cpu = process::cpu_time_of(&self.processes.control);
        let own_cpu = process::cpu_time(std::process::id()).unwrap_or_default();
        Ok(Reading {
            at: Instant::now(),
            counters,
            media_cpu,
            control_cpu,
            others_cpu: process::host_busy_time().saturating_sub(media_cpu + control_cpu + own_cpu),
            resident_bytes: process::resident_bytes_of(&self.processes.media),
            dropped: process::dropped_datagrams(self.engine.port()),
        })
    }

    /// Measures for a while, in which people come and go as planned.
    ///
    /// # Errors
    /// [`BenchError::Media`] when the engine has ended.
    pub async fn watch(
        &mut self,
        duration: Duration,
        plan: &Plan,
        crowd: &mut Crowd,
        show: Show<'_>,
    ) -> Result<Window, BenchError> {
        let start = self.read().await?;
        let end_at = tokio::time::Instant::from_std(start.at + duration);
        let second = Duration::from_secs(1);
        let mut seconds = interval_at(tokio::time::Instant::from_std(start.at + second), second);
        let mut churn = interval(Duration::from_secs_f64(1.0 / plan.churn_per_s.max(0.001)));
        churn.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (mut last, mut timeline) = (start.clone(), Vec::new());
        loop {
            tokio::select! {
                // The last second is over at the same moment as the window.
                biased;
                _ = seconds.tick() => {
                    crowd.settle();
                    let now = self.read().await?;
                    let second = second_between(&last, &now, &start, crowd.inside());
                    let eta_s = duration.saturating_sub(now.at - start.at).as_secs_f64();
                    show(Event::Second { second, eta_s });
                    if timeline.len() >= SECONDS_MAX {
                        timeline.remove(0);
                    }
                    timeline.push(second);
                    last = now;
                }
                () = tokio::time::sleep_until(end_at) => break,
                _ = churn.tick(), if plan.churn_per_s > 0.0 => {
                    crowd.leave_oldest();
                    crowd.come_new(plan);
                }
            }
        }
        crowd.settle();
        let end = self.read().await?;
        let has_processes = !self.processes.media.is_empty();
        Ok(Window { start, end, timeline, has_processes, audience: video_audience(plan) })
    }
}

/// What was measured.
pub struct Window {
    start: Reading,
    end: Reading,
    timeline: Vec<Second>,
    has_processes: bool,
    audience: Option<u32>,
}

impl Window {
    /// The run's result. `empty` was read before the joins, `full` after them.
    #[allow(clippy::too_many_arguments)] // They are what a result is made of.
    pub fn result(
        &self,
        options: &LoadOptions,
        link: &Link,
        target: &dyn Target,
        empty: &Reading,
        full: &Reading,
        crowd: &Crowd,
        participants: u64,
    ) -> RunResult {
        let (start, end) = (&self.start, &self.end);
        let seconds = (end.at - start.at).as_secs_f64().max(0.001);
        let counts = Difference { from: &start.counters, to: &end.counters };
        let received = counts.of(Counters::received);
        let latency = end.counters.latency.since(&start.counters.latency);
        let us = |share: f64| latency.quantile(share) / 1000.0;
        let media_cpu = (end.media_cpu.saturating_sub(start.media_cpu)).as_secs_f64();
        let per_packet_s = media_cpu / received.max(1.0);
        let generator_cpu_ratio = counts.of(|counters| counters.busy_ns) / 1e9 / seconds;
        let generator_dropped_packets =
            end.dropped.saturating_sub(start.dropped) + counts.of(|counters| counters.refused) as u64;
        let known = |value: f64| self.has_processes.then_some(value);
        let joins = participants.max(1) as f64;
        let join_cpu = (full.media_cpu.saturating_sub(empty.media_cpu)).as_secs_f64();
        let during_joins = Difference { from: &empty.counters, to: &full.counters }.of(Counters::received);
        let mut times: Vec<f64> = crowd.times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        let join_ms =
            |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().max(1) - 1)).copied();
        let expected_video =
            self.audience.map(|audience| counts.of(|counters| counters.sent_video) * f64::from(audience));
        let video = counts.of(|counters| counters.received_video) + counts.of(|counters| counters.repaired);
        RunResult {
            scenario: options.load.scenario,
            target: target.kind(),
            target_description: target.describe(),
            cpu_ns_per_forwarded_packet: known(per_packet_s * 1e9),
            floor_ns_per_packet: None,
            forwarded_packets_per_s: received / seconds,
            latency_us_p50: us(0.5),
            latency_us_p99: us(0.99),
            latency_us_p999: us(0.999),
            loss_ratio: counts.of(|counters| counters.lost) / counts.of(|counters| counters.expected).max(1.0),
            rss_bytes_per_participant: known(
                end.resident_bytes.saturating_sub(empty.resident_bytes) as f64 / participants.max(1) as f64,
            ),
            join_ms_p50: join_ms(0.5),
            join_ms_p95: join_ms(0.95),
            sfu_cpu_ratio: known(media_cpu / seconds),
            cpu_us_per_participant_s: known(media_cpu * 1e6 / seconds / participants.max(1) as f64),
            generator_cpu_ratio,
            generator_dropped_packets,
            generator_was_bottleneck: generator_cpu_ratio > BUSY_RATIO_MAX || generator_dropped_packets > 0,
            undelivered_ratio: expected_video.map(|expected| (1.0 - video / expected.max(1.0)).max(0.0)),
            repaired_packets: counts.of(|counters| counters.repaired) as u64,
            latency_samples: latency.total(),
            forwarded_mbps: counts.of(|counters| counters.received_bytes) * 8.0 / 1e6 / seconds,
            sent_packets_per_s: counts.of(|counters| counters.sent_audio + counters.sent_video) / seconds,
            received_run_length: counts.of(|counters| counters.datagrams)
                / counts.of(|counters| counters.runs).max(1.0),
            control_cpu_ratio: known(end.control_cpu.saturating_sub(start.control_cpu).as_secs_f64() / seconds),
            join_cpu_ms: known((join_cpu - during_joins * per_packet_s).max(0.0) * 1000.0 / joins),
            joins_per_s: participants as f64 / crowd.took.as_secs_f64().max(0.001),
            joins_failed: crowd.failed,
            others_cpu_ratio: end.others_cpu.saturating_sub(start.others_cpu).as_secs_f64() / seconds,
            participants,
            keyframe_requests: counts.of(|counters| counters.keyframe_requests) as u64,
            load: options.load.clone(),
            duration_s: seconds,
            shards: options.shards,
            link: link.name.clone(),
            gro: !options.generator.no_gro,
            srtp_profile: end.counters.srtp_profile.to_owned(),
            host: Host::here(),
            account: None,
            timeline: self.timeline.clone(),
            floor: None,
        }
    }
}

/// What happened between two counts.
struct Difference<'a> {
    from: &'a Counters,
    to: &'a Counters,
}

impl Difference<'_> {
    fn of(&self, count: impl Fn(&Counters) -> u64) -> f64 {
        count(self.to).saturating_sub(count(self.from)) as f64
    }
}

fn second_between(last: &Reading, now: &Reading, start: &Reading, participants: u64) -> Second {
    let seconds = (now.at - last.at).as_secs_f64().max(0.001);
    let counts = Difference { from: &last.counters, to: &now.counters };
    let latency = now.counters.latency.since(&last.counters.latency);
    Second {
        at_s: (now.at - start.at).as_secs_f64(),
        packets_per_s: counts.of(Counters::received) / seconds,
        loss_ratio: counts.of(|counters| counters.lost) / counts.of(|counters| counters.expected).max(1.0),
        latency_us_p50: latency.quantile(0.5) / 1000.0,
        latency_us_p99: latency.quantile(0.99) / 1000.0,
        sfu_cpu_ratio: now.media_cpu.saturating_sub(last.media_cpu).as_secs_f64() / seconds,
        rss_bytes: now.resident_bytes,
        participants,
    }
}

/// How many clients every picture is to reach, where that is the same number for all of them and never changes.
fn video_audience(plan: &Plan) -> Option<u32> {
    let is_steady =
        !plan.load.simulcast && matches!(plan.load.scenario, Scenario::Webinar | Scenario::Meeting | Scenario::Rooms);
    let cameras: Vec<&Seat> = plan.seats.iter().filter(|seat| seat.camera).collect();
    let first = cameras.first().map(|seat| plan.audience(seat))?;
    is_steady.then_some(first)
}
