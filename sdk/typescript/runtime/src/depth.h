// How deep calls are nested, by an account of our own. Included before each source of QuickJS.
//
// QuickJS compares the stack pointer with a limit. In WebAssembly that is the pointer of the shadow stack, where only
// what has an address lies; the calls themselves stand on the engine's stack, which a guest cannot see, and which ends
// in a trap. So functions that recurse note what they take of it, generously: then a script that recurses without end
// gets its RangeError, with a line, and goes on. What is deep in ways that nobody thought of still ends in the trap.
#ifndef DEPTH_H
#define DEPTH_H

#include <stddef.h>

#define NATIVE_STACK_LIMIT (1792 * 1024) // of the engine's 2 MiB

extern size_t native_stack_used;

static inline void native_stack_leave(size_t *bytes) { native_stack_used -= *bytes; }

#define NATIVE_STACK(bytes)                                                                                            \
    __attribute__((cleanup(native_stack_leave))) size_t native_stack_here = (native_stack_used += (bytes), (bytes))

#endif
