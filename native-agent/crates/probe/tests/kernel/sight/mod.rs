//! What the sensor says of what it sees, and of what it lost.
mod canary;
mod loss;
mod self_test;
mod stack;
