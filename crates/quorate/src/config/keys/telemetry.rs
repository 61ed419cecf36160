//! Where measurements are sent.

use super::Kind::{Bool, Duration, List, Text};
use super::Treatment::{Moot, Served, WarnedThat};
use super::{Key, key};

pub(super) static KEYS: &[Key] = &[
    key("telemetry.circonus_api_app", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_api_token", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_api_url", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_broker_id", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_broker_select_tag", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_check_display_name", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_check_force_metric_activation", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_check_id", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_check_instance_id", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_check_search_tag", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_check_tags", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_submission_interval", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.circonus_submission_url", Text, WarnedThat("measurements are not sent to Circonus")),
    key("telemetry.disable_hostname", Bool, Served),
    key("telemetry.dogstatsd_addr", Text, Served),
    key("telemetry.dogstatsd_tags", List, Served),
    key("telemetry.filter_default", Bool, Served),
    key("telemetry.metrics_prefix", Text, Served),
    key("telemetry.prefix_filter", List, Served),
    key("telemetry.prometheus_retention_time", Duration, Moot),
    key(
        "telemetry.retry_failed_connection",
        Bool,
        WarnedThat("measurements are sent by UDP, without a connection that could fail"),
    ),
    key("telemetry.statsd_address", Text, Served),
    key(
        "telemetry.statsite_address",
        Text,
        WarnedThat("measurements are not sent to statsite; telemetry.statsd_address takes them"),
    ),
];
