//! Bandwidth: what a link carries, and how that is shared.

mod allocator;
mod backlog;
mod delay;
mod estimator;
mod feedback;
mod history;
mod hold;
mod loss;
mod probe;
mod rate;
mod relief;
mod rivals;
#[cfg(test)]
mod tests;

pub use allocator::{Allocation, Budget, Demand, LayerRate, allocate, usable_bps};
pub use backlog::Pace;
pub use estimator::Estimator;
pub use feedback::{Feedback, FeedbackError, FeedbackReport, Statuses};
pub use hold::Hold;
pub use probe::{Probe, ProbeId};
pub use relief::{KeyframeShare, Relief, Upcoming};
