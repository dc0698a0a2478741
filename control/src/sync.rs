//! Locks that are held for moments and never across an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. A panic of another holder leaves data that is whole, since holders only assign.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
