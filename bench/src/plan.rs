//! A scenario as a list of seats.

use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::options::{Load, Scenario};

/// Most seats of a plan: each has an address, some timers and about 10 KiB.
pub const SEATS_MAX: u32 = 20_000;

/// Clients in the call before the run.
const FIRST_CALL: u32 = 2;

/// What one client does.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Default, Debug)]
pub struct Seat {
    /// Its number in the whole run, from 0; unique also among those who come later.
    pub index: u32,
    /// The number of its room, from 0.
    pub room: u32,
    /// It sends a microphone.
    pub microphone: bool,
    /// It sends a camera.
    pub camera: bool,
    /// Sounds that it wants to receive.
    pub audio: u32,
    /// Pictures that it wants to receive.
    pub video: u32,
    /// Nobody sends to it: it is in as soon as it is connected.
    pub is_idle: bool,
}

impl Seat {
    /// Whether it sends anything.
    pub fn publishes(&self) -> bool {
        self.microphone || self.camera
    }

    /// Whether it receives anything.
    pub fn receives(&self) -> bool {
        !self.is_idle && (self.audio > 0 || self.video > 0)
    }
}

/// A run's seats, those who publish first.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub struct Plan {
    /// The load that it was made from.
    pub load: Load,
    /// How many rooms there are.
    pub rooms: u32,
    /// Who is there from the beginning.
    pub seats: Vec<Seat>,
    /// Joins, and leaves, a second while measuring; 0 when nobody comes or goes.
    pub churn_per_s: f64,
}

impl Plan {
    /// Makes the plan of a load.
    ///
    /// # Errors
    /// [`BenchError::Options`] when there are more than [`SEATS_MAX`] seats, or nobody sends.
    pub fn new(load: &Load) -> Result<Self, BenchError> {
        let mut plan = Self { load: load.clone(), rooms: 0, seats: Vec::new(), churn_per_s: 0.0 };
        match load.scenario {
            Scenario::Webinar => plan.stage(load.publishers.unwrap_or(1), load.subscribers.unwrap_or(200), true)?,
            Scenario::Churn => {
                plan.stage(load.publishers.unwrap_or(1), load.subscribers.unwrap_or(200), true)?;
                plan.churn_per_s = load.rate.unwrap_or(10.0);
            }
            Scenario::Voice => plan.stage(load.publishers.unwrap_or(10), load.subscribers.unwrap_or(100), false)?,
            Scenario::Meeting => plan.meeting(load.participants.unwrap_or(10))?,
            Scenario::Rooms => {
                for _ in 0..load.rooms.unwrap_or(10) {
                    plan.meeting(load.participants.unwrap_or(4))?;
                }
            }
            Scenario::Idle => {
                plan.rooms = 1;
                for _ in 0..load.subscribers.unwrap_or(200) {
                    plan.add(Seat { audio: 1, video: 1, is_idle: true, ..Seat::default() })?;
                }
            }
            Scenario::Mixed => {
                plan.stage(1, load.subscribers.unwrap_or(100), true)?;
                plan.meeting(load.participants.unwrap_or(10))?;
                plan.stage(load.publishers.unwrap_or(10), load.subscribers.unwrap_or(100), false)?;
            }
        }
        if !(0.0..=1000.0).contains(&plan.churn_per_s) {
            return Err(BenchError::Options("--rate is between 0 and 1000 a second".into()));
        }
        if load.scenario != Scenario::Idle && !plan.seats.iter().any(Seat::publishes) {
            return Err(BenchError::Options("nobody would send: ask for one publisher at least".into()));
        }
        plan.seats.sort_by_key(|seat| (!seat.publishes(), seat.index));
        Ok(plan)
    }

    /// The plan with one more room for two, and that call as a plan of its own. It comes and goes before anything is
    /// measured: what a server loads and sets up once belongs to none of the clients.
    pub fn with_first_call(&self) -> (Self, Self) {
        let index = self.seats.len() as u32;
        let seat = |n| {
            let (index, room) = (index + n, self.rooms);
            Seat { index, room, microphone: true, camera: true, audio: 1, video: 1, is_idle: false }
        };
        let mut whole = Self { rooms: self.rooms + 1, ..self.clone() };
        let first = Self { seats: (0..FIRST_CALL).map(seat).collect(), churn_per_s: 0.0, ..whole.clone() };
        whole.seats.extend(first.seats.iter().cloned());
        (whole, first)
    }

    /// The number of the first who comes later.
    pub fn next_index(&self) -> u32 {
        self.seats.len() as u32 + FIRST_CALL
    }

    /// Somebody who comes later: the same as the last seat, under another number.
    pub fn newcomer(&self, index: u32) -> Option<Seat> {
        self.seats.last().map(|seat| Seat { index, ..seat.clone() })
    }

    /// The seats that a seat receives from, in rising order.
    pub fn sources(&self, seat: &Seat) -> Vec<u32> {
        let others = self.seats.iter().filter(|other| other.room == seat.room && other.index != seat.index);
        let mut sources: Vec<u32> = others.filter(|other| other.publishes()).map(|other| other.index).collect();
        sources.sort_unstable();
        sources.truncate(seat.audio.max(seat.video) as usize);
        sources
    }

    /// How many seats receive what a seat sends.
    pub fn audience(&self, seat: &Seat) -> u32 {
        let others = self.seats.iter().filter(|other| other.room == seat.room && other.index != seat.index);
        others.filter(|other| other.receives()).count() as u32
    }

    fn stage(&mut self, publishers: u32, subscribers: u32, camera: bool) -> Result<(), BenchError> {
        let room = self.rooms;
        self.rooms += 1;
        for _ in 0..publishers {
            self.add(Seat { room, microphone: true, camera, ..Seat::default() })?;
        }
        let video = if camera { publishers } else { 0 };
        let heard = if camera { publishers } else { self.load.heard.unwrap_or(publishers).min(publishers) };
        for _ in 0..subscribers {
            self.add(Seat { room, audio: heard, video, ..Seat::default() })?;
        }
        Ok(())
    }

    fn meeting(&mut self, participants: u32) -> Result<(), BenchError> {
        let room = self.rooms;
        self.rooms += 1;
        let others = participants.saturating_sub(1);
        for _ in 0..participants {
            let seat = Seat { room, microphone: true, camera: true, audio: others, video: others, ..Seat::default() };
            self.add(seat)?;
        }
        Ok(())
    }

    fn add(&mut self, seat: Seat) -> Result<(), BenchError> {
        let index = self.seats.len() as u32;
        if index >= SEATS_MAX {
            return Err(BenchError::Options(format!("a run has at most {SEATS_MAX} clients")));
        }
        self.seats.push(Seat { index, ..seat });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Command, Options};
    use clap::Parser;

    fn plan(arguments: &str) -> Result<Plan, BenchError> {
        let line = format!("boltorezka-bench load {arguments}");
        match Options::try_parse_from(line.split_whitespace()).unwrap().command {
            Command::Load(options) => Plan::new(&options.load),
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_webinar_has_a_stage_and_an_audience() {
        let plan = plan("--scenario webinar --publishers 2 --subscribers 5").unwrap();
        assert_eq!((plan.rooms, plan.seats.len()), (1, 7));
        assert!(plan.seats[0].publishes() && !plan.seats[0].receives());
        assert_eq!((plan.seats[6].audio, plan.seats[6].video), (2, 2));
        assert_eq!(plan.audience(&plan.seats[0]), 5);
        assert_eq!((plan.sources(&plan.seats[0]), plan.sources(&plan.seats[6])), (vec![], vec![0, 1]));
    }

    #[test]
    fn everyone_in_a_meeting_receives_all_others() {
        let plan = plan("--scenario rooms --rooms 3 --participants 4").unwrap();
        assert_eq!((plan.rooms, plan.seats.len()), (3, 12));
        assert!(plan.seats.iter().all(|seat| seat.camera && seat.audio == 3 && seat.video == 3));
        assert_eq!(plan.audience(&plan.seats[0]), 3);
    }

    #[test]
    fn publishers_come_first_in_a_mixed_load() {
        let plan = plan("--scenario mixed --subscribers 20").unwrap();
        let first_listener = plan.seats.iter().position(|seat| !seat.publishes()).unwrap();
        assert!(plan.seats[first_listener..].iter().all(|seat| !seat.publishes()));
        assert_eq!(plan.seats.len(), 1 + 20 + 10 + 10 + 20);
    }

    #[test]
    fn idle_people_wait_for_nothing() {
        let plan = plan("--scenario idle --subscribers 3").unwrap();
        assert_eq!(plan.seats.len(), 3);
        assert!(plan.seats.iter().all(|seat| !seat.publishes() && !seat.receives() && seat.audio == 1));
    }

    #[test]
    fn a_call_comes_before_the_run() {
        let plan = plan("--subscribers 3").unwrap();
        let (whole, first) = plan.with_first_call();
        assert_eq!((whole.rooms, whole.seats.len()), (2, 6));
        assert_eq!(whole.sources(&first.seats[0]), [5]);
        assert_eq!(whole.sources(&plan.seats[3]), [0]);
        assert!(whole.seats.iter().all(|seat| seat.index < plan.next_index()));
    }

    #[test]
    fn absurd_loads_are_refused() {
        assert!(plan("--subscribers 30000").is_err());
        assert!(plan("--publishers 0").is_err());
        assert!(plan("--scenario churn --rate 5000").is_err());
    }
}
