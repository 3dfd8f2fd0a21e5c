// Modules: files of the plugin by relative paths, and what the host offers by name. There is nothing else to import.
#include <stdio.h>
#include <string.h>

#include "runtime.h"

#define MAX_PATH 1024
#define MAX_OFFERED 4

static struct {
    char name[64];
    JSValue exports;
} offered[MAX_OFFERED];
static int offers;
static JSValue transpile = JS_UNDEFINED;

void modules_transpiler(JSValue function) { transpile = function; }

// What a path of an import may stand for, tried in this order: as with TypeScript, ".js" may be said of a ".ts".
static const char *const ENDINGS[] = {"", ".ts", ".js", ".mts", ".mjs", ".json", "/index.ts", "/index.js", NULL};

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

bool modules_offer(const char *name, JSValue exports) {
    if (offers == MAX_OFFERED || strlen(name) >= sizeof offered[0].name) return false;
    strcpy(offered[offers].name, name);
    offered[offers++].exports = exports;
    return true;
}

// Join a relative path to the folder of the module that imports it; false where it leads outside the package.
static bool join(const char *base, const char *path, char *out) {
    const char *slash = strrchr(base, '/');
    size_t length = slash ? (size_t)(slash - base) : 0;
    if (length >= MAX_PATH) return false;
    memcpy(out, base, length);
    while (*path) {
        size_t part = strcspn(path, "/");
        if (part == 2 && path[0] == '.' && path[1] == '.') {
            if (length == 0) return false;
            while (length > 0 && out[length - 1] != '/') length--;
            if (length > 0) length--;
        } else if (part != 0 && !(part == 1 && path[0] == '.')) {
            if (length + part + 2 > MAX_PATH) return false;
            if (length > 0) out[length++] = '/';
            memcpy(out + length, path, part);
            length += part;
        }
        path += part;
        while (*path == '/') path++;
    }
    out[length] = 0;
    return true;
}

static const ProgramFile *found(char *path) {
    size_t length = strlen(path);
    char tried[MAX_PATH + 16];
    for (int index = 0; ENDINGS[index]; index++) {
        snprintf(tried, sizeof tried, "%s%s", path, ENDINGS[index]);
        const ProgramFile *file = program_find(tried);
        if (file) return file;
    }
    for (int back = 2; back <= 3; back++) { // "./x.js" for x.ts, "./x.mjs" for x.mts
        if (!ends_with(path, back == 2 ? ".js" : ".mjs")) continue;
        snprintf(tried, sizeof tried, "%.*sts", (int)(length - 2), path);
        const ProgramFile *file = program_find(tried);
        if (file) return file;
    }
    return NULL;
}

static char *normalize(JSContext *ctx, const char *base, const char *name, void *opaque) {
    char path[MAX_PATH];
    for (int index = 0; index < offers; index++)
        if (strcmp(name, offered[index].name) == 0) return js_strdup(ctx, name);
    if (name[0] != '.' || (name[1] != '/' && strncmp(name, "../", 3) != 0 && name[1] != 0)) {
        JS_ThrowReferenceError(
            ctx,
            name[0] == '/' || strstr(name, "://")
                ? "cannot import '%s' (in %s): a plugin imports from its own package only"
                : "cannot import '%s' (in %s): there is no Node.js and no node_modules here; bundle the package "
                  "into the plugin, or use what @timeline-studio/sdk offers",
            name, base);
        return NULL;
    }
    if (!join(base, name, path)) {
        JS_ThrowReferenceError(ctx, "cannot import '%s' (in %s): it leads outside the plugin's package", name, base);
        return NULL;
    }
    const ProgramFile *file = found(path);
    if (!file) {
        JS_ThrowReferenceError(ctx, "cannot import '%s' (in %s): the package has no such module", name, base);
        return NULL;
    }
    return js_strdup(ctx, file->name);
}

static int set_offered(JSContext *ctx, JSModuleDef *module) {
    JSValue exports = JS_GetModulePrivateValue(ctx, module);
    JSPropertyEnum *names;
    uint32_t count;
    int status = -1;
    if (JS_GetOwnPropertyNames(ctx, &names, &count, exports, JS_GPN_STRING_MASK) == 0) {
        status = 0;
        for (uint32_t index = 0; index < count && status == 0; index++) {
            const char *name = JS_AtomToCString(ctx, names[index].atom);
            status = name ? JS_SetModuleExport(ctx, module, name, JS_GetProperty(ctx, exports, names[index].atom)) : -1;
            JS_FreeCString(ctx, name);
        }
        JS_FreePropertyEnum(ctx, names, count);
    }
    JS_FreeValue(ctx, exports);
    return status;
}

// Make a module of an object: each of its own properties is an export. Takes the object over.
static JSModuleDef *module_of(JSContext *ctx, const char *name, JSValue exports) {
    JSModuleDef *module = JS_NewCModule(ctx, name, set_offered);
    JSPropertyEnum *names;
    uint32_t count;
    if (module && JS_GetOwnPropertyNames(ctx, &names, &count, exports, JS_GPN_STRING_MASK) == 0) {
        for (uint32_t index = 0; index < count; index++) {
            const char *export = JS_AtomToCString(ctx, names[index].atom);
            if (export) JS_AddModuleExport(ctx, module, export);
            JS_FreeCString(ctx, export);
        }
        JS_FreePropertyEnum(ctx, names, count);
        JS_SetModulePrivateValue(ctx, module, exports);
        return module;
    }
    JS_FreeValue(ctx, exports);
    return NULL;
}

static JSModuleDef *json_module(JSContext *ctx, const ProgramFile *file) {
    JSValue value = JS_ParseJSON(ctx, file->text, file->size, file->name);
    if (JS_IsException(value)) return NULL;
    JSValue exports = JS_NewObject(ctx);
    JS_SetPropertyStr(ctx, exports, "default", value);
    return module_of(ctx, file->name, exports);
}

// Compile a file, its types taken out where it has some; the result is a module that has not run.
JSValue modules_compile(const ProgramFile *file) {
    const char *text = file->text, *plain = NULL;
    size_t size = file->size;
    if (ends_with(file->name, ".ts") || ends_with(file->name, ".mts")) {
        JSValue arguments[] = {JS_NewStringLen(context, file->text, file->size), JS_NewString(context, file->name)};
        JSValue made = JS_Call(context, transpile, JS_UNDEFINED, 2, arguments);
        JS_FreeValue(context, arguments[0]);
        JS_FreeValue(context, arguments[1]);
        if (JS_IsException(made)) return made;
        text = plain = JS_ToCStringLen(context, &size, made);
        JS_FreeValue(context, made);
        if (!text) return JS_EXCEPTION;
    }
    JSValue compiled = JS_Eval(context, text, size, file->name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    JS_FreeCString(context, plain);
    return compiled;
}

static JSModuleDef *load(JSContext *ctx, const char *name, void *opaque) {
    for (int index = 0; index < offers; index++)
        if (strcmp(name, offered[index].name) == 0)
            return module_of(ctx, name, JS_DupValue(ctx, offered[index].exports));
    const ProgramFile *file = program_find(name);
    if (!file) {
        JS_ThrowReferenceError(ctx, "the package has no module '%s'", name);
        return NULL;
    }
    if (ends_with(name, ".json")) return json_module(ctx, file);
    ProgramFile kept = *file; // program_find answers in one place for all
    JSValue compiled = modules_compile(&kept);
    if (JS_IsException(compiled)) return NULL;
    JSModuleDef *module = JS_VALUE_GET_PTR(compiled);
    JS_FreeValue(ctx, compiled);
    return module;
}

void modules_install(void) { JS_SetModuleLoaderFunc(runtime, normalize, load, NULL); }
