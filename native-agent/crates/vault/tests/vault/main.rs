//! A real vault on real file systems. What a test is about says where it stands:
//!
//! `attacks` (ways in which files are changed, and where), `places` (what is protected, and what of it comes and goes),
//! `keeping` (which states are kept, and for how long), `restoring` (what is put back, and who may get in the way).
mod attacks;
mod keeping;
mod places;
mod restoring;
#[path = "../support/mod.rs"]
mod support;
