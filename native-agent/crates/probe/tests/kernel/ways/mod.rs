//! Other ways to ask the kernel for the same.
mod compat;
mod same;
