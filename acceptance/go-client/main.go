// The official Go client of Consul against the server: what it offers must work as its users know it.
//
// Each story is a function that makes its own names, so stories do not meet. A story fails by t.fail or one of the
// checks built on it, or by not ending within storyTimeMax. The server is found by CONSUL_HTTP_ADDR.
package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// storyTimeMax bounds a story; the longest waits 20 s for a session's TTL to pass twice.
	storyTimeMax = 60 * time.Second
	// answerTimeMax is how long a change may take to reach whoever waits for it. The server needs milliseconds,
	// a busy CI machine may need seconds.
	answerTimeMax = 10 * time.Second
)

type story struct {
	name string
	tell func(*teller)
}

// stories in the order in which they run. Restore replaces the whole state, so it is the last.
var stories = slices.Concat(kvStories, txnStories, lockStories, semaphoreStories, sessionStories, catalogStories,
	healthStories, watchStories, agentStories, serverStories)

// beyondConsul113 names the stories of what this client asks for and Consul 1.13.9 does not have.
var beyondConsul113 = []string{
	"txn-get-or-empty", "agent-version", "lock-index-fences", "agent-service-of-newer-clients",
}

func main() {
	passed, failed, skipped := 0, 0, 0
	for _, story := range stories {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], story.name) {
			continue
		}
		if os.Getenv("SERVER") == "consul" && slices.Contains(beyondConsul113, story.name) {
			skipped++
			continue
		}
		started := time.Now()
		if problem := run(story); problem != "" {
			failed++
			fmt.Printf("FAILED %s (%.2fs): %s\n", story.name, time.Since(started).Seconds(), problem)
			continue
		}
		passed++
		fmt.Printf("ok     %s (%.2fs)\n", story.name, time.Since(started).Seconds())
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

// run tells one story and gives what was wrong, or "".
func run(story story) string {
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		return err.Error()
	}
	done := make(chan string, 1)
	go func() {
		t := &teller{client: client, name: story.name}
		problem := tell(t, story)
		t.cleanUp()
		done <- problem
	}()
	select {
	case problem := <-done:
		return problem
	case <-time.After(storyTimeMax):
		return fmt.Sprintf("not ended after %v", storyTimeMax)
	}
}

// tell runs the story's function and turns the panic of a failed check into its text.
func tell(t *teller, story story) (problem string) {
	defer func() {
		switch panicked := recover().(type) {
		case nil:
		case failure:
			problem = panicked.text
		default:
			stack := make([]byte, 4096)
			problem = fmt.Sprintf("panic: %v\n%s", panicked, stack[:runtime.Stack(stack, false)])
		}
	}()
	story.tell(t)
	return ""
}
