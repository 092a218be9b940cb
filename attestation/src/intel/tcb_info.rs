//! TCB information: which levels of firmware a family of platforms has had,
//! and what Intel thinks of each (PCS v4, `tcbInfo`, version 3).

use std::cmp::Reverse;

use serde::Deserialize;

use crate::{
    intel::{
        document,
        error::{DocumentError, IntelError},
        json::{self, Date, Hex},
        levels::{Component, Shortfall},
        status::TcbStatus,
    },
    tee::Tee,
};

const VERSION: u32 = 3;
/// Levels are compared component by component.
const TCB_TYPE: u32 = 0;

/// Parsed TCB information. That it was parsed says nothing about who signed
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcbInfo {
    id: String,
    version: u32,
    pub(crate) issue_date: Date,
    pub(crate) next_update: Date,
    pub(crate) fmspc: Hex<6>,
    pub(crate) pce_id: Hex<2>,
    tcb_type: u32,
    pub(crate) tcb_evaluation_data_number: u32,
    tdx_module: Option<TdxModule>,
    #[serde(default)]
    tdx_module_identities: Vec<TdxModuleIdentity>,
    /// The best first.
    pub(crate) tcb_levels: Vec<TcbLevel>,
}

/// A level of a platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TcbLevel {
    tcb: Tcb,
    pub(crate) tcb_date: Date,
    #[serde(deserialize_with = "json::platform_status")]
    pub(crate) tcb_status: TcbStatus,
    #[serde(default, rename = "advisoryIDs")]
    pub(crate) advisory_ids: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Tcb {
    sgxtcbcomponents: [SvnComponent; 16],
    pcesvn: u16,
    tdxtcbcomponents: Option<[SvnComponent; 16]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct SvnComponent {
    svn: u8,
    #[serde(default)]
    category: String,
    #[serde(default)]
    r#type: String,
}

/// What a TDX module must look like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TdxModule {
    pub(crate) mrsigner: Hex<48>,
    attributes: Hex<8>,
    attributes_mask: Hex<8>,
}

/// The TDX modules of one version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TdxModuleIdentity {
    id: String,
    #[serde(flatten)]
    module: TdxModule,
    tcb_levels: Vec<ModuleLevel>,
}

/// A level of a TDX module.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModuleLevel {
    tcb: ModuleTcb,
    pub(crate) tcb_date: Date,
    #[serde(deserialize_with = "json::module_status")]
    pub(crate) tcb_status: TcbStatus,
    #[serde(default, rename = "advisoryIDs")]
    pub(crate) advisory_ids: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct ModuleTcb {
    isvsvn: u8,
}

/// The security versions of a platform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlatformSvns<'a> {
    pub(crate) components: &'a [u8; 16],
    pub(crate) pce_svn: u16,
    /// Of TDX; `None` for SGX.
    pub(crate) tdx: Option<&'a [u8; 16]>,
}

impl TdxModule {
    /// SEAM attributes and their mask.
    pub(crate) fn attributes(&self) -> (u64, u64) {
        let number = |bytes: Hex<8>| u64::from_le_bytes(bytes.0);
        (number(self.attributes), number(self.attributes_mask))
    }
}

impl TcbInfo {
    /// Parses TCB information, whoever signed it.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        document::parse::<Self>(text).map(Self::sorted)
    }

    /// Puts the levels into the order in which Intel's verifier tries them,
    /// which is not that of the text: the highest components first, then the
    /// provisioning enclave, then TDX.
    pub(crate) fn sorted(mut self) -> Self {
        let for_domains = self.id == "TDX";
        self.tcb_levels.sort_by_cached_key(|level| {
            let tdx = level.tcb.tdxtcbcomponents.as_ref();
            Reverse((
                svns(&level.tcb.sgxtcbcomponents),
                level.tcb.pcesvn,
                tdx.filter(|_| for_domains).map(svns),
            ))
        });
        self
    }

    /// Checks that this is TCB information for `tee`, of a known form, and
    /// current.
    pub(crate) fn check(&self, tee: Tee, now_s: u64) -> Result<(), DocumentError> {
        let wanted = if tee == Tee::Tdx { "TDX" } else { "SGX" };
        if self.id != wanted {
            return Err(DocumentError::Id(self.id.clone()));
        }
        if self.version != VERSION {
            return Err(DocumentError::Version(self.version));
        }
        if self.tcb_type != TCB_TYPE {
            return Err(DocumentError::TcbType(self.tcb_type));
        }
        if tee == Tee::Tdx {
            self.check_tdx()?;
        }
        document::check_time(self.issue_date, self.next_update, now_s)
    }

    fn check_tdx(&self) -> Result<(), DocumentError> {
        let missing = |what: &str| Err(DocumentError::Malformed(format!("missing `{what}`")));
        if self.tdx_module.is_none() {
            return missing("tdxModule");
        }
        let complete = |level: &TcbLevel| level.tcb.tdxtcbcomponents.is_some();
        if !self.tcb_levels.iter().all(complete) {
            return missing("tdxtcbcomponents");
        }
        Ok(())
    }

    /// The first level that the platform meets.
    pub(crate) fn matching_level(&self, svns: PlatformSvns<'_>) -> Option<&TcbLevel> {
        self.tcb_levels.iter().find(|level| level.is_met(svns))
    }

    /// The level of the latest date; among those of one date the best.
    pub(crate) fn newest_level(&self) -> Option<&TcbLevel> {
        let newest = self.tcb_levels.iter().map(|level| level.tcb_date).max()?;
        self.tcb_levels
            .iter()
            .find(|level| level.tcb_date == newest)
    }

    /// The date of the first level, newer than `met`, that the platform does
    /// not meet.
    pub(crate) fn first_missed(&self, met: &TcbLevel, svns: PlatformSvns<'_>) -> Option<Date> {
        let levels = self.tcb_levels.iter();
        let missed = levels.filter(|level| level.tcb_date > met.tcb_date && !level.is_met(svns));
        missed.map(|level| level.tcb_date).min()
    }

    /// What the module of the version `tee_tcb_svn[1]` must look like, and the
    /// levels it has had; version 0 has none of its own.
    pub(crate) fn module(
        &self,
        tee_tcb_svn: &[u8; 16],
    ) -> Result<(&TdxModule, Option<&[ModuleLevel]>), IntelError> {
        let version = tee_tcb_svn[1];
        if version == 0 {
            let module = self.tdx_module.as_ref();
            return Ok((module.ok_or(IntelError::ModuleUnknown(0))?, None));
        }
        let id = format!("TDX_{version:02X}");
        let identities = &self.tdx_module_identities;
        let found = identities
            .iter()
            .find(|one| one.id.eq_ignore_ascii_case(&id));
        let identity = found.ok_or(IntelError::ModuleUnknown(version))?;
        Ok((&identity.module, Some(&identity.tcb_levels)))
    }
}

impl TcbLevel {
    fn is_met(&self, svns: PlatformSvns<'_>) -> bool {
        self.behind(svns).next().is_none()
    }

    /// What the platform lacks to this level.
    ///
    /// Where the TDX module has a version, it is judged by its own identity,
    /// and the first two components of TDX, which stand for it, are left out.
    pub(crate) fn behind<'a>(
        &'a self,
        svns: PlatformSvns<'a>,
    ) -> impl Iterator<Item = Shortfall> + 'a {
        let sgx = self.tcb.sgxtcbcomponents.iter().zip(svns.components);
        let sgx = sgx.zip(0..).filter(|((need, have), _)| need.svn > **have);
        let sgx = sgx.map(|((need, have), index)| {
            need.shortfall(*have, |name| Component::Sgx { index, name })
        });
        let pce = (self.tcb.pcesvn > svns.pce_svn).then_some(Shortfall {
            component: Component::Pce,
            have: svns.pce_svn,
            need: self.tcb.pcesvn,
        });
        let tdx = self.tcb.tdxtcbcomponents.iter().flatten();
        let tdx = tdx.zip(svns.tdx.into_iter().flatten()).zip(0..);
        let versioned = svns.tdx.is_some_and(|tdx| tdx[1] > 0);
        let tdx = tdx.skip(if versioned { 2 } else { 0 });
        let tdx = tdx.filter(|((need, have), _)| need.svn > **have);
        let tdx = tdx.map(|((need, have), index)| {
            need.shortfall(*have, |name| Component::Tdx { index, name })
        });
        sgx.chain(pce).chain(tdx)
    }
}

impl ModuleLevel {
    /// What a module of this security version lacks to this level.
    pub(crate) fn behind(&self, isv_svn: u8) -> Option<Shortfall> {
        (self.tcb.isvsvn > isv_svn).then_some(Shortfall {
            component: Component::Module,
            have: u16::from(isv_svn),
            need: u16::from(self.tcb.isvsvn),
        })
    }
}

impl SvnComponent {
    fn shortfall(&self, have: u8, component: impl FnOnce(String) -> Component) -> Shortfall {
        let name = if self.r#type.is_empty() {
            &self.category
        } else {
            &self.r#type
        };
        Shortfall {
            component: component(name.clone()),
            have: u16::from(have),
            need: u16::from(self.svn),
        }
    }
}

fn svns(components: &[SvnComponent; 16]) -> [u8; 16] {
    std::array::from_fn(|at| components[at].svn)
}
