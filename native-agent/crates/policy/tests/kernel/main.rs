//! Policies on a real kernel, as root. Execs are asked about on a file system of the test's own, connections are refused on
//! loopback addresses that nobody else uses: the machine goes on as before.
mod connections;
mod exec;
mod isolation;
mod life;
mod policy_program;
mod policy_request;
#[path = "../support/mod.rs"]
mod support;
