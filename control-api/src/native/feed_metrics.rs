//! What `/metrics` shows of data sources and feeds.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use crate::limits::SOURCES_MEASURED;
use crate::service::Service;

/// Writes the counters of sources, and what became of silent feeds, in the Prometheus text format.
///
/// The id of a source is the secret of its feed URL, so only how it begins is shown.
pub(super) fn write(service: &Service, text: &mut String) {
    let mut sources = service.live_sources();
    sources.sort_unstable_by_key(|source| source.document.id);
    text.push_str("# HELP sextant_source_pushes_total Pushes to a data source by what became of them.\n");
    text.push_str("# TYPE sextant_source_pushes_total counter\n");
    for source in sources.iter().take(SOURCES_MEASURED) {
        let counts = &source.counts;
        for (outcome, count) in [
            ("delivered", &counts.delivered),
            ("unmatched", &counts.unmatched),
            ("malformed", &counts.malformed),
            ("refused", &counts.refused),
            ("limited", &counts.limited),
        ] {
            let id = source.document.id.to_string();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "sextant_source_pushes_total{{source=\"{}\",sourcetype=\"{}\",outcome=\"{outcome}\"}} {}",
                &id[..8],
                source.document.sourcetype,
                count.load(Ordering::Relaxed)
            );
        }
    }
    let (expirations, expired) = service.expirations();
    for (name, kind, help, value) in [
        (
            "sextant_feed_expirations_total",
            "counter",
            "Times that a silent feed's values became unknown.",
            expirations,
        ),
        (
            "sextant_feeds_expired",
            "gauge",
            "Feeds whose values are unknown because they fell silent.",
            expired as u64,
        ),
    ] {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
}
