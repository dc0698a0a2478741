//! Containing panics of str0m.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;

/// str0m panicked over what a client sent.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the transport panicked")]
pub struct Panicked;

/// Runs something of str0m. A panic in it becomes an error: it concerns one connection, and must not end the shard. Whoever
/// calls this uses nothing again that `act` may have left half changed.
pub fn contain<T, E: From<Panicked>>(act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(Panicked.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(contain(|| -> Result<(), Panicked> { panic!("what a client sent") }), Err(Panicked));
        assert_eq!(contain(|| Ok::<_, Panicked>(7)), Ok(7));
    }
}
