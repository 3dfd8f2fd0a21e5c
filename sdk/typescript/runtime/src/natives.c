// What the prelude, which is the SDK's own script, is given to build the globals of scripts from.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime.h"

extern void host_log(int32_t level, const char *text, int32_t size)
    __attribute__((import_module("timeline"), import_name("log")));
extern uint64_t host_call(const char *method, int32_t method_size, const char *params, int32_t params_size)
    __attribute__((import_module("timeline"), import_name("host_call")));

#define ERROR_BIT 0x80000000u

// log(level, text)
static JSValue native_log(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    int32_t level;
    size_t size;
    if (JS_ToInt32(ctx, &level, argv[0]) < 0) return JS_EXCEPTION;
    const char *text = JS_ToCStringLen(ctx, &size, argv[1]);
    if (!text) return JS_EXCEPTION;
    host_log(level, text, (int32_t)size);
    JS_FreeCString(ctx, text);
    return JS_UNDEFINED;
}

// call(method, params): what the host answers; its error object is thrown.
static JSValue native_call(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    size_t method_size, params_size = 0;
    const char *method = JS_ToCStringLen(ctx, &method_size, argv[0]);
    if (!method) return JS_EXCEPTION;
    JSValue json = JS_JSONStringify(ctx, argc > 1 ? argv[1] : JS_NULL, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(json)) {
        JS_FreeCString(ctx, method);
        return json;
    }
    const char *params = JS_IsString(json) ? JS_ToCStringLen(ctx, &params_size, json) : NULL;
    uint64_t packed = host_call(method, (int32_t)method_size, params ? params : "", (int32_t)params_size);
    JS_FreeCString(ctx, params);
    JS_FreeValue(ctx, json);
    JS_FreeCString(ctx, method);
    if (packed == 0) return JS_NULL;
    char *text = (char *)(uintptr_t)(packed >> 32);
    size_t size = packed & (ERROR_BIT - 1);
    char *ended = realloc(text, size + 1); // the parser wants a zero byte behind it
    if (!ended) {
        free(text);
        return JS_ThrowOutOfMemory(ctx);
    }
    ended[size] = 0;
    JSValue value = JS_ParseJSON(ctx, ended, size, "<host>");
    free(ended);
    if ((packed & ERROR_BIT) && !JS_IsException(value)) return JS_Throw(ctx, value);
    return value;
}

// encode(text): UTF-8, as a Uint8Array.
static JSValue native_encode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    size_t size;
    const char *text = JS_ToCStringLen(ctx, &size, argv[0]);
    if (!text) return JS_EXCEPTION;
    JSValue array = JS_NewUint8ArrayCopy(ctx, (const uint8_t *)text, size);
    JS_FreeCString(ctx, text);
    return array;
}

// Length of the UTF-8 sequence that begins here; 0 where it is not well-formed, and *bad says how much of it is spoilt.
static size_t sequence(const uint8_t *at, size_t left, size_t *bad) {
    uint8_t first = at[0];
    *bad = 1;
    if (first < 0x80) return 1;
    size_t length = first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0;
    for (size_t index = 1; index < length; index++) {
        uint8_t low = 0x80, high = 0xBF;
        if (index == 1) {
            if (first == 0xE0) low = 0xA0;
            if (first == 0xED) high = 0x9F;
            if (first == 0xF0) low = 0x90;
            if (first == 0xF4) high = 0x8F;
        }
        if (index >= left || at[index] < low || at[index] > high) {
            *bad = index;
            return 0;
        }
    }
    return length;
}

// decode(bytes, fatal): text of UTF-8; what is not well-formed becomes U+FFFD, or undefined where it must not be.
static JSValue native_decode(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    size_t size = 0, offset, length, element;
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, argv[0], &offset, &length, &element);
    if (JS_IsException(buffer)) return buffer;
    uint8_t *bytes = JS_GetArrayBuffer(ctx, &size, buffer);
    JS_FreeValue(ctx, buffer);
    if (!bytes || offset + length > size) return length ? JS_ThrowTypeError(ctx, "the buffer is detached") : JS_NewString(ctx, "");
    bytes += offset;
    char *text = malloc(length * 3 + 1);
    if (!text) return JS_ThrowOutOfMemory(ctx);
    size_t at = 0, out = 0, bad;
    while (at < length) {
        size_t good = sequence(bytes + at, length - at, &bad);
        if (good) {
            memcpy(text + out, bytes + at, good);
            out += good;
            at += good;
        } else if (JS_ToBool(ctx, argv[1])) {
            free(text);
            return JS_UNDEFINED;
        } else {
            memcpy(text + out, "\xEF\xBF\xBD", 3);
            out += 3;
            at += bad;
        }
    }
    JSValue value = JS_NewStringLen(ctx, text, out);
    free(text);
    return value;
}

// fill(bytes): random bytes.
static JSValue native_fill(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    size_t size, offset, length, element;
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, argv[0], &offset, &length, &element);
    if (JS_IsException(buffer)) return buffer;
    uint8_t *bytes = JS_GetArrayBuffer(ctx, &size, buffer);
    JS_FreeValue(ctx, buffer);
    for (size_t done = 0; bytes && done < length; done += 256)
        if (getentropy(bytes + offset + done, length - done < 256 ? length - done : 256) != 0)
            return JS_ThrowInternalError(ctx, "there are no random numbers");
    return JS_UNDEFINED;
}

// Math.random, whose seed must not be one that all instances share: xoroshiro128+.
static uint64_t random_state[2] = {1, 2};

void random_seed(void) {
    if (getentropy(random_state, sizeof random_state) != 0) random_state[0] ^= (uint64_t)now_ns();
    random_state[1] |= 1;
}

static JSValue native_random(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    uint64_t one = random_state[0], other = random_state[1], sum = one + other;
    other ^= one;
    random_state[0] = (one << 24 | one >> 40) ^ other ^ other << 16;
    random_state[1] = other << 37 | other >> 27;
    return JS_NewFloat64(ctx, (double)(sum >> 11) * 0x1p-53);
}

// now(): milliseconds of a clock that only goes forward.
static JSValue native_now(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    return JS_NewFloat64(ctx, (double)now_ns() / 1e6);
}

// source(name): the text of one of the plugin's files, or undefined.
static JSValue native_source(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name) return JS_EXCEPTION;
    const ProgramFile *file = program_find(name);
    JS_FreeCString(ctx, name);
    return file ? JS_NewStringLen(ctx, file->text, file->size) : JS_UNDEFINED;
}

// settled(promise): [whether it is rejected, its value], or undefined while it is pending. For console.log.
static JSValue native_settled(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    JSPromiseStateEnum state = JS_PromiseState(ctx, argv[0]);
    if (state != JS_PROMISE_FULFILLED && state != JS_PROMISE_REJECTED) return JS_UNDEFINED;
    JSValue pair = JS_NewArray(ctx);
    JS_SetPropertyUint32(ctx, pair, 0, JS_NewBool(ctx, state == JS_PROMISE_REJECTED));
    JS_SetPropertyUint32(ctx, pair, 1, JS_PromiseResult(ctx, argv[0]));
    return pair;
}

// Run a script of our own; the value of its last expression is what it makes.
JSValue run_embedded(const char *name) {
    char file[64];
    for (int index = 0; index < EMBEDDED_COUNT; index++) {
        if (strcmp(EMBEDDED[index].name, name) != 0) continue;
        snprintf(file, sizeof file, "timeline:%s", name);
        return JS_Eval(context, EMBEDDED[index].text, EMBEDDED[index].size, file, JS_EVAL_TYPE_GLOBAL);
    }
    return JS_ThrowInternalError(context, "there is no script '%s'", name);
}

// run(script): what one of our own scripts makes.
static JSValue native_run(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name) return JS_EXCEPTION;
    JSValue made = run_embedded(name);
    JS_FreeCString(ctx, name);
    return made;
}

static JSValue native_offer(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv) {
    const char *name = JS_ToCString(ctx, argv[0]);
    if (!name) return JS_EXCEPTION;
    bool taken = modules_offer(name, JS_DupValue(ctx, argv[1]));
    JS_FreeCString(ctx, name);
    return taken ? JS_UNDEFINED : JS_ThrowInternalError(ctx, "too many modules are offered");
}

static const JSCFunctionListEntry NATIVES[] = {
    JS_CFUNC_DEF("log", 2, native_log),       JS_CFUNC_DEF("call", 2, native_call),
    JS_CFUNC_DEF("encode", 1, native_encode), JS_CFUNC_DEF("decode", 2, native_decode),
    JS_CFUNC_DEF("fill", 1, native_fill),     JS_CFUNC_DEF("now", 0, native_now),
    JS_CFUNC_DEF("source", 1, native_source), JS_CFUNC_DEF("settled", 1, native_settled),
    JS_CFUNC_DEF("random", 0, native_random),
    JS_CFUNC_DEF("mapChannels", 9, kernel_map), JS_CFUNC_DEF("convolve", 7, kernel_convolve),
    JS_CFUNC_DEF("run", 1, native_run),       JS_CFUNC_DEF("offer", 2, native_offer),
};

JSValue natives_object(void) {
    JSValue object = JS_NewObjectProto(context, JS_NULL);
    JS_SetPropertyFunctionList(context, object, NATIVES, sizeof NATIVES / sizeof *NATIVES);
    return object;
}
