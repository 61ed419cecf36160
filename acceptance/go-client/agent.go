// What the agent keeps of its own host (api/agent): services, checks, maintenance, and a watch on one service of it.

package main

import (
	"fmt"
	"strings"

	"github.com/hashicorp/consul/api"
)

var agentStories = []story{
	{"agent-service", agentService},
	{"agent-service-of-newer-clients", agentServiceOfNewerClients},
	{"agent-service-replaces-its-checks", agentServiceReplacesItsChecks},
	{"agent-health-by-id-and-name", agentHealthByIDAndName},
	{"agent-check-of-the-node", agentCheckOfTheNode},
	{"agent-maintenance", agentMaintenance},
	{"agent-monitor", agentMonitor},
	{"watch-agent-service", watchAgentService},
}

// keep has the agent keep a service until the story ends.
func (t *teller) keep(service *api.AgentServiceRegistration) {
	t.must(t.client.Agent().ServiceRegister(service))
	id := service.ID
	if id == "" {
		id = service.Name
	}
	t.later(func() { _ = t.client.Agent().ServiceDeregister(id) })
}

func agentService(t *teller) {
	t.keep(&api.AgentServiceRegistration{
		ID: t.name + "/1", Name: t.name, Tags: []string{"a"}, Port: 80, Address: "127.0.0.9",
		Meta:            map[string]string{"rack": "7"},
		Weights:         &api.AgentWeights{Passing: 3, Warning: 2},
		TaggedAddresses: map[string]api.ServiceAddress{"wan": {Address: "10.0.0.9", Port: 81}},
	})
	services, err := t.client.Agent().ServicesWithFilter(fmt.Sprintf("Service == %q", t.name))
	t.must(err)
	own := services[t.name+"/1"]
	t.holds(len(services) == 1 && own != nil, "one service, not %v", services)
	t.equal([]any{own.Service, own.Port, own.Address, own.Tags, own.Meta["rack"], own.Weights},
		[]any{t.name, 80, "127.0.0.9", []string{"a"}, "7", api.AgentWeights{Passing: 3, Warning: 2}})
	same, _, err := t.client.Agent().Service(t.name+"/1", nil)
	t.must(err)
	t.equal(same.TaggedAddresses["wan"], api.ServiceAddress{Address: "10.0.0.9", Port: 81})
	t.must(t.client.Agent().ServiceDeregister(t.name + "/1"))
	_, _, err = t.client.Agent().Service(t.name+"/1", nil)
	t.holds(err != nil && strings.Contains(err.Error(), "404"), "404, not %v", err)
}

// The fields that this client has and Consul 1.13.9 does not know.
func agentServiceOfNewerClients(t *teller) {
	ports := api.ServicePorts{{Name: "http", Port: 80, Default: true}, {Name: "admin", Port: 81}}
	locality := &api.Locality{Region: "eu", Zone: "eu-1"}
	ai := &api.AgentServiceAI{Role: "mcp-server", MCPServer: &api.AgentAIMCPServer{Transport: "http", Path: "/mcp"}}
	proxy := &api.AgentServiceConnectProxyConfig{
		DestinationServiceName: "site", LocalServicePorts: ports,
		Upstreams: []api.Upstream{{DestinationName: "db", DestinationPort: "sql", LocalBindPort: 5000}},
	}
	t.keep(&api.AgentServiceRegistration{
		Kind: api.ServiceKindConnectProxy, Name: t.name, Port: 80, Ports: ports, Locality: locality, AI: ai, Proxy: proxy,
	})
	compare := func(service *api.AgentService) {
		t.equal([]any{service.Ports, service.Locality, service.AI}, []any{ports, locality, ai})
		t.equal([]any{service.Proxy.LocalServicePorts, service.Proxy.Upstreams[0].DestinationPort}, []any{ports, "sql"})
		t.equal(service.DefaultPort(), 80)
	}
	own, _, err := t.client.Agent().Service(t.name, nil)
	t.must(err)
	compare(own)
	instances, meta, err := t.client.Health().Service(t.name, "", false, nil)
	t.must(err)
	for len(instances) == 0 {
		instances, meta, err = t.client.Health().Service(t.name, "", false, &api.QueryOptions{WaitIndex: meta.LastIndex})
		t.must(err)
	}
	compare(instances[0].Service)
}

func agentServiceReplacesItsChecks(t *teller) {
	service := &api.AgentServiceRegistration{Name: t.name, Checks: api.AgentServiceChecks{
		{CheckID: t.name + "-a", TTL: "1h"}, {CheckID: t.name + "-b", TTL: "1h", Status: "passing"},
	}}
	t.keep(service)
	service.Checks = service.Checks[1:]
	t.must(t.client.Agent().ServiceRegisterOpts(service, api.ServiceRegisterOpts{ReplaceExistingChecks: true}))
	checks, err := t.client.Agent().ChecksWithFilter(fmt.Sprintf("ServiceName == %q", t.name))
	t.must(err)
	t.holds(len(checks) == 1 && checks[t.name+"-b"] != nil, "the second check alone, not %v", checks)
}

func agentHealthByIDAndName(t *teller) {
	t.keep(&api.AgentServiceRegistration{Name: t.name, Check: &api.AgentServiceCheck{TTL: "1h"}})
	for _, status := range []string{api.HealthPassing, api.HealthWarning, api.HealthCritical} {
		t.must(t.client.Agent().UpdateTTL("service:"+t.name, "it is "+status, status))
		byID, info, err := t.client.Agent().AgentHealthServiceByID(t.name)
		t.must(err)
		t.equal([]string{byID, info.AggregatedStatus, info.Checks[0].Output}, []string{status, status, "it is " + status})
		byName, infos, err := t.client.Agent().AgentHealthServiceByName(t.name)
		t.must(err)
		t.equal([]any{byName, len(infos)}, []any{status, 1})
	}
	absent, info, err := t.client.Agent().AgentHealthServiceByID(t.name + "-absent")
	t.must(err)
	t.holds(absent == api.HealthCritical && info == nil, "critical and nothing, not %v %v", absent, info)
}

func agentCheckOfTheNode(t *teller) {
	t.must(t.client.Agent().CheckRegister(&api.AgentCheckRegistration{
		ID: t.name, Name: "by hand", AgentServiceCheck: api.AgentServiceCheck{TTL: "1h"},
	}))
	t.later(func() { _ = t.client.Agent().CheckDeregister(t.name) })
	t.must(t.client.Agent().PassTTL(t.name, "fine"))
	checks, err := t.client.Agent().Checks()
	t.must(err)
	t.equal([]string{checks[t.name].Status, checks[t.name].Output, checks[t.name].Type}, []string{"passing", "fine", "ttl"})
}

func agentMaintenance(t *teller) {
	t.keep(&api.AgentServiceRegistration{Name: t.name})
	t.must(t.client.Agent().EnableServiceMaintenance(t.name, "moving house"))
	checks, err := t.client.Agent().Checks()
	t.must(err)
	check := checks["_service_maintenance:"+t.name]
	t.holds(check != nil && check.Status == "critical" && check.Notes == "moving house", "maintenance, not %v", check)
	t.must(t.client.Agent().DisableServiceMaintenance(t.name))
	checks, err = t.client.Agent().Checks()
	t.must(err)
	t.holds(checks["_service_maintenance:"+t.name] == nil, "no maintenance")
}

func agentMonitor(t *teller) {
	stop := make(chan struct{})
	t.later(func() { close(stop) })
	lines, err := t.client.Agent().Monitor("info", stop, nil)
	t.must(err)
	t.keep(&api.AgentServiceRegistration{Name: t.name, Check: &api.AgentServiceCheck{TTL: "1h"}})
	t.must(t.client.Agent().UpdateTTL("service:"+t.name, "", "passing"))
	for line := range lines {
		if strings.Contains(line, t.name) {
			return
		}
	}
	t.fail("the log ended without a line about the service")
}

func watchAgentService(t *teller) {
	t.keep(&api.AgentServiceRegistration{Name: t.name, Port: 1})
	parameters := map[string]any{"type": "agent_service", "service_id": t.name}
	fired := watching(t, parameters, func(service *api.AgentService) string { return fmt.Sprint(service.Port) })
	t.equal(within(t, fired, "the first look"), "1")
	t.keep(&api.AgentServiceRegistration{Name: t.name, Port: 2})
	t.equal(within(t, fired, "the service to change"), "2")
}
