// Sessions: all their fields, renewal in the background, and their end.

package main

import (
	"time"

	"github.com/hashicorp/consul/api"
)

// ttlMin is the shortest TTL the server takes. A session lives on for one to two of it after its last renewal.
const ttlMin = 10 * time.Second

var sessionStories = []story{
	{"session-fields", sessionFields},
	{"session-of-a-check", sessionOfACheck},
	{"session-renewal", sessionRenewal},
}

func sessionFields(t *teller) {
	sessions := t.client.Session()
	node, err := t.client.Agent().NodeName()
	t.must(err)
	id := t.session(api.SessionEntry{
		Name: t.name, TTL: "15s", Behavior: api.SessionBehaviorDelete, LockDelay: 3 * time.Second,
	})
	entry, meta, err := sessions.Info(id, nil)
	t.must(err)
	t.equal(entry.ID, id)
	t.equal(entry.Name, t.name)
	t.equal(entry.Node, node)
	t.equal(entry.TTL, "15s")
	t.equal(entry.Behavior, api.SessionBehaviorDelete)
	t.equal(entry.LockDelay, 3*time.Second)
	t.equal(entry.NodeChecks, []string{"serfHealth"})
	t.holds(meta.LastIndex >= entry.CreateIndex, "an index of at least %d", entry.CreateIndex)

	renewed, _, err := sessions.Renew(id, nil)
	t.must(err)
	t.equal(renewed, entry)
	for _, list := range []func() ([]*api.SessionEntry, *api.QueryMeta, error){
		func() ([]*api.SessionEntry, *api.QueryMeta, error) { return sessions.List(nil) },
		func() ([]*api.SessionEntry, *api.QueryMeta, error) { return sessions.Node(node, nil) },
	} {
		entries, _, err := list()
		t.must(err)
		found := 0
		for _, each := range entries {
			if each.ID == id {
				t.equal(each, entry)
				found++
			}
		}
		t.equal(found, 1)
	}

	bare, _, err := sessions.CreateNoChecks(&api.SessionEntry{Name: t.name}, nil)
	t.must(err)
	entry, _, err = sessions.Info(bare, nil)
	t.must(err)
	t.equal(len(entry.NodeChecks), 0)
	t.equal(len(entry.Checks), 0)
	for range 2 { // the second time there is nothing left to destroy, which is no error
		_, err = sessions.Destroy(bare, nil)
		t.must(err)
	}
	entry, _, err = sessions.Info(bare, nil)
	t.must(err)
	t.holds(entry == nil, "no entry of a destroyed session")
	entry, _, err = sessions.Renew(bare, nil)
	t.must(err)
	t.holds(entry == nil, "no renewal of a destroyed session")
}

func sessionOfACheck(t *teller) {
	t.register(api.CatalogRegistration{
		Node: t.name, Address: "127.0.3.1",
		Service: &api.AgentService{ID: "web1", Service: t.name + "-web"},
		Checks: api.HealthChecks{
			// The client sends no empty list, so that each session asks for the default check too.
			{Node: t.name, CheckID: "serfHealth", Name: "serfHealth", Status: api.HealthPassing},
			{Node: t.name, CheckID: "node-ok", Name: "node-ok", Status: api.HealthPassing},
			{Node: t.name, CheckID: "web-ok", Name: "web-ok", Status: api.HealthPassing, ServiceID: "web1"},
		},
	})
	for _, each := range []struct {
		check, service string
		session        api.SessionEntry
	}{
		{"node-ok", "", api.SessionEntry{NodeChecks: []string{"node-ok"}}},
		{"web-ok", "web1", api.SessionEntry{ServiceChecks: []api.ServiceCheck{{ID: "web-ok"}}}},
	} {
		each.session.Node, each.session.LockDelay = t.name, noLockDelay
		id := t.session(each.session)
		lost, err := t.lockHandle(api.LockOptions{Session: id}).Lock(nil)
		t.must(err)
		t.holds(quiet(lost), "the lock to be held while %s passes", each.check)
		t.setCheck(t.name, each.check, each.service, api.HealthCritical)
		within(t, lost, "the loss of the lock by check "+each.check)
		entry, _, err := t.client.Session().Info(id, nil)
		t.must(err)
		t.holds(entry == nil, "the session to have ended with check %s", each.check)
	}
}

func sessionRenewal(t *teller) {
	renewed := t.session(api.SessionEntry{Name: t.name, TTL: ttlMin.String(), LockDelay: noLockDelay})
	forgotten := t.session(api.SessionEntry{Name: t.name, TTL: ttlMin.String(), LockDelay: noLockDelay})
	started := time.Now()
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- t.client.Session().RenewPeriodic(ttlMin.String(), renewed, nil, done) }()
	lost, err := t.lockHandle(api.LockOptions{Session: forgotten}).Lock(nil)
	t.must(err)
	select {
	case <-lost:
	case <-time.After(2*ttlMin + answerTimeMax/2):
		t.fail("a session outlived twice its TTL of %v without a renewal", ttlMin)
	}
	t.holds(time.Since(started) >= ttlMin, "a session to live for its TTL, but it ended after %v", time.Since(started))
	t.holds(quiet(ended), "the renewal to go on")
	entry, _, err := t.client.Session().Info(renewed, nil)
	t.must(err)
	t.holds(entry != nil, "the renewed session to live")

	close(done)
	t.must(within(t, ended, "the renewal to end when told"))
	entry, _, err = t.client.Session().Info(renewed, nil)
	t.must(err)
	t.holds(entry == nil, "the end of the renewal to destroy the session")
	go func() { ended <- t.client.Session().RenewPeriodic(ttlMin.String(), renewed, nil, nil) }()
	t.equal(within(t, ended, "the renewal to see that its session is gone"), api.ErrSessionExpired)
}
