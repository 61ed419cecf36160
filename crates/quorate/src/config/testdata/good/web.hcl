// What a web host says about itself.
data_dir = "/opt/consul" server = true bootstrap = true
enable_local_script_checks = true

services {
  id   = "web-1"
  name = "web"
  tags = ["primary", "v2"]
  port = 8080
  meta { version = "2.1.0" }

  checks = [
    { id = "web-http", http = "http://localhost:8080/health", interval = "10s", timeout = "1s" },
    { args = ["/usr/local/bin/check_disk", "-w", "10%"], interval = "60s" },
  ]
}

services {
  name = "metrics"
  port = 9100
  check {
    tcp                               = "localhost:9100"
    interval                          = "15s"
    deregister_critical_service_after = "90m"
  }
}

check = {
  id = "mem-util" name = "Memory" args = ["/usr/local/bin/check_mem.sh"] interval = "10s"
}

watches = [
  {
    type = "key"
    key  = "config/web"
    args = ["/usr/local/bin/reload-web", <<-EOF
      several
      lines
      EOF
    ]
  },
  {
    type         = "checks"
    handler_type = "http"
    http_handler_config { path = "http://localhost:9000/hook" method = "POST" timeout = "10s" }
  }
]
