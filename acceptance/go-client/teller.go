// What every story checks and waits with. A check that fails ends its story by a panic that main.run catches;
// checks are therefore only made in the story's own goroutine.

package main

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"time"

	"github.com/hashicorp/consul/api"
)

// failure is the panic of a story whose check did not hold.
type failure struct{ text string }

// teller is a story being told.
type teller struct {
	client *api.Client
	// name is the story's own, and the beginning of all that it writes.
	name     string
	cleaners []func()
}

// fail ends the story; the text gets the line of the story in front.
func (t *teller) fail(format string, arguments ...any) {
	position := ""
	for depth := 1; depth < 10; depth++ {
		_, file, line, ok := runtime.Caller(depth)
		if ok && filepath.Base(file) != "teller.go" {
			position = fmt.Sprintf("%s:%d: ", filepath.Base(file), line)
			break
		}
	}
	panic(failure{position + fmt.Sprintf(format, arguments...)})
}

// must is for calls that may not fail.
func (t *teller) must(err error) {
	if err != nil {
		t.fail("unexpected error: %v", err)
	}
}

// holds is for plain conditions; what says what was expected.
func (t *teller) holds(condition bool, what string, arguments ...any) {
	if !condition {
		t.fail("expected "+what, arguments...)
	}
}

// equal compares by content.
func (t *teller) equal(actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		t.fail("got %#v, expected %#v", actual, expected)
	}
}

// later runs clean up work when the story has ended, well or badly.
func (t *teller) later(clean func()) {
	t.cleaners = append(t.cleaners, clean)
}

func (t *teller) cleanUp() {
	for _, clean := range t.cleaners {
		clean()
	}
}

// within waits for the next value of a channel, or for its close, which gives the zero value.
func within[T any](t *teller, channel <-chan T, what string) T {
	return withinTime(t, answerTimeMax, channel, what)
}

// withinTime is within for what the client itself makes slow.
func withinTime[T any](t *teller, limit time.Duration, channel <-chan T, what string) T {
	select {
	case value := <-channel:
		return value
	case <-time.After(limit):
		t.fail("waited %v in vain for %s", limit, what)
		panic("unreachable")
	}
}

// quiet says whether a channel has nothing to give and is not closed.
func quiet[T any](channel <-chan T) bool {
	select {
	case <-channel:
		return false
	default:
		return true
	}
}

// session makes a session that lives until the story ends.
func (t *teller) session(entry api.SessionEntry) string {
	id, _, err := t.client.Session().Create(&entry, nil)
	t.must(err)
	t.later(func() { t.client.Session().Destroy(id, nil) })
	return id
}

// register writes one catalog entry whose node is gone when the story ends.
func (t *teller) register(registration api.CatalogRegistration) {
	_, err := t.client.Catalog().Register(&registration, nil)
	t.must(err)
	t.later(func() {
		t.client.Catalog().Deregister(&api.CatalogDeregistration{Node: registration.Node}, nil)
	})
}

// setCheck writes the status of a check of a node, or of a service of it.
func (t *teller) setCheck(node, check, service, status string) {
	t.register(api.CatalogRegistration{
		Node: node, Address: "127.0.3.1", SkipNodeUpdate: true,
		Check: &api.AgentCheck{Node: node, CheckID: check, Name: check, ServiceID: service, Status: status},
	})
}
