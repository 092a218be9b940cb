//! The app's log: bounded, kept inside the TEE, for members and the app's owner.
//!
//! `synod_app::info!("{n} rows taken")` and its like write lines, of which the first 1,024 bytes are kept.

use crate::host;

pub use crate::bindings::app::synod::app::log::Level;

/// Adds a line.
pub fn write(level: Level, message: &str) {
    host::log(level, message);
}

/// Has the message of a panic written into the log, from now on in this instance. The component then imports `log`.
pub fn panics() {
    std::panic::set_hook(Box::new(|panic| write(Level::Error, &panic.to_string())));
}

/// Adds a line that only its developer needs.
#[macro_export]
macro_rules! debug {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($line)+)) };
}

/// Adds a line about the ordinary run of things.
#[macro_export]
macro_rules! info {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($line)+)) };
}

/// Adds a line about what should not be.
#[macro_export]
macro_rules! warn {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($line)+)) };
}

/// Adds a line about what went wrong.
#[macro_export]
macro_rules! error {
    ($($line:tt)+) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($line)+)) };
}
