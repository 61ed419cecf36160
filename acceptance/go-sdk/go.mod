module quorate.dev/acceptance/go-sdk

go 1.26.7

// The one that came with Consul 1.13.
require github.com/hashicorp/consul/sdk v0.11.0

require (
	github.com/fatih/color v1.9.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.1 // indirect
	github.com/hashicorp/go-hclog v0.12.0 // indirect
	github.com/hashicorp/go-uuid v1.0.1 // indirect
	github.com/mattn/go-colorable v0.1.4 // indirect
	github.com/mattn/go-isatty v0.0.12 // indirect
	github.com/pkg/errors v0.8.1 // indirect
	golang.org/x/sys v0.0.0-20220412211240-33da011f77ad // indirect
)
