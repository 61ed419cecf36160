//! TCP: passes if a connection is made, and with it the TLS handshake where one is asked for.

use std::time::Duration;

use super::tls::{Inside, TlsConfigs};
use super::{critical, dial, passing};
use crate::definition::Target;
use crate::machine::RunResult;

pub(super) async fn run(tls: &TlsConfigs, target: &Target, timeout: Duration) -> RunResult {
    let address = &target.address;
    let work = async {
        let stream = dial::tcp(address).await?;
        let Some(how) = &target.tls else { return Ok(format!("TCP connect {address}: Success")) };
        let host = dial::host(address)?;
        tls.connect(stream, host, how, Inside::Anything).await?;
        Ok::<_, String>(format!("TCP+TLS connect {address}: Success"))
    };
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(output)) => passing(output),
        Ok(Err(problem)) => critical(problem),
        Err(_) => critical(format!("dial tcp {address}: i/o timeout")),
    }
}
