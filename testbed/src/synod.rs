//! The synod: one replica that is stepped until it has answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use synod_api::ChainFile;
use synod_client::read_chain;
use synod_crypto::Digest;
use synod_governance::{Act, Action, SignedAction};
use synod_ledger::{Chain, TxId};
use synod_replica::{
    Ask, Call, CallError, Caller, Effects, Input, Now, Replica, Reply, governance,
};

use crate::error::TestbedError;
use crate::founding::{self, Founded, START_MS, THRESHOLD, user_fingerprint};
use crate::workshop::Workshop;

/// So much time passes with each call, and with each tick that it takes.
const TICK_MS: u64 = 20;
/// No call takes so many ticks.
const TICKS_MAX: u32 = 2_000;

/// A synod of one replica.
pub struct Synod {
    network: Digest,
    replica: Replica,
    workshop: Workshop,
    now_ms: u64,
    next_call: u64,
    /// The sequence number of the members' next act.
    sequence: u64,
    replies: BTreeMap<u64, Reply>,
    /// The users and their roles.
    users: BTreeMap<String, BTreeSet<String>>,
}

impl Synod {
    /// Founds a synod and opens it to users. Equal names give equal runs, but for evidence.
    ///
    /// # Errors
    /// [`TestbedError`], where the parts of this program do not fit together.
    pub fn found(name: &str, workshop: &Workshop) -> Result<Self, TestbedError> {
        let Founded { network, boot, .. } = founding::found(name)?;
        let now_ms = START_MS + 1000;
        let (replica, effects) = Replica::start(boot, at(now_ms))
            .map_err(|error| TestbedError::Founding(error.to_string()))?;
        let mut synod = Self {
            network,
            replica,
            workshop: workshop.clone(),
            now_ms,
            next_call: 0,
            sequence: 1,
            replies: BTreeMap::new(),
            users: BTreeMap::new(),
        };
        for input in synod.carry_out(effects) {
            synod.step(input);
        }
        synod.run_until(|synod| synod.replica.network_view().serves.then_some(()))?;
        synod.open()?;
        Ok(synod)
    }

    /// The members open the one configuration that there is.
    fn open(&mut self) -> Result<TxId, TestbedError> {
        let configuration = self.replica.network_view().configuration;
        self.act(Act::Open {
            configuration: configuration.number(),
            digest: configuration.digest(),
        })
    }

    /// Has the members sign an act, and waits until it is committed.
    ///
    /// # Errors
    /// [`TestbedError::Refused`].
    pub fn act(&mut self, act: Act) -> Result<TxId, TestbedError> {
        let action = Action {
            network: self.network,
            sequence: self.sequence,
            act,
        };
        let signers = (0..usize::from(THRESHOLD)).map(founding::member_key);
        let signed = SignedAction::combine(signers.map(|key| action.sign(&key)));
        let act = governance::Request::Act(signed.encode().into());
        match self.ask(act, Caller::default())? {
            Ok(recorded) => {
                self.sequence += 1;
                Ok(recorded.tx)
            }
            Err(error) => Err(TestbedError::Refused(error.to_string())),
        }
    }

    /// Gives a user these roles, by an act of the members. A user that does not exist is created.
    ///
    /// # Errors
    /// [`TestbedError::Refused`].
    pub fn set_user(&mut self, name: &str, roles: BTreeSet<String>) -> Result<(), TestbedError> {
        if self.users.get(name) == Some(&roles) {
            return Ok(());
        }
        self.act(Act::SetUser {
            name: name.to_owned(),
            fingerprint: user_fingerprint(name),
            roles: roles.clone(),
        })?;
        self.users.insert(name.to_owned(), roles);
        Ok(())
    }

    /// Makes sure that there is such a user; one that is new has no roles.
    ///
    /// # Errors
    /// [`TestbedError::Refused`].
    pub fn admit(&mut self, name: &str) -> Result<(), TestbedError> {
        if self.users.contains_key(name) {
            return Ok(());
        }
        self.set_user(name, BTreeSet::new())
    }

    /// Hands a call to the replica, and lets time pass until it is answered.
    ///
    /// # Errors
    /// [`TestbedError::Silent`].
    pub fn ask<A: Ask>(
        &mut self,
        asked: A,
        caller: Caller,
    ) -> Result<Result<A::Answer, CallError>, TestbedError> {
        // Where calls are answered at once, the ledger's clock would stand still for ever.
        self.now_ms += TICK_MS;
        self.step(Input::Tick);
        self.next_call += 1;
        let id = self.next_call;
        self.step(Input::Call(Call {
            id,
            caller,
            request: asked.into(),
        }));
        self.step(Input::Flush);
        let reply = self.run_until(|synod| synod.replies.remove(&id))?;
        Ok(A::answer(reply))
    }

    /// The configurations from block 0 on, verified from the network id alone.
    ///
    /// # Errors
    /// [`TestbedError::Refused`], where the chain does not verify.
    pub fn chain(&self) -> Result<Chain, TestbedError> {
        read_chain(self.network, &self.chain_file())
            .map_err(|failure| TestbedError::Refused(failure.to_string()))
    }

    /// The same as a service gives it: block 0, the members' opening, and the chain records.
    pub fn chain_file(&self) -> Bytes {
        let parts = self.replica.chain();
        let file = ChainFile {
            block0: parts.block0,
            opening: parts.opening,
            records: parts.records,
        };
        file.encode().into()
    }

    /// The ledger's id.
    pub fn network(&self) -> Digest {
        self.network
    }

    /// The replica, to look at.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Lets time pass until `done` has something to give.
    pub(crate) fn run_until<T>(
        &mut self,
        mut done: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, TestbedError> {
        for _ in 0..TICKS_MAX {
            if let Some(given) = done(self) {
                return Ok(given);
            }
            self.now_ms += TICK_MS;
            self.step(Input::Tick);
            self.step(Input::Flush);
        }
        Err(TestbedError::Silent(TICKS_MAX))
    }

    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.workshop.take_lines()
    }

    fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let effects = self.replica.step(at(self.now_ms), input);
            inputs.extend(self.carry_out(effects));
        }
    }

    /// The disk is memory and takes everything at once. There are no peers, and apps run in the
    /// calling thread.
    fn carry_out(&mut self, effects: Effects) -> Vec<Input> {
        self.replies.extend(effects.replies);
        let newest = effects
            .persist
            .iter()
            .filter_map(|batch| batch.number)
            .max();
        let compiled = effects
            .compile
            .iter()
            .map(|compile| Input::Compiled(self.workshop.compile(compile)));
        let mut inputs: Vec<Input> = newest
            .map(Input::Persisted)
            .into_iter()
            .chain(compiled)
            .collect();
        for execution in effects.execute {
            inputs.push(Input::Executed(self.workshop.execute(execution)));
        }
        inputs
    }
}

/// Both clocks of the only machine.
fn at(now_ms: u64) -> Now {
    Now {
        wall_ms: now_ms,
        monotonic_ms: now_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synod_is_founded_open_and_proves_its_configurations() {
        let mut synod = Synod::found("test", &Workshop::new().unwrap()).unwrap();
        synod.set_user("anna", ["bank".to_owned()].into()).unwrap();
        synod.admit("anna").unwrap();
        assert_eq!(synod.replica().governance_view().users.len(), 1);
        assert_eq!(synod.chain().unwrap().network(), synod.network());
    }

    #[test]
    fn act_that_governance_refuses_is_told() {
        let mut synod = Synod::found("test", &Workshop::new().unwrap()).unwrap();
        let error = synod
            .act(Act::RemoveUser {
                name: "nobody".to_owned(),
            })
            .unwrap_err();
        assert!(matches!(error, TestbedError::Refused(_)), "{error}");
        synod.act(Act::SetRequiredVendors { n: 1 }).unwrap();
    }
}
