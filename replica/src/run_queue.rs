//! The run queue for apps: calls that wait to be executed, are being executed, or wait for their
//! place in a block.
//!
//! Each app has a lane of its own, and lanes take turns, so that a busy or slow app keeps only its
//! own callers waiting. How many of an app's writes are under way at once adapts: halved where one
//! met a conflict, one more where one took effect. So writers of one key come to be executed one
//! after another instead of failing each other.
//!
//! Invariants
//! - what waits and what is under way is bounded, in number and in bytes;
//! - an execution occupies its room until it is reported, whether or not anybody still waits for
//!   it;
//! - every call that comes in goes out exactly once.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use synod_ledger::TxId;

use crate::app::{AppCall, Completion};
use crate::apps::Judged;
use crate::caller::Caller;
use crate::record::ExecutionRecord;

/// The most executions under way at once, reads and writes each.
pub const EXECUTIONS_UNDER_WAY_MAX: usize = 256;
/// The most executions of one app under way at once, reads and writes each.
pub const EXECUTIONS_OF_ONE_APP_MAX: usize = 128;
/// A write is executed at most so often before its caller is told to try again.
pub const EXECUTIONS_MAX: u32 = 8;
/// The most calls of apps that wait, reads and writes each.
pub const APP_CALLS_WAITING_MAX: usize = 16_384;
/// The most bytes of requests that wait or are under way, reads and writes each.
pub const APP_CALLS_BYTES_MAX: usize = 256 << 20;

/// A call of an app that waits, or is being executed.
#[derive(Debug)]
pub(crate) struct QueuedCall {
    /// The call's id.
    pub call: u64,
    pub caller: Caller,
    pub request: Box<AppCall>,
    /// How often it was executed.
    pub executions: u32,
}

impl QueuedCall {
    /// A call that has not been executed yet.
    pub(crate) fn new(call: u64, caller: Caller, request: Box<AppCall>) -> Self {
        Self {
            call,
            caller,
            request,
            executions: 0,
        }
    }
}

impl QueuedCall {
    fn weight(&self) -> usize {
        let request = &self.request.request;
        let headers = request.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        request.body.len() + request.path.len() + headers + 512
    }
}

/// An execution of a call that is under way.
#[derive(Debug)]
pub(crate) struct Run {
    pub queued: QueuedCall,
    /// On what it was let in.
    pub judged: Judged,
    pub snapshot: u64,
    pub tx: TxId,
    pub time_ms: u64,
    pub seed: [u8; 32],
}

impl Run {
    /// What is sealed with its writes.
    pub(crate) fn record(&self) -> ExecutionRecord {
        let app = &self.judged.app;
        let request = &self.queued.request.request;
        ExecutionRecord {
            app: app.key.clone(),
            time_ms: self.time_ms,
            seed: self.seed,
            caller: self.judged.caller.clone(),
            request: app.manifest.replayable().then(|| request.clone()),
        }
    }
}

/// A write that ran to its end and waits for its place in a block.
#[derive(Debug)]
pub(crate) struct Done {
    pub run: Run,
    pub completion: Completion,
}

/// Calls of one app.
#[derive(Debug)]
struct Lane {
    waiting: VecDeque<QueuedCall>,
    running: usize,
    /// How many may run at once.
    window: usize,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            running: 0,
            window: EXECUTIONS_OF_ONE_APP_MAX,
        }
    }
}

/// Lanes that take turns: one set for reads, one for writes.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    apps: BTreeMap<String, Lane>,
    /// The app whose turn it was last.
    turn: String,
    waiting: usize,
    running: usize,
    bytes: usize,
}

impl Lanes {
    /// Takes a call, or gives it back where too many wait.
    pub(crate) fn submit(&mut self, queued: QueuedCall) -> Result<(), QueuedCall> {
        let bytes = self.bytes + queued.weight();
        if self.waiting >= APP_CALLS_WAITING_MAX || bytes > APP_CALLS_BYTES_MAX {
            return Err(queued);
        }
        self.bytes = bytes;
        self.waiting += 1;
        let lane = self.apps.entry(queued.request.app.clone()).or_default();
        lane.waiting.push_back(queued);
        Ok(())
    }

    /// The next call to execute, if there is room; it counts as running from now on.
    pub(crate) fn next(&mut self) -> Option<QueuedCall> {
        if self.waiting == 0 || self.running >= EXECUTIONS_UNDER_WAY_MAX {
            return None;
        }
        let ready =
            |(_, lane): &(&String, &Lane)| !lane.waiting.is_empty() && lane.running < lane.window;
        let after = (Bound::Excluded(self.turn.clone()), Bound::Unbounded);
        let found = self.apps.range::<String, _>(after).find(ready);
        let (name, _) = found.or_else(|| self.apps.iter().find(ready))?;
        self.turn = name.clone();
        let lane = self.apps.get_mut(&self.turn)?;
        let queued = lane.waiting.pop_front()?;
        lane.running += 1;
        (self.waiting, self.running) = (self.waiting - 1, self.running + 1);
        Some(queued)
    }

    /// A call that ran is through, with an answer.
    pub(crate) fn finish(&mut self, queued: &QueuedCall) {
        self.bytes -= queued.weight();
        self.leave(&queued.request.app, |window| {
            (window + 1).min(EXECUTIONS_OF_ONE_APP_MAX)
        });
    }

    /// A call that ran is through, because others came in between too often.
    pub(crate) fn give_up(&mut self, queued: &QueuedCall) {
        self.bytes -= queued.weight();
        self.leave(&queued.request.app, |window| (window / 2).max(1));
    }

    /// A call that ran is to run again, before all that wait.
    pub(crate) fn again(&mut self, queued: QueuedCall) {
        self.leave(&queued.request.app, |window| (window / 2).max(1));
        self.waiting += 1;
        let lane = self.apps.entry(queued.request.app.clone()).or_default();
        lane.waiting.push_front(queued);
    }

    fn leave(&mut self, app: &str, window: impl FnOnce(usize) -> usize) {
        self.running -= 1;
        let Some(lane) = self.apps.get_mut(app) else {
            return;
        };
        lane.running -= 1;
        lane.window = window(lane.window);
        let idle = lane.running == 0 && lane.waiting.is_empty();
        if idle && lane.window == EXECUTIONS_OF_ONE_APP_MAX {
            self.apps.remove(app);
        }
    }

    /// Everything that waits leaves without having run.
    fn clear_waiting(&mut self) -> Vec<QueuedCall> {
        self.waiting = 0;
        let lanes = self.apps.values_mut();
        let gone: Vec<QueuedCall> = lanes.flat_map(|lane| lane.waiting.drain(..)).collect();
        self.bytes -= gone.iter().map(QueuedCall::weight).sum::<usize>();
        self.apps.retain(|_, lane| lane.running > 0);
        gone
    }

    fn check_counts(&self) {
        let lanes = self.apps.values();
        let waiting: usize = lanes.clone().map(|lane| lane.waiting.len()).sum();
        assert_eq!(waiting, self.waiting, "every call that waits is counted");
        let running: usize = lanes.map(|lane| lane.running).sum();
        assert_eq!(running, self.running, "every execution is counted");
        assert!(running <= EXECUTIONS_UNDER_WAY_MAX && waiting <= APP_CALLS_WAITING_MAX + running);
    }

    /// How many calls wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }
}

/// What an execution that was given out is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// A read; its answer leaves at once.
    Read(Box<Run>),
    /// A write.
    Write(Box<Run>),
    /// Nobody waits for it any more.
    Abandoned,
}

/// All calls of apps on their way.
#[derive(Debug, Default)]
pub(crate) struct RunQueue {
    pub reads: Lanes,
    pub writes: Lanes,
    under_way: BTreeMap<u64, Purpose>,
    done: VecDeque<Done>,
    abandoned: usize,
    next_id: u64,
}

impl RunQueue {
    /// Notes an execution that is given out; returns its id.
    pub(crate) fn begin(&mut self, purpose: Purpose) -> u64 {
        self.next_id += 1;
        self.under_way.insert(self.next_id, purpose);
        self.next_id
    }

    /// An execution is reported; what it was for.
    pub(crate) fn end(&mut self, id: u64) -> Option<Purpose> {
        let ended = self.under_way.remove(&id);
        if matches!(ended, Some(Purpose::Abandoned)) {
            self.abandoned -= 1;
        }
        ended
    }

    /// Whether another write may begin. What nobody waits for still keeps an executor busy.
    pub(crate) fn has_room(&self) -> bool {
        self.abandoned < EXECUTIONS_UNDER_WAY_MAX
    }

    /// A write waits for its place in a block.
    pub(crate) fn push_done(&mut self, done: Done) {
        self.done.push_back(done);
    }

    /// The write that waits longest for its place.
    pub(crate) fn next_done(&mut self) -> Option<Done> {
        self.done.pop_front()
    }

    /// Whether writes wait for their place.
    pub(crate) fn has_done(&self) -> bool {
        !self.done.is_empty()
    }

    /// The oldest snapshot that is read from. The register of pins: it has at most as many as are
    /// under way.
    pub(crate) fn oldest_snapshot(&self) -> Option<u64> {
        let snapshots = self.under_way.values().filter_map(|purpose| match purpose {
            Purpose::Read(run) | Purpose::Write(run) => Some(run.snapshot),
            Purpose::Abandoned => None,
        });
        snapshots.min()
    }

    /// Leadership was lost: all writes leave. First those that never ran, then those that ran for
    /// nothing.
    pub(crate) fn clear_writes(&mut self) -> (Vec<QueuedCall>, Vec<QueuedCall>) {
        let waiting = self.writes.clear_waiting();
        let mut ran: Vec<QueuedCall> = self.done.drain(..).map(|done| done.run.queued).collect();
        ran.extend(self.abandon(|purpose| matches!(purpose, Purpose::Write(_))));
        ran.iter().for_each(|queued| self.writes.finish(queued));
        (waiting, ran)
    }

    /// All reads leave.
    pub(crate) fn clear_reads(&mut self) -> Vec<QueuedCall> {
        let mut gone = self.reads.clear_waiting();
        let ran = self.abandon(|purpose| matches!(purpose, Purpose::Read(_)));
        ran.iter().for_each(|queued| self.reads.finish(queued));
        gone.extend(ran);
        gone
    }

    /// Nobody waits for these executions any more.
    fn abandon(&mut self, which: impl Fn(&Purpose) -> bool) -> Vec<QueuedCall> {
        let mut gone = Vec::new();
        for purpose in self.under_way.values_mut().filter(|purpose| which(purpose)) {
            self.abandoned += 1;
            if let Purpose::Read(run) | Purpose::Write(run) =
                std::mem::replace(purpose, Purpose::Abandoned)
            {
                gone.push(run.queued);
            }
        }
        gone
    }

    /// Panics where what is counted is not what is there.
    pub(crate) fn check_invariants(&self) {
        self.reads.check_counts();
        self.writes.check_counts();
    }

    /// How many calls of apps wait or are under way.
    pub(crate) fn busy(&self) -> usize {
        self.reads.waiting() + self.writes.waiting() + self.under_way.len() + self.done.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::AppRequest;
    use synod_crypto::Digest;

    fn queued(app: &str, body: usize) -> QueuedCall {
        QueuedCall {
            call: 1,
            caller: Caller::default(),
            request: Box::new(AppCall {
                app: app.to_owned(),
                request: AppRequest {
                    method: "POST".to_owned(),
                    path: "/".to_owned(),
                    query: None,
                    headers: Vec::new(),
                    body: vec![0; body].into(),
                },
                digest: Digest::ZERO,
                local: false,
                receipt: false,
                idempotency: None,
            }),
            executions: 0,
        }
    }

    fn submit(lanes: &mut Lanes, app: &str) {
        assert!(lanes.submit(queued(app, 0)).is_ok());
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_in_bytes() {
        let mut lanes = Lanes::default();
        (0..APP_CALLS_WAITING_MAX).for_each(|_| submit(&mut lanes, "a"));
        assert!(lanes.submit(queued("b", 0)).is_err());
        assert_eq!(lanes.clear_waiting().len(), APP_CALLS_WAITING_MAX);

        let each = 4 << 20;
        let fit = APP_CALLS_BYTES_MAX / (each + 1000);
        (0..fit).for_each(|_| assert!(lanes.submit(queued("a", each)).is_ok()));
        let running: Vec<QueuedCall> = std::iter::from_fn(|| lanes.next()).collect();
        assert_eq!(running.len(), fit);
        let refused = lanes.submit(queued("a", each)).is_err();
        assert!(refused, "what runs counts as well");
        running.iter().for_each(|queued| lanes.finish(queued));
        assert_eq!((lanes.bytes, lanes.running, lanes.apps.len()), (0, 0, 0));
    }

    #[test]
    fn apps_take_turns_and_none_takes_all_the_room() {
        let mut lanes = Lanes::default();
        (0..1000).for_each(|_| submit(&mut lanes, "busy"));
        submit(&mut lanes, "calm");
        let first: Vec<String> = (0..3)
            .filter_map(|_| Some(lanes.next()?.request.app))
            .collect();
        assert_eq!(first, ["busy", "calm", "busy"]);
        while lanes.next().is_some() {}
        assert_eq!(lanes.apps["busy"].running, EXECUTIONS_OF_ONE_APP_MAX);
        for app in ["other", "another", "third"] {
            (0..1000).for_each(|_| submit(&mut lanes, app));
        }
        while lanes.next().is_some() {}
        assert_eq!(lanes.running, EXECUTIONS_UNDER_WAY_MAX);
    }

    #[test]
    fn conflicts_narrow_an_apps_lane_and_successes_widen_it_again() {
        let mut lanes = Lanes::default();
        (0..4).for_each(|_| submit(&mut lanes, "a"));
        let running: Vec<QueuedCall> = std::iter::from_fn(|| lanes.next()).collect();
        for queued in running {
            for _ in 0..2 {
                lanes.again(again(&queued));
                assert!(lanes.next().is_some() || lanes.apps["a"].running > 0);
            }
            lanes.finish(&queued);
        }
        let window = lanes.apps["a"].window;
        assert!(window < EXECUTIONS_OF_ONE_APP_MAX / 8, "{window}");
    }

    fn again(queued: &QueuedCall) -> QueuedCall {
        QueuedCall {
            request: queued.request.clone(),
            ..*queued
        }
    }

    #[test]
    fn what_nobody_waits_for_still_keeps_its_room() {
        let mut queue = RunQueue::default();
        queue.under_way.insert(1, Purpose::Abandoned);
        queue.abandoned = EXECUTIONS_UNDER_WAY_MAX;
        assert!(!queue.has_room());
        assert!(matches!(queue.end(1), Some(Purpose::Abandoned)));
        assert!(queue.has_room());
        assert!(queue.end(1).is_none(), "it is reported once");
    }
}
