// Owns the free pages of linear memory: runs of whole 64 KiB pages, found in a bitmap. Nothing is written into free pages: the
// host may have mapped a shared frame over them until a moment ago.

const PAGE_BITS: u32 = 16;
/** Bytes. */
export const PAGE_SIZE: u32 = 1 << PAGE_BITS;
const MAX_PAGES: u32 = 65536;

/** One bit for each page of linear memory, set while the page is ours and free. */
const freePages: usize = memory.data(<i32>(MAX_PAGES / 8));

/** Takes as many pages as hold a block; the address, or 0 when memory cannot grow any further. */
export function takePages(size: u32): u32 {
  return findPages(pagesOf(size)) << PAGE_BITS;
}

/** Gives back the pages of a block. */
export function putPages(ptr: u32, size: u32): void {
  markPages(ptr >> PAGE_BITS, pagesOf(size), true);
}

@inline
function pagesOf(size: u32): u32 {
  return ((size - 1) >> PAGE_BITS) + 1;
}

/** First fit among the free pages; a free run at the end of memory is extended by just what is missing. */
function findPages(count: u32): u32 {
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
