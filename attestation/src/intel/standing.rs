//! What Intel thinks of a platform: its levels, joined into one status.

use crate::{
    intel::{
        collateral::CheckedCollateral,
        error::{IntelError, Part},
        json::Date,
        levels::{Level, Shortfall, TcbLevels},
        pck::PckExtension,
        qe_identity::QeLevel,
        quote::Body,
        report::SgxReport,
        status::TcbStatus,
        tcb_info::{ModuleLevel, PlatformSvns, TcbInfo, TcbLevel},
    },
    tdx::report::TdReport,
};

/// The joined judgement, and what it rests on.
pub(crate) struct Standing {
    pub(crate) status: TcbStatus,
    pub(crate) advisories: Vec<String>,
    /// Date of the oldest level that the platform or its module meets.
    pub(crate) tcb_date_ms: u64,
    pub(crate) evaluation_number: u32,
    pub(crate) levels: TcbLevels,
}

impl Standing {
    /// Judges platform, module and quoting enclave. None of them may be
    /// revoked, and each must meet some level.
    pub(crate) fn of(
        body: &Body,
        qe_report: &SgxReport,
        pck: &PckExtension,
        collateral: &CheckedCollateral,
    ) -> Result<Self, IntelError> {
        let info = &collateral.tcb_info;
        let identity = &collateral.qe_identity;
        let (launch, current) = match body {
            Body::Sgx(_) => (Joined::of(info, pck, None, Part::Platform)?, None),
            Body::Tdx(report) => of_domain(info, pck, report)?,
        };
        let qe = identity.level(qe_report.isv_svn)?;
        let current = current.map(|current| current.status.joined_with_part(qe.tcb_status));
        let mut status = launch.status.joined_with_part(qe.tcb_status);
        check_not_revoked(&launch, qe, current)?;
        if let Some(current) = current {
            status = status.joined_with_current(current);
        }
        let mut behind = launch.behind;
        behind.extend(identity.behind(qe_report.isv_svn));
        let newest = info.newest_level().unwrap_or(launch.platform);
        let qe_missed = identity.first_missed(qe, qe_report.isv_svn);
        let missed = launch.missed.into_iter().chain(qe_missed).min();
        Ok(Self {
            status,
            advisories: union([&launch.advisories, &qe.advisory_ids]),
            tcb_date_ms: launch.date_ms,
            evaluation_number: info
                .tcb_evaluation_data_number
                .min(identity.tcb_evaluation_data_number),
            levels: TcbLevels {
                platform: Level::from(launch.platform),
                newest: Level::from(newest),
                module: launch.module.map(Level::from),
                quoting_enclave: Level::from(qe),
                current,
                missed_since_ms: missed.map(Date::ms),
                behind,
            },
        })
    }
}

/// A platform's level, joined with that of its TDX module.
struct Joined<'a> {
    platform: &'a TcbLevel,
    module: Option<&'a ModuleLevel>,
    status: TcbStatus,
    advisories: Vec<String>,
    date_ms: u64,
    missed: Option<Date>,
    behind: Vec<Shortfall>,
}

impl<'a> Joined<'a> {
    fn of(
        info: &'a TcbInfo,
        pck: &PckExtension,
        tdx: Option<&[u8; 16]>,
        part: Part,
    ) -> Result<Self, IntelError> {
        let svns = PlatformSvns {
            components: &pck.components,
            pce_svn: pck.pce_svn,
            tdx,
        };
        let newest = info.newest_level();
        let mut behind: Vec<_> = newest
            .into_iter()
            .flat_map(|level| level.behind(svns))
            .collect();
        let Some(platform) = info.matching_level(svns) else {
            return Err(IntelError::NoTcbLevel { part, behind });
        };
        let module = match tdx {
            Some(svn) => module_level(info, svn, &mut behind)?,
            None => None,
        };
        let missed = info.first_missed(platform, svns);
        let of_module_missed = match (module, tdx) {
            (Some(met), Some(svn)) => first_missed_module(info, met, svn)?,
            _ => None,
        };
        let of_module = |otherwise, of: fn(&ModuleLevel) -> u64| module.map_or(otherwise, of);
        let date_ms = platform.tcb_date.ms();
        let date_ms = date_ms.min(of_module(date_ms, |module| module.tcb_date.ms()));
        let status = module.map_or(platform.tcb_status, |module| {
            platform.tcb_status.joined_with_part(module.tcb_status)
        });
        let of_module = module.map(|module| module.advisory_ids.as_slice());
        let advisories = union([&platform.advisory_ids, of_module.unwrap_or_default()]);
        Ok(Self {
            platform,
            module,
            status,
            advisories,
            date_ms,
            missed: missed.into_iter().chain(of_module_missed).min(),
            behind,
        })
    }
}

/// Judges a domain's platform at launch and, for TDX 1.5, as it is now.
fn of_domain<'a>(
    info: &'a TcbInfo,
    pck: &PckExtension,
    report: &TdReport,
) -> Result<(Joined<'a>, Option<Joined<'a>>), IntelError> {
    check_module(info, report)?;
    let launch = Joined::of(info, pck, Some(&report.tee_tcb_svn), Part::Platform)?;
    let current = report
        .newer
        .as_ref()
        .map(|newer| Joined::of(info, pck, Some(&newer.tee_tcb_svn2), Part::CurrentPlatform))
        .transpose()?;
    Ok((launch, current))
}

/// Checks that the TDX module is the one that the TCB information describes.
fn check_module(info: &TcbInfo, report: &TdReport) -> Result<(), IntelError> {
    let (module, _) = info.module(&report.tee_tcb_svn)?;
    if report.mr_signer_seam != module.mrsigner.0 {
        return Err(IntelError::ModuleSigner);
    }
    let (expected, mask) = module.attributes();
    let found = report.seam_attributes;
    // Bits that the mask leaves out are not known to anybody: none may be set.
    if found != expected & mask {
        return Err(IntelError::ModuleAttributes {
            found,
            expected,
            mask,
        });
    }
    Ok(())
}

/// The first level that the module meets; what it lacks to the newest goes to
/// `behind`.
fn module_level<'a>(
    info: &'a TcbInfo,
    svn: &[u8; 16],
    behind: &mut Vec<Shortfall>,
) -> Result<Option<&'a ModuleLevel>, IntelError> {
    let (_, Some(levels)) = info.module(svn)? else {
        return Ok(None);
    };
    let newest = levels.iter().max_by_key(|level| level.tcb_date);
    let lacks = newest.and_then(|level| level.behind(svn[0]));
    behind.extend(lacks.clone());
    levels
        .iter()
        .find(|level| level.behind(svn[0]).is_none())
        .map(Some)
        .ok_or_else(|| IntelError::NoTcbLevel {
            part: Part::Module,
            behind: lacks.into_iter().collect(),
        })
}

/// The date of the first level, newer than `met`, that the module does not
/// meet.
fn first_missed_module(
    info: &TcbInfo,
    met: &ModuleLevel,
    svn: &[u8; 16],
) -> Result<Option<Date>, IntelError> {
    let (_, levels) = info.module(svn)?;
    let levels = levels.unwrap_or_default().iter();
    let missed =
        levels.filter(|level| level.tcb_date > met.tcb_date && level.behind(svn[0]).is_some());
    Ok(missed.map(|level| level.tcb_date).min())
}

fn check_not_revoked(
    launch: &Joined<'_>,
    qe: &QeLevel,
    current: Option<TcbStatus>,
) -> Result<(), IntelError> {
    let module = launch.module.map(|module| module.tcb_status);
    for (part, status) in [
        (Part::Platform, Some(launch.platform.tcb_status)),
        (Part::Module, module),
        (Part::QuotingEnclave, Some(qe.tcb_status)),
        (Part::CurrentPlatform, current),
    ] {
        if status == Some(TcbStatus::Revoked) {
            return Err(IntelError::Revoked(part));
        }
    }
    Ok(())
}

fn union(lists: [&[String]; 2]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for advisory in lists.into_iter().flatten() {
        if !all.contains(advisory) {
            all.push(advisory.clone());
        }
    }
    all
}

macro_rules! summary {
    ($($level:ty),*) => {$(
        impl From<&$level> for Level {
            fn from(level: &$level) -> Self {
                Self {
                    status: level.tcb_status,
                    date_ms: level.tcb_date.ms(),
                    advisories: level.advisory_ids.clone(),
                }
            }
        }
    )*};
}

summary!(TcbLevel, ModuleLevel, QeLevel);
