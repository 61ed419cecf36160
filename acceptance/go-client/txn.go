// Transactions over keys, nodes, services and checks.

package main

import (
	"github.com/hashicorp/consul/api"
)

var txnStories = []story{
	{"txn-kv", txnKV},
	{"txn-get-or-empty", txnGetOrEmpty},
	{"txn-rollback", txnRollback},
	{"txn-catalog", txnCatalog},
}

// kvOp is one key/value operation of a transaction.
func kvOp(operation api.KVTxnOp) *api.TxnOp {
	return &api.TxnOp{KV: &operation}
}

func txnKV(t *teller) {
	session := t.session(api.SessionEntry{Name: t.name})
	ok, response, _, err := t.client.Txn().Txn(api.TxnOps{
		kvOp(api.KVTxnOp{Verb: api.KVCheckNotExists, Key: t.name + "/a"}),
		kvOp(api.KVTxnOp{Verb: api.KVSet, Key: t.name + "/a", Value: []byte("1"), Flags: 5}),
		kvOp(api.KVTxnOp{Verb: api.KVLock, Key: t.name + "/lock", Value: []byte("l"), Session: session}),
		kvOp(api.KVTxnOp{Verb: api.KVCheckSession, Key: t.name + "/lock", Session: session}),
		kvOp(api.KVTxnOp{Verb: api.KVGet, Key: t.name + "/a"}),
	}, nil)
	t.must(err)
	t.holds(ok && len(response.Errors) == 0, "success, not %v", response.Errors)
	// The checks give nothing back, writes come without their value and reads with it.
	t.equal(len(response.Results), 4)
	t.equal(string(response.Results[0].KV.Value), "")
	t.equal(string(response.Results[3].KV.Value), "1")
	t.equal(response.Results[3].KV.Flags, uint64(5))
	t.equal(response.Results[1].KV.Session, session)

	ok, read, _, err := t.client.Txn().Txn(api.TxnOps{
		kvOp(api.KVTxnOp{Verb: api.KVGetTree, Key: t.name + "/"}),
	}, &api.QueryOptions{RequireConsistent: true})
	t.must(err)
	t.holds(ok && len(read.Results) == 2, "both pairs, not %v", read.Results)

	index := read.Results[0].KV.ModifyIndex
	ok, old, _, err := t.client.KV().Txn(api.KVTxnOps{
		{Verb: api.KVCheckIndex, Key: t.name + "/a", Index: index},
		{Verb: api.KVCAS, Key: t.name + "/a", Value: []byte("2"), Index: index},
		{Verb: api.KVUnlock, Key: t.name + "/lock", Session: session},
		{Verb: api.KVDelete, Key: t.name + "/lock"},
	}, nil)
	t.must(err)
	t.holds(ok && len(old.Errors) == 0, "success of the older call, not %v", old.Errors)
	pairs, _, err := t.client.KV().List(t.name+"/", nil)
	t.must(err)
	t.equal(len(pairs), 1)
	t.equal(string(pairs[0].Value), "2")
}

func txnGetOrEmpty(t *teller) {
	t.put(t.name+"/there", "1")
	ok, response, _, err := t.client.Txn().Txn(api.TxnOps{
		kvOp(api.KVTxnOp{Verb: api.KVGetOrEmpty, Key: t.name + "/there"}),
		kvOp(api.KVTxnOp{Verb: api.KVGetOrEmpty, Key: t.name + "/absent"}),
	}, nil)
	t.must(err)
	t.holds(ok && len(response.Results) == 2, "two results, not %v", response.Errors)
	t.equal(string(response.Results[0].KV.Value), "1")
	t.equal(response.Results[1].KV.Key, t.name+"/absent")
	t.holds(response.Results[1].KV.Value == nil, "no value for the absent key")
}

func txnRollback(t *teller) {
	ok, response, _, err := t.client.Txn().Txn(api.TxnOps{
		kvOp(api.KVTxnOp{Verb: api.KVSet, Key: t.name, Value: []byte("1")}),
		kvOp(api.KVTxnOp{Verb: api.KVCAS, Key: t.name + "/other", Value: []byte("1"), Index: 1}),
		kvOp(api.KVTxnOp{Verb: api.KVGet, Key: t.name + "/absent"}),
	}, nil)
	t.must(err)
	t.equal(ok, false)
	t.equal(len(response.Errors), 2)
	t.equal([]int{response.Errors[0].OpIndex, response.Errors[1].OpIndex}, []int{1, 2})
	pair, _, err := t.client.KV().Get(t.name, nil)
	t.must(err)
	t.holds(pair == nil, "nothing written by a refused transaction")
}

func txnCatalog(t *teller) {
	node := api.Node{Node: t.name, Address: "127.0.3.2", Meta: map[string]string{"rack": "r1"}}
	service := api.AgentService{ID: "web1", Service: t.name + "-web", Tags: []string{"v1"}, Port: 80}
	check := api.HealthCheck{Node: t.name, CheckID: "web1-ok", Name: "ok", Status: api.HealthPassing, ServiceID: "web1"}
	t.later(func() { t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: t.name}, nil) })
	ok, set, _, err := t.client.Txn().Txn(api.TxnOps{
		{Node: &api.NodeTxnOp{Verb: api.NodeSet, Node: node}},
		{Service: &api.ServiceTxnOp{Verb: api.ServiceSet, Node: t.name, Service: service}},
		{Check: &api.CheckTxnOp{Verb: api.CheckSet, Check: check}},
	}, nil)
	t.must(err)
	t.holds(ok, "the registration to succeed, not %v", set.Errors)
	t.equal(set.Results[0].Node.Meta, node.Meta)

	check.Status, check.ModifyIndex = api.HealthCritical, set.Results[2].Check.ModifyIndex
	for _, expected := range []bool{true, false} {
		ok, _, _, err = t.client.Txn().Txn(api.TxnOps{{Check: &api.CheckTxnOp{Verb: api.CheckCAS, Check: check}}}, nil)
		t.must(err)
		t.equal(ok, expected)
	}
	ok, got, _, err := t.client.Txn().Txn(api.TxnOps{
		{Node: &api.NodeTxnOp{Verb: api.NodeGet, Node: node}},
		{Service: &api.ServiceTxnOp{Verb: api.ServiceGet, Node: t.name, Service: service}},
		{Check: &api.CheckTxnOp{Verb: api.CheckGet, Check: check}},
	}, nil)
	t.must(err)
	t.holds(ok, "the reads to succeed, not %v", got.Errors)
	t.equal(got.Results[1].Service.Tags, service.Tags)
	t.equal(got.Results[2].Check.Status, api.HealthCritical)

	node.ModifyIndex = got.Results[0].Node.ModifyIndex
	service.ModifyIndex = got.Results[1].Service.ModifyIndex
	check.ModifyIndex = got.Results[2].Check.ModifyIndex
	ok, gone, _, err := t.client.Txn().Txn(api.TxnOps{
		{Check: &api.CheckTxnOp{Verb: api.CheckDeleteCAS, Check: check}},
		{Service: &api.ServiceTxnOp{Verb: api.ServiceDeleteCAS, Node: t.name, Service: service}},
		{Node: &api.NodeTxnOp{Verb: api.NodeDelete, Node: node}},
	}, nil)
	t.must(err)
	t.holds(ok, "the deletes to succeed, not %v", gone.Errors)
	left, _, err := t.client.Catalog().Node(t.name, nil)
	t.must(err)
	t.holds(left == nil, "no node to be left")
}
