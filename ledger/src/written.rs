//! The configurations that the public writes of a block contain.

use bytes::Bytes;

use crate::block::Frame;
use crate::configuration::Configuration;
use crate::public_writes::{self, CONFIGURATIONS_MAP, MalformedWrites};
use crate::sequence_error::SequenceError;

/// Every configuration that the frames write, each under its own number.
pub(crate) fn written_configurations(
    frames: &[Frame],
    first_seqno: u64,
) -> Result<Vec<Configuration>, SequenceError> {
    let mut written = Vec::new();
    for (position, frame) in frames.iter().enumerate() {
        collect_configurations(&frame.public, &mut written).map_err(|_| {
            SequenceError::PublicWrites {
                seqno: first_seqno + position as u64,
            }
        })?;
    }
    written
        .iter()
        .map(|(key, value)| keyed_configuration(key, value.as_ref()))
        .collect()
}

type ConfigurationWrite = (Bytes, Option<Bytes>);

fn collect_configurations(
    public: &Bytes,
    written: &mut Vec<ConfigurationWrite>,
) -> Result<(), MalformedWrites> {
    public_writes::for_each(public, |map, (key, value)| {
        if map == CONFIGURATIONS_MAP {
            written.push((public.slice_ref(key), value.map(|v| public.slice_ref(v))));
        }
    })
}

fn keyed_configuration(key: &[u8], value: Option<&Bytes>) -> Result<Configuration, SequenceError> {
    let value = value.ok_or(SequenceError::ConfigurationKey)?;
    let configuration = Configuration::decode(value)?;
    if key == configuration.number().to_be_bytes() {
        Ok(configuration)
    } else {
        Err(SequenceError::ConfigurationKey)
    }
}
