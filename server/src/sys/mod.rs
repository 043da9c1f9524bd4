//! What the standard library cannot ask of the kernel. The only unsafe code of the project lives here, behind
//! safe interfaces.

#![allow(unsafe_code)]

pub mod affinity;
pub mod batch;
pub mod socket;
pub mod zeroed;
