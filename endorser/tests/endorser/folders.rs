//! Endorsements come from folders, in the shapes that people have.

use std::{fs, path::Path};

use synod_attestation::{Endorsements, Evidence, SnpEndorsements, Tee};
use synod_endorser::{Config, Endorser, EndorserError, Fault, Fetched, Note, Source, folder, pem};

use crate::service::scene::{Bench, Scene, vectors};

fn ask_in(scene: &Scene, folder: &Path) -> Result<Fetched, EndorserError> {
    let config = Config::offline(scene.anchors.clone(), vec![folder.to_owned()]);
    let endorser = Endorser::new(config).expect("the settings are good");
    endorser.endorsements_for(&scene.evidence, scene.now_ms)
}

fn save(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("it can be written");
    }
}

/// `{"tcbInfo":…,"signature":…}` and its like.
fn signed(field: &str, text: &str, signature: &[u8]) -> Vec<u8> {
    let signature = hex::encode(signature);
    format!("{{\"{field}\":{text},\"signature\":\"{signature}\"}}\n").into_bytes()
}

#[test]
fn what_is_written_is_read_back_the_same() {
    for tee in [Tee::Tdx, Tee::SevSnp] {
        let scene = Scene::simulated(tee, 1);
        let place = tempfile::tempdir().expect("there is room");
        let written = folder::write(place.path(), &scene.endorsements).expect("it is written");
        assert!(!written.is_empty());
        let fetched = ask_in(&scene, place.path()).expect("it is read back");
        assert_eq!(fetched.endorsements, scene.endorsements);
        assert_eq!(fetched.source, Source::Folder(place.path().to_owned()));
        assert!(
            fetched
                .next_update_ms
                .is_some_and(|until_ms| until_ms > scene.now_ms)
        );
        assert_eq!(fetched.notes, []);
    }
}

#[test]
fn the_encoding_of_endorsements_is_known_too() {
    for tee in [Tee::Tdx, Tee::SevSnp] {
        let scene = Scene::simulated(tee, 1);
        let place = tempfile::tempdir().expect("there is room");
        save(place.path(), &[("x", &scene.endorsements.encode())]);
        let fetched = ask_in(&scene, place.path()).expect("it is known");
        assert_eq!(fetched.endorsements, scene.endorsements);
    }
}

#[test]
fn the_layout_of_the_vectors_is_known() {
    let Some(vectors) = vectors() else { return };
    for set in [
        "tdx/oak-oc-00806f050000",
        "tdx/automata-gcp-00806f050000-2025-07",
        "tdx/entropy-automata-v4-90c06f000000",
        "tdx/trustee-tdxquote6-00a06d080000-2025-10",
        "tdx/azure-akchain-90c06f000000-2026-06",
        "sgx/automata-quotev3-00606a000000",
        "sgx/trustee-occlum-00606a000000",
        "snp/v3-milan-ccf-npm-tests",
        "snp/v2-milan-trustee-test-report",
        "snp/v5-genoa-attestation-rs-live-report-v5-genoa",
        "snp/v5-turin-tee-attestation-verification-turin-attestation-report",
    ] {
        let scene = Scene::real(set).expect("the vectors are there");
        let fetched = ask_in(&scene, &vectors.join(set));
        let fetched = fetched.unwrap_or_else(|error| panic!("{set}: {error}"));
        // There may be two certificates of one chip, and both are right.
        if !vectors.join(set).join("vcek.alt1.der").exists() {
            assert_eq!(fetched.endorsements, scene.endorsements, "{set}");
        }
    }
}

#[test]
fn raw_answers_of_intels_service_are_known_whatever_their_names() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let collateral = scene.collateral();
    let place = tempfile::tempdir().expect("there is room");
    save(
        place.path(),
        &[
            (
                "1",
                &signed(
                    "tcbInfo",
                    &collateral.tcb_info,
                    &collateral.tcb_info_signature,
                ),
            ),
            (
                "2",
                &signed(
                    "enclaveIdentity",
                    &collateral.qe_identity,
                    &collateral.qe_identity_signature,
                ),
            ),
            ("3", &collateral.pck_crl),
            ("4", hex::encode(&collateral.root_ca_crl).as_bytes()),
            ("5", collateral.tcb_info_issuer_chain.as_bytes()),
            ("PROVENANCE.md", b"# words"),
            ("meta.json", b"{\"id\": 1}"),
        ],
    );
    let fetched = ask_in(&scene, place.path()).expect("nothing lacks");
    let Endorsements::Intel(found) = fetched.endorsements else {
        panic!("it is Intel's");
    };
    assert_eq!(found.tcb_info, collateral.tcb_info);
    assert_eq!(found.qe_identity, collateral.qe_identity);
    assert_eq!(found.pck_crl, collateral.pck_crl);
    assert_eq!(found.root_ca_crl, collateral.root_ca_crl);
}

#[test]
fn downloads_of_amds_service_are_known() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let snp = scene.snp();
    let place = tempfile::tempdir().expect("there is room");
    let chain = pem::encode(&[&snp.intermediate, &snp.root]);
    save(
        place.path(),
        &[
            ("vcek.pem", pem::encode(&[&snp.signer]).as_bytes()),
            ("cert_chain.pem", chain.as_bytes()),
            ("crl", snp.crl.as_deref().expect("the simulation has one")),
        ],
    );
    let fetched = ask_in(&scene, place.path()).expect("nothing lacks");
    assert_eq!(fetched.endorsements, scene.endorsements);
}

#[test]
fn among_the_certificates_of_many_chips_the_right_one_is_found() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let place = tempfile::tempdir().expect("there is room");
    let others = (2..6).map(|seed| Scene::simulated(Tee::SevSnp, seed));
    for (at, other) in others.chain([scene.clone()]).enumerate() {
        let inner = place.path().join(at.to_string());
        folder::write(&inner, &other.endorsements).expect("it is written");
    }
    let fetched = ask_in(&scene, place.path()).expect("it is among them");
    let Endorsements::Snp(SnpEndorsements { signer, .. }) = fetched.endorsements else {
        panic!("it is AMD's");
    };
    assert_eq!(signer, scene.snp().signer);
}

#[test]
fn what_a_folder_lacks_is_said() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let collateral = scene.collateral();
    let tcb_info = signed(
        "tcbInfo",
        &collateral.tcb_info,
        &collateral.tcb_info_signature,
    );
    let identity = signed(
        "enclaveIdentity",
        &collateral.qe_identity,
        &collateral.qe_identity_signature,
    );
    let place = tempfile::tempdir().expect("there is room");
    let steps: [(&str, &[u8], &str); 4] = [
        ("1", &collateral.pck_crl, "revocation list of Intel's root"),
        (
            "2",
            &collateral.root_ca_crl,
            "TCB information for this platform",
        ),
        ("3", &tcb_info, "identity of the quoting enclave"),
        (
            "4",
            &identity,
            "certificate of the one who signs TCB information",
        ),
    ];
    for (name, bytes, expected) in steps {
        save(place.path(), &[(name, bytes)]);
        let error = ask_in(&scene, place.path()).expect_err("something lacks");
        assert_eq!(error.fault(), Fault::Caller);
        let EndorserError::FolderLacks { lacks, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(lacks, expected);
    }
}

#[test]
fn a_folder_of_another_platform_lacks_this_one() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let other = Scene::simulated(Tee::SevSnp, 2);
    let place = tempfile::tempdir().expect("there is room");
    folder::write(place.path(), &other.endorsements).expect("it is written");
    let error = ask_in(&scene, place.path()).expect_err("it is another chip's");
    let expected = EndorserError::FolderLacks {
        folder: place.path().to_owned(),
        lacks: "VCEK certificate for this platform",
    };
    assert_eq!(error, expected);
}

#[test]
fn forged_files_are_not_genuine() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let mut forged = scene.collateral().clone();
    forged.tcb_info = forged.tcb_info.replacen("UpToDate", "OutOfDate", 1);
    let place = tempfile::tempdir().expect("there is room");
    let forged = Endorsements::Intel(Box::new(forged));
    folder::write(place.path(), &forged).expect("it is written");
    let error = ask_in(&scene, place.path()).expect_err("it is forged");
    assert!(matches!(error, EndorserError::NotGenuine(_)), "{error:?}");
}

#[test]
fn a_folder_that_does_not_exist_is_the_callers_fault() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let error = ask_in(&scene, Path::new("/nowhere/at/all")).expect_err("it does not exist");
    assert!(matches!(error, EndorserError::Folder { .. }), "{error:?}");
    assert_eq!(error.fault(), Fault::Caller);
}

#[test]
fn what_a_folder_lacks_is_fetched_and_said() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let place = tempfile::tempdir().expect("there is room");
    let mut bench = Bench::new(&scene, &service, None);
    bench.config.folders = vec![place.path().to_owned()];
    let fetched = bench.ask(&scene).expect("the service answers");
    assert_eq!(fetched.source, Source::Network);
    assert!(matches!(
        fetched.notes.as_slice(),
        [Note::FolderNotUsed { .. }]
    ));
}

#[test]
fn a_folder_with_the_certificate_of_a_hidden_chip_is_completed() {
    let mut scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    let mut report = scene.evidence.bytes().to_vec();

    report[0x1a0..0x1e0].fill(0);
    scene.evidence = Evidence::new(Tee::SevSnp, report).expect("it is short");
    let place = tempfile::tempdir().expect("there is room");
    save(place.path(), &[("vcek.der", &scene.snp().signer)]);
    let mut bench = Bench::new(&scene, &service, None);
    bench.config.folders = vec![place.path().to_owned()];
    let fetched = bench.ask(&scene).expect("the chain is fetched");
    assert_eq!(fetched.endorsements, scene.endorsements);
    assert_eq!(
        fetched.source,
        Source::FolderAndOthers(place.path().to_owned())
    );
    assert!(
        service
            .asked()
            .iter()
            .all(|path| !path.contains("ucodeSPL"))
    );
}
