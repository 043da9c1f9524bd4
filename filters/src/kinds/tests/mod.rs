//! Tests of the filters.

mod fence;
mod geotarget;
mod order;
mod status;
mod sticky;
