//! The host: in a component its imports, natively the pretended one of `testing`.
//!
//! The one place that knows the difference. Each function here is one import, so a component imports what it uses.

#[cfg(target_arch = "wasm32")]
pub(crate) use imported::*;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::host::*;

#[cfg(target_arch = "wasm32")]
mod imported {
    pub(crate) use crate::bindings::app::synod::app::caller::identify;
    pub(crate) use crate::bindings::app::synod::app::claims::bind;
    pub(crate) use crate::bindings::app::synod::app::ledger_time::now;
    pub(crate) use crate::bindings::app::synod::app::log::write as log;
    pub(crate) use crate::bindings::app::synod::app::map_writes::{delete, keep, put};
    pub(crate) use crate::bindings::app::synod::app::maps::{get, has, range};
    pub(crate) use crate::bindings::app::synod::app::random::{
        bytes as random_bytes, u64 as random_u64,
    };
    pub(crate) use crate::bindings::app::synod::app::transaction::id as transaction_id;
}
