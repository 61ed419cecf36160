//! The process: its HTTP interface, its logs, its signals and its web pages.

use super::Kind::{Blocks, Bool, Duration, Int, List, Text, TextMap};
use super::Treatment::{Moot, MootIf, Renamed, Served, WarnedThat};
use super::{Key, NO_UI, blocks, key};

pub(super) static KEYS: &[Key] = &[
    key("addresses.http", Text, Served),
    key("addresses.https", Text, Served),
    key("enable_syslog", Bool, Served),
    key("http_config.allow_write_http_from", List, Served),
    key("http_config.block_endpoints", List, Served),
    key("http_config.max_header_bytes", Int, Served),
    key("http_config.response_headers", TextMap, Served),
    key("http_config.use_cache", Bool, Moot),
    key("leave_on_terminate", Bool, Served),
    key("log_file", Text, Served),
    key("log_json", Bool, Served),
    key("log_level", Text, Served),
    key("log_rotate_bytes", Int, Served),
    key("log_rotate_duration", Duration, Served),
    key("log_rotate_max_files", Int, Served),
    key("pid_file", Text, Served),
    key("skip_leave_on_interrupt", Bool, Served),
    key("syslog_facility", Text, Served),
    key("ui", Bool, Renamed("ui_config.enabled")),
    key("ui_config.content_path", Text, WarnedThat(NO_UI)),
    key("ui_config.dashboard_url_templates", TextMap, WarnedThat(NO_UI)),
    key("ui_config.dir", Text, WarnedThat(NO_UI)),
    key("ui_config.enabled", Bool, MootIf("false", NO_UI)),
    key("ui_config.metrics_provider", Text, WarnedThat(NO_UI)),
    key("ui_config.metrics_provider_files", List, WarnedThat(NO_UI)),
    key("ui_config.metrics_provider_options_json", Text, WarnedThat(NO_UI)),
    key("ui_config.metrics_proxy.add_headers", Blocks(&blocks::ADDED_HEADER), WarnedThat(NO_UI)),
    key("ui_config.metrics_proxy.base_url", Text, WarnedThat(NO_UI)),
    key("ui_config.metrics_proxy.path_allowlist", List, WarnedThat(NO_UI)),
    key("ui_content_path", Text, Renamed("ui_config.content_path")),
    key("ui_dir", Text, Renamed("ui_config.dir")),
    key("unix_sockets.group", Text, Served),
    key("unix_sockets.mode", Text, Served),
    key("unix_sockets.user", Text, Served),
];
