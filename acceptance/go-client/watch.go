// Watch plans (api/watch): each kind fires with the state before a change, then with the change, and with no other.

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
	"github.com/hashicorp/go-hclog"
)

var watchStories = []story{
	{"watch-key", watchKey},
	{"watch-keyprefix", watchKeyPrefix},
	{"watch-services", watchServices},
	{"watch-nodes", watchNodes},
	{"watch-service", watchService},
	{"watch-service-passing-and-tag", watchServicePassingAndTag},
	{"watch-checks-of-a-service", watchChecksOfAService},
	{"watch-checks-of-a-state", watchChecksOfAState},
	{"watch-event", watchEvent},
}

// watching runs a plan and gives, as text, each result that it fires with and that differs from the one before.
func watching[T any](t *teller, parameters map[string]any, describe func(T) string) <-chan string {
	plan, err := watch.Parse(parameters)
	t.must(err)
	// Far more than any story makes it fire.
	fired := make(chan string, 64)
	last := "not fired yet"
	plan.Handler = func(_ uint64, result any) {
		text := "absent"
		if result != nil {
			text = describe(result.(T))
		}
		if text != last {
			last = text
			fired <- text
		}
	}
	silent := hclog.New(&hclog.LoggerOptions{Output: io.Discard})
	go plan.RunWithClientAndHclog(t.client, silent)
	t.later(plan.Stop)
	return fired
}

// put writes a key.
func (t *teller) put(key, value string) {
	_, err := t.client.KV().Put(&api.KVPair{Key: key, Value: []byte(value)}, nil)
	t.must(err)
}

// checkNames describes checks by name and status, those of the story alone.
func (t *teller) checkNames(checks []*api.HealthCheck) string {
	names := []string{}
	for _, check := range checks {
		if strings.HasPrefix(check.Node, t.name) {
			names = append(names, check.Name+"="+check.Status)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func watchKey(t *teller) {
	fired := watching(t, map[string]any{"type": "key", "key": t.name}, func(pair *api.KVPair) string {
		return string(pair.Value)
	})
	t.equal(within(t, fired, "the first look"), "absent")
	t.put(t.name+"/other", "not watched")
	t.put(t.name, "one")
	t.equal(within(t, fired, "the key to appear"), "one")
	t.put(t.name, "two")
	t.equal(within(t, fired, "the key to change"), "two")
	_, err := t.client.KV().Delete(t.name, nil)
	t.must(err)
	t.equal(within(t, fired, "the key to go"), "absent")
}

func watchKeyPrefix(t *teller) {
	fired := watching(t, map[string]any{"type": "keyprefix", "prefix": t.name + "/"}, func(pairs api.KVPairs) string {
		texts := []string{}
		for _, pair := range pairs {
			texts = append(texts, strings.TrimPrefix(pair.Key, t.name+"/")+"="+string(pair.Value))
		}
		return strings.Join(texts, " ")
	})
	t.equal(within(t, fired, "the first look"), "")
	t.put(t.name+"-outside", "not watched")
	t.put(t.name+"/a", "1")
	t.equal(within(t, fired, "a first key"), "a=1")
	t.put(t.name+"/b/c", "1")
	t.equal(within(t, fired, "a second key"), "a=1 b/c=1")
	t.put(t.name+"/a", "2")
	t.equal(within(t, fired, "a changed key"), "a=2 b/c=1")
	_, err := t.client.KV().DeleteTree(t.name+"/b", nil)
	t.must(err)
	t.equal(within(t, fired, "a deleted tree"), "a=2")
	_, err = t.client.KV().Delete(t.name+"/a", nil)
	t.must(err)
	t.equal(within(t, fired, "the last key to go"), "")
}

func watchServices(t *teller) {
	fired := watching(t, map[string]any{"type": "services"}, func(services map[string][]string) string {
		tags, there := services[t.name+"-web"]
		slices.Sort(tags)
		return fmt.Sprint(there, tags)
	})
	t.equal(within(t, fired, "the first look"), "false []")
	t.registerWeb(t.name+"-1", api.HealthPassing, "v1")
	t.equal(within(t, fired, "the service to appear"), "true [v1]")
	t.registerWeb(t.name+"-2", api.HealthPassing, "v2")
	t.equal(within(t, fired, "a new tag"), "true [v1 v2]")
	for _, node := range []string{"-1", "-2"} {
		_, err := t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: t.name + node}, nil)
		t.must(err)
	}
	for text := ""; text != "false []"; {
		text = within(t, fired, "the service to go")
	}
}

func watchNodes(t *teller) {
	fired := watching(t, map[string]any{"type": "nodes"}, func(nodes []*api.Node) string {
		addresses := []string{}
		for _, node := range nodes {
			if strings.HasPrefix(node.Node, t.name) {
				addresses = append(addresses, node.Address)
			}
		}
		return strings.Join(addresses, " ")
	})
	t.equal(within(t, fired, "the first look"), "")
	t.register(api.CatalogRegistration{Node: t.name + "-1", Address: "127.0.6.1"})
	t.equal(within(t, fired, "a node to join"), "127.0.6.1")
	t.register(api.CatalogRegistration{Node: t.name + "-2", Address: "127.0.6.2"})
	t.equal(within(t, fired, "a second node"), "127.0.6.1 127.0.6.2")
	t.register(api.CatalogRegistration{Node: t.name + "-1", Address: "127.0.6.3"})
	t.equal(within(t, fired, "a node's address to change"), "127.0.6.3 127.0.6.2")
	_, err := t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: t.name + "-1"}, nil)
	t.must(err)
	t.equal(within(t, fired, "a node to go"), "127.0.6.2")
}

// instances describes a service's instances by node and aggregated status.
func instances(entries []*api.ServiceEntry) string {
	texts := []string{}
	for _, entry := range entries {
		name := entry.Node.Node
		texts = append(texts, name[strings.LastIndex(name, "-")+1:]+"="+entry.Checks.AggregatedStatus())
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

func watchService(t *teller) {
	fired := watching(t, map[string]any{"type": "service", "service": t.name + "-web"}, instances)
	t.equal(within(t, fired, "the first look"), "")
	t.registerWeb(t.name+"-a", api.HealthPassing)
	t.equal(within(t, fired, "an instance to appear"), "a=passing")
	t.registerWeb(t.name+"-b", api.HealthWarning)
	t.equal(within(t, fired, "a second instance"), "a=passing b=warning")
	t.setCheck(t.name+"-a", "web-ok", "web1", api.HealthCritical)
	t.equal(within(t, fired, "an instance to turn critical"), "a=critical b=warning")
	_, err := t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: t.name + "-b", ServiceID: "web1"}, nil)
	t.must(err)
	t.equal(within(t, fired, "an instance to go"), "a=critical")
}

func watchServicePassingAndTag(t *teller) {
	parameters := map[string]any{
		"type": "service", "service": t.name + "-web", "passingonly": true, "tag": []any{"v1", "main"},
	}
	fired := watching(t, parameters, instances)
	t.equal(within(t, fired, "the first look"), "")
	t.registerWeb(t.name+"-a", api.HealthPassing, "v1") // lacks a tag
	t.registerWeb(t.name+"-b", api.HealthWarning, "v1", "main")
	t.registerWeb(t.name+"-c", api.HealthPassing, "v1", "main")
	t.equal(within(t, fired, "the instance with both tags that passes"), "c=passing")
	t.setCheck(t.name+"-b", "web-ok", "web1", api.HealthPassing)
	t.equal(within(t, fired, "the other instance to pass"), "b=passing c=passing")
}

func watchChecksOfAService(t *teller) {
	fired := watching(t, map[string]any{"type": "checks", "service": t.name + "-web"}, t.checkNames)
	t.equal(within(t, fired, "the first look"), "")
	t.registerWeb(t.name+"-a", api.HealthPassing)
	t.equal(within(t, fired, "a check to appear"), "web-ok=passing")
	t.setCheck(t.name+"-a", "of-the-node", "", api.HealthPassing) // not the service's own
	t.setCheck(t.name+"-a", "web-ok", "web1", api.HealthWarning)
	t.equal(within(t, fired, "the check to turn"), "web-ok=warning")
	_, err := t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: t.name + "-a", CheckID: "web-ok"}, nil)
	t.must(err)
	t.equal(within(t, fired, "the check to go"), "")
}

func watchChecksOfAState(t *teller) {
	fired := watching(t, map[string]any{"type": "checks", "state": "critical"}, t.checkNames)
	t.equal(within(t, fired, "the first look"), "")
	t.register(api.CatalogRegistration{Node: t.name + "-a", Address: "127.0.6.1"})
	t.setCheck(t.name+"-a", "fine", "", api.HealthPassing)
	t.setCheck(t.name+"-a", "disk", "", api.HealthCritical)
	t.equal(within(t, fired, "a critical check"), "disk=critical")
	t.setCheck(t.name+"-a", "fine", "", api.HealthCritical)
	t.equal(within(t, fired, "another to turn critical"), "disk=critical fine=critical")
	t.setCheck(t.name+"-a", "disk", "", api.HealthPassing)
	t.equal(within(t, fired, "the first to recover"), "fine=critical")
}

func watchEvent(t *teller) {
	fired := watching(t, map[string]any{"type": "event", "name": t.name}, func(events []*api.UserEvent) string {
		payloads := []string{}
		for _, event := range events {
			payloads = append(payloads, string(event.Payload))
		}
		return strings.Join(payloads, " ")
	})
	t.equal(within(t, fired, "the first look"), "")
	_, _, err := t.client.Event().Fire(&api.UserEvent{Name: t.name + "-other", Payload: []byte("not watched")}, nil)
	t.must(err)
	for _, payload := range []string{"one", "two"} {
		_, _, err := t.client.Event().Fire(&api.UserEvent{Name: t.name, Payload: []byte(payload)}, nil)
		t.must(err)
		// The plan gives only what is newer than what it gave before.
		t.equal(within(t, fired, "the event "+payload), payload)
	}
}
