//! Where measurements are sent.

use super::Kind::{Bool, List, Text};
use super::Treatment::{Moot, Served, Warned};
use super::{Key, key};

pub(super) static KEYS: &[Key] = &[
    key("telemetry.circonus_api_app", Text, Warned),
    key("telemetry.circonus_api_token", Text, Warned),
    key("telemetry.circonus_api_url", Text, Warned),
    key("telemetry.circonus_broker_id", Text, Warned),
    key("telemetry.circonus_broker_select_tag", Text, Warned),
    key("telemetry.circonus_check_display_name", Text, Warned),
    key("telemetry.circonus_check_force_metric_activation", Text, Warned),
    key("telemetry.circonus_check_id", Text, Warned),
    key("telemetry.circonus_check_instance_id", Text, Warned),
    key("telemetry.circonus_check_search_tag", Text, Warned),
    key("telemetry.circonus_check_tags", Text, Warned),
    key("telemetry.circonus_submission_interval", Text, Warned),
    key("telemetry.circonus_submission_url", Text, Warned),
    key("telemetry.disable_hostname", Bool, Served),
    key("telemetry.dogstatsd_addr", Text, Served),
    key("telemetry.dogstatsd_tags", List, Served),
    key("telemetry.filter_default", Bool, Served),
    key("telemetry.metrics_prefix", Text, Served),
    key("telemetry.prefix_filter", List, Served),
    key("telemetry.prometheus_retention_time", Text, Moot),
    key("telemetry.retry_failed_connection", Bool, Warned),
    key("telemetry.statsd_address", Text, Served),
    key("telemetry.statsite_address", Text, Warned),
];
