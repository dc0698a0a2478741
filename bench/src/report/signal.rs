//! What `signal` found: for the terminal, and as a section of the page.

use std::fmt::Write as _;

use super::html::COLOURS;
use super::plot::{self, Bar, grouped, plain};
use crate::signal::{CrowdResult, MeResult, SignalResult};

/// A result's figures, for people.
pub fn table(result: &SignalResult) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<28}{value}");
    };
    let times = |p50, p95, p99| format!("{} / {} / {} ms", plain(p50), plain(p95), plain(p99));
    let cores = |ratio: Option<f64>| ratio.map_or_else(|| "not known".into(), |ratio| format!("{ratio:.2} cores"));
    let SignalResult { sockets, rooms, sockets_failed, sockets_broken, .. } = result;
    line("sockets", format!("{sockets} in {rooms} rooms, {sockets_failed} failed, {sockets_broken} broken"));
    line("connects a second", plain(result.connects_per_s));
    line("connect p50/p95/p99", times(result.connect_ms_p50, result.connect_ms_p95, result.connect_ms_p99));
    let SignalResult { messages_refused, messages_skipped, messages_unanswered, .. } = result;
    line(
        "messages a second",
        format!(
            "{}; {messages_refused} refused, {messages_skipped} not sent, {messages_unanswered} without answer",
            plain(result.messages_per_s)
        ),
    );
    line("stored", format!("{} acked ones are not, {} twice", result.messages_lost, result.messages_double));
    line("ack p50/p95/p99", times(result.ack_ms_p50, result.ack_ms_p95, result.ack_ms_p99));
    line("deliveries a second", plain(result.deliveries_per_s));
    let SignalResult { deliveries_missing, deliveries_double, deliveries_out_of_order, deliveries_unknown, .. } =
        result;
    line(
        "delivered",
        format!(
            "{:.4} %; {deliveries_missing} missing, {deliveries_double} double, {deliveries_out_of_order} out of order, \
             {deliveries_unknown} unknown",
            result.delivery_ratio * 100.0
        ),
    );
    line("delivery p50/p95/p99", times(result.delivery_ms_p50, result.delivery_ms_p95, result.delivery_ms_p99));
    line("server", cores(result.server_cpu_ratio));
    line("generator", format!("{:.0} % of its core", result.generator_cpu_ratio * 100.0));
    if let Some(me) = &result.me {
        let MeResult { requests_per_s, requests_failed, request_ms_p50, request_ms_p95, request_ms_p99, .. } = *me;
        line("GET /v1/auth/me a second", format!("{}, {requests_failed} failed", plain(requests_per_s)));
        line("answer p50/p95/p99", times(request_ms_p50, request_ms_p95, request_ms_p99));
        line("server", cores(me.server_cpu_ratio));
        line("generator", format!("{:.0} % of its core", me.generator_cpu_ratio * 100.0));
    }
    if let Some(crowd) = &result.crowd {
        let CrowdResult { members, members_failed, joins_took_s, join_ms_p50, join_ms_p95, .. } = *crowd;
        line("crowd", format!("{members} joined one room in {} s, {members_failed} failed", plain(joins_took_s)));
        line("its joins p50/p95", format!("{} / {} ms", plain(join_ms_p50), plain(join_ms_p95)));
        let CrowdResult { presence_messages_p50, presence_messages_max, presence_bytes_p50, .. } = *crowd;
        line(
            "presence for a member",
            format!(
                "{presence_messages_p50} messages, {presence_messages_max} at most; {:.0} KiB",
                f64::from(presence_bytes_p50) / 1024.0
            ),
        );
    }
    for doubt in result.doubts() {
        line("NOTE", doubt);
    }
    text
}

/// The section of the page.
pub fn section(page: &mut String, signals: &[(&str, &SignalResult)]) {
    if signals.is_empty() {
        return;
    }
    let classes: Vec<String> = (0..signals.len()).map(|index| format!("c{}", index % COLOURS)).collect();
    let labels: Vec<String> = signals
        .iter()
        .map(|(label, signal)| format!("{label}: {} sockets in {} rooms", signal.sockets, signal.rooms))
        .collect();
    let rows = || signals.iter().zip(&labels).zip(&classes);
    page.push_str("<section><h2>Realtime gateway</h2><div class=\"plots\">");
    let mut rate = |title: &str, note: &str, figure: fn(&SignalResult) -> f64| {
        let bars = rows().map(|(((_, signal), label), class)| {
            let value = figure(signal);
            Bar { label, class, value, text: grouped(value) }
        });
        page.push_str(&plot::bars(title, note, &bars.collect::<Vec<_>>()));
    };
    rate("Connects a second", "ticket, socket, room joined", |signal| signal.connects_per_s);
    rate("Messages a second", "acked", |signal| signal.messages_per_s);
    rate("Deliveries a second", "each message at each member", |signal| signal.deliveries_per_s);
    rate("Delivered, %", "of each message at each member", |signal| signal.delivery_ratio * 100.0);
    let mut times = |title: &str, figures: fn(&SignalResult) -> Option<[f64; 3]>| {
        let mut bars = Vec::new();
        for (((_, signal), _), class) in rows() {
            for (label, value) in ["p50", "p95", "p99"].into_iter().zip(figures(signal).into_iter().flatten()) {
                bars.push(Bar { label, class, value, text: format!("{} ms", plain(value)) });
            }
        }
        page.push_str(&plot::bars(title, "", &bars));
    };
    times("Connecting", |signal| Some([signal.connect_ms_p50, signal.connect_ms_p95, signal.connect_ms_p99]));
    times("Acknowledgement", |signal| Some([signal.ack_ms_p50, signal.ack_ms_p95, signal.ack_ms_p99]));
    times("Delivery", |signal| Some([signal.delivery_ms_p50, signal.delivery_ms_p95, signal.delivery_ms_p99]));
    times("GET /v1/auth/me", |signal| signal.me.map(|me| [me.request_ms_p50, me.request_ms_p95, me.request_ms_p99]));
    page.push_str("</div></section>");
}
