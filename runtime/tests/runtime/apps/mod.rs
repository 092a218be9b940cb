//! The committed example apps, as components, on the runtime: what their own tests promise natively
//! holds there too.

mod cleanroom;
mod clearing;
mod host;
