//! Tests of the filters.

mod fence;
mod geotarget;
mod made;
mod on_empty;
mod order;
mod status;
mod sticky;
