/* Greets some names: an HTTP function starts an orchestration, which calls an activity for each. */
#include <string.h>

#include "weft.h"

/* Greets one name. Activities do the work; they may call out, and they run at least once. */
static const char *greet(const char *input, const weft_call *call) {
  (void)call;
  const char *name = weft_json_string(input);
  if (!name || !*name) return weft_fail("no-name", "A name is needed.", false);
  return weft_json_quote(weft_format("Hello, %s!", name));
}

/* Greets all of them at the same time. It survives every crash of the node in between. */
static const char *greetings(const char *input) {
  const char *names = weft_json_get(input, "names");
  if (!names) return weft_fail("invalid-input", "Names are needed.", false);
  weft_task tasks[100];
  size_t count = 0;
  for (const char *name; count < 100 && (name = weft_json_item(names, count)); count++)
    tasks[count] = weft_call_activity("greet", name, NULL);
  const char *list = "[";
  for (size_t at = 0; at < count; at++) {
    const char *greeting = weft_wait(tasks[at]);
    if (!greeting) return weft_fail_again();
    list = weft_format("%s%s%s", list, at ? "," : "", greeting);
  }
  return weft_format("%s]", list);
}

/* Answers with the id of the orchestration that it starts. */
static weft_response start(weft_request *request) {
  const char *guests = weft_request_body(request, NULL);
  const char *id = guests ? weft_start("greetings", guests, NULL) : NULL;
  return id ? weft_json(202, weft_json_quote(id)) : weft_failed();
}

const weft_function weft_functions[] = {
    {.name = "greet", .description = "Greets one name.", .activity = greet},
    {.name = "greetings", .description = "Greets all of them.", .orchestrator = greetings},
    {.name = "start", .description = "Starts the greetings.", .http = start, .methods = "POST"},
    {0},
};
