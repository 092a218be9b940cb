//! Many calls at the same time, and not too many.

use std::collections::BTreeMap;
use std::future::Future;

use synod_client::ClientError;
use tokio::task::JoinSet;

/// Work that is done at the same time.
const AT_ONCE: usize = 64;

/// Does all of it, some at a time; the results are in the order of the work.
pub(crate) async fn side_by_side<T, F>(
    work: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, ClientError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ClientError>> + Send + 'static,
{
    let mut running = JoinSet::new();
    let mut results = BTreeMap::new();
    for (position, one) in work.into_iter().enumerate() {
        if running.len() >= AT_ONCE {
            take(&mut running, &mut results).await?;
        }
        running.spawn(async move { (position, one.await) });
    }
    while !running.is_empty() {
        take(&mut running, &mut results).await?;
    }
    Ok(results.into_values().collect())
}

async fn take<T: Send + 'static>(
    running: &mut JoinSet<(usize, Result<T, ClientError>)>,
    results: &mut BTreeMap<usize, T>,
) -> Result<(), ClientError> {
    if let Some(done) = running.join_next().await {
        let (position, result) =
            done.map_err(|error| ClientError::Environment(error.to_string()))?;
        results.insert(position, result?);
    }
    Ok(())
}
