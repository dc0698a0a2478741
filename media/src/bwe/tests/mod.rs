//! The estimator on simulated links.

mod scenarios;
mod simulation;
