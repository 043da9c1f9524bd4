//! The code that builds range tables, shared with the crate.

#[path = "../src/ranges/bucket.rs"]
pub mod bucket;
#[path = "../src/ranges/build.rs"]
pub mod build;
#[path = "../src/ranges/tail.rs"]
pub mod tail;
