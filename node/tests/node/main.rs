//! Promises of a node.

mod processes;
mod road;
