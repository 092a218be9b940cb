//! Opens what detection found.

use std::{io, path::Path};

use synod_attestation::Tee;

use crate::{
    attester::{Attester, AttesterError},
    detect::finding::{BackEnd, Detection},
    files::SystemFiles,
    gramine::{GRAMINE_ROOT, Gramine},
    linux::{
        configfs_tsm::{ConfigfsTsm, TSM_ROOT, TsmOptions},
        ioctl::CharacterDevice,
        nsm::{NSM_DEVICE, Nsm, NsmError},
        sev_guest::{SEV_GUEST_DEVICE, SevGuest, SevGuestError},
    },
    retry::ThreadPause,
};

/// The innermost first: an enclave holds less than a virtual machine, and its
/// files may stand next to the devices of the machine that it runs in.
const STRENGTH: [Tee; 4] = [Tee::Sgx, Tee::Nitro, Tee::Tdx, Tee::SevSnp];

/// There is no real TEE to open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingToPick {
    /// No TEE is available.
    #[error("this machine offers no TEE")]
    NoTee,
    /// The TEE that was asked for is not available.
    #[error("this machine does not offer {0}")]
    NotAvailable(Tee),
    /// What was found cannot be opened.
    #[error(transparent)]
    Attester(#[from] AttesterError),
}

/// Opens the strongest TEE that was found, or the one of the kind `tee`. Never
/// a simulated one: that must be asked for by its own name.
pub fn pick(detection: &Detection, tee: Option<Tee>) -> Result<Box<dyn Attester>, NothingToPick> {
    let by = |tee: Tee| detection.of(tee).and_then(|finding| finding.by);
    let back_end = match tee {
        Some(tee) => by(tee).ok_or(NothingToPick::NotAvailable(tee))?,
        None => STRENGTH
            .into_iter()
            .find_map(by)
            .ok_or(NothingToPick::NoTee)?,
    };
    Ok(open(back_end, detection.vmpl)?)
}

/// Opens one back-end of this machine. `vmpl` is the privilege level of a
/// SEV-SNP guest, where it is known.
pub fn open(back_end: BackEnd, vmpl: Option<u8>) -> Result<Box<dyn Attester>, AttesterError> {
    let (files, pause) = (Box::new(SystemFiles), Box::new(ThreadPause));
    Ok(match back_end {
        BackEnd::ConfigfsTsm => Box::new(ConfigfsTsm::open(
            Path::new(TSM_ROOT),
            files,
            pause,
            TsmOptions::default(),
        )?),
        BackEnd::SevGuest => {
            let failed = |error: io::Error| SevGuestError::Device(error.into());
            let device = CharacterDevice::open(Path::new(SEV_GUEST_DEVICE)).map_err(failed)?;
            Box::new(SevGuest::new(Box::new(device), pause, vmpl.unwrap_or(0)))
        }
        BackEnd::Nsm => {
            let failed = |error: io::Error| NsmError::Device(error.into());
            let device = CharacterDevice::open(Path::new(NSM_DEVICE)).map_err(failed)?;
            Box::new(Nsm::new(Box::new(device), pause))
        }
        BackEnd::Gramine => Box::new(Gramine::open(Path::new(GRAMINE_ROOT), files, pause)?),
    })
}
