//! The adversary at work: whatever it invents goes out in the name of its replica.

use synod_crypto::SigningKey;

use crate::adversary::Knowledge;
use crate::world::World;

/// It invents something at so many of a thousand ticks.
const INVENTS: u64 = 150;
/// Sometimes it sends so many at once.
const FLOOD: u64 = 200;

impl World {
    /// At a tick of its replica the adversary may send something of its own making.
    pub(crate) fn run_adversary(&mut self, host_id: u64) {
        let active = self.hosts[&host_id].broken && self.members.open;
        let Some(mut adversary) = self.adversary.take_if(|_| active) else {
            return;
        };
        if adversary.random.chance(INVENTS)
            && let Some(known) = self.knowledge(host_id)
        {
            let others: Vec<u64> = self
                .places
                .keys()
                .copied()
                .filter(|id| *id != known.id)
                .collect();
            let floods = adversary.random.chance(20);
            let count = if floods { FLOOD } else { 1 };
            for _ in 0..count {
                let Some(to) = adversary.random.pick(&others) else {
                    break;
                };
                let invented = adversary.invent(to, &known);
                self.transmit(host_id, known.id, to, &invented.encode().into());
            }
            self.count("inventions");
        }
        self.adversary = Some(adversary);
    }

    fn knowledge(&self, host_id: u64) -> Option<Knowledge> {
        let process = self.hosts[&host_id].process.as_ref()?;
        let machine = process.replica.machine();
        let gauges = process.replica.gauges();
        let certified = *machine.sequence().certified();
        Some(Knowledge {
            network: self.network_id,
            id: process.id,
            key: process.birth.keys().identity,
            term: gauges.view,
            last_index: gauges.last_index,
            certified,
            header: machine
                .history()
                .block(certified.index)
                .map(|block| block.header().clone()),
            certificate: machine.history().newest_certificate().cloned(),
            founder: SigningKey::from_seed(&self.founder.0),
            founding: self.founder.1,
            founded_long_ago: machine.sequence().in_force().number() > 0,
        })
    }
}
