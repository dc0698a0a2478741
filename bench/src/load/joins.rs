//! Who is inside: joins, with a bound on how many are under way, and leaves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::LEAVE_TIMEOUT;
use crate::error::BenchError;
use crate::media::Transports;
use crate::plan::{Plan, Seat};
use crate::target::{JOIN_TIMEOUT, Lobby, Participation, Target, TargetError};

/// Clients that wait at the door at a time, each with an open socket that nobody reads: they come in before the server
/// misses a sign of life.
const LOBBY_MAX: usize = 1_000;
/// Share of clients that may fail to get in before the run is given up.
const FAILED_RATIO_MAX: f64 = 0.05;

type Inside = Box<dyn Participation>;
type Entered = (Seat, Result<Inside, TargetError>);

/// All clients of a run.
pub struct Crowd {
    target: Arc<dyn Target>,
    transports: Transports,
    permits: Arc<Semaphore>,
    publishers: Vec<Inside>,
    /// Those who came first are in front.
    subscribers: VecDeque<Inside>,
    coming: JoinSet<Joined>,
    leaving: JoinSet<()>,
    /// How long each join of a seat that receives took.
    pub times: Vec<Duration>,
    /// Joins that failed.
    pub failed: u64,
    first_failure: Option<String>,
    /// How long it took until all were in who stood at the door.
    pub took: Duration,
    next_index: u32,
}

/// A join that is over.
struct Joined {
    publishes: bool,
    outcome: Result<(Inside, Option<Duration>), TargetError>,
}

impl Crowd {
    /// Nobody is inside yet. `parallel` joins are under way at most.
    pub fn new(target: Arc<dyn Target>, transports: Transports, parallel: u32) -> Self {
        Self {
            target,
            transports,
            permits: Arc::new(Semaphore::new(parallel as usize)),
            publishers: Vec::new(),
            subscribers: VecDeque::new(),
            coming: JoinSet::new(),
            leaving: JoinSet::new(),
            times: Vec::new(),
            failed: 0,
            first_failure: None,
            took: Duration::ZERO,
            next_index: 0,
        }
    }

    /// Clients inside.
    pub fn inside(&self) -> u64 {
        (self.publishers.len() + self.subscribers.len()) as u64
    }

    /// Lets everybody of the plan in: those who publish first, then the others.
    ///
    /// # Errors
    /// [`BenchError::Joins`] when too many fail.
    pub async fn admit(&mut self, plan: &Plan) -> Result<(), BenchError> {
        self.next_index = plan.next_index();
        let (publishers, subscribers): (Vec<&Seat>, Vec<&Seat>) = plan.seats.iter().partition(|seat| seat.publishes());
        let mut publishing = Vec::new();
        for seats in publishers.chunks(LOBBY_MAX) {
            let connected = self.connect_all(seats).await;
            let began = Instant::now();
            let mut entering = JoinSet::from_iter(connected.into_iter().map(|(seat, lobby)| self.enter(seat, lobby)));
            while let Some(entered) = entering.join_next().await {
                match entered {
                    Ok((seat, Ok(inside))) => publishing.push((seat, inside)),
                    Ok((_, Err(error))) => self.fail(&error),
                    Err(error) => self.fail(&TargetError::refused("joining", error)),
                }
            }
            self.took += began.elapsed();
        }
        let began = Instant::now();
        for (seat, inside) in publishing {
            self.coming.spawn(receive(seat, inside));
        }
        self.settle_all().await;
        self.took += began.elapsed();
        self.check(plan)?;
        for seats in subscribers.chunks(LOBBY_MAX) {
            let connected = self.connect_all(seats).await;
            let began = Instant::now();
            for (seat, lobby) in connected {
                let entering = self.enter(seat, lobby);
                self.coming.spawn(follow(entering));
            }
            self.settle_all().await;
            self.took += began.elapsed();
        }
        self.check(plan)
    }

    /// Has a newcomer join in the background.
    pub fn come_new(&mut self, plan: &Plan) {
        if let Some(seat) = plan.newcomer(self.next_index) {
            self.next_index += 1;
            self.come(seat);
        }
    }

    /// Has whoever is longest inside leave in the background.
    pub fn leave_oldest(&mut self) {
        if let Some(oldest) = self.subscribers.pop_front() {
            self.leaving.spawn(leave(oldest));
        }
    }

    /// Counts who has come and gone meanwhile.
    pub fn settle(&mut self) {
        while let Some(joined) = self.coming.try_join_next() {
            self.take(joined);
        }
        while self.leaving.try_join_next().is_some() {}
    }

    /// Everybody leaves.
    pub async fn leave(&mut self) {
        self.settle_all().await;
        for inside in self.subscribers.drain(..).chain(self.publishers.drain(..)) {
            self.leaving.spawn(leave(inside));
        }
        let all = async { while self.leaving.join_next().await.is_some() {} };
        if tokio::time::timeout(LEAVE_TIMEOUT, all).await.is_err() {
            tracing::warn!("not everybody has left in time");
        }
    }

    /// Somebody comes and joins at once.
    fn come(&mut self, seat: Seat) {
        let (target, transports, permits) = (self.target.clone(), self.transports.clone(), self.permits.clone());
        self.coming.spawn(async move {
            match connect(target, permits.clone(), seat).await {
                (seat, Ok(lobby)) => follow(enter(transports, permits, seat, lobby)).await,
                (seat, Err(error)) => Joined { publishes: seat.publishes(), outcome: Err(error) },
            }
        });
    }

    async fn connect_all(&mut self, seats: &[&Seat]) -> Vec<(Seat, Box<dyn Lobby>)> {
        let connecting = seats.iter().map(|seat| connect(self.target.clone(), self.permits.clone(), (*seat).clone()));
        let mut connecting = JoinSet::from_iter(connecting);
        let mut connected = Vec::new();
        while let Some(outcome) = connecting.join_next().await {
            match outcome {
                Ok((seat, Ok(lobby))) => connected.push((seat, lobby)),
                Ok((_, Err(error))) => self.fail(&error),
                Err(error) => self.fail(&TargetError::refused("connecting", error)),
            }
        }
        connected
    }

    fn enter(&self, seat: Seat, lobby: Box<dyn Lobby>) -> impl Future<Output = Entered> + Send + use<> {
        enter(self.transports.clone(), self.permits.clone(), seat, lobby)
    }

    async fn settle_all(&mut self) {
        while let Some(joined) = self.coming.join_next().await {
            self.take(joined);
        }
    }

    fn take(&mut self, joined: Result<Joined, tokio::task::JoinError>) {
        match joined {
            Ok(Joined { publishes, outcome: Ok((inside, took)) }) => {
                self.times.extend(took);
                if publishes {
                    self.publishers.push(inside);
                } else {
                    self.subscribers.push_back(inside);
                }
            }
            Ok(Joined { outcome: Err(error), .. }) => self.fail(&error),
            Err(error) => self.fail(&TargetError::refused("joining", error)),
        }
    }

    fn fail(&mut self, error: &TargetError) {
        tracing::debug!(%error, "a client did not get in");
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| error.to_string());
    }

    fn check(&self, plan: &Plan) -> Result<(), BenchError> {
        let (failed, all) = (self.failed as usize, plan.seats.len());
        if failed as f64 > all as f64 * FAILED_RATIO_MAX {
            let first = self.first_failure.clone().unwrap_or_default();
            return Err(BenchError::Joins { failed, all, first });
        }
        Ok(())
    }
}

/// Goes to the door, as soon as few enough others do.
async fn connect(
    target: Arc<dyn Target>,
    permits: Arc<Semaphore>,
    seat: Seat,
) -> (Seat, Result<Box<dyn Lobby>, TargetError>) {
    // Never closed.
    let permit = permits.acquire_owned().await;
    let connecting = tokio::time::timeout(JOIN_TIMEOUT, target.connect(&seat)).await;
    drop(permit);
    (seat, connecting.unwrap_or(Err(TargetError::Timeout("connecting"))))
}

/// Enters, as soon as few enough others do.
async fn enter(transports: Transports, permits: Arc<Semaphore>, seat: Seat, lobby: Box<dyn Lobby>) -> Entered {
    // Never closed.
    let permit = permits.acquire_owned().await;
    let joining = tokio::time::timeout(JOIN_TIMEOUT, lobby.join(&transports)).await;
    drop(permit);
    (seat, joining.unwrap_or(Err(TargetError::Timeout("joining"))))
}

/// Receives, for who has entered.
async fn follow(entering: impl Future<Output = Entered>) -> Joined {
    match entering.await {
        (seat, Ok(inside)) => receive(seat, inside).await,
        (seat, Err(error)) => Joined { publishes: seat.publishes(), outcome: Err(error) },
    }
}

/// Subscribes, and waits for media.
async fn receive(seat: Seat, mut inside: Inside) -> Joined {
    let receiving = async {
        if seat.receives() {
            inside.subscribe().await?;
        }
        let took = inside.joined().await?;
        Ok((inside, seat.receives().then_some(took)))
    };
    let outcome = tokio::time::timeout(JOIN_TIMEOUT, receiving).await;
    Joined { publishes: seat.publishes(), outcome: outcome.unwrap_or(Err(TargetError::Timeout("waiting for media"))) }
}

async fn leave(inside: Inside) {
    if let Err(error) = inside.leave().await {
        tracing::debug!(%error, "leaving failed");
    }
}
