//! What the server measures: `/v1/agent/metrics`, as Consul's JSON and as Prometheus reads it.
//!
//! The JSON tells of the last whole interval of ten seconds, and only what happened in it. Prometheus gets totals since
//! the start, and for samples the quantiles of that interval; nothing disappears from its view once it was there.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use quorate_base::metrics::{Aggregate, INTERVAL, MetricName, Reading, Readings, Value};
use serde::Serialize;

use super::{Action, Doing};
use crate::call::Call;
use crate::encode;
use crate::reply::{self, Body, Outcome, Refused, Reply};
use crate::shared::stopping;

pub(super) const GET: Action = Action::Do(|call| Box::pin(metrics(call)) as Doing);
pub(super) const STREAM: Action = Action::Do(|call| Box::pin(stream(call)) as Doing);

/// `GET /v1/agent/metrics/stream`: the JSON form of each interval as it ends, one after the other, until somebody stops.
async fn stream(call: Call) -> Result<Outcome, Refused> {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let server = call.server.clone();
    call.server.node.host().spawn(async move {
        let mut draining = server.draining.subscribe();
        loop {
            // In Consul's form, which ends each with its line.
            let text = encode::json(&summary(&server.metrics.read()), true);
            // One that does not read gets the next one late, and none that came meanwhile.
            if sender.send(text.into()).await.is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = sender.closed() => return,
                () = stopping(&mut draining) => return,
            }
            server.refresh_gauges().await;
        }
    });
    Ok(Outcome::Ready(Reply::new(Body::Endless(receiver))))
}

async fn metrics(call: Call) -> Result<Outcome, Refused> {
    call.server.refresh_gauges().await;
    let readings = call.server.metrics.read();
    if !wants_prometheus(&call) {
        return Ok(Outcome::Ready(call.json(&summary(&readings))));
    }
    let mut reply = reply::text(StatusCode::OK, prometheus(&readings));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    Ok(Outcome::Ready(reply))
}

fn wants_prometheus(call: &Call) -> bool {
    if call.parameters.first("format") == "prometheus" {
        return true;
    }
    let accept = call.head.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    accept.split(',').any(|kind| {
        let (name, parameters) = kind.split_once(';').unwrap_or((kind, ""));
        name.trim() == "application/openmetrics-text"
            || name.trim() == "text/plain" && parameters.split(';').any(|parameter| parameter.trim() == "version=0.4.0")
    })
}

/// Consul's form.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary<'a> {
    timestamp: String,
    gauges: Vec<GaugeValue<'a>>,
    points: [(); 0],
    counters: Vec<SampledValue<'a>>,
    samples: Vec<SampledValue<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GaugeValue<'a> {
    name: &'a str,
    value: f64,
    labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SampledValue<'a> {
    name: &'a str,
    count: u64,
    rate: f64,
    sum: f64,
    min: f64,
    max: f64,
    mean: f64,
    stddev: f64,
    labels: BTreeMap<&'a str, &'a str>,
}

fn labels(name: &MetricName) -> BTreeMap<&str, &str> {
    name.labels.iter().map(|(label, value)| (*label, &**value)).collect()
}

fn summary(readings: &Readings) -> Summary<'_> {
    let mut summary = Summary {
        timestamp: timestamp(readings.interval_since_ms),
        gauges: Vec::new(),
        points: [],
        counters: Vec::new(),
        samples: Vec::new(),
    };
    for Reading { name, value } in &readings.readings {
        match value {
            Value::Gauge(value) => {
                summary.gauges.push(GaugeValue { name: name.name, value: *value, labels: labels(name) })
            }
            Value::Counter { recent, .. } if recent.count > 0 => summary.counters.push(sampled(name, recent)),
            Value::Sample { recent, .. } if recent.count > 0 => summary.samples.push(sampled(name, recent)),
            Value::Counter { .. } | Value::Sample { .. } => {}
        }
    }
    summary
}

fn sampled<'a>(name: &'a MetricName, recent: &Aggregate) -> SampledValue<'a> {
    SampledValue {
        name: name.name,
        count: recent.count,
        rate: recent.rate(),
        sum: recent.sum,
        min: recent.min,
        max: recent.max,
        mean: recent.mean(),
        stddev: recent.standard_deviation(),
        labels: labels(name),
    }
}

/// A moment as Go prints it: `2026-11-23 07:50:20 +0000 UTC`.
fn timestamp(ms: u64) -> String {
    // The number of days since 1970 turns into a date by counting in years that begin in March.
    let seconds = ms / 1_000;
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} +0000 UTC")
}

fn prometheus(readings: &Readings) -> String {
    let mut text = String::with_capacity(16 << 10);
    let mut last_name = "";
    for Reading { name, value } in &readings.readings {
        let kind = match value {
            Value::Gauge(_) => "gauge",
            Value::Counter { .. } => "counter",
            Value::Sample { .. } => "summary",
        };
        let metric = name.name.replace(['.', '-', ' '], "_");
        if name.name != last_name {
            last_name = name.name;
            line(&mut text, format_args!("# HELP {metric} {metric}"));
            line(&mut text, format_args!("# TYPE {metric} {kind}"));
        }
        match value {
            Value::Gauge(value) => line(&mut text, format_args!("{metric}{} {value}", Labels(name, None))),
            Value::Counter { total, .. } => line(&mut text, format_args!("{metric}{} {total}", Labels(name, None))),
            Value::Sample { quantiles, count, sum, .. } => {
                let quantiles = quantiles.unwrap_or([f64::NAN; 3]);
                for (share, value) in ["0.5", "0.9", "0.99"].into_iter().zip(quantiles) {
                    line(&mut text, format_args!("{metric}{} {value}", Labels(name, Some(share))));
                }
                line(&mut text, format_args!("{metric}_sum{} {sum}", Labels(name, None)));
                line(&mut text, format_args!("{metric}_count{} {count}", Labels(name, None)));
            }
        }
    }
    text
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a text does not fail.
    let _ = writeln!(text, "{content}");
}

/// Labels as Prometheus reads them, with a quantile behind them if there is one.
struct Labels<'a>(&'a MetricName, Option<&'static str>);

impl std::fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(name, quantile) = self;
        let quantile = quantile.iter().map(|quantile| ("quantile", *quantile));
        let labels = name.labels.iter().map(|(label, value)| (*label, &**value)).chain(quantile);
        let mut separator = '{';
        for (label, value) in labels {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{separator}{label}=\"{value}\"")?;
            separator = ',';
        }
        if separator == ',' { f.write_str("}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use quorate_base::metrics::Registry;

    use super::*;

    #[test]
    fn moments_are_printed_as_go_prints_them() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00 +0000 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 +0000 UTC"),
            (1_795_420_220_999, "2026-11-23 07:50:20 +0000 UTC"),
            (4_102_444_799_000, "2099-12-31 23:59:59 +0000 UTC"),
        ] {
            assert_eq!(timestamp(ms), text);
        }
    }

    #[test]
    fn prometheus_gets_totals() {
        let registry = Registry::new(0);
        registry.gauge("consul.server.isLeader").set(1.0);
        let get = MetricName::with_labels("consul.api.http", &[("method", "GET"), ("path", "v1_kv_")]);
        registry.sample(get).record(2.0);
        registry.counter("consul.raft.apply").increment();
        registry.rotate(10_000);
        registry.counter("consul.raft.apply").increment();
        let expected = "\
# HELP consul_api_http consul_api_http
# TYPE consul_api_http summary
consul_api_http{method=\"GET\",path=\"v1_kv_\",quantile=\"0.5\"} 2
consul_api_http{method=\"GET\",path=\"v1_kv_\",quantile=\"0.9\"} 2
consul_api_http{method=\"GET\",path=\"v1_kv_\",quantile=\"0.99\"} 2
consul_api_http_sum{method=\"GET\",path=\"v1_kv_\"} 2
consul_api_http_count{method=\"GET\",path=\"v1_kv_\"} 1
# HELP consul_raft_apply consul_raft_apply
# TYPE consul_raft_apply counter
consul_raft_apply 2
# HELP consul_server_isLeader consul_server_isLeader
# TYPE consul_server_isLeader gauge
consul_server_isLeader 1
";
        assert_eq!(prometheus(&registry.read()), expected);
    }

    #[test]
    fn the_json_form_tells_of_the_last_interval() {
        let registry = Registry::new(0);
        registry.counter("consul.raft.apply").add(4.0);
        registry.counter("consul.kvs.apply");
        registry.rotate(10_000);
        let readings = registry.read();
        let text = serde_json::to_string(&summary(&readings)).unwrap();
        let expected = r#"{"Timestamp":"1970-01-01 00:00:00 +0000 UTC","Gauges":[],"Points":[],"Counters":[{"Name":"consul.raft.apply","Count":1,"Rate":0.4,"Sum":4.0,"Min":4.0,"Max":4.0,"Mean":4.0,"Stddev":0.0,"Labels":{}}],"Samples":[]}"#;
        assert_eq!(text, expected);
    }
}
