//! `geofence_regional`: only answers of the requester's georegion, by the rules of all fences.

use geoip_data::Georegion;

use super::fence::{Untagged, any_tagged};
use super::{Filter, Run};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::column::ListColumn;
use crate::context::Mark;
use crate::meta::MetaKey;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "geofence_regional",
    aliases: &[],
    short_description: "Fences by the requester's georegion",
    description: "Removes the answers whose <code>georegion</code> is not that of the requester. If none matches, \
                  the answers without a georegion remain.",
    tier: 3,
    inputs: &[MetaKey::Georegion],
    options: &[OptionType {
        name: "remove_no_georegion",
        kind: OptionKind::Flag,
        required: false,
        default: Some("1"),
        short_description: "Remove answers without a georegion",
        description: "Whether answers without a georegion are removed when another answer matches.",
    }],
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, settings| {
        let untagged = Untagged::from_option(settings.flag("remove_no_georegion"));
        let georegions = compiler.list(MetaKey::Georegion)?;
        Ok(Filter::GeofenceRegional(GeofenceRegional { georegions, untagged }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct GeofenceRegional {
    georegions: ListColumn<Georegion>,
    untagged: Untagged,
}

impl GeofenceRegional {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        if !any_tagged(run, &self.georegions) {
            return run.explain(|_, _, _, _| Reason::UntaggedKept);
        }
        let requester = run.context.place().and_then(|place| place.georegion);
        run.mark(|run, answer| match run.list(&self.georegions, answer) {
            None => Mark::Untagged,
            Some(regions) if regions.iter().any(|region| Some(*region) == requester) => Mark::Keep,
            Some(_) => Mark::Drop,
        });
        run.explain(|run, position, answer, used| {
            used.extend(run.used_list(&self.georegions, answer));
            self.untagged.reason(run, run.mark_at(position), Reason::GeoregionMatch)
        });
        self.untagged.apply(run);
    }
}
