//! The store in memory, on which the guarantees of every store are tested as well.

use cognate::{model, store};

#[path = "../../../src/store/conformance/in_memory/memory.rs"]
pub mod memory;
