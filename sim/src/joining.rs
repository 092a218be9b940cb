//! How a process joins, by the product's rules: evidence, a call to the leader, the keys, the whole
//! ledger verified.
//!
//! Nothing of a join that failed remains but what stands on the ledger; the next attempt has new
//! keys.

use bytes::Bytes;
use synod_governance::BlockRef;
use synod_ledger::Scanner;
use synod_replica::governance::Recorded;
use synod_replica::{CallError, Caller, LedgerImport, Machine, Reply, receive_keys};

use crate::birth::Birth;
use crate::disk::Disk;
use crate::events::{Asker, Event};
use crate::hosts::{Joining, Ring, Stage};
use crate::world::World;

/// A join that did not come this far after so many tries begins anew.
const TRIES_MAX: u32 = 25;

impl World {
    /// A new process begins to join from this host.
    pub(crate) fn begin_join(&mut self, host_id: u64) {
        let label = format!("birth{host_id}-{}", self.hosts[&host_id].epoch);
        let mut entropy = self.root.entropy(&label);
        let host = self.hosts.get_mut(&host_id).expect("the host");
        host.epoch += 1;
        let epoch = host.epoch;
        host.joining = Some(Joining {
            birth: Birth::on(host.platform, host.tee, &mut entropy),
            replaces: host.former,
            stage: Stage::Ask { contact: None },
            tries: 0,
        });
        self.note(format_args!("host {host_id} begins to join"));
        self.plan_join(host_id, epoch, 1_000);
    }

    fn plan_join(&mut self, host: u64, epoch: u64, wait_us: u64) {
        let jitter_us = self.random.below(wait_us);
        self.queue.plan(
            self.now_us + wait_us + jitter_us,
            Event::Join { host, epoch },
        );
    }

    fn joining(&mut self, host: u64, epoch: u64) -> Option<&mut Joining> {
        let host = self.hosts.get_mut(&host)?;
        if host.epoch == epoch {
            host.joining.as_mut()
        } else {
            None
        }
    }

    pub(crate) fn join_step(&mut self, host_id: u64, epoch: u64) {
        let Some(joining) = self.joining(host_id, epoch) else {
            return;
        };
        joining.tries += 1;
        if joining.tries > TRIES_MAX {
            self.note(format_args!("host {host_id} gives its join up"));
            let host = self.hosts.get_mut(&host_id).expect("the host");
            host.joining = None;
            host.restart_us = self.now_us + 2_000_000;
            return;
        }
        match &joining.stage {
            Stage::Ask { contact } => {
                let contact = *contact;
                self.ask_to_join(host_id, epoch, contact);
            }
            // The answer was lost: whether it stands on the ledger or not, this process cannot know
            // its id.
            Stage::Asked { .. } => {
                self.hosts.get_mut(&host_id).expect("the host").joining = None;
            }
            Stage::Keys { .. } => self.ask_for_keys(host_id, epoch),
            Stage::Fetch { .. } => self.fetch(host_id, epoch),
        }
    }

    /// An honest host that this one reaches.
    fn reachable(&mut self, host_id: u64) -> Option<u64> {
        let (running, now_us) = (self.running(), self.now_us);
        let reachable: Vec<u64> = running
            .into_iter()
            .filter(|other| {
                let cut = self.network.is_cut(host_id, *other, now_us)
                    || self.network.is_cut(*other, host_id, now_us);
                !cut && !self.hosts[other].paused
            })
            .collect();
        self.random.pick(&reachable)
    }

    fn ask_to_join(&mut self, host_id: u64, epoch: u64, contact: Option<u64>) {
        let told = contact.and_then(|id| self.places.get(&id).copied());
        let told = told.filter(|host| self.hosts[host].honest().is_some());
        let Some(contact) = told.or_else(|| self.reachable(host_id)) else {
            return self.plan_join(host_id, epoch, 500_000);
        };
        let process = self.hosts[&contact].honest().expect("it runs");
        let (index, hash, _) = process.replica.network_view().certified;
        let now_ms = self.outside_ms();
        let network = self.network_id;
        let Some(joining) = self.joining(host_id, epoch) else {
            return;
        };
        let block = BlockRef { index, hash };
        let request = joining
            .birth
            .join(network, block, host_id, joining.replaces, now_ms);
        let call = self.call(
            contact,
            Asker::Joiner {
                host: host_id,
                epoch,
            },
            Caller::default(),
            request,
        );
        if let Some(joining) = self.joining(host_id, epoch) {
            joining.stage = Stage::Asked { call };
        }
        self.plan_join(host_id, epoch, 6_000_000);
    }

    /// The answer to the call that asked to join.
    pub(crate) fn join_told(&mut self, host_id: u64, epoch: u64, call: u64, reply: &Reply) {
        let Some(joining) = self.joining(host_id, epoch) else {
            return;
        };
        if !matches!(joining.stage, Stage::Asked { call: asked } if asked == call) {
            return;
        }
        let wait_us = match reply {
            Reply::Governance(Recorded {
                tx,
                replica: Some(id),
            }) => {
                (joining.stage, joining.tries) = (Stage::Keys { id: *id, tx: *tx }, 0);
                5_000
            }
            Reply::Failed(CallError::NotLeader { leader }) => {
                joining.stage = Stage::Ask { contact: *leader };
                100_000
            }
            Reply::Failed(CallError::Refused(why)) => {
                let why = why.clone();
                // The place of a former self is not given: then as a replica like any other.
                joining.replaces = joining.replaces.filter(|_| !why.contains("former self"));
                joining.stage = Stage::Ask { contact: None };
                self.note(format_args!("host {host_id} is refused"));
                1_000_000
            }
            // It may stand on the ledger or not: this process begins anew.
            Reply::Failed(CallError::Interrupted { .. }) => {
                self.hosts.get_mut(&host_id).expect("the host").joining = None;
                return;
            }
            _ => {
                joining.stage = Stage::Ask { contact: None };
                300_000
            }
        };
        self.plan_join(host_id, epoch, wait_us);
    }

    fn ask_for_keys(&mut self, host_id: u64, epoch: u64) {
        let contact = self.reachable(host_id);
        let network = self.network_id;
        let Some(joining) = self.joining(host_id, epoch) else {
            return;
        };
        let Stage::Keys { id, tx } = joining.stage else {
            return;
        };
        let keys = joining.birth.keys();
        let identity = keys.identity.public();
        let sealed = contact.and_then(|contact| {
            let process = self
                .hosts
                .get_mut(&contact)
                .and_then(|host| host.process.as_mut());
            process.and_then(|process| process.replica.keys_for(&identity).ok())
        });
        let Some(sealed) = sealed else {
            return self.plan_join(host_id, epoch, 100_000);
        };
        let ring = match receive_keys(&sealed, &network, &identity, &keys.hpke) {
            Ok(ring) if ring.id == id => ring,
            Ok(ring) => {
                return self.fail(format!("the keys of replica {id} name replica {}", ring.id));
            }
            Err(error) => {
                return self.fail(format!(
                    "an honest replica gave no keys to replica {id}: {error}"
                ));
            }
        };
        let ring = Ring {
            secrets: ring.secrets,
            service_key: ring.service_key,
        };
        let joining = self.joining(host_id, epoch).expect("it joins");
        (joining.stage, joining.tries) = (Stage::Fetch { id, tx, ring }, 0);
        self.plan_join(host_id, epoch, 20_000);
    }

    /// Fetches the ledger from a replica, and starts if it holds the own join.
    fn fetch(&mut self, host_id: u64, epoch: u64) {
        let contact = self.reachable(host_id);
        let network = self.network_id;
        let Some(contact) = contact else {
            return self.plan_join(host_id, epoch, 500_000);
        };
        let there = self.hosts[&contact].honest().expect("it runs");
        let (from, bytes) = (there.id, there.disk.bytes().to_vec());
        let Some(joining) = self.joining(host_id, epoch) else {
            return;
        };
        let Stage::Fetch { id, tx, ring } = &joining.stage else {
            return;
        };
        let (id, tx) = (*id, *tx);
        let machine = match take_in(network, ring, &bytes) {
            Ok(machine) => machine,
            Err(error) => {
                return self.fail(format!(
                    "the ledger of honest replica {from} is refused: {error}"
                ));
            }
        };
        if machine.sequence().certified().tree_size < tx.seqno {
            return self.plan_join(host_id, epoch, 500_000);
        }
        let host = self.hosts.get_mut(&host_id).expect("the host");
        let joining = host.joining.take().expect("it joins");
        let Stage::Fetch { ring, .. } = joining.stage else {
            return;
        };
        self.count("joins");
        self.boot(
            host_id,
            id,
            joining.birth,
            machine,
            ring.service_key,
            Disk::copied(bytes),
        );
    }
}

/// Verifies a whole ledger, as a joiner does.
fn take_in(network: synod_crypto::Digest, ring: &Ring, bytes: &[u8]) -> Result<Machine, String> {
    let mut import = LedgerImport::new(network, Some(ring.secrets()));
    let scanner = Scanner::new(Bytes::copy_from_slice(bytes)).map_err(|error| error.to_string())?;
    for placed in scanner {
        let placed = placed.map_err(|error| error.to_string())?;
        import
            .feed(&placed.record)
            .map_err(|error| error.to_string())?;
    }
    import.finish().map_err(|error| error.to_string())
}
