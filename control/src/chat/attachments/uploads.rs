//! How many upload at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use boltorezka_proto::UserId;

use crate::limits::Limits;
use crate::sync::lock;

/// Uploads that run.
pub struct Uploads {
    running: Arc<Mutex<HashMap<UserId, u32>>>,
    per_user: Option<u32>,
    total: Option<u32>,
}

/// A place among them, until it is dropped.
pub struct Upload {
    running: Arc<Mutex<HashMap<UserId, u32>>>,
    user_id: UserId,
}

impl Uploads {
    /// As `limits` say.
    pub fn new(limits: &Limits) -> Self {
        Self { running: Arc::default(), per_user: limits.uploads_per_user, total: limits.uploads_total }
    }

    /// A place, if one is free.
    pub fn begin(&self, user_id: UserId) -> Option<Upload> {
        let mut running = lock(&self.running);
        let total: u32 = running.values().sum();
        let of_user = running.get(&user_id).copied().unwrap_or(0);
        if self.total.is_some_and(|max| total >= max) || self.per_user.is_some_and(|max| of_user >= max) {
            return None;
        }
        running.insert(user_id, of_user + 1);
        Some(Upload { running: self.running.clone(), user_id })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        match running.get_mut(&self.user_id) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(running.remove(&self.user_id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let limits = Limits { uploads_per_user: Some(2), uploads_total: Some(3), ..Limits::off() };
        let uploads = Uploads::new(&limits);
        let [ann, bob, cid] = std::array::from_fn(|_| UserId::generate());
        let held = [uploads.begin(ann), uploads.begin(ann)];
        assert!(held.iter().all(Option::is_some));
        assert!(uploads.begin(ann).is_none(), "two of one");
        let of_bob = uploads.begin(bob);
        assert!(of_bob.is_some());
        assert!(uploads.begin(cid).is_none(), "three in all");
        drop(of_bob);
        drop(held);
        assert!(lock(&uploads.running).is_empty());
        assert!(uploads.begin(cid).is_some());
    }
}
