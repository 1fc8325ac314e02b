package weft

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type guest struct {
	Name string `json:"name"`
}

var (
	greeting = HTTP("greeting", func(request *Request) (*Response, error) {
		return Text("Hello, " + request.Params["name"] + request.Query().Get("mark")), nil
	}, Route{Template: "greetings/{name}/{*rest}", Methods: []string{"get"}, Description: "Greets."})

	echo = HTTP("echo", func(request *Request) (*Response, error) {
		var given guest
		if err := request.JSON(&given); err != nil {
			return nil, err
		}
		return JSON(given).WithStatus(201), nil
	})

	failing = HTTP("failing", func(request *Request) (*Response, error) {
		switch request.Query().Get("how") {
		case "gone":
			return nil, ErrNotFound
		case "panic":
			panic("no luck")
		case "nothing":
			return nil, nil
		default:
			return nil, errors.New("a secret")
		}
	})
)

func TestAHandlerSeesParametersAndQuery(t *testing.T) {
	got := greeting.Answer(NewRequest("GET", "/api/greetings/Ada%20L/a/b?mark=%21", nil))
	if string(got.Body) != "Hello, Ada L!" || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Fatal(string(got.Body), got.Header)
	}
}

func TestBodiesAreReadAsJSON(t *testing.T) {
	got := echo.Answer(NewRequest("POST", "/api/echo", strings.NewReader(`{"name":"Ada"}`)))
	if got.Status != 201 || string(got.Body) != `{"name":"Ada"}` {
		t.Fatal(got.Status, string(got.Body))
	}
	for body, status := range map[string]int{"{": 400, strings.Repeat(" ", jsonBytesMax+1): 413} {
		got := echo.Answer(NewRequest("POST", "/api/echo", strings.NewReader(body)))
		if got.Status != status || got.Header.Get("content-type") != "application/problem+json" {
			t.Fatal(got.Status, string(got.Body))
		}
	}
}

func TestErrorsBecomeProblems(t *testing.T) {
	for how, status := range map[string]int{"gone": 404, "panic": 500, "other": 500, "nothing": 204} {
		got := failing.Answer(NewRequest("GET", "/api/failing?how="+how, nil))
		if got.Status != status || strings.Contains(string(got.Body), "secret") {
			t.Fatal(how, got.Status, string(got.Body))
		}
		var problem struct{ Type string }
		if status != 204 && (json.Unmarshal(got.Body, &problem) != nil || problem.Type == "") {
			t.Fatal(string(got.Body))
		}
	}
}

func TestThePlatformNamesTheFunctionElseTheRouteDecides(t *testing.T) {
	named := NewRequest("GET", "/api/greetings/Ada", nil)
	named.Header.Set("X-Weft-Function", "failing")
	if choose(named).name != "failing" {
		t.Fatal("the name counts")
	}
	for target, want := range map[string]string{
		"GET /api/greetings/Ada":       "greeting",
		"GET /@t/a/api/greetings/Ada/": "greeting",
		"POST /api/greetings/Ada":      "",
		"POST /api/ECHO":               "echo",
		"GET /echo":                    "",
		"GET /api/greetings":           "",
	} {
		method, path, _ := strings.Cut(target, " ")
		found := choose(NewRequest(method, path, nil))
		if (found == nil) != (want == "") || found != nil && found.name != want {
			t.Fatal(target, found)
		}
	}
}

func TestOptionalAndTypedParameters(t *testing.T) {
	for path, want := range map[string]string{"/api/orders/7": "7", "/api/orders": ""} {
		params, fits := routeParams("orders/{id:int?}", path)
		if !fits || params["id"] != want {
			t.Fatal(path, params, fits)
		}
	}
	if _, fits := routeParams("orders/{id}", "/api/orders/7/8"); fits {
		t.Fatal("a segment is left")
	}
}
