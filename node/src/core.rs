//! The consensus thread: it owns the replica, and everything that the replica decides starts here.
//!
//! One thread executes, orders and certifies; TLS, HTTP and the disk run beside it. It drains all
//! that waits, then flushes, so that blocks grow with the load and a lone call does not wait.
//!
//! Invariants
//! - effects are handed out in their documented order: disk, peers, replies, executions, notices;
//! - an idle replica wakes once a tick and does nothing else.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use synod_api::{ErrorCode, Problem};
use synod_gateway::Refusal;
use synod_replica::app::{Compile, Execution};
use synod_replica::{
    Ask, Batch, Call, CallError, Caller, Effects, Envelope, Input, Notice, Recall, Replica, Reply,
    Request,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::clock::now;
use crate::governance_news::GovernanceSeen;
use synod_identity::spawn_critical;

/// At most so many messages are taken before the replica is flushed.
const DRAIN_MAX: usize = 4096;

/// What the consensus thread is told.
pub(crate) enum ToCore {
    /// Something happened.
    Happened(Input),
    /// A peer said something; the room that it takes is given back once the replica has heard it.
    Heard(Input, OwnedSemaphorePermit),
    /// A caller asks; the answer goes back through the sender.
    Asked {
        /// Who asks.
        caller: Caller,
        /// What is asked.
        request: Request,
        /// Takes the answer.
        answer: oneshot::Sender<Reply>,
    },
    /// Somebody looks at the replica between two inputs.
    Looked(Box<dyn FnOnce(&mut Replica) + Send>),
    /// The node stops.
    Stop,
}

/// Where the effects go. Nothing here may block for long.
pub(crate) trait Outlets: Send + 'static {
    /// Makes records durable and reports [`Input::Persisted`] later.
    fn persist(&mut self, batches: Vec<Batch>);
    /// Sends to peers; may drop, since the engine repeats.
    fn send(&mut self, messages: Vec<(u64, Envelope)>);
    /// Tells the operator.
    fn notice(&mut self, notice: &Notice);
    /// Executes calls of apps and reports each as [`Input::Executed`] later.
    fn execute(&mut self, executions: Vec<Execution>);
    /// Compiles components and reports each as [`Input::Compiled`] later.
    fn compile(&mut self, components: Vec<Compile>);
    /// Reads old blocks back from the ledger's files and reports them as [`Input::Recalled`] later.
    fn recall(&mut self, recall: Recall);
    /// The certified state moved on, up to this seqno.
    fn certified(&mut self, seqno: u64);
    /// Looks at the replica after its membership or role changed.
    fn membership_changed(&mut self, replica: &Replica);
    /// Looks at the replica after certified governance may have changed, such as its users.
    fn governance_changed(&mut self, replica: &Replica);
}

/// The consensus thread has ended: nobody answers any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

impl From<Stopped> for Box<Problem> {
    fn from(_: Stopped) -> Self {
        Problem::new(ErrorCode::ShuttingDown).into()
    }
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        Self::Problem(stopped.into())
    }
}

/// The way to the consensus thread; cheap to clone.
#[derive(Clone)]
pub(crate) struct Core {
    sender: Sender<ToCore>,
}

/// The channel to a consensus thread that is yet to be started.
pub(crate) fn core() -> (Core, Receiver<ToCore>) {
    let (sender, receiver) = channel();
    (Core { sender }, receiver)
}

impl Core {
    /// Tells what happened. False once the thread has ended.
    pub(crate) fn happened(&self, input: Input) -> bool {
        self.sender.send(ToCore::Happened(input)).is_ok()
    }

    /// Tells what a peer said. False once the thread has ended.
    pub(crate) fn heard(&self, input: Input, room: OwnedSemaphorePermit) -> bool {
        self.sender.send(ToCore::Heard(input, room)).is_ok()
    }

    /// Asks and waits for the answer. Dropping the future drops the answer, not the call.
    ///
    /// # Errors
    /// [`Stopped`]; else as the call ended.
    pub(crate) async fn ask<A: Ask>(
        &self,
        caller: Caller,
        asked: A,
    ) -> Result<Result<A::Answer, CallError>, Stopped> {
        let (answer, waiting) = oneshot::channel();
        let asked = ToCore::Asked {
            caller,
            request: asked.into(),
            answer,
        };
        self.sender.send(asked).map_err(|_| Stopped)?;
        waiting.await.map(A::answer).map_err(|_| Stopped)
    }

    /// Looks at the replica.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Replica) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (sender, seen) = oneshot::channel();
        let look = Box::new(move |replica: &mut Replica| {
            // Whoever asked may be gone; then nobody needs to know.
            let _ = sender.send(look(replica));
        });
        self.sender
            .send(ToCore::Looked(look))
            .map_err(|_| Stopped)?;
        seen.await.map_err(|_| Stopped)
    }

    /// Ends the thread after what it was told before.
    pub(crate) fn stop(&self) {
        // A thread that has ended needs no telling.
        let _ = self.sender.send(ToCore::Stop);
    }
}

/// Starts the thread. `begun` are the effects of the replica's start.
pub(crate) fn start(
    replica: Replica,
    begun: Effects,
    receiver: Receiver<ToCore>,
    outlets: impl Outlets,
    tick: Duration,
) -> std::io::Result<JoinHandle<()>> {
    let mut thread = Thread {
        replica,
        outlets,
        answers: HashMap::new(),
        next_call: 0,
        governance: GovernanceSeen::default(),
    };
    spawn_critical("consensus", move || {
        thread.carry_out(begun);
        thread.outlets.membership_changed(&thread.replica);
        thread.tell_of_governance();
        thread.run(&receiver, tick);
    })
}

struct Thread<O> {
    replica: Replica,
    outlets: O,
    answers: HashMap<u64, oneshot::Sender<Reply>>,
    next_call: u64,
    governance: GovernanceSeen,
}

impl<O: Outlets> Thread<O> {
    fn run(&mut self, receiver: &Receiver<ToCore>, tick: Duration) {
        let mut next_tick = Instant::now() + tick;
        loop {
            match receiver.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(first) => {
                    if !self.drain(first, receiver) {
                        return;
                    }
                    self.step(Input::Flush);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            if now >= next_tick {
                self.step(Input::Tick);
                // Ticks that were missed while this machine slept are not made up for.
                next_tick = (next_tick + tick).max(now);
            }
        }
    }

    /// Takes everything that waits; false if the node stops.
    fn drain(&mut self, first: ToCore, receiver: &Receiver<ToCore>) -> bool {
        if !self.take(first) {
            return false;
        }
        for _ in 0..DRAIN_MAX {
            let Ok(next) = receiver.try_recv() else { break };
            if !self.take(next) {
                return false;
            }
        }
        true
    }

    fn take(&mut self, message: ToCore) -> bool {
        match message {
            ToCore::Happened(input) => self.step(input),
            ToCore::Heard(input, room) => {
                self.step(input);
                drop(room);
            }
            ToCore::Asked {
                caller,
                request,
                answer,
            } => {
                self.next_call += 1;
                self.answers.insert(self.next_call, answer);
                self.step(Input::Call(Call {
                    id: self.next_call,
                    caller,
                    request,
                }));
            }
            ToCore::Looked(look) => look(&mut self.replica),
            ToCore::Stop => return false,
        }
        true
    }

    fn step(&mut self, input: Input) {
        let effects = self.replica.step(now(), input);
        self.carry_out(effects);
    }

    fn tell_of_governance(&mut self) {
        if self.governance.is_news(&self.replica) {
            self.outlets.governance_changed(&self.replica);
        }
    }

    fn carry_out(&mut self, effects: Effects) {
        if !effects.persist.is_empty() {
            self.outlets.persist(effects.persist);
        }
        if !effects.send.is_empty() {
            self.outlets.send(effects.send);
        }
        for (call, reply) in effects.replies {
            if let Some(answer) = self.answers.remove(&call) {
                // The caller may have gone; its call took effect all the same.
                let _ = answer.send(reply);
            }
        }
        if !effects.execute.is_empty() {
            self.outlets.execute(effects.execute);
        }
        if !effects.compile.is_empty() {
            self.outlets.compile(effects.compile);
        }
        if let Some(recall) = effects.recall {
            self.outlets.recall(recall);
        }
        if let Some(seqno) = effects.certified {
            self.outlets.certified(seqno);
            self.tell_of_governance();
        }
        for notice in &effects.notices {
            self.outlets.notice(notice);
        }
        if effects.membership_changed {
            self.outlets.membership_changed(&self.replica);
        }
    }
}
