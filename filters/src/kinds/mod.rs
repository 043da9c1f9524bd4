//! The filters, one file each.
//!
//! Every filter follows one pattern: it decides (writing marks or sort keys for each position of the
//! selection), reports to the trace if there is one, and then changes the selection. Since live values are
//! remembered for the length of a run, reporting after deciding tells the same values.
//!
//! A filter that need not look at the client does not, so that the scope stays as wide as it can: sorting fewer
//! than two answers, or fencing answers of which none is tagged, looks at nothing.

mod additional_metadata;
mod by_value;
mod cost;
mod fence;
mod geo_key;
mod geofence_country;
mod geofence_regional;
mod geotarget_country;
mod geotarget_latlong;
mod geotarget_regional;
mod ipv4_prefix_shuffle;
mod location;
mod netfence_asn;
mod netfence_prefix;
mod parse_ipv4;
mod priority;
mod run;
mod select_first_n;
mod select_first_region;
mod shed_load;
mod shuffle;
mod stickiness;
mod sticky;
mod sticky_region;
pub(crate) mod up;
mod weighted_shuffle;
mod weighted_sticky;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use geo_key::geo_reason;
pub(crate) use run::Run;

use crate::catalog::FilterType;
use crate::trace::Trace;

/// The types of all filters, in alphabetical order.
pub(crate) static TYPES: [FilterType; 21] = [
    additional_metadata::TYPE,
    cost::TYPE,
    geofence_country::TYPE,
    geofence_regional::TYPE,
    geotarget_country::TYPE,
    geotarget_latlong::TYPE,
    geotarget_regional::TYPE,
    ipv4_prefix_shuffle::TYPE,
    netfence_asn::TYPE,
    netfence_prefix::TYPE,
    parse_ipv4::TYPE,
    priority::TYPE,
    select_first_n::TYPE,
    select_first_region::TYPE,
    shed_load::TYPE,
    shuffle::TYPE,
    sticky::TYPE,
    sticky_region::TYPE,
    up::TYPE,
    weighted_shuffle::TYPE,
    weighted_sticky::TYPE,
];

/// A compiled filter. Those with several columns are boxed, so that the common ones stay small.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    AdditionalMetadata(additional_metadata::AdditionalMetadata),
    ByValue(by_value::ByValue),
    GeofenceCountry(Box<geofence_country::GeofenceCountry>),
    GeofenceRegional(geofence_regional::GeofenceRegional),
    GeotargetCountry(Box<geotarget_country::GeotargetCountry>),
    GeotargetLatlong(Box<geotarget_latlong::GeotargetLatlong>),
    GeotargetRegional(geotarget_regional::GeotargetRegional),
    Ipv4PrefixShuffle(ipv4_prefix_shuffle::Ipv4PrefixShuffle),
    NetfenceAsn(netfence_asn::NetfenceAsn),
    NetfencePrefix(netfence_prefix::NetfencePrefix),
    ParseIpv4(parse_ipv4::ParseIpv4),
    SelectFirstN(select_first_n::SelectFirstN),
    SelectFirstRegion(select_first_region::SelectFirstRegion),
    ShedLoad(Box<shed_load::ShedLoad>),
    Shuffle(shuffle::Shuffle),
    Sticky(sticky::Sticky),
    StickyRegion(sticky_region::StickyRegion),
    Up(up::Up),
    WeightedShuffle(weighted_shuffle::WeightedShuffle),
    WeightedSticky(Box<weighted_sticky::WeightedSticky>),
}

impl Filter {
    #[inline]
    pub(crate) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        match self {
            Filter::AdditionalMetadata(filter) => filter.apply(run),
            Filter::ByValue(filter) => filter.apply(run),
            Filter::GeofenceCountry(filter) => filter.apply(run),
            Filter::GeofenceRegional(filter) => filter.apply(run),
            Filter::GeotargetCountry(filter) => filter.apply(run),
            Filter::GeotargetLatlong(filter) => filter.apply(run),
            Filter::GeotargetRegional(filter) => filter.apply(run),
            Filter::Ipv4PrefixShuffle(filter) => filter.apply(run),
            Filter::NetfenceAsn(filter) => filter.apply(run),
            Filter::NetfencePrefix(filter) => filter.apply(run),
            Filter::ParseIpv4(filter) => filter.apply(run),
            Filter::SelectFirstN(filter) => filter.apply(run),
            Filter::SelectFirstRegion(filter) => filter.apply(run),
            Filter::ShedLoad(filter) => filter.apply(run),
            Filter::Shuffle(filter) => filter.apply(run),
            Filter::Sticky(filter) => filter.apply(run),
            Filter::StickyRegion(filter) => filter.apply(run),
            Filter::Up(filter) => filter.apply(run),
            Filter::WeightedShuffle(filter) => filter.apply(run),
            Filter::WeightedSticky(filter) => filter.apply(run),
        }
    }

    /// Whether the filter may remove the last answer.
    pub(crate) fn may_empty(&self) -> bool {
        matches!(
            self,
            Filter::GeofenceCountry(_)
                | Filter::GeofenceRegional(_)
                | Filter::NetfenceAsn(_)
                | Filter::NetfencePrefix(_)
        )
    }

    /// Whether the filter does nothing but sort by how near answers are, or leave all as it is.
    pub(crate) fn sorts_by_place(&self) -> bool {
        matches!(
            self,
            Filter::GeotargetCountry(_) | Filter::GeotargetLatlong(_) | Filter::GeotargetRegional(_)
        )
    }

    /// How many of the first positions the filter looks at; the order of those after them changes nothing.
    pub(crate) fn positions_that_matter(&self) -> usize {
        if let Filter::SelectFirstN(filter) = self { filter.count() } else { usize::MAX }
    }
}
