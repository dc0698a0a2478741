//! Who waits in the lobby of a room, and who was sent away from it a moment ago. Pure: no clock, no database.
//!
//! It is known in memory alone: after a restart clients come back and ask again. Who was let in is kept in the database.

use std::collections::{BTreeMap, HashMap};

use boltorezka_proto::rooms::Waiting;
use boltorezka_proto::{SessionId, UserId};

use crate::ws::SocketHandle;

/// As many wait in a room at a time: a list that a person reads.
pub const WAITING_MAX: usize = 100;
/// Who waits and has no socket is forgotten after this: time to reload a page, or for an encoder to ask again.
pub const WAIT_KEPT_MS: i64 = 30_000;
/// Who was refused may ask again after this.
pub const REFUSED_MS: i64 = 60_000;

struct Wait {
    view: Waiting,
    /// Who is told what becomes of it. None where it was asked by WHIP or WHEP.
    sockets: HashMap<SessionId, SocketHandle>,
    /// Since when nobody is there to be told.
    alone_since_ms: Option<i64>,
}

/// What became of asking to be let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Knock {
    /// It waits, or did already.
    Waits,
    /// It was refused, and may ask again then.
    Refused {
        /// Time from now.
        retry_after_ms: u64,
    },
    /// As many wait as may.
    Full,
}

/// The lobby of one room.
#[derive(Default)]
pub struct Lobby {
    waits: BTreeMap<UserId, Wait>,
    /// Until when they are not to ask again.
    refused: BTreeMap<UserId, i64>,
    is_changed: bool,
}

impl Lobby {
    /// Somebody asks to be let in: one wait for an account, however many sockets it asks from.
    pub fn knock(&mut self, view: Waiting, socket: Option<SocketHandle>, now_ms: i64) -> Knock {
        let user_id = view.user_id;
        if let Some(until_ms) = self.refused.get(&user_id).copied() {
            match u64::try_from(until_ms.saturating_sub(now_ms)) {
                Ok(retry_after_ms @ 1..) => return Knock::Refused { retry_after_ms },
                _ => drop(self.refused.remove(&user_id)),
            }
        }
        if !self.waits.contains_key(&user_id) {
            if self.waits.len() >= WAITING_MAX {
                return Knock::Full;
            }
            self.waits.insert(user_id, Wait { view, sockets: HashMap::new(), alone_since_ms: None });
            self.is_changed = true;
        }
        if let Some(wait) = self.waits.get_mut(&user_id) {
            wait.sockets.extend(socket.map(|socket| (socket.id(), socket)));
            wait.alone_since_ms = wait.sockets.is_empty().then_some(now_ms);
        }
        Knock::Waits
    }

    /// Everybody, by the time of their coming.
    pub fn waiting(&self) -> Vec<Waiting> {
        let mut waiting: Vec<Waiting> = self.waits.values().map(|wait| wait.view.clone()).collect();
        waiting.sort_by_key(|waiting| (waiting.since, waiting.user_id));
        waiting
    }

    /// Whether somebody waits.
    pub fn has(&self, user_id: UserId) -> bool {
        self.waits.contains_key(&user_id)
    }

    /// Whether a socket waits.
    pub fn has_socket(&self, socket: SessionId) -> bool {
        self.waits.values().any(|wait| wait.sockets.contains_key(&socket))
    }

    /// Whether somebody was refused a moment ago.
    pub fn has_refused(&self, user_id: UserId, now_ms: i64) -> bool {
        self.refused.get(&user_id).is_some_and(|until_ms| *until_ms > now_ms)
    }

    /// A socket does not wait any more; with the last one, its account does not. False when it did not wait.
    pub fn cancel(&mut self, socket: SessionId) -> bool {
        let Some((user_id, wait)) = self.waits.iter_mut().find(|(_, wait)| wait.sockets.contains_key(&socket)) else {
            return false;
        };
        wait.sockets.remove(&socket);
        if wait.sockets.is_empty() {
            let user_id = *user_id;
            self.take(user_id);
        }
        true
    }

    /// A socket is gone, and may come back.
    pub fn socket_gone(&mut self, socket: SessionId, now_ms: i64) {
        for wait in self.waits.values_mut() {
            if wait.sockets.remove(&socket).is_some() && wait.sockets.is_empty() {
                wait.alone_since_ms = Some(now_ms);
            }
        }
    }

    /// Ends a wait. Returns who is to be told; `None` when there was none.
    pub fn take(&mut self, user_id: UserId) -> Option<Vec<SocketHandle>> {
        let wait = self.waits.remove(&user_id)?;
        self.is_changed = true;
        Some(wait.sockets.into_values().collect())
    }

    /// Somebody is not to ask again for a while.
    pub fn refuse(&mut self, user_id: UserId, now_ms: i64) {
        // Whoever is remembered here was taken out of those who wait: the bound of those keeps this one small.
        self.refused.insert(user_id, now_ms.saturating_add(REFUSED_MS));
    }

    /// Forgets those who vanished, and refusals that are over. Whether the list is another one now.
    pub fn sweep(&mut self, now_ms: i64) -> bool {
        self.refused.retain(|_, until_ms| *until_ms > now_ms);
        let before = self.waits.len();
        self.waits.retain(|_, wait| wait.alone_since_ms.is_none_or(|since_ms| since_ms + WAIT_KEPT_MS > now_ms));
        let is_other = self.waits.len() != before;
        self.is_changed |= is_other;
        is_other
    }

    /// Has the list told anew: somebody may see it who did not.
    pub fn touch(&mut self) {
        self.is_changed |= !self.waits.is_empty();
    }

    /// Whether the list changed since this was asked last.
    pub fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Whether somebody waits, or the list waits to be told.
    pub fn is_worth_telling(&self) -> bool {
        self.is_changed || !self.waits.is_empty()
    }

    /// Whether nothing is to be remembered.
    pub fn is_idle(&self) -> bool {
        self.waits.is_empty() && self.refused.is_empty() && !self.is_changed
    }
}

#[cfg(test)]
mod tests {
    use boltorezka_proto::{DisplayName, Timestamp};

    use super::*;

    fn view(since_ms: i64) -> Waiting {
        let display_name = DisplayName::new("Ann").unwrap();
        Waiting { user_id: UserId::generate(), display_name, since: Timestamp::from_unix_ms(since_ms) }
    }

    #[test]
    fn an_account_waits_once_and_as_long_as_a_socket_of_it_does() {
        let mut lobby = Lobby::default();
        let ann = view(5);
        let (first, _first) = SocketHandle::for_tests();
        let (second, _second) = SocketHandle::for_tests();
        for socket in [&first, &second, &first] {
            assert_eq!(lobby.knock(ann.clone(), Some(socket.clone()), 5), Knock::Waits);
        }
        assert_eq!(lobby.waiting(), std::slice::from_ref(&ann));
        assert!(lobby.cancel(first.id()) && lobby.has(ann.user_id) && !lobby.has_socket(first.id()));
        assert!(!lobby.cancel(first.id()));
        lobby.socket_gone(second.id(), 10);
        lobby.sweep(10 + WAIT_KEPT_MS - 1);
        assert!(lobby.has(ann.user_id), "it may come back");
        assert_eq!(lobby.knock(ann.clone(), Some(first.clone()), 20), Knock::Waits);
        lobby.sweep(i64::MAX);
        assert!(lobby.has(ann.user_id), "it has a socket again");
        lobby.socket_gone(first.id(), 30);
        lobby.sweep(30 + WAIT_KEPT_MS);
        assert!(!lobby.has(ann.user_id));
        assert!(lobby.take_change() && lobby.is_idle());
    }

    #[test]
    fn who_asks_without_a_socket_has_to_ask_again() {
        let mut lobby = Lobby::default();
        let cam = view(0);
        lobby.knock(cam.clone(), None, 0);
        lobby.knock(cam.clone(), None, WAIT_KEPT_MS - 1);
        lobby.sweep(WAIT_KEPT_MS + 1);
        assert!(lobby.has(cam.user_id));
        lobby.sweep(2 * WAIT_KEPT_MS);
        assert!(!lobby.has(cam.user_id));
    }

    #[test]
    fn the_first_decision_ends_a_wait() {
        let mut lobby = Lobby::default();
        let ann = view(0);
        let (socket, _outgoing) = SocketHandle::for_tests();
        lobby.knock(ann.clone(), Some(socket.clone()), 0);
        assert_eq!(lobby.take(ann.user_id).unwrap().len(), 1);
        assert!(lobby.take(ann.user_id).is_none() && !lobby.cancel(socket.id()));
        lobby.refuse(ann.user_id, 0);
        let again = lobby.knock(ann.clone(), Some(socket.clone()), 1);
        assert_eq!(again, Knock::Refused { retry_after_ms: 59_999 });
        assert!(lobby.has_refused(ann.user_id, 1) && !lobby.is_idle());
        assert_eq!(lobby.knock(ann.clone(), Some(socket), REFUSED_MS), Knock::Waits);
        assert!(!lobby.has_refused(ann.user_id, REFUSED_MS));
    }

    #[test]
    fn no_more_wait_than_may() {
        let mut lobby = Lobby::default();
        let first = view(7);
        for number in 0..WAITING_MAX {
            let who = if number == 0 { first.clone() } else { view(3) };
            assert_eq!(lobby.knock(who, None, 0), Knock::Waits);
        }
        assert_eq!(lobby.knock(view(0), None, 0), Knock::Full);
        assert_eq!(lobby.knock(first.clone(), None, 0), Knock::Waits, "it waits already");
        assert_eq!(lobby.waiting().last(), Some(&first), "by the time of their coming");
    }
}
