//! Intel TDX: quotes of versions 4 and 5, with bodies of TDX 1.0, 1.5 and the
//! extended form of 1.5.

pub mod attributes;
pub mod claims;
pub mod report;
