// What the parts of the script runtime share: one QuickJS context that speaks Timeline ABI 1 for a script.
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

extern JSRuntime *runtime;
extern JSContext *context;

// heap.c: QuickJS's allocator, which remembers that it was refused memory.
extern const JSMallocFunctions heap_functions;
extern bool heap_exhausted;

// program.c: the files of the plugin, as the host packed them; what modules are resolved in.
typedef struct {
    const char *name;
    const char *text; // ends with a zero byte behind its size
    size_t size;
} ProgramFile;

bool program_set(uint8_t *packed, size_t size);
const ProgramFile *program_main(void);
const ProgramFile *program_find(const char *name);

// modules.c: import and export.
void modules_install(void);
bool modules_offer(const char *name, JSValue exports);
JSValue modules_compile(const ProgramFile *file);
void modules_transpiler(JSValue function);

// timers.c: setTimeout and its like.
void timers_install(JSValue global);
bool timers_next(int64_t *due_ns);
void timers_run_due(void);
int64_t now_ns(void);
void sleep_until(int64_t due_ns);

// embedded.c, written by build.py: scripts of our own.
typedef struct {
    const char *name;
    const char *text; // ends with a zero byte behind its size
    size_t size;
} Embedded;

extern const Embedded EMBEDDED[];
extern const int EMBEDDED_COUNT;
JSValue run_embedded(const char *name);

// natives.c: what the prelude is given: console, host calls, text, randomness.
JSValue natives_object(void);
void random_seed(void);

// kernels.c: what is done to pixels.
JSValue kernel_map(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv);
JSValue kernel_convolve(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv);

// errors.c: what went wrong outside of any call's own result, and how it is told.
void uncaught_track(void);
void uncaught_add(JSValue error);
bool uncaught_take(JSValue *first);
void errors_describe_with(JSValue function);
uint64_t errors_pack(JSValue error);
void errors_log(JSValue error);

// loop.c: microtasks and timers, until a promise is settled.
typedef enum { SETTLED, FAILED, STUCK } Outcome;
Outcome loop_settle(JSValue promise, JSValue *result);
void loop_finish(void);

// abi.c
uint64_t pack_no_memory(void);
uint64_t pack_text(const char *text, size_t size, bool error);
uint64_t pack_json(JSValue value, bool error);

#endif
