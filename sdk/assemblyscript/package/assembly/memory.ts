// Owns the memory that the host asks for: `plugin_alloc` and `plugin_free`.
//
// What is small comes from the compiler's own allocator. What is large, or aligned more strictly than to 16 bytes, is a run of
// whole pages: the compiler's allocator caps a block at 1 GiB, cannot align, and traps where there is no memory, which the
// host wants to be told by 0.

import { PAGE_SIZE, putPages, takePages } from "./pages";

const MAX_SMALL: u32 = 32 * 1024;
const SMALL_ALIGN: u32 = 16;

/**
 * Allocates a block for the host.
 *
 * @param size bytes, read as unsigned
 * @param align a power of two up to 65536 bytes
 * @returns the address, or 0 when memory cannot grow any further
 */
export function plugin_alloc(size: u32, align: u32): u32 {
  if (align > PAGE_SIZE || (align & (align - 1)) != 0) return 0;
  if (isSmall(size, align)) return <u32>heap.alloc(max(size, 1));
  return takePages(max(size, 1));
}

/** Gives back a block; `size` and `align` are those it was allocated with. Address 0 is ignored. */
export function plugin_free(ptr: u32, size: u32, align: u32): void {
  if (ptr == 0) return;
  if (isSmall(size, align)) heap.free(ptr);
  else putPages(ptr, max(size, 1));
}

@inline
function isSmall(size: u32, align: u32): bool {
  return size <= MAX_SMALL && align <= SMALL_ALIGN;
}
