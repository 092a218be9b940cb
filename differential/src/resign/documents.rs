//! Signed documents that say other things: TCB information and the quoting
//! enclave's identity, drawn around what the simulated vendor says.

use serde_json::{Value, json};
use synod_attestation::Tee;

use super::{
    authority::{Span, date},
    draw::Draw,
    platform::Platform,
};

const OF_PLATFORMS: [&str; 7] = [
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
];
const OF_MODULES: [&str; 3] = ["UpToDate", "OutOfDate", "Revoked"];
const OF_QUOTING_ENCLAVES: [&str; 5] = [
    "UpToDate",
    "OutOfDate",
    "ConfigurationNeeded",
    "OutOfDateConfigurationNeeded",
    "Revoked",
];
/// Where it has no place.
const MISPLACED: [&str; 4] = [
    "TDRelaunchAdvised",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "Fine",
];
const DATES: [&str; 6] = [
    "2022-08-10T00:00:00Z",
    "2023-08-09T00:00:00Z",
    "2024-03-13T00:00:00Z",
    "2024-03-13T12:30:01Z",
    "2025-05-14T00:00:00Z",
    "2025-11-12T00:00:00Z",
];

/// TCB information for platforms such as `platform`.
pub(super) fn tcb_info(
    draw: &mut Draw,
    simulated: &Value,
    tee: Tee,
    platform: &Platform,
    valid: Span,
) -> Value {
    let mut info = simulated.clone();
    head(draw, &mut info, valid);
    info["tcbLevels"] = levels(draw, tee, platform).into();
    if tee == Tee::Tdx {
        modules(draw, &mut info);
    }
    let wrong_id = draw.pick(&["SGX", "TDX", "sgx", "TDX "]);
    let odd = [
        ("id", json!(wrong_id)),
        ("version", json!(draw.pick(&[2, 4, 1]))),
        ("tcbType", json!(draw.pick(&[1, 2]))),
        ("pceId", json!("0100")),
        ("fmspc", json!("50535953494D")),
        ("tdxModule", Value::Null),
    ];
    sometimes(draw, &mut info, odd);
    info
}

/// The identity of the quoting enclave.
pub(super) fn qe_identity(draw: &mut Draw, simulated: &Value, valid: Span) -> Value {
    let mut identity = simulated.clone();
    head(draw, &mut identity, valid);
    let levels = (0..draw.pick(&[1, 2, 3, 3, 4, 5])).map(|_| {
        let svn = draw.pick(&[1, 1, 4, 5, 6, 6, 7, 256]);
        part_level(draw, svn, &OF_QUOTING_ENCLAVES)
    });
    identity["tcbLevels"] = levels.collect();
    let odd = [
        ("id", json!(draw.pick(&["QE", "TD_QE", "QVE", "qe"]))),
        ("version", json!(draw.pick(&[1, 2, 3, 4]))),
        ("mrsigner", json!("52".repeat(32))),
        ("isvprodid", json!(draw.pick(&[1, 2, 257, 258]))),
        ("miscselect", json!("01000000")),
        (
            "miscselectMask",
            json!(draw.pick(&["00000000", "FEFFFF7F"])),
        ),
        ("attributes", json!("15000000000000000000000000000000")),
        ("attributesMask", json!("ffffffffffffffff0000000000000000")),
    ];
    sometimes(draw, &mut identity, odd);
    identity
}

/// Now and then, a field that says something else.
fn sometimes<const N: usize>(draw: &mut Draw, document: &mut Value, odd: [(&str, Value); N]) {
    for (field, value) in odd {
        if draw.one_in(120) && document.get(field).is_some() {
            document[field] = value;
        }
    }
}

fn head(draw: &mut Draw, document: &mut Value, valid: Span) {
    document["issueDate"] = date(valid.from_s).into();
    document["nextUpdate"] = date(valid.until_s).into();
    document["tcbEvaluationDataNumber"] = draw.below(30).into();
}

/// Levels in any order, some of them for the same security versions.
fn levels(draw: &mut Draw, tee: Tee, platform: &Platform) -> Vec<Value> {
    let count = draw.pick(&[1, 2, 3, 4, 4, 5, 6, 8]);
    let mut levels: Vec<Value> = Vec::new();
    for _ in 0..count {
        let mut tcb = json!({
            "sgxtcbcomponents": components(platform.components.map(|svn| draw.near(svn, 24))),
            "pcesvn": draw.pick(&[2, 5, 10, 11, 11, 12, 255]),
        });
        if (tee == Tee::Tdx) != draw.one_in(600) {
            let mut needed = [0; 16];
            needed[0] = draw.pick(&[0, 0, 3, 5, 8, 200]);
            needed[1] = draw.pick(&[0, 0, 1, 2]);
            needed[2] = draw.pick(&[6, 6, 6, 7, 8, 9]);
            needed[15] = u8::from(draw.one_in(60));
            tcb["tdxtcbcomponents"] = components(needed);
        }
        if !levels.is_empty() && draw.one_in(4) {
            tcb = draw.pick(&levels)["tcb"].clone();
        }
        levels.push(level(draw, tcb, &OF_PLATFORMS));
    }
    levels
}

fn components(svns: [u8; 16]) -> Value {
    svns.iter().map(|svn| json!({ "svn": svn })).collect()
}

/// What modules of some versions must look like, and their levels.
fn modules(draw: &mut Draw, info: &mut Value) {
    let base = info["tdxModule"].clone();
    let mut modules = Vec::new();
    for id in ["TDX_01", "TDX_02", "TDX_0A", "tdx_ff", "TDX_01"] {
        if draw.one_in(10) {
            continue;
        }
        let mut module = base.clone();
        let levels = (0..draw.pick(&[0, 1, 3, 3, 4, 5])).map(|_| {
            let svn = draw.pick(&[0, 0, 1, 2, 3, 4, 5, 6, 8, 9]);
            part_level(draw, svn, &OF_MODULES)
        });
        module["tcbLevels"] = levels.collect();
        module["id"] = id.into();
        change_module(draw, &mut module);
        modules.push(module);
    }
    info["tdxModuleIdentities"] = modules.into();
    change_module(draw, &mut info["tdxModule"]);
}

fn change_module(draw: &mut Draw, module: &mut Value) {
    let odd = [
        ("mrsigner", json!(draw.pick(&["11", "ab"]).repeat(48))),
        ("mrsigner", json!(format!("11{}", "00".repeat(47)))),
        ("attributes", json!("0100000000000000")),
        ("attributes", json!("0000000000000080")),
        ("attributesMask", json!("00FFFFFFFFFFFFFF")),
        ("attributesMask", json!("0000000000000000")),
    ];
    sometimes(draw, module, odd);
}

/// A level of a TDX module or a quoting enclave.
fn part_level(draw: &mut Draw, svn: u64, statuses: &[&str]) -> Value {
    level(draw, json!({ "isvsvn": svn }), statuses)
}

fn level(draw: &mut Draw, tcb: Value, statuses: &[&str]) -> Value {
    let misplaced = draw.one_in(1000);
    let statuses = if misplaced { &MISPLACED } else { statuses };
    let mut status = draw.pick(statuses);
    if status == "Revoked" {
        // It ends a case, whatever else there is to it.
        status = draw.pick(statuses);
    }
    let mut level = json!({ "tcb": tcb, "tcbDate": draw.pick(&DATES), "tcbStatus": status });
    if !draw.one_in(3) {
        let advisories = (0..draw.below(4)).map(|_| format!("INTEL-SA-0000{}", draw.below(6)));
        level["advisoryIDs"] = advisories.collect();
    }
    level
}
