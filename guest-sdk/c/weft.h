/* Write functions for weft in C: activities, durable orchestrators and entities.
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

typedef struct {
  const char *name;        /* what callers use: [a-z0-9-]{1,63} */
  const char *description; /* or NULL */
  /* One of them: */
  weft_activity activity;
  weft_orchestrator orchestrator;
  weft_entity entity;
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

/* ---- Activities. NULL or false for a failure, which weft_last_failure gives. ---- */

/* Gives the id; a new one where instance_id is NULL. */
const char *weft_start(const char *orchestrator, const char *input, const char *instance_id);
bool weft_raise_event(const char *instance_id, const char *name, const char *payload);

typedef uint32_t weft_bucket;
/* Every app has the bucket "default". */
bool weft_kv_open(const char *name, weft_bucket *bucket);
/* *value is NULL where the key is absent. */
bool weft_kv_get(weft_bucket bucket, const char *key, const char **value);
bool weft_kv_set(weft_bucket bucket, const char *key, const char *value);
bool weft_kv_delete(weft_bucket bucket, const char *key);
/* Adds to the number under the key, zero where absent. */
bool weft_kv_increment(weft_bucket bucket, const char *key, uint64_t delta, uint64_t *sum);

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
