//! Chunks of components, as they are brought.

use bytes::Bytes;
use synod_governance::app::AppName;

/// A chunk of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppChunk {
    /// The app.
    pub app: AppName,
    /// The number of the version that is on its way.
    pub number: u64,
    /// Which chunk, from 0.
    pub index: u32,
    /// Its bytes.
    pub bytes: Bytes,
}
