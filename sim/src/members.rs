//! Members and operators: they bring the network up, open it, decide what trouble asks of them, and
//! start again what has ended.

use synod_governance::{Act, BlockRef};
use synod_replica::governance::Recorded;
use synod_replica::{CallError, Reply, Request, governance};

use crate::birth::{self, user};
use crate::events::{Asker, Event};
use crate::world::World;

/// They look at the network this often (microseconds).
const EVERY_US: u64 = 200_000;
/// An act that was not answered for so long is sent again.
const ACT_TIMEOUT_US: u64 = 3_000_000;

impl World {
    pub(crate) fn members_step(&mut self) {
        let jitter_us = self.members.random.below(20_000);
        self.queue
            .plan(self.now_us + EVERY_US + jitter_us, Event::Members);
        self.start_what_ended();
        if !self.members.open {
            self.bring_up();
        }
        self.bring_chunks();
        let expired = |(_, since): (u64, u64)| self.now_us > since + ACT_TIMEOUT_US;
        if self.members.call.is_none_or(expired) {
            self.members.call = None;
            self.send_act();
        }
    }

    /// Operators start again what has ended, in the place of its former self.
    fn start_what_ended(&mut self) {
        let ended: Vec<u64> = self
            .hosts
            .iter()
            .filter(|(_, host)| {
                let idle = host.process.is_none() && host.joining.is_none();
                idle && !host.retired && self.now_us >= host.restart_us
            })
            .map(|(id, _)| *id)
            .collect();
        for id in ended {
            // While the network is brought up, one joins after the other.
            if self.members.open || !self.hosts.values().any(|host| host.joining.is_some()) {
                self.begin_join(id);
            }
        }
    }

    /// Once all wanted replicas vote, the members open the configuration in force.
    fn bring_up(&mut self) {
        let serving = self.serving();
        let Some(process) = serving.and_then(|host| self.hosts[&host].honest()) else {
            return;
        };
        let view = process.replica.network_view();
        if view.service.is_open() {
            self.members.open = true;
            self.set_first_app();
            self.note(format_args!("the service is open"));
            return;
        }
        let voters = view.configuration.voters().len() as u64;
        if voters >= self.members.wanted && self.members.decisions.is_empty() {
            let (configuration, digest) =
                (view.configuration.number(), view.configuration.digest());
            self.members.decide(Act::Open {
                configuration,
                digest,
            });
        }
    }

    /// The honest host whose replica leads and serves in the newest view.
    pub(crate) fn serving(&self) -> Option<u64> {
        let serving = self.hosts.iter().filter_map(|(id, host)| {
            let replica = &host.honest()?.replica;
            (replica.leads() && replica.network_view().serves).then(|| (replica.gauges().view, *id))
        });
        serving.max().map(|(_, id)| id)
    }

    fn send_act(&mut self) {
        let Some(act) = self.members.decisions.front().cloned() else {
            return;
        };
        let Some(host) = self.serving() else { return };
        let process = self.hosts[&host].honest().expect("it serves");
        let sequence = process.replica.governance_view().governance.next_sequence;
        let signed = birth::signed(self.network_id, sequence, act);
        let request = Request::Governance(governance::Request::Act(signed.encode().into()));
        let call = self.call(host, Asker::Members, user(0), request);
        self.members.call = Some((call, self.now_us));
    }

    pub(crate) fn members_told(&mut self, call: u64, reply: &Reply) {
        if self.members.call.is_none_or(|(asked, _)| asked != call) {
            return;
        }
        self.members.call = None;
        match reply {
            Reply::Governance(Recorded { .. }) => {
                if let Some(act) = self.members.decisions.pop_front() {
                    self.count("acts");
                    self.carried(&act);
                }
            }
            // Another act came before, or the answer to this one was lost: the sequence number
            // tells next time.
            Reply::Failed(CallError::Refused(why)) if why.contains("sequence number") => {}
            Reply::Failed(CallError::Refused(_) | CallError::Malformed(_)) => {
                if let Some(act) = self.members.decisions.pop_front() {
                    self.not_carried(&act);
                }
            }
            _ => {}
        }
    }

    fn carried(&mut self, act: &Act) {
        if let Act::RemoveReplica { id, .. } = act
            && let Some(host) = self.host_of(*id)
        {
            self.crash(host);
            self.hosts.get_mut(&host).expect("the host").restart_us = self.now_us + 1_000_000;
        }
    }

    fn not_carried(&mut self, act: &Act) {
        if let Act::RemoveReplica { id, .. } = act
            && let Some(host) = self.host_of(*id)
            && let Some(process) = &mut self.hosts.get_mut(&host).expect("the host").process
        {
            process.leaving = false;
        }
    }

    /// Where the replica runs now.
    fn host_of(&self, id: u64) -> Option<u64> {
        let host = *self.places.get(&id)?;
        let runs = self.hosts[&host]
            .process
            .as_ref()
            .is_some_and(|process| process.id == id);
        runs.then_some(host)
    }

    /// A replica leaves of its own will.
    pub(crate) fn leave(&mut self, host_id: u64) {
        self.own_request(host_id, true);
    }

    /// Asks for a fresh verdict once two thirds of the old one have passed.
    pub(crate) fn reattest_if_due(&mut self, host_id: u64) {
        let Some(lifetime_s) = self.profile.agreement.verdict_lifetime_s else {
            return;
        };
        if !self.random.chance(30) {
            return;
        }
        let now_us = self.now_us;
        let Some(process) = self.hosts[&host_id].honest() else {
            return;
        };
        let waits = process
            .reattesting_us
            .is_some_and(|since| now_us < since + ACT_TIMEOUT_US);
        let view = process.replica.network_view();
        let own = view.replicas.iter().find(|record| record.id == process.id);
        let due = own.is_some_and(|own| {
            let due_ms = own.attested_ms + lifetime_s * 1000 * 2 / 3;
            own.status.is_trusted() && self.outside_ms().max(view.certified.2) >= due_ms
        });
        if due && !waits {
            self.hosts
                .get_mut(&host_id)
                .expect("the host")
                .process
                .as_mut()
                .expect("it runs")
                .reattesting_us = Some(now_us);
            self.own_request(host_id, false);
        }
    }

    fn own_request(&mut self, host_id: u64, leaves: bool) {
        let (network, now_ms) = (self.network_id, self.outside_ms());
        let host = self.hosts.get_mut(&host_id).expect("the host");
        let epoch = host.epoch;
        let Some(process) = &mut host.process else {
            return;
        };
        process.leaving |= leaves;
        let (index, hash, _) = process.replica.network_view().certified;
        let block = BlockRef { index, hash };
        let request = if leaves {
            process.birth.leave(network, process.id, block)
        } else {
            process.birth.reattest(network, process.id, block, now_ms)
        };
        let asker = Asker::Own {
            host: host_id,
            epoch,
            leaves,
        };
        self.call_here(host_id, asker, request);
    }

    pub(crate) fn own_told(&mut self, host_id: u64, epoch: u64, leaves: bool, reply: &Reply) {
        let now_us = self.now_us;
        let Some(process) = self.process_of(host_id, epoch) else {
            return;
        };
        process.reattesting_us = None;
        if !leaves {
            return;
        }
        if matches!(reply, Reply::Governance(Recorded { .. })) {
            self.count("leaves");
            self.crash(host_id);
            let host = self.hosts.get_mut(&host_id).expect("the host");
            (host.retired, host.restart_us) = (true, now_us);
        } else {
            process.leaving = false;
        }
    }
}
