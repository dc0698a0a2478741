//! How well receivers are served on links as people have them: a table, made anew by `boltorezka-sim --scoreboard`.

pub mod competitor;
pub mod profile;
mod table;

use std::time::{Duration, Instant};

use boltorezka_proto::call::MediaPermissions;

use crate::client::Habits;
use crate::client::coding::Coding;
use crate::host::simulate;
use crate::link::LinkConfig;
use crate::node::NodeConfig;
use crate::parallel;
use crate::random::Random;
use crate::trace::Trace;
use crate::world::World;
use competitor::Competitor;
use profile::{PROFILES, Profile, RatePlayer, TICK};
pub use table::{Row, read, write};

/// What cameras send: four of them six megabits, more than most of the links carry.
const CAMERA_BPS: &[u64] = &[120_000, 420_000, 1_500_000];
const CODING: Coding = Coding::Vp8 { temporal: 3 };
const FPS: u32 = 20;
/// Runs of a profile: the mean of them is told, and the worst where only that matters.
const SEEDS: u64 = 2;
const DURATION: Duration = Duration::from_secs(65);
/// What comes before is not counted in the utilisation.
const SETTLED: Duration = Duration::from_secs(8);
/// What is received is compared with the link over this long.
const WINDOW: Duration = Duration::from_secs(1);
/// The best layers are reached when so much of what the link carries, or of what is sent, is received.
const BEST_RATIO: f64 = 0.8;
/// Bits per second of headers, on top of what encoders make: a packet of about 1,100 bytes has 80 more.
const HEADERS_RATIO: f64 = 1.08;

/// Runs all profiles, on as many threads as there are processors.
///
/// # Errors
/// What went wrong in a run.
pub fn run() -> Result<Vec<Row>, String> {
    let jobs: Vec<_> = PROFILES.iter().flat_map(|profile| (0..SEEDS).map(move |seed| (profile, seed))).collect();
    let results = std::sync::Mutex::new(Vec::new());
    parallel::for_each(&jobs, |(profile, seed)| {
        let result = simulate(*seed, || play(profile, *seed));
        results.lock().expect("no thread panics with it").push((profile.name, result));
    });
    let results = results.into_inner().expect("no thread panics with it");
    let mut rows = Vec::new();
    for profile in PROFILES {
        let mut runs = Vec::new();
        for (_, result) in results.iter().filter(|(name, _)| *name == profile.name) {
            match result {
                Ok(Ok(run)) => runs.push(*run),
                Ok(Err(wrong)) => return Err(format!("{}: {wrong}", profile.name)),
                Err(_) => return Err(format!("{}: a panic", profile.name)),
            }
        }
        rows.push(Row::of(profile.name, &runs));
    }
    Ok(rows)
}

/// What one run came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run {
    /// Pictures and sounds received, as a share of what the link carried or was sent, whichever is less.
    pub utilisation: f64,
    /// The longest time from a rise of the rate, or from the join, until the best layers were there.
    pub to_best: Duration,
    /// Changes of resolution of a camera in a minute.
    pub switches_per_minute: f64,
    /// The longest time without a new picture of a camera.
    pub freeze_max: Duration,
    /// What 95 of 100 packets waited less than in the link's queue.
    pub queue_p95: Duration,
    /// Share of sounds that were lost.
    pub audio_loss: f64,
}

/// Plays one profile.
fn play(profile: &Profile, seed: u64) -> Result<Run, String> {
    let mut random = Random::new(seed ^ 0x5c0_4eb0);
    let config = NodeConfig { shards: 1, heard_max: 3, real_dtls: false };
    let mut world = World::new(seed, config, Trace::default());
    let good = LinkConfig { delay: Duration::from_millis(10), ..LinkConfig::default() };
    for _ in 0..profile.cameras {
        world.join(camera(), MediaPermissions::ALL, good, good);
        world.run(random.duration(Duration::ZERO, Duration::from_millis(300)))?;
    }
    world.run(Duration::from_secs(3))?;
    let mut player = RatePlayer::new(profile.rate, random.split());
    let link = LinkConfig { rate_bps: Some(player.next(Duration::ZERO)), ..profile.link };
    let back = LinkConfig { delay: link.delay, ..LinkConfig::default() };
    let receivers: Vec<_> = (0..profile.receivers)
        .map(|_| world.join(receiver(profile.cameras), MediaPermissions::ALL, back, link))
        .collect();
    let shared = world.paths[receivers[0]].down;
    receivers.iter().for_each(|receiver| world.paths[*receiver].down = shared);

    let mut judge = Judge::new(profile, world.now());
    let mut competitor = profile.has_competitor.then(Competitor::new);
    let began = world.elapsed();
    while world.elapsed() - began < DURATION {
        let elapsed = world.elapsed() - began;
        let rate_bps = player.next(elapsed);
        world.network.link(shared).config.rate_bps = Some(rate_bps);
        for _ in 0..TICK.as_millis() {
            let now = world.now();
            if let Some(download) = &mut competitor {
                download.run(now, world.network.link(shared));
            }
            world.run(Duration::from_millis(1))?;
        }
        let received = receivers.iter().map(|receiver| world.clients[*receiver].media_bytes).sum();
        // Two flows share a link fairly when each has half.
        let fair_bps = if profile.has_competitor { rate_bps / 2 } else { rate_bps };
        judge.sample(elapsed, fair_bps, received);
    }
    Ok(judge.conclude(&mut world, &receivers))
}

fn camera() -> Habits {
    Habits {
        audio_slots: 0,
        video_slots: 0,
        channel: true,
        camera_bps: CAMERA_BPS,
        coding: CODING,
        fps: FPS,
        voice_dbov: Some(-30),
    }
}

fn receiver(cameras: usize) -> Habits {
    Habits { audio_slots: 3, video_slots: cameras, camera_bps: &[], voice_dbov: None, ..camera() }
}

/// Looks at a run while it goes on.
struct Judge {
    /// What is sent to all receivers together at most, in bits per second.
    wanted_bps: f64,
    /// Cameras that each receiver should see.
    cameras: usize,
    began: Instant,
    /// For each tick, what could have been received and what was, in bits.
    ticks: Vec<(f64, f64)>,
    received: u64,
    /// Since when more could be received than before, and the longest that it took until it was.
    rising: Option<Duration>,
    to_best: Duration,
}

impl Judge {
    fn new(profile: &Profile, began: Instant) -> Self {
        let streams = (profile.cameras * profile.receivers) as f64;
        let best_bps = CAMERA_BPS.last().copied().unwrap_or_default() as f64 * streams;
        let (rising, to_best) = (Some(Duration::ZERO), Duration::ZERO);
        Self {
            wanted_bps: best_bps * HEADERS_RATIO,
            cameras: profile.cameras,
            began,
            ticks: Vec::new(),
            received: 0,
            rising,
            to_best,
        }
    }

    fn sample(&mut self, elapsed: Duration, rate_bps: u64, received: u64) {
        let seconds = TICK.as_secs_f64();
        let could = (rate_bps as f64).min(self.wanted_bps) * seconds;
        let came = (received - self.received) as f64 * 8.0;
        self.received = received;
        self.ticks.push((could, came));
        let window = (WINDOW.as_millis() / TICK.as_millis()) as usize;
        let recent = self.ticks.len().saturating_sub(window);
        let (could_lately, came_lately) = sum(&self.ticks[recent..]);
        let (could_before, _) = sum(&self.ticks[recent.saturating_sub(window)..recent]);
        let is_there = self.ticks.len() >= window && came_lately >= BEST_RATIO * could_lately;
        match self.rising {
            Some(since) if is_there => {
                self.to_best = self.to_best.max(elapsed.saturating_sub(since));
                self.rising = None;
            }
            // A rate that only wavers is no rise.
            None if could_lately > 2.0 * could_before && self.ticks.len() > 2 * window => self.rising = Some(elapsed),
            _ => {}
        }
    }

    fn conclude(self, world: &mut World, receivers: &[usize]) -> Run {
        let settled = (SETTLED.as_millis() / TICK.as_millis()) as usize;
        let (could, came) = sum(&self.ticks[settled..]);
        let minutes = DURATION.as_secs_f64() / 60.0;
        let (mut views, mut switches, mut freeze_max) = (0_u64, 0, Duration::ZERO);
        let (mut lost, mut heard) = (0, 0);
        let now = world.now();
        for client in receivers.iter().map(|receiver| &world.clients[*receiver]) {
            let cameras = client.views.iter().filter(|((_, section), _)| *section == 1);
            for (_, view) in cameras {
                views += 1;
                switches += view.switches;
                freeze_max = freeze_max.max(view.freeze_max).max(now.saturating_duration_since(view.last.at));
            }
            if client.views.keys().filter(|(_, section)| *section == 1).count() < self.cameras {
                freeze_max = now.saturating_duration_since(self.began);
            }
            for sound in client.sounds.values() {
                lost += sound.lost();
                heard += sound.received;
            }
        }
        let shared = world.paths[receivers[0]].down;
        Run {
            utilisation: came / could.max(1.0),
            to_best: self.rising.map_or(self.to_best, |since| self.to_best.max(DURATION.saturating_sub(since))),
            switches_per_minute: switches as f64 / minutes / views.max(1) as f64,
            freeze_max,
            queue_p95: world.network.link(shared).waits.quantile(0.95),
            audio_loss: lost as f64 / (lost + heard).max(1) as f64,
        }
    }
}

fn sum(ticks: &[(f64, f64)]) -> (f64, f64) {
    ticks.iter().fold((0.0, 0.0), |(could, came), tick| (could + tick.0, came + tick.1))
}
