/* Objects in containers: wasi:blobstore. */
#include "weft.h"

#ifdef __wasm__

#include "weft_abi.h"

#define BLOBSTORE "wasi:blobstore/blobstore@0.2.0-draft"
#define CONTAINER "wasi:blobstore/container@0.2.0-draft"
#define TYPES "wasi:blobstore/types@0.2.0-draft"

/* result<T, string> for a T that is aligned like a pointer, and for one that is aligned like u64. */
typedef struct {
  bool failed;
  union {
    uint32_t handle;
    bool is;
    struct { list names; bool ended; };
    text why;
  };
} blob_result;
typedef struct {
  bool failed;
  union {
    struct { text name, container; uint64_t created_s, size; } info;
    text why;
  };
} info_result;
typedef struct { bool failed; uint32_t stream; } body_result;

IMPORT(BLOBSTORE, "create-container") void container_create(const char *, size_t, blob_result *);
IMPORT(BLOBSTORE, "delete-container") void container_delete(const char *, size_t, blob_result *);
IMPORT(CONTAINER, "[method]container.has-object")
void object_exists(uint32_t, const char *, size_t, blob_result *);
IMPORT(CONTAINER, "[method]container.object-info")
void object_info(uint32_t, const char *, size_t, info_result *);
IMPORT(CONTAINER, "[method]container.get-data")
void object_get(uint32_t, const char *, size_t, uint64_t, uint64_t, blob_result *);
IMPORT(CONTAINER, "[method]container.write-data")
void object_write(uint32_t, const char *, size_t, uint32_t, blob_result *);
IMPORT(CONTAINER, "[method]container.delete-object")
void object_delete(uint32_t, const char *, size_t, blob_result *);
IMPORT(CONTAINER, "[method]container.list-objects") void objects_list(uint32_t, blob_result *);
IMPORT(CONTAINER, "[method]stream-object-names.read-stream-object-names")
void names_read(uint32_t, uint64_t, blob_result *);
IMPORT(CONTAINER, "[resource-drop]stream-object-names") void names_drop(uint32_t);
IMPORT(TYPES, "[static]outgoing-value.new-outgoing-value") uint32_t outgoing_new(void);
IMPORT(TYPES, "[method]outgoing-value.outgoing-value-write-body")
void outgoing_body(uint32_t, body_result *);
IMPORT(TYPES, "[static]outgoing-value.finish") void outgoing_finish(uint32_t, blob_result *);
IMPORT(TYPES, "[resource-drop]outgoing-value") void outgoing_drop(uint32_t);
IMPORT(TYPES, "[static]incoming-value.incoming-value-consume-async")
void incoming_stream(uint32_t, blob_result *);

static bool done(bool failed, text why) {
  if (failed) weft_fail("storage", owned(why), true);
  return !failed;
}

bool weft_blob_open(const char *name, weft_container *container) {
  blob_result result = {0};
  container_create(name, strlen(name), &result);
  *container = result.handle;
  return done(result.failed, result.why);
}

bool weft_blob_remove(const char *name) {
  blob_result result = {0};
  container_delete(name, strlen(name), &result);
  return done(result.failed, result.why);
}

static bool exists(weft_container container, const char *name, bool *there) {
  blob_result result = {0};
  object_exists(container, name, strlen(name), &result);
  *there = !result.failed && result.is;
  return done(result.failed, result.why);
}

bool weft_blob_get_range(weft_container container, const char *name, uint64_t start, uint64_t end,
                         const char **bytes, size_t *length) {
  bool there;
  *bytes = NULL;
  *length = 0;
  if (!exists(container, name, &there)) return false;
  if (!there) return true;
  if (end <= start) {
    *bytes = "";
    return true;
  }
  blob_result value = {0}, stream = {0};
  object_get(container, name, strlen(name), start, end - 1, &value);
  if (!done(value.failed, value.why)) return false;
  incoming_stream(value.handle, &stream);
  if (!done(stream.failed, stream.why)) return false;
  *bytes = weft_read_stream(stream.handle, SIZE_MAX - 1, length);
  if (!*bytes) weft_fail("storage", "the object was replaced or deleted while it was read", true);
  return *bytes != NULL;
}

bool weft_blob_get(weft_container container, const char *name, const char **bytes, size_t *length) {
  return weft_blob_get_range(container, name, 0, UINT64_MAX, bytes, length);
}

bool weft_blob_begin(weft_container container, const char *name, weft_blob_writer *writer) {
  blob_result said = {0};
  body_result body = {0};
  uint32_t value = outgoing_new();
  object_write(container, name, strlen(name), value, &said);
  if (!said.failed) outgoing_body(value, &body);
  *writer = (weft_blob_writer){value, body.stream, false};
  if (!said.failed && !body.failed) return true;
  outgoing_drop(value);
  if (body.failed) weft_fail("storage", "too many objects are written at a time", true);
  return said.failed ? done(true, said.why) : false;
}

bool weft_blob_write(weft_blob_writer *writer, const void *bytes, size_t length) {
  if (!writer->failed && !weft_write(writer->stream, bytes, length)) {
    writer->failed = true;
    weft_fail("storage", "the object could not be written", true);
  }
  return !writer->failed;
}

bool weft_blob_finish(weft_blob_writer *writer) {
  blob_result result = {0};
  weft_drop_output(writer->stream);
  if (writer->failed) {
    outgoing_drop(writer->value);
    return false;
  }
  outgoing_finish(writer->value, &result);
  return done(result.failed, result.why);
}

bool weft_blob_put(weft_container container, const char *name, const void *bytes, size_t length) {
  weft_blob_writer writer;
  if (!weft_blob_begin(container, name, &writer)) return false;
  weft_blob_write(&writer, bytes, length);
  return weft_blob_finish(&writer);
}

bool weft_blob_info(weft_container container, const char *name, weft_object *object) {
  info_result result = {0};
  *object = (weft_object){0};
  if (!exists(container, name, &object->exists)) return false;
  if (!object->exists) return true;
  object_info(container, name, strlen(name), &result);
  if (!done(result.failed, result.why)) return false;
  object->size = result.info.size;
  object->created_ms = (double)result.info.created_s * 1000;
  return true;
}

bool weft_blob_delete(weft_container container, const char *name) {
  blob_result result = {0};
  object_delete(container, name, strlen(name), &result);
  return done(result.failed, result.why);
}

bool weft_blob_names(weft_container container, const char *const **names, size_t *count) {
  blob_result listing = {0};
  const char **found = NULL;
  *count = 0;
  objects_list(container, &listing);
  if (!done(listing.failed, listing.why)) return false;
  bool ended = false, read = true;
  while (read && !ended) {
    blob_result page = {0};
    names_read(listing.handle, 1000, &page);
    read = done(page.failed, page.why);
    if (!read) continue;
    found = realloc(found, (*count + page.names.count + 1) * sizeof *found);
    if (!found) abort();
    const text *items = page.names.items;
    for (size_t at = 0; at < page.names.count; at++) found[(*count)++] = owned(items[at]);
    ended = page.ended;
  }
  names_drop(listing.handle);
  *names = found;
  return read;
}

#endif
