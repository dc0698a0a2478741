//! Data messages: what clients send each other, and whether it arrives as it should.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use boltorezka_proto::ParticipantId;
use boltorezka_proto::call::ServerCallMessage;
use boltorezka_proto::data::{self, DataFrom, DataKind, DataRefusal, DataTo};

use crate::client::Client;
use crate::random::Random;
use crate::rights::Rights;

/// How often somebody says something. A participant may 100 times a second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Bytes of a message: usual ones, and of reliable ones some that fill several datagrams.
const BYTES: (u64, u64) = (8, 900);
const BYTES_LARGE: (u64, u64) = (900, 16_000);
const LARGE: f64 = 0.03;
/// So many are for the whole room; the others name one to three people.
const TO_ALL: f64 = 0.6;
/// What was sent so long ago has arrived, when all links are good.
const ARRIVES_WITHIN: Duration = Duration::from_secs(3);

/// What was said, and who has heard what.
#[derive(Debug)]
pub struct Messages {
    random: Random,
    next: BTreeMap<usize, Instant>,
    sent: Vec<Said>,
    heard: BTreeMap<usize, Heard>,
}

/// A message.
#[derive(Debug)]
struct Said {
    by: usize,
    kind: DataKind,
    /// For whom; everybody when `None`.
    to: Option<Vec<usize>>,
    at: Instant,
    bytes: usize,
}

/// What somebody has received.
#[derive(Debug, Default)]
struct Heard {
    /// When each channel was open for sure: one may be for a while before the other is, when what opens it was lost.
    since: [Option<Instant>; 2],
    /// Messages, by their place in all that was said.
    messages: BTreeSet<usize>,
    /// The latest reliable one of each sender.
    latest: BTreeMap<usize, usize>,
    /// How many it was told that it missed, and how many of those are known.
    told: u32,
    missed: u32,
}

impl Heard {
    fn open(&mut self, kind: DataKind, now: Instant) {
        self.since[kind as usize].get_or_insert(now);
    }
}

impl Messages {
    /// Nobody has said anything.
    pub fn new(random: Random) -> Self {
        Self { random, next: BTreeMap::new(), sent: Vec::new(), heard: BTreeMap::new() }
    }

    /// Has a client say what is due.
    pub fn produce(&mut self, now: Instant, index: usize, clients: &mut [Client]) {
        if !clients[index].data.is_open() || clients[index].is_closed {
            return;
        }
        let heard = self.heard.entry(index).or_default();
        heard.open(DataKind::Reliable, now);
        heard.open(DataKind::Lossy, now);
        let random = &mut self.random;
        let next = self.next.entry(index).or_insert_with(|| now + random.duration(PAUSE.0, PAUSE.1));
        if *next > now {
            return;
        }
        *next = now + random.duration(PAUSE.0, PAUSE.1);
        let kind = if random.chance(0.5) { DataKind::Reliable } else { DataKind::Lossy };
        let is_large = kind == DataKind::Reliable && random.chance(LARGE);
        let (from, to) = if is_large { BYTES_LARGE } else { BYTES };
        let bytes = random.below(from, to) as usize;
        let names = (!random.chance(TO_ALL)).then(|| random.below(1, 4));
        let to: Option<Vec<usize>> =
            names.map(|names| (0..names).map(|_| random.below(0, clients.len() as u64) as usize).collect());
        let ids = |all: &Vec<usize>| all.iter().map(|who| clients[*who].participant_id).collect::<Vec<ParticipantId>>();
        let header = DataTo { to: to.as_ref().map(ids), topic: None };
        let mut payload = (self.sent.len() as u64).to_be_bytes().to_vec();
        payload.resize(bytes, index as u8);
        clients[index].data.send(kind, data::write(&header, &payload));
        self.sent.push(Said { by: index, kind, to, at: now, bytes });
    }

    /// Takes a message that a client received.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn receive(
        &mut self,
        now: Instant,
        index: usize,
        (kind, message): (DataKind, Vec<u8>),
        clients: &[Client],
        rights: &Rights,
    ) -> Result<(), String> {
        let (header, payload) = data::read::<DataFrom>(&message).map_err(|error| error.to_string())?;
        let heard = self.heard.entry(index).or_default();
        // It may overtake the word that the channel is open.
        heard.open(kind, now);
        let from = match header {
            DataFrom::Missed { missed } => {
                heard.told += missed;
                return Ok(());
            }
            DataFrom::Message { from, .. } => from,
        };
        let number = payload.first_chunk().map(|number| u64::from_be_bytes(*number) as usize);
        let Some((number, said)) = number.and_then(|number| Some((number, self.sent.get(number)?))) else {
            return Err("a message that nobody sent".into());
        };
        let wrong = |what: &str| Err(format!("message {number}, {said:?}, {what}"));
        if clients[said.by].participant_id != from {
            return wrong("is under another name");
        }
        if (said.kind, said.bytes) != (kind, payload.len()) || payload[8..].iter().any(|byte| *byte != said.by as u8) {
            return wrong("is not what was sent");
        }
        if said.by == index || said.to.as_ref().is_some_and(|to| !to.contains(&index)) {
            return wrong("was not for who received it");
        }
        rights.check_message(index, said.by, said.at).or_else(|may_not| wrong(&may_not))?;
        if !heard.messages.insert(number) {
            return wrong("came twice");
        }
        if kind == DataKind::Lossy {
            return Ok(());
        }
        let latest = heard.latest.insert(said.by, number);
        if latest.is_some_and(|latest| latest > number) {
            return wrong("came behind a later one");
        }
        let begins = latest.map_or(0, |latest| latest + 1);
        let before = self.sent[begins..number].iter().filter(|other| other.by == said.by && other.kind == kind);
        let missed: Vec<_> = before.filter(|other| other.is_due_to(index, &heard.since, rights)).collect();
        heard.missed += missed.len() as u32;
        if heard.missed > heard.told {
            return wrong(&format!("came though before it {missed:?} had not, of which nothing was told"));
        }
        Ok(())
    }

    /// What a client was told of the call.
    ///
    /// # Errors
    /// A message was refused that was within the bounds.
    pub fn hear(&self, message: &ServerCallMessage) -> Result<(), String> {
        match message {
            ServerCallMessage::DataRefused { reason, .. } if *reason != DataRefusal::Forbidden => {
                Err(format!("a data message was refused: {message:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether all that was said since `since`, when all links were good, has arrived at who is present.
    ///
    /// # Errors
    /// What has not.
    pub fn judge(&self, since: Instant, now: Instant, present: &[usize], rights: &Rights) -> Result<(), String> {
        for (index, heard) in self.heard.iter().filter(|(index, _)| present.contains(index)) {
            let recent =
                self.sent.iter().enumerate().filter(|(_, said)| said.at >= since && said.at + ARRIVES_WITHIN <= now);
            let due =
                recent.filter(|(_, said)| present.contains(&said.by) && said.is_due_to(*index, &heard.since, rights));
            if let Some((number, said)) = due.into_iter().find(|(number, _)| !heard.messages.contains(number)) {
                return Err(format!("message {number}, {said:?}, did not reach client {index} on a good link"));
            }
        }
        Ok(())
    }
}

impl Said {
    /// Whether a client has to receive it: nothing has changed for either since before it was sent.
    fn is_due_to(&self, index: usize, since: &[Option<Instant>; 2], rights: &Rights) -> bool {
        let is_named = self.to.as_ref().is_none_or(|to| to.contains(&index));
        is_named
            && self.by != index
            && since[self.kind as usize].is_some_and(|since| since < self.at)
            && rights.are_full_since(index, self.at)
            && rights.are_full_since(self.by, self.at)
    }
}
