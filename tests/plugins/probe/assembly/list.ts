// The inside of a JSON array that only ever grows, in a block of memory that grows with it.

import { plugin_alloc, plugin_free } from "../../../../examples/assembly-common/memory";

export namespace List {
  /** Bytes of a list itself: address, length and capacity of its text. All zero is an empty list. */
  export const SIZE: i32 = 12;

  /** Appends one item of JSON text. */
  export function append(list: usize, item: u32, len: u32): void {
    const comma: u32 = size(list) == 0 ? 0 : 1;
    reserve(list, size(list) + comma + len);
    if (comma != 0) store<u8>(ptr(list) + size(list), 0x2c);
    memory.copy(ptr(list) + size(list) + comma, item, len);
    store<u32>(list, size(list) + comma + len, 4);
  }

  /** Forgets all items; the memory stays. */
  export function clear(list: usize): void {
    store<u32>(list, 0, 4);
  }

  export function ptr(list: usize): u32 {
    return load<u32>(list);
  }

  export function size(list: usize): u32 {
    return load<u32>(list, 4);
  }

  function reserve(list: usize, wanted: u32): void {
    const capacity = load<u32>(list, 8);
    if (wanted <= capacity) return;
    const larger = max(wanted, capacity * 2);
    const block = plugin_alloc(larger, 1);
    if (block == 0) unreachable();
    memory.copy(block, ptr(list), size(list));
    plugin_free(ptr(list), capacity, 1);
    store<u32>(list, block);
    store<u32>(list, larger, 8);
  }
}
