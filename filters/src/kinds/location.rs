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
    /// The same for one pass, when nothing of it is live.
    fixed: Option<FixedTags>,
}

/// The tags of all answers end to end.
#[derive(Clone, Debug)]
struct FixedTags {
    /// Where the tags of each answer begin, and the end.
    starts: Box<[u32]>,
    tags: Box<[FixedTag]>,
}

/// A country or a subdivision that an answer serves.
#[derive(Clone, Copy, Debug)]
struct FixedTag {
    code: PlaceCode,
    /// Far out in space when there is none, so that every distance to it is infinite.
    point: Point,
}

/// A country, or a subdivision of one, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PlaceCode(u64);

impl PlaceCode {
    /// No place has this code.
    const NONE: PlaceCode = PlaceCode(u64::MAX);

    fn country(country: CountryCode) -> Self {
        Self((country.index() as u64) << 32)
    }

    /// Differs from every country, because codes of subdivisions are not zero.
    fn subdivision(country: CountryCode, subdivision: SubdivisionCode) -> Self {
        Self(Self::country(country).0 | u64::from(subdivision.number()))
    }
}

/// Where the requester is, as far as countries go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requester {
    country: CountryCode,
    subdivision: Option<SubdivisionCode>,
    point: Option<Point>,
    country_code: PlaceCode,
    subdivision_code: PlaceCode,
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
        let country_code = PlaceCode::country(country);
        let subdivision_code =
            subdivision.map_or(PlaceCode::NONE, |subdivision| PlaceCode::subdivision(country, subdivision));
        Some(Self { country, subdivision, point, country_code, subdivision_code })
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
        let countries = compiler.list(MetaKey::Country)?;
        let subdivisions = [
            compiler.list(MetaKey::UsState)?,
            compiler.list(MetaKey::CaProvince)?,
            compiler.list(MetaKey::Subdivisions)?,
        ];
        let fixed = FixedTags::new(&countries, &subdivisions, compiler.answer_count());
        Ok(Self { countries, subdivisions, fixed })
    }

    /// Whether an answer is tagged.
    #[inline]
    pub(super) fn is_tagged<T: Trace>(&self, run: &mut Run<'_, '_, T>, answer: u16) -> bool {
        if let Some(fixed) = &self.fixed {
            return !fixed.of(answer).is_empty();
        }
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
    #[inline]
    pub(super) fn closeness<T: Trace>(
        &self,
        run: &mut Run<'_, '_, T>,
        answer: u16,
        requester: &Requester,
    ) -> Closeness {
        if let Some(fixed) = &self.fixed {
            return fixed.closeness(answer, requester);
        }
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

impl FixedTags {
    /// `None` when some tags are live.
    fn new(
        countries: &ListColumn<CountryTag>,
        subdivisions: &[ListColumn<SubdivisionTag>; 3],
        answers: usize,
    ) -> Option<Self> {
        let (mut starts, mut tags) = (vec![0], Vec::new());
        for answer in 0..answers {
            for column in subdivisions {
                for tag in column.literal(answer)? {
                    tags.push(FixedTag {
                        code: PlaceCode::subdivision(tag.country, tag.subdivision),
                        point: tag.point.unwrap_or(Point::NOWHERE),
                    });
                }
            }
            for tag in countries.literal(answer)? {
                let (code, point) = (PlaceCode::country(tag.country), tag.point.unwrap_or(Point::NOWHERE));
                tags.push(FixedTag { code, point });
            }
            starts.push(u32::try_from(tags.len()).ok()?);
        }
        Some(Self { starts: starts.into(), tags: tags.into() })
    }

    /// The tags of an answer.
    #[inline]
    fn of(&self, answer: u16) -> &[FixedTag] {
        let answer = usize::from(answer);
        match self.starts.get(answer..answer + 2) {
            Some(&[start, end]) => self.tags.get(start as usize..end as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    #[inline]
    fn closeness(&self, answer: u16, requester: &Requester) -> Closeness {
        let tags = self.of(answer);
        if tags.is_empty() {
            return Closeness::Untagged;
        }
        let (mut in_country, mut nearest) = (false, Chord::UNKNOWN);
        for tag in tags {
            if tag.code == requester.subdivision_code {
                return Closeness::InSubdivision;
            }
            in_country |= tag.code == requester.country_code;
            nearest = nearest.min(requester.chord(Some(tag.point)));
        }
        if in_country { Closeness::InCountry } else { Closeness::Away(nearest) }
    }
}
