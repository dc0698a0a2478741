//! Containing panics of str0m.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::transport::TransportError;

/// Runs something of str0m. A panic in it becomes an error: it concerns one connection, and must not end the shard.
pub fn contain<T>(act: impl FnOnce() -> Result<T, TransportError>) -> Result<T, TransportError> {
    // What a panic may leave half changed is never used again: `guard` sees to it.
    catch_unwind(AssertUnwindSafe(act)).unwrap_or(Err(TransportError::Panicked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let outcome = contain(|| -> Result<(), TransportError> { panic!("what a client sent") });
        assert!(matches!(outcome, Err(TransportError::Panicked)));
        assert_eq!(contain(|| Ok(7)).unwrap(), 7);
    }
}
