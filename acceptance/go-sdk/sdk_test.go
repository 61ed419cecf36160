// Package gosdk starts the server as Go projects do that test themselves against Consul: by the official SDK's test
// server, which runs whatever is called `consul` in PATH with a configuration file that it writes itself.
package gosdk

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"reflect"
	"sort"
	"testing"

	"github.com/hashicorp/consul/sdk/testutil"
)

// Consul 1.13 ends with 1 when it is interrupted and, as the SDK has it, must not leave.
var isConsul = os.Getenv("SERVER") == "consul"

// started gives a server that leads; it is stopped with the test, and must then end as it does when all is well.
func started(t *testing.T, configure testutil.ServerConfigCallback) *testutil.TestServer {
	t.Helper()
	server, err := testutil.NewTestServerConfigT(t, configure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil && !isConsul {
			t.Errorf("the server did not stop in order: %v", err)
		}
		if connection, err := net.Dial("tcp", server.HTTPAddr); err == nil {
			connection.Close()
			t.Error("somebody still answers after the stop")
		}
		if _, err := os.Stat(server.Config.DataDir); !os.IsNotExist(err) {
			t.Errorf("the data directory is still there: %v", err)
		}
	})
	server.WaitForLeader(t)
	server.WaitForSerfCheck(t)
	return server
}

func get(t *testing.T, server *testutil.TestServer, path string, into any) {
	t.Helper()
	answer, err := server.HTTPClient.Get("http://" + server.HTTPAddr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, found, wanted any) {
	t.Helper()
	if !reflect.DeepEqual(found, wanted) {
		t.Fatalf("found %#v, wanted %#v", found, wanted)
	}
}

// TestDefault uses the configuration that the SDK writes when it is told nothing.
func TestDefault(t *testing.T) {
	server := started(t, nil)

	t.Run("the node is called as the file says", func(t *testing.T) {
		var self struct {
			Config struct{ NodeName, NodeID string }
		}
		get(t, server, "/v1/agent/self", &self)
		expect(t, self.Config.NodeName, server.Config.NodeName)
		expect(t, self.Config.NodeID, server.Config.NodeID)
	})
	t.Run("keys", func(t *testing.T) {
		server.SetKV(t, "bytes", []byte{0, 255, 10})
		expect(t, server.GetKV(t, "bytes"), []byte{0, 255, 10})
		server.SetKVString(t, "text", "hello")
		expect(t, server.GetKVString(t, "text"), "hello")
		server.PopulateKV(t, map[string][]byte{"many/a": []byte("1"), "many/b/c": []byte("2")})
		expect(t, server.ListKV(t, "many/"), []string{"many/a", "many/b/c"})
	})
	t.Run("services and their checks", func(t *testing.T) { services(t, server) })
	t.Run("checks of the node", func(t *testing.T) {
		server.AddCheck(t, "disk", "", testutil.HealthWarning)
		var checks map[string]struct{ Name, Status, ServiceID string }
		get(t, server, "/v1/agent/checks", &checks)
		expect(t, checks["disk"], struct{ Name, Status, ServiceID string }{"disk", "warning", ""})
	})
}

func services(t *testing.T, server *testutil.TestServer) {
	for name, status := range map[string]string{"up": testutil.HealthPassing, "slow": testutil.HealthWarning, "down": testutil.HealthCritical} {
		server.AddAddressableService(t, name, status, "10.1.2.3", 8080, []string{"v1", name})
	}
	server.AddService(t, "bare", testutil.HealthPassing, nil)
	server.AddCheck(t, "second", "up", testutil.HealthCritical)

	var local map[string]struct {
		Service, Address string
		Port             int
		Tags             []string
	}
	get(t, server, "/v1/agent/services", &local)
	expect(t, len(local), 4)
	expect(t, local["up"].Address, "10.1.2.3")
	expect(t, local["up"].Port, 8080)
	expect(t, local["up"].Tags, []string{"v1", "up"})

	var health []struct {
		Checks []struct{ CheckID, Status string }
	}
	get(t, server, "/v1/health/service/up", &health)
	expect(t, len(health), 1)
	var found []string
	for _, check := range health[0].Checks {
		found = append(found, check.CheckID+" "+check.Status)
	}
	sort.Strings(found)
	expect(t, found, []string{"second critical", "serfHealth passing", "service:up passing"})
	for name, passing := range map[string]int{"up": 0, "slow": 0, "down": 0, "bare": 1} {
		get(t, server, fmt.Sprintf("/v1/health/service/%s?passing", name), &health)
		expect(t, len(health), passing)
	}
}

// TestCallback uses the settings that projects change most.
func TestCallback(t *testing.T) {
	server := started(t, func(config *testutil.TestServerConfig) {
		config.Datacenter = "dc9"
		config.NodeName = "mine"
		config.NodeMeta = map[string]string{"rack": "r1"}
		config.LogLevel = "warn"
		config.EnableScriptChecks = true
		config.EnableDebug = true
		config.Connect = nil
		config.Peering = nil
		config.Args = []string{"-domain=test."}
	})

	t.Run("settings hold", func(t *testing.T) {
		var self struct {
			Config struct{ Datacenter, NodeName string }
			Meta   map[string]string
		}
		get(t, server, "/v1/agent/self", &self)
		expect(t, self.Config.Datacenter, "dc9")
		expect(t, self.Config.NodeName, "mine")
		expect(t, self.Meta["rack"], "r1")
	})
	t.Run("a wrapped server", func(t *testing.T) {
		wrapped := server.Wrap(t)
		wrapped.SetKVString("wrapped", "yes")
		expect(t, wrapped.GetKVString("wrapped"), "yes")
		wrapped.AddService("web", testutil.HealthPassing, []string{"v1"})
	})
}

// TestTwoAtOnce starts two servers side by side, as parallel tests do: nothing but their ports and directories is theirs.
func TestTwoAtOnce(t *testing.T) {
	one, two := started(t, nil), started(t, nil)
	t.Run("each has its own keys", func(t *testing.T) {
		one.SetKVString(t, "who", "one")
		two.SetKVString(t, "who", "two")
		expect(t, one.GetKVString(t, "who"), "one")
		expect(t, two.GetKVString(t, "who"), "two")
	})
}
