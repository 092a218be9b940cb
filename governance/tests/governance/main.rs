//! What governance promises, driven through a small network of simulated nodes.

mod actions;
mod app_manifest;
mod apps;
mod fuzz;
mod genesis;
mod joining;
mod lapse;
mod leave;
mod manifest;
mod membership;
mod network;
mod opening;
mod reattest;
mod recompute;
mod shares;
mod unheard;
