//! Promises of the command line, run as a program.

mod apps;
mod attest;
mod commands;
mod program;
mod tour;
mod tutorial;
mod unproven;
