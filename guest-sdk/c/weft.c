/* Functions, orchestrators, entities and key-value storage; and JSON. */
#include "weft.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "weft_abi.h"

static weft_failure failure;

char *weft_format(const char *format, ...) {
  va_list values;
  va_start(values, format);
  int length = vsnprintf(NULL, 0, format, values);
  va_end(values);
  if (length < 0) abort();
  char *made = take((size_t)length + 1);
  va_start(values, format);
  vsnprintf(made, (size_t)length + 1, format, values);
  va_end(values);
  return made;
}

const char *weft_fail(const char *kind, const char *message, bool retryable) {
  failure = (weft_failure){kind, message, retryable, NULL};
  return NULL;
}

const weft_failure *weft_last_failure(void) { return &failure; }
const char *weft_fail_again(void) { return NULL; }

/* ---- JSON ---- */

static const char *blank(const char *at) {
  while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') at++;
  return at;
}

/* What follows a value, or NULL. */
static const char *past(const char *at) {
  at = blank(at);
  if (*at == '"') {
    for (at++; *at && *at != '"'; at++)
      if (*at == '\\' && at[1]) at++;
    return *at ? at + 1 : NULL;
  }
  if (*at == '{' || *at == '[') {
    size_t depth = 0;
    do {
      if (*at == '"') {
        at = past(at);
        if (!at) return NULL;
        continue;
      }
      if (*at == '{' || *at == '[') depth++;
      if (*at == '}' || *at == ']') depth--;
      if (!*at) return NULL;
      at++;
    } while (depth);
    return at;
  }
  const char *start = at;
  while (*at && !strchr(",]} \t\n\r", *at)) at++;
  return at == start ? NULL : at;
}

char *weft_json_get(const char *json, const char *key) {
  const char *at = blank(json);
  if (*at != '{') return NULL;
  at = blank(at + 1);
  while (*at == '"') {
    const char *end = past(at);
    if (!end) return NULL;
    char *name = weft_json_string(copy(at, (size_t)(end - at)));
    at = blank(end);
    if (*at != ':') return NULL;
    at = blank(at + 1);
    end = past(at);
    if (!end) return NULL;
    if (name && !strcmp(name, key)) return copy(at, (size_t)(end - at));
    at = blank(end);
    if (*at == ',') at = blank(at + 1);
  }
  return NULL;
}

char *weft_json_item(const char *json, size_t index) {
  const char *at = blank(json);
  if (*at != '[') return NULL;
  at = blank(at + 1);
  while (*at && *at != ']') {
    const char *end = past(at);
    if (!end) return NULL;
    if (!index--) return copy(at, (size_t)(end - at));
    at = blank(end);
    if (*at == ',') at = blank(at + 1);
  }
  return NULL;
}

double weft_json_number(const char *json, double otherwise) {
  if (!json) return otherwise;
  char *end;
  double value = strtod(json, &end);
  return end == json || *blank(end) || !isfinite(value) ? otherwise : value;
}

bool weft_json_is(const char *json, const char *literal) {
  if (!json) return false;
  json = blank(json);
  size_t length = strlen(literal);
  return !strncmp(json, literal, length) && !*blank(json + length);
}

static unsigned hex(const char *at) {
  char digits[5] = {0};
  memcpy(digits, at, strnlen(at, 4));
  return (unsigned)strtoul(digits, NULL, 16);
}

static char *encode(char *to, unsigned code) {
  if (code < 0x80) {
    *to++ = (char)code;
  } else if (code < 0x800) {
    *to++ = (char)(0xc0 | code >> 6);
    *to++ = (char)(0x80 | (code & 63));
  } else if (code < 0x10000) {
    *to++ = (char)(0xe0 | code >> 12);
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  } else {
    *to++ = (char)(0xf0 | code >> 18);
    *to++ = (char)(0x80 | (code >> 12 & 63));
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  }
  return to;
}

char *weft_json_string(const char *json) {
  if (!json) return NULL;
  json = blank(json);
  if (*json++ != '"') return NULL;
  char *made = take(strlen(json) + 1), *to = made;
  while (*json && *json != '"') {
    if (*json != '\\') {
      *to++ = *json++;
      continue;
    }
    switch (*++json) {
    case 'n': *to++ = '\n'; break;
    case 't': *to++ = '\t'; break;
    case 'r': *to++ = '\r'; break;
    case 'b': *to++ = '\b'; break;
    case 'f': *to++ = '\f'; break;
    case 'u': {
      if (strnlen(json + 1, 4) < 4) return NULL;
      unsigned code = hex(json + 1);
      json += 4;
      if (code >= 0xd800 && code < 0xdc00 && json[1] == '\\' && json[2] == 'u') {
        code = 0x10000 + ((code - 0xd800) << 10) + (hex(json + 3) - 0xdc00);
        json += 6;
      }
      /* A string of C cannot hold a zero. */
      to = encode(to, code ? code : 0xfffd);
      break;
    }
    case 0: return NULL;
    default: *to++ = *json;
    }
    json++;
  }
  return *json ? made : NULL;
}

char *weft_json_quote(const char *text) {
  char *made = take(strlen(text) * 6 + 3), *to = made;
  *to++ = '"';
  for (; *text; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\') {
      *to++ = '\\';
      *to++ = *text;
    } else if (byte < 0x20) {
      to += snprintf(to, 7, "\\u%04x", byte);
    } else {
      *to++ = *text;
    }
  }
  *to++ = '"';
  return made;
}

#ifdef __wasm__

/* ---- The platform ---- */

#define DURABLE "weft:functions/durable@0.1.0"
#define ENTITIES "weft:functions/entities@0.1.0"
#define CONTEXT "weft:functions/entity-context@0.1.0"
#define STORE "wasi:keyvalue/store@0.2.0-draft"

EXPORT("cabi_realloc") void *weft_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size;
  (void)align;
  if (!size) return (void *)align;
  void *memory = realloc(old, size);
  if (!memory) abort();
  return memory;
}

typedef struct { bool some; double value; } optional_number;
typedef struct {
  uint32_t max_attempts;
  double first_interval_ms, coefficient;
  optional_number max_interval_ms, total_timeout_ms;
  const text *kinds;
  size_t kinds_count;
} policy;
typedef struct { text kind, message; bool retryable; optional details; } wit_failure;
typedef struct {
  bool failed;
  union { text value; wit_failure failure; };
} outcome;

IMPORT(DURABLE, "call-activity")
uint32_t durable_call_activity(const char *, size_t, const char *, size_t, int, uint32_t, double,
                               double, int, double, int, double, const text *, size_t);
IMPORT(DURABLE, "call-sub-orchestrator") uint32_t durable_call_sub_orchestrator(const void *);
IMPORT(DURABLE, "create-timer") uint32_t durable_create_timer(double);
IMPORT(DURABLE, "cancel") void durable_cancel(uint32_t);
IMPORT(DURABLE, "wait-for-event") uint32_t durable_wait_for_event(const char *, size_t);
IMPORT(DURABLE, "send-event")
void durable_send_event(const char *, size_t, const char *, size_t, const char *, size_t);
IMPORT(DURABLE, "is-ready") int durable_is_ready(uint32_t);
IMPORT(DURABLE, "wait-any") uint32_t durable_wait_any(const uint32_t *, size_t);
IMPORT(DURABLE, "wait") void durable_wait(uint32_t, outcome *);
IMPORT(DURABLE, "continue-as-new") void durable_continue_as_new(const char *, size_t, int);
IMPORT(DURABLE, "set-custom-status") void durable_set_custom_status(const char *, size_t);
IMPORT(DURABLE, "now-ms") double durable_now_ms(void);
IMPORT(DURABLE, "new-guid") void durable_new_guid(text *);
IMPORT(DURABLE, "is-replaying") int durable_is_replaying(void);
IMPORT(DURABLE, "instance-id") void durable_instance_id(text *);
IMPORT(ENTITIES, "call")
uint32_t entities_call(const char *, size_t, const char *, size_t, const char *, size_t);
IMPORT(ENTITIES, "signal")
void entities_signal(const char *, size_t, const char *, size_t, const char *, size_t, int, double);
IMPORT(ENTITIES, "lock") uint32_t entities_lock(const text *, size_t);
IMPORT(ENTITIES, "unlock") void entities_unlock(uint32_t);
IMPORT(CONTEXT, "get-state") void context_get_state(optional *);
IMPORT(CONTEXT, "set-state") void context_set_state(int, const char *, size_t);

static policy policy_of(const weft_retry *retry) {
  return (policy){
      .max_attempts = retry->max_attempts,
      .first_interval_ms = retry->first_interval_ms,
      .coefficient = retry->coefficient == 0 ? 1 : retry->coefficient,
      .max_interval_ms = {retry->max_interval_ms > 0, retry->max_interval_ms},
      .total_timeout_ms = {retry->total_timeout_ms > 0, retry->total_timeout_ms},
  };
}

weft_task weft_call_activity(const char *name, const char *input, const weft_retry *retry) {
  policy p = retry ? policy_of(retry) : (policy){0};
  return durable_call_activity(name, strlen(name), input, strlen(input), retry != NULL,
                               p.max_attempts, p.first_interval_ms, p.coefficient,
                               p.max_interval_ms.some, p.max_interval_ms.value,
                               p.total_timeout_ms.some, p.total_timeout_ms.value, NULL, 0);
}

weft_task weft_call_orchestrator(const char *name, const char *input, const char *instance_id,
                                 const weft_retry *retry) {
  struct {
    text name, input;
    optional instance_id;
    struct { bool some; policy value; } retry;
  } arguments = {of(name), of(input), maybe(instance_id), {0}};
  if (retry) {
    arguments.retry.some = true;
    arguments.retry.value = policy_of(retry);
  }
  return durable_call_sub_orchestrator(&arguments);
}

weft_task weft_sleep(double ms) { return durable_create_timer(ms); }
weft_task weft_event(const char *name) { return durable_wait_for_event(name, strlen(name)); }

weft_task weft_call_entity(const char *entity, const char *operation, const char *input) {
  return entities_call(entity, strlen(entity), operation, strlen(operation), input, strlen(input));
}

void weft_signal_entity(const char *entity, const char *operation, const char *input) {
  entities_signal(entity, strlen(entity), operation, strlen(operation), input, strlen(input), 0, 0);
}

weft_task weft_lock(const char *const *entities, size_t count) {
  text *names = take(count * sizeof *names);
  for (size_t at = 0; at < count; at++) names[at] = of(entities[at]);
  return entities_lock(names, count);
}

void weft_unlock(weft_task lock) { entities_unlock(lock); }
void weft_cancel(weft_task task) { durable_cancel(task); }
bool weft_is_ready(weft_task task) { return durable_is_ready(task); }
size_t weft_wait_any(const weft_task *tasks, size_t count) { return durable_wait_any(tasks, count); }

const char *weft_wait(weft_task task) {
  outcome result = {0};
  durable_wait(task, &result);
  if (!result.failed) return owned(result.value);
  wit_failure found = result.failure;
  failure = (weft_failure){owned(found.kind), owned(found.message), found.retryable,
                           found.details.some ? owned(found.details.value) : NULL};
  return NULL;
}

const char *weft_wait_within(weft_task task, double ms, bool *late) {
  weft_task both[2] = {task, weft_sleep(ms)};
  *late = weft_wait_any(both, 2) == 1;
  weft_cancel(both[*late ? 0 : 1]);
  return *late ? NULL : weft_wait(task);
}

void weft_send_event(const char *instance_id, const char *name, const char *payload) {
  durable_send_event(instance_id, strlen(instance_id), name, strlen(name), payload, strlen(payload));
}

const char *weft_continue_as_new(const char *input) {
  durable_continue_as_new(input, strlen(input), 1);
  return "null";
}

void weft_set_status(const char *status) { durable_set_custom_status(status, strlen(status)); }
double weft_now_ms(void) { return durable_now_ms(); }
bool weft_is_replaying(void) { return durable_is_replaying(); }

const char *weft_new_guid(void) {
  text guid;
  durable_new_guid(&guid);
  return owned(guid);
}

const char *weft_instance_id(void) {
  text id;
  durable_instance_id(&id);
  return owned(id);
}

const char *weft_get_state(void) {
  optional state = {0};
  context_get_state(&state);
  return state.some ? owned(state.value) : NULL;
}

void weft_set_state(const char *state) { context_set_state(state != NULL, state, state ? strlen(state) : 0); }

typedef struct {
  bool failed;
  union {
    uint32_t bucket;
    optional value;
    struct { uint8_t which; text why; } error;
  };
} store_result;
typedef struct {
  bool failed;
  union {
    uint64_t sum;
    struct { uint8_t which; text why; } error;
  };
} sum_result;

IMPORT(STORE, "open") void store_open(const char *, size_t, store_result *);
IMPORT(STORE, "[method]bucket.get")
void bucket_get(uint32_t, const char *, size_t, store_result *);
IMPORT(STORE, "[method]bucket.set")
void bucket_set(uint32_t, const char *, size_t, const char *, size_t, store_result *);
IMPORT(STORE, "[method]bucket.delete")
void bucket_delete(uint32_t, const char *, size_t, store_result *);
IMPORT("wasi:keyvalue/atomics@0.2.0-draft", "increment")
void atomics_increment(uint32_t, const char *, size_t, uint64_t, sum_result *);
IMPORT("wasi:logging/logging@0.1.0-draft", "log")
void logging_log(uint32_t, const char *, size_t, const char *, size_t);

static bool stored(bool failed, uint8_t which, text why) {
  if (!failed) return true;
  if (which == 0) weft_fail("no-such-bucket", "there is no such bucket", false);
  else if (which == 1) weft_fail("access-denied", "access to the bucket is denied", false);
  else weft_fail("storage", owned(why), true);
  return false;
}

bool weft_kv_open(const char *name, weft_bucket *bucket) {
  store_result result = {0};
  store_open(name, strlen(name), &result);
  *bucket = result.bucket;
  return stored(result.failed, result.error.which, result.error.why);
}

bool weft_kv_get(weft_bucket bucket, const char *key, const char **value) {
  store_result result = {0};
  bucket_get(bucket, key, strlen(key), &result);
  if (!stored(result.failed, result.error.which, result.error.why)) return false;
  *value = result.value.some ? owned(result.value.value) : NULL;
  return true;
}

bool weft_kv_set(weft_bucket bucket, const char *key, const char *value) {
  store_result result = {0};
  bucket_set(bucket, key, strlen(key), value, strlen(value), &result);
  return stored(result.failed, result.error.which, result.error.why);
}

bool weft_kv_delete(weft_bucket bucket, const char *key) {
  store_result result = {0};
  bucket_delete(bucket, key, strlen(key), &result);
  return stored(result.failed, result.error.which, result.error.why);
}

bool weft_kv_increment(weft_bucket bucket, const char *key, uint64_t delta, uint64_t *sum) {
  sum_result result = {0};
  atomics_increment(bucket, key, strlen(key), delta, &result);
  if (!stored(result.failed, result.error.which, result.error.why)) return false;
  *sum = result.sum;
  return true;
}

void weft_log(uint32_t level, const char *message) {
  logging_log(level, "", 0, message, strlen(message));
}

/* ---- What the component exports ---- */

static const weft_function *find(text name) {
  for (const weft_function *function = weft_functions; function->name; function++)
    if (strlen(function->name) == name.length && !memcmp(function->name, name.data, name.length))
      return function;
  return NULL;
}

static outcome *answer(const char *value) {
  outcome *made = take(sizeof *made);
  if (value) {
    made->value = of(value);
    return made;
  }
  made->failed = true;
  made->failure = (wit_failure){
      .kind = of(failure.kind ? failure.kind : "error"),
      .message = of(failure.message ? failure.message : "the function failed"),
      .retryable = failure.retryable,
      .details = maybe(failure.details),
  };
  return made;
}

static const char *unknown(void) {
  return weft_fail("not-found", "this component holds no function of that name", false);
}

EXPORT("weft:functions/activity@0.1.0#run")
outcome *weft_run_activity(const char *name, size_t name_length, const char *input,
                           size_t input_length, const char *id, size_t id_length, const char *key,
                           size_t key_length, uint32_t attempt) {
  const weft_function *found = find((text){name, name_length});
  weft_call call = {copy(id, id_length), copy(key, key_length), attempt};
  if (!found || !found->activity) return answer(unknown());
  return answer(found->activity(copy(input, input_length), &call));
}

EXPORT("weft:functions/orchestrator@0.1.0#run")
outcome *weft_run_orchestrator(const char *name, size_t name_length, const char *input,
                               size_t input_length) {
  const weft_function *found = find((text){name, name_length});
  if (!found || !found->orchestrator) return answer(unknown());
  return answer(found->orchestrator(copy(input, input_length)));
}

EXPORT("weft:functions/entity@0.1.0#run")
outcome *weft_run_entity(const char *name, size_t name_length, const char *key, size_t key_length,
                         const char *operation, size_t operation_length, const char *input,
                         size_t input_length) {
  const weft_function *found = find((text){name, name_length});
  const char *asked = copy(operation, operation_length);
  if (!found || !found->entity) return answer(unknown());
  if (!strcmp(asked, "delete")) {
    weft_set_state(NULL);
    return answer("null");
  }
  return answer(found->entity(copy(key, key_length), asked, copy(input, input_length)));
}

typedef struct {
  text name;
  uint8_t kind;
  optional description, input_schema, output_schema, route;
  list methods;
} described;

/* The words of a text with blanks between them, as list<string>. */
static list words(const char *from) {
  size_t count = 0;
  text *found = take((from ? strlen(from) : 0) * sizeof *found);
  while (from && *(from += strspn(from, " "))) {
    found[count] = (text){from, strcspn(from, " ")};
    from += found[count++].length;
  }
  return (list){found, count};
}

static list *collected(bool entities, size_t size) {
  size_t count = 0;
  for (const weft_function *function = weft_functions; function->name; function++) count++;
  char *items = take(count * size);
  list *made = take(sizeof *made);
  made->items = items;
  for (const weft_function *function = weft_functions; function->name; function++) {
    if ((function->entity != NULL) != entities) continue;
    void *at = items + made->count++ * size;
    if (entities) {
      *(text *)at = of(function->name);
    } else {
      /* http 0, activity 1, orchestrator 2 */
      *(described *)at = (described){.name = of(function->name),
                                     .kind = function->http ? 0 : function->orchestrator ? 2 : 1,
                                     .description = maybe(function->description),
                                     .route = maybe(function->route),
                                     .methods = words(function->methods)};
    }
  }
  if (!made->count) made->items = (void *)4;
  return made;
}

EXPORT("weft:functions/entity@0.1.0#names") list *weft_entity_names(void) {
  return collected(true, sizeof(text));
}

EXPORT("weft:functions/describe@0.1.0#describe") list *weft_describe(void) {
  return collected(false, sizeof(described));
}

#endif
