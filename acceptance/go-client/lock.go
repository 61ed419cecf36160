// api.Lock and api.Semaphore: mutual exclusion, loss of the lock, lock-delay.

package main

import (
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// contenders is how many goroutines fight for one lock, and rounds how often each takes it.
	contenders = 5
	rounds     = 3
	// fightTimeMax bounds that fight: whoever finds the lock free and still loses it waits api.DefaultLockRetryTime.
	fightTimeMax = rounds*api.DefaultLockRetryTime + answerTimeMax
	// noLockDelay is the shortest delay that the client sends; it leaves out 0, which the server takes as 15 s.
	noLockDelay = time.Millisecond
)

var lockStories = []story{
	{"lock-two-contenders", lockTwoContenders},
	{"lock-excludes", lockExcludes},
	{"lock-is-lost-with-its-session", lockIsLostWithItsSession},
	{"lock-is-lost-with-its-key", lockIsLostWithItsKey},
	{"lock-delay", lockDelay},
	{"lock-try-once", lockTryOnce},
	{"lock-destroy-and-conflict", lockDestroyAndConflict},
	{"lock-index-fences", lockIndexFences},
}

var semaphoreStories = []story{
	{"semaphore-limit", semaphoreLimit},
	{"semaphore-is-lost-with-its-session", semaphoreIsLostWithItsSession},
}

// lockHandle makes a handle with the client's defaults.
func (t *teller) lockHandle(options api.LockOptions) *api.Lock {
	options.Key = t.name
	handle, err := t.client.LockOpts(&options)
	t.must(err)
	return handle
}

// taken is what became of a try to take a lock in the background.
type taken struct {
	lost <-chan struct{}
	err  error
}

// inBackground runs a call that blocks until a lock is had.
func inBackground(take func(<-chan struct{}) (<-chan struct{}, error)) <-chan taken {
	result := make(chan taken, 1)
	go func() {
		lost, err := take(nil)
		result <- taken{lost, err}
	}()
	return result
}

func lockTwoContenders(t *teller) {
	first, second := t.lockHandle(api.LockOptions{Value: []byte("first")}), t.lockHandle(api.LockOptions{})
	lost, err := first.Lock(nil)
	t.must(err)
	t.holds(lost != nil && quiet(lost), "the first contender to hold the lock")
	_, err = first.Lock(nil)
	t.equal(err, api.ErrLockHeld)
	t.equal(second.Unlock(), api.ErrLockNotHeld)

	waiting := inBackground(second.Lock)
	pair, _, err := t.client.KV().Get(t.name, nil)
	t.must(err)
	t.equal(string(pair.Value), "first")
	t.equal(pair.Flags, uint64(api.LockFlagValue))
	t.equal(pair.LockIndex, uint64(1))
	t.holds(quiet(waiting), "the second contender to wait")
	t.must(first.Unlock())

	got := within(t, waiting, "the second contender to get the lock")
	t.must(got.err)
	within(t, lost, "the first contender's channel to close")
	pair, _, err = t.client.KV().Get(t.name, nil)
	t.must(err)
	t.equal(pair.LockIndex, uint64(2))
	t.holds(quiet(got.lost), "the second contender to hold the lock")
	t.must(second.Unlock())
}

func lockExcludes(t *teller) {
	var inside, entered atomic.Int32
	problems := make(chan error, contenders)
	together := atomic.Bool{}
	for range contenders {
		handle := t.lockHandle(api.LockOptions{})
		go func() {
			for range rounds {
				if _, err := handle.Lock(nil); err != nil {
					problems <- err
					return
				}
				if inside.Add(1) != 1 {
					together.Store(true)
				}
				entered.Add(1)
				inside.Add(-1)
				if err := handle.Unlock(); err != nil {
					problems <- err
					return
				}
			}
			problems <- nil
		}()
	}
	for range contenders {
		t.must(withinTime(t, fightTimeMax, problems, "a contender to have had all its rounds"))
	}
	t.equal(together.Load(), false)
	t.equal(entered.Load(), int32(rounds*contenders))
}

func lockIsLostWithItsSession(t *teller) {
	session := t.session(api.SessionEntry{TTL: "60s", LockDelay: noLockDelay})
	lost, err := t.lockHandle(api.LockOptions{Session: session}).Lock(nil)
	t.must(err)
	t.holds(quiet(lost), "the lock to be held")
	_, err = t.client.Session().Destroy(session, nil)
	t.must(err)
	within(t, lost, "the holder to learn that the lock is lost")
	pair, _, err := t.client.KV().Get(t.name, nil)
	t.must(err)
	t.equal(pair.Session, "")
}

func lockIsLostWithItsKey(t *teller) {
	handle := t.lockHandle(api.LockOptions{})
	lost, err := handle.Lock(nil)
	t.must(err)
	_, err = t.client.KV().Delete(t.name, nil)
	t.must(err)
	within(t, lost, "the holder to learn that the key is gone")
	t.must(handle.Unlock()) // also ends the session that the client made
}

func lockDelay(t *teller) {
	const delay = time.Second
	session := t.session(api.SessionEntry{LockDelay: delay})
	_, err := t.lockHandle(api.LockOptions{Session: session}).Lock(nil)
	t.must(err)
	started := time.Now()
	_, err = t.client.Session().Destroy(session, nil)
	t.must(err)
	next := t.lockHandle(api.LockOptions{})
	// The client tries at once, is refused, and tries again after its fixed api.DefaultLockRetryTime of 5 s.
	got := within(t, inBackground(next.Lock), "the lock after the delay")
	t.must(got.err)
	waited := time.Since(started)
	t.holds(waited >= delay, "no lock before the delay of %v, but had it after %v", delay, waited)
	t.must(next.Unlock())
}

func lockTryOnce(t *teller) {
	holder := t.lockHandle(api.LockOptions{})
	_, err := holder.Lock(nil)
	t.must(err)
	impatient := t.lockHandle(api.LockOptions{LockTryOnce: true, LockWaitTime: 500 * time.Millisecond})
	lost, err := impatient.Lock(nil)
	t.must(err)
	t.holds(lost == nil, "no lock for who tries once while it is held")
	t.must(holder.Unlock())
	lost, err = impatient.Lock(nil)
	t.must(err)
	t.holds(lost != nil, "the lock once it is free")
	t.must(impatient.Unlock())
}

func lockDestroyAndConflict(t *teller) {
	holder, other := t.lockHandle(api.LockOptions{}), t.lockHandle(api.LockOptions{})
	_, err := holder.Lock(nil)
	t.must(err)
	t.equal(holder.Destroy(), api.ErrLockHeld)
	t.equal(other.Destroy(), api.ErrLockInUse)
	t.must(holder.Unlock())
	t.must(other.Destroy())
	pair, _, err := t.client.KV().Get(t.name, nil)
	t.must(err)
	t.holds(pair == nil, "the destroyed lock's key to be gone")
	_, err = t.client.KV().Put(&api.KVPair{Key: t.name, Value: []byte("not a lock")}, nil)
	t.must(err)
	_, err = holder.Lock(nil)
	t.equal(err, api.ErrLockConflict)
}

func lockIndexFences(t *teller) {
	for round := range rounds {
		handle := t.lockHandle(api.LockOptions{})
		_, err := handle.Lock(nil)
		t.must(err)
		t.must(handle.Unlock())
		// A plain write keeps the number; without its flags the key would be no lock to the client any more.
		_, err = t.client.KV().Put(&api.KVPair{Key: t.name, Flags: api.LockFlagValue, Value: []byte("plain")}, nil)
		t.must(err)
		pair, _, err := t.client.KV().Get(t.name, nil)
		t.must(err)
		t.equal(pair.LockIndex, uint64(round+1))
	}
}

// semaphoreHandle makes a handle on the story's semaphore of two places.
func (t *teller) semaphoreHandle(session string) *api.Semaphore {
	handle, err := t.client.SemaphoreOpts(&api.SemaphoreOptions{Prefix: t.name, Limit: 2, Session: session})
	t.must(err)
	return handle
}

func semaphoreLimit(t *teller) {
	first, second, third := t.semaphoreHandle(""), t.semaphoreHandle(""), t.semaphoreHandle("")
	for _, handle := range []*api.Semaphore{first, second} {
		lost, err := handle.Acquire(nil)
		t.must(err)
		t.holds(quiet(lost), "a place of the semaphore")
	}
	_, err := first.Acquire(nil)
	t.equal(err, api.ErrSemaphoreHeld)
	waiting := inBackground(third.Acquire)
	pairs, _, err := t.client.KV().List(t.name+"/", nil)
	t.must(err)
	t.holds(len(pairs) >= 3, "an entry per holder and the .lock, not %d", len(pairs))
	t.holds(quiet(waiting), "the third contender to wait")
	t.must(first.Release())
	got := within(t, waiting, "the third contender to get a place")
	t.must(got.err)
	t.must(second.Release())
	t.equal(second.Release(), api.ErrSemaphoreNotHeld)
	t.equal(first.Destroy(), api.ErrSemaphoreInUse)
	t.must(third.Release())
	t.must(first.Destroy())
}

func semaphoreIsLostWithItsSession(t *teller) {
	session := t.session(api.SessionEntry{TTL: "60s", LockDelay: noLockDelay})
	lost, err := t.semaphoreHandle(session).Acquire(nil)
	t.must(err)
	_, err = t.semaphoreHandle("").Acquire(nil)
	t.must(err)
	waiting := inBackground(t.semaphoreHandle("").Acquire)
	_, err = t.client.Session().Destroy(session, nil)
	t.must(err)
	within(t, lost, "the holder to learn that its place is lost")
	// The dead holder's place goes to the one who waits, although nobody released it.
	t.must(within(t, waiting, "the next contender to take the dead one's place").err)
}
