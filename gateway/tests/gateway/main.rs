//! Promises of the door.

mod apps;
mod door;
mod interface;
mod refusals;
mod slow_clients;
