// Owns the memory that the host asks for: `plugin_alloc` and `plugin_free`.
//
// What is small comes from the compiler's own allocator. What is large, or aligned more strictly than to 16 bytes, is a run of
// whole 64 KiB pages found in a bitmap: the compiler's allocator caps a block at 1 GiB, cannot align, and traps where there
// is no memory, which the host wants to be told by 0. Nothing is written into free pages: the host may have mapped a shared frame
// over them until a moment ago.

const PAGE_BITS: u32 = 16;
const PAGE_SIZE: u32 = 1 << PAGE_BITS;
const MAX_PAGES: u32 = 65536;
const MAX_SMALL: u32 = 32 * 1024;
const SMALL_ALIGN: u32 = 16;

/** One bit for each page of linear memory, set while the page is ours and free. */
const freePages: usize = memory.data(<i32>(MAX_PAGES / 8));

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
  return takePages(pagesOf(max(size, 1))) << PAGE_BITS;
}

/** Gives back a block; `size` and `align` are those it was allocated with. Address 0 is ignored. */
export function plugin_free(ptr: u32, size: u32, align: u32): void {
  if (ptr == 0) return;
  if (isSmall(size, align)) heap.free(ptr);
  else markPages(ptr >> PAGE_BITS, pagesOf(max(size, 1)), true);
}

@inline
function isSmall(size: u32, align: u32): bool {
  return size <= MAX_SMALL && align <= SMALL_ALIGN;
}

@inline
function pagesOf(size: u32): u32 {
  return ((size - 1) >> PAGE_BITS) + 1;
}

/** First fit among the free pages; a free run at the end of memory is extended by just what is missing. */
function takePages(count: u32): u32 {
  const end = <u32>memory.size();
  let run: u32 = 0;
  for (let page: u32 = 0; page < end; page++) {
    run = isFree(page) ? run + 1 : 0;
    if (run == count) {
      markPages(page + 1 - count, count, false);
      return page + 1 - count;
    }
  }
  if (end - run + count > MAX_PAGES || memory.grow(<i32>(count - run)) < 0) return 0;
  markPages(end - run, run, false);
  return end - run;
}

@inline
function isFree(page: u32): bool {
  return (load<u8>(freePages + (page >> 3)) & (1 << (page & 7))) != 0;
}

function markPages(first: u32, count: u32, free: bool): void {
  for (let page = first; page < first + count; page++) {
    const byte = freePages + (page >> 3);
    const bit = <u8>(<u32>1 << (page & 7));
    store<u8>(byte, free ? load<u8>(byte) | bit : load<u8>(byte) & ~bit);
  }
}
