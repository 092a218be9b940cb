//! What fuzz targets and the program that makes their seeds share: simulated
//! platforms, and edits of what they attest.

pub mod edit;
pub mod platforms;
