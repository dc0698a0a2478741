//! What the estimator must do on links that are simulated.

use super::simulation::{Scenario, Simulation, Stop, Trace};

/// Runs a scenario with several seeds.
fn each(seconds: i64, scenario: impl Fn() -> Scenario, check: impl Fn(&Trace)) {
    for seed in 1..=5 {
        check(&Simulation::run(Scenario { seed, ..scenario() }, seconds));
    }
}

/// Runs a scenario with several seeds and wants at least so much at all times after the first five seconds.
fn stays_above(least_bps: f64, scenario: impl Fn() -> Scenario) {
    each(30, scenario, |trace| assert!(trace.min(5.0, 30.0) > least_bps, "{}", trace.min(5.0, 30.0)));
}

/// A link that an application that takes all it may must fill, with a short queue.
fn fills(link_bps: f64, scenario: impl Fn() -> Scenario) {
    each(30, scenario, |trace| {
        let (mean, queue_p95_us) = (trace.mean(5.0, 30.0), trace.queue_p95_us(5.0, 30.0));
        assert!((0.8 * link_bps..=link_bps).contains(&mean), "{mean}");
        assert!(queue_p95_us < 220_000, "{queue_p95_us}");
    });
}

/// An application with two cameras in three layers each, that takes as many as fit into four fifths of the estimate.
fn layers_bps(estimate_bps: f64) -> f64 {
    let steps = [100e3, 100e3, 300e3, 300e3, 1_100e3, 1_100e3];
    let used = |total: f64, step: f64| if total + step <= estimate_bps * 0.8 { total + step } else { total };
    steps.into_iter().fold(48e3, used)
}

#[test]
fn fills_a_narrow_link_without_a_standing_queue() {
    fills(2e6, || Scenario { link_bps: |_| 2e6, ..Scenario::default() });
    fills(2e6, || Scenario { link_bps: |_| 2e6, bursts: true, ..Scenario::default() });
    fills(3e5, || Scenario { link_bps: |_| 3e5, ..Scenario::default() });
    fills(1e7, || Scenario { link_bps: |_| 1e7, ..Scenario::default() });
}

#[test]
fn fills_a_link_that_is_long_or_jitters() {
    fills(2e6, || Scenario { link_bps: |_| 2e6, propagation_us: 150_000, ..Scenario::default() });
    fills(2e6, || Scenario { link_bps: |_| 2e6, jitter_us: 60_000, ..Scenario::default() });
}

#[test]
fn a_queue_of_a_frame_shows_as_loss() {
    let shallow = || Scenario { link_bps: |_| 2e6, queue_us: 20_000, ..Scenario::default() };
    each(30, shallow, |trace| {
        assert!((1.4e6..2.1e6).contains(&trace.mean(5.0, 30.0)), "{}", trace.mean(5.0, 30.0));
    });
}

#[test]
fn a_link_without_a_queue_is_found_by_loss_alone() {
    let policed = || Scenario {
        link_bps: |seconds| if seconds < 10.0 { 5e6 } else { 1e6 },
        queue_us: 15_000,
        jitter_us: 0,
        ..Scenario::default()
    };
    each(30, policed, |trace| {
        assert!(trace.mean(5.0, 10.0) > 2e6, "{}", trace.mean(5.0, 10.0));
        assert!(trace.max(14.0, 30.0) < 1.4e6, "{}", trace.max(14.0, 30.0));
        assert!(trace.min(14.0, 30.0) > 0.6e6, "{}", trace.min(14.0, 30.0));
    });
}

#[test]
fn late_lost_and_mixed_reports_are_enough() {
    fills(2e6, || Scenario { link_bps: |_| 2e6, feedback_us: 250_000, ..Scenario::default() });
    fills(2e6, || Scenario { link_bps: |_| 2e6, feedback_late_us: 300_000, ..Scenario::default() });
    stays_above(1.2e6, || Scenario { link_bps: |_| 2e6, feedback_loss: 0.3, ..Scenario::default() });
    fills(2e6, || Scenario { link_bps: |_| 2e6, feedback_mixed: true, ..Scenario::default() });
}

#[test]
fn finds_what_is_wanted_by_probes_though_little_is_sent() {
    for bursts in [false, true] {
        let wide = || Scenario { app_bps: |_, _| 300e3, desired_bps: |_| 4_000_000, bursts, ..Scenario::default() };
        each(75, wide, |trace| {
            assert!(trace.min(3.0, 75.0) >= 5e6, "kept for a minute: {}", trace.min(3.0, 75.0));
            assert!(trace.max(0.0, 75.0) <= 5.6e6, "not beyond what is wanted: {}", trace.max(0.0, 75.0));
            assert!(trace.probes <= 3, "{} probes", trace.probes);
        });
    }
}

#[test]
fn finds_more_when_more_is_wanted() {
    let rising = || Scenario {
        app_bps: |_, _| 300e3,
        desired_bps: |seconds| if seconds < 10.0 { 1_000_000 } else { 5_000_000 },
        ..Scenario::default()
    };
    each(15, rising, |trace| {
        assert!(trace.max(0.0, 10.0) <= 1.5e6, "that is enough");
        assert!(trace.min(12.0, 15.0) >= 6.25e6, "{}", trace.min(12.0, 15.0));
    });
}

#[test]
fn probes_do_not_hide_that_a_link_is_narrow() {
    let narrow = || Scenario { link_bps: |_| 1e6, app_bps: |_, _| 300e3, ..Scenario::default() };
    each(60, narrow, |trace| {
        assert!((0.8e6..1.6e6).contains(&trace.max(5.0, 60.0)), "{}", trace.max(5.0, 60.0));
        assert!(trace.probes < 20, "{} probes", trace.probes);
    });
}

#[test]
fn follows_a_drop_and_the_recovery() {
    let drop = || Scenario {
        link_bps: |seconds| if (15.0..30.0).contains(&seconds) { 1e6 } else { 5e6 },
        ..Scenario::default()
    };
    each(50, drop, |trace| {
        assert!(trace.mean(8.0, 15.0) > 4e6, "{}", trace.mean(8.0, 15.0));
        assert!(trace.max(17.0, 30.0) < 1.1e6, "{}", trace.max(17.0, 30.0));
        assert!(trace.min(17.0, 30.0) > 0.75e6, "{}", trace.min(17.0, 30.0));
        assert!(trace.queue_p95_us(20.0, 30.0) < 200_000, "{}", trace.queue_p95_us(20.0, 30.0));
        assert!(trace.min(40.0, 50.0) > 4e6, "{}", trace.min(40.0, 50.0));
    });
}

#[test]
fn a_moment_without_bandwidth_is_soon_forgotten() {
    let dip = || Scenario {
        link_bps: |seconds| if (20.0..20.7).contains(&seconds) { 200e3 } else { 5e6 },
        app_bps: |_, _| 300e3,
        desired_bps: |_| 3_000_000,
        ..Scenario::default()
    };
    each(30, dip, |trace| {
        assert!(trace.min(20.0, 30.0) > 0.5e6, "what little is sent shows little: {}", trace.min(20.0, 30.0));
        assert!(trace.min(23.0, 30.0) > 3e6, "{}", trace.min(23.0, 30.0));
    });
}

#[test]
fn layers_come_back_after_a_drop() {
    let drop = || Scenario {
        link_bps: |seconds| if (15.0..30.0).contains(&seconds) { 5e5 } else { 5e6 },
        app_bps: |_, estimate_bps| layers_bps(estimate_bps),
        desired_bps: |_| 3_100_000,
        ..Scenario::default()
    };
    each(50, drop, |trace| {
        assert!(layers_bps(trace.min(3.0, 15.0)) > 3e6, "{}", trace.min(3.0, 15.0));
        assert!(layers_bps(trace.max(18.0, 30.0)) < 6e5, "{}", trace.max(18.0, 30.0));
        assert!(layers_bps(trace.min(40.0, 50.0)) > 3e6, "{}", trace.min(40.0, 50.0));
    });
}

#[test]
fn random_loss_is_told_from_a_full_link() {
    stays_above(3.2e6, || Scenario { link_bps: |_| 4e6, loss: |_| 0.02, ..Scenario::default() });
    let tenth = || Scenario { link_bps: |_| 4e6, loss: |_| 0.1, ..Scenario::default() };
    each(40, tenth, |trace| {
        assert!(trace.mean(10.0, 40.0) > 3e6, "{}", trace.mean(10.0, 40.0));
        assert!(trace.min(5.0, 40.0) > 1.5e6, "{}", trace.min(5.0, 40.0));
    });
}

#[test]
fn stops_of_either_end_are_no_congestion() {
    let stop = Some(Stop { period_us: 1_000_000, length_us: 100_000 });
    stays_above(3.2e6, || Scenario { link_bps: |_| 4e6, receiver_stop: stop, ..Scenario::default() });
    // What the application caught up with at once did stand in a queue.
    let sender = || Scenario { link_bps: |_| 4e6, sender_stop: stop, ..Scenario::default() };
    each(30, sender, |trace| assert!(trace.mean(5.0, 30.0) > 3.4e6, "{}", trace.mean(5.0, 30.0)));
    stays_above(2.8e6, sender);
    // While packets that count as sent wait for their thread, the link idles: a tenth of it is lost.
    stays_above(2.3e6, || Scenario {
        link_bps: |_| 4e6,
        late_stop: stop,
        app_bps: |_, estimate_bps| 0.8 * estimate_bps,
        ..Scenario::default()
    });
}

#[test]
fn stops_of_both_ends_do_not_take_layers() {
    let stop = |period_us, length_us| Some(Stop { period_us, length_us });
    for (period_us, length_us) in [(1_000_000, 100_000), (200_000, 40_000), (4_000_000, 500_000)] {
        let busy = || Scenario {
            sender_stop: stop(period_us, length_us),
            receiver_stop: stop(period_us * 7 / 10, length_us),
            late_stop: stop(period_us * 9 / 10, length_us),
            app_bps: |_, estimate_bps| layers_bps(estimate_bps),
            desired_bps: |_| 3_100_000,
            ..Scenario::default()
        };
        each(60, busy, |trace| {
            assert!(layers_bps(trace.min(5.0, 60.0)) > 3e6, "{}", trace.min(5.0, 60.0));
        });
    }
}

#[test]
fn a_clock_that_is_set_or_comes_round_changes_nothing() {
    stays_above(3.2e6, || Scenario {
        link_bps: |_| 4e6,
        clock_us: |seconds| (seconds as i64 / 7 % 3) * 10_000_000,
        ..Scenario::default()
    });
    stays_above(3.2e6, || Scenario {
        link_bps: |_| 4e6,
        clock_us: |_| (1 << 24) * 64_000 - 10_000_000,
        ..Scenario::default()
    });
}

#[test]
fn a_longer_route_is_no_congestion() {
    stays_above(5e6, || Scenario {
        clock_us: |seconds| if seconds < 20.0 { 0 } else { 60_000 },
        app_bps: |_, _| 300e3,
        desired_bps: |_| 4_000_000,
        ..Scenario::default()
    });
}

#[test]
fn falls_in_silence_and_comes_back() {
    let cut = || Scenario {
        loss: |seconds| if (10.0..15.0).contains(&seconds) { 1.0 } else { 0.0 },
        app_bps: |_, estimate_bps| layers_bps(estimate_bps),
        desired_bps: |_| 3_100_000,
        ..Scenario::default()
    };
    each(30, cut, |trace| {
        assert!(trace.min(10.0, 11.0) > 4e6);
        assert!(trace.max(14.5, 15.0) < 3e6, "{}", trace.max(14.5, 15.0));
        assert!(trace.min(20.0, 30.0) > 4e6, "{}", trace.min(20.0, 30.0));
    });
}

#[test]
fn a_quiet_connection_needs_no_timeouts() {
    let quiet = || Scenario {
        app_bps: |seconds, _| if seconds < 10.0 { 500e3 } else { 0.0 },
        desired_bps: |seconds| if seconds < 10.0 { 1_000_000 } else { 0 },
        ..Scenario::default()
    };
    each(30, quiet, |trace| {
        assert!(trace.sleeps && trace.timeouts <= 1, "{} timeouts", trace.timeouts);
        assert!(trace.min(3.0, 30.0) >= 1.3e6, "{}", trace.min(3.0, 30.0));
    });
}
