package weft

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

const (
	jsonBytesMax = 1 << 20
	bodyBytesMax = 64 << 20
)

// Header holds the fields of a request or a response. Names are lower-case, as Get, Set and Add make
// them.
type Header map[string][]string

// Get gives the first value of that name; "" where there is none.
func (h Header) Get(name string) string {
	if values := h[strings.ToLower(name)]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set replaces all values of that name.
func (h Header) Set(name, value string) { h[strings.ToLower(name)] = []string{value} }

// Add adds a value to those of that name.
func (h Header) Add(name, value string) {
	name = strings.ToLower(name)
	h[name] = append(h[name], value)
}

// Request is a request of an HTTP function.
type Request struct {
	Method string
	// Target is path and query, percent-encoded as they came.
	Target string
	Header Header
	// Params are the parameters of the route template, decoded.
	Params map[string]string
	// Body is read as it arrives.
	Body io.Reader
}

// NewRequest makes a request by hand, for tests. The path within an app begins with /api/.
func NewRequest(method, target string, body io.Reader) *Request {
	if body == nil {
		body = strings.NewReader("")
	}
	return &Request{Method: method, Target: target, Header: Header{}, Body: body}
}

// Path is the path within the app, which begins with /api/.
func (r *Request) Path() string {
	path, _, _ := strings.Cut(r.Target, "?")
	return path
}

// PublicPath is the path as the caller sees it, for links.
func (r *Request) PublicPath() string { return r.Header.Get("x-forwarded-prefix") + r.Path() }

// Query gives the parameters of the query, decoded.
func (r *Request) Query() url.Values {
	_, query, _ := strings.Cut(r.Target, "?")
	// What is no query parameter is left out.
	values, _ := url.ParseQuery(query)
	return values
}

// Bytes reads the whole body, at most 64 MiB of it; a longer one is answered with 413 where the error
// is returned.
func (r *Request) Bytes() ([]byte, error) { return r.read(bodyBytesMax) }

func (r *Request) read(most int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, &HTTPError{413, "body-too-large", fmt.Sprintf("The body has more than %d bytes.", most)}
	}
	return body, nil
}

// JSON reads the body as JSON, at most 1 MiB of it; what is something else is answered with 400 where
// the error is returned.
func (r *Request) JSON(into any) error {
	body, err := r.read(jsonBytesMax)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return &HTTPError{400, "bad-request", "The body is not as expected: " + err.Error() + "."}
	}
	return nil
}

// Response is a response with its whole body.
type Response struct {
	// Status is 200 where it is 0.
	Status int
	Header Header
	Body   []byte
}

// Text is a response of plain text.
func Text(text string) *Response {
	return &Response{Header: Header{"content-type": {"text/plain; charset=utf-8"}}, Body: []byte(text)}
}

// JSON is a response of a value as JSON.
func JSON(value any) *Response {
	return &Response{Header: Header{"content-type": {"application/json"}}, Body: []byte(mustWrite(value))}
}

// WithStatus sets the status and gives the response itself.
func (r *Response) WithStatus(status int) *Response {
	r.Status = status
	return r
}

// HTTPError is an answer that says why there is no other; it becomes application/problem+json.
type HTTPError struct {
	Status int
	// Kind is a stable name in words and hyphens, such as bad-archive.
	Kind, Detail string
}

// Error gives the detail.
func (e *HTTPError) Error() string { return e.Detail }

func (e *HTTPError) response() *Response {
	problem := JSON(map[string]any{
		"type":   "urn:weft:problem:" + e.Kind,
		"title":  strings.ReplaceAll(e.Kind, "-", " "),
		"status": e.Status,
		"detail": e.Detail,
	})
	problem.Header.Set("content-type", "application/problem+json")
	return problem.WithStatus(e.Status)
}

// Handler answers requests. An error becomes a problem: an *HTTPError says which, those of the platform
// have theirs, and any other is 500 and goes to the log.
type Handler func(request *Request) (*Response, error)

// Route says at which requests an HTTP function is called.
type Route struct {
	// Template is the path below /api/, such as "orders/{id:int}/{*rest}"; the function's name where it
	// is empty.
	Template string
	// Methods are all where there are none.
	Methods []string
	// Description is shown by the platform.
	Description string
}

// HTTPFunc is an HTTP function of this module.
type HTTPFunc struct{ entry *entry }

// HTTP makes an HTTP function.
func HTTP(name string, code Handler, route ...Route) HTTPFunc {
	e := &entry{name: name, http: code, route: name}
	if len(route) > 0 {
		chosen := route[0]
		if chosen.Template != "" {
			e.route = chosen.Template
		}
		e.description = chosen.Description
		for _, method := range chosen.Methods {
			e.methods = append(e.methods, strings.ToUpper(method))
		}
	}
	register(e)
	return HTTPFunc{e}
}

// Answer calls the code as the platform does, for tests.
func (f HTTPFunc) Answer(request *Request) *Response { return f.entry.answer(request) }

func (e *entry) answer(request *Request) *Response {
	request.Params, _ = routeParams(e.route, request.Path())
	response, err := e.handle(request)
	if err != nil {
		return problemOf(err).response()
	}
	if response == nil {
		return &Response{Status: 204}
	}
	return response
}

func (e *entry) handle(request *Request) (response *Response, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = caught(panicked)
		}
	}()
	return e.http(request)
}

func problemOf(err error) *HTTPError {
	var known *HTTPError
	if errors.As(err, &known) {
		return known
	}
	for _, of := range [...]struct {
		err    error
		status int
		kind   string
	}{
		{ErrNotFound, 404, "not-found"},
		{ErrAlreadyExists, 409, "already-exists"},
		{ErrEnded, 410, "ended"},
		{ErrInvalid, 400, "invalid"},
		{ErrUnavailable, 503, "unavailable"},
	} {
		if errors.Is(err, of.err) {
			return &HTTPError{of.status, of.kind, err.Error()}
		}
	}
	failure := FailureOf(err)
	var details struct{ Stack string }
	_ = json.Unmarshal(failure.Details, &details)
	fmt.Fprintln(os.Stderr, strings.TrimSpace(failure.Error()+"\n"+details.Stack))
	return &HTTPError{500, "internal", "The function failed; its log says why."}
}

// serve is what the component answers.
func serve(request *Request) *Response {
	if found := choose(request); found != nil {
		return found.answer(request)
	}
	return (&HTTPError{404, "not-found", "This component has no function for the request."}).response()
}

// choose gives the function that the platform names. Other hosts name none: then route and method
// decide, and a function that is alone answers everything.
func choose(request *Request) *entry {
	var handlers []*entry
	for _, e := range entries {
		if e.http != nil {
			handlers = append(handlers, e)
		}
	}
	if name := request.Header.Get("x-weft-function"); name != "" {
		for _, e := range handlers {
			if e.name == name {
				return e
			}
		}
		return nil
	}
	if len(handlers) == 1 {
		return handlers[0]
	}
	for _, e := range handlers {
		if _, fits := routeParams(e.route, request.Path()); fits && e.takes(request.Method) {
			return e
		}
	}
	return nil
}

func (e *entry) takes(method string) bool {
	for _, known := range e.methods {
		if known == method {
			return true
		}
	}
	return len(e.methods) == 0
}

// routeParams gives the parameters of a route template in a path; false where the path is another one.
func routeParams(template, path string) (map[string]string, bool) {
	if strings.HasPrefix(path, "/@") {
		// Tenant and app come before.
		if parts := strings.SplitN(path, "/", 4); len(parts) == 4 {
			path = "/" + parts[3]
		}
	}
	rest, below := strings.CutPrefix(path, "/api/")
	if !below {
		return nil, false
	}
	segments := segmentsOf(rest)
	found := map[string]string{}
	for _, pattern := range segmentsOf(template) {
		if !strings.HasPrefix(pattern, "{") || !strings.HasSuffix(pattern, "}") {
			if len(segments) == 0 || !strings.EqualFold(segments[0], pattern) {
				return nil, false
			}
			segments = segments[1:]
			continue
		}
		inner := pattern[1 : len(pattern)-1]
		if name, all := strings.CutPrefix(inner, "*"); all {
			for at, segment := range segments {
				segments[at] = decoded(segment)
			}
			found[name] = strings.Join(segments, "/")
			segments = nil
			continue
		}
		inner, optional := strings.CutSuffix(inner, "?")
		name := inner
		if end := strings.IndexAny(inner, ":="); end >= 0 {
			name = inner[:end]
		}
		if len(segments) > 0 {
			found[name] = decoded(segments[0])
			segments = segments[1:]
		} else if !optional {
			return nil, false
		}
	}
	return found, len(segments) == 0
}

func segmentsOf(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func decoded(segment string) string {
	if plain, err := url.PathUnescape(segment); err == nil {
		return plain
	}
	return segment
}
