//! The estimator, report by report.

use super::super::feedback::FeedbackReport;
use super::*;

fn report(arrivals: &[Option<i64>], base_sequence: u16) -> Vec<u8> {
    FeedbackReport { base_sequence, ..FeedbackReport::default() }.write(arrivals).0
}

/// Sends a hundred packets and reports that the even ones arrived.
fn half_lost(now: Instant) -> Estimator {
    let mut estimator = Estimator::new(now, 1_000_000);
    let mut arrivals = Vec::new();
    for packet in 0..100 {
        let sent = Duration::from_millis(packet * 10);
        estimator.sent(now + sent, packet, 1200, None);
        arrivals.push((packet % 2 == 0).then(|| 1_000_000 + sent.as_micros() as i64));
    }
    estimator.handle_feedback(now + Duration::from_secs(1), &report(&arrivals, 0)).unwrap();
    estimator
}

#[test]
fn what_is_malformed_or_unknown_changes_nothing() {
    let now = Instant::now();
    let mut estimator = half_lost(now);
    let before = format!("{estimator:?}");
    let mut packet = report(&[Some(0); 10], 0);
    packet.truncate(21);
    assert_eq!(estimator.handle_feedback(now, &packet), Err(FeedbackError::Truncated));
    assert_eq!(format!("{estimator:?}"), before);

    estimator.handle_feedback(now + Duration::from_secs(1), &report(&[Some(9_000_000); 50], 5_000)).unwrap();
    assert_eq!(estimator.loss_ratio(), 0.5);
    assert_eq!(estimator.rate.bps(), half_lost(now).rate.bps());
}

#[test]
fn what_was_late_is_no_loss_and_counts_once() {
    let now = Instant::now();
    let mut estimator = half_lost(now);
    assert_eq!(estimator.loss_ratio(), 0.5);
    let once = estimator.rate.bps().unwrap();
    let all: Vec<_> = (0..100).map(|packet| Some(1_000_000 + packet * 10_000)).collect();
    for _ in 0..3 {
        estimator.handle_feedback(now + Duration::from_secs(1), &report(&all, 0)).unwrap();
    }
    assert_eq!(estimator.loss_ratio(), 0.0);
    assert_eq!(estimator.rate.bps(), Some(once * 2.0));
}

/// Sends 300 kb/s for so long, with a report each tenth of a second, on a way whose delay and losses are given for
/// each packet of 10 ms.
fn drive(estimator: &mut Estimator, now: Instant, packets: u64, arrival: impl Fn(i64) -> Option<i64>) {
    let mut arrivals = Vec::new();
    for packet in 0..packets {
        let sent_us = packet as i64 * 10_000;
        let at = now + Duration::from_micros(sent_us as u64);
        estimator.sent(at, packet, 375, None);
        arrivals.push(arrival(packet as i64).map(|delay_us| sent_us + delay_us));
        if packet % 10 == 9 {
            estimator.handle_feedback(at, &report(&arrivals, packet as u16 - 9)).unwrap();
            arrivals.clear();
        }
    }
}

#[test]
fn a_small_queue_where_little_is_sent_costs_little() {
    let now = Instant::now();
    let fallen_to = |rise_us: i64| {
        let mut estimator = Estimator::new(now, 4_000_000);
        drive(&mut estimator, now, 300, |packet| Some((packet - 200).clamp(0, 30) * rise_us));
        estimator.estimate_bps()
    };
    assert_eq!(fallen_to(500), 4_000_000, "15 ms are jitter");
    assert_eq!(fallen_to(1_000), 3_400_000, "30 ms are doubtful");
    assert!(fallen_to(8_000) <= 2_000_000, "240 ms are a full link");
}

#[test]
fn once_the_queue_is_empty_nearly_all_is_used_again() {
    let now = Instant::now();
    let estimate_bps = |packets: u64| {
        let mut estimator = Estimator::new(now, 330_000);
        drive(&mut estimator, now, packets, |packet| match packet {
            ..200 => Some(0),
            200..240 => Some((packet - 200) * 3_000),
            _ => Some((600_000 - (packet - 200) * 12_000).max(0)),
        });
        estimator.estimate_bps()
    };
    let (full_bps, empty_bps) = (estimate_bps(240), estimate_bps(280));
    assert!(full_bps < 265_000 && empty_bps as f64 > full_bps as f64 * 1.1, "{full_bps} {empty_bps}");
}

#[test]
fn grows_with_what_arrives_and_not_under_loss() {
    let now = Instant::now();
    let grown_to = |lost_of_twenty: i64| {
        let mut estimator = Estimator::new(now, 300_000);
        drive(&mut estimator, now, 2_000, |packet| (packet % 20 >= lost_of_twenty).then_some(0));
        estimator.estimate_bps()
    };
    assert_eq!(grown_to(0), 450_000, "half more than what arrives");
    assert!(grown_to(1) < 310_000, "{}", grown_to(1));
    assert!(grown_to(4) > 200_000, "what arrives is not given up: {}", grown_to(4));
}

#[test]
fn a_connection_that_wants_nothing_sleeps() {
    let now = Instant::now();
    let mut estimator = Estimator::new(now, 1_000_000);
    assert_eq!(estimator.poll_timeout(), None);
    estimator.sent(now, 0, 100, None);
    assert_eq!(estimator.poll_timeout(), None, "nobody reports yet");
    assert_eq!(estimator.poll_probe(now), None);
    let estimator = half_lost(now);
    assert_eq!(estimator.poll_timeout(), None, "all is reported");
}

#[test]
fn a_connection_takes_little_memory() {
    assert!(size_of::<Estimator>() <= 1024, "{}", size_of::<Estimator>());
}
