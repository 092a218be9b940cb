//! The simulated platform: what its PCK certificate says of it, and the quotes
//! that its quoting enclave makes.

use synod_attestation::{Tee, intel::pck::PckExtension};
use synod_crypto::sha256;
use yasna::{DERWriter, DERWriterSeq, models::ObjectIdentifier, tags::TAG_ENUM};

use super::{
    authority::{Key, SGX_EXTENSION},
    draw::Draw,
};

const HEADER: usize = 48;
const SGX_BODY: usize = 384;
const TDX_BODY: usize = 584;
const QE_REPORT: usize = 384;
/// Bits of a domain's attributes; 2, 25 and 40 are reserved.
const TD_ATTRIBUTES: [usize; 15] = [0, 2, 4, 16, 17, 18, 25, 27, 28, 29, 30, 31, 40, 62, 63];

/// The platform of one case.
pub(super) struct Platform {
    pub(super) components: [u8; 16],
    pub(super) pce_svn: u16,
    pub(super) pce_id: [u8; 2],
    pub(super) fmspc: [u8; 6],
    ppid: [u8; 16],
    sgx_type: u8,
    instance: Option<[u8; 16]>,
    /// Dynamic platform, cached keys, two threads a core.
    flags: Option<[bool; 3]>,
}

impl Platform {
    /// A platform much like the one that `simulated` certifies.
    pub(super) fn draw(draw: &mut Draw, simulated: &PckExtension) -> Self {
        let mut platform = Self {
            components: simulated.components.map(|svn| draw.near(svn, 12)),
            pce_svn: draw.pick(&[5, 11, 11, 11, 13, 13, 255, 256]),
            pce_id: simulated.pce_id,
            fmspc: simulated.fmspc,
            ppid: [draw.byte(); 16],
            sgx_type: draw.pick(&[0, 1, 2]),
            instance: None,
            flags: None,
        };
        if draw.one_in(2) {
            platform.instance = Some([draw.byte(); 16]);
            platform.flags = Some([0; 3].map(|_: u8| draw.one_in(2)));
        }
        if draw.one_in(120) {
            platform.fmspc[5] ^= 1;
        }
        if draw.one_in(120) {
            platform.pce_id = [0, 1];
        }
        platform
    }

    /// The value of Intel's extension (Intel, "PCK Certificate and CRL Profile
    /// Specification").
    pub(super) fn extension(&self) -> Vec<u8> {
        yasna::construct_der(|writer| {
            writer.write_sequence(|list| {
                entry(list, &[1], |value| value.write_bytes(&self.ppid));
                entry(list, &[2], |value| {
                    value.write_sequence(|list| self.write_tcb(list));
                });
                entry(list, &[3], |value| value.write_bytes(&self.pce_id));
                entry(list, &[4], |value| value.write_bytes(&self.fmspc));
                entry(list, &[5], |value| {
                    value.write_tagged_implicit(TAG_ENUM, |value| value.write_u8(self.sgx_type));
                });
                if let Some(instance) = &self.instance {
                    entry(list, &[6], |value| value.write_bytes(instance));
                }
                if let Some(flags) = &self.flags {
                    entry(list, &[7], |value| {
                        value.write_sequence(|list| write_flags(list, flags));
                    });
                }
            });
        })
    }

    fn write_tcb(&self, list: &mut DERWriterSeq<'_>) {
        for (svn, arc) in self.components.iter().zip(1..) {
            entry(list, &[2, arc], |value| value.write_u8(*svn));
        }
        entry(list, &[2, 17], |value| value.write_u16(self.pce_svn));
        entry(list, &[2, 18], |value| value.write_bytes(&self.components));
    }
}

fn write_flags(list: &mut DERWriterSeq<'_>, flags: &[bool; 3]) {
    for (flag, arc) in flags.iter().zip(1..) {
        entry(list, &[7, arc], |value| value.write_bool(*flag));
    }
}

/// An entry of Intel's extension, named by Intel's arc continued.
fn entry(list: &mut DERWriterSeq<'_>, arcs: &[u64], value: impl FnOnce(DERWriter<'_>)) {
    let oid = ObjectIdentifier::from_slice(&[&SGX_EXTENSION[..], arcs].concat());
    list.next().write_sequence(|pair| {
        pair.next().write_oid(&oid);
        value(pair.next());
    });
}

/// The parts of a simulated quote that go into new ones.
pub(super) struct Template {
    header: [u8; HEADER],
    body: Vec<u8>,
    qe_report: [u8; QE_REPORT],
}

impl Template {
    /// Takes a quote of version 3 (SGX) or 4 (TDX) apart.
    pub(super) fn of(tee: Tee, quote: &[u8]) -> Self {
        let (body, nesting) = if tee == Tee::Tdx {
            (TDX_BODY, 6)
        } else {
            (SGX_BODY, 0)
        };
        // Length, signature and key stand before what certifies the key.
        let report = HEADER + body + 4 + 128 + nesting;
        let array = "the quote is whole";
        Self {
            header: quote[..HEADER].try_into().expect(array),
            body: quote[HEADER..HEADER + body].to_vec(),
            qe_report: quote[report..report + QE_REPORT].try_into().expect(array),
        }
    }

    /// Header and body of a quote, in some version and form.
    pub(super) fn signed_part(&self, draw: &mut Draw, tee: Tee) -> Vec<u8> {
        let mut header = self.header;
        let mut body = self.body.clone();
        let body_type = if tee == Tee::Tdx {
            change_td(draw, &mut body);
            draw.pick(&[None, None, Some(2), Some(3), Some(3), Some(3), Some(4)])
        } else {
            change_enclave(draw, &mut body);
            draw.one_in(60).then_some(1)
        };
        let Some(body_type) = body_type else {
            return [&header[..], &body].concat();
        };
        header[0] = 5;
        extend_td(draw, body_type, &mut body);
        let size = u32::try_from(body.len()).expect("a body is short");
        let typed = [&body_type.to_le_bytes()[..], &size.to_le_bytes()].concat();
        [&header[..], &typed, &body].concat()
    }

    /// The quoting enclave's report on the attestation key.
    pub(super) fn qe_report(&self, draw: &mut Draw, bound: &[u8; 32]) -> [u8; QE_REPORT] {
        let mut report = self.qe_report;
        report[258] = draw.pick(&[3, 4, 5, 6, 6, 6, 7, 8]);
        for (at, mask) in [
            (16, 0x01),
            (19, 0x80),
            (48, 0x04),
            (48, 0x02),
            (48, 0x80),
            (56, 0x10),
        ] {
            if draw.one_in(300) {
                report[at] ^= mask;
            }
        }
        for at in [128, 256, 257, 259, 352] {
            if draw.one_in(400) {
                report[at] ^= 1;
            }
        }
        report[320..352].copy_from_slice(bound);
        report
    }

    /// A whole quote: `signed` by an attestation key that the quoting enclave
    /// certifies with the `pck` key.
    pub(super) fn quote(
        &self,
        draw: &mut Draw,
        signed: Vec<u8>,
        [attestation, pck]: [&Key; 2],
        pck_chain: &str,
    ) -> Vec<u8> {
        let authentication = [draw.byte(); 32];
        let bound = sha256(&[attestation.point(), &authentication]);
        let report = self.qe_report(draw, bound.as_bytes());
        let mut certified = report.to_vec();
        certified.extend(pck.sign_fixed(&report));
        certified.extend([32, 0]);
        certified.extend(authentication);
        certified.extend([5, 0]);
        certified.extend(sized(pck_chain.as_bytes()));
        if signed[0] > 3 {
            certified = [&[6, 0][..], &sized(&certified)].concat();
        }
        let signature = attestation.sign_fixed(&signed);
        let data = [&signature, attestation.point(), &certified].concat();
        [signed, sized(&data)].concat()
    }
}

/// Changes the report of a domain (TDX 1.0).
fn change_td(draw: &mut Draw, body: &mut [u8]) {
    let svn = tee_tcb_svn(draw);
    body[..16].copy_from_slice(&svn);
    if draw.one_in(40) {
        body[64] = 0x11;
    }
    if draw.one_in(40) {
        body[112 + usize::from(draw.byte() % 8)] ^= 1 << (draw.byte() % 8);
    }
    if draw.one_in(6) {
        let bit = draw.pick(&TD_ATTRIBUTES);
        body[120 + bit / 8] ^= 1 << (bit % 8);
    }
}

/// Appends what later forms of the report have.
fn extend_td(draw: &mut Draw, body_type: u16, body: &mut Vec<u8>) {
    if body_type >= 3 {
        body.extend(tee_tcb_svn(draw));
        body.extend([u8::from(draw.one_in(10)); 48]);
    }
    if body_type >= 4 {
        body.extend([draw.byte(); 237]);
    }
}

/// Module SVN, module version, late microcode.
fn tee_tcb_svn(draw: &mut Draw) -> [u8; 16] {
    let mut svn = [0; 16];
    svn[0] = draw.pick(&[0, 2, 3, 5, 6, 7, 8, 8, 9, 12]);
    svn[1] = draw.pick(&[0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 3, 10, 255]);
    svn[2] = draw.pick(&[6, 7, 8, 8, 8, 9, 9]);
    svn[15] = u8::from(draw.one_in(20));
    svn
}

/// Changes the report of an enclave.
fn change_enclave(draw: &mut Draw, body: &mut [u8]) {
    if draw.one_in(6) {
        body[48 + usize::from(draw.byte() % 16)] ^= 1 << (draw.byte() % 8);
    }
    if draw.one_in(20) {
        let at = draw.below(SGX_BODY as u64);
        body[usize::try_from(at).expect("an index fits")] ^= 1;
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a quote is short");
    [&length.to_le_bytes()[..], bytes].concat()
}
