/* The patterns of durable orchestrations, each as small as it can be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "weft.h"

static const char *twice(const char *input, const weft_call *call) {
  (void)call;
  return weft_format("%.0f", 2 * weft_json_number(input, 0));
}

/* Many steps at once, and one result of all of them. */
static const char *fan_out(const char *input) {
  size_t count = (size_t)weft_json_number(input, 0);
  weft_task *tasks = calloc(count + 1, sizeof *tasks);
  if (!tasks) return weft_fail("no-memory", "There are too many.", false);
  for (size_t at = 0; at < count; at++)
    tasks[at] = weft_call_activity("double", weft_format("%zu", at), NULL);
  double sum = 0;
  for (size_t at = 0; at < count; at++) {
    const char *result = weft_wait(tasks[at]);
    if (!result) return weft_fail_again();
    sum += weft_json_number(result, 0);
  }
  free(tasks);
  return weft_format("%.0f", sum);
}

/* Waits that many milliseconds for the event Approval, whose payload is true or false. */
static const char *approval(const char *input) {
  weft_set_status("\"waiting\"");
  bool late;
  const char *answer = weft_wait_within(weft_event("Approval"), weft_json_number(input, 0), &late);
  if (late) return "\"escalated\"";
  if (!answer) return weft_fail_again();
  return weft_json_is(answer, "true") ? "\"approved\"" : "\"rejected\"";
}

/* Sub-orchestrations, one after the other. */
static const char *parent(const char *input) {
  const char *list = "[";
  for (int at = 0; at < (int)weft_json_number(input, 0); at++) {
    const char *result = weft_wait(weft_call_orchestrator("fan-out", weft_format("%d", at), NULL, NULL));
    if (!result) return weft_fail_again();
    list = weft_format("%s%s%s", list, at ? "," : "", result);
  }
  return weft_format("%s]", list);
}

/* Starts over until nothing is left. */
static const char *eternal(const char *input) {
  weft_wait(weft_sleep(10));
  double left = weft_json_number(input, 0);
  return left > 0 ? weft_continue_as_new(weft_format("%.0f", left - 1)) : "\"done\"";
}

/* Gathers what is sent to it. */
static const char *counter(const char *key, const char *operation, const char *input) {
  (void)key;
  double value = weft_json_number(weft_get_state(), 0);
  if (!strcmp(operation, "add")) value += weft_json_number(input, 0);
  else if (strcmp(operation, "get")) return weft_fail("unknown-operation", operation, false);
  const char *state = weft_format("%.0f", value);
  weft_set_state(state);
  return state;
}

/* Sends that many ones to a counter and reads it. */
static const char *aggregate(const char *input) {
  const char *entity = weft_format("@counter@%s", weft_instance_id());
  for (double left = weft_json_number(input, 0); left > 0; left--)
    weft_signal_entity(entity, "add", "1");
  return weft_wait(weft_call_entity(entity, "get", "null"));
}

/* Fails as code with a bug does. */
static const char *broken(const char *input, const weft_call *call) {
  (void)call;
  fprintf(stderr, "%s:%d: no %s\n", "app.c", __LINE__, weft_json_string(input));
  abort();
}

static char *look(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  unsigned long long random = 0;
  getentropy(&random, sizeof random);
  return weft_format("{\"time\":%.0f,\"random\":\"%llx\",\"guid\":\"%s\",\"now\":%.0f}",
                     now.tv_sec * 1e3 + now.tv_nsec / 1e6, random, weft_new_guid(), weft_now_ms());
}

/* What the language takes from its host: the same however often it is replayed. */
static const char *surroundings(const char *input) {
  (void)input;
  const char *before = look();
  weft_set_status(before);
  const char *payload = weft_wait(weft_event("go"));
  return weft_format("{\"before\":%s,\"after\":%s,\"payload\":%s}", before, look(), payload);
}

/* Keeps a text, and 200,000 times the text, as objects. */
static const char *archive(const char *input, const weft_call *call) {
  (void)call;
  const char *text = weft_json_string(input), *before, *middle, *gone;
  size_t length = text ? strlen(text) : 0, size;
  weft_container container;
  weft_blob_writer writer;
  weft_object object;
  const char *const *names;
  size_t count;
  if (!text) return weft_fail("invalid-input", "A text is needed.", false);
  if (!weft_blob_open("archive", &container)) return weft_fail_again();
  if (!weft_blob_get(container, "short", &before, &size)) return weft_fail_again();
  if (!weft_blob_put(container, "short", text, length)) return weft_fail_again();
  if (!weft_blob_begin(container, "long", &writer)) return weft_fail_again();
  char *block = malloc(length * 1000 + 1);
  for (size_t at = 0; block && at < 1000; at++) memcpy(block + at * length, text, length);
  for (int left = 200; block && left > 0; left--) weft_blob_write(&writer, block, length * 1000);
  free(block);
  if (!weft_blob_finish(&writer)) return weft_fail_again();
  if (!weft_blob_put(container, "gone", "", 0)) return weft_fail_again();
  if (!weft_blob_delete(container, "gone")) return weft_fail_again();
  uint64_t start = (uint64_t)length * 100000;
  if (!weft_blob_get_range(container, "long", start, start + 8, &middle, &size)) return weft_fail_again();
  if (!weft_blob_info(container, "long", &object)) return weft_fail_again();
  if (!weft_blob_get(container, "gone", &gone, &size)) return weft_fail_again();
  if (!weft_blob_names(container, &names, &count)) return weft_fail_again();
  const char *list = "";
  for (size_t at = 0; at < count; at++)
    list = weft_format("%s%s%s", list, at ? "," : "", weft_json_quote(names[at]));
  return weft_format("{\"before\":%s,\"size\":%llu,\"middle\":%s,\"names\":[%s],\"absent\":%s}",
                     before ? weft_json_quote(before) : "null", (unsigned long long)object.size,
                     weft_json_quote(middle ? middle : ""), list, gone ? "false" : "true");
}

/* Asks for what orchestrators may not have. */
static const char *outside(const char *input) {
  weft_container container;
  if (weft_json_is(input, "\"objects\""))
    return weft_blob_open("archive", &container) ? "null" : weft_fail_again();
  weft_bucket bucket;
  return weft_kv_open("default", &bucket) ? "null" : weft_fail_again();
}

const weft_function weft_functions[] = {
    {.name = "double", .description = "Twice the number.", .activity = twice},
    {.name = "fan-out", .orchestrator = fan_out},
    {.name = "approval", .orchestrator = approval},
    {.name = "parent", .orchestrator = parent},
    {.name = "eternal", .orchestrator = eternal},
    {.name = "counter", .entity = counter},
    {.name = "aggregate", .orchestrator = aggregate},
    {.name = "broken", .activity = broken},
    {.name = "surroundings", .orchestrator = surroundings},
    {.name = "archive", .activity = archive},
    {.name = "outside", .orchestrator = outside},
    {0},
};
