//! One instance at work: begun, called, and its end told in the terms of the service.

use std::sync::Arc;

use bytes::Bytes;
use synod_component::TICK_MS;
use synod_replica::app::{AppFault, AppRequest, AppResponse, Execution, Task};
use wasmtime::component::{ComponentExportIndex, Instance, TypedFunc};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::host::{CROSSING_BYTES_MAX, Call, Halt, Host};
use crate::logs::LogLevel;
use crate::prepare::Prepared;
use crate::response;
use crate::wire::{FieldIn, Request, RequestIn, Response, Verdict};

/// Most handles of resources within a component; no interface of `synod:app` has any.
const HANDLES_MAX: usize = 1_000;
/// So many calls, and an instance that is kept for reuse makes room for a fresh one.
const CALLS_PER_INSTANCE_MAX: u32 = 10_000;
/// How the engine says that a guest handed over more than [`CROSSING_BYTES_MAX`]; it has no type
/// for it.
const CROSSING_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// An instance of a component, with all that it has in memory.
pub(crate) struct Live {
    store: Store<Host>,
    instance: Instance,
    /// Looked up at the first request.
    handle: Option<TypedFunc<Request<'static>, Response>>,
    calls: u32,
}

/// Why an instance did not begin.
pub(crate) enum NotBegun {
    /// As many instances live as there can be.
    NoRoom(Box<Call>),
    /// What it does at its beginning failed.
    Fault(Box<Call>, AppFault),
}

impl Live {
    /// Begins an instance for a call.
    pub(crate) fn begin(prepared: &Prepared, call: Call) -> Result<Self, NotBegun> {
        let ticks = ticks(&call.execution);
        let host = Host::new(Arc::clone(&prepared.scope), call);
        let mut store = Store::new(prepared.instances.engine(), host);
        store.limiter(|host| &mut host.memory);
        store.set_hostcall_fuel(CROSSING_BYTES_MAX);
        store.set_max_component_handles(HANDLES_MAX);
        store.set_epoch_deadline(ticks);
        match prepared.instances.instantiate(&mut store) {
            Ok(instance) => Ok(Self {
                store,
                instance,
                handle: None,
                calls: 0,
            }),
            Err(error) => Err(not_begun(store, &error)),
        }
    }

    /// Gives an instance that has answered before its next call.
    pub(crate) fn take_up(&mut self, call: Call) {
        self.store.set_epoch_deadline(ticks(&call.execution));
        self.store.data_mut().call = Some(call);
    }

    /// Runs the call that it has. After a fault the instance is to be dropped.
    pub(crate) fn run(&mut self, prepared: &Prepared) -> Result<AppResponse, AppFault> {
        self.calls += 1;
        let Some(call) = &self.store.data().call else {
            return Err(AppFault::Trapped);
        };
        let execution = Arc::clone(&call.execution);
        let outcome = match &execution.task {
            Task::Handle {
                request,
                route,
                params,
            } => self.handle(prepared, request, route, params),
            Task::Init => self.lifecycle(prepared.init.as_ref(), ()),
            Task::Migrate { from } => self.lifecycle(prepared.migrate.as_ref(), (from.as_str(),)),
        };
        outcome.map_err(|error| told(self.store.data_mut(), &error))
    }

    /// Takes the call back, whatever came of it.
    pub(crate) fn end(&mut self) -> Option<Call> {
        self.store.data_mut().call.take()
    }

    /// Whether it may answer another call.
    pub(crate) fn is_fit(&self) -> bool {
        self.calls < CALLS_PER_INSTANCE_MAX && !self.store.data().memory.is_swollen()
    }

    fn handle(
        &mut self,
        prepared: &Prepared,
        request: &AppRequest,
        route: &str,
        params: &[(String, String)],
    ) -> wasmtime::Result<AppResponse> {
        let limits = &prepared.scope.limits;
        let handle = self.handle_function(&prepared.handle)?;
        let params = fields(params);
        let headers = fields(&request.headers);
        let request = RequestIn {
            method: &request.method,
            path: &request.path,
            query: request.query.as_deref(),
            route,
            params: &params,
            headers: &headers,
            body: &request.body,
        };
        let (response,) = handle.call(&mut self.store, (request,))?;
        let checked = response::checked(response, limits.response_bytes);
        Ok(checked.map_err(Halt)?)
    }

    fn handle_function<'a>(
        &mut self,
        index: &ComponentExportIndex,
    ) -> wasmtime::Result<TypedFunc<Request<'a>, Response>> {
        if let Some(handle) = self.handle {
            return Ok(handle);
        }
        let handle = self.instance.get_typed_func(&mut self.store, index)?;
        Ok(*self.handle.insert(handle))
    }

    /// Calls `init` or `migrate`. A component that has none needs none.
    fn lifecycle<P>(
        &mut self,
        index: Option<&ComponentExportIndex>,
        params: P,
    ) -> wasmtime::Result<AppResponse>
    where
        P: wasmtime::component::ComponentNamedList + wasmtime::component::Lower,
    {
        if let Some(index) = index {
            let function = self
                .instance
                .get_typed_func::<P, Verdict>(&mut self.store, index)?;
            let (verdict,) = function.call(&mut self.store, params)?;
            verdict.map_err(|text| Halt(AppFault::LifecycleRefused(crate::logs::cut(&text))))?;
        }
        Ok(AppResponse {
            status: 200,
            headers: Vec::new(),
            body: Bytes::new(),
        })
    }
}

fn fields(pairs: &[(String, String)]) -> Vec<FieldIn<'_>> {
    let field = |(name, value)| FieldIn { name, value };
    pairs
        .iter()
        .map(|(name, value)| field((name, value)))
        .collect()
}

/// How many epochs the call may see begin.
fn ticks(execution: &Execution) -> u64 {
    // The epoch at hand may be about to end.
    time_ms(execution).div_ceil(TICK_MS) + 1
}

fn time_ms(execution: &Execution) -> u64 {
    let limits = execution.manifest.limits();
    match execution.task {
        Task::Handle { .. } => limits.time_ms,
        Task::Init | Task::Migrate { .. } => limits.lifecycle_time_ms(),
    }
}

fn not_begun(mut store: Store<Host>, error: &wasmtime::Error) -> NotBegun {
    let no_room = error.is::<PoolConcurrencyLimitError>();
    let fault = told(store.data_mut(), error);
    let Some(call) = store.data_mut().call.take() else {
        unreachable!("a call is taken from its instance only when that has begun");
    };
    let call = Box::new(call);
    if no_room {
        return NotBegun::NoRoom(call);
    }
    NotBegun::Fault(call, fault)
}

/// Tells an end that was not the planned one, in full to the log, and by its kind to everybody
/// else.
fn told(host: &mut Host, error: &wasmtime::Error) -> AppFault {
    let fault = fault(host, error);
    if let Some(call) = &mut host.call
        && fault != AppFault::StateMoved
    {
        let line = match &fault {
            // The app's own words: this log is the one place where they may stand.
            AppFault::LifecycleRefused(text) => format!("{fault}: {text}"),
            _ => format!("{fault}: {error:#}"),
        };
        call.host_line(LogLevel::Error, &line);
    }
    fault
}

fn fault(host: &Host, error: &wasmtime::Error) -> AppFault {
    let limits = &host.scope.limits;
    if let Some(Halt(fault)) = error.downcast_ref() {
        return fault.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => AppFault::StackExceeded,
        Some(Trap::Interrupt) => AppFault::TimeExceeded {
            max_ms: host
                .call
                .as_ref()
                .map_or(0, |call| time_ms(&call.execution)),
        },
        _ if host.memory.refused => AppFault::MemoryExceeded {
            max_bytes: limits.memory_bytes,
        },
        _ if error.root_cause().to_string().contains(CROSSING_EXHAUSTED) => {
            let text = format!("more than {CROSSING_BYTES_MAX} bytes handed over at once");
            AppFault::KeyOrValueTooLarge(text)
        }
        _ => AppFault::Trapped,
    }
}
