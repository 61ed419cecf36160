// Asks github.com/hashicorp/hcl v1.0.0 what each case of ../corpus.txt means, and writes that to ../go.json.
//
//	cd crates/hcl/testdata/record && go run .
//
// A float is written as {"$float": 1.5}, so that it is told from a whole number. Its panics count as errors.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/hcl"
)

type answer struct {
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	corpus, err := os.ReadFile("../corpus.txt")
	if err != nil {
		panic(err)
	}
	answers := map[string]answer{}
	for _, part := range strings.Split("\n"+string(corpus), "\n=== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		answers[name] = ask(text)
	}
	written, err := json.MarshalIndent(answers, "", " ")
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile("../go.json", append(written, '\n'), 0o644); err != nil {
		panic(err)
	}
}

func ask(text string) (result answer) {
	defer func() {
		if broken := recover(); broken != nil {
			result = answer{Error: fmt.Sprint(broken)}
		}
	}()
	var value map[string]any
	if err := hcl.Decode(&value, text); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: tagged(value)}
}

func tagged(value any) any {
	switch value := value.(type) {
	case float64:
		return map[string]any{"$float": value}
	case []any:
		list := []any{}
		for _, element := range value {
			list = append(list, tagged(element))
		}
		return list
	case []map[string]any:
		list := []any{}
		for _, element := range value {
			list = append(list, tagged(element))
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key, element := range value {
			object[key] = tagged(element)
		}
		return object
	default:
		return value
	}
}
