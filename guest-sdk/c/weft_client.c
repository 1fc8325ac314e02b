/* What activities and HTTP functions ask of the platform: instances and entities of the same app, and
 * configuration. */
#include "weft.h"

#ifdef __wasm__

#include "weft_abi.h"

#define CLIENT "weft:functions/client@0.1.0"
#define ENTITIES "weft:functions/entity-client@0.1.0"

typedef struct { uint8_t which; text why; } client_error;
/* result<string, error> and result<_, error>. */
typedef struct {
  bool failed;
  union {
    text value;
    client_error error;
  };
} client_result;
typedef struct {
  bool failed;
  union {
    optional value;
    client_error error;
  };
} state_result;
typedef struct {
  text instance_id, name;
  uint8_t runtime_status;
  double created_ms, updated_ms;
  optional input, custom_status, output;
} wit_status;
typedef struct {
  bool failed;
  union {
    wit_status status;
    client_error error;
  };
} status_result;

IMPORT(CLIENT, "start")
void client_start(const char *, size_t, const char *, size_t, int, const char *, size_t,
                  client_result *);
IMPORT(CLIENT, "get-status") void client_get_status(const char *, size_t, status_result *);
IMPORT(CLIENT, "wait-for-completion")
void client_wait(const char *, size_t, double, status_result *);
IMPORT(CLIENT, "raise-event")
void client_raise_event(const char *, size_t, const char *, size_t, const char *, size_t,
                        client_result *);
IMPORT(CLIENT, "terminate")
void client_terminate(const char *, size_t, const char *, size_t, client_result *);
IMPORT(CLIENT, "suspend")
void client_suspend(const char *, size_t, const char *, size_t, client_result *);
IMPORT(CLIENT, "resume")
void client_resume(const char *, size_t, const char *, size_t, client_result *);
IMPORT(ENTITIES, "signal")
void entity_client_signal(const char *, size_t, const char *, size_t, const char *, size_t, int,
                          double, client_result *);
IMPORT(ENTITIES, "get-state") void entity_client_get_state(const char *, size_t, state_result *);
IMPORT("wasi:config/store@0.2.0-rc.1", "get")
void config_get(const char *, size_t, state_result *);

static bool settled(bool failed, client_error error) {
  static const char *const kinds[] = {"not-found", "already-exists", "ended", "invalid", "unavailable"};
  static const char *const said[] = {"there is no such instance or function",
                                     "an instance of that id exists and has not ended",
                                     "the instance has ended"};
  if (!failed) return true;
  const char *why = error.which >= 3 ? owned(error.why) : said[error.which];
  weft_fail(kinds[error.which], why, error.which == 4);
  return false;
}

const char *weft_start(const char *orchestrator, const char *input, const char *instance_id) {
  client_result result = {0};
  client_start(orchestrator, strlen(orchestrator), input, strlen(input), instance_id != NULL,
               instance_id, instance_id ? strlen(instance_id) : 0, &result);
  return settled(result.failed, result.error) ? owned(result.value) : NULL;
}

static bool status_of(const status_result *result, weft_status *status) {
  static const char *const names[] = {"pending",   "running", "suspended",
                                      "completed", "failed",  "terminated"};
  if (!settled(result->failed, result->error)) return false;
  const wit_status *found = &result->status;
  *status = (weft_status){
      .instance_id = owned(found->instance_id),
      .name = owned(found->name),
      .runtime_status = names[found->runtime_status],
      .created_ms = found->created_ms,
      .updated_ms = found->updated_ms,
      .input = found->input.some ? owned(found->input.value) : NULL,
      .custom_status = found->custom_status.some ? owned(found->custom_status.value) : NULL,
      .output = found->output.some ? owned(found->output.value) : NULL,
  };
  return true;
}

bool weft_get_status(const char *instance_id, weft_status *status) {
  status_result result = {0};
  client_get_status(instance_id, strlen(instance_id), &result);
  return status_of(&result, status);
}

bool weft_wait_for_completion(const char *instance_id, double ms, weft_status *status) {
  status_result result = {0};
  client_wait(instance_id, strlen(instance_id), ms, &result);
  return status_of(&result, status);
}

bool weft_raise_event(const char *instance_id, const char *name, const char *payload) {
  client_result result = {0};
  client_raise_event(instance_id, strlen(instance_id), name, strlen(name), payload, strlen(payload),
                     &result);
  return settled(result.failed, result.error);
}

bool weft_terminate(const char *instance_id, const char *reason) {
  client_result result = {0};
  client_terminate(instance_id, strlen(instance_id), reason, strlen(reason), &result);
  return settled(result.failed, result.error);
}

bool weft_suspend(const char *instance_id, const char *reason) {
  client_result result = {0};
  client_suspend(instance_id, strlen(instance_id), reason, strlen(reason), &result);
  return settled(result.failed, result.error);
}

bool weft_resume(const char *instance_id, const char *reason) {
  client_result result = {0};
  client_resume(instance_id, strlen(instance_id), reason, strlen(reason), &result);
  return settled(result.failed, result.error);
}

bool weft_signal(const char *entity, const char *operation, const char *input) {
  client_result result = {0};
  entity_client_signal(entity, strlen(entity), operation, strlen(operation), input, strlen(input), 0,
                       0, &result);
  return settled(result.failed, result.error);
}

bool weft_entity_state(const char *entity, const char **state) {
  state_result result = {0};
  entity_client_get_state(entity, strlen(entity), &result);
  if (!settled(result.failed, result.error)) return false;
  *state = result.value.some ? owned(result.value.value) : NULL;
  return true;
}

const char *weft_config(const char *key) {
  state_result result = {0};
  config_get(key, strlen(key), &result);
  return !result.failed && result.value.some ? owned(result.value.value) : NULL;
}

#endif
