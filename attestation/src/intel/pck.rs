//! The SGX extension of a PCK certificate: which platform, and how old.
//!
//! Source: Intel, "PCK Certificate and Certificate Revocation List Profile
//! Specification", 1.3.5.

use x509_cert::der::asn1::ObjectIdentifier;

use crate::{
    der::{Element, NotDer, Reader, tag},
    intel::error::IntelError,
};

/// The extension, and the arc of everything in it.
pub(crate) const SGX_EXTENSION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");

/// What Intel certifies about a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PckExtension {
    /// Platform provisioning id: names the platform.
    pub ppid: [u8; 16],
    /// Security versions of the platform's parts.
    pub components: [u8; 16],
    /// Security version of the provisioning enclave.
    pub pce_svn: u16,
    /// The components in the processor's own form.
    pub cpu_svn: [u8; 16],
    /// Which provisioning enclave.
    pub pce_id: [u8; 2],
    /// The platform's family, model, stepping, type and custom SKU.
    pub fmspc: [u8; 6],
    /// How memory is protected.
    pub sgx_type: SgxType,
    /// Names the platform instance; it changes at each establishment of keys.
    pub platform_instance: Option<[u8; 16]>,
    /// Whether packages may be added to the platform.
    pub dynamic_platform: Option<bool>,
    /// Whether Intel keeps the platform's root keys.
    pub cached_keys: Option<bool>,
    /// Whether processor cores run two threads.
    pub smt_enabled: Option<bool>,
}

#[cfg(test)]
impl PckExtension {
    /// A platform of no name, for tests of what rests on claims.
    pub(crate) fn zero() -> Self {
        Self {
            ppid: [0; 16],
            components: [0; 16],
            pce_svn: 0,
            cpu_svn: [0; 16],
            pce_id: [0; 2],
            fmspc: [0; 6],
            sgx_type: SgxType::Standard,
            platform_instance: None,
            dynamic_platform: None,
            cached_keys: None,
            smt_enabled: None,
        }
    }
}

/// How memory is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SgxType {
    /// With integrity and freshness, for small memory.
    Standard,
    /// For large memory, without cryptographic integrity.
    Scalable,
    /// For large memory, with cryptographic integrity.
    ScalableWithIntegrity,
}

type Field<T> = Result<T, IntelError>;

impl PckExtension {
    /// Reads the extension's value. Entries that are not known are passed
    /// over; one that appears twice refuses the whole.
    pub fn parse(value: &[u8]) -> Result<Self, IntelError> {
        let mut outer = Reader::new(value);
        let whole = outer.any().map_err(shape)?;
        outer.end().map_err(shape)?;
        let entries = Entries::read(whole, &[])?;
        let ppid = entries.octets(1, "PPID")?;
        let tcb = Entries::read(entries.required(2, "TCB")?, &[2])?;
        let pce_id = entries.octets(3, "PCE id")?;
        let fmspc = entries.octets(4, "FMSPC")?;
        let sgx_type = sgx_type(entries.required(5, "type")?)?;
        let platform_instance = match entries.found(6) {
            Some(element) => Some(octets(element, "platform instance")?),
            None => None,
        };
        let flags = match entries.found(7) {
            Some(configuration) => Entries::read(configuration, &[7])?,
            None => Entries::default(),
        };
        let mut components = [0; 16];
        for (component, arc) in components.iter_mut().zip(1..) {
            let number = number(tcb.required(arc, "component")?, "component")?;
            *component = u8::try_from(number).map_err(|_| wrong("component"))?;
        }
        Ok(Self {
            ppid,
            components,
            pce_svn: number(tcb.required(17, "PCE SVN")?, "PCE SVN")?,
            cpu_svn: tcb.octets(18, "CPU SVN")?,
            pce_id,
            fmspc,
            sgx_type,
            platform_instance,
            dynamic_platform: flags.flag(1)?,
            cached_keys: flags.flag(2)?,
            smt_enabled: flags.flag(3)?,
        })
    }
}

/// The values of one list, by the last arc of their identifiers.
#[derive(Default)]
struct Entries<'a>([Option<Element<'a>>; 19]);

impl<'a> Entries<'a> {
    /// Reads a list whose identifiers go on from Intel's arc with `arcs`.
    fn read(list: Element<'a>, arcs: &[u8]) -> Field<Self> {
        if list.tag != tag::SEQUENCE {
            return Err(wrong("a list is missing"));
        }
        let mut found = Self::default();
        let mut rest = list.inside();
        while !rest.is_empty() {
            let mut entry = rest.read(tag::SEQUENCE).map_err(shape)?.inside();
            let oid = entry.read(tag::OBJECT_IDENTIFIER).map_err(shape)?.content;
            let value = entry.any().map_err(shape)?;
            entry.end().map_err(shape)?;
            let tail = oid.strip_prefix(SGX_EXTENSION.as_bytes());
            let Some([arc]) = tail.and_then(|tail| tail.strip_prefix(arcs)) else {
                continue;
            };
            let Some(place) = found.0.get_mut(usize::from(*arc)) else {
                continue;
            };
            if place.replace(value).is_some() {
                return Err(wrong("an entry appears twice"));
            }
        }
        Ok(found)
    }

    fn found(&self, arc: usize) -> Option<Element<'a>> {
        self.0.get(arc).copied().flatten()
    }

    fn required(&self, arc: usize, what: &'static str) -> Field<Element<'a>> {
        self.found(arc).ok_or_else(|| wrong(what))
    }

    fn octets<const N: usize>(&self, arc: usize, what: &'static str) -> Field<[u8; N]> {
        octets(self.required(arc, what)?, what)
    }

    fn flag(&self, arc: usize) -> Field<Option<bool>> {
        match self.found(arc) {
            Some(element) if element.tag == tag::BOOLEAN => {
                element.boolean().map(Some).map_err(shape)
            }
            Some(_) => Err(wrong("configuration")),
            None => Ok(None),
        }
    }
}

fn octets<const N: usize>(element: Element<'_>, what: &'static str) -> Field<[u8; N]> {
    if element.tag != tag::OCTET_STRING {
        return Err(wrong(what));
    }
    element.content.try_into().map_err(|_| wrong(what))
}

fn number(element: Element<'_>, what: &'static str) -> Field<u16> {
    if element.tag != tag::INTEGER {
        return Err(wrong(what));
    }
    match element.unsigned().map_err(shape)? {
        [low] => Ok(u16::from(*low)),
        [high, low] => Ok(u16::from_be_bytes([*high, *low])),
        _ => Err(wrong(what)),
    }
}

fn sgx_type(element: Element<'_>) -> Field<SgxType> {
    match (element.tag, element.content) {
        (tag::ENUMERATED, [0]) => Ok(SgxType::Standard),
        (tag::ENUMERATED, [1]) => Ok(SgxType::Scalable),
        (tag::ENUMERATED, [2]) => Ok(SgxType::ScalableWithIntegrity),
        _ => Err(wrong("type")),
    }
}

fn wrong(what: &'static str) -> IntelError {
    IntelError::PckExtension(what)
}

fn shape(_: NotDer) -> IntelError {
    wrong("not DER of the expected shape")
}
