//! `geotarget_latlong`: the nearest point first.
//!
//! Sorts by the great-circle distance between the requester's position and each answer's `latitude` and
//! `longitude`. An answer that lacks one of them has no location and comes last. Equals keep their order. When
//! the requester's position is not known, the order stays.

use geoip_data::Coordinates;

use super::{Filter, Run, geo_key, geo_reason};
use crate::catalog::FilterType;
use crate::chain::ChainError;
use crate::column::NumberColumn;
use crate::compile::Compiler;
use crate::config::Settings;
use crate::meta::MetaKey;
use crate::place::Point;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "geotarget_latlong",
    aliases: &[],
    short_description: "Sorts by distance to the requester",
    description: "Sorts the answers by the distance between their <code>latitude</code> and \
                  <code>longitude</code> and the position of the requester; answers without both come last.",
    tier: 3,
    inputs: &[MetaKey::Latitude, MetaKey::Longitude],
    options: &[],
    record_types: &[],
    looks_at_client: true,
    compile,
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct GeotargetLatlong {
    latitude: NumberColumn,
    longitude: NumberColumn,
    /// The point of each answer that has both coordinates as literals; `None` for all others.
    fixed: Box<[Option<Point>]>,
}

fn compile(compiler: &mut Compiler<'_>, _: &Settings) -> Result<Filter, ChainError> {
    let fixed = (0..compiler.answer_count())
        .map(|answer| {
            let latitude = compiler.literal_number(answer, MetaKey::Latitude)?;
            Some(point(latitude, compiler.literal_number(answer, MetaKey::Longitude)?))
        })
        .collect();
    Ok(Filter::GeotargetLatlong(Box::new(GeotargetLatlong {
        latitude: compiler.number(MetaKey::Latitude)?,
        longitude: compiler.number(MetaKey::Longitude)?,
        fixed,
    })))
}

fn point(latitude: f64, longitude: f64) -> Point {
    #[expect(clippy::cast_possible_truncation, reason = "degrees; single precision is a few metres")]
    let position = Coordinates { latitude: latitude as f32, longitude: longitude as f32 };
    Point::new(position)
}

impl GeotargetLatlong {
    fn point<T: Trace>(&self, run: &mut Run<'_, '_, T>, answer: u16) -> Option<Point> {
        if let Some(Some(point)) = self.fixed.get(usize::from(answer)) {
            return Some(*point);
        }
        let latitude = run.number(&self.latitude, answer)?;
        Some(point(latitude, run.number(&self.longitude, answer)?))
    }

    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        let any_located =
            (0..run.selection.len()).any(|position| self.point(run, run.answer_at(position)).is_some());
        if run.selection.len() < 2 || !any_located {
            return run.explain(|_, _, _, _| Reason::NothingToDo);
        }
        let Some(requester) = run.context.place().and_then(|place| place.position).map(Point::new) else {
            return run.explain(|_, _, _, _| Reason::RequesterNowhere);
        };
        run.set_keys(|run, answer| {
            self.point(run, answer)
                .map_or(geo_key::NO_LOCATION, |point| geo_key::away(requester.chord(point)))
        });
        run.explain(|run, position, answer, used| {
            used.extend(run.used_number(&self.latitude, answer));
            used.extend(run.used_number(&self.longitude, answer));
            geo_reason(run.key_at(position))
        });
        run.sort_by_keys();
    }
}
