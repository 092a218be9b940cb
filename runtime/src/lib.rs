//! Runs WebAssembly components on confidential state.
