//go:build wasip1

package weft

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.method
func requestMethod(request, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.path-with-query
func requestTarget(request, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.headers
func requestHeaders(request uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.consume
func requestConsume(request, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-request
func requestDrop(request uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-body.stream
func incomingBodyStream(body, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-body
func incomingBodyDrop(body uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]fields.entries
func fieldsEntries(fields, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [static]fields.from-list
func fieldsFromList(entries, entriesLen, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]fields
func fieldsDrop(fields uint32)

//go:wasmimport wasi:http/types@0.2.0 [constructor]outgoing-response
func newOutgoingResponse(headers uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-response.set-status-code
func responseSetStatus(response, status uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-response.body
func responseBody(response, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]outgoing-response
func responseDrop(response uint32)

//go:wasmimport wasi:http/types@0.2.0 [static]response-outparam.set
func responseSet(out, failed, value, hasText uint32, text uint64, textLen, a, b, c uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-body.write
func outgoingBodyWrite(body, result uint32)

//go:wasmimport wasi:http/types@0.2.0 [static]outgoing-body.finish
func outgoingBodyFinish(body, hasTrailers, trailers, result uint32)

// errorInternal is the case internal-error of error-code.
const errorInternal = 38

// handleOf gives the handle of result<own<T>>.
func handleOf(ask func(result uint32)) (uint32, bool) {
	defer keep()
	result := newArea(8)
	ask(result.address())
	return result.number(4), result.byte(0) == 0
}

//go:wasmexport wasi:http/incoming-handler@0.2.0#handle
func exportHandle(incoming, out uint32) {
	defer release()
	body := &incomingBody{}
	body.handle, _ = handleOf(func(result uint32) { requestConsume(incoming, result) })
	request := &Request{
		Method: methodOf(incoming),
		Target: targetOf(incoming),
		Header: headerOf(requestHeaders(incoming)),
		Body:   body,
	}
	send(serve(request), out)
	body.close()
	requestDrop(incoming)
}

func methodOf(request uint32) string {
	defer keep()
	result := newArea(12)
	requestMethod(request, result.address())
	named := [...]string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
	if which := int(result.byte(0)); which < len(named) {
		return named[which]
	}
	return result.text(4)
}

func targetOf(request uint32) string {
	defer keep()
	result := newArea(12)
	requestTarget(request, result.address())
	if target, found := result.optional(0); found {
		return target
	}
	return "/"
}

// headerOf reads fields and gives them back.
func headerOf(fields uint32) Header {
	defer keep()
	result := newArea(8)
	fieldsEntries(fields, result.address())
	const size = 16
	pairs := area(bytesAt(result.number(0), result.number(4)*size))
	header := Header{}
	for ; len(pairs) >= size; pairs = pairs[size:] {
		header.Add(pairs.text(0), pairs.text(8))
	}
	fieldsDrop(fields)
	return header
}

// incomingBody is read as it arrives.
type incomingBody struct {
	handle uint32
	stream inputStream
	opened bool
}

func (b *incomingBody) Read(into []byte) (int, error) {
	if !b.opened {
		stream, ok := handleOf(func(result uint32) { incomingBodyStream(b.handle, result) })
		if !ok {
			return 0, errors.New("the body was read already")
		}
		b.stream, b.opened = inputStream(stream), true
	}
	read, err := b.stream.Read(into)
	if err != nil && err != io.EOF {
		err = &HTTPError{400, "bad-request", "The body ended too early."}
	}
	return read, err
}

func (b *incomingBody) close() {
	if b.opened {
		inputDrop(uint32(b.stream))
	}
	incomingBodyDrop(b.handle)
}

// send answers. A caller that has gone away is no fault of the function.
func send(response *Response, out uint32) {
	head, ok := headOf(response)
	if !ok {
		fmt.Fprintln(os.Stderr, "the response has a status or header that HTTP does not allow")
		at, length := text("invalid response head")
		responseSet(out, 1, errorInternal, 1, uint64(at), length, 0, 0, 0)
		return
	}
	body, _ := handleOf(func(result uint32) { responseBody(head, result) })
	responseSet(out, 0, head, 0, 0, 0, 0, 0, 0)
	if stream, ok := handleOf(func(result uint32) { outgoingBodyWrite(body, result) }); ok {
		_, _ = outputStream(stream).Write(response.Body)
		outputDrop(stream)
	}
	defer keep()
	outgoingBodyFinish(body, 0, 0, newArea(40).address())
}

func headOf(response *Response) (uint32, bool) {
	names := make([]string, 0, len(response.Header))
	for name := range response.Header {
		if !strings.EqualFold(name, "content-length") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var pairs []string
	for _, name := range names {
		for _, value := range response.Header[name] {
			pairs = append(pairs, strings.ToLower(name), value)
		}
	}
	pairs = append(pairs, "content-length", strconv.Itoa(len(response.Body)))
	fields, ok := handleOf(func(result uint32) {
		at, count := list(pairs)
		fieldsFromList(at, count/2, result)
	})
	if !ok {
		return 0, false
	}
	status := response.Status
	if status == 0 {
		status = 200
	}
	head := newOutgoingResponse(fields)
	if status < 0 || status > 0xffff || responseSetStatus(head, uint32(status)) != 0 {
		responseDrop(head)
		return 0, false
	}
	return head, true
}
