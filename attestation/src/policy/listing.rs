//! Claims as a list of names and values, for people and for JSON.

use std::{fmt::Display, time::Duration};

use serde::Serialize;
use x509_cert::der::DateTime;

use crate::{
    claims::{Claims, Details},
    eventlog::BoundLog,
    intel::levels::{Shortfall, TcbLevels},
    nitro::claims::NitroClaims,
    sgx::claims::SgxClaims,
    snp::claims::{SigningKey, SnpClaims},
    tdx::claims::TdxClaims,
};

/// One claim by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stated {
    /// The claim's name: `sev-snp.vmpl`.
    pub name: &'static str,
    /// Its value as text; bytes in hexadecimal digits, times in UTC.
    pub value: String,
}

fn stated(name: &'static str, value: impl Display) -> Stated {
    let value = value.to_string();
    Stated { name, value }
}

fn bytes(name: &'static str, value: impl AsRef<[u8]>) -> Stated {
    stated(name, hex::encode(value))
}

/// A time of Unix milliseconds as text.
pub(in crate::policy) fn instant(ms: u64) -> String {
    DateTime::from_unix_duration(Duration::from_secs(ms / 1000))
        .map_or_else(|_| format!("{ms} ms"), |time| time.to_string())
}

/// Everything that claims say.
pub(in crate::policy) fn list(claims: &Claims) -> Vec<Stated> {
    let mut list = vec![
        stated("measurement", &claims.measurement),
        stated("hardware-id", &claims.hardware_id),
        stated("tcb", claims.tcb),
        stated("debug", claims.debug),
    ];
    list.extend(claims.report_data.map(|data| stated("report-data", data)));
    list.push(stated("root", claims.root));
    list.extend(claims.made_ms.map(|ms| stated("made", instant(ms))));
    let until = claims.endorsed_until_ms;
    list.extend(
        claims
            .endorsed_since_ms
            .map(|ms| stated("endorsed-since", instant(ms))),
    );
    list.extend(until.map(|ms| stated("endorsed-until", instant(ms))));
    match &claims.details {
        Details::Snp(snp) => list.extend(of_snp(snp)),
        Details::Tdx(tdx) => list.extend(of_tdx(tdx)),
        Details::Sgx(sgx) => list.extend(of_sgx(sgx)),
        Details::Nitro(nitro) => list.extend(of_nitro(nitro)),
    }
    list.extend(claims.logs.iter().map(log));
    list
}

fn log(log: &BoundLog) -> Stated {
    let text = format!("{}, {} events", log.kind(), log.events().len());
    stated("event-log", text)
}

fn of_snp(snp: &SnpClaims) -> Vec<Stated> {
    let signing_key = match &snp.signing_key {
        SigningKey::Vcek => "VCEK".to_owned(),
        SigningKey::Vlek { csp_id } => format!("VLEK of {csp_id}"),
    };
    let mut list = vec![
        stated("sev-snp.version", snp.version),
        stated("sev-snp.product", snp.product),
        stated("sev-snp.signing_key", signing_key),
        stated("sev-snp.guest_svn", snp.guest_svn),
        stated("sev-snp.policy", format!("{:#x}", snp.policy.0)),
        stated("sev-snp.vmpl", snp.vmpl),
        stated(
            "sev-snp.platform_info",
            format!("{:#b}", snp.platform_info.0),
        ),
        bytes("sev-snp.family_id", snp.family_id),
        bytes("sev-snp.image_id", snp.image_id),
        bytes("sev-snp.host_data", snp.host_data),
        bytes("sev-snp.id_key_digest", snp.id_key_digest),
        bytes("sev-snp.author_key_digest", snp.author_key_digest),
        bytes("sev-snp.report_id", snp.report_id),
        stated("sev-snp.reported_tcb", snp.reported_tcb),
        stated("sev-snp.committed_tcb", snp.committed_tcb),
        stated("sev-snp.launch_tcb", snp.launch_tcb),
        stated("sev-snp.current_tcb", snp.current_tcb),
        stated("sev-snp.committed_firmware", snp.committed_firmware),
        stated("sev-snp.current_firmware", snp.current_firmware),
        stated("sev-snp.chip_id_masked", snp.chip_id_masked),
    ];
    if let Some(vectors) = snp.mitigations {
        let text = format!(
            "launch {:#x}, current {:#x}",
            vectors.launch, vectors.current
        );
        list.push(stated("sev-snp.mitigations", text));
    }
    list.push(stated("sev-snp.revocation_checked", snp.revocation_checked));
    list
}

fn of_tdx(tdx: &TdxClaims) -> Vec<Stated> {
    let mut list = vec![
        stated("tdx.version", tdx.version),
        stated("tdx.attributes", format!("{:#x}", tdx.attributes.0)),
        stated("tdx.xfam", format!("{:#x}", tdx.xfam)),
        bytes("tdx.mr_config_id", tdx.mr_config_id),
        bytes("tdx.mr_owner", tdx.mr_owner),
        bytes("tdx.mr_owner_config", tdx.mr_owner_config),
        bytes("tdx.rtmr0", tdx.rtmrs[0]),
        bytes("tdx.rtmr1", tdx.rtmrs[1]),
        bytes("tdx.rtmr2", tdx.rtmrs[2]),
        bytes("tdx.rtmr3", tdx.rtmrs[3]),
        bytes("tdx.mr_seam", tdx.mr_seam),
        bytes("tdx.tee_tcb_svn", tdx.tee_tcb_svn),
    ];
    list.extend(tdx.tee_tcb_svn2.map(|svn| bytes("tdx.tee_tcb_svn2", svn)));
    list.extend(tdx.mr_service_td.map(|td| bytes("tdx.mr_service_td", td)));
    list.extend([
        bytes("intel.fmspc", tdx.fmspc),
        stated("intel.status", tdx.status),
        stated("intel.advisories", tdx.advisories.join(", ")),
        stated("intel.tcb_date", instant(tdx.tcb_date_ms)),
        stated("intel.evaluation_number", tdx.evaluation_number),
        stated("intel.newest_level", instant(tdx.levels.newest.date_ms)),
        stated("intel.behind", behind(&tdx.levels)),
    ]);
    list
}

fn of_sgx(sgx: &SgxClaims) -> Vec<Stated> {
    let report = &sgx.report;
    vec![
        stated("sgx.version", sgx.version),
        bytes("sgx.attributes", report.attributes.0),
        stated("sgx.misc_select", format!("{:#x}", report.misc_select)),
        bytes("sgx.cpu_svn", report.cpu_svn),
        bytes("sgx.mr_signer", report.mr_signer),
        stated("sgx.isv_prod_id", report.isv_prod_id),
        stated("sgx.isv_svn", report.isv_svn),
        bytes("sgx.config_id", report.config_id),
        stated("sgx.config_svn", report.config_svn),
        bytes("sgx.isv_ext_prod_id", report.isv_ext_prod_id),
        bytes("sgx.isv_family_id", report.isv_family_id),
        bytes("intel.fmspc", sgx.fmspc),
        stated("intel.status", sgx.status),
        stated("intel.advisories", sgx.advisories.join(", ")),
        stated("intel.tcb_date", instant(sgx.tcb_date_ms)),
        stated("intel.evaluation_number", sgx.evaluation_number),
        stated("intel.newest_level", instant(sgx.levels.newest.date_ms)),
        stated("intel.behind", behind(&sgx.levels)),
    ]
}

fn behind(levels: &TcbLevels) -> String {
    let texts: Vec<_> = levels.behind.iter().map(Shortfall::sentence).collect();
    texts.join("; ")
}

fn of_nitro(nitro: &NitroClaims) -> Vec<Stated> {
    const NAMES: [&str; 16] = [
        "nitro.pcr0",
        "nitro.pcr1",
        "nitro.pcr2",
        "nitro.pcr3",
        "nitro.pcr4",
        "nitro.pcr5",
        "nitro.pcr6",
        "nitro.pcr7",
        "nitro.pcr8",
        "nitro.pcr9",
        "nitro.pcr10",
        "nitro.pcr11",
        "nitro.pcr12",
        "nitro.pcr13",
        "nitro.pcr14",
        "nitro.pcr15",
    ];
    let mut list = vec![stated("nitro.module_id", &nitro.module_id)];
    for (index, value) in &nitro.pcrs {
        let name = NAMES.get(usize::from(*index)).copied();
        list.push(bytes(name.unwrap_or("nitro.pcr"), value));
    }
    let fields = [
        ("nitro.user_data", &nitro.user_data),
        ("nitro.nonce", &nitro.nonce),
        ("nitro.public_key", &nitro.public_key),
    ];
    for (name, value) in fields {
        list.extend(value.as_ref().map(|value| bytes(name, value)));
    }
    list
}
