//! What this API adds beside the compatible one.

mod feed_metrics;
pub mod health;
