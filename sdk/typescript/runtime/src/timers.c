// Timers. They run while a call is on, when its promise waits or it is about to end; between calls nothing runs.
#include <stdlib.h>
#include <time.h>

#include "runtime.h"

#define MAX_TIMERS 10000
#define MIN_INTERVAL_NS 1000000

typedef struct {
    uint32_t id;
    int64_t due_ns;
    int64_t interval_ns; // 0: once
    JSValue function;
    JSValue arguments;
} Timer;

static Timer *timers;
static int count, room;
static uint32_t last_id;

int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

void sleep_until(int64_t due_ns) {
    int64_t left;
    while ((left = due_ns - now_ns()) > 0) {
        struct timespec time = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        if (nanosleep(&time, NULL) != 0) return;
    }
}

static JSValue set(JSContext *ctx, int argc, JSValueConst *argv, bool again) {
    double delay = 0;
    if (!JS_IsFunction(ctx, argv[0])) return JS_ThrowTypeError(ctx, "a timer takes a function");
    if (argc > 1 && JS_ToFloat64(ctx, &delay, argv[1]) < 0) return JS_EXCEPTION;
    if (count == MAX_TIMERS) return JS_ThrowRangeError(ctx, "there are %d timers already", MAX_TIMERS);
    if (count == room) {
        int more = room ? room * 2 : 16;
        Timer *moved = realloc(timers, more * sizeof *timers);
        if (!moved) return JS_ThrowOutOfMemory(ctx);
        timers = moved;
        room = more;
    }
    if (!(delay > 0)) delay = 0;
    if (delay > 2147483647) delay = 2147483647;
    int64_t delay_ns = (int64_t)(delay * 1e6);
    JSValue arguments = JS_NewArray(ctx);
    for (int index = 2; index < argc; index++)
        JS_SetPropertyUint32(ctx, arguments, index - 2, JS_DupValue(ctx, argv[index]));
    if (again && delay_ns < MIN_INTERVAL_NS) delay_ns = MIN_INTERVAL_NS;
    timers[count++] = (Timer){++last_id, now_ns() + delay_ns, again ? delay_ns : 0, JS_DupValue(ctx, argv[0]), arguments};
    return JS_NewUint32(ctx, last_id);
}

static JSValue set_timeout(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    return set(ctx, argc, argv, false);
}

static JSValue set_interval(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    return set(ctx, argc, argv, true);
}

static int position(uint32_t id) {
    for (int index = 0; index < count; index++)
        if (timers[index].id == id) return index;
    return -1;
}

static void forget(int index) {
    Timer gone = timers[index];
    for (count--; index < count; index++) timers[index] = timers[index + 1];
    JS_FreeValue(context, gone.function);
    JS_FreeValue(context, gone.arguments);
}

static JSValue clear(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    uint32_t id;
    if (argc < 1 || !JS_IsNumber(argv[0]) || JS_ToUint32(ctx, &id, argv[0]) < 0) return JS_UNDEFINED;
    int index = position(id);
    if (index >= 0) forget(index);
    return JS_UNDEFINED;
}

static JSValue microtask(JSContext *ctx, int argc, JSValueConst *argv) {
    return JS_Call(ctx, argv[0], JS_UNDEFINED, 0, NULL);
}

static JSValue queue_microtask(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    if (!JS_IsFunction(ctx, argv[0])) return JS_ThrowTypeError(ctx, "queueMicrotask takes a function");
    return JS_EnqueueJob(ctx, microtask, 1, argv) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

bool timers_next(int64_t *due_ns) {
    if (count == 0) return false;
    *due_ns = timers[0].due_ns;
    for (int index = 1; index < count; index++)
        if (timers[index].due_ns < *due_ns) *due_ns = timers[index].due_ns;
    return true;
}

static int earliest(int64_t now, uint32_t newest) {
    int best = -1;
    for (int index = 0; index < count; index++)
        if (timers[index].due_ns <= now && timers[index].id <= newest &&
            (best < 0 || timers[index].due_ns < timers[best].due_ns))
            best = index;
    return best;
}

static void run(int index) {
    JSValue function = JS_DupValue(context, timers[index].function);
    JSValue arguments = JS_DupValue(context, timers[index].arguments);
    JSValue values[16];
    int64_t given = 0;
    JS_GetLength(context, arguments, &given);
    if (given > 16) given = 16;
    for (int at = 0; at < given; at++) values[at] = JS_GetPropertyUint32(context, arguments, at);
    if (timers[index].interval_ns)
        timers[index].due_ns = now_ns() + timers[index].interval_ns;
    else
        forget(index);
    JSValue result = JS_Call(context, function, JS_UNDEFINED, (int)given, values);
    if (JS_IsException(result)) uncaught_add(JS_GetException(context));
    for (int at = 0; at < given; at++) JS_FreeValue(context, values[at]);
    JS_FreeValue(context, result);
    JS_FreeValue(context, function);
    JS_FreeValue(context, arguments);
}

// Run what is due now, each once; what that makes due runs the next time. Microtasks run in between.
void timers_run_due(void) {
    int64_t now = now_ns();
    uint32_t newest = last_id;
    int index;
    while ((index = earliest(now, newest)) >= 0) {
        JSContext *ignored;
        run(index);
        while (JS_ExecutePendingJob(runtime, &ignored) != 0)
            if (JS_HasException(context)) uncaught_add(JS_GetException(context));
    }
}

void timers_install(JSValue global) {
    JS_SetPropertyStr(context, global, "setTimeout", JS_NewCFunction(context, set_timeout, "setTimeout", 2));
    JS_SetPropertyStr(context, global, "setInterval", JS_NewCFunction(context, set_interval, "setInterval", 2));
    JS_SetPropertyStr(context, global, "clearTimeout", JS_NewCFunction(context, clear, "clearTimeout", 1));
    JS_SetPropertyStr(context, global, "clearInterval", JS_NewCFunction(context, clear, "clearInterval", 1));
    JS_SetPropertyStr(
        context, global, "queueMicrotask", JS_NewCFunction(context, queue_microtask, "queueMicrotask", 1));
}
