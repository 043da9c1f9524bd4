//! What this API adds beside the compatible one.

pub mod health;
