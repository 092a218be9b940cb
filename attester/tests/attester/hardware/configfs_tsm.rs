//! configfs-tsm: each turn of its protocol.

use std::{io::ErrorKind, path::Path};

use rustix::io::Errno;
use synod_attestation::Tee;
use synod_attester::{
    Attester, AttesterError, ConfigfsTsm, FIRST_PAUSE, Quoted, TRIES_MAX, TsmError, TsmOptions,
};

use crate::hardware::{
    NOW_MS,
    pauses::Pauses,
    report_data,
    tsm_standin::{Deed, ROOT, Tsm, snp_report, tdx_quote},
};

/// A kernel, and an attester on it.
struct Scene {
    tsm: Tsm,
    pauses: Pauses,
    options: TsmOptions,
}

impl Scene {
    fn new(tsm: Tsm) -> Self {
        Self {
            tsm,
            pauses: Pauses::default(),
            options: TsmOptions::default(),
        }
    }

    fn open(&self) -> Result<ConfigfsTsm, TsmError> {
        ConfigfsTsm::open(
            Path::new(ROOT),
            Box::new(self.tsm.clone()),
            Box::new(self.pauses.clone()),
            self.options.clone(),
        )
    }

    fn quote(&self) -> Result<Quoted, AttesterError> {
        self.open()?.quote(&report_data(), NOW_MS)
    }

    #[track_caller]
    fn evidence(&self) -> Vec<u8> {
        let quoted = self.quote().expect("evidence");
        self.left_nothing_behind();
        quoted.evidence.bytes().to_vec()
    }

    #[track_caller]
    fn error(&self) -> TsmError {
        let error = match self.quote() {
            Err(AttesterError::Tsm(error)) => error,
            other => panic!("expected an error of configfs-tsm, found {other:?}"),
        };
        self.left_nothing_behind();
        error
    }

    #[track_caller]
    fn left_nothing_behind(&self) {
        assert!(self.tsm.kernel().entries.is_empty(), "an entry was left");
    }

    /// A kernel in which the opening of `file` fails with `error`, `times` in a row.
    fn opening_fails(self, file: &'static str, error: Errno, mut times: u32) -> Self {
        self.tsm.before_each_deed(move |_, deed, attribute| {
            if deed != Deed::Open || attribute != file || times == 0 {
                return None;
            }
            times -= 1;
            Some(error)
        });
        self
    }
}

fn sev_guest() -> Scene {
    Scene::new(Tsm::sev_guest())
}

fn tdx_guest() -> Scene {
    Scene::new(Tsm::tdx_guest())
}

#[test]
fn snp_report_is_over_our_report_data() {
    let scene = sev_guest();
    assert_eq!(scene.open().expect("a guest").tee(), Tee::SevSnp);
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 0));
}

#[test]
fn certificate_table_comes_along() {
    let scene = sev_guest();
    scene.tsm.kernel().auxblob = Some(vec![7; 5000]);
    let quoted = scene.quote().expect("evidence");
    assert_eq!(quoted.certificate_table, vec![7; 5000]);
    assert!(
        tdx_guest()
            .quote()
            .expect("evidence")
            .certificate_table
            .is_empty()
    );
}

#[test]
fn tdx_quote_of_either_version_is_over_our_report_data() {
    let scene = tdx_guest();
    assert_eq!(scene.open().expect("a guest").provider(), "tdx_guest");
    assert_eq!(scene.evidence(), tdx_quote(4, &[0x5a; 64]));
    scene.tsm.kernel().report = |inblob, _| tdx_quote(5, inblob);
    assert_eq!(scene.evidence(), tdx_quote(5, &[0x5a; 64]));
}

#[test]
fn quote_of_unknown_version_is_refused() {
    let scene = tdx_guest();
    scene.tsm.kernel().report = |inblob, _| tdx_quote(6, inblob);
    assert_eq!(scene.error(), TsmError::Length(5000));
}

#[test]
fn report_in_pieces_and_interrupted_is_read_whole() {
    for piece in [1, 7, 4096] {
        let scene = sev_guest();
        scene.tsm.kernel().piece = piece;
        scene.tsm.kernel().interruptions = 5;
        assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 0));
    }
}

#[test]
fn report_is_asked_for_again_when_another_wrote_in_between() {
    let scene = sev_guest();
    let mut writes = 0;
    scene.tsm.before_each_deed(move |kernel, deed, attribute| {
        if deed == Deed::Open && attribute == "outblob" && writes < 2 {
            writes += 1;
            kernel.other_writes(&[0xee; 64]);
        }
        None
    });
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 0));
}

#[test]
fn another_who_writes_the_same_is_noticed_by_the_generation() {
    let scene = sev_guest();
    let mut writes = 0;
    scene.tsm.before_each_deed(move |kernel, deed, attribute| {
        if deed == Deed::Open && attribute == "outblob" && writes < 1 {
            writes += 1;
            kernel.other_writes(&[0x5a; 64]);
        }
        None
    });
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 0));
    let inblobs = scene.tsm.kernel().written.len();
    assert_eq!(inblobs, 2, "the report was asked for again");
}

#[test]
fn another_who_writes_all_the_time_ends_in_an_error() {
    let scene = sev_guest();
    scene.tsm.before_each_deed(|kernel, deed, attribute| {
        if deed == Deed::Open && attribute == "outblob" {
            kernel.other_writes(&[0xee; 64]);
        }
        None
    });
    assert_eq!(scene.error(), TsmError::Disturbed(4));
}

#[test]
fn write_that_the_kernel_refused_in_silence_is_made_again() {
    // A counter that would overtake the last reading refuses every write, and
    // for `inblob` tells nobody. The reading that follows sets it right.
    let scene = sev_guest();
    let mut is_full = false;
    scene.tsm.before_each_deed(move |kernel, deed, attribute| {
        if deed == Deed::Write && attribute == "inblob" && !is_full {
            is_full = true;
            for entry in kernel.entries.values_mut() {
                entry.inblob = vec![0x5a; 64];
                entry.write_generation = u64::MAX;
            }
        }
        None
    });
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 0));
    assert_eq!(scene.tsm.kernel().written.len(), 2);
}

#[test]
fn generation_may_wrap() {
    let scene = sev_guest();
    scene.tsm.kernel().first_generation = u64::MAX;
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 0));
}

#[test]
fn generation_that_is_no_number_is_refused() {
    let scene = sev_guest();
    scene.tsm.kernel().generation_says = Some("many");
    let garbage = TsmError::Text {
        file: "generation",
        text: "many".to_owned(),
    };
    assert_eq!(scene.error(), garbage);
}

#[test]
fn busy_kernel_is_asked_again_with_pauses_that_double() {
    for error in [Errno::BUSY, Errno::INTR, Errno::WOULDBLOCK] {
        let scene = tdx_guest().opening_fails("outblob", error, 3);
        assert_eq!(scene.evidence(), tdx_quote(4, &[0x5a; 64]));
        let first = FIRST_PAUSE.as_millis();
        assert_eq!(scene.pauses.made(), [first, first * 2, first * 4]);
    }
}

#[test]
fn kernel_that_stays_busy_ends_in_an_error() {
    let scene = tdx_guest().opening_fails("outblob", Errno::BUSY, u32::MAX);
    let TsmError::Busy { file, error } = scene.error() else {
        panic!("expected a busy kernel");
    };
    assert_eq!((file, error.kind()), ("outblob", ErrorKind::ResourceBusy));
    assert_eq!(scene.pauses.made().len() as u32, TRIES_MAX - 1);
    let total: u128 = scene.pauses.made().iter().sum();
    assert!(total < 2000, "{total} ms of pauses");
}

#[test]
fn other_errors_of_the_driver_are_told_at_once() {
    let scene = tdx_guest().opening_fails("outblob", Errno::TIMEDOUT, 1);
    let TsmError::File { file, error } = scene.error() else {
        panic!("expected an error of a file");
    };
    assert_eq!(file, "outblob");
    assert_eq!(error.code(), Some(Errno::TIMEDOUT.raw_os_error()));
    assert!(scene.pauses.made().is_empty());
}

#[test]
fn report_of_wrong_length_is_refused() {
    for length in [0, 1, 0x49f, 0x4a1] {
        let scene = sev_guest();
        scene.tsm.kernel().report = match length {
            0 => |_, _| Vec::new(),
            1 => |_, _| vec![3],
            0x49f => |inblob, level| snp_report(inblob, level)[..0x49f].to_vec(),
            _ => |inblob, level| [snp_report(inblob, level), vec![0]].concat(),
        };
        assert_eq!(scene.error(), TsmError::Length(length));
    }
}

#[test]
fn quote_too_short_for_report_data_is_refused() {
    let scene = tdx_guest();
    scene.tsm.kernel().report = |inblob, _| tdx_quote(4, inblob)[..48 + 583].to_vec();
    assert_eq!(scene.error(), TsmError::Length(48 + 583));
}

#[test]
fn report_without_end_is_refused() {
    let scene = tdx_guest();
    scene.tsm.kernel().report = |_, _| vec![4; 1 << 20];
    let most = 64 * 1024;
    assert_eq!(
        scene.error(),
        TsmError::TooLong {
            file: "outblob",
            most
        }
    );
}

#[test]
fn certificate_table_without_end_is_refused() {
    let scene = sev_guest();
    scene.tsm.kernel().auxblob = Some(vec![0; 1 << 20]);
    let most = 32 * 1024;
    assert_eq!(
        scene.error(),
        TsmError::TooLong {
            file: "auxblob",
            most
        }
    );
}

#[test]
fn report_over_other_report_data_is_refused() {
    let scene = sev_guest();
    scene.tsm.kernel().report = |_, level| snp_report(&[0xee; 64], level);
    assert_eq!(scene.error(), TsmError::ForeignReport);
}

#[test]
fn provider_that_is_unknown_is_named() {
    for provider in ["arm_cca_guest", "novel_guest"] {
        let scene = sev_guest();
        scene.tsm.kernel().provider = Some(provider);
        let expected = TsmError::ProviderUnknown(provider.to_owned());
        assert_eq!(scene.open().err(), Some(expected));
        scene.left_nothing_behind();
    }
}

#[test]
fn provider_whose_name_is_garbage_is_not_printed_raw() {
    let scene = sev_guest();
    scene.tsm.kernel().provider = Some("\u{1b}[2J");
    assert_eq!(
        scene.open().err(),
        Some(TsmError::Text {
            file: "provider",
            text: "\\u{1b}[2J".to_owned()
        })
    );
}

#[test]
fn missing_driver_is_told() {
    let scene = sev_guest();
    scene.tsm.kernel().provider = None;
    assert_eq!(scene.open().err(), Some(TsmError::NoProvider));
}

#[test]
fn provider_that_changes_between_two_reports_is_told() {
    let scene = sev_guest();
    let mut attester = scene.open().expect("a guest");
    scene.tsm.kernel().provider = Some("tdx_guest");
    let changed = TsmError::ProviderChanged {
        before: "sev_guest".to_owned(),
        after: "tdx_guest".to_owned(),
    };
    let error = attester.quote(&report_data(), NOW_MS).err();
    assert_eq!(error, Some(AttesterError::Tsm(changed)));
    scene.left_nothing_behind();
}

#[test]
fn provider_that_changes_while_the_report_is_made_is_told() {
    let scene = sev_guest();
    scene.tsm.before_each_deed(|kernel, deed, attribute| {
        if deed == Deed::Open && attribute == "auxblob" {
            kernel.provider = Some("tdx_guest");
        }
        None
    });
    assert!(matches!(scene.error(), TsmError::ProviderChanged { .. }));
}

#[test]
fn user_who_may_not_make_entries_is_told() {
    let scene = sev_guest();
    scene
        .tsm
        .before_each_deed(|_, deed, _| (deed == Deed::Make).then_some(Errno::ACCESS));
    let Err(TsmError::File { file, error }) = scene.open() else {
        panic!("expected an error of the entry");
    };
    assert_eq!((file, error.kind()), ("entry", ErrorKind::PermissionDenied));
}

#[test]
fn name_that_is_taken_is_passed_over() {
    let scene = sev_guest();
    let mut taken = 3;
    scene.tsm.before_each_deed(move |_, deed, _| {
        if deed != Deed::Make || taken == 0 {
            return None;
        }
        taken -= 1;
        Some(Errno::EXIST)
    });
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 0));
}

#[test]
fn names_that_are_all_taken_end_in_an_error() {
    let scene = sev_guest();
    scene
        .tsm
        .before_each_deed(|_, deed, _| (deed == Deed::Make).then_some(Errno::EXIST));
    assert_eq!(scene.open().err(), Some(TsmError::NamesTaken(16)));
}

#[test]
fn message_taken_in_part_is_refused() {
    let scene = sev_guest();
    scene.tsm.kernel().write_most = 63;
    let short = TsmError::ShortWrite {
        file: "inblob",
        written: 63,
        of: 64,
    };
    assert_eq!(scene.error(), short);
}

#[test]
fn report_names_the_least_privilege_level_that_is_allowed() {
    let scene = sev_guest();
    scene.tsm.kernel().privlevel_floor = Some(2);
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 2));
}

#[test]
fn report_names_the_privilege_level_that_is_asked_for() {
    let mut scene = sev_guest();
    scene.options.privlevel = Some(3);
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 3));
    scene.options.privlevel = Some(4);
    let TsmError::File { file, error } = scene.error() else {
        panic!("expected an error of a file");
    };
    assert_eq!((file, error.kind()), ("privlevel", ErrorKind::InvalidInput));
}

#[test]
fn options_are_written_before_the_report_data_and_counted() {
    let mut scene = sev_guest();
    scene.options = TsmOptions {
        privlevel: Some(1),
        service_provider: Some("svsm".to_owned()),
        service_guid: Some("c476f1eb-0123-45a5-9641-b4e7dde5bfe3".to_owned()),
        service_manifest_version: Some(1),
    };
    assert_eq!(scene.evidence(), snp_report(&[0x5a; 64], 1));
    let kernel = scene.tsm.kernel();
    let files: Vec<_> = kernel
        .written
        .iter()
        .map(|(file, _)| file.as_str())
        .collect();
    assert_eq!(
        files,
        [
            "privlevel",
            "service_provider",
            "service_guid",
            "service_manifest_version",
            "inblob"
        ]
    );
}

#[test]
fn each_report_has_an_entry_of_its_own() {
    let scene = sev_guest();
    let mut attester = scene.open().expect("a guest");
    for _ in 0..3 {
        attester.quote(&report_data(), NOW_MS).expect("evidence");
    }
    // One more was made to learn the provider.
    assert_eq!(scene.tsm.kernel().made, 4);
    scene.left_nothing_behind();
}

#[test]
fn entry_that_cannot_be_removed_does_not_spoil_the_report() {
    let scene = sev_guest();
    scene
        .tsm
        .before_each_deed(|_, deed, _| (deed == Deed::Remove).then_some(Errno::BUSY));
    assert!(scene.quote().is_ok());
}
