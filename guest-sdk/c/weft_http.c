/* HTTP functions: requests, responses, routes, and wasi:http with the streams of wasi:io. */
#include <stdio.h>
#include <strings.h>

#include "weft.h"
#include "weft_abi.h"

static const size_t BODY_BYTES_MAX = 64 << 20;

/* ---- Requests ---- */

const char *weft_request_header(const weft_request *request, const char *name) {
  for (size_t at = 0; at < request->header_count; at++)
    if (!strcasecmp(request->headers[at].name, name)) return request->headers[at].value;
  return NULL;
}

static int digit(char of) {
  if (of >= '0' && of <= '9') return of - '0';
  of |= 32;
  return of >= 'a' && of <= 'f' ? of - 'a' + 10 : -1;
}

/* Percent-decodes; what is no escape stays. A string of C cannot hold a zero. */
static char *decoded(const char *from, size_t length, bool plus) {
  char *made = take(length + 1), *to = made;
  for (const char *end = from + length; from < end; from++) {
    if (*from == '%' && end - from > 2 && digit(from[1]) >= 0 && digit(from[2]) >= 0 &&
        digit(from[1]) + digit(from[2]) > 0) {
      *to++ = (char)(digit(from[1]) << 4 | digit(from[2]));
      from += 2;
    } else {
      *to++ = plus && *from == '+' ? ' ' : *from;
    }
  }
  return made;
}

char *weft_request_query(const weft_request *request, const char *name) {
  const char *at = strchr(request->target, '?');
  while (at && *at) {
    at++;
    size_t length = strcspn(at, "&");
    size_t key = strcspn(at, "=&");
    if (!strcmp(decoded(at, key, true), name)) {
      bool valued = key < length;
      return decoded(at + key + valued, length - key - valued, true);
    }
    at += length;
  }
  return NULL;
}

/* The next part of a text between separators; false where there is none. Nothing is looked at from
 * the end on. */
static bool part_of(const char **from, char separator, char end, text *found) {
  const char until[] = {separator, end, 0};
  while (**from == separator) ++*from;
  *found = (text){*from, strcspn(*from, until)};
  *from += found->length;
  return found->length;
}

/* The path below /api/ within the app; NULL where it is another one. */
static const char *below_api(const char *path) {
  if (!strncmp(path, "/@", 2))
    for (int parts = 0; parts < 2; parts++)
      path += strcspn(path + 1, "/?") + 1;
  return strncmp(path, "/api/", 5) ? NULL : path + 5;
}

/* Whether a template fits a target; gives the parameter of that name where one is asked for. */
static bool fits(const char *template, const char *target, const char *name, char **value) {
  const char *path = below_api(target);
  text pattern, part;
  if (!path) return false;
  while (part_of(&template, '/', 0, &pattern)) {
    if (pattern.data[0] != '{' || pattern.data[pattern.length - 1] != '}') {
      if (!part_of(&path, '/', '?', &part) || part.length != pattern.length ||
          strncasecmp(part.data, pattern.data, part.length))
        return false;
      continue;
    }
    text inner = {pattern.data + 1, pattern.length - 2};
    bool all = inner.length && *inner.data == '*';
    bool may_be_absent = inner.length && inner.data[inner.length - 1] == '?';
    if (all) inner = (text){inner.data + 1, inner.length - 1};
    size_t called = 0;
    while (called < inner.length && !strchr(":=?", inner.data[called])) called++;
    bool asked = name && strlen(name) == called && !strncmp(name, inner.data, called);
    if (all) {
      path += strspn(path, "/");
      size_t length = strcspn(path, "?");
      if (asked) *value = decoded(path, length, false);
      path += length;
    } else if (part_of(&path, '/', '?', &part)) {
      if (asked) *value = decoded(part.data, part.length, false);
    } else if (!may_be_absent) {
      return false;
    }
  }
  return !part_of(&path, '/', '?', &part);
}

char *weft_request_param(const weft_request *request, const char *name) {
  char *value = NULL;
  return request->route && fits(request->route, request->target, name, &value) ? value : NULL;
}

/* ---- Responses ---- */

weft_response weft_text(int status, const char *body) {
  return (weft_response){status, "text/plain; charset=utf-8", NULL, 0, body, strlen(body)};
}

weft_response weft_json(int status, const char *json) {
  return (weft_response){status, "application/json", NULL, 0, json, strlen(json)};
}

weft_response weft_problem(int status, const char *kind, const char *detail) {
  char *title = copy(kind, strlen(kind));
  for (char *at = title; *at; at++)
    if (*at == '-') *at = ' ';
  const char *body = weft_format("{\"type\":%s,\"title\":%s,\"status\":%d,\"detail\":%s}",
                                 weft_json_quote(weft_format("urn:weft:problem:%s", kind)),
                                 weft_json_quote(title), status, weft_json_quote(detail));
  weft_response made = weft_json(status, body);
  made.content_type = "application/problem+json";
  return made;
}

weft_response weft_failed(void) {
  static const struct { const char *kind; int status; } known[] = {
      {"not-found", 404}, {"already-exists", 409}, {"ended", 410},       {"invalid", 400},
      {"unavailable", 503}, {"bad-request", 400},  {"body-too-large", 413},
  };
  const weft_failure *failure = weft_last_failure();
  const char *kind = failure->kind ? failure->kind : "error";
  const char *message = failure->message ? failure->message : "the function failed";
  for (size_t at = 0; at < sizeof known / sizeof *known; at++)
    if (!strcmp(known[at].kind, kind)) return weft_problem(known[at].status, kind, message);
  fprintf(stderr, "%s: %s\n", kind, message);
  return weft_problem(500, "internal", "The function failed; its log says why.");
}

static bool takes(const char *methods, const char *method) {
  text one;
  if (!methods) return true;
  while (part_of(&methods, ' ', 0, &one))
    if (strlen(method) == one.length && !strncasecmp(method, one.data, one.length)) return true;
  return false;
}

/* The function that the platform names. Other hosts name none: then route and method decide, and a
 * function that is alone answers everything. */
static const weft_function *choose(const weft_request *request) {
  const char *name = weft_request_header(request, "x-weft-function");
  const weft_function *only = NULL;
  size_t count = 0;
  for (const weft_function *one = weft_functions; one->name; one++) {
    if (!one->http) continue;
    only = one;
    count++;
    if (name && !strcmp(one->name, name)) return one;
  }
  if (name) return NULL;
  if (count == 1) return only;
  for (const weft_function *one = weft_functions; one->name; one++) {
    if (!one->http || !fits(one->route ? one->route : one->name, request->target, NULL, NULL)) continue;
    if (takes(one->methods, request->method)) return one;
  }
  return NULL;
}

weft_response weft_serve(weft_request *request) {
  const weft_function *found = choose(request);
  if (!found) return weft_problem(404, "not-found", "This component has no function for the request.");
  request->route = found->route ? found->route : found->name;
  return found->http(request);
}

#ifdef __wasm__

/* ---- wasi:http and wasi:io ---- */

#define TYPES "wasi:http/types@0.2.0"
#define STREAMS "wasi:io/streams@0.2.0"

typedef struct { uint8_t which; text other; } wit_method;
typedef struct { text name, value; } field;
/* result<own<T>>, whatever the error. */
typedef struct { bool failed; uint32_t handle; } handle_result;
typedef struct {
  bool failed;
  union {
    text bytes;
    struct { uint8_t closed; uint32_t error; };
  };
} stream_result;

IMPORT(TYPES, "[method]incoming-request.method") void request_method(uint32_t, wit_method *);
IMPORT(TYPES, "[method]incoming-request.path-with-query") void request_target(uint32_t, optional *);
IMPORT(TYPES, "[method]incoming-request.headers") uint32_t request_headers(uint32_t);
IMPORT(TYPES, "[method]incoming-request.consume") void request_consume(uint32_t, handle_result *);
IMPORT(TYPES, "[resource-drop]incoming-request") void request_drop(uint32_t);
IMPORT(TYPES, "[method]incoming-body.stream") void incoming_body_stream(uint32_t, handle_result *);
IMPORT(TYPES, "[resource-drop]incoming-body") void incoming_body_drop(uint32_t);
IMPORT(TYPES, "[method]fields.entries") void fields_entries(uint32_t, list *);
IMPORT(TYPES, "[static]fields.from-list") void fields_from_list(const field *, size_t, handle_result *);
IMPORT(TYPES, "[resource-drop]fields") void fields_drop(uint32_t);
IMPORT(TYPES, "[constructor]outgoing-response") uint32_t response_new(uint32_t);
IMPORT(TYPES, "[method]outgoing-response.set-status-code") int response_set_status(uint32_t, int);
IMPORT(TYPES, "[method]outgoing-response.body") void response_body(uint32_t, handle_result *);
IMPORT(TYPES, "[resource-drop]outgoing-response") void response_drop(uint32_t);
IMPORT(TYPES, "[static]response-outparam.set")
void response_set(uint32_t, int, uint32_t, int, uint64_t, size_t, int, int, int);
IMPORT(TYPES, "[method]outgoing-body.write") void outgoing_body_write(uint32_t, handle_result *);
IMPORT(TYPES, "[static]outgoing-body.finish") void outgoing_body_finish(uint32_t, int, uint32_t, void *);
IMPORT(STREAMS, "[method]input-stream.blocking-read")
void input_read(uint32_t, uint64_t, stream_result *);
IMPORT(STREAMS, "[resource-drop]input-stream") void input_drop(uint32_t);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush")
void output_write(uint32_t, const void *, size_t, stream_result *);
IMPORT(STREAMS, "[resource-drop]output-stream") void output_drop(uint32_t);
IMPORT("wasi:io/error@0.2.0", "[resource-drop]error") void error_drop(uint32_t);

static const uint64_t READ_BYTES = 64 << 10;
/* As much as one call writes. */
static const size_t WRITE_BYTES = 4096;

char *weft_read_stream(uint32_t stream, size_t most, size_t *length) {
  char *content = take(1);
  bool ended = false;
  for (*length = 0; !ended;) {
    stream_result result = {0};
    input_read(stream, READ_BYTES, &result);
    if (result.failed) {
      if (!result.closed) error_drop(result.error);
      ended = true;
      if (!result.closed) content = NULL;
    } else if (*length + result.bytes.length > most) {
      content = NULL;
      *length = most + 1;
      ended = true;
    } else {
      content = realloc(content, *length + result.bytes.length + 1);
      if (!content) abort();
      memcpy(content + *length, result.bytes.data, result.bytes.length);
      if (result.bytes.length) free((void *)result.bytes.data);
      content[*length += result.bytes.length] = 0;
    }
  }
  input_drop(stream);
  return content;
}

bool weft_write(uint32_t stream, const void *bytes, size_t length) {
  bool written = true;
  for (size_t at = 0; written && at < length; at += WRITE_BYTES) {
    stream_result result = {0};
    size_t rest = length - at;
    output_write(stream, (const char *)bytes + at, rest < WRITE_BYTES ? rest : WRITE_BYTES, &result);
    written = !result.failed;
    if (!written && !result.closed) error_drop(result.error);
  }
  return written;
}

void weft_drop_output(uint32_t stream) { output_drop(stream); }

const char *weft_request_body(weft_request *request, size_t *length) {
  size_t ignored;
  handle_result stream = {0};
  if (!length) length = &ignored;
  if (!request->body) {
    incoming_body_stream(request->incoming, &stream);
    if (!stream.failed) request->body = weft_read_stream(stream.handle, BODY_BYTES_MAX, &request->length);
  }
  *length = request->length;
  if (request->body) return request->body;
  if (request->length > BODY_BYTES_MAX)
    return weft_fail("body-too-large", "The body has more than 64 MiB.", false);
  return weft_fail("bad-request", "The body ended too early.", false);
}

static weft_request request_of(uint32_t incoming) {
  static const char *const named[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                      "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  wit_method method = {0};
  request_method(incoming, &method);
  optional target = {0};
  request_target(incoming, &target);
  list entries = {0};
  uint32_t fields = request_headers(incoming);
  fields_entries(fields, &entries);
  fields_drop(fields);
  weft_header *headers = take(entries.count * sizeof *headers);
  const field *found = entries.items;
  for (size_t at = 0; at < entries.count; at++)
    headers[at] = (weft_header){owned(found[at].name), owned(found[at].value)};
  handle_result body = {0};
  request_consume(incoming, &body);
  return (weft_request){
      .method = method.which < 9 ? named[method.which] : owned(method.other),
      .target = target.some ? owned(target.value) : "/",
      .headers = headers,
      .header_count = entries.count,
      .incoming = body.handle,
  };
}

static bool head_of(const weft_response *response, uint32_t *head) {
  field *fields = take((response->header_count + 2) * sizeof *fields);
  size_t count = 0;
  if (response->content_type) fields[count++] = (field){of("content-type"), of(response->content_type)};
  for (size_t at = 0; at < response->header_count; at++)
    if (strcasecmp(response->headers[at].name, "content-length"))
      fields[count++] = (field){of(response->headers[at].name), of(response->headers[at].value)};
  fields[count++] = (field){of("content-length"), of(weft_format("%zu", response->length))};
  handle_result made = {0};
  fields_from_list(fields, count, &made);
  if (made.failed) return false;
  *head = response_new(made.handle);
  int status = response->status ? response->status : 200;
  if (status > 0 && status <= 0xffff && !response_set_status(*head, status)) return true;
  response_drop(*head);
  return false;
}

EXPORT("wasi:http/incoming-handler@0.2.0#handle") void weft_handle(uint32_t incoming, uint32_t out) {
  weft_request request = request_of(incoming);
  weft_response response = weft_serve(&request);
  uint32_t head;
  if (!head_of(&response, &head)) {
    static const char why[] = "invalid response head";
    fprintf(stderr, "the response has a status or header that HTTP does not allow\n");
    /* The case internal-error of error-code. */
    response_set(out, 1, 38, 1, (uintptr_t)why, sizeof why - 1, 0, 0, 0);
  } else {
    handle_result body = {0}, stream = {0};
    response_body(head, &body);
    response_set(out, 0, head, 0, 0, 0, 0, 0, 0);
    outgoing_body_write(body.handle, &stream);
    /* A caller that has gone away is no fault of the function. */
    if (!stream.failed) {
      weft_write(stream.handle, response.body, response.length);
      output_drop(stream.handle);
    }
    uint64_t finished[5];
    outgoing_body_finish(body.handle, 0, 0, finished);
  }
  incoming_body_drop(request.incoming);
  request_drop(incoming);
}

#else

const char *weft_request_body(weft_request *request, size_t *length) {
  if (length) *length = request->length;
  return request->body && request->length <= BODY_BYTES_MAX ? request->body : NULL;
}

#endif
