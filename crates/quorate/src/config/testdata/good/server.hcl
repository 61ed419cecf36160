# A server as a platform team runs it, alone so far.
datacenter         = "east-aws"
data_dir           = "/opt/consul"
server             = true
bootstrap_expect   = 1
node_name          = "srv-1"
bind_addr          = "{{ GetAllInterfaces | include \"flags\" \"loopback\" | include \"type\" \"IPv4\" | limit 1 | attr \"address\" }}"
client_addr        = "127.0.0.1"
log_level          = "INFO"
disable_update_check = true
leave_on_terminate = false

node_meta {
  rack  = "r7"
  owner = "platform"
}

ports {
  http  = 8500
  dns   = 8600
  https = -1
}

performance { raft_multiplier = 1 }

limits {
  http_max_conns_per_client = 500 kv_max_value_size = 524288
}

telemetry {
  statsd_address  = "127.0.0.1:8125"
  disable_hostname = true
  prefix_filter   = ["+consul.raft", "-consul.http"]
}

autopilot {
  cleanup_dead_servers = true
  last_contact_threshold = "200ms"
}
