// Keys and values: plain, with check-and-set, blocking, and in each consistency.

package main

import (
	"time"

	"github.com/hashicorp/consul/api"
)

var kvStories = []story{
	{"kv-put-get-list-delete", kvPutGetListDelete},
	{"kv-cas", kvCAS},
	{"kv-blocking", kvBlocking},
	{"kv-consistency", kvConsistency},
}

func kvPutGetListDelete(t *teller) {
	kv := t.client.KV()
	every := make([]byte, 256)
	for value := range every {
		every[value] = byte(value)
	}
	for _, suffix := range []string{"/a", "/b c", "/d/e", "/d/ü%2F"} {
		_, err := kv.Put(&api.KVPair{Key: t.name + suffix, Value: every, Flags: 1<<64 - 1}, nil)
		t.must(err)
	}
	pair, meta, err := kv.Get(t.name+"/d/ü%2F", nil)
	t.must(err)
	t.equal(pair.Value, every)
	t.equal(pair.Flags, uint64(1<<64-1))
	t.equal(pair.LockIndex, uint64(0))
	t.holds(meta.LastIndex >= pair.ModifyIndex && pair.ModifyIndex > 0, "an index of at least %d", pair.ModifyIndex)

	pairs, _, err := kv.List(t.name+"/d/", nil)
	t.must(err)
	t.equal(len(pairs), 2)
	keys, _, err := kv.Keys(t.name+"/", "/", nil)
	t.must(err)
	t.equal(keys, []string{t.name + "/a", t.name + "/b c", t.name + "/d/"})

	_, err = kv.Delete(t.name+"/a", nil)
	t.must(err)
	_, err = kv.DeleteTree(t.name+"/d/", nil)
	t.must(err)
	keys, _, err = kv.Keys(t.name+"/", "", nil)
	t.must(err)
	t.equal(keys, []string{t.name + "/b c"})
	pair, meta, err = kv.Get(t.name+"/a", nil)
	t.must(err)
	t.holds(pair == nil && meta.LastIndex > 0, "no pair, but an index to wait on")
}

func kvCAS(t *teller) {
	kv := t.client.KV()
	pair := &api.KVPair{Key: t.name, Value: []byte("one")}
	for _, expected := range []bool{true, false} {
		done, _, err := kv.CAS(pair, nil) // ModifyIndex 0: only if absent
		t.must(err)
		t.equal(done, expected)
	}
	current, _, err := kv.Get(t.name, nil)
	t.must(err)
	for _, expected := range []bool{true, false} {
		done, _, err := kv.CAS(&api.KVPair{Key: t.name, Value: []byte("two"), ModifyIndex: current.ModifyIndex}, nil)
		t.must(err)
		t.equal(done, expected)
	}
	done, _, err := kv.DeleteCAS(current, nil)
	t.must(err)
	t.equal(done, false)
	current, _, err = kv.Get(t.name, nil)
	t.must(err)
	t.equal(string(current.Value), "two")
	done, _, err = kv.DeleteCAS(current, nil)
	t.must(err)
	t.equal(done, true)
}

func kvBlocking(t *teller) {
	kv := t.client.KV()
	_, meta, err := kv.Get(t.name, nil)
	t.must(err)
	found := make(chan string, 1)
	go func() {
		options := &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: time.Minute}
		for {
			pair, meta, err := kv.Get(t.name, options)
			if err != nil {
				found <- err.Error()
				return
			}
			if pair != nil {
				found <- string(pair.Value)
				return
			}
			options.WaitIndex = meta.LastIndex
		}
	}()
	_, err = kv.Put(&api.KVPair{Key: t.name, Value: []byte("appeared")}, nil)
	t.must(err)
	t.equal(within(t, found, "the key to appear"), "appeared")

	_, meta, err = kv.Get(t.name, nil)
	t.must(err)
	started := time.Now()
	_, again, err := kv.Get(t.name, &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: time.Second})
	t.must(err)
	t.equal(again.LastIndex, meta.LastIndex)
	waited := time.Since(started)
	t.holds(waited >= time.Second && waited < 2*time.Second, "a wait of 1 s and its jitter, not %v", waited)
}

func kvConsistency(t *teller) {
	kv := t.client.KV()
	_, err := kv.Put(&api.KVPair{Key: t.name, Value: []byte("x")}, nil)
	t.must(err)
	for _, options := range []*api.QueryOptions{{}, {RequireConsistent: true}, {AllowStale: true}} {
		pair, meta, err := kv.Get(t.name, options)
		t.must(err)
		t.equal(string(pair.Value), "x")
		t.equal(meta.KnownLeader, true)
		t.equal(meta.LastContact, time.Duration(0))
	}
}
