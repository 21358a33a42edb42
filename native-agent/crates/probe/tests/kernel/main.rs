//! The real kernel: one behaviour, one tiny program or thread that does it, one test of the same name. Needs root.
mod container;
mod credentials;
mod exec;
mod file;
mod file_attribute;
mod file_read;
mod lifecycle;
mod loss;
mod network;
mod privileged;
mod sensor;
