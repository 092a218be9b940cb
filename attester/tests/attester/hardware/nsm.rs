//! `/dev/nsm`: each turn of its protocol.

use rustix::io::Errno;
use synod_attestation::{Endorsements, Tee};
use synod_attester::{
    Attester, AttesterError, CharacterDevice, NSM_ANSWER_BYTES_MAX, Nsm, NsmError, NsmMessageError,
    NsmRequest, Quoted, TRIES_MAX, ThreadPause, document_of,
};

use crate::hardware::{
    NOW_MS,
    nsm_standin::{NsmModule, attestation, fields, refusal},
    pauses::Pauses,
    report_data,
};

fn quote(module: &NsmModule) -> Result<Quoted, AttesterError> {
    Nsm::new(Box::new(module.clone()), Box::new(Pauses::default())).quote(&report_data(), NOW_MS)
}

#[track_caller]
fn error(module: &NsmModule) -> NsmError {
    match quote(module) {
        Err(AttesterError::Nsm(error)) => error,
        other => panic!("expected an error of the module, found {other:?}"),
    }
}

#[track_caller]
fn error_of_answer(answer: Vec<u8>) -> NsmMessageError {
    let module = NsmModule::default();
    module.module().answers = Some(answer);
    match error(&module) {
        NsmError::Message(error) => error,
        other => panic!("expected an error of the answer, found {other:?}"),
    }
}

#[test]
fn document_is_over_our_report_data_and_needs_no_endorsements() {
    let module = NsmModule::default();
    let quoted = quote(&module).expect("evidence");
    assert_eq!(quoted.evidence.tee(), Tee::Nitro);
    assert_eq!(module.module().user_data, Some(vec![0x5a; 64]));
    assert_eq!(quoted.evidence.bytes()[..14], *b"document over ");
    assert_eq!(quoted.endorsements, Some(Endorsements::Nitro));
}

#[test]
fn request_carries_every_field_up_to_its_bound() {
    let bytes = vec![1; 2000];
    let request = |user_data, nonce, public_key| {
        let field = |length: Option<usize>| length.map(|length| &bytes[..length]);
        NsmRequest {
            user_data: field(user_data),
            nonce: field(nonce),
            public_key: field(public_key),
        }
        .encode()
    };
    let sound = request(Some(512), Some(512), Some(1024)).expect("within bounds");
    let found = fields(&sound).expect("a request");
    assert_eq!(
        found.map(|field| field.map_or(0, |f| f.len())),
        [512, 512, 1024]
    );
    let empty = request(None, None, None).expect("within bounds");
    assert_eq!(fields(&empty).expect("a request"), [None, None, None]);
    let too_long = |field, length, most| {
        Err(NsmMessageError::FieldTooLong {
            field,
            length,
            most,
        })
    };
    assert_eq!(
        request(Some(513), None, None),
        too_long("user_data", 513, 512)
    );
    assert_eq!(request(None, Some(513), None), too_long("nonce", 513, 512));
    assert_eq!(
        request(None, None, Some(1025)),
        too_long("public_key", 1025, 1024)
    );
}

#[test]
fn refusal_of_the_module_is_told_in_its_word() {
    for code in ["InvalidOperation", "InputTooLarge", "InternalError"] {
        let expected = NsmMessageError::Refused(code.to_owned());
        assert_eq!(error_of_answer(refusal(code)), expected);
    }
}

#[test]
fn refusal_with_control_characters_is_not_printed_raw() {
    let long = format!("\u{1b}[2J{}", "x".repeat(1000));
    let NsmMessageError::Refused(word) = error_of_answer(refusal(&long)) else {
        panic!("expected a refusal");
    };
    assert!(word.starts_with("\\u{1b}[2Jx") && word.len() < 100);
}

#[test]
fn answer_to_another_command_is_refused() {
    let other = NsmMessageError::OtherCommand("DescribePCR".to_owned());
    let mut answer = attestation(b"document");
    let name = answer
        .windows(11)
        .position(|window| window == b"Attestation")
        .expect("the command's name");
    answer[name..name + 11].copy_from_slice(b"DescribePCR");
    assert_eq!(error_of_answer(answer), other);
}

#[test]
fn answer_that_is_not_of_the_right_shape_is_refused() {
    let bytes_after = [attestation(b"document"), vec![0]].concat();
    let two_keys = {
        let mut answer = attestation(b"document");
        answer[0] = 0xa2;
        [answer, vec![0x61, b'x', 0xf6]].concat()
    };
    let text_document = {
        let mut answer = attestation(b"document");
        let at = answer.len() - 9;
        answer[at] = 0x68;
        answer
    };
    let indefinite = vec![0xbf, 0x65, b'E', b'r', b'r', b'o', b'r', 0x61, b'x', 0xff];
    for answer in [
        Vec::new(),
        vec![0xff],
        vec![0xf6],
        vec![0x80],
        vec![0xa0],
        bytes_after,
        two_keys,
        text_document,
        indefinite,
        // A map, an array and a string that claim to go on for ever.
        vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        [&[0xa1, 0x7b][..], &[0xff; 8], b"Attestation"].concat(),
    ] {
        assert_eq!(error_of_answer(answer), NsmMessageError::Malformed);
    }
}

#[test]
fn answer_cut_short_anywhere_is_refused() {
    let answer = attestation(&[7; 300]);
    assert_eq!(document_of(&answer), Ok(vec![7; 300]));
    for length in 0..answer.len() {
        let cut = document_of(&answer[..length]);
        assert_eq!(cut, Err(NsmMessageError::Malformed), "{length} bytes");
    }
}

#[test]
fn answer_that_did_not_fit_is_refused() {
    let module = NsmModule::default();
    module.module().answers = Some(attestation(&vec![7; NSM_ANSWER_BYTES_MAX]));
    assert_eq!(error(&module), NsmError::Truncated(NSM_ANSWER_BYTES_MAX));
    let longest = attestation(&vec![7; NSM_ANSWER_BYTES_MAX - 26]);
    assert_eq!(longest.len(), NSM_ANSWER_BYTES_MAX);
    module.module().answers = Some(longest);
    assert!(quote(&module).is_ok());
    let oversized = vec![0; NSM_ANSWER_BYTES_MAX + 1];
    let too_long = NsmMessageError::AnswerTooLong(NSM_ANSWER_BYTES_MAX + 1);
    assert_eq!(document_of(&oversized), Err(too_long));
}

#[test]
fn busy_device_is_asked_again_boundedly() {
    let module = NsmModule::default();
    module.module().fails = vec![Errno::INTR, Errno::AGAIN, Errno::BUSY];
    assert!(quote(&module).is_ok());
    assert_eq!(module.module().calls, 4);
    module.module().fails = vec![Errno::BUSY; 100];
    module.module().calls = 0;
    assert!(matches!(error(&module), NsmError::Device(_)));
    assert_eq!(module.module().calls as u32, TRIES_MAX);
}

#[test]
fn errors_of_the_driver_are_told() {
    let module = NsmModule::default();
    module.module().fails = vec![Errno::TIMEDOUT];
    let NsmError::Device(error) = error(&module) else {
        panic!("expected an error of the driver");
    };
    assert_eq!(error.code(), Some(Errno::TIMEDOUT.raw_os_error()));
    assert_eq!(module.module().calls, 1);
}

#[test]
fn file_that_is_not_the_module_is_told() {
    let null = CharacterDevice::open("/dev/null".as_ref()).expect("/dev/null");
    let mut attester = Nsm::new(Box::new(null), Box::new(ThreadPause));
    let error = attester.quote(&report_data(), NOW_MS);
    assert!(matches!(
        error,
        Err(AttesterError::Nsm(NsmError::Device(_)))
    ));
}

/// Answers with a few bytes changed are refused or read, and never more.
#[test]
fn mutated_answers_do_no_harm() {
    let sound = attestation(&[7; 200]);
    let mut state = 0x5eed_u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize
    };
    for _ in 0..5000 {
        let mut answer = sound.clone();
        for _ in 0..=next() % 3 {
            let at = next() % answer.len();
            answer[at] = next() as u8;
        }
        answer.truncate(next() % (answer.len() + 1));
        if let Ok(document) = document_of(&answer) {
            assert!(document.len() <= answer.len());
        }
    }
}
