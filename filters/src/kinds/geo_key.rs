//! Sort keys of the geotargeting filters: matches first, then distances, then answers without a location.

use crate::place::Chord;
use crate::trace::Reason;

pub(super) const IN_SUBDIVISION: u64 = 0;
pub(super) const IN_COUNTRY: u64 = 1;
pub(super) const IN_GEOREGION: u64 = 2;
/// Distances lie from here up; their low 32 bits are the rank of the chord.
const AWAY: u64 = 1 << 32;
pub(super) const NO_LOCATION: u64 = u64::MAX;

/// The key of an answer at a distance.
pub(super) fn away(chord: Chord) -> u64 {
    AWAY | u64::from(chord.rank())
}

/// Why an answer with this key is where it is.
pub(super) fn geo_reason(key: u64) -> Reason {
    match key {
        IN_SUBDIVISION => Reason::SubdivisionMatch,
        IN_COUNTRY => Reason::CountryMatch,
        IN_GEOREGION => Reason::GeoregionMatch,
        NO_LOCATION => Reason::NoLocation,
        distance => {
            let rank = u32::try_from(distance & u64::from(u32::MAX)).unwrap_or(u32::MAX);
            Chord::from_rank(rank).distance_km().map_or(Reason::DistanceUnknown, |km| Reason::Distance { km })
        }
    }
}
