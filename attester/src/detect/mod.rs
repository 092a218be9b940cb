//! Which TEEs this machine offers, why not the others, and what would mend it.

pub(crate) mod finding;
pub(crate) mod machine;
pub(crate) mod probe;
mod prospect;
mod roads;

use synod_attestation::Tee;

use crate::detect::{
    finding::{Detection, Finding, State},
    machine::{Machine, SNP_GUEST_SIGNS, text},
    probe::Probe,
    prospect::Prospect,
    roads::{Tried, gramine, nsm, sev_guest, tsm},
};

/// Looks at every road to every TEE. It changes nothing, but for an entry of
/// configfs-tsm that is made and removed.
pub fn detect(probe: &dyn Probe) -> Detection {
    let machine = Machine::look(probe);
    let tees = Tee::ALL
        .into_iter()
        .map(|tee| find(probe, &machine, tee))
        .collect();
    Detection {
        vmpl: text(probe, SNP_GUEST_SIGNS[0]).and_then(|level| level.parse().ok()),
        machine,
        tees,
    }
}

fn find(probe: &dyn Probe, machine: &Machine, tee: Tee) -> Finding {
    let prospect = Prospect::of(probe, machine, tee);
    let tried: Vec<Tried> = match tee {
        Tee::SevSnp => vec![tsm(probe, machine, tee), sev_guest(probe, machine)],
        Tee::Tdx => vec![tsm(probe, machine, tee)],
        Tee::Nitro => vec![nsm(probe, machine)],
        Tee::Sgx => vec![gramine(probe)],
    };
    let ready = tried
        .iter()
        .find(|tried| tried.road.state == State::Ready)
        .map(|tried| tried.road.back_end);
    let mend = match (ready, prospect.remedy()) {
        (Some(_), _) => Vec::new(),
        // It is not such a guest: no module and no right would help.
        (None, Some(remedy)) if tried.iter().all(Tried::leads_nowhere) => vec![remedy.to_owned()],
        (None, _) => tried
            .iter()
            .filter_map(|tried| tried.mend.clone())
            .collect(),
    };
    Finding {
        tee,
        by: ready,
        prospect: prospect.words(),
        roads: tried.into_iter().map(|tried| tried.road).collect(),
        mend,
    }
}
