//! Each rule for SGX, broken alone.

use super::*;
use crate::{
    intel::report::{SgxAttributes, SgxReport},
    policy::rules::intel::SgxRules,
    sgx::claims::SgxClaims,
};

pub(super) fn sgx() -> SgxClaims {
    let report = SgxReport {
        attributes: SgxAttributes([5, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]),
        mr_enclave: [1; 32],
        mr_signer: [2; 32],
        isv_prod_id: 3,
        isv_svn: 4,
        ..SgxReport::parse(&[0; 384]).expect("a report")
    };
    SgxClaims {
        version: 3,
        report,
        status: TcbStatus::UpToDate,
        advisories: Vec::new(),
        tcb_date_ms: 0,
        evaluation_number: 18,
        fmspc: [0; 6],
        ppid: Vec::new(),
        collateral_expires_ms: NOW_MS,
        pck: PckExtension::zero(),
        levels: TcbLevels::up_to_date(),
    }
}

pub(super) fn sgx_claims(sgx: SgxClaims) -> Claims {
    Claims {
        measurement: Measurement::from(sgx.report.mr_enclave),
        ..claims(Tee::Sgx, Details::Sgx(Box::new(sgx)))
    }
}

fn sgx_keys(
    rules: impl FnOnce(&mut SgxRules),
    change: impl FnOnce(&mut SgxClaims),
) -> Vec<(Rule, String)> {
    let mut sgx = sgx();
    change(&mut sgx);
    let policy = policy(|all| {
        let enclave = Measurement::from([1; 32]);
        all.accept.push(Accepted::of(Tee::Sgx, &enclave, "test"));
        rules(all.sgx.as_mut().expect("rules for SGX"));
    });
    keys(&policy, &sgx_claims(sgx))
}

#[test]
fn each_rule_for_an_enclave_is_broken_alone_and_names_its_key() {
    assert_eq!(sgx_keys(|_| (), |_| ()), []);
    assert_eq!(
        sgx_keys(|_| (), |sgx| sgx.report.attributes.0[0] |= 2),
        one(Rule::NotDebug, "sgx.dangerous_allow_debug")
    );
    assert_eq!(
        sgx_keys(|_| (), |sgx| sgx.status = TcbStatus::OutOfDate),
        one(Rule::Tcb, "sgx.statuses")
    );
    let applies = |sgx: &mut SgxClaims| sgx.advisories = vec!["INTEL-SA-2".to_owned()];
    let list = || BTreeSet::from(["INTEL-SA-2".to_owned()]);
    assert_eq!(
        sgx_keys(|rules| rules.denied_advisories = list(), applies),
        one(Rule::Advisories, "sgx.denied_advisories")
    );
    assert_eq!(
        sgx_keys(|rules| rules.accepted_advisories = Some(list()), applies),
        []
    );
    let none = |rules: &mut SgxRules| rules.accepted_advisories = Some(BTreeSet::new());
    assert_eq!(
        sgx_keys(none, applies),
        one(Rule::Advisories, "sgx.accepted_advisories")
    );
}

#[test]
fn enclave_and_its_collateral_must_reach_the_versions_of_the_policy() {
    assert_eq!(sgx_keys(|rules| rules.isv_svn_min = 4, |_| ()), []);
    assert_eq!(
        sgx_keys(|rules| rules.isv_svn_min = 5, |_| ()),
        one(Rule::Svn, "sgx.isv_svn_min")
    );
    assert_eq!(
        sgx_keys(|rules| rules.evaluation_number_min = 18, |_| ()),
        []
    );
    assert_eq!(
        sgx_keys(|rules| rules.evaluation_number_min = 19, |_| ()),
        one(Rule::EvaluationNumber, "sgx.evaluation_number_min")
    );
}

#[test]
fn smt_under_an_enclave_is_judged_as_far_as_it_is_stated() {
    let required = |rules: &mut SgxRules| rules.require_smt_off = true;
    let broken = one(Rule::SmtOff, "sgx.require_smt_off");
    let with = |smt| move |sgx: &mut SgxClaims| sgx.pck.smt_enabled = smt;
    assert_eq!(sgx_keys(required, with(Some(false))), []);
    assert_eq!(sgx_keys(required, with(Some(true))), broken);
    assert_eq!(sgx_keys(required, with(None)), broken);
    assert_eq!(sgx_keys(|_| (), with(Some(true))), []);
    assert_eq!(sgx_keys(|_| (), with(None)), []);
}

#[test]
fn smt_that_is_not_stated_is_what_the_policy_makes_of_the_unknown() {
    let lenient = policy(|all| {
        all.unknown = Unknown::Accept;
        let enclave = Measurement::from([1; 32]);
        all.accept.push(Accepted::of(Tee::Sgx, &enclave, "test"));
        all.sgx.as_mut().expect("rules for SGX").require_smt_off = true;
        all.tdx.as_mut().expect("rules for TDX").require_smt_off = true;
    });
    assert_eq!(keys(&lenient, &sgx_claims(sgx())), []);
    let domain = claims(Tee::Tdx, Details::Tdx(Box::new(tdx())));
    assert_eq!(keys(&lenient, &domain), []);
}

#[test]
fn out_of_date_platform_of_an_enclave_has_a_grace_of_its_own() {
    let late = |sgx: &mut SgxClaims| {
        sgx.status = TcbStatus::OutOfDate;
        sgx.levels.missed_since_ms = Some(NOW_MS - 60_000);
    };
    let broken = one(Rule::Tcb, "sgx.statuses");
    assert_eq!(sgx_keys(|rules| rules.status_grace_s = 60, late), []);
    assert_eq!(sgx_keys(|rules| rules.status_grace_s = 59, late), broken);
    assert_eq!(sgx_keys(|_| (), late), broken);
}

#[test]
fn debugged_enclave_is_accepted_where_the_policy_says_so() {
    let debugged = sgx_claims({
        let mut sgx = sgx();
        sgx.report.attributes.0[0] |= 2;
        sgx
    });
    let lenient = policy(|all| {
        all.kind = Kind::Evaluation;
        let enclave = Measurement::from([1; 32]);
        all.accept.push(Accepted::of(Tee::Sgx, &enclave, "test"));
        all.sgx
            .as_mut()
            .expect("rules for SGX")
            .dangerous_allow_debug = true;
    });
    assert_eq!(keys(&lenient, &debugged), []);
}
