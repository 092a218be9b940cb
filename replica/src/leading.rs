//! What a leader does with calls that wait: it gathers and executes them, and has them proposed.
//!
//! Invariant: users are served once the opening block of the view is certified.

use synod_governance::Input;

use crate::calls::{CallError, Effects, Reply};
use crate::change::Membership;
use crate::governance::Request;
use crate::governance_checks::{self, Enacted};
use crate::leave_decision::LeaveDecision;
use crate::leaving::Leaves;
use crate::pending_replies::{Outcome, PendingReply, Queued, Work};
use crate::replica::Replica;

/// A block is closed when its frames reach this many bytes.
pub const BLOCK_BYTES_TARGET: usize = 1 << 20;
/// A block is closed when it holds so many transactions.
pub const BLOCK_TRANSACTIONS_MAX: usize = 4096;

impl Replica {
    /// Proposes what waits if no block is on its way; a flush proposes in any case.
    pub(crate) fn propose_waiting_if_idle(&mut self, out: &mut Effects) {
        if self.has_waiting() && self.core.machine.sequence().uncertified().len() == 0 {
            self.propose_waiting(out);
        }
    }

    /// Executes waiting calls and proposes them, as long as blocks may be on their way.
    pub(crate) fn propose_waiting(&mut self, out: &mut Effects) {
        while self.has_waiting() && self.core.may_propose() {
            let governs = self
                .core
                .pending
                .next_if(|call| matches!(call.work, Work::Governance(_)));
            let done = match governs {
                Some(call) => self.govern(call, out),
                None => self.operate_waiting(out),
            };
            if !done {
                return;
            }
        }
    }

    fn has_waiting(&self) -> bool {
        self.core.pending.has_waiting() || self.app_calls.has_done()
    }

    /// Executes waiting operations into one block. Always does something where an operation waits.
    fn operate_waiting(&mut self, out: &mut Effects) -> bool {
        let mut draft = self.core.draft();
        while draft.builder.count() < BLOCK_TRANSACTIONS_MAX
            && draft.builder.bytes() < BLOCK_BYTES_TARGET
        {
            if let Some(done) = self.app_calls.next_done() {
                self.app_calls
                    .place_app(&mut self.core, &self.deploying, done, &mut draft);
                continue;
            }
            let Some(call) = self
                .core
                .pending
                .next_if(|call| matches!(call.work, Work::Kv(_)))
            else {
                break;
            };
            let asker = call.asker;
            if let Work::Kv(operate) = call.work {
                self.kv_calls
                    .operate(&mut self.core, asker, call.caller, &operate, &mut draft);
            }
        }
        if draft.builder.is_empty() {
            let held = std::mem::take(&mut draft.replies);
            self.core.reply_on_newest(held);
        } else {
            self.core.propose(draft, None, out);
        }
        true
    }

    /// Carries out a governance act or a join, in a block of its own. False if it has to wait.
    fn govern(&mut self, call: Queued, out: &mut Effects) -> bool {
        let decoded = match &call.work {
            Work::Governance(Request::Join(bytes)) => governance_checks::decode_join(bytes),
            Work::Governance(Request::Act(bytes)) => governance_checks::decode_action(bytes),
            Work::Governance(Request::Reattest(bytes) | Request::Leave(bytes)) => {
                governance_checks::decode_own(bytes)
            }
            Work::Kv(_) => unreachable!("only governance's calls come here"),
        };
        let input = match decoded {
            Ok(input) => input,
            Err(error) => {
                out.reply(call.asker, Reply::Failed(error));
                return true;
            }
        };
        self.core.freshen_for_evidence(out);
        match self
            .core
            .machine
            .enact(&input, self.core.engine.last_index() + 1)
        {
            Ok(enacted) => return self.place_enacted(enacted, &input, call, out),
            Err(error) => {
                self.core.reply_on_newest(vec![PendingReply {
                    asker: call.asker,
                    tx: None,
                    outcome: Outcome::Failed(error),
                }]);
            }
        }
        true
    }

    /// Gives an enacted call its place, where the membership allows it now. False if it has to
    /// wait.
    fn place_enacted(
        &mut self,
        enacted: Enacted,
        input: &Input,
        call: Queued,
        out: &mut Effects,
    ) -> bool {
        let leaving = Leaves::leaving_voter(&self.core, input);
        let mut parting = leaving.map_or(LeaveDecision::Now, |id| {
            self.membership.parting(&self.core, id)
        });
        if parting == LeaveDecision::Now {
            if enacted.membership == Some(Membership::Remove(self.core.id)) {
                self.ask_next_leader(&call, out);
                return true;
            }
            parting = if enacted.changes_quorum && !self.core.may_change() {
                LeaveDecision::Hold
            } else {
                leaving.map_or(LeaveDecision::Now, |id| {
                    self.membership.leaves.parting_is_safe(&self.core, id)
                })
            };
        }
        let asker = call.asker;
        match parting {
            LeaveDecision::Now => self.core.propose_enacted(enacted, input, Some(asker), out),
            LeaveDecision::Hold => {
                self.core.pending.put_back(call);
                return false;
            }
            LeaveDecision::NotYet => out.reply(asker, Reply::Failed(CallError::Retry)),
            LeaveDecision::Never(why) => out.reply(asker, Reply::Failed(CallError::Refused(why))),
        }
        true
    }

    /// A leader never removes itself: it transfers leadership, and the caller asks the next leader
    /// again.
    fn ask_next_leader(&mut self, call: &Queued, out: &mut Effects) {
        self.core.transfer_leadership(|_| true, out);
        out.reply(call.asker, Reply::Failed(CallError::Retry));
    }
}
