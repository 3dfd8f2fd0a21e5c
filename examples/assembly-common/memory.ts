// Owns the guest's linear memory above the compiler's own data: `plugin_alloc` and `plugin_free`.
// Knows nothing of JSON, frames or effects.
//
// Why not the compiler's allocator: it caps a block at 1 GiB, cannot align beyond 16 bytes and doubles memory when it
// grows. Here a block of up to half a page comes from free lists of power-of-two size classes (so its alignment is its
// size class); anything larger, or aligned more strictly, is a run of whole pages, which the SDK finds.
//
// Modules are built without a garbage collector and never use `new`, so all growth of memory happens here.

import { PAGE_SIZE, putPages, takePages } from "@timeline-studio/assemblyscript/assembly/pages";

const SMALLEST_CLASS: u32 = 4; // 16 bytes
const LARGEST_CLASS: u32 = 15; // 32 KiB: two blocks to a page

/** Address of the first free block of each size class, 0 for none; a free block starts with the address of the next. */
const freeBlocks: usize = memory.data(<i32>((LARGEST_CLASS + 1) * 4), 4);

/**
 * Allocates a block.
 *
 * @param size bytes, read as unsigned; 0 gives a block that can be freed like any other
 * @param align a power of two up to 65536 bytes; 0 means 1
 * @returns the address, or 0 when memory cannot grow any further
 */
export function plugin_alloc(size: u32, align: u32): u32 {
  if (align > PAGE_SIZE || (align & (align - 1)) != 0) return 0;
  const need = max(size, align);
  return isSmall(need) ? takeBlock(classOf(need)) : takePages(need);
}

/** Gives back a block; `size` and `align` are those it was allocated with. Address 0 is ignored. */
export function plugin_free(ptr: u32, size: u32, align: u32): void {
  if (ptr == 0) return;
  const need = max(size, align);
  if (isSmall(need)) putBlock(ptr, classOf(need));
  else putPages(ptr, need);
}

@inline
function isSmall(need: u32): bool {
  return need <= <u32>1 << LARGEST_CLASS;
}

@inline
function classOf(need: u32): u32 {
  return need <= <u32>1 << SMALLEST_CLASS ? SMALLEST_CLASS : 32 - <u32>clz(need - 1);
}

function takeBlock(sizeClass: u32): u32 {
  const head = freeBlocks + (sizeClass << 2);
  if (load<u32>(head) == 0 && !splitPage(sizeClass)) return 0;
  const block = load<u32>(head);
  store<u32>(head, load<u32>(block));
  return block;
}

function putBlock(block: u32, sizeClass: u32): void {
  const head = freeBlocks + (sizeClass << 2);
  store<u32>(block, load<u32>(head));
  store<u32>(head, block);
}

function splitPage(sizeClass: u32): bool {
  const start = takePages(PAGE_SIZE);
  if (start == 0) return false;
  for (let offset: u32 = 0; offset < PAGE_SIZE; offset += <u32>1 << sizeClass) putBlock(start + offset, sizeClass);
  return true;
}
