//! The story of a seed: who comes, over which links, what happens to them, and what must be true at the end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use boltorezka_proto::call::{EndReason, MediaPermissions};
use str0m::format::Codec;
use str0m::net::Protocol;

use crate::client::coding::Coding;
use crate::client::decoder::PictureDecoder;
use crate::client::described::Described;
use crate::client::sound::SoundDecoder;
use crate::client::{Extras, Habits};
use crate::link::{LinkConfig, Loss};
use crate::node::{Node, NodeConfig};
use crate::random::Random;
use crate::trace::Trace;
use crate::world::World;

/// People of a room at least and at most; most rooms are small.
const PEOPLE_MIN: f64 = 2.0;
const PEOPLE_MAX: f64 = 60.0;
/// Shape of the tail (Pareto): half of the rooms have up to four.
const PEOPLE_SHAPE: f64 = 1.1;
/// People come within this time; accidents last this long; then all is well for so long.
const ARRIVALS: Duration = Duration::from_secs(8);
const ACCIDENTS: Duration = Duration::from_secs(20);
const CALM: Duration = Duration::from_secs(10);
/// What was still on its way when all became well has come by then.
const SETTLING: Duration = Duration::from_secs(5);
/// After the last has gone, the node has so long to forget.
const FORGETTING: Duration = Duration::from_secs(6);
/// A picture that is shown was renewed within this time.
const FRESH: Duration = Duration::from_secs(2);
/// Sounds a second of somebody who speaks, at least; who is silent makes two or three.
const VOICED: usize = 40;

/// Bits per second of a camera's encodings: small enough for rooms of 60, with packets of full size.
const SIMULCAST_BPS: &[u64] = &[60_000, 200_000, 600_000];
const SINGLE_BPS: &[u64] = &[300_000];
const FPS: u32 = 10;
/// How people code their cameras. Spatial layers stand in for simulcast.
const CODINGS: &[Coding] = &[
    Coding::Vp8 { temporal: 1 },
    Coding::Vp8 { temporal: 2 },
    Coding::Vp8 { temporal: 3 },
    Coding::H264,
    Coding::Vp9 { spatial: 1, temporal: 3, only_key: false },
    Coding::Vp9 { spatial: 3, temporal: 3, only_key: false },
    Coding::Vp9 { spatial: 3, temporal: 2, only_key: true },
    Coding::Vp9 { spatial: 2, temporal: 1, only_key: false },
    Coding::Described(Described { codec: Codec::Av1, spatial: 1, only_key: false }),
    Coding::Described(Described { codec: Codec::Av1, spatial: 3, only_key: false }),
    Coding::Described(Described { codec: Codec::Av1, spatial: 3, only_key: true }),
    Coding::Described(Described { codec: Codec::Vp8, spatial: 1, only_key: false }),
];
/// Of those who speak the protocol so many send data messages.
const DATA: f64 = 0.4;
/// For so many UDP is blocked.
const TCP: f64 = 0.15;
/// Of the frames of a camera's best layers so many are shown, when all is well.
const FRAMES_RATIO: f64 = 0.8;

/// One seed of so many has DTLS as it is; its decisions are not the same each time, since records differ in length.
pub const REAL_DTLS_EACH: u64 = 16;

/// How to run a seed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Shards of the node; the seed decides when absent.
    pub shards: Option<u8>,
    /// At the end a few people speak and all others are silent, and it is noted what everybody sees and hears then: what
    /// does not depend on the moment can be compared.
    pub notes_the_end: bool,
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The digest of all decisions.
    pub digest: u64,
    /// People who ever joined.
    pub people: usize,
    /// Shards.
    pub shards: u8,
    /// Time of the simulation.
    pub time: Duration,
    /// What everybody who was there at the end saw and heard, where that was to be noted.
    pub seen: Vec<Seen>,
    /// What was wrong.
    pub wrong: Option<String>,
}

/// Encoding and spatial layer.
pub type Level = (u8, u8);

/// What somebody sees and hears.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who.
    pub client: usize,
    /// Whose cameras, each with its encoding and spatial layer; only their number where there is no room for all.
    pub cameras: Result<Vec<(u16, Level)>, usize>,
    /// Whose voices.
    pub voices: Vec<u16>,
}

/// Runs a seed on this thread, which must be a simulated one.
pub fn run(seed: u64, options: Options, trace: Trace) -> Outcome {
    let mut story = Story::new(seed, options, trace);
    let wrong = story.play().err();
    let Story { world, shards, seen, .. } = story;
    let (digest, people, time) = (world.trace.digest(), world.clients.len(), world.elapsed());
    Outcome { digest, people, shards, time, seen, wrong }
}

/// Plays the story of a seed so many times on one node, each time with newcomers that are like those before them; hands
/// out the node, of which nobody else knows then, and the people of each time.
///
/// # Errors
/// What was wrong.
pub fn repeat(seed: u64, options: Options, times: usize) -> Result<(Node, usize), String> {
    let mut story = Story::new(seed, options, Trace::default());
    let random = story.random;
    for _ in 0..times {
        story.random = random;
        story.play()?;
    }
    let people = story.world.clients.len() / times.max(1);
    Ok((story.world.node, people))
}

struct Story {
    world: World,
    random: Random,
    options: Options,
    shards: u8,
    heard_max: usize,
    present: Vec<usize>,
    /// Those whose links were cut. SCTP waits twice as long after each loss: once a link is back, data messages may stand
    /// still for as long again as it was away.
    cut: BTreeSet<usize>,
    seen: Vec<Seen>,
}

impl Story {
    fn new(seed: u64, options: Options, trace: Trace) -> Self {
        let mut random = Random::new(seed ^ 0x5ce9_a210);
        // Drawn in any case: the story is the same on any number of shards.
        let shards = random.below(1, 4) as u8;
        let shards = options.shards.unwrap_or(shards);
        let heard_max = *random.pick(&[3, 3, 3, 1, 5]).unwrap_or(&3);
        let real_dtls = seed % REAL_DTLS_EACH == REAL_DTLS_EACH - 1;
        let mut world = World::new(seed, NodeConfig { shards, heard_max, real_dtls }, trace);
        world.downlinks = Some(Vec::new());
        Self { world, random, options, shards, heard_max, present: Vec::new(), cut: BTreeSet::new(), seen: Vec::new() }
    }

    fn play(&mut self) -> Result<(), String> {
        self.arrive()?;
        self.suffer()?;
        self.recover()?;
        if self.options.notes_the_end {
            self.note_the_end()?;
        }
        self.part()
    }

    fn people(&mut self) -> usize {
        let tail = PEOPLE_MIN / (1.0 - self.random.ratio()).powf(1.0 / PEOPLE_SHAPE);
        tail.min(PEOPLE_MAX) as usize
    }

    fn arrive(&mut self) -> Result<(), String> {
        let people = self.people();
        for _ in 0..people {
            self.world.run(self.random.duration(Duration::ZERO, ARRIVALS / people.max(1) as u32))?;
            self.join();
        }
        Ok(())
    }

    fn join(&mut self) {
        let random = &mut self.random;
        let coding = *random.pick(CODINGS).unwrap_or(&Coding::H264);
        let habits = Habits {
            audio_slots: self.heard_max,
            video_slots: random.below(1, 9) as usize,
            channel: random.chance(0.85),
            camera_bps: match random.below(0, 10) {
                // Spatial layers are an encoding's own simulcast.
                0..5 if coding.layers().0 == 1 => SIMULCAST_BPS,
                0..8 => SINGLE_BPS,
                _ => &[],
            },
            coding,
            fps: FPS,
            voice_dbov: random.chance(0.9).then(|| -(random.below(15, 50) as i8)),
        };
        let (up, down) = (link(random, false), link(random, true));
        let extras = Extras { data: habits.channel && random.chance(DATA), tcp: random.chance(TCP) };
        let client = self.world.join_with(habits, extras, MediaPermissions::ALL, up, down);
        self.present.push(client);
    }

    fn suffer(&mut self) -> Result<(), String> {
        let mut left = ACCIDENTS;
        while !left.is_zero() {
            let pause = self.random.duration(Duration::from_millis(200), Duration::from_secs(3)).min(left);
            left -= pause;
            self.world.run(pause)?;
            self.accident();
        }
        Ok(())
    }

    fn accident(&mut self) {
        let Some(&client) = self.random.pick(&self.present) else { return };
        match self.random.below(0, 12) {
            0 => self.leave(client, EndReason::Left),
            1 => self.leave(client, EndReason::Kicked),
            2 | 3 => self.join(),
            4 => {
                let permissions = MediaPermissions {
                    microphone: self.random.chance(0.5),
                    camera: self.random.chance(0.5),
                    subscribe: self.random.chance(0.8),
                    ..MediaPermissions::ALL
                };
                self.world.set_permissions(client, permissions);
            }
            5 => {
                let (microphone_muted, camera_muted) = (self.random.chance(0.5), self.random.chance(0.5));
                self.world.clients[client].publish(microphone_muted, camera_muted);
            }
            6 => self.world.rebind(client),
            7 => {
                let cut = LinkConfig { loss: Loss::Random(1.0), ..LinkConfig::default() };
                self.cut.insert(client);
                self.change_links(client, cut, cut);
            }
            _ => {
                let (up, down) = (link(&mut self.random, false), link(&mut self.random, true));
                self.change_links(client, up, down);
            }
        }
    }

    fn change_links(&mut self, client: usize, up: LinkConfig, down: LinkConfig) {
        let path = self.world.paths[client];
        self.world.network.link(path.up).config = up;
        self.world.network.link(path.down).config = down;
        self.world.note(format_args!("client {client} has links {up:?}, {down:?}"));
    }

    fn leave(&mut self, client: usize, reason: EndReason) {
        self.present.retain(|other| *other != client);
        self.world.revoke(client, reason);
    }

    /// All links are good, everybody may everything and is unmuted: then everybody sees and hears as well as can be.
    fn recover(&mut self) -> Result<(), String> {
        let good = LinkConfig { delay: Duration::from_millis(20), ..LinkConfig::default() };
        for client in self.present.clone() {
            self.change_links(client, good, good);
            self.world.set_permissions(client, MediaPermissions::ALL);
            self.world.clients[client].publish(false, false);
        }
        self.world.run(SETTLING)?;
        self.world.take_gaps();
        let settled = self.world.now();
        let lost = self.sounds_lost();
        self.world.run(CALM - SETTLING)?;
        let (gaps, lost) = (self.world.take_gaps(), self.sounds_lost().saturating_sub(lost));
        if gaps + lost > 0 {
            return Err(format!(
                "nothing was lost, and the node left out {gaps} numbers, listeners missed {lost} sounds"
            ));
        }
        let reached: Vec<usize> = self.present.iter().filter(|client| !self.cut.contains(client)).copied().collect();
        self.world.judge_messages(settled, &reached)?;
        for (client, downlink) in self.world.downlinks.iter().flatten().enumerate() {
            downlink.judge_sounds().map_err(|wrong| format!("client {client}: {wrong}"))?;
        }
        let (over_tcp, others): (Vec<usize>, Vec<usize>) =
            self.present.iter().partition(|client| self.world.clients[**client].protocol == Protocol::Tcp);
        others.iter().try_for_each(|client| self.check_view(*client))?;
        if over_tcp.iter().any(|client| self.check_view(*client).is_err()) {
            // The estimate of a TCP connection that was slow rises slowly (seed 326: 9 s). The aim is the same as for others.
            self.world.run(CALM)?;
        }
        over_tcp.iter().try_for_each(|client| self.check_view(*client))
    }

    fn sounds_lost(&self) -> u64 {
        let sounds = self.present.iter().flat_map(|client| self.world.clients[*client].sounds.values());
        sounds.map(SoundDecoder::lost).sum()
    }

    /// Whether a client is shown as many cameras as it has room for, in their best encodings, and lately.
    fn check_view(&self, client: usize) -> Result<(), String> {
        let me = &self.world.clients[client];
        if !me.is_connected || me.is_closed || me.ended.is_some() {
            return Err(format!("client {client} is not in the call any more: {:?}", me.ended));
        }
        let others = self.present.iter().filter(|other| **other != client).map(|other| &self.world.clients[*other]);
        let cameras = others.filter(|other| !other.habits.camera_bps.is_empty()).count();
        // A slot that has just been given to somebody else has had no time yet.
        let settled = self.world.now() - FRESH;
        let showing = me.pictures.values().filter_map(PictureDecoder::showing);
        let showing: Vec<_> = showing.filter(|(last, _)| last.at > settled).collect();
        let wanted = cameras.min(me.habits.video_slots);
        if showing.len() < wanted {
            let shown: Vec<_> = showing.iter().map(|(last, _)| last.truth.publisher).collect();
            return Err(format!("client {client} is shown {} of {wanted} pictures: {shown:?}", showing.len()));
        }
        for (last, _) in showing.iter().filter(|(_, since)| *since < settled) {
            self.check_picture(client, last.truth.publisher, settled)?;
        }
        Ok(())
    }

    /// Whether a client is shown the best of a camera.
    fn check_picture(&self, client: usize, publisher: u16, since: Instant) -> Result<(), String> {
        let Some(view) = self.world.clients[client].views.get(&(publisher, 1)) else { return Ok(()) };
        let habits = &self.world.clients[usize::from(publisher)].habits;
        let best = (habits.camera_bps.len() as u8 - 1, habits.coding.layers().0 - 1);
        let (level, pictures) = (view.whole_level(), view.pictures_since(since));
        let enough = (FRESH.as_secs_f64() * f64::from(habits.fps) * FRAMES_RATIO) as usize;
        if level != best || pictures < enough {
            let coding = habits.coding;
            return Err(format!(
                "client {client} has a good link, and is shown {level:?} of {publisher} ({coding:?}), {pictures} pictures in {FRESH:?}; the best is {best:?}, with {enough}"
            ));
        }
        Ok(())
    }

    /// A few speak, all others are silent, and what everybody sees and hears is noted.
    fn note_the_end(&mut self) -> Result<(), String> {
        let has_voice = |client: &&usize| self.world.clients[**client].habits.voice_dbov.is_some();
        let speakers: Vec<usize> = self.present.iter().filter(has_voice).take(self.heard_max).copied().collect();
        for client in &self.present {
            self.world.clients[*client]
                .encoders
                .iter_mut()
                .for_each(|encoder| encoder.speak(speakers.contains(client)));
        }
        self.world.run(SETTLING)?;
        let since = self.world.now() - Duration::from_secs(1);
        self.seen = self.present.iter().map(|client| self.seen_by(*client, since)).collect();
        Ok(())
    }

    fn seen_by(&self, client: usize, since: Instant) -> Seen {
        let me = &self.world.clients[client];
        let of = |wanted: u8, least: usize| {
            let views = me.views.iter().filter(move |((_, section), _)| *section == wanted);
            views.filter(move |(_, view)| view.pictures_since(since) >= least)
        };
        let voices = of(0, VOICED).map(|((publisher, _), _)| *publisher).collect();
        let cameras: Vec<_> = of(1, 1).map(|((publisher, _), view)| (*publisher, view.whole_level())).collect();
        let sent = self
            .present
            .iter()
            .filter(|other| **other != client && !self.world.clients[**other].habits.camera_bps.is_empty());
        let cameras = if sent.count() > me.habits.video_slots { Err(cameras.len()) } else { Ok(cameras) };
        Seen { client, cameras, voices }
    }

    fn part(&mut self) -> Result<(), String> {
        for client in self.present.clone() {
            self.leave(client, EndReason::Left);
        }
        self.world.run(FORGETTING)?;
        match self.world.node.leftovers().as_slice() {
            [] => Ok(()),
            left => Err(format!("nobody is left, and the node remembers: {left:?}")),
        }
    }
}

/// A link as people have them: most are good.
fn link(random: &mut Random, is_down: bool) -> LinkConfig {
    let delay = random.duration(Duration::from_millis(2), Duration::from_millis(80));
    let good = LinkConfig { delay, ..LinkConfig::default() };
    match random.below(0, 10) {
        0 => LinkConfig { loss: Loss::Random(0.1 * random.ratio()), ..good },
        1 => LinkConfig { loss: Loss::Bursts { begin: 0.01, end: 0.3 }, ..good },
        2 => LinkConfig { jitter: random.duration(Duration::from_millis(2), Duration::from_millis(60)), ..good },
        3 => LinkConfig { reordered: 0.02, duplicated: 0.02, ..good },
        4 if is_down => LinkConfig { rate_bps: Some(random.below(300_000, 3_000_000)), ..good },
        _ => good,
    }
}
