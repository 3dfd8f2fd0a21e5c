// Errors that nobody caught, and how an error is told to the host: code, message, name, stack.
#include <string.h>

#include "runtime.h"

#define MAX_UNCAUGHT 16

static struct {
    JSValue promise; // undefined where it is no rejection
    JSValue error;
} uncaught[MAX_UNCAUGHT];
static int uncaught_count;
static JSValue describe = JS_UNDEFINED;

void errors_describe_with(JSValue function) { describe = function; }

static void keep(JSValue promise, JSValue error) {
    if (uncaught_count == MAX_UNCAUGHT) {
        JS_FreeValue(context, promise);
        JS_FreeValue(context, error);
        return;
    }
    uncaught[uncaught_count].promise = promise;
    uncaught[uncaught_count++].error = error;
}

void uncaught_add(JSValue error) { keep(JS_UNDEFINED, error); }

static void drop(int index) {
    JSValue promise = uncaught[index].promise, error = uncaught[index].error;
    for (uncaught_count--; index < uncaught_count; index++) uncaught[index] = uncaught[index + 1];
    JS_FreeValue(context, promise);
    JS_FreeValue(context, error);
}

static void rejected(JSContext *ctx, JSValueConst promise, JSValueConst reason, bool handled, void *opaque) {
    if (!handled) {
        keep(JS_DupValue(ctx, promise), JS_DupValue(ctx, reason));
        return;
    }
    for (int index = 0; index < uncaught_count; index++) {
        if (JS_VALUE_GET_TAG(uncaught[index].promise) == JS_TAG_OBJECT &&
            JS_VALUE_GET_PTR(uncaught[index].promise) == JS_VALUE_GET_PTR(promise)) {
            drop(index);
            return;
        }
    }
}

void uncaught_track(void) { JS_SetHostPromiseRejectionTracker(runtime, rejected, NULL); }

// Log what nobody caught, and forget it; the first is handed out.
bool uncaught_take(JSValue *first) {
    bool any = uncaught_count > 0;
    if (any) *first = JS_DupValue(context, uncaught[0].error);
    while (uncaught_count > 0) {
        JSValue error = JS_DupValue(context, uncaught[0].error);
        drop(0);
        errors_log(error);
        JS_FreeValue(context, error);
    }
    return any;
}

static JSValue described(JSValueConst error) {
    JSValue made = JS_Call(context, describe, JS_UNDEFINED, 1, &error);
    if (JS_IsException(made)) JS_FreeValue(context, JS_GetException(context));
    return made;
}

// An error object without any help of scripts, for when they are broken.
static JSValue plain(JSValueConst error) {
    const char *text = JS_ToCString(context, error);
    if (!text) JS_FreeValue(context, JS_GetException(context));
    JSValue made = JS_NewObject(context);
    JS_SetPropertyStr(context, made, "code", JS_NewInt32(context, 1));
    JS_SetPropertyStr(context, made, "message", JS_NewString(context, text ? text : "an error that has no words"));
    JS_SetPropertyStr(context, made, "data", JS_NewObject(context));
    JS_FreeCString(context, text);
    return made;
}

// Pack an error, which is taken over, as the error object of a call.
uint64_t errors_pack(JSValue error) {
    if (heap_exhausted) {
        JS_FreeValue(context, error);
        return pack_no_memory();
    }
    JSValue made = described(error);
    if (JS_IsException(made)) made = plain(error);
    JS_FreeValue(context, error);
    uint64_t packed = pack_json(made, true);
    JS_FreeValue(context, made);
    return packed ? packed : pack_no_memory();
}

extern void host_log(int32_t level, const char *text, int32_t size)
    __attribute__((import_module("timeline"), import_name("log")));

// Print an error with its stack.
void errors_log(JSValue error) {
    JSValue made = described(error);
    JSValue text = JS_IsException(made) ? JS_UNDEFINED : JS_GetPropertyStr(context, made, "printed");
    size_t size;
    const char *words = JS_ToCStringLen(context, &size, JS_IsString(text) ? text : error);
    if (words)
        host_log(4, words, (int32_t)size);
    else
        JS_FreeValue(context, JS_GetException(context));
    JS_FreeCString(context, words);
    JS_FreeValue(context, text);
    JS_FreeValue(context, made);
}
