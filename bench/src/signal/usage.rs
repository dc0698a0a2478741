//! Processor time of the server, of this program and of all others in a part of the run.

use std::time::{Duration, Instant};

use crate::load::BUSY_RATIO_MAX;
use crate::process;
use crate::target::Processes;

/// Reads processor times.
pub struct Meter {
    processes: Processes,
}

/// Processor times of a moment.
pub struct Reading {
    at: Instant,
    server: Duration,
    own: Duration,
    others: Duration,
}

/// How many cores were kept busy.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Usage {
    /// By the server's processes; `None` when it runs elsewhere.
    pub server_cpu_ratio: Option<f64>,
    /// By this program, which has one thread.
    pub generator_cpu_ratio: f64,
    /// By others.
    pub others_cpu_ratio: f64,
}

impl Meter {
    /// Of a server's processes; none when it runs elsewhere.
    pub fn new(processes: Processes) -> Self {
        Self { processes }
    }

    /// The times of now.
    pub fn read(&self) -> Reading {
        let Processes { media, control } = &self.processes;
        let server = process::cpu_time_of(media) + process::cpu_time_of(control);
        let own = process::cpu_time(std::process::id()).unwrap_or_default();
        let others = process::host_busy_time().saturating_sub(server + own);
        Reading { at: Instant::now(), server, own, others }
    }

    /// Whether there is a server to be measured.
    fn has_server(&self) -> bool {
        self.processes != Processes::default()
    }

    /// The usage since `before`.
    pub fn usage_since(&self, before: &Reading) -> Usage {
        let usage = self.read().since(before);
        Usage { server_cpu_ratio: usage.server_cpu_ratio.filter(|_| self.has_server()), ..usage }
    }
}

impl Reading {
    fn since(&self, before: &Self) -> Usage {
        let seconds = self.at.duration_since(before.at).as_secs_f64().max(f64::MIN_POSITIVE);
        let ratio = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() / seconds;
        Usage {
            server_cpu_ratio: Some(ratio(self.server, before.server)),
            generator_cpu_ratio: ratio(self.own, before.own),
            others_cpu_ratio: ratio(self.others, before.others),
        }
    }
}

impl Usage {
    /// Whether this program may have held the server back.
    pub fn generator_was_bottleneck(&self) -> bool {
        self.generator_cpu_ratio > BUSY_RATIO_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_processor_time_by_time() {
        let at = Instant::now();
        let ms = Duration::from_millis;
        let before = Reading { at, server: ms(100), own: ms(10), others: ms(0) };
        let after = Reading { at: at + ms(2_000), server: ms(600), own: ms(1_910), others: ms(20) };
        let usage = after.since(&before);
        let expected = Usage { server_cpu_ratio: Some(0.25), generator_cpu_ratio: 0.95, others_cpu_ratio: 0.01 };
        assert_eq!(usage, expected);
        assert!(usage.generator_was_bottleneck());
        assert!(!Usage { generator_cpu_ratio: 0.9, ..usage }.generator_was_bottleneck());
        let elsewhere = Meter::new(Processes::default());
        assert_eq!(elsewhere.usage_since(&elsewhere.read()).server_cpu_ratio, None);
    }
}
