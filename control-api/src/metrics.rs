//! Numbers for operators, in the Prometheus text format.
//!
//! [`Text`] collects samples by family, so that whoever adds some need not know what others added.
//! [`Histogram`] is what latencies are kept in. [`RequestMetrics`] are those of the API itself.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the samples of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows while the process lives.
    Counter,
    /// A number that comes and goes.
    Gauge,
    /// Observations by size.
    Histogram,
}

/// Samples by family. A family is shown once, with all of its samples.
#[derive(Debug, Default)]
pub struct Text(BTreeMap<&'static str, String>);

impl Text {
    /// Adds a sample of a family. The help of the first one is shown.
    pub fn sample(
        &mut self,
        (family, kind, help): (&'static str, Kind, &str),
        labels: &[(&str, &str)],
        value: impl Display,
    ) {
        let text = self.family(family, kind, help);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{family}{} {value}", braced(labels));
    }

    /// Adds a histogram of seconds to a family.
    pub fn histogram(
        &mut self,
        (family, help): (&'static str, &str),
        labels: &[(&str, &str)],
        histogram: &Histogram,
    ) {
        let text = self.family(family, Kind::Histogram, help);
        let mut total = 0;
        for (index, count) in histogram.counts.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = BOUNDS_US.get(index).map_or("+Inf".to_owned(), |us| (*us as f64 / 1e6).to_string());
            let with_bound = [labels, &[("le", bound.as_str())]].concat();
            let _ = writeln!(text, "{family}_bucket{} {total}", braced(&with_bound));
        }
        let seconds = histogram.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "{family}_sum{} {seconds}", braced(labels));
        let _ = writeln!(text, "{family}_count{} {total}", braced(labels));
    }

    fn family(&mut self, family: &'static str, kind: Kind, help: &str) -> &mut String {
        self.0.entry(family).or_insert_with(|| {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            format!("# HELP {family} {help}\n# TYPE {family} {kind}\n")
        })
    }

    /// The whole text.
    pub fn into_string(self) -> String {
        self.0.into_values().collect()
    }
}

fn braced(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// The upper ends of a histogram's classes, in microseconds.
const BOUNDS_US: [u64; 15] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Adds an observation.
    pub fn observe(&self, elapsed: Duration) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS_US.partition_point(|bound| *bound < us);
        self.counts[class].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

/// What the API was asked and how it answered.
#[derive(Debug, Default)]
pub struct RequestMetrics(Mutex<Requests>);

#[derive(Debug, Default)]
struct Requests {
    by_status: HashMap<(&'static str, Arc<str>, u16), u64>,
    latencies: HashMap<(&'static str, Arc<str>), Arc<Histogram>>,
}

/// The route of requests that none fits.
const NO_ROUTE: &str = "none";

impl RequestMetrics {
    /// Adds a request: its method, the template of its route, its status and how long it took.
    pub(crate) fn observe(&self, method: &str, route: Option<Arc<str>>, status: u16, elapsed: Duration) {
        // Methods and routes are our own words, never the client's, so that their number is bounded.
        let method = ["GET", "PUT", "POST", "DELETE", "HEAD"].into_iter().find(|known| *known == method);
        let (method, route) = (method.unwrap_or("other"), route.unwrap_or_else(|| NO_ROUTE.into()));
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.by_status.entry((method, Arc::clone(&route), status)).or_default() += 1;
        requests.latencies.entry((method, route)).or_default().observe(elapsed);
    }

    /// Shows them.
    pub(crate) fn write(&self, text: &mut Text) {
        let requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let family =
            ("sextant_api_requests_total", Kind::Counter, "Requests to the API by method, route and status.");
        let mut by_status: Vec<_> = requests.by_status.iter().collect();
        by_status.sort();
        for ((method, route, status), count) in by_status {
            let labels = [("method", *method), ("route", route), ("status", &status.to_string())];
            text.sample(family, &labels, count);
        }
        let family = ("sextant_api_request_duration_seconds", "Time from a request's head to its reply.");
        let mut latencies: Vec<_> = requests.latencies.iter().collect();
        latencies.sort_by_key(|(key, _)| *key);
        for ((method, route), histogram) in latencies {
            text.histogram(family, &[("method", method), ("route", route)], histogram);
        }
    }
}

/// How long the steps of changes took.
#[derive(Debug, Default)]
pub struct ChangeMetrics {
    /// From a batch of changes being ready to its being on disk.
    pub(crate) commit: Histogram,
    /// From there to queries seeing it.
    pub(crate) publish: Histogram,
}

impl ChangeMetrics {
    /// Shows them.
    pub(crate) fn write(&self, text: &mut Text) {
        let family = ("sextant_commit_duration_seconds", "Time to store a batch of changes durably.");
        text.histogram(family, &[], &self.commit);
        let family = ("sextant_publish_duration_seconds", "Time to make a stored batch visible to queries.");
        text.histogram(family, &[], &self.publish);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_whole_whoever_adds_to_them_and_labels_are_escaped() {
        let mut text = Text::default();
        let first = ("b_total", Kind::Counter, "Second.");
        text.sample(first, &[("of", "x\"\\\n")], 1);
        text.sample(("a", Kind::Gauge, "First."), &[], 0.5);
        text.sample(first, &[("of", "y")], 2);
        assert_eq!(
            text.into_string(),
            "# HELP a First.\n# TYPE a gauge\na 0.5\n\
             # HELP b_total Second.\n# TYPE b_total counter\n\
             b_total{of=\"x\\\"\\\\\\n\"} 1\nb_total{of=\"y\"} 2\n"
        );
    }

    #[test]
    fn a_histogram_shows_sums_up_to_each_bound() {
        let histogram = Histogram::default();
        for us in [10, 50, 51, 100_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let mut text = Text::default();
        text.histogram(("t", "Time."), &[("of", "x")], &histogram);
        let text = text.into_string();
        for line in [
            "t_bucket{of=\"x\",le=\"0.00005\"} 2",
            "t_bucket{of=\"x\",le=\"0.0001\"} 3",
            "t_bucket{of=\"x\",le=\"30\"} 3",
            "t_bucket{of=\"x\",le=\"+Inf\"} 4",
            "t_sum{of=\"x\"} 100.000111",
            "t_count{of=\"x\"} 4",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn what_a_client_makes_up_adds_no_series() {
        let metrics = RequestMetrics::default();
        for method in ["BREW", "PURGE", "get"] {
            metrics.observe(method, None, 405, Duration::ZERO);
        }
        let mut text = Text::default();
        metrics.write(&mut text);
        let text = text.into_string();
        let line = "sextant_api_requests_total{method=\"other\",route=\"none\",status=\"405\"} 3";
        assert!(text.lines().any(|shown| shown == line), "{text}");
    }
}
