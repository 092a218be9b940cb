//! Promises of the endorser, against stand-ins of the services.

mod folders;
mod keeping;
mod parsers;
mod service;
mod services;
