//! What `/metrics` shows of data sources and feeds.

use std::sync::atomic::Ordering;

use crate::limits::SOURCES_MEASURED;
use crate::metrics::{Kind, Text};
use crate::service::Service;

/// Writes the counters of sources, and what became of silent feeds.
///
/// The id of a source is the secret of its feed URL, so only how it begins is shown.
pub(super) fn write(service: &Service, text: &mut Text) {
    let mut sources = service.live_sources();
    sources.sort_unstable_by_key(|source| source.document.id);
    let family =
        ("sextant_source_pushes_total", Kind::Counter, "Pushes to a data source by what became of them.");
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
            let labels =
                [("source", &id[..8]), ("sourcetype", &source.document.sourcetype), ("outcome", outcome)];
            text.sample(family, &labels, count.load(Ordering::Relaxed));
        }
    }
    let (expirations, expired) = service.expirations();
    for (name, kind, help, value) in [
        (
            "sextant_feed_expirations_total",
            Kind::Counter,
            "Times that a silent feed's values became unknown.",
            expirations,
        ),
        (
            "sextant_feeds_expired",
            Kind::Gauge,
            "Feeds whose values are unknown because they fell silent.",
            expired as u64,
        ),
    ] {
        text.sample((name, kind, help), &[], value);
    }
}
