//! Chunks of components: whoever is known may bring them, since the members' signature says which
//! bytes they are.

use bytes::Bytes;
use synod_crypto::sha256;
use synod_governance::View;
use synod_governance::app::{CHUNK_BYTES, chunk_key, component_map};
use synod_kv::{Transaction, WriteSet};

use crate::app::AppChunk;
use crate::caller::Caller;
use crate::calls::{Asker, CallError, Effects, Reply};
use crate::core::Core;
use crate::deployment::{CHUNKS_WAITING_MAX, ChunkCall, Deploying};
use crate::members::sound;
use crate::pending_replies::{Outcome, PendingReply};
use crate::proposing::Alone;

impl Deploying {
    /// Takes a chunk in, if this replica leads.
    pub(crate) fn take_chunk(
        &mut self,
        core: &Core,
        call: u64,
        caller: Caller,
        chunk: AppChunk,
        out: &mut Effects,
    ) {
        let refused = if !core.leads() {
            let leader = core.engine.leader();
            CallError::NotLeader { leader }
        } else if core.disk_full {
            core.disk_refusal()
        } else if chunk.bytes.len() > CHUNK_BYTES {
            let length = chunk.bytes.len();
            CallError::Malformed(format!("a chunk of {length} bytes is too long"))
        } else if self.chunks.len() >= CHUNKS_WAITING_MAX {
            CallError::Busy
        } else {
            let waiting = ChunkCall {
                call,
                caller,
                chunk,
            };
            return self.chunks.push_back(waiting);
        };
        out.replies.push((call, Reply::Failed(refused)));
    }

    /// Puts waiting chunks on the ledger, each in a block of its own.
    pub(super) fn propose_chunks(&mut self, core: &mut Core, out: &mut Effects) {
        while core.may_propose() {
            let Some(waiting) = self.chunks.pop_front() else {
                return;
            };
            Self::carry_out(core, waiting, out);
        }
    }

    fn carry_out(core: &mut Core, waiting: ChunkCall, out: &mut Effects) {
        let ChunkCall {
            call,
            caller,
            chunk,
        } = waiting;
        let writes = {
            let store = core.machine.store();
            writes_of(&store.begin(), caller, &chunk)
        };
        let written = |as_of| Outcome::Chunk { as_of };
        let newest = core.machine.store().head();
        let outcome = match writes {
            Ok(Some(writes)) => {
                let request = sha256(&[&chunk.bytes]);
                let caller = caller
                    .fingerprint
                    .map_or_else(Bytes::new, |print| Bytes::copy_from_slice(print.as_bytes()));
                let alone = Alone {
                    writes,
                    request,
                    claims: Vec::new(),
                    caller,
                    membership: None,
                    answers: Some((Asker::Door(call), written(newest + 1))),
                };
                return core.propose_alone(alone, out);
            }
            Ok(None) => written(newest),
            Err(error) => Outcome::Failed(error),
        };
        let tx = None;
        core.reply_on_newest(vec![PendingReply {
            asker: Asker::Door(call),
            tx,
            outcome,
        }]);
    }
}

/// What a chunk writes; nothing where it stands there already.
fn writes_of(
    state: &Transaction<'_>,
    caller: Caller,
    chunk: &AppChunk,
) -> Result<Option<WriteSet>, CallError> {
    admit(state, caller)?;
    let record = sound(View::new(state).app(&chunk.app)).ok_or(CallError::AppNotFound)?;
    let pending = record
        .pending
        .filter(|version| version.number == chunk.number);
    let pending = pending.ok_or(CallError::NotFound)?;
    let digest = usize::try_from(chunk.index)
        .ok()
        .and_then(|index| pending.chunks.get(index))
        .ok_or(CallError::NotFound)?;
    if sha256(&[&chunk.bytes]) != *digest {
        let why = "the chunk has another digest than the members signed";
        return Err(CallError::Malformed(why.to_owned()));
    }
    let map = component_map(&chunk.app);
    let key = chunk_key(chunk.number, chunk.index);
    let stands = state.get(&map, &key);
    if stands.is_some_and(|stands| stands.value == chunk.bytes) {
        return Ok(None);
    }
    let mut writes = WriteSet::new();
    let written = writes.put(&map, key.to_vec(), chunk.bytes.clone());
    written.map_err(|error| CallError::Malformed(error.to_string()))?;
    Ok(Some(writes))
}

/// Members bring chunks at any time, users once the service is open.
fn admit(state: &Transaction<'_>, caller: Caller) -> Result<(), CallError> {
    let view = View::new(state);
    let fingerprint = caller.fingerprint.ok_or(CallError::UnknownCaller)?;
    if sound(view.member_by_fingerprint(&fingerprint)).is_some() {
        return Ok(());
    }
    if !sound(view.is_open()) {
        return Err(CallError::NotOpen);
    }
    let user = sound(view.user_by_fingerprint(&fingerprint));
    user.map(drop).ok_or(CallError::UnknownCaller)
}
