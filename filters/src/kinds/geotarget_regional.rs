//! `geotarget_regional`: the nearest georegion first.
//!
//! Answers in the requester's georegion come first, then the others by the great-circle distance between the
//! reference points of the georegions, the nearest of an answer's counting; answers without a georegion come
//! last. Equals keep their order. When the requester's georegion is not known, the order stays.

use std::sync::LazyLock;

use geoip_data::Georegion;

use super::{Filter, Run, geo_key, geo_reason};
use crate::catalog::FilterType;
use crate::column::ListColumn;
use crate::meta::MetaKey;
use crate::place::Point;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "geotarget_regional",
    aliases: &[],
    short_description: "Sorts by distance to the requester's georegion",
    description: "Sorts the answers by how near their <code>georegion</code> is to that of the requester; answers \
                  without a georegion come last.",
    tier: 3,
    inputs: &[MetaKey::Georegion],
    options: &[],
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, _| {
        LazyLock::force(&KEYS);
        Ok(Filter::GeotargetRegional(GeotargetRegional { georegions: compiler.list(MetaKey::Georegion)? }))
    },
};

/// The sort key for each pair of georegions.
static KEYS: LazyLock<[[u64; 7]; 7]> = LazyLock::new(|| {
    let points = Georegion::ALL.map(|region| Point::new(region.position()));
    let key = |from: usize, to: usize| {
        if from == to { geo_key::IN_GEOREGION } else { geo_key::away(points[from].chord(points[to])) }
    };
    std::array::from_fn(|from| std::array::from_fn(|to| key(from, to)))
});

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct GeotargetRegional {
    georegions: ListColumn<Georegion>,
}

impl GeotargetRegional {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        let any_tagged = !self.georegions.is_empty()
            && (0..run.selection.len())
                .any(|position| run.list(&self.georegions, run.answer_at(position)).is_some());
        if run.selection.len() < 2 || !any_tagged {
            return run.explain(|_, _, _, _| Reason::NothingToDo);
        }
        let Some(requester) = run.context.place().and_then(|place| place.georegion) else {
            return run.explain(|_, _, _, _| Reason::RequesterNowhere);
        };
        let keys = &KEYS[requester.index()];
        run.set_keys(|run, answer| {
            let regions = run.list(&self.georegions, answer).unwrap_or_default();
            regions.iter().map(|region| keys[region.index()]).min().unwrap_or(geo_key::NO_LOCATION)
        });
        run.explain(|run, position, answer, used| {
            used.extend(run.used_list(&self.georegions, answer));
            geo_reason(run.key_at(position))
        });
        run.sort_by_keys();
    }
}
