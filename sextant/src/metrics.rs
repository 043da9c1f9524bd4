//! What `/metrics` shows of the DNS side and of the process.

use std::sync::Arc;

use control_api::metrics::{Kind, Text};
use control_api::router::MetricsWriter;
use server::{Counter, CounterTotals, RunningServer};

/// Adds the counters of a server, as long as it runs.
pub fn writer(dns: &Arc<RunningServer>) -> MetricsWriter {
    // Weak: an API connection that outlives its deadline must not keep the DNS workers alive.
    let dns = Arc::downgrade(dns);
    Arc::new(move |text| {
        if let Some(dns) = dns.upgrade() {
            write_counters(&dns.counters(), text);
            let family = (
                "sextant_dns_udp_receive_buffer_bytes",
                Kind::Gauge,
                "The smallest receive buffer of a UDP socket, as the kernel granted it.",
            );
            text.sample(family, &[], dns.udp_receive_buffer());
            let family = ("sextant_dns_tcp_open", Kind::Gauge, "TCP connections that are open.");
            text.sample(family, &[], dns.open_connections());
        }
        write_process(text);
    })
}

fn write_counters(totals: &CounterTotals, text: &mut Text) {
    for (counter, count) in totals.iter() {
        match shown(counter) {
            Shown::Labeled(family, help, label) => {
                text.sample((family, Kind::Counter, help), &[label], count)
            }
            Shown::Alone(family, help) => text.sample((family, Kind::Counter, help), &[], count),
            Shown::Response(rcode) => {
                let family = ("sextant_dns_responses_total", Kind::Counter, "Replies by response code.");
                text.sample(family, &[("rcode", rcode)], count);
            }
            Shown::Elsewhere => {}
        }
    }
    for (query_type, count) in totals.types() {
        let family =
            ("sextant_dns_queries_by_type_total", Kind::Counter, "Queries for data of zones, by type.");
        text.sample(family, &[("type", &query_type.name())], count);
    }
    let emptied = totals.get(Counter::ChainsEmptied);
    let answered = totals.get(Counter::ChainsRun).saturating_sub(emptied);
    for (outcome, count) in [("answered", answered), ("emptied", emptied)] {
        let family = ("sextant_dns_chains_total", Kind::Counter, "Filter chains run, by what they left.");
        text.sample(family, &[("outcome", outcome)], count);
    }
}

/// How a counter is shown.
enum Shown {
    /// As one of a family, told apart by a label.
    Labeled(&'static str, &'static str, (&'static str, &'static str)),
    /// As a family of its own.
    Alone(&'static str, &'static str),
    /// As the count of a response code.
    Response(&'static str),
    /// Together with another one.
    Elsewhere,
}

fn shown(counter: Counter) -> Shown {
    let transport = |name| {
        Shown::Labeled("sextant_dns_queries_total", "Messages taken, by transport.", ("transport", name))
    };
    let dropped = |name| {
        Shown::Labeled("sextant_dns_dropped_total", "Messages without a reply, by reason.", ("reason", name))
    };
    let closed = |name| {
        Shown::Labeled(
            "sextant_dns_tcp_closed_total",
            "TCP connections that this side closed, by reason.",
            ("reason", name),
        )
    };
    match counter {
        Counter::UdpQueries => transport("udp"),
        Counter::TcpQueries => transport("tcp"),
        Counter::NoError => Shown::Response("NOERROR"),
        Counter::FormatError => Shown::Response("FORMERR"),
        Counter::ServerFailure => Shown::Response("SERVFAIL"),
        Counter::NameError => Shown::Response("NXDOMAIN"),
        Counter::NotImplemented => Shown::Response("NOTIMP"),
        Counter::Refused => Shown::Response("REFUSED"),
        Counter::NameTooLong => Shown::Response("YXDOMAIN"),
        Counter::NotAuthorized => Shown::Response("NOTAUTH"),
        Counter::BadVersion => Shown::Response("BADVERS"),
        Counter::BadCookie => Shown::Response("BADCOOKIE"),
        Counter::DroppedShort => dropped("short"),
        Counter::DroppedResponse => dropped("response"),
        Counter::DroppedLong => dropped("long"),
        Counter::DroppedNoRoom => dropped("no_room"),
        Counter::UdpDropped => dropped("receive_buffer"),
        Counter::TcpRefused => closed("limit"),
        Counter::TcpIdle => closed("idle"),
        Counter::TcpSlow => closed("slow"),
        Counter::TcpBroken => closed("broken"),
        Counter::Truncated => {
            Shown::Alone("sextant_dns_truncated_total", "Replies cut to what the client takes.")
        }
        Counter::Edns => Shown::Alone("sextant_dns_edns_total", "Queries with an EDNS record."),
        Counter::ClientSubnet => {
            Shown::Alone("sextant_dns_client_subnet_total", "Queries with a client subnet.")
        }
        Counter::Cookie => Shown::Alone("sextant_dns_cookie_total", "Queries with a cookie."),
        Counter::ValidCookie => {
            Shown::Alone("sextant_dns_cookie_valid_total", "Queries with a server cookie of ours.")
        }
        // Shown by what they left.
        Counter::ChainsRun | Counter::ChainsEmptied => Shown::Elsewhere,
        Counter::AliasLimit => {
            Shown::Alone("sextant_dns_alias_limit_total", "Aliases not followed: too many, or in a circle.")
        }
        Counter::UdpReceiveErrors => {
            Shown::Alone("sextant_dns_udp_receive_errors_total", "Errors of the kernel when receiving.")
        }
        Counter::UdpSendErrors => {
            Shown::Alone("sextant_dns_udp_send_errors_total", "Replies the kernel did not send.")
        }
        Counter::WorkerPanics => {
            Shown::Alone("sextant_dns_worker_panics_total", "Panics that a worker survived.")
        }
        Counter::TcpAccepted => Shown::Alone("sextant_dns_tcp_accepted_total", "TCP connections accepted."),
        Counter::TcpAcceptErrors => {
            Shown::Alone("sextant_dns_tcp_accept_errors_total", "TCP connections that could not be accepted.")
        }
        Counter::TallyLost => Shown::Alone(
            "sextant_statistics_lost_total",
            "Queries missing in the statistics of zones and records: nobody added them up in time.",
        ),
    }
}

/// The numbers that Prometheus has names for in every process; where the system does not tell one, it is left out.
fn write_process(text: &mut Text) {
    if let Some(octets) = status_kibibytes("VmRSS:").and_then(|kibibytes| kibibytes.checked_mul(1024)) {
        let family = ("process_resident_memory_bytes", Kind::Gauge, "Memory in use.");
        text.sample(family, &[], octets);
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        text.sample(("process_open_fds", Kind::Gauge, "Open file descriptors."), &[], entries.count());
    }
    if let Some((user, system, threads, started)) = stat() {
        // Linux shows times to programs in hundredths of a second, whatever the kernel counts in.
        let seconds = (user + system) as f64 / 100.0;
        let family = ("process_cpu_seconds_total", Kind::Counter, "Processor time used.");
        text.sample(family, &[], seconds);
        text.sample(("process_threads", Kind::Gauge, "Threads."), &[], threads);
        if let Some(boot_s) = boot_time_s() {
            let family =
                ("process_start_time_seconds", Kind::Gauge, "When the process started, in unix time.");
            text.sample(family, &[], boot_s as f64 + started as f64 / 100.0);
        }
    }
}

fn status_kibibytes(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Processor time in user and kernel mode, threads, and the start after boot, in hundredths of a second.
fn stat() -> Option<(u64, u64, u64, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name may have blanks; what follows its bracket is numbered from field 3 on (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse().ok();
    Some((field(14)?, field(15)?, field(20)?, field(22)?))
}

fn boot_time_s() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_manual() {
        let mut text = Text::default();
        write_counters(&CounterTotals::sum(&[]), &mut text);
        write_process(&mut text);
        let manual = include_str!("../../docs/metrics.md");
        for line in text.into_string().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(manual.contains(&format!("`{name}`")), "docs/metrics.md says nothing of {name}");
        }
    }

    #[test]
    fn every_counter_has_a_series_of_its_own() {
        let mut text = Text::default();
        write_counters(&CounterTotals::sum(&[]), &mut text);
        let text = text.into_string();
        let mut series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let count = series.len();
        series.sort_unstable();
        series.dedup();
        assert_eq!(series.len(), count);
        assert!(series.contains(&"sextant_dns_responses_total{rcode=\"NXDOMAIN\"} 0"));
        assert!(series.contains(&"sextant_dns_queries_total{transport=\"udp\"} 0"));
    }
}
