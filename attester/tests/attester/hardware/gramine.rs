//! Gramine's files: each turn of their protocol.

use std::{io::ErrorKind, path::Path};

use rustix::io::Errno;
use synod_attestation::Tee;
use synod_attester::{Attester, AttesterError, Gramine, GramineError, Quoted};

use crate::hardware::{
    NOW_MS,
    gramine_standin::{GramineFiles, ROOT, sgx_quote},
    pauses::Pauses,
    report_data,
};

fn open(files: &GramineFiles) -> Result<Gramine, GramineError> {
    let pauses = Pauses::default();
    Gramine::open(Path::new(ROOT), Box::new(files.clone()), Box::new(pauses))
}

fn quote(files: &GramineFiles) -> Result<Quoted, AttesterError> {
    Attester::quote(&mut open(files)?, &report_data(), NOW_MS)
}

#[track_caller]
fn error(files: &GramineFiles) -> GramineError {
    match quote(files) {
        Err(AttesterError::Gramine(error)) => error,
        other => panic!("expected an error of Gramine, found {other:?}"),
    }
}

#[test]
fn quote_is_over_our_report_data_and_without_endorsements() {
    let files = GramineFiles::new();
    files.os().piece = 100;
    let quoted = quote(&files).expect("evidence");
    assert_eq!(quoted.evidence.tee(), Tee::Sgx);
    assert_eq!(quoted.evidence.bytes(), sgx_quote(&[0x5a; 64]));
    assert_eq!(quoted.endorsements, None);
}

#[test]
fn scheme_with_a_line_end_is_understood() {
    let files = GramineFiles::new();
    files.os().scheme = Some("dcap\n");
    assert!(open(&files).is_ok());
}

#[test]
fn other_schemes_than_dcap_are_refused_by_name() {
    for scheme in ["none", "epid", ""] {
        let files = GramineFiles::new();
        files.os().scheme = Some(scheme);
        assert_eq!(error(&files), GramineError::Scheme(scheme.to_owned()));
    }
}

#[test]
fn program_outside_of_gramine_is_told() {
    let files = GramineFiles::new();
    files.os().scheme = None;
    let GramineError::File { file, error } = error(&files) else {
        panic!("expected an error of a file");
    };
    assert_eq!(
        (file, error.kind()),
        ("attestation_type", ErrorKind::NotFound)
    );
}

#[test]
fn report_data_taken_in_part_is_refused() {
    let files = GramineFiles::new();
    files.os().write_most = 63;
    assert_eq!(error(&files), GramineError::ShortWrite(63));
}

#[test]
fn quote_over_other_report_data_is_refused() {
    let files = GramineFiles::new();
    files.os().quote = |_| sgx_quote(&[0xee; 64]);
    assert_eq!(error(&files), GramineError::ForeignQuote);
}

#[test]
fn bytes_that_are_no_quote_are_refused() {
    let files = GramineFiles::new();
    files.os().quote = |report_data| sgx_quote(report_data)[..431].to_vec();
    assert_eq!(error(&files), GramineError::NoQuote(431));
    files.os().quote = |_| vec![2; 1000];
    assert_eq!(error(&files), GramineError::NoQuote(1000));
    files.os().quote = |_| Vec::new();
    assert_eq!(error(&files), GramineError::NoQuote(0));
}

#[test]
fn quote_without_end_is_refused() {
    let files = GramineFiles::new();
    files.os().quote = |_| vec![3; 1 << 20];
    assert_eq!(error(&files), GramineError::TooLong(64 * 1024));
}

#[test]
fn quoting_that_fails_for_a_while_is_tried_again() {
    let files = GramineFiles::new();
    files.os().fails = vec![Errno::AGAIN, Errno::INTR];
    assert!(quote(&files).is_ok());
    files.os().fails = vec![Errno::PERM];
    let GramineError::File { file, error } = error(&files) else {
        panic!("expected an error of a file");
    };
    assert_eq!((file, error.kind()), ("quote", ErrorKind::PermissionDenied));
}
