//! `geofence_country`: only answers of the requester's country or subdivision.
//!
//! A match of the country or of a subdivision satisfies the fence. To fence a state, leave its country out of
//! `country`. The rules for answers without a location are those of all fences.

use super::fence::Untagged;
use super::location::{Closeness, INPUTS, Location, Requester};
use super::{Filter, Run};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::context::Mark;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "geofence_country",
    aliases: &[],
    short_description: "Fences by the requester's country",
    description: "Removes the answers whose countries and subdivisions do not hold the requester. If none holds \
                  it, the answers without a location remain.",
    tier: 3,
    inputs: INPUTS,
    options: &[OptionType {
        name: "remove_no_location",
        kind: OptionKind::Flag,
        required: false,
        default: Some("1"),
        short_description: "Remove answers without a location",
        description: "Whether answers without a location are removed when another answer matches.",
    }],
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, settings| {
        let untagged = Untagged::from_option(settings.flag("remove_no_location"));
        Ok(Filter::GeofenceCountry(Box::new(GeofenceCountry {
            location: Location::compile(compiler)?,
            untagged,
        })))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct GeofenceCountry {
    location: Location,
    untagged: Untagged,
}

impl GeofenceCountry {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        if !self.location.any_tagged(run) {
            return run.explain(|_, _, _, _| Reason::UntaggedKept);
        }
        let requester = Requester::new(run.context.place());
        run.mark(|run, answer| match &requester {
            None if self.location.is_tagged(run, answer) => Mark::Drop,
            None => Mark::Untagged,
            Some(requester) => match self.location.closeness(run, answer, requester) {
                Closeness::InSubdivision | Closeness::InCountry => Mark::Keep,
                Closeness::Away(_) => Mark::Drop,
                Closeness::Untagged => Mark::Untagged,
            },
        });
        run.explain(|run, position, answer, used| {
            self.location.used(run, answer, used);
            let closeness = requester.map(|requester| self.location.closeness(run, answer, &requester));
            let matched = match closeness {
                Some(Closeness::InSubdivision) => Reason::SubdivisionMatch,
                _ => Reason::CountryMatch,
            };
            self.untagged.reason(run, run.mark_at(position), matched)
        });
        self.untagged.apply(run);
    }
}
