/* Write functions for weft in C: HTTP functions, activities, durable orchestrators and entities.
 *
 * Inputs, outputs and payloads are JSON, as strings that end with a zero. What the functions here
 * return is never freed by the caller: an instance ends with its call, and an orchestrator's with its
 * execution. */
#ifndef WEFT_H
#define WEFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a function failed, as callers and retry policies see it. */
typedef struct {
  const char *kind;    /* a stable name that callers and retry policies compare */
  const char *message; /* one sentence for a person */
  bool retryable;      /* whether the same call may succeed later */
  const char *details; /* JSON, or NULL */
} weft_failure;

/* For which call an activity runs. What must not happen twice is keyed by the idempotency key. */
typedef struct {
  const char *instance_id;     /* empty for a direct call */
  const char *idempotency_key; /* the same for every attempt at this call */
  uint32_t attempt;            /* from 1 */
} weft_call;

/* A function gives JSON, or NULL after weft_fail. */
typedef const char *(*weft_activity)(const char *input, const weft_call *call);
typedef const char *(*weft_orchestrator)(const char *input);
typedef const char *(*weft_entity)(const char *key, const char *operation, const char *input);

typedef struct weft_request weft_request;
typedef struct weft_response weft_response;
typedef weft_response (*weft_http)(weft_request *request);

typedef struct {
  const char *name;        /* what callers use: [a-z0-9-]{1,63} */
  const char *description; /* or NULL */
  /* One of them: */
  weft_activity activity;
  weft_orchestrator orchestrator;
  weft_entity entity;
  weft_http http;
  /* For http: the template below /api/, such as "orders/{id:int}/{*rest}", the name where it is NULL;
   * and the methods, such as "GET POST", every one where it is NULL. */
  const char *route, *methods;
} weft_function;

/* The functions of the component, defined by the app. The last one has no name. */
extern const weft_function weft_functions[];

/* Says why the function fails; gives NULL, so that it can be returned. */
const char *weft_fail(const char *kind, const char *message, bool retryable);
/* What the last call failed with: of weft_fail, weft_wait, or the client and storage. */
const weft_failure *weft_last_failure(void);
/* Passes the last failure on; gives NULL. */
const char *weft_fail_again(void);

/* printf into new memory. */
char *weft_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Orchestrators. They are run again from their history after a crash: everything that they take
 * from outside of their input comes from here. ---- */

typedef uint32_t weft_task;

typedef struct {
  uint32_t max_attempts;
  double first_interval_ms;
  double coefficient; /* 1 where it is 0 */
  double max_interval_ms, total_timeout_ms; /* without effect where they are 0 */
} weft_retry;

/* retry may be NULL. */
weft_task weft_call_activity(const char *name, const char *input, const weft_retry *retry);
/* instance_id and retry may be NULL. */
weft_task weft_call_orchestrator(const char *name, const char *input, const char *instance_id,
                                 const weft_retry *retry);
weft_task weft_sleep(double ms);
weft_task weft_event(const char *name);
weft_task weft_call_entity(const char *entity, const char *operation, const char *input);
void weft_signal_entity(const char *entity, const char *operation, const char *input);
/* Done when the entities are locked; weft_unlock releases them. */
weft_task weft_lock(const char *const *entities, size_t count);
void weft_unlock(weft_task lock);
/* Cancels a timer, or stops waiting for an event. */
void weft_cancel(weft_task task);
bool weft_is_ready(weft_task task);
/* Waits for the first of several; gives its position. */
size_t weft_wait_any(const weft_task *tasks, size_t count);
/* Waits for the result. NULL for a failure, which weft_last_failure gives. */
const char *weft_wait(weft_task task);
/* As weft_wait, but not longer: NULL with *late set where it did not come in time. */
const char *weft_wait_within(weft_task task, double ms, bool *late);
void weft_send_event(const char *instance_id, const char *name, const char *payload);
/* Starts over when the function returns what this gives. */
const char *weft_continue_as_new(const char *input);
void weft_set_status(const char *status);
double weft_now_ms(void);
const char *weft_new_guid(void);
bool weft_is_replaying(void);
const char *weft_instance_id(void);

/* ---- Entities. ---- */

/* JSON, or NULL where there is no state. */
const char *weft_get_state(void);
/* NULL leaves the entity without a state. */
void weft_set_state(const char *state);

/* ---- Activities and HTTP functions. NULL or false for a failure, which weft_last_failure gives. ---- */

/* Gives the id; a new one where instance_id is NULL. */
const char *weft_start(const char *orchestrator, const char *input, const char *instance_id);
bool weft_raise_event(const char *instance_id, const char *name, const char *payload);

typedef struct {
  const char *instance_id, *name;
  const char *runtime_status; /* pending, running, suspended, completed, failed or terminated */
  double created_ms, updated_ms; /* since 1970 */
  const char *input, *custom_status, *output; /* JSON, or NULL */
} weft_status;

bool weft_get_status(const char *instance_id, weft_status *status);
/* Waits at most that long for the end; the status is that of the time when the wait ended. */
bool weft_wait_for_completion(const char *instance_id, double ms, weft_status *status);
bool weft_terminate(const char *instance_id, const char *reason);
bool weft_suspend(const char *instance_id, const char *reason);
bool weft_resume(const char *instance_id, const char *reason);

/* Sends an operation to an entity, which is called @name@key. */
bool weft_signal(const char *entity, const char *operation, const char *input);
/* *state is NULL where the entity has none. */
bool weft_entity_state(const char *entity, const char **state);

/* A configuration value of the function, or NULL. */
const char *weft_config(const char *key);

/* ---- HTTP functions. ---- */

typedef struct {
  const char *name, *value;
} weft_header;

struct weft_request {
  const char *method; /* upper case */
  const char *target; /* path and query, percent-encoded as they came */
  const weft_header *headers;
  size_t header_count;
  /* Made by hand, for tests, a request has its body and the template of its route here; else
   * weft_request_body and weft_request_param read them. */
  const char *route, *body;
  size_t length;
  uint32_t incoming; /* the platform's */
};

struct weft_response {
  int status;               /* 200 where it is 0 */
  const char *content_type; /* or NULL */
  const weft_header *headers;
  size_t header_count;
  const void *body;
  size_t length;
};

/* The first header of that name, or NULL. */
const char *weft_request_header(const weft_request *request, const char *name);
/* The first parameter of the query, or the one of the route's template, decoded; or NULL. */
char *weft_request_query(const weft_request *request, const char *name);
char *weft_request_param(const weft_request *request, const char *name);
/* The whole body with a zero behind it, at most 64 MiB; NULL after weft_fail. length may be NULL. */
const char *weft_request_body(weft_request *request, size_t *length);

weft_response weft_text(int status, const char *body);
weft_response weft_json(int status, const char *json);
/* application/problem+json; kind is a stable name in words and hyphens. */
weft_response weft_problem(int status, const char *kind, const char *detail);
/* The problem that the last failure is: those of the client have a status of their own, any other is
 * 500 and goes to the log. */
weft_response weft_failed(void);
/* Answers as the platform has it answered, for tests. */
weft_response weft_serve(weft_request *request);

/* ---- Storage. ---- */

typedef uint32_t weft_bucket;
/* Every app has the bucket "default". */
bool weft_kv_open(const char *name, weft_bucket *bucket);
/* *value is NULL where the key is absent. */
bool weft_kv_get(weft_bucket bucket, const char *key, const char **value);
bool weft_kv_set(weft_bucket bucket, const char *key, const char *value);
bool weft_kv_delete(weft_bucket bucket, const char *key);
/* Adds to the number under the key, zero where absent. */
bool weft_kv_increment(weft_bucket bucket, const char *key, uint64_t delta, uint64_t *sum);

/* Objects in containers: bytes that are too long for key-value storage. */
typedef uint32_t weft_container;
/* Makes the container where there is none of that name. */
bool weft_blob_open(const char *name, weft_container *container);
/* Removes a container with all that is in it; an absent one is no failure. */
bool weft_blob_remove(const char *name);
/* The whole object with a zero behind it, or the bytes from start up to, not including, end; *bytes is
 * NULL where it is absent. */
bool weft_blob_get(weft_container container, const char *name, const char **bytes, size_t *length);
bool weft_blob_get_range(weft_container container, const char *name, uint64_t start, uint64_t end,
                         const char **bytes, size_t *length);
/* Creates the object or replaces it; when this returns, it is on disk. */
bool weft_blob_put(weft_container container, const char *name, const void *bytes, size_t length);
bool weft_blob_delete(weft_container container, const char *name);

typedef struct {
  bool exists;
  uint64_t size;
  double created_ms; /* since 1970, to the second */
} weft_object;
bool weft_blob_info(weft_container container, const char *name, weft_object *object);
/* All names, in order. */
bool weft_blob_names(weft_container container, const char *const **names, size_t *count);

/* An object that is written piece by piece: nobody sees any of it before it is finished. */
typedef struct {
  uint32_t value, stream; /* the platform's */
  bool failed;
} weft_blob_writer;
bool weft_blob_begin(weft_container container, const char *name, weft_blob_writer *writer);
bool weft_blob_write(weft_blob_writer *writer, const void *bytes, size_t length);
bool weft_blob_finish(weft_blob_writer *writer);

/* Level: 0 trace, 1 debug, 2 info, 3 warn, 4 error, 5 critical. */
void weft_log(uint32_t level, const char *message);

/* ---- JSON. ---- */

/* The member of an object, or the item of a list, as JSON; NULL where there is none. */
char *weft_json_get(const char *json, const char *key);
char *weft_json_item(const char *json, size_t index);
/* A number, or the alternative where it is none. */
double weft_json_number(const char *json, double otherwise);
/* The text of a JSON string, or NULL. */
char *weft_json_string(const char *json);
bool weft_json_is(const char *json, const char *literal);
/* A text as a JSON string. */
char *weft_json_quote(const char *text);

#endif
