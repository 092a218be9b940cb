//! Endorsements come from the vendors' services: what is asked, how failures
//! are met, and that nothing wrong gets through.

use synod_attestation::{
    Endorsements, Tee, VerifyError,
    snp::error::{Link, SnpError},
};
use synod_endorser::{
    EndorserError, Fault, Note, Source,
    answer::AnswerError,
    config::{IntelService, ProxyChoice, TlsRoots},
    fetch_error::FetchError,
    part::{QE_IDENTITY_BYTES_MAX, TCB_INFO_BYTES_MAX},
    pem,
    platform::{Platform, PlatformError},
};

use crate::service::{
    Act, Proxy,
    scene::{Bench, HOUR_MS, Scene, TestClock, percent_encoded, signed_page, vectors},
};

const DAY_MS: u64 = 24 * HOUR_MS;

/// Two simulated platforms, and real ones where the vectors are.
fn scenes() -> Vec<Scene> {
    let real = [
        "tdx/oak-oc-00806f050000",
        "tdx/automata-tdxsdk-v4-00806f050000",
        "tdx/dstack-quote-report-90c06f000000",
        "sgx/automata-quotev3-00606a000000",
        "sgx/dcapqvl-00a067110000",
        "snp/v3-milan-ccf-npm-tests",
        "snp/v3-genoa-scitt-ccf-ledger-css-attested-cosesign1-20260302",
        "snp/v5-turin-tee-attestation-verification-turin-attestation-report",
    ];
    let mut scenes = vec![
        Scene::simulated(Tee::Tdx, 1),
        Scene::simulated(Tee::SevSnp, 1),
    ];
    scenes.extend(real.into_iter().filter_map(Scene::real));
    scenes
}

fn fetch_error(result: Result<synod_endorser::Fetched, EndorserError>) -> FetchError {
    match result {
        Err(EndorserError::Fetch { problem, .. }) => problem,
        other => panic!("no failed fetch: {other:?}"),
    }
}

fn waits(clock: &TestClock) -> Vec<u64> {
    clock.waits.lock().expect("no thread panicked").clone()
}

#[test]
fn each_platforms_endorsements_are_asked_for_once_and_come_from_the_cache_afterwards() {
    for scene in scenes() {
        let folder = tempfile::tempdir().expect("there is room");
        let service = scene.service();
        let bench = Bench::new(&scene, &service, Some(folder.path()));
        let endorser = bench.endorser();
        let fetched = endorser
            .endorsements_for(&scene.evidence, scene.now_ms)
            .unwrap_or_else(|error| panic!("{}: {error}", scene.name));
        assert_eq!(fetched.endorsements, scene.endorsements, "{}", scene.name);
        assert_eq!(fetched.source, Source::Network);
        assert_eq!(fetched.fetched_ms, Some(scene.now_ms));
        let mut asked = service.asked();
        asked.sort();
        let mut expected: Vec<String> = scene.pages().into_keys().collect();
        expected.retain(|path| !path.ends_with("rootcacrl"));
        asked.retain(|path| expected.contains(path) || !path.ends_with("/crl"));
        assert_eq!(asked, expected, "{}", scene.name);

        let again = endorser.endorsements_for(&scene.evidence, scene.now_ms + HOUR_MS / 12);
        let again = again.expect("it is in the cache");
        assert_eq!(again.endorsements, scene.endorsements);
        assert_eq!(service.asked(), Vec::<String>::new(), "{}", scene.name);
        assert_eq!(again.fetched_ms, Some(scene.now_ms), "{}", scene.name);
        assert_eq!(
            endorser.list().expect("it can be read").len(),
            fetched_parts(&scene)
        );
    }
}

fn fetched_parts(scene: &Scene) -> usize {
    match &scene.endorsements {
        Endorsements::Intel(_) => 4,
        Endorsements::Snp(snp) => 2 + usize::from(snp.crl.is_some()),
        Endorsements::Nitro | Endorsements::Composite(_) => 0,
    }
}

#[test]
fn a_second_endorser_on_the_same_folder_asks_nothing() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let folder = tempfile::tempdir().expect("there is room");
    let service = scene.service();
    let bench = Bench::new(&scene, &service, Some(folder.path()));
    bench.ask(&scene).expect("the service answers");
    assert_eq!(service.asked().len(), 4);
    let second = bench.ask(&scene).expect("the cache has it");
    assert_eq!(second.source, Source::Cache);
    assert_eq!(service.asked(), Vec::<String>::new());
}

#[test]
fn without_a_cache_every_call_asks() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let bench = Bench::new(&scene, &service, None);
    bench.ask(&scene).expect("the service answers");
    bench.ask(&scene).expect("the service answers");
    assert_eq!(service.asked().len(), 8);
}

#[test]
fn threads_that_need_the_same_ask_once() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let folder = tempfile::tempdir().expect("there is room");
    let service = scene.service();
    let endorser = Bench::new(&scene, &service, Some(folder.path())).endorser();
    std::thread::scope(|threads| {
        for _ in 0..6 {
            threads.spawn(|| {
                let fetched = endorser.endorsements_for(&scene.evidence, scene.now_ms);
                assert_eq!(
                    fetched.expect("it answers").endorsements,
                    scene.endorsements
                );
            });
        }
    });
    assert_eq!(service.asked().len(), 4);
}

#[test]
fn nitro_needs_nothing() {
    let scene = Scene::simulated(Tee::Nitro, 1);
    let service = scene.service();
    let fetched = Bench::new(&scene, &service, None).ask(&scene);
    let fetched = fetched.expect("nothing is needed");
    assert_eq!(fetched.source, Source::Evidence);
    assert_eq!(fetched.endorsements, Endorsements::Nitro);
    assert_eq!(service.asked(), Vec::<String>::new());
}

#[test]
fn a_platform_that_the_service_does_not_know_is_asked_for_once() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    service.replace("/tcb?", &Act::status(404));
    let bench = Bench::new(&scene, &service, None);
    let error = bench.ask(&scene).expect_err("the service does not know it");
    assert_eq!(error.fault(), Fault::Service);
    assert!(error.hint().is_some());
    assert_eq!(fetch_error(Err(error)), FetchError::NotFound);
    assert_eq!(service.asked().len(), 1);
    assert!(waits(&bench.clock).is_empty());
}

#[test]
fn a_question_that_the_service_refuses_is_not_repeated() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    service.replace("ucodeSPL", &Act::status(400));
    let bench = Bench::new(&scene, &service, None);
    let refused = fetch_error(bench.ask(&scene));
    assert_eq!(refused, FetchError::Refused { status: 400 });
    assert_eq!(service.asked().len(), 1);
}

#[test]
fn a_service_that_is_asked_too_often_is_asked_again_after_a_while() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    service.first("ucodeSPL", Act::status(429));
    service.first("ucodeSPL", Act::status(429));
    let bench = Bench::new(&scene, &service, None);
    bench.ask(&scene).expect("it answers in the end");
    assert_eq!(waits(&bench.clock), [250, 500]);
}

#[test]
fn the_wait_that_a_service_asks_for_is_waited() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    service.first("ucodeSPL", Act::status_with(429, "Retry-After", "7"));
    let bench = Bench::new(&scene, &service, None);
    bench.ask(&scene).expect("it answers in the end");
    assert_eq!(waits(&bench.clock), [7000]);
}

#[test]
fn a_service_that_asks_for_an_hour_is_given_up() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    service.replace("ucodeSPL", &Act::status_with(429, "Retry-After", "3600"));
    let bench = Bench::new(&scene, &service, None);
    let limited = fetch_error(bench.ask(&scene));
    let retry_after_s = Some(3600);
    assert_eq!(limited, FetchError::RateLimited { retry_after_s });
    assert_eq!(service.asked().len(), 1);
}

#[test]
fn a_service_that_recovers_answers() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    service.first("/tcb?", Act::status(503));
    service.first("/tcb?", Act::HangUp);
    service.first("/tcb?", Act::Truncated);
    let bench = Bench::new(&scene, &service, None);
    let fetched = bench.ask(&scene).expect("it answers in the end");
    assert_eq!(fetched.endorsements, scene.endorsements);
    assert_eq!(waits(&bench.clock).len(), 3);
}

#[test]
fn a_service_that_stays_broken_is_given_up() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    service.replace("/tcb?", &Act::status(500));
    let bench = Bench::new(&scene, &service, None);
    let broken = fetch_error(bench.ask(&scene));
    assert_eq!(broken, FetchError::Unavailable { status: 500 });
    assert_eq!(service.asked().len(), 4);
}

#[test]
fn an_answer_that_is_always_cut_short_is_given_up() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    service.replace("/tcb?", &Act::Truncated);
    let bench = Bench::new(&scene, &service, None);
    assert_eq!(fetch_error(bench.ask(&scene)), FetchError::Truncated);
    assert_eq!(service.asked().len(), 4);
}

#[test]
fn an_answer_without_end_runs_into_its_time() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    service.replace("/tcb?", &Act::SlowLoris);
    let mut bench = Bench::new(&scene, &service, None);
    bench.network().timeouts.total_ms = 400;
    bench.network().retry.attempts_max = 2;
    assert_eq!(fetch_error(bench.ask(&scene)), FetchError::Timeout);
    assert_eq!(service.asked().len(), 2);
}

#[test]
fn nobody_at_the_address_is_the_networks_fault() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let mut bench = Bench::new(&scene, &service, None);
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    bench.config.services.intel = IntelService::Pccs {
        base: format!("https://localhost:{port}"),
    };
    let error = bench.ask(&scene).expect_err("nobody answers");
    assert_eq!(error.fault(), Fault::Environment);
    assert!(matches!(fetch_error(Err(error)), FetchError::Connection(_)));
}

#[test]
fn answers_longer_than_their_bound_are_not_read() {
    for (part, bytes_max) in [
        ("/tcb?", TCB_INFO_BYTES_MAX),
        ("/identity", QE_IDENTITY_BYTES_MAX),
    ] {
        for says_so in [true, false] {
            let scene = Scene::simulated(Tee::Tdx, 1);
            let service = scene.service();
            service.replace(part, &Act::Long(bytes_max + 1, says_so));
            let too_long = fetch_error(Bench::new(&scene, &service, None).ask(&scene));
            assert_eq!(
                too_long,
                FetchError::TooLong { bytes_max },
                "{part} {says_so}"
            );
        }
    }
}

#[test]
fn garbage_is_refused_once_and_not_kept() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let folder = tempfile::tempdir().expect("there is room");
    for (part, body) in [
        ("/tcb?", b"<html>".as_slice()),
        ("/tcb?", b"{\"tcbInfo\":{},\"signature\":\"00\"}"),
        ("/pckcrl", b"\x30\x03\x02\x01\x00"),
        ("IntelSGXRootCA", b""),
    ] {
        let service = scene.service();
        let kept_headers = match scene
            .pages()
            .into_iter()
            .find(|(path, _)| path.contains(part))
        {
            Some((_, Act::Page(headers, _))) => headers,
            other => panic!("{other:?}"),
        };
        service.replace(part, &Act::Page(kept_headers, body.to_vec()));
        let bench = Bench::new(&scene, &service, Some(folder.path()));
        let garbage = fetch_error(bench.ask(&scene));
        assert!(
            matches!(garbage, FetchError::Answer(_)),
            "{part}: {garbage}"
        );
        let asked = service.asked();
        assert_eq!(asked.iter().filter(|path| path.contains(part)).count(), 1);
        assert_eq!(bench.endorser().list().expect("it can be read"), []);
    }
}

#[test]
fn an_answer_without_its_chain_is_refused() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let Some(Act::Page(_, body)) = scene
        .pages()
        .into_iter()
        .find_map(|(path, act)| path.contains("/tcb?").then_some(act))
    else {
        panic!("there is a page");
    };
    for (header, problem) in [
        (None, AnswerError::NoChain("tcb-info-issuer-chain")),
        (Some("%zz".to_owned()), AnswerError::ChainHeader),
        (Some("x".repeat(30_000)), AnswerError::ChainHeader),
        (
            Some(percent_encoded("hello")),
            AnswerError::ChainPem(pem::PemError::NotPem),
        ),
    ] {
        let service = scene.service();
        let headers = header.map(|value| ("TCB-Info-Issuer-Chain".to_owned(), value));
        service.replace(
            "/tcb?",
            &Act::Page(headers.into_iter().collect(), body.clone()),
        );
        let refused = fetch_error(Bench::new(&scene, &service, None).ask(&scene));
        assert_eq!(refused, FetchError::Answer(problem));
    }
}

#[test]
fn stale_answers_are_refused() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let bench = Bench::new(&scene, &service, None);
    let later_ms = scene.now_ms + 60 * DAY_MS;
    let stale = bench.endorser().endorsements_for(&scene.evidence, later_ms);
    assert!(matches!(fetch_error(stale), FetchError::NotValidNow { .. }));
}

#[test]
fn an_answer_that_was_changed_and_only_looks_right_is_not_genuine() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let folder = tempfile::tempdir().expect("there is room");
    let service = scene.service();
    let mut forged = scene.collateral().clone();
    forged.tcb_info_signature[10] ^= 1;
    let page = signed_page("tcbInfo", "TCB-Info-Issuer-Chain", &forged);
    service.replace("/tcb?", &page);
    let bench = Bench::new(&scene, &service, Some(folder.path()));
    let error = bench.ask(&scene).expect_err("it is forged");
    assert!(matches!(error, EndorserError::NotGenuine(_)), "{error:?}");
    assert_eq!(error.fault(), Fault::Service);
    assert_eq!(bench.endorser().list().expect("it can be read"), []);
}

#[test]
fn what_intel_signed_for_another_family_is_refused() {
    let Some(scene) = Scene::real("tdx/oak-oc-00806f050000") else {
        return;
    };
    let other = Scene::real("tdx/dstack-quote-report-90c06f000000").expect("it is there as well");
    let service = scene.service();
    let page = signed_page("tcbInfo", "TCB-Info-Issuer-Chain", other.collateral());
    service.replace("/tcb?", &page);
    let mut bench = Bench::new(&scene, &service, None);
    bench.network().retry.attempts_max = 1;
    let error = bench
        .endorser()
        .endorsements_for(&scene.evidence, scene.now_ms);
    let error = error.expect_err("it is for another family");
    let not_now = matches!(
        error,
        EndorserError::Fetch {
            problem: FetchError::NotValidNow { .. },
            ..
        }
    );
    assert!(
        not_now || matches!(error, EndorserError::Mismatch { .. }),
        "{error:?}"
    );
}

#[test]
fn what_intel_signed_for_another_tee_is_refused() {
    let Some(scene) = Scene::real("tdx/automata-tdxsdk-v4-00806f050000") else {
        return;
    };
    let service = scene.service();
    let mut mixed = scene.collateral().clone();
    mixed.tcb_info = mixed
        .tcb_info
        .replacen("\"id\":\"TDX\"", "\"id\":\"SGX\"", 1);
    assert_ne!(mixed.tcb_info, scene.collateral().tcb_info);
    service.replace(
        "/tcb?",
        &signed_page("tcbInfo", "TCB-Info-Issuer-Chain", &mixed),
    );
    let refused = Bench::new(&scene, &service, None).ask(&scene);
    let expected = EndorserError::Mismatch {
        what: "TCB information",
        asked: "tdx".to_owned(),
        found: "sgx".to_owned(),
    };
    assert_eq!(refused.err(), Some(expected));
}

#[test]
fn the_certificate_of_another_chip_is_refused() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let other = Scene::simulated(Tee::SevSnp, 2);
    let service = scene.service();
    service.replace("ucodeSPL", &Act::page(&other.snp().signer));
    let refused = Bench::new(&scene, &service, None).ask(&scene);
    let Err(EndorserError::Mismatch { what, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(what, "chip of the VCEK");
}

#[test]
fn the_chain_of_another_product_is_refused() {
    let Some(scene) = Scene::real("snp/v3-milan-ccf-npm-tests") else {
        return;
    };
    let genoa = "snp/v3-genoa-scitt-ccf-ledger-css-attested-cosesign1-20260302";
    let genoa = Scene::real(genoa).expect("it is there as well");
    let service = scene.service();
    let chain = pem::encode(&[&genoa.snp().intermediate, &genoa.snp().root]);
    service.replace("cert_chain", &Act::page(chain.as_bytes()));
    let error = Bench::new(&scene, &service, None).ask(&scene);
    let error = error.expect_err("the chain is another product's");
    assert!(matches!(error, EndorserError::NotGenuine(_)), "{error:?}");
}

#[test]
fn endorsements_of_real_hardware_are_not_genuine_under_simulated_roots() {
    let Some(mut scene) = Scene::real("tdx/oak-oc-00806f050000") else {
        return;
    };
    scene.anchors = Scene::simulated(Tee::Tdx, 1).anchors;
    let service = scene.service();
    let error = Bench::new(&scene, &service, None).ask(&scene);
    assert!(
        matches!(error, Err(EndorserError::NotGenuine(_))),
        "{error:?}"
    );
}

#[test]
fn a_redirect_on_the_same_host_is_followed() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    service.put("/moved", Act::page(&scene.snp().signer));
    service.first("ucodeSPL", Act::status_with(302, "Location", "/moved"));
    let fetched = Bench::new(&scene, &service, None).ask(&scene);
    assert_eq!(
        fetched.expect("it is followed").endorsements,
        scene.endorsements
    );
    assert!(service.asked().contains(&"/moved".to_owned()));
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let elsewhere = scene.service();
    let service = scene.service();
    let to = format!("{}/x", elsewhere.base());
    service.replace("ucodeSPL", &Act::status_with(307, "Location", &to));
    let refused = fetch_error(Bench::new(&scene, &service, None).ask(&scene));
    assert_eq!(refused, FetchError::RedirectElsewhere { to });
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
}

#[test]
fn redirects_end() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    service.put("/round", Act::status_with(302, "Location", "/round"));
    service.replace("ucodeSPL", &Act::status_with(302, "Location", "/round"));
    let refused = fetch_error(Bench::new(&scene, &service, None).ask(&scene));
    assert_eq!(refused, FetchError::TooManyRedirects(3));
}

#[test]
fn a_proxy_is_gone_through() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let proxy = Proxy::start();
    let mut bench = Bench::new(&scene, &service, None);
    bench.network().proxy = ProxyChoice::Through(proxy.url());
    bench.ask(&scene).expect("the proxy lets through");
    let through = proxy.asked();
    let expected = format!("localhost:{}", service.port);
    assert!(
        !through.is_empty() && through.iter().all(|to| *to == expected),
        "{through:?}"
    );
    assert_eq!(service.asked().len(), 4);
}

#[test]
fn a_service_whose_certificate_leads_nowhere_is_not_asked() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let mut bench = Bench::new(&scene, &service, None);
    bench.network().tls_roots = TlsRoots::Web;
    let refused = fetch_error(bench.ask(&scene));
    assert!(matches!(refused, FetchError::Tls(_)), "{refused:?}");
    assert_eq!(service.asked(), Vec::<String>::new());
}

#[test]
fn plain_http_is_not_spoken() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    let mut bench = Bench::new(&scene, &service, None);
    bench.config.services.amd_kds = format!("http://localhost:{}", service.port);
    let refused = fetch_error(bench.ask(&scene));
    assert!(matches!(refused, FetchError::Address(_)), "{refused:?}");
}

#[test]
fn a_pccs_has_the_roots_list_in_hexadecimal() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let mut bench = Bench::new(&scene, &service, None);
    bench.config.services.intel = IntelService::Pccs {
        base: service.base(),
    };
    let fetched = bench.ask(&scene).expect("the service answers");
    assert_eq!(fetched.endorsements, scene.endorsements);
    let asked = service.asked();
    assert!(
        asked.iter().any(|path| path.ends_with("/v4/rootcacrl")),
        "{asked:?}"
    );
}

#[test]
fn without_a_list_of_amds_there_are_endorsements_and_a_note() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    service.replace("/crl", &Act::status(404));
    let fetched = Bench::new(&scene, &service, None).ask(&scene);
    let fetched = fetched.expect("the certificates are there");
    let Endorsements::Snp(snp) = &fetched.endorsements else {
        panic!("{fetched:?}");
    };
    assert_eq!(snp.crl, None);
    assert!(matches!(
        fetched.notes.as_slice(),
        [Note::NoRevocationList(_)]
    ));
}

#[test]
fn a_list_that_is_not_amds_is_left_out_with_a_note() {
    let scene = Scene::simulated(Tee::SevSnp, 1);
    let service = scene.service();
    let intel = Scene::simulated(Tee::Tdx, 1);
    service.replace("/crl", &Act::page(&intel.collateral().root_ca_crl));
    let fetched = Bench::new(&scene, &service, None).ask(&scene);
    let fetched = fetched.expect("the certificates are there");
    let [Note::NoRevocationList(because)] = fetched.notes.as_slice() else {
        panic!("{:?}", fetched.notes);
    };
    let EndorserError::NotGenuine(error) = &**because else {
        panic!("{because:?}");
    };
    assert!(matches!(
        **error,
        VerifyError::Snp(SnpError::Certificate {
            link: Link::RevocationList,
            ..
        })
    ));
}

#[test]
fn reports_that_do_not_say_their_product_are_tried_with_each() {
    let Some(mut scene) = Scene::real("snp/v2-milan-trustee-test-report") else {
        return;
    };
    let endorsed = scene.service();
    let bench = Bench::new(&scene, &endorsed, None);
    let fetched = bench.ask(&scene).expect("Milan knows the chip");
    assert_eq!(fetched.endorsements, scene.endorsements);
    // A service that knows the chip as a Genoa only: Milan is asked first.
    scene.name.push_str(", unknown");
    let unknown = crate::service::Service::start();
    let refused = fetch_error(Bench::new(&scene, &unknown, None).ask(&scene));
    assert_eq!(refused, FetchError::NotFound);
    let asked = unknown.asked();
    let products = ["Milan", "Genoa"].map(|name| asked.iter().any(|path| path.contains(name)));
    assert_eq!(products, [true, true], "{asked:?}");
}

#[test]
fn a_quote_without_a_chain_needs_a_pccs() {
    let Some(vectors) = vectors() else { return };
    let set = vectors.join("sgx/neg-oasis-eppid-certtype3/quote.bin");
    let quote = std::fs::read(set).expect("the set has a quote");
    let evidence = synod_attestation::Evidence::new(Tee::Sgx, quote).expect("it is short");
    let Ok(Platform::IntelUnnamed {
        tee: Tee::Sgx,
        query,
    }) = Platform::of(&evidence)
    else {
        panic!("{:?}", Platform::of(&evidence));
    };
    assert_eq!(query.encrypted_ppid.len(), 384);
    let mut scene = Scene::simulated(Tee::Tdx, 1);
    scene.evidence = evidence;
    let service = scene.service();
    let mut bench = Bench::new(&scene, &service, None);
    let refused = bench.ask(&scene);
    assert!(
        matches!(refused, Err(EndorserError::NoService(_))),
        "{refused:?}"
    );
    bench.config.services.intel = IntelService::Pccs {
        base: service.base(),
    };
    assert_eq!(fetch_error(bench.ask(&scene)), FetchError::NotFound);
    let asked = service.asked();
    assert!(asked[0].starts_with("/sgx/certification/v4/pckcert?encrypted_ppid="));
}

#[test]
fn a_report_that_hides_its_chip_cannot_be_asked_about() {
    let mut scene = Scene::simulated(Tee::SevSnp, 1);
    let mut report = scene.evidence.bytes().to_vec();

    report[0x1a0..0x1e0].fill(0);
    scene.evidence = synod_attestation::Evidence::new(Tee::SevSnp, report).expect("it is short");
    let service = scene.service();
    let refused = Bench::new(&scene, &service, None).ask(&scene);
    assert_eq!(refused.err(), Some(EndorserError::ChipHidden));
}

#[test]
fn evidence_that_names_no_platform_is_the_attesters_fault() {
    let mut scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let quote = scene.evidence.bytes()[..700].to_vec();
    scene.evidence = synod_attestation::Evidence::new(Tee::Tdx, quote).expect("it is short");
    let error = Bench::new(&scene, &service, None).ask(&scene);
    let error = error.expect_err("the quote is cut");
    assert_eq!(error.fault(), Fault::Attester);
    assert!(matches!(
        error,
        EndorserError::Platform(PlatformError::Quote(_))
    ));
}

#[test]
fn evidence_that_is_forged_still_gets_its_endorsements() {
    for tee in [Tee::SevSnp, Tee::Tdx] {
        let mut scene = Scene::simulated(tee, 1);
        let service = scene.service();
        let mut forged = scene.evidence.bytes().to_vec();
        // The measurement.
        forged[0xd0] ^= 1;
        scene.evidence = synod_attestation::Evidence::new(tee, forged).expect("it is short");
        let fetched = Bench::new(&scene, &service, None).ask(&scene);
        let fetched = fetched.expect("the platform is real");
        assert_eq!(fetched.endorsements, scene.endorsements);
    }
}

#[test]
fn endorsements_can_be_had_before_there_is_evidence() {
    for tee in [Tee::SevSnp, Tee::Tdx] {
        let scene = Scene::simulated(tee, 1);
        let folder = tempfile::tempdir().expect("there is room");
        let service = scene.service();
        let bench = Bench::new(&scene, &service, Some(folder.path()));
        let platform = Platform::of(&scene.evidence).expect("it names its platform");
        let early = bench.endorser().fetch_for(&platform, scene.now_ms);
        assert_eq!(
            early.expect("the service knows it").endorsements,
            scene.endorsements
        );
        service.asked();
        bench.ask(&scene).expect("the cache has it");
        assert_eq!(service.asked(), Vec::<String>::new());
    }
}

#[test]
fn each_part_of_composite_evidence_gets_its_own() {
    let lead = Scene::simulated(Tee::Tdx, 1);
    let part = Scene::simulated(Tee::SevSnp, 1);
    let service = lead.service();
    for (path, act) in part.pages() {
        service.put(&path, act);
    }
    let mut scene = lead.clone();
    scene.evidence = lead
        .evidence
        .with_part("host", part.evidence)
        .expect("it may have a part");
    let bench = Bench::new(&scene, &service, None);
    let fetched = bench.ask(&scene).expect("the service knows both");
    assert_eq!(fetched.endorsements.lead(), &lead.endorsements);
    assert_eq!(fetched.endorsements.parts(), [part.endorsements]);
    let place = tempfile::tempdir().expect("there is room");
    let written = synod_endorser::folder::write(place.path(), &fetched.endorsements);
    assert_eq!(written.expect("it is written").len(), 5);
    let config = synod_endorser::Config::offline(scene.anchors, vec![place.path().to_owned()]);
    let offline = synod_endorser::Endorser::new(config).expect("the settings are good");
    let read = offline.endorsements_for(&scene.evidence, scene.now_ms);
    assert_eq!(
        read.expect("it is read back").endorsements,
        fetched.endorsements
    );
}

/// The quote with its chain replaced by what a PCCS is asked with.
fn unnamed(scene: &Scene) -> Scene {
    let quote = scene.evidence.bytes();
    let pem = quote
        .windows(11)
        .position(|window| window == b"-----BEGIN ")
        .expect("the quote holds its chain");
    // Type 3: encrypted PPID, CPUSVN, PCESVN, PCE id.
    let named = [[0xee; 384].as_slice(), &[1; 16], &[11, 0], &[0, 0]].concat();
    let mut changed = quote[..pem - 6].to_vec();
    changed.extend([3, 0, 0x94, 1, 0, 0]);
    changed.extend(named);
    let dropped = quote.len() - changed.len();
    // Signature data, and the quoting enclave's report in it, are shorter now.
    for at in [632, 632 + 4 + 128 + 2] {
        let length = u32::from_le_bytes(changed[at..at + 4].try_into().expect("four bytes"));
        let length = length - u32::try_from(dropped).expect("a quote is short");
        changed[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }
    let evidence = synod_attestation::Evidence::new(Tee::Tdx, changed);
    Scene {
        evidence: evidence.expect("it is short"),
        ..scene.clone()
    }
}

#[test]
fn a_pccs_names_the_platform_of_a_quote_without_a_chain() {
    let named = Scene::simulated(Tee::Tdx, 1);
    let Ok(Platform::Intel(intel)) = Platform::of(&named.evidence) else {
        panic!("the quote holds its chain");
    };
    let [pck, issuers @ ..] = intel.chain.as_slice() else {
        panic!("the chain has certificates");
    };
    let issuers: Vec<&[u8]> = issuers.iter().map(Vec::as_slice).collect();
    let scene = unnamed(&named);
    let service = named.service();
    let path = format!(
        "/sgx/certification/v4/pckcert?encrypted_ppid={}&cpusvn={}&pcesvn=0b00&pceid=0000&qeid={}",
        "ee".repeat(384),
        "01".repeat(16),
        "00".repeat(16),
    );
    let header = (
        "SGX-PCK-Certificate-Issuer-Chain".to_owned(),
        percent_encoded(&pem::encode(&issuers)),
    );
    let body = pem::encode(&[pck]).into_bytes();
    service.put(&path, Act::Page(vec![header], body));
    let folder = tempfile::tempdir().expect("there is room");
    let mut bench = Bench::new(&scene, &service, Some(folder.path()));
    bench.config.services.intel = IntelService::Pccs {
        base: service.base(),
    };
    let fetched = bench.ask(&scene).expect("the service names the platform");
    let Endorsements::Intel(collateral) = &fetched.endorsements else {
        panic!("it is Intel's");
    };
    let chain = collateral.pck_certificate_chain.as_ref();
    let chain = chain.expect("the quote holds none");
    assert_eq!(pem::certificates(chain.as_bytes()), Ok(intel.chain));
    assert_eq!(service.asked().len(), 5);
    let again = bench.ask(&scene).expect("the cache has it");
    assert_eq!(again.endorsements, fetched.endorsements);
    assert_eq!(service.asked(), Vec::<String>::new());
}

const CHILD_BASE: &str = "SYNOD_ENDORSER_TEST_BASE";
const CHILD_ROOT: &str = "SYNOD_ENDORSER_TEST_ROOT";

/// What the other process of the next test does; alone it does nothing.
#[test]
fn another_process_asks_as_its_environment_says() {
    let variable = |name| std::env::var(name).ok();
    let (Some(base), Some(root)) = (variable(CHILD_BASE), variable(CHILD_ROOT)) else {
        return;
    };
    let scene = Scene::simulated(Tee::Tdx, 1);
    let root = hex::decode(root).expect("it is hexadecimal");
    let mut bench = Bench::at(&scene, &base, &root, None);
    bench.network().proxy = ProxyChoice::Environment;
    bench.ask(&scene).expect("the service answers");
}

#[test]
fn the_environment_names_the_proxy_and_what_goes_past_it() {
    let scene = Scene::simulated(Tee::Tdx, 1);
    let service = scene.service();
    let proxy = Proxy::start();
    for (past, through) in [("elsewhere.test", true), ("localhost", false)] {
        let program = std::env::current_exe().expect("this program has a path");
        let child = std::process::Command::new(program)
            .args([
                "--exact",
                "services::another_process_asks_as_its_environment_says",
            ])
            .env_remove("ALL_PROXY")
            .env_remove("all_proxy")
            .env_remove("no_proxy")
            .env("HTTPS_PROXY", proxy.url())
            .env("NO_PROXY", past)
            .env(CHILD_BASE, service.base())
            .env(CHILD_ROOT, hex::encode(&service.root))
            .output()
            .expect("it can be started");
        assert!(child.status.success(), "{child:?}");
        assert_eq!(service.asked().len(), 4);
        assert_eq!(!proxy.asked().is_empty(), through, "NO_PROXY={past}");
    }
}
