// The catalog and health: registration, every list, filters, and blocking queries on a service.

package main

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

var catalogStories = []story{
	{"catalog-register-and-read", catalogRegisterAndRead},
	{"catalog-deregister", catalogDeregister},
}

var healthStories = []story{
	{"health-reads", healthReads},
	{"health-service-blocking", healthServiceBlocking},
}

// registerWeb makes a node with one instance of the story's service and a check of it.
func (t *teller) registerWeb(node, status string, tags ...string) {
	t.register(api.CatalogRegistration{
		Node: node, Address: "127.0.3.1", NodeMeta: map[string]string{"story": t.name, "node": node},
		TaggedAddresses: map[string]string{"wan": "127.0.3.9"},
		Service: &api.AgentService{
			ID: "web1", Service: t.name + "-web", Tags: tags, Port: 80, Address: "127.0.4.1",
			Meta: map[string]string{"status": status}, Weights: api.AgentWeights{Passing: 7, Warning: 3},
			TaggedAddresses:   map[string]api.ServiceAddress{"virtual": {Address: "127.0.5.1", Port: 81}},
			EnableTagOverride: true,
		},
		Check: &api.AgentCheck{Node: node, CheckID: "web-ok", Name: "web-ok", ServiceID: "web1", Status: status, Output: "o"},
	})
}

func catalogRegisterAndRead(t *teller) {
	catalog := t.client.Catalog()
	t.registerWeb(t.name+"-1", api.HealthPassing, "v1", "main")
	t.registerWeb(t.name+"-2", api.HealthPassing, "v2")
	datacenters, err := catalog.Datacenters()
	t.must(err)
	t.equal(datacenters, []string{"dc1"})

	nodes, _, err := catalog.Nodes(&api.QueryOptions{NodeMeta: map[string]string{"story": t.name}, Near: "_agent"})
	t.must(err)
	t.equal(len(nodes), 2)
	nodes, _, err = catalog.Nodes(&api.QueryOptions{Filter: `Meta.node == "` + t.name + `-2"`})
	t.must(err)
	t.equal(len(nodes), 1)
	t.equal(nodes[0].TaggedAddresses["wan"], "127.0.3.9")

	services, _, err := catalog.Services(nil)
	t.must(err)
	tags := services[t.name+"-web"]
	slices.Sort(tags)
	t.equal(tags, []string{"main", "v1", "v2"})

	instances, _, err := catalog.Service(t.name+"-web", "", nil)
	t.must(err)
	t.equal(len(instances), 2)
	first := instances[0]
	t.equal(first.ServiceTags, []string{"v1", "main"})
	t.equal(first.ServiceAddress, "127.0.4.1")
	t.equal(first.ServiceTaggedAddresses["virtual"], api.ServiceAddress{Address: "127.0.5.1", Port: 81})
	t.equal(first.ServiceWeights, api.Weights{Passing: 7, Warning: 3})
	t.equal(first.ServiceEnableTagOverride, true)
	instances, _, err = catalog.ServiceMultipleTags(t.name+"-web", []string{"v1", "main"}, nil)
	t.must(err)
	t.equal(len(instances), 1)
	instances, _, err = catalog.Service(t.name+"-web", "v2", &api.QueryOptions{AllowStale: true})
	t.must(err)
	t.equal(len(instances), 1)

	node, _, err := catalog.Node(t.name+"-1", nil)
	t.must(err)
	t.equal(node.Services["web1"].Port, 80)
	list, _, err := catalog.NodeServiceList(t.name+"-1", nil)
	t.must(err)
	t.equal(len(list.Services), 1)
	t.equal(list.Node.Address, "127.0.3.1")
}

func catalogDeregister(t *teller) {
	catalog := t.client.Catalog()
	node := t.name + "-1"
	t.registerWeb(node, api.HealthPassing)
	t.setCheck(node, "extra", "", api.HealthPassing)
	_, err := catalog.Deregister(&api.CatalogDeregistration{Node: node, CheckID: "extra"}, nil)
	t.must(err)
	checks, _, err := t.client.Health().Node(node, nil)
	t.must(err)
	t.equal(len(checks), 1)
	_, err = catalog.Deregister(&api.CatalogDeregistration{Node: node, ServiceID: "web1"}, nil)
	t.must(err)
	checks, _, err = t.client.Health().Node(node, nil)
	t.must(err)
	t.equal(len(checks), 0) // a service takes its checks with it
	_, err = catalog.Deregister(&api.CatalogDeregistration{Node: node}, nil)
	t.must(err)
	left, _, err := catalog.Node(node, nil)
	t.must(err)
	t.holds(left == nil, "no node to be left")
}

// nodesOf gives the last part of each entry's node name.
func nodesOf(entries []*api.ServiceEntry) string {
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Node.Node[strings.LastIndex(entry.Node.Node, "-")+1:])
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func healthReads(t *teller) {
	health, service := t.client.Health(), t.name+"-web"
	for _, status := range []string{api.HealthPassing, api.HealthWarning, api.HealthCritical} {
		t.registerWeb(t.name+"-"+status, status, "all", status)
	}
	for _, each := range []struct {
		tags     []string
		passing  bool
		options  *api.QueryOptions
		expected string
	}{
		{nil, false, nil, "critical passing warning"},
		{nil, true, nil, "passing"},
		{[]string{"warning"}, false, nil, "warning"},
		{[]string{"all", "critical"}, false, nil, "critical"},
		{[]string{"all"}, true, &api.QueryOptions{RequireConsistent: true}, "passing"},
		{nil, false, &api.QueryOptions{Filter: `Service.Meta.status != "passing"`}, "critical warning"},
		{nil, false, &api.QueryOptions{NodeMeta: map[string]string{"node": t.name + "-passing"}}, "passing"},
		{nil, false, &api.QueryOptions{UseCache: true, MaxAge: time.Minute}, "critical passing warning"},
	} {
		entries, _, err := health.ServiceMultipleTags(service, each.tags, each.passing, each.options)
		t.must(err)
		t.equal(nodesOf(entries), each.expected)
	}
	entries, _, err := health.Service(service, "warning", false, nil)
	t.must(err)
	t.equal(entries[0].Checks.AggregatedStatus(), api.HealthWarning)
	t.equal(entries[0].Service.Weights, api.AgentWeights{Passing: 7, Warning: 3})

	checks, _, err := health.Checks(service, nil)
	t.must(err)
	t.equal(len(checks), 3)
	checks, _, err = health.Node(t.name+"-critical", nil)
	t.must(err)
	t.equal(len(checks), 1)
	t.equal(checks[0].Output, "o")
	for state, expected := range map[string]int{"any": 3, "passing": 1, "warning": 1, "critical": 1} {
		checks, _, err = health.State(state, &api.QueryOptions{Filter: `ServiceName == "` + service + `"`})
		t.must(err)
		t.equal(len(checks), expected)
	}
}

func healthServiceBlocking(t *teller) {
	service := t.name + "-web"
	answers := make(chan string)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		// A consumer as they all are: ask, use the answer, ask again with its index.
		options := &api.QueryOptions{WaitTime: time.Minute}
		last := "nothing yet"
		for {
			entries, meta, err := t.client.Health().Service(service, "", true, options)
			now := nodesOf(entries)
			if err != nil {
				now = err.Error()
			}
			if now != last {
				select {
				case answers <- now:
				case <-stop:
					return
				}
			}
			if err != nil {
				return
			}
			last, options.WaitIndex = now, meta.LastIndex
		}
	}()
	t.equal(within(t, answers, "the first answer"), "")
	t.registerWeb(t.name+"-a", api.HealthPassing)
	t.equal(within(t, answers, "an instance to appear"), "a")
	t.registerWeb(t.name+"-b", api.HealthPassing)
	t.equal(within(t, answers, "a second instance"), "a b")
	t.setCheck(t.name+"-a", "web-ok", "web1", api.HealthCritical)
	t.equal(within(t, answers, "an instance to turn critical"), "b")
	t.setCheck(t.name+"-b", "disk", "", api.HealthCritical)
	t.equal(within(t, answers, "a node to turn critical"), "")
	t.setCheck(t.name+"-a", "web-ok", "web1", api.HealthPassing)
	t.equal(within(t, answers, "an instance to pass again"), "a")
	_, err := t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: t.name + "-a"}, nil)
	t.must(err)
	t.equal(within(t, answers, "the last instance to go"), "")
}
