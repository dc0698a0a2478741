//! Counters and gauges. None has a label that a stranger, a room or a participant can choose.

use std::fmt::Write as _;
use std::sync::Mutex;

use boltorezka_proto::admission::NodeLoad;
use boltorezka_proto::telemetry::{CallFailure, TelemetryEvent};
use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

use crate::store::DeliveryCounts;
use crate::sync::lock;

/// From a page that is in memory to a password that is hashed on a busy machine.
const DURATION_BUCKETS_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

const QUEUED: &str = "queued";
const DROPPED: &str = "dropped";
const DELIVERED: &str = "delivered";
const FAILED: &str = "failed";

/// The metrics of one control plane.
pub struct Metrics {
    registry: Registry,
    /// By route template, method and status class.
    pub http_duration: HistogramVec,
    /// Open sockets.
    pub sockets: IntGauge,
    /// Stored messages.
    pub messages: IntCounter,
    /// Messages that were not stored because the server failed.
    pub sends_failed: IntCounter,
    deliveries: IntCounterVec,
    webhook_tries: IntCounterVec,
    push_tries: IntCounterVec,
    clients: ClientMetrics,
    outbox_depth: IntGauge,
    deliveries_waiting: IntGauge,
    deliveries_dead: IntGauge,
    pushes_waiting: IntGauge,
    node_load: Mutex<NodeLoad>,
}

impl Metrics {
    /// # Errors
    /// When a metric is named wrongly, which a test would have shown.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let duration =
            HistogramOpts::new("boltorezka_http_request_duration_seconds", "Time from a request to its answer.")
                .buckets(DURATION_BUCKETS_S.to_vec());
        let deliveries = Opts::new("boltorezka_chat_deliveries_total", "Messages for sockets, by what became of them.");
        let tries = Opts::new("boltorezka_webhooks_tries_total", "Requests of webhooks, by what became of them.");
        let pushes = Opts::new("boltorezka_push_tries_total", "Requests to push services, by what became of them.");
        let metrics = Self {
            http_duration: HistogramVec::new(duration, &["route", "method", "status"])?,
            sockets: IntGauge::new("boltorezka_realtime_sockets", "Open sockets of the realtime gateway.")?,
            messages: IntCounter::new("boltorezka_chat_messages_total", "Chat messages stored.")?,
            sends_failed: IntCounter::new(
                "boltorezka_chat_sends_failed_total",
                "Chat messages not stored because the server failed.",
            )?,
            deliveries: with_values(deliveries, "outcome", [QUEUED, DROPPED])?,
            webhook_tries: with_values(tries, "outcome", [DELIVERED, FAILED])?,
            push_tries: with_values(pushes, "outcome", PushOutcome::ALL.map(PushOutcome::name))?,
            clients: ClientMetrics::new()?,
            outbox_depth: IntGauge::new("boltorezka_outbox_rows", "Outbox rows that wait for their delivery.")?,
            deliveries_waiting: IntGauge::new(
                "boltorezka_webhooks_waiting_deliveries",
                "Events that wait to be told to webhooks.",
            )?,
            deliveries_dead: IntGauge::new(
                "boltorezka_webhooks_dead_deliveries",
                "Events that webhooks are told no more, unless they are replayed.",
            )?,
            pushes_waiting: IntGauge::new(
                "boltorezka_push_waiting_deliveries",
                "Browsers that wait to be pushed to about a room.",
            )?,
            node_load: Mutex::default(),
            registry,
        };
        for collector in [
            Box::new(metrics.http_duration.clone()) as Box<dyn Collector>,
            Box::new(metrics.sockets.clone()),
            Box::new(metrics.messages.clone()),
            Box::new(metrics.sends_failed.clone()),
            Box::new(metrics.deliveries.clone()),
            Box::new(metrics.webhook_tries.clone()),
            Box::new(metrics.push_tries.clone()),
            Box::new(metrics.pushes_waiting.clone()),
            Box::new(metrics.outbox_depth.clone()),
            Box::new(metrics.deliveries_waiting.clone()),
            Box::new(metrics.deliveries_dead.clone()),
        ] {
            metrics.registry.register(collector)?;
        }
        metrics.clients.register(&metrics.registry)?;
        Ok(metrics)
    }

    /// A message went to the queues of `queued` sockets, and did not fit into those of `dropped`.
    pub fn message_told(&self, queued: u64, dropped: u64) {
        self.deliveries.with_label_values(&[QUEUED]).inc_by(queued);
        self.deliveries.with_label_values(&[DROPPED]).inc_by(dropped);
    }

    /// A webhook was told, or could not be.
    pub fn webhook_tried(&self, got_through: bool) {
        self.webhook_tries.with_label_values(&[if got_through { DELIVERED } else { FAILED }]).inc();
    }

    /// A browser was pushed to, or could not be.
    pub fn push_tried(&self, outcome: PushOutcome) {
        self.push_tries.with_label_values(&[outcome.name()]).inc();
    }

    /// Counts what a client says that happened to it.
    pub fn client_event(&self, event: TelemetryEvent) {
        self.clients.count(event);
    }

    /// Takes over the media node's counters, which are cumulative: they replace those before.
    pub fn set_node_load(&self, load: NodeLoad) {
        *lock(&self.node_load) = load;
    }

    /// What the media node said last.
    pub fn node_load(&self) -> NodeLoad {
        lock(&self.node_load).clone()
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self, outbox_depth: u64, deliveries: DeliveryCounts, pushes_waiting: u64) -> String {
        let gauge = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.outbox_depth.set(gauge(outbox_depth));
        self.deliveries_waiting.set(gauge(deliveries.waiting));
        self.deliveries_dead.set(gauge(deliveries.dead));
        self.pushes_waiting.set(gauge(pushes_waiting));
        let mut text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default();
        render_node_load(&mut text, &lock(&self.node_load));
        text
    }
}

/// What became of a request to a push service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushOutcome {
    /// The push service took it.
    Pushed,
    /// The browser subscribes no more.
    Gone,
    /// Neither.
    Failed,
}

impl PushOutcome {
    const ALL: [Self; 3] = [Self::Pushed, Self::Gone, Self::Failed];

    fn name(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Gone => "gone",
            Self::Failed => FAILED,
        }
    }
}

/// A counter whose label has these values and no others, so that each is there from the start.
fn with_values<const N: usize>(opts: Opts, label: &str, values: [&str; N]) -> Result<IntCounterVec, prometheus::Error> {
    let counter = IntCounterVec::new(opts, &[label])?;
    for value in values {
        counter.get_metric_with_label_values(&[value])?;
    }
    Ok(counter)
}

/// What clients say of themselves: claims, which nobody can check.
struct ClientMetrics {
    sessions_began: IntCounter,
    sessions_ended: IntCounter,
    sessions_crashed: IntCounter,
    reconnects_tried: IntCounter,
    reconnects_succeeded: IntCounter,
    calls_set_up: IntCounter,
    calls_failed: IntCounterVec,
    ice_failures: IntCounter,
}

impl ClientMetrics {
    fn new() -> Result<Self, prometheus::Error> {
        let calls_failed = Opts::new("boltorezka_client_calls_failed_total", "Connections that did not come about.");
        Ok(Self {
            sessions_began: IntCounter::new("boltorezka_client_sessions_began_total", "Sessions of pages that began.")?,
            sessions_ended: IntCounter::new("boltorezka_client_sessions_ended_total", "Sessions that ended well.")?,
            sessions_crashed: IntCounter::new("boltorezka_client_sessions_crashed_total", "Sessions without an end.")?,
            reconnects_tried: IntCounter::new("boltorezka_client_reconnects_tried_total", "Sockets that were lost.")?,
            reconnects_succeeded: IntCounter::new(
                "boltorezka_client_reconnects_succeeded_total",
                "Lost sockets that were replaced in time.",
            )?,
            calls_set_up: IntCounter::new("boltorezka_client_calls_set_up_total", "Connections that came about.")?,
            calls_failed: with_values(calls_failed, "reason", CallFailure::ALL.map(CallFailure::name))?,
            ice_failures: IntCounter::new("boltorezka_client_ice_failures_total", "Connections without a path.")?,
        })
    }

    fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        for counter in [
            &self.sessions_began,
            &self.sessions_ended,
            &self.sessions_crashed,
            &self.reconnects_tried,
            &self.reconnects_succeeded,
            &self.calls_set_up,
            &self.ice_failures,
        ] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(self.calls_failed.clone()))
    }

    fn count(&self, event: TelemetryEvent) {
        match event {
            TelemetryEvent::SessionBegan => self.sessions_began.inc(),
            TelemetryEvent::SessionEnded => self.sessions_ended.inc(),
            TelemetryEvent::SessionCrashed => self.sessions_crashed.inc(),
            TelemetryEvent::ReconnectTried => self.reconnects_tried.inc(),
            TelemetryEvent::ReconnectSucceeded => self.reconnects_succeeded.inc(),
            TelemetryEvent::CallSetUp => self.calls_set_up.inc(),
            TelemetryEvent::CallFailed { reason } => self.calls_failed.with_label_values(&[reason.name()]).inc(),
            TelemetryEvent::IceFailed => self.ice_failures.inc(),
        }
    }
}

fn render_node_load(text: &mut String, load: &NodeLoad) {
    let mut family = |name: &str, kind: &str, help: &str, label: Option<&str>, values: &[(String, u64)]| {
        let name = format!("boltorezka_media_{name}");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (value_of_label, value) in values {
            let labels = label.map(|label| format!("{{{label}=\"{}\"}}", escape(value_of_label))).unwrap_or_default();
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let one = |value: u64| [(String::new(), value)];
    let many = |map: &std::collections::BTreeMap<String, u64>| -> Vec<(String, u64)> {
        map.iter().map(|(key, value)| (key.clone(), *value)).collect()
    };
    let counters = [
        ("packets_received_total", "RTP packets taken from clients.", load.packets_received),
        ("packets_relayed_total", "RTP packets given to other shards.", load.packets_relayed),
        ("packets_relay_received_total", "RTP packets taken from other shards.", load.packets_relay_received),
        ("packets_routed_total", "RTP packets that came as far as their track's slots.", load.packets_routed),
        ("packets_offered_total", "Copies of RTP packets that slots could have been sent.", load.packets_offered),
        ("packets_forwarded_total", "RTP packets sent to clients for the first time.", load.packets_forwarded),
        ("packets_resent_total", "RTP packets sent to clients again.", load.packets_resent),
        ("datagrams_generated_total", "Datagrams of the node's own.", load.datagrams_generated),
        (
            "datagrams_sent_total",
            "Datagrams that the kernel took, or the queue of a TCP connection.",
            load.datagrams_sent,
        ),
        ("messages_sent_total", "Messages that datagrams left in.", load.messages_sent),
        ("received_bytes_total", "Bytes taken from the sockets.", load.bytes_received),
        ("sent_bytes_total", "Bytes given to the sockets.", load.bytes_sent),
        ("connections_failed_total", "Connections that ended because of an error.", load.connections_failed),
        ("busy_microseconds_total", "Time that the shards' threads worked.", load.busy_us),
    ];
    for (name, help, value) in counters {
        family(name, "counter", help, None, &one(value));
    }
    let help = "Datagrams and packets not taken or not sent.";
    family("packets_dropped_total", "counter", help, Some("reason"), &many(&load.packets_dropped));
    family("connections", "gauge", "Connections that exist now.", None, &one(load.connections));
    family("tcp_connections", "gauge", "TCP connections that are open now.", None, &one(load.tcp_connections));
    family("tcp_closed_total", "counter", "TCP connections that were closed.", Some("reason"), &many(&load.tcp_closed));
    let help = "Times that a turn's budget ran out.";
    family("budget_exhausted_total", "counter", help, Some("budget"), &many(&load.budget_exhausted));
    family("shards", "gauge", "Shards of the node.", None, &one(load.shards));
    family("shards_overloaded", "gauge", "Shards that take nobody new.", None, &one(load.shards_overloaded));
    let help = "Newcomers that were refused at the door.";
    family("joins_refused_total", "counter", help, Some("reason"), &many(&load.joins_refused));
    family("draining", "gauge", "1 while the node is being emptied.", None, &one(load.draining.into()));
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_counters_are_replaced_and_not_added() {
        let metrics = Metrics::new().unwrap();
        let load = |packets_received| NodeLoad {
            packets_received,
            packets_dropped: [("no \"route\"".to_owned(), 3)].into(),
            ..NodeLoad::default()
        };
        metrics.set_node_load(load(10));
        metrics.set_node_load(load(12));
        let text = metrics.render(4, DeliveryCounts { waiting: 2, dead: 1 }, 3);
        assert!(text.contains("\nboltorezka_media_packets_received_total 12\n"), "{text}");
        assert!(text.contains("\nboltorezka_media_packets_dropped_total{reason=\"no \\\"route\\\"\"} 3\n"), "{text}");
        assert!(text.contains("\nboltorezka_outbox_rows 4\n"), "{text}");
        assert!(text.contains("\nboltorezka_webhooks_waiting_deliveries 2\n"), "{text}");
        assert!(text.contains("\nboltorezka_webhooks_dead_deliveries 1\n"), "{text}");
        assert!(text.contains("\nboltorezka_push_waiting_deliveries 3\n"), "{text}");
    }
}
