/* What the sources of the SDK share: memory, and strings as the canonical ABI of components has them.
 * Not for apps. */
#ifndef WEFT_ABI_H
#define WEFT_ABI_H

#include <stdlib.h>
#include <string.h>

#include "weft.h"

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

static inline void *take(size_t size) {
  void *memory = calloc(1, size ? size : 1);
  if (!memory) abort();
  return memory;
}

static inline char *copy(const char *text, size_t length) {
  char *made = take(length + 1);
  if (length) memcpy(made, text, length);
  return made;
}

/* A string as the ABI has it, an optional one, and a list. */
typedef struct { const char *data; size_t length; } text;
typedef struct { bool some; text value; } optional;
typedef struct { const void *items; size_t count; } list;

static inline text of(const char *value) { return (text){value, strlen(value)}; }
static inline optional maybe(const char *value) {
  return value ? (optional){true, of(value)} : (optional){false, {NULL, 0}};
}
/* Strings of the host have no zero at their end. */
static inline char *owned(text value) { return copy(value.data, value.length); }

/* Reads a stream to its end into new memory with a zero behind it, at most so many bytes; NULL where
 * there are more (the length is then greater), or where it fails. Gives the stream back. */
char *weft_read_stream(uint32_t stream, size_t most, size_t *length);
/* Writes all of it; false where the stream takes no more. */
bool weft_write(uint32_t stream, const void *bytes, size_t length);
void weft_drop_output(uint32_t stream);

#endif
