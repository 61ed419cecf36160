// The server as such: who it is, who leads, its events, and snapshots of all it holds.

package main

import (
	"bytes"
	"io"
	"strings"

	"github.com/hashicorp/consul/api"
)

var serverStories = []story{
	{"server-identity", serverIdentity},
	{"agent-version", agentVersion},
	{"server-errors", serverErrors},
	{"event-fire-and-list", eventFireAndList},
	{"snapshot-save-and-restore", snapshotSaveAndRestore},
}

func serverIdentity(t *teller) {
	agent := t.client.Agent()
	about, err := agent.Self()
	t.must(err)
	node, err := agent.NodeName()
	t.must(err)
	members, err := agent.Members(false)
	t.must(err)
	t.equal(len(members), 1)
	t.equal(members[0].Name, node)
	t.equal(members[0].Status, 1) // serf's number for alive
	t.equal(members[0].Tags["role"], "consul")

	leader, err := t.client.Status().Leader()
	t.must(err)
	peers, err := t.client.Status().Peers()
	t.must(err)
	t.equal(peers, []string{leader})
	configuration, err := t.client.Operator().RaftGetConfiguration(nil)
	t.must(err)
	t.equal(len(configuration.Servers), 1)
	server := configuration.Servers[0]
	t.equal([]any{server.Address, server.Node, server.Leader, server.Voter}, []any{leader, node, true, true})
	t.equal(server.ID, about["Config"]["NodeID"])
}

func agentVersion(t *teller) {
	version, err := t.client.Agent().Version()
	t.must(err)
	about, err := t.client.Agent().Self()
	t.must(err)
	t.equal(version["HumanVersion"], about["Config"]["Version"])
}

func serverErrors(t *teller) {
	_, _, err := t.client.KV().Get(t.name, &api.QueryOptions{Datacenter: "elsewhere"})
	t.holds(err != nil && strings.Contains(err.Error(), "No path to datacenter"), "no path to a datacenter, not %v", err)
	_, _, err = t.client.KV().Acquire(&api.KVPair{Key: t.name, Session: "5f2b6a54-0000-4000-8000-000000000000"}, nil)
	t.holds(err != nil && strings.Contains(err.Error(), "invalid session"), "an invalid session, not %v", err)
	_, _, err = t.client.Catalog().Nodes(&api.QueryOptions{Filter: "Node =="})
	t.holds(err != nil && strings.Contains(err.Error(), "1:8"), "the position of the filter's error, not %v", err)
	_, _, err = t.client.ACL().TokenReadSelf(nil)
	t.holds(err != nil && strings.Contains(err.Error(), "401") && strings.Contains(err.Error(), "ACL support disabled"),
		"ACLs to be off, not %v", err)
}

func eventFireAndList(t *teller) {
	event := t.client.Event()
	id, _, err := event.Fire(&api.UserEvent{Name: t.name, Payload: []byte{0, 1, 255}, NodeFilter: ".*"}, nil)
	t.must(err)
	options := &api.QueryOptions{WaitTime: answerTimeMax}
	for {
		events, meta, err := event.List(t.name, options)
		t.must(err)
		if len(events) > 0 {
			t.equal(events[0].ID, id)
			t.equal(events[0].Payload, []byte{0, 1, 255})
			t.equal(events[0].NodeFilter, ".*")
			t.equal(meta.LastIndex, event.IDToIndex(id))
			return
		}
		options.WaitIndex = meta.LastIndex
	}
}

func snapshotSaveAndRestore(t *teller) {
	kv := t.client.KV()
	t.put(t.name, "before")
	t.registerWeb(t.name+"-1", api.HealthPassing, "v1")
	session := t.session(api.SessionEntry{Name: t.name})
	before, _, err := kv.Get(t.name, nil)
	t.must(err)
	body, _, err := t.client.Snapshot().Save(nil)
	t.must(err)
	archive, err := io.ReadAll(body)
	t.must(err)
	t.must(body.Close())

	t.put(t.name, "after")
	t.put(t.name+"-later", "x")
	_, err = t.client.Session().Destroy(session, nil)
	t.must(err)
	_, err = t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: t.name + "-1"}, nil)
	t.must(err)
	err = t.client.Snapshot().Restore(nil, bytes.NewReader(archive[:len(archive)/2]))
	t.holds(err != nil, "half an archive to be refused")
	after, _, err := kv.Get(t.name, nil)
	t.must(err)
	t.equal(string(after.Value), "after")

	t.must(t.client.Snapshot().Restore(nil, bytes.NewReader(archive)))
	restored, _, err := kv.Get(t.name, nil)
	t.must(err)
	t.equal(restored, before)
	later, _, err := kv.Get(t.name+"-later", nil)
	t.must(err)
	t.holds(later == nil, "what came after the snapshot to be gone")
	entry, _, err := t.client.Session().Info(session, nil)
	t.must(err)
	t.holds(entry != nil && entry.Name == t.name, "the session to be back")
	entries, _, err := t.client.Health().Service(t.name+"-web", "v1", true, nil)
	t.must(err)
	t.equal(len(entries), 1)
}
