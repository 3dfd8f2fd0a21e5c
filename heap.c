// The allocator of scripts. The host's limit is where memory ends; whether it was reached in a call tells an error of
// the script's own from one that the limit made.
#include <malloc.h>
#include <stdlib.h>

#include "runtime.h"

bool heap_exhausted = false;

static void *noted(void *pointer, size_t size) {
    if (pointer == NULL && size != 0) heap_exhausted = true;
    return pointer;
}

static void *heap_calloc(void *opaque, size_t count, size_t size) { return noted(calloc(count, size), size); }
static void *heap_malloc(void *opaque, size_t size) { return noted(malloc(size), size); }
static void heap_free(void *opaque, void *pointer) { free(pointer); }
static void *heap_realloc(void *opaque, void *pointer, size_t size) { return noted(realloc(pointer, size), size); }
static size_t heap_usable(const void *pointer) { return malloc_usable_size((void *)pointer); }

const JSMallocFunctions heap_functions = {heap_calloc, heap_malloc, heap_free, heap_realloc, heap_usable};
