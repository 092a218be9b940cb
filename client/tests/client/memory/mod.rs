//! What a client remembers of a network, and how it goes on past replicas that fail.

mod failing_replicas;
mod network;
mod opening;
mod remembered;
mod replica;
