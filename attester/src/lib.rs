//! `attester`: asks the hardware for evidence, and tells what hardware there is.
//!
//! The port is [`Attester`]. Behind it stand
//! - [`ConfigfsTsm`]: SEV-SNP and TDX guests of Linux;
//! - [`SevGuest`]: SEV-SNP guests of older kernels;
//! - [`Nsm`]: AWS Nitro enclaves;
//! - [`Gramine`]: SGX enclaves under Gramine;
//! - [`Simulated`]: machines without a TEE. It emits the vendors' real formats
//!   under roots whose private keys are published, so it exercises the whole of
//!   the verifier and convinces no production policy.
//!
//! [`detect()`] finds out which of them this machine offers, and what would mend
//! those it does not; [`pick()`] opens the best. Each talks through a seam
//! ([`Files`], [`SevGuestDevice`], [`NsmDevice`], [`Probe`], [`Pause`]), behind
//! which tests put stand-ins that keep the kernel's protocol.
//!
//! Never here: judging evidence (see `attestation`), and `unsafe` outside of
//! `linux::ioctl`.

mod attester;
mod detect;
mod files;
mod gramine;
mod hardware;
mod linux;
mod os_error;
mod pick;
mod retry;
mod simulated;
mod spoken;

pub use crate::{
    attester::{Attester, AttesterError, Quoted},
    detect::{
        detect,
        finding::{BackEnd, Detection, Finding, Road, State},
        machine::{CpuVendor, Fact, Machine},
        probe::{Access, Missing, Probe, SystemProbe},
    },
    files::{Files, SystemFiles},
    gramine::{GRAMINE_ROOT, Gramine, GramineError},
    linux::{
        configfs_tsm::{ConfigfsTsm, TSM_ROOT, TsmError, TsmOptions},
        ioctl::CharacterDevice,
        nsm::{NSM_DEVICE, Nsm, NsmDevice, NsmError},
        nsm_message::{
            NSM_ANSWER_BYTES_MAX, NSM_NONCE_MAX, NSM_PUBLIC_KEY_MAX, NSM_USER_DATA_MAX,
            NsmMessageError, NsmRequest, document_of,
        },
        sev_guest::{
            CERTIFICATES_MAX, Exchange, PAGE_BYTES, REQUEST_BYTES, RESPONSE_BYTES,
            SEV_GUEST_DEVICE, SevGuest, SevGuestDevice, SevGuestError, report_of,
        },
    },
    os_error::OsError,
    pick::{NothingToPick, open, pick},
    retry::{FIRST_PAUSE, Pause, TRIES_MAX, ThreadPause},
    simulated::{Simulated, fault::Fault},
};
