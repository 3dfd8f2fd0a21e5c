// Timeline ABI 1 for a script: what the host calls, and `script_load`, by which it brings the script.
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define EXPORT(name) __attribute__((export_name(name), visibility("default")))
#define ERROR_BIT 0x80000000u
#define STACK_BYTES (768 * 1024) // of the shadow stack, which has 1 MiB; see depth.h for the other one

// A collection looks at every object. What there is when a script starts is some 4 MiB that nobody gives up;
// the first collection comes when there is as much again, later ones as QuickJS has it.
#define FIRST_GC_BYTES (8 * 1024 * 1024)

JSRuntime *runtime;
JSContext *context;

static JSValue find = JS_UNDEFINED;    // (name) => function, or null
static JSValue adopt = JS_UNDEFINED;   // (namespace of the main module) => void
static JSValue process = JS_UNDEFINED; // (effect, frame) => promise of a number

static bool loaded;

static const char NO_MEMORY[] = "{\"code\":1,\"message\":\"out of memory\",\"data\":{\"name\":\"OutOfMemory\"}}";
static const char NOT_FOUND[] = "{\"code\":-32601,\"message\":\"no such function\"}";
static const char NO_SCRIPT[] = "{\"code\":1,\"message\":\"the script was not loaded\",\"data\":{}}";
static const char BAD_PROGRAM[] = "{\"code\":1,\"message\":\"the script is not packed as it must be\",\"data\":{}}";

EXPORT("plugin_alloc") void *plugin_alloc(uint32_t size, uint32_t align) {
    void *pointer = NULL;
    if (align <= 8) return malloc(size ? size : 1);
    return posix_memalign(&pointer, align, size ? size : 1) == 0 ? pointer : NULL;
}

EXPORT("plugin_free") void plugin_free(void *pointer, uint32_t size, uint32_t align) {
    if (pointer != NO_MEMORY) free(pointer);
}

EXPORT("plugin_abi") int32_t plugin_abi(void) { return 1; }

// An answer that needs no memory, for when there is none.
uint64_t pack_no_memory(void) { return (uint64_t)(uintptr_t)NO_MEMORY << 32 | ERROR_BIT | (sizeof NO_MEMORY - 1); }

uint64_t pack_text(const char *text, size_t size, bool error) {
    char *copy = malloc(size);
    if (!copy) return pack_no_memory();
    memcpy(copy, text, size);
    return (uint64_t)(uintptr_t)copy << 32 | (error ? ERROR_BIT : 0) | size;
}

// Pack a value as JSON; 0 stands for null. An exception of it is left pending, and 0 returned, where it cannot be.
uint64_t pack_json(JSValue value, bool error) {
    JSValue json = JS_JSONStringify(context, value, JS_UNDEFINED, JS_UNDEFINED);
    size_t size;
    const char *text = JS_IsString(json) ? JS_ToCStringLen(context, &size, json) : NULL;
    JS_FreeValue(context, json);
    if (!text) return 0;
    uint64_t packed = pack_text(text, size, error);
    JS_FreeCString(context, text);
    return packed;
}

static uint64_t failed(void) { return errors_pack(JS_GetException(context)); }

// A call that ended well fails after all where something went wrong in the background.
static uint64_t answer(JSValue result) {
    JSValue first;
    loop_finish();
    if (uncaught_take(&first)) {
        JS_FreeValue(context, result);
        return errors_pack(first);
    }
    uint64_t packed = pack_json(result, false);
    JS_FreeValue(context, result);
    return packed == 0 && JS_HasException(context) ? failed() : packed;
}

static uint64_t give_up(JSValue error) {
    JSValue first;
    loop_finish();
    if (uncaught_take(&first)) JS_FreeValue(context, first); // logged; the call has an error of its own
    return errors_pack(error);
}

static JSValue function_of(JSValue object, const char *name) { return JS_GetPropertyStr(context, object, name); }

static bool start(void) {
    runtime = JS_NewRuntime2(&heap_functions, NULL);
    if (!runtime) return false;
    JS_SetMaxStackSize(runtime, STACK_BYTES);
    context = JS_NewContext(runtime);
    if (!context) return false;
    modules_install();
    uncaught_track();
    JSValue global = JS_GetGlobalObject(context);
    timers_install(global);
    JSValue prelude = run_embedded("prelude");
    JSValue natives = natives_object();
    JSValue made = JS_Call(context, prelude, JS_UNDEFINED, 1, &natives);
    JS_FreeValue(context, natives);
    JS_FreeValue(context, prelude);
    JS_FreeValue(context, global);
    if (JS_IsException(made)) return false;
    find = function_of(made, "find");
    adopt = function_of(made, "adopt");
    process = function_of(made, "process");
    errors_describe_with(function_of(made, "describe"));
    JS_FreeValue(context, made);
    JSValue transpiler = run_embedded("typescript");
    if (JS_IsException(transpiler)) return false;
    modules_transpiler(transpiler);
    JS_RunGC(runtime);
    JS_SetGCThreshold(runtime, FIRST_GC_BYTES);
    return true;
}

// Make all that scripts find. Called once, when this module is built: what a host gets begins with this done.
EXPORT("script_prepare") int32_t script_prepare(void) { return start(); }

// What must be another one in each instance.
static void wake(void) {
    JS_UpdateStackTop(runtime);
    random_seed();
    heap_exhausted = false;
}

static uint64_t run_main(void) {
    JSValue result, module = modules_compile(program_main());
    if (JS_IsException(module)) return failed();
    JSModuleDef *definition = JS_VALUE_GET_PTR(module);
    JSValue promise = JS_EvalFunction(context, module);
    if (JS_IsException(promise)) return failed();
    Outcome outcome = loop_settle(promise, &result);
    if (outcome == FAILED) return give_up(result);
    JS_FreeValue(context, result);
    if (outcome == STUCK) {
        JS_ThrowTypeError(context, "an await at the top of the main module waits for something that will not come");
        return failed();
    }
    JSValue namespace = JS_GetModuleNamespace(context, definition);
    JSValue adopted = JS_Call(context, adopt, JS_UNDEFINED, 1, &namespace);
    JS_FreeValue(context, namespace);
    return JS_IsException(adopted) ? failed() : answer(adopted);
}

// Take the plugin's files, in memory of plugin_alloc that is ours from now on, and run its main module.
EXPORT("script_load") uint64_t script_load(uint8_t *packed, uint32_t size) {
    if (!context && !start()) return pack_text(NO_SCRIPT, sizeof NO_SCRIPT - 1, true);
    wake();
    if (loaded || !program_set(packed, size)) return pack_text(BAD_PROGRAM, sizeof BAD_PROGRAM - 1, true);
    loaded = true;
    return run_main();
}

static uint64_t call(JSValue function, const char *params, size_t size) {
    JSValue result, value = JS_ParseJSON(context, params, size, "<params>");
    if (JS_IsException(value)) return failed();
    JSValue promise = JS_Call(context, function, JS_UNDEFINED, 1, &value);
    JS_FreeValue(context, value);
    if (JS_IsException(promise)) return give_up(JS_GetException(context));
    if (!JS_IsPromise(promise)) return answer(promise);
    Outcome outcome = loop_settle(promise, &result);
    if (outcome == FAILED) return give_up(result);
    if (outcome == STUCK) {
        JS_ThrowTypeError(context, "its promise is never settled: nothing is left to run that could settle it");
        return give_up(JS_GetException(context));
    }
    return answer(result);
}

EXPORT("plugin_call")
uint64_t plugin_call(const char *name, uint32_t name_size, const char *params, uint32_t params_size) {
    if (!loaded) return pack_text(NO_SCRIPT, sizeof NO_SCRIPT - 1, true);
    heap_exhausted = false;
    JSValue named = JS_NewStringLen(context, name, name_size);
    JSValue function = JS_Call(context, find, JS_UNDEFINED, 1, &named);
    JS_FreeValue(context, named);
    if (JS_IsException(function)) return failed();
    if (!JS_IsFunction(context, function)) return pack_text(NOT_FOUND, sizeof NOT_FOUND - 1, true);
    char *text = malloc(params_size + 1); // the parser wants a zero byte behind it
    if (!text) {
        JS_ThrowOutOfMemory(context);
        return failed();
    }
    memcpy(text, params, params_size);
    text[params_size] = 0;
    uint64_t packed = call(function, text, params_size);
    free(text);
    JS_FreeValue(context, function);
    return packed;
}

typedef struct {
    uint32_t size, width, height, stride, format;
    uint8_t *input, *output;
    const char *params;
    uint32_t params_size;
    int64_t pts_us;
} Frame;

static size_t slot_bytes(const Frame *frame) {
    size_t rows = (size_t)frame->stride * frame->height;
    return frame->format == 3 ? rows + 2 * (size_t)(frame->stride / 2) * ((frame->height + 1) / 2) : rows;
}

// Memory of the host's, as an ArrayBuffer: nothing is copied, and it is taken away when the frame is done.
static JSValue view(uint8_t *memory, size_t size) {
    return JS_NewArrayBuffer(context, memory, size, 0, NULL, NULL, false);
}

static JSValue params_of(const Frame *frame) {
    char *text = malloc(frame->params_size + 1);
    if (!text) return JS_ThrowOutOfMemory(context);
    memcpy(text, frame->params, frame->params_size);
    text[frame->params_size] = 0;
    JSValue value = frame->params_size ? JS_ParseJSON(context, text, frame->params_size, "<params>") : JS_NULL;
    free(text);
    return value;
}

static int32_t code_of(JSValue error) {
    int32_t code = 1;
    JSValue value = JS_IsObject(error) ? JS_GetPropertyStr(context, error, "code") : JS_UNDEFINED;
    if (JS_IsException(value)) JS_FreeValue(context, JS_GetException(context));
    if (JS_IsNumber(value) && JS_ToInt32(context, &code, value) == 0 && code <= 0) code = 1;
    JS_FreeValue(context, value);
    return code;
}

static int32_t frame_failed(JSValue error) {
    int32_t code = code_of(error);
    errors_log(error);
    JS_FreeValue(context, error);
    return code;
}

static int32_t run_frame(int32_t effect, const Frame *frame, JSValue input, JSValue output) {
    JSValue result;
    JSValue arguments[] = {
        JS_NewInt32(context, effect),
        input,
        output,
        JS_NewUint32(context, frame->width),
        JS_NewUint32(context, frame->height),
        JS_NewUint32(context, frame->stride),
        JS_NewUint32(context, frame->format),
        JS_NewInt64(context, frame->pts_us),
        params_of(frame),
    };
    if (JS_IsException(arguments[8])) return frame_failed(JS_GetException(context));
    JSValue promise = JS_Call(context, process, JS_UNDEFINED, 9, arguments);
    JS_FreeValue(context, arguments[8]);
    if (JS_IsException(promise)) return frame_failed(JS_GetException(context));
    Outcome outcome = loop_settle(promise, &result);
    if (outcome == FAILED) return frame_failed(result);
    JS_FreeValue(context, result);
    if (outcome == STUCK) {
        JS_ThrowTypeError(context, "the promise of its process function is never settled");
        return frame_failed(JS_GetException(context));
    }
    loop_finish();
    return uncaught_take(&result) ? (JS_FreeValue(context, result), 1) : 0;
}

EXPORT("plugin_process_frame") int32_t plugin_process_frame(int32_t effect, const Frame *frame) {
    if (!loaded) return 1;
    heap_exhausted = false;
    bool in_place = frame->input == frame->output;
    JSValue input = view(frame->input, slot_bytes(frame));
    JSValue output = in_place ? JS_DupValue(context, input) : view(frame->output, slot_bytes(frame));
    int32_t code = run_frame(effect, frame, input, output);
    JS_DetachArrayBuffer(context, input); // a script may keep it; what it shows is somebody else's from here on
    JS_DetachArrayBuffer(context, output);
    JS_FreeValue(context, input);
    JS_FreeValue(context, output);
    return code;
}
