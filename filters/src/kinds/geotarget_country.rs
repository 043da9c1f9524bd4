//! `geotarget_country`: the nearest country or subdivision first.
//!
//! An answer whose subdivision the requester is in comes before one whose country the requester is in, and that
//! before all others, which are ordered by the great-circle distance between representative points: the
//! requester's subdivision, or else country, and the nearest of the answer's places. Answers without a location
//! come last. Equals keep their order, so a `shuffle` before this filter balances them. When the requester's
//! country is not known, the order stays.

use super::location::{Closeness, INPUTS, Location, Requester};
use super::{Filter, Run, geo_key, geo_reason};
use crate::catalog::FilterType;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "geotarget_country",
    aliases: &[],
    short_description: "Sorts by distance to the requester's country",
    description: "Sorts the answers by how near their countries and subdivisions are to those of the requester. A \
                  match of the subdivision comes first, then one of the country, then the others by distance; \
                  answers without a location come last.",
    tier: 3,
    inputs: INPUTS,
    options: &[],
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, _| {
        Ok(Filter::GeotargetCountry(Box::new(GeotargetCountry { location: Location::compile(compiler)? })))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct GeotargetCountry {
    location: Location,
}

impl GeotargetCountry {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        if run.selection.len() < 2 || !self.location.any_tagged(run) {
            return run.explain(|_, _, _, _| Reason::NothingToDo);
        }
        let Some(requester) = Requester::new(run.context.place()) else {
            return run.explain(|_, _, _, _| Reason::RequesterNowhere);
        };
        run.set_keys(|run, answer| match self.location.closeness(run, answer, &requester) {
            Closeness::InSubdivision => geo_key::IN_SUBDIVISION,
            Closeness::InCountry => geo_key::IN_COUNTRY,
            Closeness::Away(chord) => geo_key::away(chord),
            Closeness::Untagged => geo_key::NO_LOCATION,
        });
        run.explain(|run, position, answer, used| {
            self.location.used(run, answer, used);
            geo_reason(run.key_at(position))
        });
        run.sort_by_keys();
    }
}
