//! Part 5: the data set becomes private records, over the public HTTPS interface.

use synod_client::{ClientError, Service, WriteOptions, Written};

use crate::outcome::Outcome;
use crate::up::dataset::{DataSet, Record};
use crate::up::side_by_side::side_by_side;

/// The private map of the records.
pub(crate) const MAP: &str = "records";

/// A record that was written.
#[derive(Clone, Debug)]
pub(crate) struct Imported {
    pub(crate) record: Record,
    pub(crate) written: Written,
}

/// Writes every record, many at a time; each answer comes after the commit.
pub(crate) async fn import(service: &Service, data: &DataSet) -> Outcome<Vec<Imported>> {
    let work = data
        .records
        .iter()
        .cloned()
        .map(|record| write(service.clone(), record));
    Ok(Box::pin(side_by_side(work)).await?)
}

async fn write(service: Service, record: Record) -> Result<Imported, ClientError> {
    let options = WriteOptions::default();
    let written = service
        .put(MAP, record.key.as_bytes(), record.value.clone(), &options)
        .await?;
    Ok(Imported { record, written })
}
