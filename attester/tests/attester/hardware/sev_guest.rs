//! `/dev/sev-guest`: each turn of its protocol.

use rustix::io::Errno;
use synod_attester::{
    Attester, AttesterError, CharacterDevice, PAGE_BYTES, Quoted, SevGuest, SevGuestError,
    TRIES_MAX, ThreadPause, report_of,
};

use crate::hardware::{
    NOW_MS,
    pauses::Pauses,
    report_data,
    sev_standin::{HOST_BUSY, SevDevice},
    tsm_standin::snp_report,
};

fn quote_at(device: &SevDevice, vmpl: u8) -> Result<Quoted, AttesterError> {
    let pauses = Pauses::default();
    SevGuest::new(Box::new(device.clone()), Box::new(pauses), vmpl).quote(&report_data(), NOW_MS)
}

#[track_caller]
fn evidence(device: &SevDevice) -> Vec<u8> {
    let quoted = quote_at(device, 0).expect("evidence");
    quoted.evidence.bytes().to_vec()
}

#[track_caller]
fn error(device: &SevDevice) -> SevGuestError {
    match quote_at(device, 0) {
        Err(AttesterError::SevGuest(error)) => error,
        other => panic!("expected an error of the driver, found {other:?}"),
    }
}

#[test]
fn report_is_over_our_report_data_and_privilege_level() {
    let device = SevDevice::new();
    assert_eq!(evidence(&device), snp_report(&[0x5a; 64], 0));
    let quoted = quote_at(&device, 2).expect("evidence");
    assert_eq!(quoted.evidence.bytes(), snp_report(&[0x5a; 64], 2));
}

#[test]
fn certificates_that_fit_are_asked_for_once() {
    let device = SevDevice::new();
    device.platform().table = vec![7; 2 * PAGE_BYTES];
    let quoted = quote_at(&device, 0).expect("evidence");
    assert_eq!(quoted.certificate_table, vec![7; 2 * PAGE_BYTES]);
    assert_eq!(device.platform().calls, [(true, 2 * PAGE_BYTES)]);
}

#[test]
fn too_little_room_is_made_larger_once() {
    let device = SevDevice::new();
    device.platform().table = vec![7; 3 * PAGE_BYTES - 100];
    evidence(&device);
    let calls = [(true, 2 * PAGE_BYTES), (true, 3 * PAGE_BYTES)];
    assert_eq!(device.platform().calls, calls);
}

#[test]
fn more_certificates_than_the_kernel_passes_on_are_done_without() {
    let device = SevDevice::new();
    device.platform().table = vec![7; 5 * PAGE_BYTES];
    evidence(&device);
    let calls = [(true, 2 * PAGE_BYTES), (false, 0)];
    assert_eq!(device.platform().calls, calls);
}

#[test]
fn host_that_contradicts_itself_about_lengths_is_refused() {
    // It needs less than it had; or ever more.
    for (claim, calls) in [(0, 1), (4096, 1), (8192, 1), (12_288, 2)] {
        let device = SevDevice::new();
        device.platform().claims_to_need = Some(claim);
        assert_eq!(error(&device), SevGuestError::CertificatesLength(claim));
        assert_eq!(device.platform().calls.len(), calls);
    }
    let device = SevDevice::new();
    device.platform().claims_to_need = Some(u32::MAX);
    evidence(&device);
}

#[test]
fn error_of_the_firmware_is_told_and_not_tried_again() {
    let device = SevDevice::new();
    device.platform().fails = vec![(Errno::IO, 0x27)];
    assert_eq!(error(&device), SevGuestError::Firmware(0x27));
    assert_eq!(device.platform().calls.len(), 1);
    assert_eq!(error(&device), SevGuestError::Disabled);
}

#[test]
fn privilege_level_above_the_guests_own_is_the_firmwares_error() {
    let device = SevDevice::new();
    device.platform().vmpl = 2;
    assert_eq!(error(&device), SevGuestError::Firmware(0x16));
}

#[test]
fn host_that_throttles_is_told() {
    let device = SevDevice::new();
    device.platform().fails = vec![(Errno::TIMEDOUT, HOST_BUSY)];
    assert_eq!(error(&device), SevGuestError::Throttled);
}

#[test]
fn other_errors_of_the_host_are_told_by_number() {
    let device = SevDevice::new();
    device.platform().fails = vec![(Errno::IO, 0x101_0000_0016)];
    assert_eq!(error(&device), SevGuestError::Host(0x101));
}

#[test]
fn errors_of_the_kernel_itself_are_told_as_such() {
    let device = SevDevice::new();
    device.platform().fails = vec![(Errno::NOMEM, 0xff)];
    let SevGuestError::Device(error) = error(&device) else {
        panic!("expected an error of the kernel");
    };
    assert_eq!(error.code(), Some(Errno::NOMEM.raw_os_error()));
}

#[test]
fn busy_device_is_asked_again_boundedly() {
    let device = SevDevice::new();
    device.platform().fails = vec![(Errno::INTR, 0xff); 3];
    assert_eq!(evidence(&device), snp_report(&[0x5a; 64], 0));
    device.platform().fails = vec![(Errno::BUSY, 0xff); 100];
    device.platform().calls.clear();
    assert!(matches!(error(&device), SevGuestError::Device(_)));
    assert_eq!(device.platform().calls.len() as u32, TRIES_MAX);
}

#[test]
fn response_without_success_is_refused() {
    let device = SevDevice::new();
    device.platform().status = 0x16;
    assert_eq!(error(&device), SevGuestError::Status(0x16));
}

#[test]
fn report_of_wrong_length_is_refused() {
    for length in [0, 0x49f, 0x4a1, u32::MAX] {
        let device = SevDevice::new();
        device.platform().length = length;
        assert_eq!(error(&device), SevGuestError::Length(length));
    }
}

#[test]
fn report_over_other_report_data_is_refused() {
    let device = SevDevice::new();
    device.platform().report = |_, vmpl| snp_report(&[0xee; 64], vmpl);
    assert_eq!(error(&device), SevGuestError::ForeignReport);
}

#[test]
fn response_cut_short_anywhere_is_refused() {
    let mut response = vec![0; 32 + 0x4a0];
    response[4..8].copy_from_slice(&0x4a0_u32.to_le_bytes());
    assert!(report_of(&response).is_ok());
    for length in 0..response.len() {
        assert_eq!(
            report_of(&response[..length]),
            Err(SevGuestError::Length(0))
        );
    }
}

#[test]
fn file_that_is_not_the_driver_is_told() {
    let null = CharacterDevice::open("/dev/null".as_ref()).expect("/dev/null");
    let mut attester = SevGuest::new(Box::new(null), Box::new(ThreadPause), 0);
    let error = attester.quote(&report_data(), NOW_MS).err();
    assert_eq!(
        error,
        Some(AttesterError::SevGuest(SevGuestError::Disabled))
    );
}
