/* The stamp in C. */
#include <string.h>

#include "weft.h"

/* Stamps a parcel, which is handed from language to language. */
static const char *stamp(const char *input, const weft_call *call) {
  (void)call;
  const char *id = weft_json_get(input, "id");
  char *stamps = weft_json_get(input, "stamps");
  char *end = stamps ? strrchr(stamps, ']') : NULL;
  if (!id || !end) return weft_fail("invalid-input", "A parcel has id and stamps.", false);
  *end = 0;
  const char *comma = weft_json_item(weft_json_get(input, "stamps"), 0) ? "," : "";
  return weft_format("{\"id\":%s,\"stamps\":%s%s\"c\"]}", id, stamps, comma);
}

const weft_function weft_functions[] = {
    {.name = "stamp-c", .description = "Stamps a parcel.", .activity = stamp},
    {0},
};
