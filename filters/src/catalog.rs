//! The filter types: what exists, what each reads, and which options it takes.

use std::fmt;

use crate::chain::ChainError;
use crate::compile::Compiler;
use crate::config::Settings;
use crate::kinds::{self, Filter};
use crate::meta::MetaKey;

/// A kind of filter: its documentation, and how its steps are read and compiled.
#[derive(Debug)]
pub struct FilterType {
    /// The name on the wire.
    pub name: &'static str,
    /// Other names that are accepted on input.
    pub aliases: &'static [&'static str],
    /// A few words for a heading.
    pub short_description: &'static str,
    /// A description in HTML.
    pub description: &'static str,
    /// The service tier that a record with this filter belongs to: 2 or 3.
    pub tier: u8,
    /// The metadata that the filter reads.
    pub inputs: &'static [MetaKey],
    /// The options of its configuration.
    pub options: &'static [OptionType],
    /// The record types that may use the filter; empty when all may.
    pub record_types: &'static [u16],
    /// Whether the decision may depend on who asks.
    pub looks_at_client: bool,
    pub(crate) compile: fn(&mut Compiler<'_>, &Settings) -> Result<Filter, ChainError>,
}

impl PartialEq for FilterType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// One option of a filter's configuration.
#[derive(Debug, PartialEq)]
pub struct OptionType {
    /// The key.
    pub name: &'static str,
    /// What values it takes.
    pub kind: OptionKind,
    /// Whether the catalog calls it required. One that has a default may still be left out.
    pub required: bool,
    /// The value when it is left out, as the catalog writes it.
    pub default: Option<&'static str>,
    /// A few words for a heading.
    pub short_description: &'static str,
    /// A description in HTML.
    pub description: &'static str,
}

/// The values that an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// True or false, in any of the spellings `true`, `1`, `"1"`, `"true"` and their opposites.
    Flag,
    /// A whole number, also as a string.
    Count {
        /// The least allowed value.
        low: u32,
        /// The greatest allowed value.
        high: u32,
    },
    /// One of these words, in either case.
    Word(&'static [&'static str]),
}

impl OptionKind {
    /// The `type` of the option in the catalog of the API.
    pub const fn input_type(self) -> &'static str {
        match self {
            OptionKind::Flag => "checkbox",
            OptionKind::Count { .. } => "number",
            OptionKind::Word(_) => "text",
        }
    }

    /// The `validator` of the option in the catalog of the API.
    pub const fn validator(self) -> &'static str {
        match self {
            OptionKind::Flag => "boolean",
            OptionKind::Count { .. } => "number",
            OptionKind::Word(_) => "text",
        }
    }
}

impl fmt::Display for OptionKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionKind::Flag => out.write_str("true or false"),
            OptionKind::Count { low, high } => write!(out, "a whole number from {low} to {high}"),
            OptionKind::Word(words) => write!(out, "one of {}", words.join(", ")),
        }
    }
}

/// Every filter that chains may use, in alphabetical order.
pub fn filter_types() -> &'static [FilterType] {
    &kinds::TYPES
}

impl FilterType {
    /// Finds a filter by its name or an alias.
    pub fn find(name: &str) -> Option<&'static FilterType> {
        filter_types().iter().find(|filter| filter.name == name || filter.aliases.contains(&name))
    }

    /// Whether records of this type, given as a number, may use the filter.
    pub fn allows(&self, record_type: u16) -> bool {
        self.record_types.is_empty() || self.record_types.contains(&record_type)
    }
}

const NEEDS_PULSAR: &str = "it needs Pulsar measurements, which this server does not take yet";

/// Filters of the API that chains may not use yet, and why.
pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    ("dhcp", "it needs DHCP leases, which this server does not hold yet"),
    ("pulsar", NEEDS_PULSAR),
    ("pulsar_availability_sort", NEEDS_PULSAR),
    ("pulsar_availability_threshold", NEEDS_PULSAR),
    ("pulsar_sort", NEEDS_PULSAR),
    ("pulsar_stabilize", NEEDS_PULSAR),
    ("pulse", NEEDS_PULSAR),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_for_some_record_types_is_refused_for_others() {
        const A: u16 = 1;
        const AAAA: u16 = 28;
        let only_addresses = FilterType { record_types: &[A], ..kinds::up::TYPE };
        assert!(only_addresses.allows(A) && !only_addresses.allows(AAAA));
        let restricted = filter_types().iter().filter(|filter| !filter.allows(AAAA));
        assert!(restricted.map(|filter| filter.name).eq(["ipv4_prefix_shuffle", "parse_ipv4"]));
    }

    /// What the catalog of the API says: name, tier, inputs, options with type and default, record types.
    const CATALOG: [&str; 21] = [
        "additional_metadata 2 [additional_metadata]",
        "cost 2 [cost] eliminate:checkbox=0",
        "geofence_country 3 [country us_state ca_province subdivisions] remove_no_location:checkbox=1",
        "geofence_regional 3 [georegion] remove_no_georegion:checkbox=1",
        "geotarget_country 3 [country us_state ca_province subdivisions]",
        "geotarget_latlong 3 [latitude longitude]",
        "geotarget_regional 3 [georegion]",
        "ipv4_prefix_shuffle 3 [ip_prefixes] N:number=1 A",
        "netfence_asn 3 [asn] remove_no_asn:checkbox=1",
        "netfence_prefix 3 [ip_prefixes] remove_no_ip_prefixes:checkbox=1",
        "parse_ipv4 3 [] separator:text=- A",
        "priority 2 [priority] eliminate:checkbox=1",
        "select_first_n 2 [] N:number=1",
        "select_first_region 2 []",
        "shed_load 3 [low_watermark high_watermark loadavg connections requests] metric:text=loadavg!",
        "shuffle 2 []",
        "sticky 2 [] sticky_by_network:checkbox=0",
        "sticky_region 2 [] sticky_by_network:checkbox=0",
        "up 2 [up]",
        "weighted_shuffle 2 [weight]",
        "weighted_sticky 2 [weight] sticky_by_network:checkbox=0",
    ];

    #[test]
    fn the_catalog_says_what_the_api_documents() {
        let option = |option: &OptionType| {
            let required = if option.required { "!" } else { "" };
            let default = option.default.map(|default| format!("={default}")).unwrap_or_default();
            format!(" {}:{}{default}{required}", option.name, option.kind.input_type())
        };
        for (filter, expected) in filter_types().iter().zip(CATALOG) {
            let inputs: Vec<_> = filter.inputs.iter().map(|key| key.name()).collect();
            let options: String = filter.options.iter().map(option).collect();
            let types = if filter.record_types == [1] { " A" } else { "" };
            let line = format!("{} {} [{}]{options}{types}", filter.name, filter.tier, inputs.join(" "));
            assert_eq!(line, expected);
        }
        assert_eq!(filter_types().len(), CATALOG.len());
    }

    #[test]
    fn names_and_aliases_are_told_apart() {
        let names = || filter_types().iter().flat_map(|filter| filter.aliases.iter().chain([&filter.name]));
        assert!(names().all(|name| names().filter(|other| *other == name).count() == 1));
        assert!(UNSUPPORTED.iter().all(|(name, _)| FilterType::find(name).is_none()));
    }
}
