//! How versions of apps come to the network: members set and remove them, somebody brings the
//! components, and hosts compile and execute beside their replicas, in their own time.

use synod_crypto::{Digest, sha256};
use synod_replica::app::{AppChunk, Compile, Compiled, Executed, Execution};
use synod_replica::{Input, Reply, Request, app as apps};

use crate::app;
use crate::birth::user;
use crate::events::{Asker, Event};
use crate::values::NOTES;
use crate::world::World;

/// A chunk that was not answered for so long is brought again (microseconds).
const CHUNK_TIMEOUT_US: u64 = 3_000_000;
/// How long a component is compiled (microseconds).
const COMPILE_US: (u64, u64) = (5_000, 800_000);
/// How long an execution takes (microseconds); in times of trouble it may be ten times longer.
const EXECUTION_US: (u64, u64) = (50, 8_000);

impl World {
    /// The members set the first version of the app that clients call.
    pub(crate) fn set_first_app(&mut self) {
        self.set_app(NOTES);
    }

    /// The members set another version of an app, or remove one that nobody calls.
    pub(crate) fn change_apps(&mut self) {
        let is_set = self.serving().is_some_and(|host| {
            let replica = &self.hosts[&host].honest().expect("it serves").replica;
            replica.app_view(&app::name_of(app::BRIEF)).is_some()
        });
        match self.random.below(3) {
            0 => self.set_app(NOTES),
            1 if is_set => self.members.decide(app::removal(app::BRIEF)),
            _ => self.set_app(app::BRIEF),
        }
        self.count("changes of apps");
    }

    fn set_app(&mut self, name: &'static str) {
        self.members.versions += 1;
        let component = app::component(name, self.members.versions);
        self.members.decide(app::set(name, self.members.versions));
        let digest = sha256(&[&component]);
        self.members.components.insert(digest, component);
    }

    /// Whoever sees that a version waits for its component brings it.
    pub(crate) fn bring_chunks(&mut self) {
        let now_us = self.now_us;
        let is_waiting = |(_, since): (u64, u64)| now_us < since + CHUNK_TIMEOUT_US;
        if self.members.chunk.is_some_and(is_waiting) {
            return;
        }
        self.members.chunk = None;
        let Some(host) = self.serving() else { return };
        let replica = &self.hosts[&host].honest().expect("it serves").replica;
        let pending = [NOTES, app::BRIEF].into_iter().find_map(|name| {
            let view = replica.app_view(&app::name_of(name))?;
            Some((name, view.record.pending?))
        });
        let Some((name, version)) = pending else {
            return;
        };
        // Once it is on the ledger, it is there for good.
        let Some(bytes) = self.members.components.get(&version.component) else {
            return;
        };
        let chunk = AppChunk {
            app: app::name_of(name),
            number: version.number,
            index: 0,
            bytes: bytes.clone(),
        };
        let asker = Asker::Chunk {
            component: version.component,
        };
        let call = self.call(
            host,
            asker,
            user(0),
            Request::App(apps::Request::Chunk(chunk)),
        );
        self.members.chunk = Some((call, now_us));
    }

    pub(crate) fn chunk_told(&mut self, call: u64, component: &Digest, reply: &Reply) {
        if matches!(reply, Reply::App(apps::Reply::ChunkTaken(_))) {
            self.members.components.remove(component);
        }
        if self.members.chunk.is_some_and(|(asked, _)| asked == call) {
            self.members.chunk = None;
        }
    }

    /// Hosts compile beside their replicas.
    pub(crate) fn begin_compiling(&mut self, host: u64, compile: Compile) {
        let epoch = self.hosts[&host].epoch;
        let at_us = self.now_us + self.random.between(COMPILE_US.0, COMPILE_US.1);
        let compile = Box::new(compile);
        self.queue.plan(
            at_us,
            Event::Compiled {
                host,
                epoch,
                compile,
            },
        );
    }

    /// And they execute beside them.
    pub(crate) fn begin_executing(&mut self, host: u64, execution: Execution) {
        let epoch = self.hosts[&host].epoch;
        let slow = self.troubled && self.random.chance(50);
        let factor = if slow { 10 } else { 1 };
        let at_us = self.now_us + factor * self.random.between(EXECUTION_US.0, EXECUTION_US.1);
        let execution = Box::new(execution);
        self.queue.plan(
            at_us,
            Event::Executed {
                host,
                epoch,
                execution,
            },
        );
    }

    pub(crate) fn compiled(&mut self, host: u64, epoch: u64, compile: &Compile) {
        if self.process_of(host, epoch).is_none() {
            return;
        }
        self.note(format_args!("host {host} has compiled {:?}", compile.app));
        let compiled = Compiled {
            app: compile.app.clone(),
            result: compile.joined().map(drop),
        };
        self.count("compilations");
        self.step(host, Input::Compiled(compiled));
    }

    pub(crate) fn executed(&mut self, host: u64, epoch: u64, execution: &Execution) {
        if self.process_of(host, epoch).is_none() {
            return;
        }
        self.note(format_args!("host {host} has executed {:?}", execution.id));
        let executed = Executed {
            id: execution.id,
            result: app::run(execution),
        };
        self.count("executions");
        self.step(host, Input::Executed(executed));
        if self.random.chance(700) {
            self.step(host, Input::Flush);
        }
    }
}
