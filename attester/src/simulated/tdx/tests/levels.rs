//! Each check of quoting enclave, module and platform, broken alone.

use super::*;

#[test]
fn quoting_enclave_is_refused_when_it_is_not_the_one_of_the_collateral() {
    for (field, value, mismatch) in [
        ("mrsigner", json!("00".repeat(32)), QeField::Signer),
        ("isvprodid", json!(1), QeField::Product),
        ("miscselect", json!("00000001"), QeField::MiscSelect),
        (
            "attributes",
            json!("13000000000000000000000000000000"),
            QeField::Attributes,
        ),
    ] {
        Case::with_qe_identity(|identity| identity[field] = value)
            .is_refused(IntelError::QeMismatch(mismatch));
    }
    // What the mask leaves out may differ.
    let case = Case::with_qe_identity(|identity| {
        identity["attributes"] = json!("15".to_owned() + &"00".repeat(15));
    });
    assert_eq!(status(&case), TcbStatus::UpToDate);
    let mut debug = Case::new();
    resign_qe(&mut debug, |report| report[48] |= 2);
    debug.is_refused(IntelError::QeDebug);
}

#[test]
fn quoting_enclave_below_every_level_is_refused_although_all_signatures_hold() {
    let case = Case::with_qe_identity(|identity| {
        identity["tcbLevels"][0]["tcb"]["isvsvn"] = json!(99);
    });
    let expected = IntelError::NoTcbLevel {
        part: Part::QuotingEnclave,
        behind: vec![Shortfall {
            component: Component::QuotingEnclave,
            have: QE_ISV_SVN,
            need: 99,
        }],
    };
    assert!(expected.signatures_hold());
    case.is_refused(expected);
}

#[test]
fn module_is_refused_when_it_is_not_the_one_of_the_collateral() {
    let signer = json!("11".repeat(48));
    Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["mrsigner"] = signer)
        .is_refused(IntelError::ModuleSigner);
    let attributes = json!("0100000000000000");
    Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["attributes"] = attributes)
        .is_refused(IntelError::ModuleAttributes {
            found: 0,
            expected: 1,
            mask: u64::MAX,
        });
    Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["id"] = json!("TDX_02"))
        .is_refused(IntelError::ModuleUnknown(1));
    let id = Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["id"] = json!("tdx_01"));
    assert_eq!(status(&id), TcbStatus::UpToDate);
}

#[test]
fn module_without_a_version_is_the_one_that_all_share() {
    let mut domain = domain();
    domain.tee_tcb_svn = [5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let case = Case::of(domain);
    let claims = claims(&case);
    assert_eq!(
        (claims.status, claims.levels.module),
        (TcbStatus::UpToDate, None)
    );
}

#[test]
fn old_module_is_genuine_and_out_of_date() {
    let old = TrustDomain::new([0x4d; 48], &Keys::new([9; 32]), Some(Fault::OldFirmware));
    let case = Case::of(old.expect("a domain"));
    let claims = claims(&case);
    assert_eq!(claims.status, TcbStatus::OutOfDate);
    assert_eq!(claims.advisories, ["INTEL-SA-01036"]);
    let behind = Shortfall {
        component: Component::Module,
        have: 4,
        need: 8,
    };
    assert_eq!(behind.to_string(), "TDX module at 4, 8 needed");
    assert_eq!(claims.levels.behind, [behind]);
    // 2023-08-09, the date of the module's level.
    assert_eq!(claims.tcb_date_ms, 1_691_539_200_000);
}

#[test]
fn platform_below_every_level_is_refused_although_all_signatures_hold() {
    let mut old = domain();
    old.tee_tcb_svn[0] = 1;
    let error = Case::of(old).error();
    assert!(error.signatures_hold());
    assert_eq!(
        error,
        IntelError::NoTcbLevel {
            part: Part::Module,
            behind: vec![Shortfall {
                component: Component::Module,
                have: 1,
                need: 8,
            }],
        }
    );
    let level = |change: fn(&mut Value), component, have, need| {
        let case = Case::with_tcb_info(|info| change(&mut info["tcbLevels"][0]["tcb"]));
        case.is_refused(IntelError::NoTcbLevel {
            part: Part::Platform,
            behind: vec![Shortfall {
                component,
                have,
                need,
            }],
        });
    };
    level(|tcb| tcb["pcesvn"] = json!(99), Component::Pce, 11, 99);
    let name = String::new();
    let sgx = Component::Sgx { index: 6, name };
    level(
        |tcb| tcb["sgxtcbcomponents"][6]["svn"] = json!(1),
        sgx,
        0,
        1,
    );
    let name = "TDX Late Microcode Update".to_owned();
    let tdx = Component::Tdx { index: 2, name };
    level(
        |tcb| {
            tcb["tdxtcbcomponents"][2] = json!({
                "svn": 9, "category": "OS/VMM", "type": "TDX Late Microcode Update",
            });
        },
        tdx,
        8,
        9,
    );
}

#[test]
fn levels_are_tried_from_the_highest_whatever_their_order() {
    let case = Case::with_tcb_info(|info| {
        let mut lower = info["tcbLevels"][0].clone();
        lower["tcb"]["pcesvn"] = json!(5);
        lower["tcbStatus"] = json!("OutOfDate");
        lower["tcbDate"] = json!("2024-01-01T00:00:00Z");
        let levels = info["tcbLevels"].as_array_mut().expect("levels");
        levels.insert(0, lower);
    });
    assert_eq!(status(&case), TcbStatus::UpToDate);
}

#[test]
fn revoked_levels_are_refused_although_all_signatures_hold() {
    let revoked = json!("Revoked");
    let refused = |case: Case, part| {
        let expected = IntelError::Revoked(part);
        assert!(expected.signatures_hold());
        case.is_refused(expected);
    };
    let case = Case::with_tcb_info(|info| info["tcbLevels"][0]["tcbStatus"] = revoked.clone());
    refused(case, Part::Platform);
    let case = Case::with_tcb_info(|info| {
        info["tdxModuleIdentities"][0]["tcbLevels"][0]["tcbStatus"] = revoked.clone();
    });
    refused(case, Part::Module);
    let case = Case::with_qe_identity(|identity| identity["tcbLevels"][0]["tcbStatus"] = revoked);
    refused(case, Part::QuotingEnclave);
}

#[test]
fn statuses_of_the_parts_are_joined() {
    let joined = |platform: &str, qe: &str| {
        let mut case = Case::with_tcb_info(|info| {
            info["tcbLevels"][0]["tcbStatus"] = json!(platform);
            info["tcbLevels"][0]["advisoryIDs"] = json!(["INTEL-SA-1", "INTEL-SA-2"]);
        });
        let of_qe = Case::with_qe_identity(|identity| {
            identity["tcbLevels"][0]["tcbStatus"] = json!(qe);
            identity["tcbLevels"][0]["advisoryIDs"] = json!(["INTEL-SA-2", "INTEL-SA-3"]);
        });
        case.collateral.qe_identity = of_qe.collateral.qe_identity;
        case.collateral.qe_identity_signature = of_qe.collateral.qe_identity_signature;
        let claims = claims(&case);
        assert_eq!(
            claims.advisories,
            ["INTEL-SA-1", "INTEL-SA-2", "INTEL-SA-3"]
        );
        claims.status
    };
    for (platform, qe, expected) in [
        ("UpToDate", "OutOfDate", TcbStatus::OutOfDate),
        ("UpToDate", "ConfigurationNeeded", TcbStatus::UpToDate),
        (
            "SWHardeningNeeded",
            "UpToDate",
            TcbStatus::SwHardeningNeeded,
        ),
        ("SWHardeningNeeded", "OutOfDate", TcbStatus::OutOfDate),
        (
            "ConfigurationAndSWHardeningNeeded",
            "OutOfDate",
            TcbStatus::OutOfDateConfigurationNeeded,
        ),
        ("OutOfDate", "UpToDate", TcbStatus::OutOfDate),
    ] {
        assert_eq!(joined(platform, qe), expected, "{platform} {qe}");
    }
}

#[test]
fn evaluation_number_is_the_lowest_of_the_documents() {
    let case = Case::with_qe_identity(|identity| identity["tcbEvaluationDataNumber"] = json!(19));
    assert_eq!(claims(&case).evaluation_number, 19);
    let case = Case::with_tcb_info(|info| info["tcbEvaluationDataNumber"] = json!(18));
    assert_eq!(claims(&case).evaluation_number, 18);
}
