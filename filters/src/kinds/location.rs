//! Countries and subdivisions of answers, and how close a requester is to them.
//!
//! Shared by `geotarget_country` and `geofence_country`. An answer is *tagged* when any of `country`,
//! `us_state`, `ca_province` and `subdivisions` is set for it.

use geoip_data::{CountryCode, Place, SubdivisionCode};

use super::Run;
use crate::chain::ChainError;
use crate::column::ListColumn;
use crate::compile::Compiler;
use crate::meta::MetaKey;
use crate::place::{
    Chord, CountryTag, Point, SubdivisionTag, country_point, prepare_points, subdivision_point,
};
use crate::trace::{Trace, Used};

/// The metadata keys that tag an answer with a location.
pub(super) const INPUTS: &[MetaKey] =
    &[MetaKey::Country, MetaKey::UsState, MetaKey::CaProvince, MetaKey::Subdivisions];

/// The columns of all answers' locations.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    countries: ListColumn<CountryTag>,
    subdivisions: [ListColumn<SubdivisionTag>; 3],
}

/// Where the requester is, as far as countries go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requester {
    country: CountryCode,
    subdivision: Option<SubdivisionCode>,
    point: Option<Point>,
}

/// How close the requester is to the nearest of an answer's places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Closeness {
    /// In one of its subdivisions.
    InSubdivision,
    /// In one of its countries.
    InCountry,
    /// This far from the nearest.
    Away(Chord),
    /// The answer is not tagged.
    Untagged,
}

impl Requester {
    /// `None` when the country is not known.
    pub(super) fn new(place: Option<&Place>) -> Option<Self> {
        let place = place?;
        let (country, subdivision) = (place.country?, place.subdivision);
        let point = match subdivision {
            Some(subdivision) => subdivision_point(country, subdivision),
            None => country_point(country),
        };
        Some(Self { country, subdivision, point })
    }

    fn chord(&self, point: Option<Point>) -> Chord {
        match (self.point, point) {
            (Some(mine), Some(theirs)) => mine.chord(theirs),
            _ => Chord::UNKNOWN,
        }
    }
}

impl Location {
    pub(super) fn compile(compiler: &mut Compiler<'_>) -> Result<Self, ChainError> {
        prepare_points();
        Ok(Self {
            countries: compiler.list(MetaKey::Country)?,
            subdivisions: [
                compiler.list(MetaKey::UsState)?,
                compiler.list(MetaKey::CaProvince)?,
                compiler.list(MetaKey::Subdivisions)?,
            ],
        })
    }

    /// Whether an answer is tagged.
    pub(super) fn is_tagged<T: Trace>(&self, run: &mut Run<'_, '_, T>, answer: u16) -> bool {
        run.list(&self.countries, answer).is_some()
            || self.subdivisions.iter().any(|column| run.list(column, answer).is_some())
    }

    /// Whether any selected answer is tagged.
    pub(super) fn any_tagged<T: Trace>(&self, run: &mut Run<'_, '_, T>) -> bool {
        let has_columns =
            !self.countries.is_empty() || self.subdivisions.iter().any(|column| !column.is_empty());
        has_columns && (0..run.selection.len()).any(|position| self.is_tagged(run, run.answer_at(position)))
    }

    /// How close the requester is to an answer.
    pub(super) fn closeness<T: Trace>(
        &self,
        run: &mut Run<'_, '_, T>,
        answer: u16,
        requester: &Requester,
    ) -> Closeness {
        let mut nearest: Option<Chord> = None;
        let mut in_country = false;
        for column in &self.subdivisions {
            let Some(tags) = run.list(column, answer) else { continue };
            for tag in tags {
                if tag.country == requester.country && Some(tag.subdivision) == requester.subdivision {
                    return Closeness::InSubdivision;
                }
                let chord = requester.chord(tag.point);
                nearest = Some(nearest.map_or(chord, |nearest| nearest.min(chord)));
            }
        }
        for tag in run.list(&self.countries, answer).unwrap_or_default() {
            in_country |= tag.country == requester.country;
            let chord = requester.chord(tag.point);
            nearest = Some(nearest.map_or(chord, |nearest| nearest.min(chord)));
        }
        match nearest {
            _ if in_country => Closeness::InCountry,
            Some(chord) => Closeness::Away(chord),
            None => Closeness::Untagged,
        }
    }

    /// The metadata for a trace.
    pub(super) fn used<T: Trace>(&self, run: &mut Run<'_, '_, T>, answer: u16, used: &mut Vec<Used>) {
        used.extend(run.used_list(&self.countries, answer));
        for column in &self.subdivisions {
            used.extend(run.used_list(column, answer));
        }
    }
}
