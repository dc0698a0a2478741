//! Bandwidth: how what a link carries is shared.

mod allocator;

pub use allocator::{Allocation, Demand, EncodingRate, allocate};
