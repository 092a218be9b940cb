//! Apps on the developer's side: a folder with a manifest and sources, and the component that comes
//! of them.

pub(crate) mod build;
pub(crate) mod changes;
pub(crate) mod component;
pub(crate) mod deploy;
pub(crate) mod project;
pub(crate) mod templates;
mod tool;
