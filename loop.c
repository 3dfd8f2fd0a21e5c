// The event loop of one call: microtasks first, then timers, until the call's promise is settled.
#include "runtime.h"

static void drain(void) {
    JSContext *ignored;
    int status;
    while ((status = JS_ExecutePendingJob(runtime, &ignored)) != 0)
        if (status < 0) uncaught_add(JS_GetException(context));
}

// Wait for a promise, which is taken over. STUCK: nothing is left that could settle it.
Outcome loop_settle(JSValue promise, JSValue *result) {
    int64_t due_ns;
    *result = JS_UNDEFINED;
    for (;;) {
        drain();
        if (JS_PromiseState(context, promise) != JS_PROMISE_PENDING) break;
        if (!timers_next(&due_ns)) break;
        sleep_until(due_ns);
        timers_run_due();
    }
    JSPromiseStateEnum state = JS_PromiseState(context, promise);
    if (state == JS_PROMISE_FULFILLED || state == JS_PROMISE_REJECTED) *result = JS_PromiseResult(context, promise);
    if (state == JS_PROMISE_REJECTED) JS_PromiseMarkAsHandled(context, promise);
    JS_FreeValue(context, promise);
    return state == JS_PROMISE_PENDING ? STUCK : state == JS_PROMISE_REJECTED ? FAILED : SETTLED;
}

// The end of a call: what is due runs, once.
void loop_finish(void) {
    timers_run_due();
    drain();
}
