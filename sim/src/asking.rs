//! Clients at work in the world, and the checks of what they are told; and what is looked at every
//! second.

use bytes::Bytes;
use synod_governance::{ReplicaRecord, ReplicaStatus};
use synod_ledger::TxId;
use synod_replica::kv::Operate;
use synod_replica::{CallError, Caller, Reply, Request, app as apps, kv, ledger};

use crate::app;
use crate::birth::user;
use crate::checks::answers::Answered;
use crate::clients::{TIMEOUT_US, told};
use crate::events::{Asker, Event};
use crate::history::{Ask, Done, Told};
use crate::values::is_of_app;
use crate::world::World;

/// Clients wait so long at most between two operations (microseconds).
const THINK_US_MAX: u64 = 300_000;
const SECOND_US: u64 = 1_000_000;

impl World {
    /// Clients begin.
    pub(crate) fn begin_clients(&mut self) {
        for client in 0..self.clients.len() {
            self.wake_in(client, THINK_US_MAX);
        }
    }

    fn wake_in(&mut self, client: usize, wait_us: u64) {
        let wait_us = self.clients[client]
            .random
            .between(1_000, wait_us.max(1_001));
        self.queue
            .plan(self.now_us + wait_us, Event::Wake { client });
    }

    pub(crate) fn wake(&mut self, number: usize) {
        let (event, now_us, known) = (self.trace.events(), self.now_us, self.known);
        let client = &mut self.clients[number];
        if client
            .pending
            .as_ref()
            .is_some_and(|pending| pending.call.is_some())
        {
            return;
        }
        if client.pending.is_none() {
            client.think(number, event, now_us, known);
        }
        let Some(host) = self.contact(number) else {
            return self.wake_in(number, 500_000);
        };
        let client = &self.clients[number];
        let Some((request, pending)) = client.request().zip(client.pending.as_ref()) else {
            return;
        };
        let asker = Asker::Client {
            client: number,
            partition: pending.partition,
            ask: pending.ask.clone(),
            known,
            known_first: pending.known,
        };
        self.note(format_args!(
            "client {number} asks host {host}: {}",
            brief(&request)
        ));
        let call = self.call(host, asker, user(number), request);
        if let Some(pending) = &mut self.clients[number].pending {
            pending.call = Some(call);
        }
        self.queue.plan(
            now_us + TIMEOUT_US,
            Event::Timeout {
                client: number,
                call,
            },
        );
    }

    /// The host that the client asks.
    fn contact(&mut self, number: usize) -> Option<u64> {
        let running = self.running();
        let client = &mut self.clients[number];
        if let Some((host, until_us)) = client.captive {
            if self.now_us < until_us && running.contains(&host) {
                return Some(host);
            }
            client.captive = None;
        }
        let leader = client.leader.and_then(|id| self.places.get(&id).copied());
        // Also where the adversary runs the leader: the product's code answers inside.
        match leader.filter(|host| self.hosts[host].process.is_some()) {
            Some(host) if client.random.chance(600) => Some(host),
            _ => client.random.pick(&running),
        }
    }

    pub(crate) fn timed_out(&mut self, number: usize, call: u64) {
        let now_us = self.now_us;
        let client = &mut self.clients[number];
        let Some(pending) = &mut client.pending else {
            return;
        };
        if pending.call != Some(call) {
            return;
        }
        pending.call = None;
        client.leader = None;
        let gives_up = now_us >= pending.given_up_us;
        if gives_up && let Some(pending) = client.pending.take() {
            self.history.push(Done {
                partition: pending.partition,
                ask: pending.ask,
                asked: pending.asked,
                told_at: None,
                told: None,
                seqno: None,
            });
        }
        self.wake_in(number, 20_000);
    }

    pub(crate) fn client_told(&mut self, number: usize, call: u64, reply: &Reply, host: u64) {
        let client = &mut self.clients[number];
        if client
            .pending
            .as_ref()
            .is_none_or(|pending| pending.call != Some(call))
        {
            return;
        }
        match reply {
            Reply::Kv(kv::Reply::Answered {
                tx, as_of, answer, ..
            }) => {
                let seen = tx.map_or(as_of.seqno, |tx| tx.seqno);
                let Some(told) = told(answer) else { return };
                self.finish(number, told, tx.map(|tx| tx.seqno), seen);
            }
            Reply::App(apps::Reply::Called(reply)) => {
                let seen = reply.tx.unwrap_or(reply.as_of).seqno;
                let pending = client.pending.as_ref().expect("it waits for this call");
                let ledger = &self.checks.ledger;
                let told = app::told(pending.partition, &pending.ask, reply, ledger);
                let Some(told) = told else { return };
                self.finish(number, told, reply.tx.map(|tx| tx.seqno), seen);
            }
            Reply::Failed(error) => {
                let wait_us = if let CallError::NotLeader { leader } = error {
                    client.leader = *leader;
                    10_000
                } else {
                    client.leader = None;
                    300_000
                };
                if let Some(pending) = &mut client.pending {
                    pending.call = None;
                }
                self.wake_in(number, wait_us);
            }
            other => self.fail(format!(
                "client {number} asked host {host} and was told {other:?}"
            )),
        }
    }

    fn finish(&mut self, number: usize, told: Told, seqno: Option<u64>, seen: u64) {
        let told_at = self.trace.events();
        let client = &mut self.clients[number];
        let Some(pending) = client.pending.take() else {
            return;
        };
        client.learn(pending.partition, &pending.ask, &told, seqno);
        client.written_in_calm |= seqno.is_some() && pending.asked_us >= self.calm_since_us;
        if !matches!(pending.ask, Ask::Get { local: true, .. }) {
            self.known = self.known.max(seen);
        }
        self.note(format_args!("client {number} is told {told:?}"));
        self.history.push(Done {
            partition: pending.partition,
            ask: pending.ask,
            asked: pending.asked,
            told_at: Some(told_at),
            told: Some(told),
            seqno,
        });
        self.wake_in(number, THINK_US_MAX);
    }

    /// Holds a reply against the ledger before it leaves.
    pub(crate) fn check_reply(
        &mut self,
        host: u64,
        call: u64,
        reply: &Reply,
    ) -> Result<(), String> {
        let Some(asked) = self.calls.get(&call) else {
            return Ok(());
        };
        let Some(process) = &self.hosts[&host].process else {
            return Ok(());
        };
        match (&asked.asker, reply) {
            (
                Asker::Client { partition, ask, .. },
                Reply::Kv(kv::Reply::Answered {
                    tx,
                    as_of,
                    answer,
                    receipt,
                    repeated,
                }),
            ) if !is_of_app(*partition) => {
                let told = told(answer)
                    .ok_or_else(|| format!("{ask:?} was answered in another kind: {answer:?}"))?;
                let said = (told, *tx, *as_of, *repeated, receipt.clone());
                self.check_answer(host, call, said)
            }
            (Asker::Client { partition, ask, .. }, Reply::App(apps::Reply::Called(reply)))
                if is_of_app(*partition) =>
            {
                let told = app::told(*partition, ask, reply, &self.checks.ledger)
                    .ok_or_else(|| format!("{ask:?} was answered {reply:?}"))?;
                let (tx, as_of) = (reply.tx, reply.as_of);
                let said = (told, tx, as_of, reply.repeated, reply.receipt.clone());
                self.check_answer(host, call, said)
            }
            (Asker::Client { .. }, Reply::Failed(error)) if !is_of_trouble(error) => {
                Err(format!("a client is refused without reason: {error}"))
            }
            (Asker::Client { ask, .. }, Reply::Kv(_) | Reply::App(_)) => {
                Err(format!("{ask:?} was answered in another kind: {reply:?}"))
            }
            (Asker::Renewal { tx }, Reply::Ledger(ledger::Reply::Receipt(receipt))) => {
                self.checks.receipts.renewed(*tx, receipt, &process.replica)
            }
            _ => Ok(()),
        }
    }

    /// Holds what a client is told against the ledger, and some receipts against the chain.
    fn check_answer(&mut self, host: u64, call: u64, said: Said) -> Result<(), String> {
        let (told, tx, as_of, repeated, receipt) = said;
        let Asker::Client {
            partition,
            ask,
            known,
            known_first,
            ..
        } = &self.calls[&call].asker
        else {
            return Ok(());
        };
        let answered = Answered {
            partition: *partition,
            ask,
            told: &told,
            tx,
            as_of,
            repeated,
            known_by_call: *known,
            known_by_operation: *known_first,
        };
        answered.check(&self.checks.ledger)?;
        let Some(process) = &self.hosts[&host].process else {
            return Ok(());
        };
        match (tx, receipt) {
            (Some(tx), Some(receipt)) if self.random.chance(250) => {
                let receipts = &mut self.checks.receipts;
                receipts.given(tx, &receipt, &process.replica, &mut self.random)
            }
            _ => Ok(()),
        }
    }

    /// What is looked at every second: states, receipts of the past, replicas that are out.
    pub(crate) fn audit(&mut self) {
        self.queue.plan(self.now_us + SECOND_US, Event::Audit);
        for host in self.hosts.values() {
            let Some(process) = host.honest() else {
                continue;
            };
            if let Err(what) = self.checks.ledger.audit(process.id, &process.replica) {
                return self.fail(what);
            }
        }
        self.ask_keys_for_the_removed();
        self.stop_what_is_out();
        let running = self.running();
        let tx = self.checks.receipts.to_renew(&mut self.random);
        if let Some((tx, host)) = tx.zip(self.random.pick(&running)) {
            self.call(
                host,
                Asker::Renewal { tx },
                Caller::default(),
                Request::Ledger(ledger::Request::Receipt(tx)),
            );
        }
    }

    /// Whoever was removed asks for the keys again, and gets none.
    fn ask_keys_for_the_removed(&mut self) {
        let running = self.running();
        let Some(host_id) = self.random.pick(&running) else {
            return;
        };
        let host = self.hosts.get_mut(&host_id).filter(|host| !host.broken);
        let Some(process) = host.and_then(|host| host.process.as_mut()) else {
            return;
        };
        let view = process.replica.network_view();
        let removed = view.replicas.iter();
        let removed = removed.filter(|record| record.status == ReplicaStatus::Removed);
        let identities: Vec<_> = removed.map(ReplicaRecord::identity).collect();
        let id = process.id;
        let given = identities
            .iter()
            .find(|identity| process.replica.keys_for(identity).is_ok());
        if let Some(identity) = given {
            let what = format!("replica {id} gives its keys to {identity}, which was removed");
            self.fail(what);
        }
    }

    /// Operators stop processes whose replicas are out, as the network's leader tells.
    fn stop_what_is_out(&mut self) {
        let Some(process) = self.serving().and_then(|host| self.hosts[&host].honest()) else {
            return;
        };
        let view = process.replica.network_view();
        let is_out = |id: u64| {
            let mut records = view.replicas.iter();
            records.any(|record| record.id == id && record.status == ReplicaStatus::Removed)
        };
        let out: Vec<u64> = self
            .hosts
            .iter()
            .filter(|(_, host)| host.honest().is_some_and(|process| is_out(process.id)))
            .map(|(id, _)| *id)
            .collect();
        for host_id in out {
            self.crash(host_id);
            self.hosts.get_mut(&host_id).expect("the host").restart_us =
                self.now_us + 2 * SECOND_US;
        }
    }
}

/// What a client is told: in the words of the checkers, by which transaction, as of which, whether
/// an earlier call with the same key ran, and with which receipt.
type Said = (Told, Option<TxId>, TxId, bool, Option<Bytes>);

/// Whether a client may be refused so while things go wrong, or others are faster.
fn is_of_trouble(error: &CallError) -> bool {
    !matches!(
        error,
        CallError::UnknownCaller
            | CallError::Forbidden
            | CallError::Kv(_)
            | CallError::App(_)
            | CallError::RouteNotFound
            | CallError::KeyReused
    )
}

/// A request in a few words, without its bytes.
fn brief(request: &Request) -> String {
    match request {
        Request::Kv(Operate {
            operation, local, ..
        }) => {
            let name = match operation {
                synod_replica::kv::Operation::Put { key, .. } => format!("put {key:?}"),
                synod_replica::kv::Operation::Delete { key, .. } => format!("delete {key:?}"),
                synod_replica::kv::Operation::Get { key, .. } => format!("get {key:?}"),
                synod_replica::kv::Operation::List(_) => "list".to_owned(),
                synod_replica::kv::Operation::Batch { compares, steps } => {
                    format!("{} steps on {} compares", steps.len(), compares.len())
                }
            };
            format!("{name}, local: {local}")
        }
        Request::App(apps::Request::Call(call)) => {
            let body = String::from_utf8_lossy(&call.request.body);
            let (method, path) = (&call.request.method, &call.request.path);
            format!("{method} {path} {body:?}, local: {}", call.local)
        }
        _ => "another request".to_owned(),
    }
}
