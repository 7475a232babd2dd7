//! HTTP in, HTTP out: what a request is on the wire, and nothing of what it means.

pub mod sigv4;
