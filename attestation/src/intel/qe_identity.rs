//! The identity of Intel's quoting enclave (PCS v4, `enclaveIdentity`,
//! version 2).

use serde::Deserialize;

use crate::{
    intel::{
        document,
        error::{DocumentError, IntelError, Part, QeField},
        json::{self, Date, Hex},
        levels::{Component, Shortfall},
        report::SgxReport,
        status::TcbStatus,
    },
    tee::Tee,
};

/// A parsed identity. That it was parsed says nothing about who signed it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QeIdentity {
    id: String,
    version: u32,
    pub(crate) issue_date: Date,
    pub(crate) next_update: Date,
    pub(crate) tcb_evaluation_data_number: u32,
    miscselect: Hex<4>,
    miscselect_mask: Hex<4>,
    attributes: Hex<16>,
    attributes_mask: Hex<16>,
    mrsigner: Hex<32>,
    isvprodid: u16,
    pub(crate) tcb_levels: Vec<QeLevel>,
}

/// A level of the quoting enclave.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QeLevel {
    tcb: QeTcb,
    pub(crate) tcb_date: Date,
    #[serde(deserialize_with = "json::qe_status")]
    pub(crate) tcb_status: TcbStatus,
    #[serde(default, rename = "advisoryIDs")]
    pub(crate) advisory_ids: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct QeTcb {
    isvsvn: u16,
}

impl QeIdentity {
    /// Parses an identity, whoever signed it.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        document::parse(text)
    }

    /// Checks that this is the identity of the quoting enclave for `tee`, of a
    /// known form, and current.
    pub(crate) fn check(&self, tee: Tee, now_s: u64) -> Result<(), DocumentError> {
        let (wanted, versions) = match tee {
            Tee::Tdx => ("TD_QE", 2..=3),
            _ => ("QE", 2..=2),
        };
        if self.id != wanted {
            return Err(DocumentError::Id(self.id.clone()));
        }
        if !versions.contains(&self.version) {
            return Err(DocumentError::Version(self.version));
        }
        document::check_time(self.issue_date, self.next_update, now_s)
    }

    /// Checks that the report is of this quoting enclave.
    pub(crate) fn check_report(&self, report: &SgxReport) -> Result<(), IntelError> {
        let masked = |bytes: &[u8], mask: &[u8]| -> Vec<u8> {
            bytes
                .iter()
                .zip(mask)
                .map(|(byte, mask)| byte & mask)
                .collect()
        };
        let misc_select = report.misc_select.to_le_bytes();
        let misc_mask = &self.miscselect_mask.0;
        let attributes_mask = &self.attributes_mask.0;
        if report.attributes.debug() {
            return Err(IntelError::QeDebug);
        }
        let mismatch = if report.mr_signer != self.mrsigner.0 {
            QeField::Signer
        } else if report.isv_prod_id != self.isvprodid {
            QeField::Product
        } else if masked(&misc_select, misc_mask) != masked(&self.miscselect.0, misc_mask) {
            QeField::MiscSelect
        } else if masked(&report.attributes.0, attributes_mask)
            != masked(&self.attributes.0, attributes_mask)
        {
            QeField::Attributes
        } else {
            return Ok(());
        };
        Err(IntelError::QeMismatch(mismatch))
    }

    /// The first level that the quoting enclave meets.
    pub(crate) fn level(&self, isv_svn: u16) -> Result<&QeLevel, IntelError> {
        let met = |level: &&QeLevel| level.tcb.isvsvn <= isv_svn;
        let none = || IntelError::NoTcbLevel {
            part: Part::QuotingEnclave,
            behind: self.behind(isv_svn).into_iter().collect(),
        };
        self.tcb_levels.iter().find(met).ok_or_else(none)
    }

    /// The date of the first level, newer than `met`, that a quoting enclave of
    /// this security version does not meet.
    pub(crate) fn first_missed(&self, met: &QeLevel, isv_svn: u16) -> Option<Date> {
        let levels = self.tcb_levels.iter();
        let missed =
            levels.filter(|level| level.tcb_date > met.tcb_date && level.tcb.isvsvn > isv_svn);
        missed.map(|level| level.tcb_date).min()
    }

    /// What a quoting enclave of this security version lacks to the newest.
    pub(crate) fn behind(&self, isv_svn: u16) -> Option<Shortfall> {
        let newest = self.tcb_levels.iter().map(|level| level.tcb.isvsvn).max()?;
        (newest > isv_svn).then_some(Shortfall {
            component: Component::QuotingEnclave,
            have: isv_svn,
            need: newest,
        })
    }
}
