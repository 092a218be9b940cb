//! Promises of a node.

mod processes;
